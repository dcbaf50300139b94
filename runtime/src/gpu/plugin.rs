//! NVIDIA GPUs, through the launcher: a library of its own, opened at run time, which is all that knows CUDA.

// The launcher is behind a C interface.
#![allow(unsafe_code)]

use super::device::{Address, Argument, Device, DeviceError, KernelLaunch};
use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_LOCAL, RTLD_NOW};
use neurocuda_cuda_abi::{self as abi, Entry, Handle, Interface, Kind, Report, Status};
use std::{
    env,
    error::Error,
    ffi::OsString,
    mem,
    path::{Path, PathBuf},
    ptr,
};

pub use neurocuda_cuda_abi::Properties;

/// File name of the launcher.
const PLUGIN: &str = "libneurocuda_cuda.so";

/// Name of the driver's library.
const DRIVER: &str = "libcuda.so.1";

/// Where the driver and the launcher are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Libraries {
    /// The CUDA driver: a path, or a name for the dynamic linker to look for.
    pub driver: PathBuf,
    /// The launcher.
    pub plugin: PathBuf,
}

impl Libraries {
    /// Those of this process: the driver that the dynamic linker finds and the launcher beside the program or in `../lib`.
    /// The variables `NEUROCUDA_LIBCUDA` and `NEUROCUDA_PLUGIN` name others.
    ///
    /// # Errors
    /// `gpu-no-driver` if there is no launcher.
    pub fn find() -> Result<Self, DeviceError> {
        let folder = env::current_exe().ok().and_then(|path| path.parent().map(Path::to_owned));
        let set = |name| env::var_os(name).filter(|value| !value.is_empty());
        Self::choose(set("NEUROCUDA_LIBCUDA"), set("NEUROCUDA_PLUGIN"), folder.as_deref())
    }

    fn choose(
        driver: Option<OsString>,
        plugin: Option<OsString>,
        folder: Option<&Path>,
    ) -> Result<Self, DeviceError> {
        let driver = driver.map_or_else(|| DRIVER.into(), PathBuf::from);
        if let Some(plugin) = plugin.map(PathBuf::from) {
            if plugin.is_file() {
                return Ok(Self { driver, plugin });
            }
            let text = format!("NEUROCUDA_PLUGIN names {}, which is no file", plugin.display());
            return Err(DeviceError::NoDriver(text));
        }
        let places =
            folder.into_iter().flat_map(|folder| [folder.join(PLUGIN), folder.join("../lib").join(PLUGIN)]);
        let found = places.into_iter().find(|path| path.is_file());
        found.map(|plugin| Self { driver, plugin }).ok_or_else(|| {
            let text = format!("the launcher {PLUGIN} is neither beside the program nor in ../lib");
            DeviceError::NoDriver(text)
        })
    }

    /// Opens both for as long as the process lives: drivers do not take being unloaded well.
    fn open(&self) -> Result<Interface, DeviceError> {
        // SAFETY: opening runs the driver's initialisers, which any CUDA program runs. All of its symbols are made visible, as
        // the launcher is linked to it in no other way.
        let driver = unsafe { Library::open(Some(&self.driver), RTLD_NOW | RTLD_GLOBAL) };
        let driver = driver.map_err(|error| {
            let why = said(&error);
            let missing = why.contains("cannot open shared object file");
            let why = if missing { String::new() } else { format!(": {why}") };
            DeviceError::NoDriver(format!("no CUDA driver ({}) on this machine{why}", self.driver.display()))
        })?;
        mem::forget(driver);
        // SAFETY: the launcher has no initialisers besides those of Rust's standard library.
        let plugin = unsafe { Library::open(Some(&self.plugin), RTLD_NOW | RTLD_LOCAL) };
        let plugin = plugin.map_err(|error| self.unopened(&said(&error)))?;
        // SAFETY: the launcher exports a function of this name and type in all versions.
        let entry = unsafe { plugin.get::<Entry>(abi::SYMBOL) }
            .map(|entry| *entry)
            .map_err(|error| self.unopened(&said(&error)))?;
        mem::forget(plugin);
        // SAFETY: the function takes nothing and gives a table that lives as long as the library.
        let table = unsafe { entry() };
        // SAFETY: these two are the first fields of the table in all versions.
        let (version, size) = unsafe { ((*table).version, (*table).size) };
        if (version, size) != (abi::VERSION, Interface::SIZE) {
            let text = format!("the launcher {} is of another version of NeuroCUDA", self.plugin.display());
            return Err(DeviceError::NoDriver(text));
        }
        // SAFETY: version and size say that this is the table that is declared here.
        Ok(unsafe { *table })
    }

