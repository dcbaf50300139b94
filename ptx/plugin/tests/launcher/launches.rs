//! Launches, graphs and times.

use crate::support::{Driver, PTX, increment};
use neurocuda_runtime::gpu::{Argument, Device, DeviceError, KernelLaunch};

fn plain(blocks: u32) -> KernelLaunch {
    KernelLaunch { kernel: "plain".into(), grid: [blocks, 2, 3], block: [32, 4, 1], arguments: vec![] }
}

#[test]
fn a_launch_arrives_as_it_was_given() {
    let driver = Driver::new("");
    let mut cuda = driver.open().unwrap();
    cuda.load(PTX).unwrap();
    let mut launch = increment(0x1234_5678_9abc_def0, -2);
    (launch.grid, launch.block) = ([7, 8, 9], [64, 2, 4]);
    cuda.run(&[launch, plain(5)]).unwrap();
    let lines = driver.log();
    let launches = lines.iter().filter(|line| line.starts_with("launch ")).collect::<Vec<_>>();
    assert_eq!(
        launches,
        [
            "launch increment [7, 8, 9] [64, 2, 4] [123456789abcdef0, fffffffe]",
            "launch plain [5, 2, 3] [32, 4, 1] []"
        ]
    );
}

#[test]
fn kernels_as_llvm_writes_them_are_understood() {
    let driver = Driver::new("");
    let mut cuda = driver.open().unwrap();
    let mut launch = plain(1);
    for (kernel, text, pointers, words) in [
        ("leak", include_str!("../../../interpreter/tests/samples/leak.ptx"), 4, 3),
        ("matmul", include_str!("../../../interpreter/tests/samples/matmul.ptx"), 4, 0),
        ("reverse", include_str!("../../../interpreter/tests/samples/reverse.ptx"), 3, 0),
    ] {
        cuda.load(text).unwrap();
        let pointers = (0..pointers).map(Argument::Pointer);
        launch.arguments = pointers.chain((0..words).map(Argument::I32)).collect();
        launch.kernel = kernel.into();
        cuda.run(std::slice::from_ref(&launch)).unwrap();
        assert_eq!(driver.count(&format!("launch {kernel} ")), 1);
        launch.arguments.pop();
        cuda.run(std::slice::from_ref(&launch)).unwrap_err();
    }
}

#[test]
fn a_list_that_comes_again_becomes_a_graph() {
    let driver = Driver::new("");
    let mut cuda = driver.open().unwrap();
    cuda.load(PTX).unwrap();
    let address = cuda.allocate(64).unwrap();
    let list = [increment(address, 64), increment(address + 32, 32), plain(1)];
    let calls = || {
        (driver.count("launch "), driver.count("capture "), driver.count("graph "), driver.count("replay "))
    };
    let mut expected = Vec::new();
    for (times, seen) in [(3, 0, 0, 0), (3, 3, 1, 1), (3, 3, 1, 2), (3, 3, 1, 3)].into_iter().enumerate() {
        cuda.run(&list).unwrap();
        assert_eq!(calls(), seen, "run {times}");
        let mut data = [0; 64];
        cuda.read(address, &mut data).unwrap();
        let sum = times as u8 + 1;
        expected = [vec![sum; 32], vec![2 * sum; 32]].concat();
        assert_eq!(data, *expected);
    }
    // Lists that differ in one number are others.
    cuda.run(&[increment(address, 64), increment(address + 32, 31), plain(1)]).unwrap();
    cuda.run(&list[..2]).unwrap();
    cuda.run(&[increment(address, 64), increment(address + 32, 32), plain(2)]).unwrap();
    assert_eq!(calls(), (11, 3, 1, 3));
    assert_eq!(expected[63], 8);
    // Functions are asked for once.
    assert_eq!(driver.count("function "), 2);
}

