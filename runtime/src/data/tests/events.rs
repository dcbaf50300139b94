use proptest::prelude::*;

use super::*;

/// Writes a data file and opens it for a network that takes 2 polarities of 2 rows and 3 columns.
fn open(tensors: &[(&str, Dtype, &[usize], &[u8])], frames: usize) -> Result<Images, DataError> {
    let views = tensors
        .iter()
        .map(|(name, dtype, shape, bytes)| (*name, TensorView::new(*dtype, shape.to_vec(), bytes).unwrap()));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), safetensors::serialize(views, None).unwrap()).unwrap();
    Images::open_for(file.path(), &[2, 2, 3], frames)
}

fn i64s(values: &[i64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn i32s(values: &[i32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// A file of address events, with times of 32 bits and places of 8.
fn addresses(offset: &[i64], times: &[i32], places: &[[u8; 3]], frames: usize) -> Result<Images, DataError> {
    open(
        &[
            ("offset", Dtype::I64, &[offset.len()], &i64s(offset)),
            ("t_us", Dtype::I32, &[times.len()], &i32s(times)),
            ("xyp", Dtype::U8, &[places.len(), 3], places.as_flattened()),
        ],
        frames,
    )
}

/// The frames of a sample: element and count of what is in each.
fn frames(images: &Images, index: usize) -> Vec<Vec<(usize, u32)>> {
    let Some(Fetched::Frames(frames)) = images.fetch(index) else { panic!("no events") };
    (0..frames.len()).map(|frame| frames.frame(frame).collect()).collect()
}

#[test]
fn events_are_put_into_windows_of_equal_length() {
    // 10 us in 4 frames: windows begin at 0, 2.5, 5 and 7.5 from the first event. Elements are p * 6 + y * 3 + x.
    let times = [107, 100, 102, 103, 109, 100, 7];
    let places = [[2, 1, 1], [0, 0, 0], [0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 0], [2, 1, 0]];
    let images = addresses(&[0, 6, 6, 7], &times, &places, 4).unwrap();
    assert_eq!((images.len(), images.sample_shape()), (3, &[2, 2, 3][..]));
    assert_eq!(frames(&images, 0), [vec![(0, 3)], vec![(1, 1)], vec![(11, 1)], vec![(3, 1)]]);
    // No event at all, and a single one, which lies in the first window.
    assert_eq!(frames(&images, 1), [vec![], vec![], vec![], vec![]]);
    assert_eq!(frames(&images, 2), [vec![(5, 1)], vec![], vec![], vec![]]);
    assert!(images.fetch(3).is_none() && images.fetch(usize::MAX).is_none() && images.image(0).is_none());
    assert!(images.are_integers());
    let sample = images.fetch(0).unwrap();
    assert_eq!((sample.view().len(), sample.view().get(0), sample.view().get(12)), (12, Some(3.0), None));
}

#[test]
fn wide_times_and_places_are_read() {
    let places: Vec<u8> = [2u16, 1, 1, 0, 1, 0].iter().flat_map(|place| place.to_le_bytes()).collect();
    let images = open(
        &[
            ("offset", Dtype::I64, &[2], &i64s(&[0, 2])),
            ("t_us", Dtype::I64, &[2], &i64s(&[i64::MAX, i64::MIN])),
            ("xyp", Dtype::U16, &[2, 3], &places),
            ("labels", Dtype::U8, &[1], &[3]),
        ],
        4096,
    )
    .unwrap();
    assert_eq!(images.labels(), Some(&[3][..]));
    let found = frames(&images, 0);
    assert_eq!((&found[0], &found[4095], found.len()), (&vec![(3, 1)], &vec![(11, 1)], 4096));
}

#[test]
fn frames_of_counts_are_read() {
    let narrow: Vec<u8> = (0..48).map(|count| if count % 5 == 0 { count } else { 0 }).collect();
    let images = open(&[("frames", Dtype::U8, &[2, 2, 2, 2, 3], &narrow)], 7).unwrap();
    let expected = [vec![(1, 25), (6, 30), (11, 35)], vec![(4, 40), (9, 45)]];
    assert_eq!((images.len(), frames(&images, 1)), (2, expected.to_vec()));
    let wide: Vec<u8> = narrow.iter().flat_map(|&count| (u16::from(count) << 8).to_le_bytes()).collect();
    let images = open(&[("frames", Dtype::U16, &[2, 2, 2, 2, 3], &wide)], 1).unwrap();
    assert_eq!(frames(&images, 1)[0], [(1, 25 << 8), (6, 30 << 8), (11, 35 << 8)]);
    assert_eq!(images.fetch(1).unwrap().view().get(9), Some(f64::from(45 << 8)));
}

#[test]
fn hostile_events_are_refused_by_name() {
    let place = [[0u8, 0, 0]; 3];
    let id = |result: Result<Images, DataError>| result.unwrap_err().id();
    for offset in [&[][..], &[0], &[1, 3], &[0, 2], &[0, 4], &[0, 2, 1, 3], &[0, -1, 3], &[0, i64::MIN, 3]] {
        assert_eq!(id(addresses(offset, &[1, 2, 3], &place, 4)), "data-events", "{offset:?}");
    }
    for (far, x) in [([3, 0, 0], "x = 3"), ([0, 2, 0], "y = 2"), ([0, 0, 2], "p = 2"), ([255; 3], "x = 255")]
    {
        let error = addresses(&[0, 1, 1, 3], &[1, 2, 3], &[place[0], far, place[0]], 4).unwrap_err();
        assert_eq!(error.id(), "data-event-place");
        assert!(matches!(error, DataError::EventPlace { event: 1, sample: 2, .. }), "{error:?}");
        assert!(error.to_string().contains(x), "{error}");
    }
    assert_eq!(id(addresses(&[0, 3], &[1, 2], &place, 4)), "data-events");

    let offset = ("offset", Dtype::I64, &[2][..], &i64s(&[0, 1])[..]);
    let time = ("t_us", Dtype::I32, &[1][..], &i32s(&[5])[..]);
    let place = ("xyp", Dtype::U8, &[1, 3][..], &[0, 0, 0][..]);
    assert!(open(&[offset, time, place], 1).is_ok());
    let nan = f32::NAN.to_le_bytes();
    for broken in [
        [("offset", Dtype::I32, &[2][..], &i32s(&[0, 1])[..]), time, place],
        [offset, ("t_us", Dtype::F32, &[1], &nan), place],
        [offset, time, ("xyp", Dtype::I8, &[1, 3], &[0, 0, 0])],
    ] {
        assert_eq!(id(open(&broken, 1)), "data-type");
    }
    for broken in [
        [("offset", Dtype::I64, &[1, 2][..], &i64s(&[0, 1])[..]), time, place],
        [offset, ("t_us", Dtype::I32, &[1, 1], &i32s(&[5])), place],
        [offset, time, ("xyp", Dtype::U8, &[3, 1], &[0, 0, 0])],
        [offset, time, ("xyp", Dtype::U8, &[3], &[0, 0, 0])],
    ] {
        assert_eq!(id(open(&broken, 1)), "data-events");
    }
    // Without one of them there are no events.
    assert_eq!(id(open(&[offset, time], 1)), "data-no-images");
    assert_eq!(
        id(open(&[offset, time, place, ("images", Dtype::U8, &[1, 2, 2, 3], &[0; 12])], 1)),
        "data-events"
    );

    let frames = |dtype, shape: &[usize], bytes: &[u8]| id(open(&[("frames", dtype, shape, bytes)], 1));
    assert_eq!(frames(Dtype::F32, &[1, 1, 2, 2, 3], &[0; 48]), "data-type");
    assert_eq!(frames(Dtype::U8, &[1, 1], &[0]), "data-events");
    assert_eq!(frames(Dtype::U8, &[1, 0, 2, 2, 3], &[]), "data-events");
    assert_eq!(frames(Dtype::U8, &[1, 1, 2, 2, 2], &[0; 8]), "data-shape");
}

#[test]
fn events_that_a_network_cannot_have_are_refused() {
    let view = |counts: &[Vec<u16>]| Frames::from_counts(counts);
    let of = |frames: &Frames| ImageView::Frames(frames).expect_counts(7, 2, 9).map_err(|error| error.id());
    assert_eq!(of(&view(&[vec![9, 0], vec![0, 9]])), Ok(()));
    assert_eq!(of(&view(&[vec![0, 10]])), Err("data-counts"));
    assert_eq!(of(&view(&[vec![0, 0], vec![0, 0], vec![0, 0]])), Err("data-frames"));
    let pixels =
        |pixel: f32| ImageView::F32(&[1.0, pixel]).expect_counts(7, 1, 9).map_err(|error| error.id());
    assert_eq!((pixels(0.0), pixels(9.0)), (Ok(()), Ok(())));
    for wrong in [0.5, -1.0, 10.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert_eq!(pixels(wrong), Err("data-counts"), "{wrong}");
    }
    assert_eq!(ImageView::U8(&[10]).expect_counts(7, 1, 9).map_err(|error| error.id()), Err("data-counts"));
    assert_eq!(Images::from_frames(vec![2], vec![view(&[])], None).unwrap_err().id(), "data-empty");
    let ragged = vec![view(&[vec![0; 3]]), view(&[vec![0; 1]])];
    assert_eq!(Images::from_frames(vec![2], ragged, None).unwrap_err().id(), "data-shape");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Every event is in one frame, and in no earlier one than an event before it.
    #[test]
    fn frames_keep_every_event_and_their_order(
        times in prop::collection::vec(any::<i32>(), 1..60),
        place in prop::collection::vec((0..3u8, 0..2u8, 0..2u8), 60),
        count in 1..40usize,
    ) {
        let places: Vec<[u8; 3]> = place.iter().take(times.len()).map(|&(x, y, p)| [x, y, p]).collect();
        let images = addresses(&[0, times.len() as i64], &times, &places, count).unwrap();
        let Some(Fetched::Frames(frames)) = images.fetch(0) else { panic!("no events") };
        prop_assert_eq!(frames.len(), count);
        prop_assert_eq!(frames.totals().iter().sum::<u64>(), times.len() as u64);
        let (first, last) = (i64::from(*times.iter().min().unwrap()), i64::from(*times.iter().max().unwrap()));
        let mut expected = vec![vec![0u16; 12]; count];
        for (&time, [x, y, p]) in times.iter().zip(&places) {
            // The largest frame that begins at the event or before it.
            let begins = |frame: &usize| {
                (*frame as i64) * (last - first + 1) <= (i64::from(time) - first) * count as i64
            };
            let frame = (0..count).rev().find(begins).unwrap();
            expected[frame][usize::from(p * 6 + y * 3 + x)] += 1;
        }
        prop_assert_eq!(frames, Frames::from_counts(&expected));
    }
}
