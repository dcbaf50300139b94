//! `fold-batch-norm`: a batch norm becomes part of the layer whose result it reads.
//!
//! ```mlir
//! %1 = "torch.convolution"(%0) {weight = W, bias = b} : …                                  // before
//! %2 = "torch.batch_norm"(%1) {weight = γ, bias = β, running_mean = μ, running_var = v, eps = ε} : …
//! %2 = "torch.convolution"(%0) {weight = W·γ/√(v+ε), bias = (b−μ)·γ/√(v+ε) + β} : …        // after
//! ```
//!
//! The layer is found by data flow: the one that computes the batch norm's operand, which nothing else may read. Any other
//! batch norm stays, and becomes a factor and a bias for each channel when `torch` is lowered; one *before* a convolution is
//! never folded forward, because zero padding does not commute with its offset.

use crate::{
    mlir::{self, IrError, IrResult},
    pass::{Claim, OptionError, Options, Pass, PassInfo},
    passes::channel_affine::{ChannelAffine, located, single},
    session::Session,
};
use melior::ir::{OperationRef, Value, ValueLike, operation::OperationLike};
use neurocuda_dialects::{TensorAttr, stage::Stage, torch};

/// What is to be known of the pass.
pub const INFO: PassInfo = PassInfo {
    name: "fold-batch-norm",
    summary: "folds batch norms into the convolution or dense layer before them",
    from: Some(Stage::Torch),
    to: None,
    claim: Claim::Rounding,
    options: &[],
};

/// Folds `torch.batch_norm` into `torch.convolution` and `torch.linear`.
pub struct FoldBatchNorm;

/// Makes the pass.
///
/// # Errors
///
/// Never; the signature is that of all passes.
pub fn build(_: &Options) -> Result<Box<dyn Pass>, OptionError> {
    Ok(Box::new(FoldBatchNorm))
}

impl Pass for FoldBatchNorm {
    fn run<'c>(&self, module: OperationRef<'c, '_>, _: &mut Session) -> IrResult<'c, ()> {
        for norm in mlir::operations(mlir::network_block(module)?) {
            if let Some(view) = mlir::view::<torch::BatchNorm>(norm)? {
                fold(norm, &view)?;
            }
        }
        Ok(())
    }
}

fn fold<'c>(norm: OperationRef<'c, '_>, view: &torch::BatchNorm<'c>) -> IrResult<'c, ()> {
    let value = mlir::operand(norm)?;
    let Some(layer) = mlir::definition(value) else { return Ok(()) };
    if mlir::users(value).len() != 1 {
        return Ok(());
    }
    let context = mlir::context(norm);
    let location = mlir::fused_location(context, &[layer.location(), norm.location()]);
    let inputs = [mlir::operand(layer)?];
    let folded: Value = if let Some(conv) = mlir::view::<torch::Convolution>(layer)? {
        let (weight, bias) = {
            let affine = ChannelAffine::of_batch_norm(norm, view)?;
            let groups = usize::try_from(conv.groups).ok().filter(|_| conv.transposed);
            parameters(layer, conv.weight, conv.bias, &affine, groups)?
        };
        let conv = torch::Convolution { weight, bias, ..conv };
        mlir::insert_before_at(norm, &conv, &inputs, value.r#type(), location)?
    } else if let Some(linear) = mlir::view::<torch::Linear>(layer)? {
        // On more axes a dense layer's outputs are the last axis and a batch norm's channels the first.
        if mlir::sample_shape(value)?.len() != 1 {
            return Ok(());
        }
        let (weight, bias) =
            parameters(layer, linear.weight, linear.bias, &ChannelAffine::of_batch_norm(norm, view)?, None)?;
        mlir::insert_before_at(norm, &torch::Linear { weight, bias }, &inputs, value.r#type(), location)?
    } else {
        return Ok(());
    };
    mlir::replace(norm, folded)?;
    mlir::erase(layer);
    Ok(())
}

/// Weight and bias of `layer` with `affine` after it. The weight is `[O, …]`; of a transposed convolution, whose number of
/// groups is given then, `[I, O / groups, …]`.
fn parameters<'c>(
    layer: OperationRef<'c, '_>,
    weight: TensorAttr<'c>,
    bias: TensorAttr<'c>,
    affine: &ChannelAffine,
    groups: Option<usize>,
) -> IrResult<'c, (TensorAttr<'c>, TensorAttr<'c>)> {
    let channels = affine.factor.len();
    let (weight_shape, bias_shape) = (weight.shape(), bias.shape());
    let (inputs, first) = match (groups, weight_shape.as_slice()) {
        (Some(groups), &[inputs, outputs, ..]) if groups > 0 && inputs % groups == 0 => {
            (inputs / groups, outputs.saturating_mul(groups))
        }
        (Some(_), _) => (0, 0),
        (None, shape) => (1, shape.first().copied().unwrap_or(0)),
    };
    if first != channels
        || weight_shape.contains(&0)
        || inputs == 0
        || bias_shape != [channels]
        || channels == 0
    {
        let message = format!(
            "weight {weight_shape:?} and bias {bias_shape:?} do not fit a result of {channels} channels"
        );
        return Err(IrError::at(layer, message));
    }
    let hint = |tensor: TensorAttr, part: &str| {
        tensor.resource_name().unwrap_or_else(|| format!("{}.{part}", mlir::layer(layer)))
    };
    let mut weights = located(layer, weight.read())?.to_f64();
    // Rows of one output channel; those of a group repeat for each of its inputs.
    let outputs = channels / groups.unwrap_or(1);
    let row = weights.len() / (inputs * channels);
    for (index, weight) in weights.iter_mut().enumerate() {
        let (block, output) = (index / row / outputs, index / row % outputs);
        *weight *= affine.factor[block / inputs * outputs + output];
    }
    let biases = located(layer, bias.read())?.to_f64();
    let biases = biases.iter().zip(affine.factor.iter().zip(&affine.offset));
    let biases = biases.map(|(bias, (factor, offset))| bias * factor + offset).collect::<Vec<_>>();
    Ok((
        single(layer, &hint(weight, "weight"), &weight_shape, &weights)?,
        single(layer, &hint(bias, "bias"), &bias_shape, &biases)?,
    ))
}