#[test]
fn sixteen_lists_are_remembered() {
    let driver = Driver::new("");
    let mut cuda = driver.open().unwrap();
    cuda.load(PTX).unwrap();
    for round in 0..3 {
        for blocks in 1..=16 {
            cuda.run(&[plain(blocks)]).unwrap();
        }
        assert_eq!(driver.count("graph "), if round == 0 { 0 } else { 16 });
    }
    // The seventeenth takes the place of the one that was not used for the longest time.
    cuda.run(&[plain(1)]).unwrap();
    cuda.run(&[plain(17)]).unwrap();
    cuda.run(&[plain(1)]).unwrap();
    assert_eq!(driver.count("launch "), 17);
    cuda.run(&[plain(2)]).unwrap();
    assert_eq!(driver.count("launch "), 18);
    drop(cuda);
    assert_eq!(driver.log().last().unwrap(), "alive 0");
}

#[test]
fn other_kernels_make_other_graphs() {
    let driver = Driver::new("");
    let mut cuda = driver.open().unwrap();
    for graphs in [1, 2] {
        cuda.load(PTX).unwrap();
        cuda.run(&[plain(1)]).unwrap();
        cuda.run(&[plain(1)]).unwrap();
        assert_eq!(driver.count("graph "), graphs);
        assert_eq!(driver.count("function "), graphs);
    }
    assert_eq!(driver.count("unload"), 1);
}

#[test]
fn without_graphs_launches_still_run() {
    for call in ["cuStreamBeginCapture_v2", "cuStreamEndCapture", "cuGraphInstantiateWithFlags"] {
        let driver = Driver::new(&format!("{call}=900"));
        let mut cuda = driver.open().unwrap();
        cuda.load(PTX).unwrap();
        let address = cuda.allocate(16).unwrap();
        for _ in 0..4 {
            cuda.run(&[increment(address, 16)]).unwrap();
        }
        let mut data = [0; 16];
        cuda.read(address, &mut data).unwrap();
        assert_eq!(data, [4; 16], "{call}");
        assert_eq!(driver.count("launch "), 4, "{call}");
        assert!(driver.count("capture ") <= 1, "tried again: {call}");
        drop(cuda);
        assert_eq!(driver.log().last().unwrap(), "alive 0");
    }
}

#[test]
fn times_are_those_of_the_launches() {
    for settings in ["", "cuGraphInstantiateWithFlags=801", "cuEventRecordWithFlags=801", "cuGraphLaunch=801"]
    {
        let driver = Driver::new(settings);
        let mut cuda = driver.open().unwrap();
        cuda.load(PTX).unwrap();
        let address = cuda.allocate(16).unwrap();
        assert_eq!(cuda.profile(&[]).unwrap(), Vec::<f32>::new());
        // The driver's kernels take a quarter of a millisecond a block.
        let times = cuda.profile(&[plain(1), increment(address, 16), plain(2)]).unwrap();
        assert_eq!(times, [1.5, 0.5, 3.0], "{settings}");
        let mut data = [0; 16];
        cuda.read(address, &mut data).unwrap();
        assert_eq!(data, [1; 16], "run once: {settings}");
        drop(cuda);
        assert_eq!(driver.log().last().unwrap(), "alive 0");
    }
}

#[test]
fn launches_that_do_not_fit_are_refused_before_the_driver_sees_them() {
    let driver = Driver::new("");
    let mut cuda = driver.open().unwrap();
    let text = |result: Result<(), DeviceError>| result.unwrap_err().to_string();
    assert_eq!(text(cuda.run(&[plain(1)])), "gpu-failed: no kernels are loaded");
    cuda.load(PTX).unwrap();
    let with = |arguments: &[Argument]| {
        let mut launch = increment(0, 0);
        launch.arguments = arguments.to_vec();
        [launch]
    };
    for arguments in [&[][..], &[Argument::Pointer(1)], &[Argument::I32(1), Argument::I32(1)]] {
        let error = text(cuda.run(&with(arguments)));
        assert!(
            error.starts_with("gpu-failed: kernel `increment` takes (64 bits, 32 bits), and is given ("),
            "{error}"
        );
    }
    let mut launch = plain(1);
    launch.kernel = "nothing".into();
    assert_eq!(text(cuda.run(&[launch])), "gpu-failed: there is no kernel `nothing` in what was loaded");
    assert_eq!(driver.count("launch "), 0);
    let mut launch = plain(1);
    launch.block = [2048, 1, 1];
    let error = text(cuda.run(&[launch]));
    assert!(
        error.contains("kernel `plain` is not launched") && error.contains("CUDA_ERROR_INVALID_VALUE"),
        "{error}"
    );
}
