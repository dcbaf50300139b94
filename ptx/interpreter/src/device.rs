//! The interpreter as a device.

use neurocuda_runtime::gpu::{Address, Argument, Device, DeviceError, KernelLaunch};

use crate::error::PtxError;
use crate::execute::Env;
use crate::memory::Memory;
use crate::parse;
use crate::program::{Kernel, Module};

/// First address of global memory; a pointer that is cut to 32 bits is none.
const GLOBAL: u64 = 0x7f01_0000_0000;
/// First address of constant memory.
const CONSTANT: u64 = 0x10_0000_0000;
/// Memory that is offered if nothing else is said.
const MEMORY: u64 = 8 << 30;

/// A device that interprets PTX, on the thread that calls it.
#[derive(Debug)]
pub struct Interpreter {
    module: Module,
    /// Addresses of the module's variables.
    variables: Vec<u64>,
    global: Memory,
    constants: Memory,
    memory: u64,
    instructions: u64,
    loaded: u64,
    limit: Option<u64>,
}

impl Default for Interpreter {
    fn default() -> Self {
        Self::new()
    }
}

impl Interpreter {
    /// A device without kernels, with 8 GiB of memory, of which the host gives what is used.
    #[must_use]
    pub fn new() -> Self {
        Self {
            module: Module::default(),
            variables: Vec::new(),
            global: Memory::at(GLOBAL),
            constants: Memory::at(CONSTANT),
            memory: MEMORY,
            instructions: 0,
            loaded: 0,
            limit: None,
        }
    }

    /// With that many bytes of memory.
    #[must_use]
    pub fn with_memory(self, bytes: u64) -> Self {
        Self { memory: bytes, ..self }
    }

    /// With that many warp instructions to a launch at most; more are a fault.
    #[must_use]
    pub fn with_limit(self, instructions: u64) -> Self {
        Self { limit: Some(instructions), ..self }
    }

    /// Loads the kernels of a PTX text, in place of those loaded before.
    ///
    /// # Errors
    /// The line and what is wrong in it.
    pub fn parse(&mut self, ptx: &str) -> Result<(), PtxError> {
        let mut module = parse::module(ptx)?;
        for address in self.variables.drain(..) {
            self.global.free(address);
            self.constants.free(address);
        }
        for variable in &mut module.variables {
            let bytes = std::mem::take(&mut variable.bytes);
            let memory = if variable.constant { &mut self.constants } else { &mut self.global };
            // Addresses do not run out: there are 2^63 of them.
            self.variables.push(memory.allocate(bytes).unwrap_or(0));
        }
        self.module = module;
        Ok(())
    }

