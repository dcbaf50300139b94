//! Any sequence of calls does what it would do one call after the other.

use crate::support::{Driver, PTX, increment};
use neurocuda_runtime::gpu::Device;
use proptest::prelude::*;
use std::ops::Range;

/// Bytes of each of the two buffers: several parts of a copy.
const SIZE: usize = 6 << 20;

#[derive(Clone, Debug)]
enum Call {
    Write {
        buffer: usize,
        range: Range<usize>,
        value: u8,
    },
    Read {
        buffer: usize,
        range: Range<usize>,
    },
    /// Launches, one of a few lists, so that they come again.
    Run {
        list: usize,
    },
    Synchronize,
    Load,
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let range = || (0..SIZE, 0..SIZE).prop_map(|(a, b)| a.min(b)..a.max(b));
    let call = prop_oneof![
        4 => (0..2_usize, range(), any::<u8>())
            .prop_map(|(buffer, range, value)| Call::Write { buffer, range, value }),
        2 => (0..2_usize, range()).prop_map(|(buffer, range)| Call::Read { buffer, range }),
        6 => (0..3_usize).prop_map(|list| Call::Run { list }),
        1 => Just(Call::Synchronize),
        1 => Just(Call::Load),
    ];
    prop::collection::vec(call, 1..24)
}

/// What the launches of a list add 1 to: buffer and range.
fn list(index: usize) -> Vec<(usize, Range<usize>)> {
    match index {
        0 => vec![(0, 0..SIZE)],
        1 => vec![(1, 5..1 << 20), (0, 3..4)],
        _ => vec![(0, 1 << 20..3 << 20), (1, 0..SIZE), (0, 100..5 << 20)],
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn calls_act_in_their_order(calls in calls()) {
        let driver = Driver::new("");
        let mut cuda = driver.open().unwrap();
        cuda.load(PTX).unwrap();
        let addresses = [0; 2].map(|_| cuda.allocate(SIZE as u64).unwrap());
        let mut expected = vec![vec![0_u8; SIZE]; 2];
        for call in calls {
            match call {
                Call::Write { buffer, range, value } => {
                    let data = range.clone().map(|index| (index as u8).wrapping_mul(value)).collect::<Vec<_>>();
                    cuda.write(addresses[buffer] + range.start as u64, &data).unwrap();
                    expected[buffer][range].copy_from_slice(&data);
                }
                Call::Read { buffer, range } => {
                    let mut data = vec![0xee; range.len()];
                    cuda.read(addresses[buffer] + range.start as u64, &mut data).unwrap();
                    prop_assert!(data == expected[buffer][range]);
                }
                Call::Run { list: index } => {
                    let list = list(index);
                    let launch = |(buffer, range): &(usize, Range<usize>)| {
                        increment(addresses[*buffer] + range.start as u64, range.len() as i32)
                    };
                    cuda.run(&list.iter().map(launch).collect::<Vec<_>>()).unwrap();
                    for (buffer, range) in list {
                        expected[buffer][range].iter_mut().for_each(|byte| *byte = byte.wrapping_add(1));
                    }
                }
                Call::Synchronize => cuda.synchronize().unwrap(),
                Call::Load => cuda.load(PTX).unwrap(),
            }
        }
        for (address, expected) in addresses.into_iter().zip(expected) {
            let mut data = vec![0; SIZE];
            cuda.read(address, &mut data).unwrap();
            prop_assert!(data == expected);
        }
    }
}
