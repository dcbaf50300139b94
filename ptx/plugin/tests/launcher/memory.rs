//! Opening, memory and copies.

use crate::support::{Driver, PTX, increment, libraries};
use neurocuda_runtime::gpu::{Cuda, Device, DeviceError, Properties};
use std::thread;

/// Bytes without a period that a part of a copy could have.
fn bytes(length: usize) -> Vec<u8> {
    (0..length as u64).map(|index| (index.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

#[test]
fn a_card_says_what_it_is() {
    let driver = Driver::new("capability=90,memory=85899345920");
    let cuda = driver.open().unwrap();
    assert_eq!(cuda.describe(), "Fake 0, sm_90, 80.0 GiB, driver of CUDA 13.0");
    let properties = Properties {
        memory_bytes: 80 << 30,
        capability_major: 9,
        capability_minor: 0,
        driver_major: 13,
        driver_minor: 0,
        multiprocessors: 132,
        clock_khz: 1_980_000,
        memory_clock_khz: 2_619_000,
        memory_bus_bits: 5120,
        l2_bytes: 50 << 20,
    };
    assert_eq!(cuda.properties(), properties);
    assert_eq!(cuda.free_memory().unwrap(), 80 << 30);
}

#[test]
fn cards_are_counted_and_opened_by_index() {
    let _driver = Driver::new("devices=3");
    assert_eq!(Cuda::count_with(&libraries()).unwrap(), 3);
    assert!(Cuda::open_with(&libraries(), 2).unwrap().describe().starts_with("Fake 2, "));
    let error = Cuda::open_with(&libraries(), 3).err().unwrap();
    let text = "there is no GPU 3; the CUDA driver finds 3, counted from 0";
    assert_eq!(error, DeviceError::Failed(text.into()));
}

#[test]
fn memory_is_zeroed_aligned_and_freed() {
    let driver = Driver::new("memory=100000");
    let mut cuda = driver.open().unwrap();
    for length in [0, 1, 255, 3000] {
        let address = cuda.allocate(length).unwrap();
        assert_eq!(address % 256, 0);
        let mut data = vec![7; length as usize];
        cuda.read(address, &mut data).unwrap();
        assert!(data.iter().all(|&byte| byte == 0));
    }
    let before = cuda.free_memory().unwrap();
    let address = cuda.allocate(5000).unwrap();
    assert_eq!(cuda.free_memory().unwrap(), before - 5000);
    cuda.free(address).unwrap();
    assert_eq!(cuda.free_memory().unwrap(), before);
    assert!(matches!(cuda.free(address), Err(DeviceError::Failed(_))), "freed twice");
}

#[test]
fn what_is_written_is_read() {
    const PART: usize = 1 << 20;
    let driver = Driver::new("");
    let mut cuda = driver.open().unwrap();
    let address = cuda.allocate(20 * PART as u64).unwrap();
    for length in [0, 1, 1000, PART - 1, PART, PART + 1, 4 * PART, 4 * PART + 3, 5 * PART, 17 * PART + 12345]
    {
        let data = bytes(length);
        cuda.write(address + 5, &data).unwrap();
        let mut back = vec![0; length];
        cuda.read(address + 5, &mut back).unwrap();
        assert!(back == data, "{length} bytes are not the same");
    }
}

#[test]
fn copies_and_launches_keep_their_order() {
    let driver = Driver::new("");
    let mut cuda = driver.open().unwrap();
    cuda.load(PTX).unwrap();
    let length = 3 << 20;
    let (first, second) = (cuda.allocate(length).unwrap(), cuda.allocate(length).unwrap());
    let data = bytes(length as usize);
    let add = |data: &[u8], sum: u8| data.iter().map(|byte| byte.wrapping_add(sum)).collect::<Vec<_>>();
    cuda.write(first, &data).unwrap();
    cuda.run(&[increment(first, length as i32)]).unwrap();
    cuda.write(second, &data).unwrap();
    // Overwritten after the launch, which must not see it.
    let mut back = vec![0; data.len()];
    cuda.run(&[increment(second, length as i32), increment(first, length as i32)]).unwrap();
    cuda.read(first, &mut back).unwrap();
    assert!(back == add(&data, 2));
    cuda.write(first, &data).unwrap();
    cuda.read(second, &mut back).unwrap();
    assert!(back == add(&data, 1));
    cuda.read(first, &mut back).unwrap();
    assert!(back == data);
}

#[test]
fn a_card_goes_to_another_thread_and_leaves_nothing_behind() {
    let driver = Driver::new("");
    let mut cuda = driver.open().unwrap();
    let before = driver.log();
    assert!(before.last().is_some_and(|line| line != "alive 0"), "{before:?}");
    thread::spawn(move || {
        cuda.load(PTX).unwrap();
        let address = cuda.allocate(100).unwrap();
        for _ in 0..3 {
            cuda.run(&[increment(address, 100)]).unwrap();
        }
        let mut back = [0; 100];
        cuda.read(address, &mut back).unwrap();
        assert_eq!(back, [3; 100]);
        cuda.free(address).unwrap();
    })
    .join()
    .unwrap();
    assert_eq!(driver.log().last().unwrap(), "alive 0");
}
