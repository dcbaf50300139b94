//! One or several GPUs, which share the batches of a run.

use super::{Cuda, Device, DeviceError, Executor, GpuError, Room};
use crate::{
    artifact::Artifact,
    cpu::{Engine, EngineError, ImageOutcome, RunOptions},
    data::Images,
};
use std::{
    ops::Range,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

/// A network on one or several devices.
pub struct Cards {
    executors: Vec<Executor>,
}

impl Cards {
    /// Puts a network on every NVIDIA GPU of the machine; for the rest see [`Executor::new`].
    ///
    /// # Errors
    /// As [`Executor::new`]; `gpu-no-driver` or `gpu-driver` where there is no GPU.
    pub fn all(artifact: &Artifact, images: Option<usize>, keeps_events: bool) -> Result<Self, GpuError> {
        // An artifact without kernels is told of before a machine without a driver.
        super::executor::kernels(artifact)?;
        let devices = (0..Cuda::count()?).map(|card| Ok(Box::new(Cuda::open(card)?) as Box<dyn Device>));
        Self::on(artifact, devices.collect::<Result<_, DeviceError>>()?, images, keeps_events)
    }

    /// Puts a network on devices, which may be of different speed and size.
    ///
    /// # Errors
    /// As [`Executor::new`]; `gpu-driver` if there is no device.
    pub fn on(
        artifact: &Artifact,
        devices: Vec<Box<dyn Device>>,
        images: Option<usize>,
        keeps_events: bool,
    ) -> Result<Self, GpuError> {
        if devices.is_empty() {
            return Err(DeviceError::Driver("the driver drives no GPU".to_owned()).into());
        }
        let executors =
            devices.into_iter().map(|device| Executor::new(artifact, device, images, keeps_events));
        Ok(Self { executors: executors.collect::<Result<_, _>>()? })
    }

    /// The CPU engine of the same network, which knows its shapes.
    pub fn engine(&self) -> &Engine {
        self.executors[0].engine()
    }

    /// What the network runs on, and what each has room for.
    pub fn devices(&self) -> impl Iterator<Item = (String, Room)> {
        self.executors.iter().map(|executor| (executor.device().describe(), executor.room()))
    }

    /// Runs images, and calls `finished` with the number of images after each batch, from any thread. The outcomes are in the order of
    /// the images.
    ///
    /// # Errors
    /// As [`Executor::run`], for the first image that fails.
    pub fn run(
        &mut self,
        images: &Images,
        range: Range<usize>,
        options: &RunOptions,
        finished: impl Fn(usize) + Sync,
    ) -> Result<Vec<ImageOutcome>, GpuError> {
        if range.end > images.len() {
            let (start, end, count) = (range.start, range.end, images.len());
            return Err(EngineError::Range { start, end, count }.into());
        }
        let (next, failed) = (AtomicUsize::new(range.start), AtomicBool::new(false));
        let parts = Mutex::new(vec![]);
        let keep = |first: usize, part: Result<Vec<ImageOutcome>, GpuError>| {
            failed.fetch_or(part.is_err(), Ordering::Relaxed);
            parts.lock().unwrap_or_else(PoisonError::into_inner).push((first, part));
        };
        thread::scope(|scope| {
            for executor in &mut self.executors {
                scope.spawn(|| {
                    let batch = executor.room().images;
                    while !failed.load(Ordering::Relaxed) {
                        let first = next.fetch_add(batch, Ordering::Relaxed);
                        if first >= range.end {
                            break;
                        }
                        keep(
                            first,
                            executor.run(images, first..range.end.min(first + batch), options, &finished),
                        );
                    }
                });
            }
        });
        let mut parts = parts.into_inner().unwrap_or_else(PoisonError::into_inner);
        parts.sort_by_key(|part| part.0);
        let mut outcomes = vec![];
        for (_, part) in parts {
            outcomes.extend(part?);
        }
        Ok(outcomes)
    }
}
