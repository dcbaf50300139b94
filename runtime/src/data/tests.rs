use std::collections::HashMap;

use safetensors::tensor::TensorView;

use super::*;

mod events;

/// Writes a data file with the given tensors and opens it.
fn open(tensors: &[(&str, Dtype, &[usize], &[u8])]) -> Result<Images, DataError> {
    let views = tensors
        .iter()
        .map(|(name, dtype, shape, bytes)| (*name, TensorView::new(*dtype, shape.to_vec(), bytes).unwrap()));
    open_bytes(&safetensors::serialize(views, None::<HashMap<String, String>>).unwrap())
}

fn open_bytes(bytes: &[u8]) -> Result<Images, DataError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    Images::open(file.path())
}

fn f32_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

#[test]
fn images_and_labels_are_read() {
    let pixels: Vec<u8> = (0..12).collect();
    let images =
        open(&[("images", Dtype::U8, &[3, 1, 2, 2], &pixels), ("labels", Dtype::U8, &[3], &[7, 0, 255])])
            .unwrap();
    assert_eq!((images.len(), images.sample_shape()), (3, &[1, 2, 2][..]));
    assert_eq!(images.labels(), Some(&[7, 0, 255][..]));
    assert_eq!(images.image(1), Some(ImageView::U8(&[4, 5, 6, 7])));
    assert_eq!(images.image(3), None);
    assert_eq!(images.image(usize::MAX), None);
    assert!(images.expect_sample_shape(&[1, 2, 2]).is_ok());
    assert_eq!(images.expect_sample_shape(&[4]).unwrap_err().id(), "data-shape");
}

#[test]
fn floats_and_wide_labels_are_read() {
    let pixels = f32_bytes(&[0.5, -1.0, 3.0, 1e-30]);
    let labels: Vec<u8> = [-1i32, 9].iter().flat_map(|label| label.to_le_bytes()).collect();
    let images =
        open(&[("images", Dtype::F32, &[2, 2], &pixels), ("labels", Dtype::I32, &[2], &labels)]).unwrap();
    assert_eq!(images.image(1), Some(ImageView::F32(&[3.0, 1e-30])));
    assert_eq!(images.labels(), Some(&[-1, 9][..]));
    let labels: Vec<u8> = [1i64 << 40, 2].iter().flat_map(|label| label.to_le_bytes()).collect();
    let images =
        open(&[("images", Dtype::F32, &[2, 2], &pixels), ("labels", Dtype::I64, &[2], &labels)]).unwrap();
    assert_eq!(images.labels(), Some(&[1 << 40, 2][..]));
    assert_eq!(images.image(0).and_then(|image| image.get(0)), Some(0.5));
}

#[test]
fn floats_at_an_odd_address_are_copied() {
    let header = r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"images":{"dtype":"F32","shape":[1,2],"data_offsets":[1,9]}}"#;
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    file.push(0);
    file.extend(f32_bytes(&[1.5, -2.5]));
    assert_eq!(open_bytes(&file).unwrap().image(0), Some(ImageView::F32(&[1.5, -2.5])));
}

#[test]
fn bad_files_are_refused_by_name() {
    let nan = f32_bytes(&[0.0, 0.0, 0.0, f32::NAN]);
    let infinite = f32_bytes(&[f32::INFINITY, 0.0]);
    let id = |tensors: &[(&str, Dtype, &[usize], &[u8])]| open(tensors).unwrap_err().id();
    assert_eq!(id(&[("pixels", Dtype::U8, &[1, 1], &[0])]), "data-no-images");
    assert_eq!(id(&[("images", Dtype::U8, &[2], &[0, 0])]), "data-rank");
    assert_eq!(id(&[("images", Dtype::U8, &[], &[0])]), "data-rank");
    assert_eq!(id(&[("images", Dtype::U8, &[0, 3], &[])]), "data-empty");
    assert_eq!(id(&[("images", Dtype::U8, &[3, 0], &[])]), "data-empty");
    assert_eq!(id(&[("images", Dtype::I16, &[1, 1], &[0, 0])]), "data-type");
    assert_eq!(id(&[("images", Dtype::F32, &[2, 2], &nan)]), "data-not-finite");
    assert_eq!(id(&[("images", Dtype::F32, &[1, 2], &infinite)]), "data-not-finite");
    let images = ("images", Dtype::U8, &[2, 1][..], &[0, 0][..]);
    assert_eq!(id(&[images, ("labels", Dtype::U8, &[1], &[0])]), "data-labels");
    for labels in [("labels", Dtype::U8, &[2, 1][..], &[0, 0][..]), ("labels", Dtype::F32, &[2], &[0; 8])] {
        let found = open(&[images, labels]).unwrap();
        assert_eq!(found.labels(), None);
        assert!(found.ignored_labels().unwrap().contains("not used"));
    }
    assert_eq!(open_bytes(b"P5 28 28 255 and so on").unwrap_err().id(), "data-not-safetensors");
    assert_eq!(open_bytes(b"").unwrap_err().id(), "data-truncated");
    assert_eq!(Images::open("no/such/file").unwrap_err().id(), "data-io");
    assert_eq!(Images::open(".").unwrap_err().id(), "data-io");
}

#[test]
fn the_first_image_that_is_not_finite_is_named() {
    let error = Images::from_f32(vec![2], vec![0.0, 1.0, 2.0, f32::NEG_INFINITY], None).unwrap_err();
    assert!(matches!(error, DataError::NotFinite { image: 1 }), "{error}");
}

#[test]
fn every_cut_is_an_error() {
    let view = TensorView::new(Dtype::U8, vec![4, 2], &[9; 8]).unwrap();
    let bytes = safetensors::serialize([("images", view)], None).unwrap();
    assert!(open_bytes(&bytes).is_ok());
    for length in 0..bytes.len() {
        assert_eq!(open_bytes(&bytes[..length]).unwrap_err().id(), "data-truncated", "{length} bytes");
    }
}

#[test]
fn pixels_in_memory_fill_whole_samples() {
    assert_eq!(Images::from_u8(vec![2], vec![0; 5], None).unwrap_err().id(), "data-shape");
    assert_eq!(Images::from_u8(vec![2], vec![], None).unwrap_err().id(), "data-empty");
    assert_eq!(Images::from_u8(vec![0], vec![1], None).unwrap_err().id(), "data-shape");
    assert_eq!(Images::from_u8(vec![2, 1], vec![0; 4], Some(vec![1, 2])).unwrap().len(), 2);
}
