//! Passes from the integer `ann` network to the `snn` dialect, one for each schedule.

pub mod lower_to_hold_and_fire;
pub mod lower_to_rate;
pub mod lower_to_sigma_delta;
pub mod lower_to_st_bif;
pub mod synapses;
