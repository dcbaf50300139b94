//! The launcher on the driver that is none.

use libloading::os::unix::Library;
use neurocuda_runtime::gpu::{Address, Argument, Cuda, DeviceError, KernelLaunch, Libraries};
use std::{
    env,
    ffi::{CString, c_char},
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Kernels for the driver that is none; it runs `increment`.
pub const PTX: &str = "// A comment with .entry nothing( in it.
.version 8.0
.target sm_80
.address_size 64

	// .globl	increment
.visible .entry increment(
	.param .u64 .ptr .global .align 16 increment_param_0,
	.param .u32 increment_param_1
)
.maxntid 128
{
	ret;
}
.visible .entry plain()
{
	ret;
}
";

/// A library that was built with this test.
pub fn library(name: &str) -> PathBuf {
    env::current_exe().unwrap().with_file_name(name)
}

/// The launcher and the driver that is none.
pub fn libraries() -> Libraries {
    Libraries { driver: library("libneurocuda_fake_cuda.so"), plugin: library("libneurocuda_cuda.so") }
}

/// The driver that is none. There is one in the process, so tests take turns.
pub struct Driver {
    library: Library,
    _turn: MutexGuard<'static, ()>,
}

impl Driver {
    /// As the settings say, with nothing in it.
    pub fn new(settings: &str) -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: its initialisers are those of Rust's standard library.
        let library = unsafe { Library::new(library("libneurocuda_fake_cuda.so")) }.unwrap();
        let driver = Self { library, _turn: turn };
        let text = CString::new(settings).unwrap();
        // SAFETY: the function has this type, and the text ends with a zero.
        unsafe {
            let configure =
                driver.library.get::<unsafe extern "C" fn(*const c_char)>("fake_cuda_configure").unwrap();
            configure(text.as_ptr());
        }
        driver
    }

    /// What was called, and at the end what is alive.
    pub fn log(&self) -> Vec<String> {
        let mut text = vec![0; 1 << 20];
        // SAFETY: the function has this type, and the text is as long as it says.
        let length = unsafe {
            let log =
                self.library.get::<unsafe extern "C" fn(*mut u8, usize) -> usize>("fake_cuda_log").unwrap();
            log(text.as_mut_ptr(), text.len())
        };
        text.truncate(length);
        String::from_utf8(text).unwrap().lines().map(str::to_owned).collect()
    }

    /// Opens GPU 0.
    pub fn open(&self) -> Result<Cuda, DeviceError> {
        Cuda::open_with(&libraries(), 0)
    }

    /// How often a line was logged.
    pub fn count(&self, start: &str) -> usize {
        self.log().iter().filter(|line| line.starts_with(start)).count()
    }
}

/// A launch that adds 1 to each of `length` bytes.
pub fn increment(address: Address, length: i32) -> KernelLaunch {
    KernelLaunch {
        kernel: "increment".into(),
        grid: [2, 1, 1],
        block: [128, 1, 1],
        arguments: vec![Argument::Pointer(address), Argument::I32(length)],
    }
}
