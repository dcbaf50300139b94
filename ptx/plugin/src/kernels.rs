//! The kernels of a PTX text.

use crate::{
    driver::{Code, Failure, call},
    header::{Header, Signatures},
    launch::View,
};
use cust::{
    stream::Stream,
    sys::{CUfunction, CUjit_option, CUmodule},
};
use neurocuda_cuda_abi::{Argument, Kind, Properties};
use std::{
    collections::HashMap,
    ffi::{CStr, CString, c_void},
    ptr,
};

/// Bytes for what the driver's compiler says of a text.
const LOG: usize = 6000;

struct Kernel {
    function: CUfunction,
    parameters: Vec<Option<Kind>>,
}

/// A module of kernels in the current context.
pub struct Kernels {
    module: CUmodule,
    signatures: Signatures,
    found: HashMap<String, Kernel>,
}

impl Kernels {
    /// Compiles a PTX text for the card.
    pub fn load(ptx: &str, properties: &Properties) -> Result<Self, Failure> {
        let header = Header::of(ptx);
        if let Some(text) = header.misfit(properties.capability_major, properties.capability_minor) {
            return Err(Failure::Architecture(text));
        }
        let image = CString::new(ptx)
            .map_err(|_| Failure::Failed("the kernels are no text: there is a zero".into()))?;
        let mut log = [0_u8; LOG];
        // Numbers are passed in the place of a pointer here, not behind one.
        let mut options =
            [CUjit_option::CU_JIT_ERROR_LOG_BUFFER, CUjit_option::CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES];
        let mut values = [log.as_mut_ptr().cast::<c_void>(), ptr::without_provenance_mut(LOG)];
        let mut module = ptr::null_mut();
        // SAFETY: the text ends with a zero; the log is as long as the option says and outlives the call.
        let loaded = unsafe {
            call!(cuModuleLoadDataEx(
                &mut module,
                image.as_ptr().cast(),
                options.len() as u32,
                options.as_mut_ptr(),
                values.as_mut_ptr()
            ))
        };
        match loaded {
            Ok(()) => Ok(Self { module, signatures: Signatures::of(ptx), found: HashMap::new() }),
            Err(Code::UNSUPPORTED_PTX_VERSION) => Err(Failure::Driver(format!(
                "the kernels are PTX {}, which is too new for a driver of CUDA {}.{}",
                header.version, properties.driver_major, properties.driver_minor
            ))),
            Err(Code::OUT_OF_MEMORY) => {
                Err(Failure::Failed("there is no memory on the GPU for the kernels".into()))
            }
            Err(code) => {
                let what = match CStr::from_bytes_until_nul(&log).ok().map(CStr::to_string_lossy) {
                    Some(said) if !said.trim().is_empty() => {
                        format!("the driver does not compile the kernels, and says `{}`", said.trim())
                    }
                    _ => "the driver does not load the kernels".into(),
                };
                Err(code.during(&what))
            }
        }
    }

    fn find(&mut self, name: &str) -> Result<&Kernel, Failure> {
        // Asked twice for the sake of the borrow checker, which does not see that a kernel found is returned.
        if !self.found.contains_key(name) {
            let kernel = self.look_up(name)?;
            self.found.insert(name.to_owned(), kernel);
        }
        self.found.get(name).ok_or_else(|| missing(name))
    }

    fn look_up(&self, name: &str) -> Result<Kernel, Failure> {
        let parameters = self.signatures.get(name).ok_or_else(|| missing(name))?.clone();
        let text = CString::new(name).map_err(|_| missing(name))?;
        let mut function = ptr::null_mut();
        // SAFETY: the module is loaded, the name ends with a zero, and the function is written.
        match unsafe { call!(cuModuleGetFunction(&mut function, self.module, text.as_ptr())) } {
            Ok(()) => Ok(Kernel { function, parameters }),
            Err(Code::NOT_FOUND) => Err(missing(name)),
            Err(code) => Err(code.during(&format!("kernel `{name}` is not given by the driver"))),
        }
    }

    /// Puts a launch into a stream.
    pub fn launch(&mut self, stream: &Stream, launch: &View<'_>) -> Result<(), Failure> {
        let View { kernel: name, grid, block, arguments } = *launch;
        let kernel = self.find(name)?;
        fits(name, &kernel.parameters, arguments)?;
        // The first bytes hold the value, whatever its length.
        let mut cells = arguments.iter().map(cell).collect::<Vec<_>>();
        let mut pointers = cells.iter_mut().map(|cell| cell.as_mut_ptr().cast()).collect::<Vec<_>>();
        // SAFETY: the function is of a loaded module, and there is a pointer for each of its parameters, to at least as many
        // bytes as the parameter has; the driver copies them before it returns.
        unsafe {
            call!(cuLaunchKernel(
                kernel.function,
                grid[0],
                grid[1],
                grid[2],
                block[0],
                block[1],
                block[2],
                0,
                stream.as_inner(),
                pointers.as_mut_ptr(),
                ptr::null_mut()
            ))
        }
        .map_err(|code| {
            code.during(&format!(
                "kernel `{name}` is not launched, with blocks {grid:?} of threads {block:?}"
            ))
        })
    }
}

impl Drop for Kernels {
    fn drop(&mut self) {
        // SAFETY: the module is loaded, and nothing of it runs: what owns this waits before. Nobody can be told of a failure.
        let _ = unsafe { call!(cuModuleUnload(self.module)) };
    }
}

fn missing(name: &str) -> Failure {
    Failure::Failed(format!("there is no kernel `{name}` in what was loaded"))
}

/// The driver reads as many arguments as the kernel has parameters, so a list that does not fit must not get there.
fn fits(name: &str, parameters: &[Option<Kind>], arguments: &[Argument]) -> Result<(), Failure> {
    let given = arguments.iter().map(|argument| Some(argument.kind));
    if given.eq(parameters.iter().copied()) {
        return Ok(());
    }
    let list = |kinds: Vec<Option<Kind>>| {
        let name = |kind: &Option<Kind>| match kind {
            Some(Kind::Pointer) => "64 bits",
            Some(Kind::Word) => "32 bits",
            None => "neither",
        };
        kinds.iter().map(name).collect::<Vec<_>>().join(", ")
    };
    Err(Failure::Failed(format!(
        "kernel `{name}` takes ({}), and is given ({})",
        list(parameters.to_vec()),
        list(arguments.iter().map(|argument| Some(argument.kind)).collect())
    )))
}

fn cell(argument: &Argument) -> [u8; 8] {
    match argument.kind {
        Kind::Pointer => argument.value.to_ne_bytes(),
        Kind::Word => {
            let mut cell = [0; 8];
            cell[..4].copy_from_slice(&(argument.value as u32).to_ne_bytes());
            cell
        }
    }
}
