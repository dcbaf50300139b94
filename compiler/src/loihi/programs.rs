//! The built-in programs of the schedules' neurons, for counting memory.

use neurocuda_runtime::loihi::{Program, builtin};

/// Programs that `lower-to-loihi` makes neurons of.
const OF_SCHEDULES: [&str; 5] = ["st_bif", "level_sigma_delta", "hold_and_fire", "if_soft_reset", "readout"];

/// The program of this name; `None` if no schedule has one.
pub fn of_schedule(name: &str) -> Option<Program> {
    OF_SCHEDULES.contains(&name).then(|| builtin::program(name)?.ok()).flatten()
}
