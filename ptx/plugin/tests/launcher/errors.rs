//! What is said when something is missing or fails.

use crate::support::{Driver, PTX, increment, libraries};
use neurocuda_runtime::gpu::{Cuda, Device, DeviceError, Libraries};
use std::{env, fs, process::Command};

fn refused(settings: &str) -> DeviceError {
    Driver::new(settings).open().err().unwrap()
}

fn load(settings: &str, ptx: &str) -> DeviceError {
    Driver::new(settings).open().unwrap().load(ptx).unwrap_err()
}

#[test]
fn drivers_without_a_card_or_out_of_step_are_driver_errors() {
    for settings in ["devices=0", "cuInit=100", "cuInit=34", "cuInit=803", "cuDevicePrimaryCtxRetain=804"] {
        let error = refused(settings);
        assert!(matches!(error, DeviceError::Driver(_)), "{settings}: {error}");
    }
    let error = refused("devices=0").to_string();
    assert_eq!(
        error,
        "gpu-driver: the CUDA driver does not start: CUDA_ERROR_NO_DEVICE (no CUDA-capable device is detected); \
         update the driver, or run with --backend cpu"
    );
}

#[test]
fn statuses_that_nobody_knows_have_their_number() {
    let error = refused("cuInit=987");
    assert_eq!(error, DeviceError::Failed("the CUDA driver does not start: CUDA error 987".into()));
}

#[test]
fn a_card_that_is_full_says_so() {
    let error = refused("cuDevicePrimaryCtxRetain=2").to_string();
    assert!(error.starts_with("gpu-failed: GPU 0 has no memory left for a context"), "{error}");
    let driver = Driver::new("memory=10000");
    let mut cuda = driver.open().unwrap();
    cuda.allocate(4000).unwrap();
    let error = cuda.allocate(6001).unwrap_err();
    assert_eq!(error, DeviceError::Memory { needed: 6001, free: 6000 });
    assert_eq!(cuda.allocate(u64::MAX).unwrap_err(), DeviceError::Memory { needed: u64::MAX, free: 6000 });
    cuda.allocate(6000).unwrap();
}

#[test]
fn kernels_for_another_card_are_refused() {
    let on = |capability: u32, target: &str| {
        let driver = Driver::new(&format!("capability={capability}"));
        driver.open().unwrap().load(&PTX.replace("sm_80", target))
    };
    for (capability, target) in [
        (80, "sm_80"),
        (90, "sm_80"),
        (120, "sm_80"),
        (90, "sm_90a"),
        (103, "sm_100f"),
        (120, "sm_90, debug"),
    ] {
        on(capability, target).unwrap();
    }
    for (capability, target) in
        [(75, "sm_80"), (100, "sm_90a"), (80, "sm_90a"), (120, "sm_100f"), (90, "sm_100")]
    {
        let text = format!("the kernels are for {target}, and the card is sm_{capability}");
        assert_eq!(on(capability, target).unwrap_err(), DeviceError::Architecture(text));
    }
    assert!(matches!(load("cuModuleLoadDataEx=209", PTX), DeviceError::Architecture(_)));
}

#[test]
fn kernels_for_a_newer_driver_are_refused() {
    let error = load("driver=11040,cuModuleLoadDataEx=222", PTX);
    let text = "the kernels are PTX 8.0, which is too new for a driver of CUDA 11.4";
    assert_eq!(error, DeviceError::Driver(text.into()));
    assert!(matches!(load("cuModuleLoadDataEx=221", PTX), DeviceError::Driver(_)));
}

#[test]
fn what_the_drivers_compiler_says_is_passed_on() {
    let error = load("", "no PTX at all").to_string();
    assert_eq!(
        error,
        "gpu-failed: the driver does not compile the kernels, and says \
         `ptxas fatal : Unresolved extern function 'nowhere'`: CUDA_ERROR_INVALID_PTX (a PTX JIT compilation failed)"
    );
    let error = load("", "zero \0 inside").to_string();
    assert_eq!(error, "gpu-failed: the kernels are no text: there is a zero");
}

#[test]
fn what_fails_later_is_told_later() {
    let driver = Driver::new("");
    let mut cuda = driver.open().unwrap();
    cuda.load(PTX).unwrap();
    cuda.run(&[increment(0x10, 4)]).unwrap();
    let error = cuda.synchronize().unwrap_err().to_string();
    assert_eq!(
        error,
        "gpu-failed: an earlier launch or copy failed: \
         CUDA_ERROR_ILLEGAL_ADDRESS (an illegal memory access was encountered)"
    );
    let mut data = [0; 4];
    assert!(matches!(cuda.read(0x10, &mut data), Err(DeviceError::Failed(_))));
    // A status that the bindings do not know keeps its name.
    let driver = {
        drop((cuda, driver));
        Driver::new("cuStreamSynchronize=721")
    };
    let error = driver.open().unwrap().synchronize().unwrap_err().to_string();
    assert!(error.contains("CUDA_ERROR_TENSOR_MEMORY_LEAK"), "{error}");
}

#[test]
fn libraries_that_do_not_open_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let count = |libraries: &Libraries| Cuda::count_with(libraries).unwrap_err();
    let nowhere = Libraries { driver: "libcuda-that-is-not.so.1".into(), ..libraries() };
    let text = "no CUDA driver (libcuda-that-is-not.so.1) on this machine";
    assert_eq!(count(&nowhere), DeviceError::NoDriver(text.into()));
    let damaged = folder.path().join("libcuda.so.1");
    fs::write(&damaged, "no library").unwrap();
    let error = count(&Libraries { driver: damaged.clone(), ..libraries() }).to_string();
    assert!(
        error.starts_with("gpu-no-driver: no CUDA driver (") && error.contains(" on this machine: "),
        "{error}"
    );
    let _driver = Driver::new("");
    let error = count(&Libraries { plugin: damaged, ..libraries() }).to_string();
    assert!(
        error.starts_with("gpu-no-driver: the launcher ") && error.contains(" does not open: "),
        "{error}"
    );
    // A library that is no launcher.
    let error = count(&Libraries { plugin: libraries().driver, ..libraries() }).to_string();
    assert!(error.contains("neurocuda_cuda_interface"), "{error}");
}

/// What a process of its own says, which has opened no driver yet: [`says_what_the_environment_gives`].
fn in_a_process(driver: &str) -> String {
    let program = env::current_exe().unwrap();
    let arguments = ["--exact", "errors::says_what_the_environment_gives", "--ignored", "--nocapture"];
    let run = Command::new(program).args(arguments).env("NEUROCUDA_LIBCUDA", driver).output().unwrap();
    String::from_utf8(run.stdout).unwrap()
}

#[test]
#[ignore = "run by other tests"]
fn says_what_the_environment_gives() {
    match Cuda::count() {
        Ok(count) => println!("GPUs: {count}"),
        Err(error) => println!("{error}"),
    }
}

#[test]
fn a_driver_that_lacks_functions_is_too_old() {
    // The mathematical library stands for a driver that has none of them.
    let said = in_a_process("libm.so.6");
    assert!(said.contains("gpu-driver: the CUDA driver lacks what the launcher needs ("), "{said}");
    assert!(said.contains("undefined symbol: cu"), "{said}");
}

#[test]
fn the_driver_of_the_environment_is_opened() {
    let said = in_a_process(&libraries().driver.to_string_lossy());
    assert!(said.contains("GPUs: 1"), "{said}");
    let said = in_a_process("libcuda-that-is-not.so.1");
    assert!(said.contains("gpu-no-driver: "), "{said}");
}
