//! All passes. One pass is one file, found in the folder of the stages that it stands between.

use crate::pass::Registration;

pub mod ann_to_ann;
pub mod ann_to_snn;
pub mod any;
mod channel_affine;
pub mod loihi_to_loihi;
pub mod snn_to_gpu;
pub mod snn_to_loihi;
pub mod snn_to_snn;
#[cfg(test)]
pub(crate) mod testing;
pub mod torch_to_ann;
pub mod torch_to_torch;

/// Registers the pass of a module.
macro_rules! register {
    ($($module:ident :: $pass:ident),* $(,)?) => {
        &[ $( Registration { info: &$module::$pass::INFO, build: $module::$pass::build } ),* ]
    };
}

/// Every pass, in the order in which a compilation meets them.
pub const ALL: &[Registration] = register![
    torch_to_torch::remove_identity,
    torch_to_torch::fold_batch_norm,
    torch_to_ann::lower_torch_to_ann,
    ann_to_ann::sink_head,
    ann_to_ann::sink_permutes,
    ann_to_ann::fold_input_affine,
    ann_to_ann::hoist_activation,
    ann_to_ann::merge_reshapes,
    ann_to_ann::gather_channels,
    ann_to_ann::insert_requantize,
    ann_to_ann::calibrate,
    ann_to_ann::choose_levels,
    ann_to_ann::choose_thresholds,
    ann_to_ann::quantize,
    ann_to_ann::correct_bias,
    ann_to_ann::expand_max_pool,
    ann_to_ann::stream_events,
    ann_to_snn::lower_to_st_bif,
    ann_to_snn::lower_to_hold_and_fire,
    ann_to_snn::lower_to_sigma_delta,
    ann_to_snn::lower_to_rate,
    snn_to_snn::correct_rate,
    snn_to_snn::prove_bounds,
    snn_to_gpu::lower_to_gpu,
    snn_to_loihi::lower_to_loihi,
    loihi_to_loihi::attach_program,
    loihi_to_loihi::map_to_cores,
    any::remove_dead_ops,
];

/// The pass called `name`.
pub fn find(name: &str) -> Option<&'static Registration> {
    ALL.iter().find(|registration| registration.info.name == name)
}
