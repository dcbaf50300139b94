//! Passes within the `ann` dialect.

pub mod calibrate;
pub mod choose_levels;
pub mod choose_thresholds;
pub mod correct_bias;
pub mod expand_max_pool;
pub mod fold_input_affine;
pub mod gather_channels;
pub mod hoist_activation;
pub mod insert_requantize;
pub mod merge_reshapes;
pub mod quantize;
pub mod sink_head;
pub mod sink_permutes;
pub mod stream_events;