    fn unopened(&self, why: &str) -> DeviceError {
        if why.contains("undefined symbol: cu") {
            return DeviceError::Driver(format!("the CUDA driver lacks what the launcher needs ({why})"));
        }
        DeviceError::NoDriver(format!("the launcher {} does not open: {why}", self.plugin.display()))
    }
}

/// What the dynamic linker says.
fn said(error: &libloading::Error) -> String {
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}

/// An NVIDIA GPU.
pub struct Cuda {
    interface: Interface,
    handle: Handle,
    description: String,
    properties: Properties,
}

// SAFETY: the launcher takes calls from any thread, one at a time; `&mut self` sees to the latter, and what takes `&self` only
// asks the driver, which may be asked at any time, and is not shared: the type is not `Sync`.
unsafe impl Send for Cuda {}

impl Cuda {
    /// Number of GPUs.
    ///
    /// # Errors
    /// `gpu-no-driver`, `gpu-driver` or `gpu-failed`.
    pub fn count() -> Result<u32, DeviceError> {
        Self::count_with(&Libraries::find()?)
    }

    /// [`Cuda::count`] with libraries of one's own.
    ///
    /// # Errors
    /// `gpu-no-driver`, `gpu-driver` or `gpu-failed`.
    pub fn count_with(libraries: &Libraries) -> Result<u32, DeviceError> {
        let interface = libraries.open()?;
        let mut count = 0;
        // SAFETY: the number and the report are written.
        result(|report| unsafe { (interface.count)(&mut count, report) })?;
        Ok(count)
    }

    /// Opens a GPU; the first has index 0.
    ///
    /// # Errors
    /// `gpu-no-driver`, `gpu-driver` or `gpu-failed`.
    pub fn open(index: u32) -> Result<Self, DeviceError> {
        Self::open_with(&Libraries::find()?, index)
    }

    /// [`Cuda::open`] with libraries of one's own.
    ///
    /// # Errors
    /// `gpu-no-driver`, `gpu-driver` or `gpu-failed`.
    pub fn open_with(libraries: &Libraries, index: u32) -> Result<Self, DeviceError> {
        let interface = libraries.open()?;
        let mut handle = ptr::null_mut();
        // SAFETY: the handle and the report are written.
        result(|report| unsafe { (interface.open)(index, &mut handle, report) })?;
        let mut cuda =
            Self { interface, handle, description: String::new(), properties: Properties::default() };
        let mut name = Report::default();
        // SAFETY: the handle is open, and the report is written.
        result_in(&mut name, |report| unsafe { (interface.name)(handle, report) })?;
        let mut has = Properties::default();
        // SAFETY: the handle is open, and the properties and the report are written.
        result(|report| unsafe { (interface.properties)(handle, &mut has, report) })?;
        let gib = has.memory_bytes as f64 / f64::from(1 << 30);
        cuda.description = format!(
            "{}, sm_{}{}, {gib:.1} GiB, driver of CUDA {}.{}",
            name.text(),
            has.capability_major,
            has.capability_minor,
            has.driver_major,
            has.driver_minor
        );
        cuda.properties = has;
        Ok(cuda)
    }

    /// What the card has.
    pub fn properties(&self) -> Properties {
        self.properties
    }

