//! `lower-torch-to-ann`: the network as PyTorch states it becomes the network without framework noise.
//!
//! ```mlir
//! %1 = "torch.normalize"(%x) {scale = 0.5, mean = 0.25, std = 0.5} : …                // before
//! %2 = "torch.avg_pool2d"(%1) {kernel = 2, stride = 2, padding = 0, …} : …4x4 → …2x2
//! %3 = "torch.relu"(%2) : …
//! %1 = "ann.normalize"(%x) {multiplier = 1.0, offset = -0.5, minimum = -inf, maximum = inf} : …  // after
//! %2 = "ann.avg_pool2d"(%1) {rows = [0, 2, 2, 4], columns = [0, 2, 2, 4], divisor = 4} : …
//! %3 = "ann.activation"(%2) {minimum = 0.0, maximum = inf} : …
//! ```
//!
//! Afterwards the network's argument has one reader, an `ann.normalize`. Windows of averages are spelled out, constants and
//! batch norms that could not be folded are a factor and a bias for each channel, and attributes that only choose a shape
//! are gone: they are checked against the type of the result.

use super::{averages, constants, convolution, curves, dense, layouts, maxima, site::Site};
use crate::{
    analysis::curve::Function,
    mlir::{self, IrError, IrResult},
    pass::{Claim, OptionError, Options, Pass, PassInfo},
    passes::channel_affine::{ChannelAffine, channel_count, located},
    session::Session,
};
use melior::{
    Context,
    ir::{BlockLike, OperationRef, Value, ValueLike},
};
use neurocuda_dialects::{Tensor, TensorAttr, View, ann, stage::Stage, torch, torch::Op};

#[cfg(test)]
mod tests;

/// What is to be known of the pass.
pub const INFO: PassInfo = PassInfo {
    name: "lower-torch-to-ann",
    summary: "lowers the ops of PyTorch to the network without framework noise",
    from: Some(Stage::Torch),
    to: Some(Stage::Ann),
    claim: Claim::Rounding,
    options: &[],
};

/// Lowers `torch` to `ann`.
pub struct LowerTorchToAnn;

/// Makes the pass.
///
/// # Errors
///
/// Never; the signature is that of all passes.
pub fn build(_: &Options) -> Result<Box<dyn Pass>, OptionError> {
    Ok(Box::new(LowerTorchToAnn))
}

impl Pass for LowerTorchToAnn {
    fn run<'c>(&self, module: OperationRef<'c, '_>, _: &mut Session) -> IrResult<'c, ()> {
        let operations = mlir::operations(mlir::network_block(module)?);
        wrap_argument(module, &operations)?;
        for &operation in &operations {
            if let Some(op) = located(operation, Op::read(operation))? {
                mlir::replace(operation, lower(&Site::new(operation)?, op)?)?;
            }
        }
        mlir::update_function_type(module)
    }
}

/// Lets everything read the network's argument through one `ann.normalize` that changes nothing, unless a single
/// `torch.normalize`, which will become that op, does already.
fn wrap_argument<'c, 'a>(
    module: OperationRef<'c, 'a>,
    operations: &[OperationRef<'c, 'a>],
) -> IrResult<'c, ()> {
    let (function, block) = (mlir::network(module)?, mlir::network_block(module)?);
    let (Ok(argument), 1) = (block.argument(0), block.argument_count()) else {
        return Err(IrError::at(
            function,
            format!("the network has {} inputs instead of one", block.argument_count()),
        ));
    };
    let (argument, context): (Value, _) = (argument.into(), mlir::context(module));
    if let [user] = mlir::users(argument)[..]
        && mlir::has_name(user, torch::Normalize::NAME)
    {
        return Ok(());
    }
    let first = *operations.first().ok_or_else(|| IrError::at(function, "the network is empty"))?;
    let shape = mlir::sample_shape(argument).map_err(|error| IrError::at(function, error.message))?;
    let channels = channel_count(function, &shape)?;
    let identity = ChannelAffine { factor: vec![1.0; channels], offset: vec![0.0; channels] };
    let location = mlir::named_location(context, "input.normalize", mlir::value_location(argument));
    let view = normalize(context, &identity)?;
    let wrapped = mlir::insert_before_at(first, &view, &[argument], argument.r#type(), location)?;
    if let Some(normalize) = mlir::definition(wrapped) {
        mlir::replace_uses_except(argument, wrapped, normalize);
    }
    Ok(())
}