#[cfg(test)]
mod tests {
    use crate::passes::testing::{check, dense, locations, network};

    /// A batch norm on four channels with parameters of all signs.
    fn norm(input: &str, result: &str, r#type: &str) -> String {
        format!(
            r#"
            %{result} = "torch.batch_norm"(%{input}) {{weight = {}, bias = {}, running_mean = {},
              running_var = dense<[0.25, 1.0, 4.0, 0.0]> : tensor<4xf32>, eps = 0.001}}
              : ({type}) -> {type} loc("bn"("net.ncg":7:3))"#,
            dense(&[4], 11),
            dense(&[4], 12),
            dense(&[4], 13),
        )
    }

    fn conv(input: &str, result: &str, groups: usize) -> String {
        format!(
            r#"
            %{result} = "torch.convolution"(%{input}) {{weight = {}, bias = {}, stride = array<i64: 2, 1>,
              padding = array<i64: 1, 0>, dilation = array<i64: 1, 2>, groups = {groups} : i64, transposed = false, output_padding = array<i64: 0, 0>}}
              : (tensor<?x2x5x6xf32>) -> tensor<?x4x3x4xf32> loc("conv1"("net.ncg":6:3))"#,
            dense(&[4, 2 / groups, 3, 2], 1),
            dense(&[4], 2),
        )
    }

    const IN: &str = "tensor<?x2x5x6xf32>";
    const OUT: &str = "tensor<?x4x3x4xf32>";

    /// What follows the attributes with large contents, which are not for reading.
    fn ops(text: &str) -> Vec<&str> {
        text.lines().filter_map(|line| line.split('"').nth(1)).filter(|name| name.contains('.')).collect()
    }

