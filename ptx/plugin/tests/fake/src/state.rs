//! Everything there is, and how what is in a stream happens.

use crate::settings::Settings;
use std::{
    cell::Cell,
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

pub const INVALID_VALUE: u32 = 1;
pub const OUT_OF_MEMORY: u32 = 2;
pub const NOT_INITIALIZED: u32 = 3;
pub const NO_DEVICE: u32 = 100;
pub const INVALID_DEVICE: u32 = 101;
pub const INVALID_CONTEXT: u32 = 201;
pub const INVALID_PTX: u32 = 218;
pub const INVALID_HANDLE: u32 = 400;
pub const NOT_FOUND: u32 = 500;
pub const NOT_READY: u32 = 600;
pub const ILLEGAL_ADDRESS: u32 = 700;
pub const CAPTURE_UNSUPPORTED: u32 = 900;

/// Milliseconds that a kernel takes here, by the number of its blocks.
const PER_BLOCK: f32 = 0.25;

/// Something in a stream.
#[derive(Clone)]
pub enum Work {
    Upload { to: u64, from: usize, length: usize },
    Download { to: usize, from: u64, length: usize },
    Fill { to: u64, value: u8, length: usize },
    Launch { kernel: String, blocks: [u32; 3], arguments: Vec<u64> },
    Record { event: usize },
}

#[derive(Default)]
pub struct Stream {
    pub waiting: VecDeque<Work>,
    /// The graph that is being captured.
    pub capture: Option<Vec<Work>>,
}

/// The sizes of a kernel's parameters.
pub type Parameters = Vec<usize>;

pub struct State {
    pub settings: Settings,
    pub initialised: bool,
    pub contexts: u32,
    pub memory: BTreeMap<u64, Vec<u8>>,
    pub pinned: BTreeMap<usize, Vec<u8>>,
    pub streams: HashMap<usize, Stream>,
    /// When each was recorded, in milliseconds.
    pub events: HashMap<usize, Option<f32>>,
    pub graphs: HashMap<usize, Vec<Work>>,
    pub executables: HashMap<usize, Vec<Work>>,
    pub modules: HashMap<usize, HashMap<String, Parameters>>,
    pub functions: HashMap<usize, (String, Parameters)>,
    /// After a failure of what ran, everything fails.
    pub broken: Option<u32>,
    pub lines: Vec<String>,
    next: usize,
    clock: f32,
}

thread_local! {
    /// Whether the context is current in this thread.
    pub static CURRENT: Cell<bool> = const { Cell::new(false) };
}

pub fn state() -> MutexGuard<'static, State> {
    static STATE: OnceLock<Mutex<State>> = OnceLock::new();
    let state = STATE.get_or_init(|| Mutex::new(State::new(Settings::of_the_environment())));
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A call: refused if it is to fail, else what `act` says.
pub fn call(name: &str, act: impl FnOnce(&mut State) -> Result<(), u32>) -> u32 {
    let mut state = state();
    let refused = state.settings.failures.get(name).copied();
    let result = match refused {
        Some(status) => Err(status),
        None if !state.initialised && name != "cuInit" && name != "cuDriverGetVersion" => {
            Err(NOT_INITIALIZED)
        }
        None => act(&mut state),
    };
    result.err().unwrap_or(0)
}

/// A call that needs a context that works.
pub fn call_in_context(name: &str, act: impl FnOnce(&mut State) -> Result<(), u32>) -> u32 {
    call(name, |state| {
        if !CURRENT.get() || state.contexts == 0 {
            return Err(INVALID_CONTEXT);
        }
        state.broken.map_or(Ok(()), Err)?;
        act(state)
    })
}

impl State {
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            initialised: false,
            contexts: 0,
            memory: BTreeMap::new(),
            pinned: BTreeMap::new(),
            streams: HashMap::new(),
            events: HashMap::new(),
            graphs: HashMap::new(),
            executables: HashMap::new(),
            modules: HashMap::new(),
            functions: HashMap::new(),
            broken: None,
            lines: Vec::new(),
            next: 0x1000,
            clock: 0.0,
        }
    }

    /// A new handle.
    pub fn handle(&mut self) -> usize {
        self.next += 0x10;
        self.next
    }

    pub fn line(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    pub fn used(&self) -> u64 {
        self.memory.values().map(|memory| memory.len() as u64).sum()
    }

    pub fn log(&self) -> String {
        let alive = [
            self.memory.len(),
            self.pinned.len(),
            self.streams.len(),
            self.events.len(),
            self.graphs.len(),
            self.executables.len(),
            self.modules.len(),
            self.contexts as usize,
        ];
        format!("{}\nalive {}\n", self.lines.join("\n"), alive.iter().sum::<usize>())
    }

    /// Puts something into a stream, or into the graph it captures.
    pub fn put(&mut self, stream: usize, work: Work) -> Result<(), u32> {
        let stream = self.streams.get_mut(&stream).ok_or(INVALID_HANDLE)?;
        match &mut stream.capture {
            Some(graph) => graph.push(work),
            None => stream.waiting.push_back(work),
        }
        Ok(())
    }

    /// Lets everything in a stream happen, up to and with the record of an event if one is given.
    pub fn happen(&mut self, stream: usize, until: Option<usize>) -> Result<(), u32> {
        loop {
            let stream = self.streams.get_mut(&stream).ok_or(INVALID_HANDLE)?;
            let Some(work) = stream.waiting.pop_front() else { return Ok(()) };
            let last = matches!(work, Work::Record { event } if Some(event) == until);
            self.one(work).inspect_err(|&status| self.broken = Some(status))?;
            if last {
                return Ok(());
            }
        }
    }

    fn one(&mut self, work: Work) -> Result<(), u32> {
        match work {
            Work::Upload { to, from, length } => {
                let data = host(&mut self.pinned, from, length)?.to_vec();
                device(&mut self.memory, to, length)?.copy_from_slice(&data);
            }
            Work::Download { to, from, length } => {
                let data = device(&mut self.memory, from, length)?.to_vec();
                host(&mut self.pinned, to, length)?.copy_from_slice(&data);
            }
            Work::Fill { to, value, length } => device(&mut self.memory, to, length)?.fill(value),
            Work::Launch { kernel, blocks, arguments } => {
                self.clock += PER_BLOCK * blocks.iter().product::<u32>() as f32;
                if kernel == "increment" {
                    let bytes = device(&mut self.memory, arguments[0], arguments[1] as usize)?;
                    bytes.iter_mut().for_each(|byte| *byte = byte.wrapping_add(1));
                }
            }
            Work::Record { event } => drop(self.events.insert(event, Some(self.clock))),
        }
        Ok(())
    }
}

fn device(memory: &mut BTreeMap<u64, Vec<u8>>, address: u64, length: usize) -> Result<&mut [u8], u32> {
    let (start, bytes) = memory.range_mut(..=address).next_back().ok_or(ILLEGAL_ADDRESS)?;
    let offset = (address - start) as usize;
    bytes.get_mut(offset..offset + length).ok_or(ILLEGAL_ADDRESS)
}

fn host(pinned: &mut BTreeMap<usize, Vec<u8>>, address: usize, length: usize) -> Result<&mut [u8], u32> {
    let (start, bytes) = pinned.range_mut(..=address).next_back().ok_or(INVALID_VALUE)?;
    bytes.get_mut(address - start..address - start + length).ok_or(INVALID_VALUE)
}
