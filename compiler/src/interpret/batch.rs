//! Many samples on all cores, with results in order: the same whatever the number of threads.

use super::{InterpretError, Network, Sample, SpikingOutcome, StepLimit};
use rayon::prelude::*;

/// Samples in work at a time, for each thread: enough to keep all busy, few enough to hold.
const SAMPLES_PER_THREAD: usize = 8;

/// Calls `work` with each index below `count` on the threads of rayon's current pool, and `take` with the results in
/// ascending order; only a few results for each thread are kept at a time.
///
/// # Errors
///
/// The first error in ascending order, of `work` or of `take`; later indices may have been worked on.
pub fn in_order<T: Send, E: Send>(
    count: usize,
    work: impl Fn(usize) -> Result<T, E> + Sync,
    mut take: impl FnMut(usize, T) -> Result<(), E>,
) -> Result<(), E> {
    let window = SAMPLES_PER_THREAD * rayon::current_num_threads();
    for start in (0..count).step_by(window) {
        let indices = start..count.min(start + window);
        let results = indices.clone().into_par_iter().map(&work).collect::<Vec<_>>();
        for (index, result) in indices.zip(results) {
            take(index, result?)?;
        }
    }
    Ok(())
}

/// Runs a network without neurons on samples 0 to `count`, and calls `take` with each one's outputs in order.
///
/// # Errors
///
/// As [`Network::forward`]; the first in order.
pub fn forward_all(
    network: &Network,
    count: usize,
    fetch: impl Fn(usize) -> Sample + Sync,
    mut take: impl FnMut(usize, Vec<Sample>),
) -> Result<(), InterpretError> {
    in_order(
        count,
        |index| network.forward(&fetch(index), &mut |_, _| ()),
        |index, outputs| {
            take(index, outputs);
            Ok(())
        },
    )
}

/// Runs a spiking network on samples 0 to `count`, and calls `take` with each one's outcome in order.
///
/// # Errors
///
/// As [`Network::simulate`]; the first in order.
pub fn simulate_all(
    network: &Network,
    count: usize,
    limit: StepLimit,
    fetch: impl Fn(usize) -> Sample + Sync,
    mut take: impl FnMut(usize, SpikingOutcome),
) -> Result<(), InterpretError> {
    in_order(
        count,
        |index| network.simulate(&fetch(index), limit, &mut |_, _, _| ()),
        |index, outcome| {
            take(index, outcome);
            Ok(())
        },
    )
}