    /// Waits until everything is done.
    ///
    /// # Errors
    /// `gpu-failed` for what went wrong in an earlier launch.
    pub fn synchronize(&mut self) -> Result<(), DeviceError> {
        // SAFETY: the handle is open, and the report is written.
        result(|report| unsafe { (self.interface.synchronize)(self.handle, report) })
    }

    /// Runs launches in their order, waits for them, and gives the milliseconds that each one took on the card.
    ///
    /// # Errors
    /// `gpu-failed`.
    pub fn profile(&mut self, launches: &[KernelLaunch]) -> Result<Vec<f32>, DeviceError> {
        let mut milliseconds = vec![0.0; launches.len()];
        let list = List::of(launches);
        let list = list.launches();
        let (data, length) = (list.as_ptr(), list.len());
        let to = milliseconds.as_mut_ptr();
        // SAFETY: the handle is open, the launches and what they point to outlive the call, and there is a number for each.
        result(|report| unsafe { (self.interface.profile)(self.handle, data, length, to, report) })?;
        Ok(milliseconds)
    }
}

impl Drop for Cuda {
    fn drop(&mut self) {
        // SAFETY: the handle is open, and not used after this.
        unsafe { (self.interface.close)(self.handle) }
    }
}

impl Device for Cuda {
    fn describe(&self) -> String {
        self.description.clone()
    }

    fn free_memory(&self) -> Result<u64, DeviceError> {
        let mut bytes = 0;
        // SAFETY: the handle is open, and the number and the report are written.
        result(|report| unsafe { (self.interface.free_memory)(self.handle, &mut bytes, report) })?;
        Ok(bytes)
    }

    fn load(&mut self, ptx: &str) -> Result<(), DeviceError> {
        let (data, length) = (ptx.as_ptr(), ptx.len());
        // SAFETY: the handle is open, and the text outlives the call.
        result(|report| unsafe { (self.interface.load)(self.handle, data, length, report) })
    }

    fn allocate(&mut self, bytes: u64) -> Result<Address, DeviceError> {
        let mut address = 0;
        // SAFETY: the handle is open, and the address and the report are written.
        result(|report| unsafe { (self.interface.allocate)(self.handle, bytes, &mut address, report) })?;
        Ok(address)
    }

    fn free(&mut self, address: Address) -> Result<(), DeviceError> {
        // SAFETY: the handle is open. An address that is not allocated is an error, not a danger.
        result(|report| unsafe { (self.interface.free)(self.handle, address, report) })
    }

    fn write(&mut self, to: Address, data: &[u8]) -> Result<(), DeviceError> {
        let (data, length) = (data.as_ptr(), data.len());
        // SAFETY: the handle is open, and the data outlives the call.
        result(|report| unsafe { (self.interface.write)(self.handle, to, data, length, report) })
    }

    fn read(&mut self, from: Address, data: &mut [u8]) -> Result<(), DeviceError> {
        let (data, length) = (data.as_mut_ptr(), data.len());
        // SAFETY: the handle is open, and the data is written before the call is over.
        result(|report| unsafe { (self.interface.read)(self.handle, from, data, length, report) })
    }

    fn profile(&mut self, launches: &[KernelLaunch]) -> Result<Vec<f32>, DeviceError> {
        Self::profile(self, launches)
    }

    fn run(&mut self, launches: &[KernelLaunch]) -> Result<(), DeviceError> {
        let list = List::of(launches);
        let list = list.launches();
        let (data, length) = (list.as_ptr(), list.len());
        // SAFETY: the handle is open, and the launches and what they point to outlive the call.
        result(|report| unsafe { (self.interface.run)(self.handle, data, length, report) })
    }
}

/// Launches as the launcher takes them.
struct List<'a> {
    launches: &'a [KernelLaunch],
    /// Of all launches, one after the other.
    arguments: Vec<abi::Argument>,
}

impl<'a> List<'a> {
    fn of(launches: &'a [KernelLaunch]) -> Self {
        let convert = |argument: &Argument| match *argument {
            Argument::Pointer(address) => abi::Argument { value: address, kind: Kind::Pointer },
            Argument::I32(value) => {
                abi::Argument { value: u64::from(value.cast_unsigned()), kind: Kind::Word }
            }
        };
        let arguments = launches.iter().flat_map(|launch| &launch.arguments).map(convert).collect();
        Self { launches, arguments }
    }