/// The network input under `affine`, without limits.
fn normalize<'c>(context: &'c Context, affine: &ChannelAffine) -> IrResult<'c, ann::Normalize<'c>> {
    let vector = |name: &str, values: Vec<f64>| {
        TensorAttr::new(context, &format!("input.{name}"), &Tensor::reals(values))
    };
    let channels = affine.factor.len();
    Ok(ann::Normalize {
        multiplier: vector("multiplier", affine.factor.clone())?,
        offset: vector("offset", affine.offset.clone())?,
        minimum: vector("minimum", vec![f64::NEG_INFINITY; channels])?,
        maximum: vector("maximum", vec![f64::INFINITY; channels])?,
    })
}

/// The value that takes the place of the op's.
fn lower<'c, 'a>(site: &Site<'c, 'a>, op: Op<'c>) -> IrResult<'c, Value<'c, 'a>> {
    let operation = site.operation;
    match op {
        Op::Convolution(view) => convolution::convolution(site, view),
        Op::Linear(view) => dense::linear(site, &view),
        Op::BatchNorm(view) => site.emit(&ChannelAffine::of_batch_norm(operation, &view)?.scale(operation)?),
        Op::Relu(_) => site.emit(&ann::Activation { minimum: 0.0, maximum: f64::INFINITY }),
        Op::Clamp(torch::Clamp { minimum, maximum }) => curves::clamp(site, minimum, maximum),
        Op::LeakyRelu(view) => curves::uniform(site, Function::LeakyRelu, view.negative_slope),
        Op::Prelu(view) => curves::with_parameter(site, Function::LeakyRelu, view.weight),
        Op::Elu(view) => curves::uniform(site, Function::Elu, view.alpha),
        Op::Softplus(view) => curves::uniform(site, Function::Softplus, view.beta),
        Op::Hardsigmoid(_) => curves::uniform(site, Function::Hardsigmoid, 0.0),
        Op::Hardswish(_) => curves::uniform(site, Function::Hardswish, 0.0),
        Op::Silu(_) => curves::uniform(site, Function::Silu, 0.0),
        Op::Gelu(torch::Gelu { approximate_tanh: true }) => curves::uniform(site, Function::GeluTanh, 0.0),
        Op::Gelu(_) => curves::uniform(site, Function::Gelu, 0.0),
        Op::Sigmoid(_) => curves::uniform(site, Function::Sigmoid, 0.0),
        Op::Tanh(_) => curves::uniform(site, Function::Tanh, 0.0),
        Op::Mish(_) => curves::uniform(site, Function::Mish, 0.0),
        Op::MaxPool(view) => maxima::max_pool(site, &view),
        Op::AvgPool(view) => averages::avg_pool(site, &view),
        Op::AdaptiveAvgPool(view) => averages::adaptive(site, &view),
        Op::AdaptiveMaxPool(view) => maxima::adaptive(site, &view),
        Op::Amax(view) => maxima::amax(site, &view),
        Op::Mean(view) => averages::mean(site, &view),
        Op::Add(_) => site.emit(&ann::Add {}),
        Op::AddScalar(view) => {
            site.emit(&ChannelAffine::uniform(operation, 1.0, view.value)?.scale(operation)?)
        }
        Op::MulScalar(view) => {
            site.emit(&ChannelAffine::uniform(operation, view.value, 0.0)?.scale(operation)?)
        }
        Op::Sub(_) => constants::subtract(site),
        Op::AddConstant(view) => constants::add(site, view.value),
        Op::MulConstant(view) => constants::multiply(site, view.value),
        Op::Flatten(view) => {
            site.expect_output(&flattened(site, &view)?)?;
            site.emit(&ann::Reshape {})
        }
        Op::Softmax(torch::Softmax { dim }) => head(site, "softmax", dim, false),
        Op::LogSoftmax(torch::LogSoftmax { dim }) => head(site, "log_softmax", dim, false),
        Op::Argmax(torch::Argmax { dim, keepdim }) => head(site, "argmax", dim, keepdim),
        Op::Cat(view) => site.emit(&ann::Concat { axis: view.dim }),
        Op::Slice(view) => layouts::slice(site, &view),
        Op::Permute(view) => layouts::permute(site, view),
        Op::Reshape(_) => layouts::reshape(site),
        Op::Expand(_) => layouts::expand(site),
        Op::UpsampleNearest(view) => layouts::upsample_nearest(site, &view),
        Op::ConstantPad(view) => constant_pad(site, view),
        Op::Normalize(view) => {
            let affine = ChannelAffine::of_normalize(operation, &view)?;
            match mlir::definition(mlir::operand(operation)?) {
                None => site.emit(&normalize(site.context, &affine)?),
                Some(_) => site.emit(&affine.scale(operation)?),
            }
        }
        Op::Dropout(_) | Op::Identity(_) => Err(site
            .error("does nothing at inference and has no counterpart in `ann`: run `remove-identity` first")),
    }
}

fn head<'c, 'a>(
    site: &Site<'c, 'a>,
    function: &str,
    axis: i64,
    keepdim: bool,
) -> IrResult<'c, Value<'c, 'a>> {
    site.emit(&ann::Head { function: function.to_owned(), axis, keepdim })
}