    /// Names of the kernels, in the order of the alphabet.
    #[must_use]
    pub fn kernels(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.module.kernels.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// Instructions that were run, one for all lanes of a warp.
    #[must_use]
    pub fn instructions(&self) -> u64 {
        self.instructions
    }

    /// Bytes that were loaded from global memory, by all lanes.
    #[must_use]
    pub fn loaded_bytes(&self) -> u64 {
        self.loaded
    }

    fn launch(&mut self, launch: &KernelLaunch) -> Result<(), DeviceError> {
        let name = &launch.kernel;
        let fail = |what: String| DeviceError::Failed(format!("kernel {name}: {what}"));
        let kernel =
            self.module.kernels.get(name).ok_or_else(|| fail("is not in the loaded PTX".to_owned()))?;
        check(kernel, launch).map_err(fail)?;
        let parameters = parameters(kernel, &launch.arguments).map_err(fail)?;
        let budget = self.limit.unwrap_or(u64::MAX);
        let mut env = Env {
            kernel,
            global: &mut self.global,
            constants: &mut self.constants,
            variables: &self.variables,
            parameters: &parameters,
            blocks: launch.grid,
            threads: launch.block,
            block: [0; 3],
            shared: vec![0; kernel.shared],
            hints: vec![0; kernel.instructions.len()],
            loaded: 0,
            budget,
        };
        let done = env.run();
        self.instructions += budget - env.budget;
        self.loaded += env.loaded;
        done.map_err(|fault| {
            let ([x, y, z], [i, j, k]) = (fault.block, fault.thread);
            fail(format!("PTX line {}, block {x},{y},{z}, thread {i},{j},{k}: {}", fault.line, fault.kind))
        })
    }
}

/// A launch within the limits of a card and of the kernel.
fn check(kernel: &Kernel, launch: &KernelLaunch) -> Result<(), String> {
    let [x, y, z] = launch.block;
    let threads: u64 = launch.block.iter().map(|&n| u64::from(n)).fold(1, u64::saturating_mul);
    if threads == 0 || x > 1024 || y > 1024 || z > 64 || threads > 1024 {
        return Err(format!("a block of {x} × {y} × {z} threads is out of range"));
    }
    if kernel.max_threads.is_some_and(|most| threads > most)
        || kernel.threads.is_some_and(|exact| exact != launch.block)
    {
        return Err(format!("a block of {x} × {y} × {z} threads is not what it is compiled for"));
    }
    let [x, y, z] = launch.grid;
    if x == 0 || y == 0 || z == 0 || x > i32::MAX as u32 || y > 65535 || z > 65535 {
        return Err(format!("a grid of {x} × {y} × {z} blocks is out of range"));
    }
    Ok(())
}

/// The bytes of the parameters.
fn parameters(kernel: &Kernel, arguments: &[Argument]) -> Result<Vec<u8>, String> {
    if arguments.len() != kernel.parameters.len() {
        let (given, taken) = (arguments.len(), kernel.parameters.len());
        return Err(format!("{given} arguments are given and {taken} are taken"));
    }
    let mut bytes = Vec::new();
    for (index, (argument, parameter)) in arguments.iter().zip(&kernel.parameters).enumerate() {
        bytes.resize(parameter.offset as usize, 0);
        match (argument, parameter.bytes) {
            (Argument::Pointer(address), 8) => bytes.extend(address.to_le_bytes()),
            (Argument::I32(value), 4) => bytes.extend(value.to_le_bytes()),
            (argument, taken) => return Err(format!("argument {index} is {argument:?}, of {taken} bytes")),
        }
    }
    Ok(bytes)
}

impl Device for Interpreter {
    fn describe(&self) -> String {
        let target = if self.module.target.is_empty() { "no kernels" } else { &self.module.target };
        format!("PTX interpreter on the CPU ({target})")
    }

    fn free_memory(&self) -> Result<u64, DeviceError> {
        Ok(self.memory.saturating_sub(self.global.used()))
    }

    fn load(&mut self, ptx: &str) -> Result<(), DeviceError> {
        self.parse(ptx).map_err(|error| DeviceError::Failed(error.to_string()))
    }

    fn allocate(&mut self, bytes: u64) -> Result<Address, DeviceError> {
        let free = self.free_memory()?;
        let short = || DeviceError::Memory { needed: bytes, free };
        if bytes > free {
            return Err(short());
        }
        let length = usize::try_from(bytes).map_err(|_| short())?;
        self.global.allocate(vec![0; length]).ok_or_else(short)
    }

    fn free(&mut self, address: Address) -> Result<(), DeviceError> {
        if !self.variables.contains(&address) && self.global.free(address) {
            return Ok(());
        }
        Err(DeviceError::Failed(format!("no allocation begins at {address:#x}")))
    }

    fn write(&mut self, to: Address, data: &[u8]) -> Result<(), DeviceError> {
        if data.is_empty() {
            return Ok(());
        }
        let place = self.global.slice(to, data.len());
        place.ok_or_else(|| outside(to, data.len()))?.copy_from_slice(data);
        Ok(())
    }

    fn read(&mut self, from: Address, data: &mut [u8]) -> Result<(), DeviceError> {
        if data.is_empty() {
            return Ok(());
        }
        let place = self.global.slice(from, data.len());
        data.copy_from_slice(place.ok_or_else(|| outside(from, data.len()))?);
        Ok(())
    }

    fn run(&mut self, launches: &[KernelLaunch]) -> Result<(), DeviceError> {
        launches.iter().try_for_each(|launch| self.launch(launch))
    }
}

fn outside(address: Address, bytes: usize) -> DeviceError {
    DeviceError::Failed(format!("{bytes} bytes at {address:#x} are not in one allocation"))
}
