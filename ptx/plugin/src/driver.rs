//! Calls of the driver, and what their status codes mean.

use cust::{error::CudaError, sys};
use neurocuda_cuda_abi::{Report, Status};
use std::{ffi::CStr, os::raw::c_char, ptr};

/// A status of the driver other than success, as its number: drivers give statuses that are newer than the bindings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(pub u32);

impl Code {
    pub const OUT_OF_MEMORY: Self = Self(2);
    pub const NO_BINARY_FOR_GPU: Self = Self(209);
    pub const UNSUPPORTED_PTX_VERSION: Self = Self(222);
    pub const NOT_FOUND: Self = Self(500);

    /// Statuses that another driver, or a driver at all, would mend: stub library, insufficient driver, newer driver required,
    /// no device, JIT compiler not found, unsupported PTX version, driver and kernel module that differ, and a driver
    /// of forward compatibility that the card does not allow.
    const OF_THE_DRIVER: [u32; 8] = [34, 35, 36, 100, 221, 222, 803, 804];

    /// Name and text that the driver has for it.
    pub fn text(self) -> String {
        let name = lookup(self, sys::cuGetErrorName);
        let text = lookup(self, sys::cuGetErrorString);
        match (name, text) {
            (Some(name), Some(text)) => format!("{name} ({text})"),
            _ => format!("CUDA error {}", self.0),
        }
    }

    /// The failure, met while doing `what`.
    pub fn during(self, what: &str) -> Failure {
        let text = format!("{what}: {}", self.text());
        match self {
            Self::NO_BINARY_FOR_GPU => Failure::Architecture(text),
            Self(code) if Self::OF_THE_DRIVER.contains(&code) => Failure::Driver(text),
            _ => Failure::Failed(text),
        }
    }
}

impl From<CudaError> for Code {
    fn from(error: CudaError) -> Self {
        Self(error as u32)
    }
}

type Lookup = unsafe extern "C" fn(sys::CUresult, *mut *const c_char) -> sys::CUresult;

fn lookup(code: Code, function: Lookup) -> Option<String> {
    // SAFETY: the C function takes and gives an `unsigned int`. The bindings' enum of it does not have all its values.
    let function: unsafe extern "C" fn(u32, *mut *const c_char) -> u32 =
        unsafe { std::mem::transmute(function) };
    let mut text = ptr::null();
    // SAFETY: the driver writes a pointer to a constant text, or null for a number it does not know.
    let status = unsafe { function(code.0, &mut text) };
    // SAFETY: such a text ends with a zero.
    (status == 0 && !text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}

/// Why a call does not do what it is asked for.
#[derive(Debug)]
pub enum Failure {
    /// See [`Status::Driver`].
    Driver(String),
    /// See [`Status::Architecture`].
    Architecture(String),
    /// See [`Status::Memory`].
    Memory { needed: u64, free: u64 },
    /// See [`Status::Failed`].
    Failed(String),
}

impl Failure {
    /// Writes it into the caller's report.
    pub fn write(&self, report: &mut Report) -> Status {
        match self {
            Self::Driver(text) => {
                report.set_text(text);
                Status::Driver
            }
            Self::Architecture(text) => {
                report.set_text(text);
                Status::Architecture
            }
            Self::Memory { needed, free } => {
                (report.needed, report.free) = (*needed, *free);
                Status::Memory
            }
            Self::Failed(text) => {
                report.set_text(text);
                Status::Failed
            }
        }
    }
}

/// A function of the bindings, with the status as a number.
pub trait Raw {
    /// The same function pointer, giving a number.
    type Function;

    /// The same function, giving a number.
    fn raw(self) -> Self::Function;
}

macro_rules! raw {
    ($($parameter:ident)*) => {
        impl<$($parameter),*> Raw for unsafe extern "C" fn($($parameter),*) -> sys::CUresult {
            type Function = unsafe extern "C" fn($($parameter),*) -> u32;

            fn raw(self) -> Self::Function {
                // SAFETY: the C function gives an `unsigned int`. The bindings' enum of it does not have all its values.
                unsafe { std::mem::transmute(self) }
            }
        }
    };
}

raw!(A);
raw!(A B);
raw!(A B C);
raw!(A B C D);
raw!(A B C D E);
raw!(A B C D E F G H I J K);

/// The status as a result.
pub fn check(status: u32) -> Result<(), Code> {
    if status == 0 { Ok(()) } else { Err(Code(status)) }
}

/// Calls a function of `cust::sys`, which makes the call unsafe: `Result<(), Code>`.
macro_rules! call {
    (@any $argument:expr) => { _ };
    ($function:ident($($argument:expr),* $(,)?)) => {{
        let function: unsafe extern "C" fn($($crate::driver::call!(@any $argument)),*) -> cust::sys::CUresult =
            cust::sys::$function;
        $crate::driver::check($crate::driver::Raw::raw(function)($($argument),*))
    }};
}
pub(crate) use call;