    /// They point into `self`.
    fn launches(&self) -> Vec<abi::Launch> {
        let mut rest = self.arguments.as_slice();
        let convert = |launch: &KernelLaunch| {
            let (arguments, after) = rest.split_at(launch.arguments.len());
            rest = after;
            abi::Launch {
                kernel: launch.kernel.as_ptr(),
                kernel_length: launch.kernel.len(),
                arguments: arguments.as_ptr(),
                argument_count: arguments.len(),
                grid: launch.grid,
                block: launch.block,
            }
        };
        self.launches.iter().map(convert).collect()
    }
}

fn result(call: impl FnOnce(*mut Report) -> Status) -> Result<(), DeviceError> {
    result_in(&mut Report::default(), call)
}

fn result_in(report: &mut Report, call: impl FnOnce(*mut Report) -> Status) -> Result<(), DeviceError> {
    match call(report) {
        Status::Done => Ok(()),
        Status::Driver => Err(DeviceError::Driver(report.text())),
        Status::Architecture => Err(DeviceError::Architecture(report.text())),
        Status::Memory => Err(DeviceError::Memory { needed: report.needed, free: report.free }),
        Status::Failed => Err(DeviceError::Failed(report.text())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_launcher_is_looked_for_where_the_program_is() {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("bin");
        let lib = folder.path().join("lib");
        fs::create_dir(&bin).unwrap();
        fs::create_dir(&lib).unwrap();
        let choose = |plugin: Option<&Path>| Libraries::choose(None, plugin.map(Into::into), Some(&bin));

        let missing = choose(None).unwrap_err();
        assert!(matches!(&missing, DeviceError::NoDriver(text) if text.contains(PLUGIN)), "{missing}");
        fs::write(lib.join(PLUGIN), "").unwrap();
        let found = choose(None).unwrap();
        assert_eq!(found, Libraries { driver: DRIVER.into(), plugin: bin.join("../lib").join(PLUGIN) });
        fs::write(bin.join(PLUGIN), "").unwrap();
        assert_eq!(choose(None).unwrap().plugin, bin.join(PLUGIN));

        let named = folder.path().join("another.so");
        assert!(choose(Some(&named)).is_err());
        fs::write(&named, "").unwrap();
        assert_eq!(choose(Some(&named)).unwrap().plugin, named);
    }

    #[test]
    fn a_machine_without_a_driver_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let libraries = Libraries { driver: folder.path().join(DRIVER), plugin: folder.path().join(PLUGIN) };
        let error = Cuda::count_with(&libraries).unwrap_err().to_string();
        assert!(error.starts_with("gpu-no-driver: no CUDA driver ("), "{error}");
        assert!(error.ends_with(") on this machine; run with --backend cpu"), "{error}");
    }

    #[test]
    fn launches_point_to_their_own_arguments() {
        let launch = |kernel: &str, arguments: &[Argument]| KernelLaunch {
            kernel: kernel.into(),
            grid: [1, 2, 3],
            block: [4, 5, 6],
            arguments: arguments.to_vec(),
        };
        let launches =
            [launch("a", &[]), launch("bc", &[Argument::I32(-1), Argument::Pointer(7)]), launch("d", &[])];
        let list = List::of(&launches);
        let given = list.launches();
        assert_eq!(given.iter().map(|launch| launch.argument_count).collect::<Vec<_>>(), [0, 2, 0]);
        assert_eq!(given[1].arguments, list.arguments.as_ptr());
        assert_eq!(list.arguments[0], abi::Argument { value: 0xffff_ffff, kind: Kind::Word });
        assert_eq!(list.arguments[1], abi::Argument { value: 7, kind: Kind::Pointer });
        assert_eq!((given[1].kernel_length, given[1].grid, given[1].block), (2, [1, 2, 3], [4, 5, 6]));
    }
}