    #[test]
    fn a_batch_norm_of_one_channel_is_multiplied_out() {
        let body = r#"
            %0 = "torch.linear"(%x) {weight = dense<[[1.0, 2.0]]> : tensor<1x2xf32>, bias = dense<3.0> : tensor<1xf32>}
              : (tensor<?x2xf32>) -> tensor<?x1xf32>
            %r = "torch.batch_norm"(%0) {weight = dense<3.0> : tensor<1xf32>, bias = dense<0.5> : tensor<1xf32>,
              running_mean = dense<1.0> : tensor<1xf32>, running_var = dense<3.0> : tensor<1xf32>, eps = 1.0}
              : (tensor<?x1xf32>) -> tensor<?x1xf32>"#;
        let text = network("tensor<?x2xf32>", body, "tensor<?x1xf32>");
        insta::assert_snapshot!(check("fold-batch-norm", &[], &text), @r#"
        module {
          func.func @net(%arg0: tensor<?x2xf32>) -> tensor<?x1xf32> {
            %0 = "torch.linear"(%arg0) {bias = dense<3.500000e+00> : tensor<1xf32>, weight = dense<[[1.500000e+00, 3.000000e+00]]> : tensor<1x2xf32>} : (tensor<?x2xf32>) -> tensor<?x1xf32>
            return %0 : tensor<?x1xf32>
          }
        }
        "#);
    }

    #[test]
    fn convolutions_take_batch_norms_in_and_keep_their_names() {
        for groups in [1, 2] {
            let text = network(IN, &format!("{}{}", conv("x", "0", groups), norm("0", "r", OUT)), OUT);
            assert_eq!(ops(&check("fold-batch-norm", &[], &text)), ["torch.convolution"]);
            insta::allow_duplicates! {
                insta::assert_snapshot!(locations("fold-batch-norm", &text), @r#"
                torch.convolution conv1 net.ncg:6:3
                func.return func.return -:10:5
                "#);
            }
        }
    }

    #[test]
    fn a_transposed_convolution_takes_the_batch_norm_in_by_output_channels() {
        for (groups, inputs) in [(1, 3), (2, 4), (4, 8)] {
            let (from, to) = (format!("tensor<?x{inputs}x3x2xf32>"), "tensor<?x4x7x4xf32>");
            let conv = format!(
                r#"
            %0 = "torch.convolution"(%x) {{weight = {}, bias = {}, stride = array<i64: 2, 1>, padding = array<i64: 0, 0>,
              dilation = array<i64: 1, 2>, groups = {groups} : i64, transposed = true, output_padding = array<i64: 1, 0>}}
              : ({from}) -> {to} loc("conv1"("net.ncg":6:3))"#,
                dense(&[inputs, 4 / groups, 2, 2], 1),
                dense(&[4], 2),
            );
            let text = network(&from, &format!("{conv}{}", norm("0", "r", to)), to);
            assert_eq!(ops(&check("fold-batch-norm", &[], &text)), ["torch.convolution"]);
            // One input of a channel more, which the groups do not divide.
            let wrong = text.replace(&format!("groups = {groups} : i64"), "groups = 5 : i64");
            assert!(
                check("fold-batch-norm", &[], &wrong).contains("do not fit a result of 4 channels"),
                "{wrong}"
            );
        }
    }

    #[test]
    fn data_flow_decides_and_two_in_a_row_are_both_taken_in() {
        let unrelated = r#"%between = "torch.relu"(%x) : (tensor<?x2x5x6xf32>) -> tensor<?x2x5x6xf32>"#;
        let body = format!(
            "{}\n{unrelated}{}{}{}\n%r = \"torch.add\"(%2, %3) : ({OUT}, {OUT}) -> {OUT}",
            conv("x", "0", 1),
            conv("between", "3", 2),
            norm("0", "1", OUT),
            norm("1", "2", OUT)
        );
        let text = check("fold-batch-norm", &[], &network(IN, &body, OUT));
        assert_eq!(ops(&text), ["torch.relu", "torch.convolution", "torch.convolution", "torch.add"]);
    }

    #[test]
    fn batch_norms_stay_where_there_is_no_layer_of_their_own_before_them() {
        let shared = format!(
            "{}{}\n%r = \"torch.add\"(%0, %1) : ({OUT}, {OUT}) -> {OUT}",
            conv("x", "0", 1),
            norm("0", "1", OUT)
        );
        let text = check("fold-batch-norm", &[], &network(IN, &shared, OUT));
        assert_eq!(ops(&text), ["torch.convolution", "torch.batch_norm", "torch.add"]);

        let relu = format!("%0 = \"torch.relu\"(%x) : ({OUT}) -> {OUT}{}", norm("0", "r", OUT));
        let text = check("fold-batch-norm", &[], &network(OUT, &relu, OUT));
        assert_eq!(ops(&text), ["torch.relu", "torch.batch_norm"]);
        assert_eq!(
            ops(&check("fold-batch-norm", &[], &network(OUT, &norm("x", "r", OUT), OUT))),
            ["torch.batch_norm"]
        );

        // The last axis holds the layer's outputs, and the first one the batch norm's channels.
        let positions = format!(
            "%0 = \"torch.linear\"(%x) {{weight = {}, bias = {}}} : (tensor<?x4x3xf32>) -> tensor<?x4x4xf32>{}",
            dense(&[4, 3], 1),
            dense(&[4], 2),
            norm("0", "r", "tensor<?x4x4xf32>")
        );
        let text = network("tensor<?x4x3xf32>", &positions, "tensor<?x4x4xf32>");
        assert_eq!(ops(&check("fold-batch-norm", &[], &text)), ["torch.linear", "torch.batch_norm"]);
    }

    #[test]
    fn batch_norms_without_square_root_or_with_too_few_parameters_are_errors() {
        let text = network(IN, &format!("{}{}", conv("x", "0", 1), norm("0", "r", OUT)), OUT);
        let negative = text.replace("dense<[0.25, 1.0, 4.0, 0.0]>", "dense<[0.25, 1.0, -4.0, 0.0]>");
        insta::assert_snapshot!(check("fold-batch-norm", &[], &negative), @"net.ncg:7:3: error: `running_var` + `eps` is -3.999 in channel 2: it must be positive to have a square root to divide by");
        let short =
            text.replace("dense<[0.25, 1.0, 4.0, 0.0]> : tensor<4xf32>", "dense<1.0> : tensor<3xf32>");
        insta::assert_snapshot!(check("fold-batch-norm", &[], &short), @"net.ncg:7:3: error: `running_var` has the shape [3], and the operand has 4 channels");
        let huge = text
            .replace("dense<[0.25, 1.0, 4.0, 0.0]>", "dense<[0.25, 1.0, 4.0, 1.0e-40]>")
            .replace("0.001", "0.0");
        let huge = huge.replace(&dense(&[4], 2), "dense<1.0e30> : tensor<4xf32>");
        insta::assert_snapshot!(check("fold-batch-norm", &[], &huge), @"net.ncg:6:3: error: element 3 of `conv1.bias` would be -3.490224998425658e49, which f32 does not hold");
    }
}
