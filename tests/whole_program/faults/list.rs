//! The planted faults: which kind, beside which pass, in which trained network. A fixed list.

/// A trained network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// The network that is in the tree.
    Vgg,
    /// Its weights in another arrangement, with what it lacks: dilation, groups, a residual sum, a concat, an average pool.
    Arranged,
    /// A model beside the tree.
    Shared(&'static str),
}

/// A fault in a network, compiled for a schedule.
#[derive(Clone, Copy, Debug)]
pub struct Planted {
    /// Where.
    pub on: On,
    /// Schedule, by its name.
    pub schedule: &'static str,
    /// The pass that is to blame.
    pub pass: &'static str,
    /// What is wrong.
    pub kind: &'static str,
}

const fn planted(on: On, schedule: &'static str, pass: &'static str, kind: &'static str) -> Planted {
    Planted { on, schedule, pass, kind }
}

const CNN3: On = On::Shared("cnn3_mnist");
const EVENTS: On = On::Shared("cnn3_nmnist_sim");
const MLP: On = On::Shared("mlp_mnist");
const RESNET: On = On::Shared("resnet20_cifar10");

/// By folder of passes.
pub const FAULTS: &[(&str, &[Planted])] = &[
    (
        "torch_to_torch",
        &[
            planted(On::Vgg, "st-bif", "remove-identity", "clamp-missing"),
            planted(On::Vgg, "st-bif", "fold-batch-norm", "eps-ignored"),
            planted(EVENTS, "st-bif", "fold-batch-norm", "eps-ignored"),
            planted(On::Vgg, "st-bif", "fold-batch-norm", "variance-as-deviation"),
            planted(On::Vgg, "st-bif", "fold-batch-norm", "bias-dropped"),
            planted(On::Vgg, "st-bif", "fold-batch-norm", "neighbour-scale"),
            planted(On::Vgg, "st-bif", "fold-batch-norm", "padding-value"),
            planted(On::Vgg, "st-bif", "fold-batch-norm", "kernel-transposed"),
        ],
    ),
    (
        "torch_to_ann",
        &[
            planted(On::Vgg, "st-bif", "lower-torch-to-ann", "bias-doubled"),
            planted(On::Vgg, "st-bif", "lower-torch-to-ann", "stride-ignored"),
            planted(On::Vgg, "st-bif", "lower-torch-to-ann", "padding-value"),
            planted(On::Vgg, "st-bif", "lower-torch-to-ann", "padding-side"),
            planted(On::Arranged, "st-bif", "lower-torch-to-ann", "dilation-ignored"),
            planted(On::Arranged, "st-bif", "lower-torch-to-ann", "groups-merged"),
            planted(On::Vgg, "st-bif", "lower-torch-to-ann", "kernel-transposed"),
            planted(On::Vgg, "st-bif", "lower-torch-to-ann", "channel-order"),
            planted(On::Arranged, "st-bif", "lower-torch-to-ann", "concat-order"),
            planted(On::Arranged, "st-bif", "lower-torch-to-ann", "residual-lost"),
            planted(RESNET, "st-bif", "lower-torch-to-ann", "residual-lost"),
            planted(On::Vgg, "st-bif", "lower-torch-to-ann", "input-scale"),
            planted(On::Vgg, "st-bif", "lower-torch-to-ann", "mean-and-deviation-swapped"),
            planted(On::Vgg, "st-bif", "lower-torch-to-ann", "max-to-average-pool"),
            planted(On::Arranged, "st-bif", "lower-torch-to-ann", "average-divisor"),
            planted(CNN3, "st-bif", "lower-torch-to-ann", "average-divisor"),
        ],
    ),
    (
        "ann_to_ann",
        &[
            planted(On::Vgg, "st-bif", "fold-input-affine", "bias-dropped"),
            planted(On::Vgg, "st-bif", "hoist-activation", "clamp-missing"),
            planted(On::Arranged, "st-bif", "insert-requantize", "residual-lost"),
            planted(On::Vgg, "st-bif", "choose-thresholds", "clamp-missing"),
            planted(On::Vgg, "st-bif", "choose-thresholds", "neighbour-scale"),
            planted(On::Vgg, "st-bif", "choose-thresholds", "input-scale"),
            planted(EVENTS, "st-bif", "choose-thresholds", "input-scale"),
            planted(On::Arranged, "st-bif", "choose-thresholds", "concat-order"),
            planted(On::Vgg, "st-bif", "quantize", "bias-dropped"),
            planted(MLP, "st-bif", "quantize", "bias-doubled"),
            planted(On::Vgg, "st-bif", "quantize", "neighbour-scale"),
            planted(On::Vgg, "st-bif", "quantize", "threshold-off-by-one"),
            planted(MLP, "st-bif", "quantize", "threshold-off-by-one"),
            planted(On::Vgg, "st-bif", "quantize", "rounding-mode"),
            planted(On::Vgg, "st-bif", "quantize", "input-scale"),
            planted(On::Vgg, "st-bif", "quantize", "clamp-missing"),
            planted(On::Arranged, "st-bif", "quantize", "residual-scale"),
            planted(On::Arranged, "st-bif", "quantize", "residual-lost"),
            planted(On::Arranged, "st-bif", "quantize", "concat-order"),
            planted(On::Vgg, "st-bif", "correct-bias", "bias-doubled"),
            planted(On::Vgg, "st-bif", "correct-bias", "threshold-off-by-one"),
            planted(On::Vgg, "rate", "expand-max-pool", "residual-lost"),
        ],
    ),
    (
        "ann_to_snn",
        &[
            planted(On::Vgg, "st-bif", "lower-to-st-bif", "threshold-off-by-one"),
            planted(On::Vgg, "st-bif", "lower-to-st-bif", "rounding-mode"),
            planted(On::Vgg, "st-bif", "lower-to-st-bif", "initial-membrane"),
            planted(On::Vgg, "st-bif", "lower-to-st-bif", "clamp-missing"),
            planted(On::Vgg, "st-bif", "lower-to-st-bif", "tracer-missing"),
            planted(MLP, "st-bif", "lower-to-st-bif", "spike-lost"),
            planted(On::Vgg, "st-bif", "lower-to-st-bif", "bias-every-step"),
            planted(On::Vgg, "hold-and-fire", "lower-to-hold-and-fire", "hard-reset"),
            planted(On::Vgg, "hold-and-fire", "lower-to-hold-and-fire", "spike-lost"),
            planted(On::Vgg, "hold-and-fire", "lower-to-hold-and-fire", "delay-unbalanced"),
            planted(On::Arranged, "hold-and-fire", "lower-to-hold-and-fire", "residual-scale"),
            planted(On::Vgg, "sigma-delta", "lower-to-sigma-delta", "threshold-off-by-one"),
            planted(On::Vgg, "sigma-delta", "lower-to-sigma-delta", "clamp-missing"),
            planted(On::Vgg, "rate", "lower-to-rate", "bias-doubled"),
            planted(On::Vgg, "rate", "lower-to-rate", "threshold-off-by-one"),
            planted(On::Vgg, "rate", "lower-to-rate", "initial-membrane"),
            planted(On::Vgg, "rate", "lower-to-rate", "delay-unbalanced"),
            planted(On::Vgg, "rate", "lower-to-rate", "kernel-transposed"),
        ],
    ),
    (
        "snn_to_snn",
        &[
            planted(MLP, "st-bif", "prove-bounds", "threshold-off-by-one"),
            planted(On::Vgg, "hold-and-fire", "prove-bounds", "spike-lost"),
            planted(MLP, "rate", "correct-rate", "threshold-off-by-one"),
        ],
    ),
    (
        "snn_to_gpu",
        &[
            planted(On::Vgg, "st-bif", "lower-to-gpu", "kernel-comparison"),
            planted(MLP, "st-bif", "lower-to-gpu", "kernel-fragment"),
            planted(On::Vgg, "rate", "lower-to-gpu", "kernel-store-lost"),
        ],
    ),
    (
        "snn_to_loihi",
        &[
            planted(On::Vgg, "st-bif", "lower-to-loihi", "exponent-ignored"),
            planted(On::Vgg, "hold-and-fire", "lower-to-loihi", "delay-unbalanced"),
            planted(On::Vgg, "st-bif", "lower-to-loihi", "kernel-transposed"),
            planted(On::Vgg, "rate", "lower-to-loihi", "exponent-ignored"),
            planted(On::Arranged, "st-bif", "lower-to-loihi", "table-lost"),
            planted(RESNET, "st-bif", "lower-to-loihi", "table-lost"),
        ],
    ),
    (
        "loihi_to_loihi",
        &[
            planted(On::Vgg, "st-bif", "map-to-cores", "route-lost"),
            planted(On::Vgg, "st-bif", "map-to-cores", "slice-too-small"),
            planted(On::Vgg, "hold-and-fire", "map-to-cores", "route-lost"),
        ],
    ),
    (
        "any",
        &[
            planted(On::Vgg, "st-bif", "remove-dead-ops", "clamp-missing"),
            planted(On::Arranged, "st-bif", "remove-dead-ops", "residual-lost"),
        ],
    ),
];