/// `ann.pad` puts zeros around, so another value is made zero first and itself again afterwards.
fn constant_pad<'c, 'a>(site: &Site<'c, 'a>, view: torch::ConstantPad) -> IrResult<'c, Value<'c, 'a>> {
    let torch::ConstantPad { before, after, value } = view;
    let pad = ann::Pad { before, after };
    if value == 0.0 {
        return site.emit(&pad);
    }
    if !value.is_finite() {
        return Err(site.error(format!(
            "pads with {value}: only finite values can be spikes; a max pool pads by itself"
        )));
    }
    let down = ChannelAffine::uniform(site.operation, 1.0, -value)?.scale(site.operation)?;
    let shifted = site.then(&down, mlir::operand(site.operation)?, &site.input_shape)?;
    let padded = site.then(&pad, shifted, &site.output_shape)?;
    // Padding of the channel axis makes more channels than the operand has.
    let channels = channel_count(site.operation, &site.output_shape)?;
    let up = ChannelAffine { factor: vec![1.0; channels], offset: vec![value; channels] };
    site.then(&up.scale(site.operation)?, padded, &site.output_shape)
}

fn flattened<'c>(site: &Site<'c, '_>, view: &torch::Flatten) -> IrResult<'c, Vec<usize>> {
    let shape = &site.input_shape;
    let axis = |dim: i64| usize::try_from(dim).ok().filter(|dim| (1..=shape.len()).contains(dim));
    let (Some(start), Some(end)) =
        (axis(view.start_dim), axis(view.end_dim).filter(|_| view.start_dim <= view.end_dim))
    else {
        return Err(site.error(format!(
            "joins axes {} to {}: they must be in order and among 1 to {}",
            view.start_dim,
            view.end_dim,
            shape.len()
        )));
    };
    let joined = shape[start - 1..end].iter().try_fold(1usize, |product, &size| product.checked_mul(size));
    let joined = joined.ok_or_else(|| site.error("makes an axis that is too long"))?;
    Ok([&shape[..start - 1], &[joined], &shape[end..]].concat())
}
