//! Layers with weights.

use std::rc::Rc;

use super::super::call::{Call, Outcome, Refusal};
use super::super::constant::Constant;
use super::super::translate::Written;
use super::super::value::{Activation, Id};
use crate::diagnostic::FindingId;

type Result<T> = std::result::Result<T, Refusal>;

const CONVOLUTIONS: [&str; 3] = ["conv1d", "conv2d", "conv3d"];
const TRANSPOSED: [&str; 3] = ["conv_transpose1d", "conv_transpose2d", "conv_transpose3d"];

/// What all convolutions have.
struct Convolution {
    input: Activation,
    arguments: Vec<(&'static str, Written)>,
    /// Position in the lists of names.
    position: usize,
    kernel: Vec<i64>,
    stride: Vec<i64>,
    dilation: Vec<i64>,
}

fn parts(call: &mut Call<'_, '_>) -> Result<Convolution> {
    let input = call.activation("input")?;
    let weight = call.constant("weight")?;
    let bias = call.optional_constant("bias")?;
    let axes = weight.shape.len().saturating_sub(2);
    if !(1..=3).contains(&axes) {
        return Err(call.unsupported(
            format!("has a weight of shape {:?}", weight.shape),
            "one, two and three axes are convolved",
        ));
    }
    let kernel = weight.shape.iter().skip(2).map(|size| *size as i64).collect();
    let mut arguments = vec![("weight", call.weight(&weight)?)];
    if let Some(bias) = &bias {
        arguments.push(("bias", call.weight(bias)?));
    }
    let (stride, dilation) = (call.per_axis("stride", axes, 1)?, call.per_axis("dilation", axes, 1)?);
    let groups = call.int("groups", 1)?;
    arguments.extend([
        ("stride", stride.as_slice().into()),
        ("dilation", dilation.as_slice().into()),
        ("groups", groups.into()),
    ]);
    Ok(Convolution { input, arguments, position: axes - 1, kernel, stride, dilation })
}

/// `conv1d`, `conv2d`, `conv3d`, with numbers or a word for the padding.
pub(super) fn convolution(call: &mut Call<'_, '_>) -> Result<Outcome> {
    let mut parts = parts(call)?;
    let axes = parts.position + 1;
    let mut input = parts.input.id;
    let padding = if call.op.overload == "padding" {
        match call.string("padding")?.unwrap_or("valid") {
            "valid" => vec![0; axes],
            "same" => {
                if parts.stride.iter().any(|stride| *stride != 1) {
                    return Err(
                        call.unsupported("has padding \"same\" with a stride", "PyTorch refuses that too")
                    );
                }
                let (padding, input_) = same_padding(call, &parts, input);
                input = input_;
                padding
            }
            other => {
                let what = format!("has padding {other:?}");
                return Err(call.unsupported(what, "give numbers, \"same\" or \"valid\""));
            }
        }
    } else {
        call.per_axis("padding", axes, 0)?
    };
    parts.arguments.push(("padding", padding.as_slice().into()));
    Ok(Outcome::Computed(call.emit(CONVOLUTIONS[parts.position], &[input], parts.arguments)))
}

/// PyTorch pads both sides alike, and one more behind where the sum is odd.
fn same_padding(call: &mut Call<'_, '_>, parts: &Convolution, input: Id) -> (Vec<i64>, Id) {
    let total = parts.kernel.iter().zip(&parts.dilation);
    let total: Vec<i64> =
        total.map(|(kernel, dilation)| dilation.saturating_mul(kernel.saturating_sub(1)).max(0)).collect();
    let both: Vec<i64> = total.iter().map(|total| total / 2).collect();
    if total.iter().all(|total| total % 2 == 0) {
        return (both, input);
    }
    // From the last axis on, before and after.
    let behind: Vec<i64> = total.iter().rev().flat_map(|total| [0, total % 2]).collect();
    (both, call.emit("pad", &[input], vec![("padding", behind.as_slice().into())]))
}

/// `conv_transpose1d`, `conv_transpose2d`, `conv_transpose3d`.
pub(super) fn transposed_convolution(call: &mut Call<'_, '_>) -> Result<Outcome> {
    let mut parts = parts(call)?;
    let axes = parts.position + 1;
    let (padding, output_padding) =
        (call.per_axis("padding", axes, 0)?, call.per_axis("output_padding", axes, 0)?);
    parts.arguments.push(("padding", padding.as_slice().into()));
    parts.arguments.push(("output_padding", output_padding.as_slice().into()));
    Ok(Outcome::Computed(call.emit(TRANSPOSED[parts.position], &[parts.input.id], parts.arguments)))
}

/// `convolution`, into which PyTorch decomposes all of them.
pub(super) fn any_convolution(call: &mut Call<'_, '_>) -> Result<Outcome> {
    if call.bool("transposed", false)? {
        return transposed_convolution(call);
    }
    call.ignore(&["output_padding"]);
    convolution(call)
}

/// `linear(input, weight, bias)`
pub(super) fn linear(call: &mut Call<'_, '_>) -> Result<Outcome> {
    let input = call.activation("input")?;
    let weight = call.constant("weight")?;
    let bias = call.optional_constant("bias")?;
    dense(call, &input, &weight, bias.as_ref())
}

fn dense(
    call: &mut Call<'_, '_>,
    input: &Activation,
    weight: &Rc<Constant>,
    bias: Option<&Rc<Constant>>,
) -> Result<Outcome> {
    let mut arguments = vec![("weight", call.weight(weight)?)];
    if let Some(bias) = bias {
        arguments.push(("bias", call.weight(bias)?));
    }
    call.compute("linear", input, arguments)
}

/// The transpose of a matrix, or `None` where it is none.
pub(super) fn transposed(call: &mut Call<'_, '_>, matrix: &Rc<Constant>) -> Option<Rc<Constant>> {
    match &matrix.transpose_of {
        Some(original) => Some(Rc::clone(original)),
        None => {
            let name = call.derived_name();
            let mut transposed = matrix.permuted(name, &[1, 0])?;
            transposed.transpose_of = Some(Rc::clone(matrix));
            Some(Rc::new(transposed))
        }
    }
}

fn times(
    call: &mut Call<'_, '_>,
    input: &Activation,
    matrix: &Rc<Constant>,
    bias: Option<&Rc<Constant>>,
) -> Result<Outcome> {
    match transposed(call, matrix) {
        Some(weight) => dense(call, input, &weight, bias),
        None => {
            let what = format!("multiplies with a tensor of shape {:?}", matrix.shape);
            Err(call.unsupported(what, "multiply activations with a matrix of weights: `torch.nn.Linear`"))
        }
    }
}

/// `mm(self, mat2)` and `matmul(self, other)` with weights on the right.
pub(super) fn matmul(call: &mut Call<'_, '_>) -> Result<Outcome> {
    let input = call.activation("self")?;
    let right = if call.op.base == "mm" { "mat2" } else { "other" };
    let matrix = call.constant(right)?;
    times(call, &input, &matrix, None)
}

/// `addmm(self, mat1, mat2)` with a bias and weights.
pub(super) fn addmm(call: &mut Call<'_, '_>) -> Result<Outcome> {
    let bias = call.constant("self")?;
    let input = call.activation("mat1")?;
    let matrix = call.constant("mat2")?;
    if call.float("alpha", 1.0)? != 1.0 || call.float("beta", 1.0)? != 1.0 {
        return Err(call.unsupported("has factors other than 1", "scale the weights instead"));
    }
    times(call, &input, &matrix, Some(&bias))
}

fn norm(call: &mut Call<'_, '_>) -> Result<Id> {
    let input = call.activation("input")?;
    let mut arguments = Vec::new();
    for name in ["weight", "bias", "running_mean", "running_var"] {
        match call.optional_constant(name)? {
            Some(constant) => arguments.push((name, call.weight(&constant)?)),
            None if name.starts_with("running") => {
                return Err(call.finding(
                    FindingId::TrainingMode,
                    "has no running statistics",
                    "a spiking network runs samples one by one: train with `track_running_stats=True`",
                ));
            }
            None => {}
        }
    }
    let eps = call.float("eps", 1e-5)?;
    call.ignore(&["momentum", "cudnn_enabled"]);
    arguments.push(("eps", eps.into()));
    Ok(call.emit("batch_norm", &[input.id], arguments))
}

/// `batch_norm` of any rank.
pub(super) fn batch_norm(call: &mut Call<'_, '_>) -> Result<Outcome> {
    if call.bool("training", false)? {
        return Err(call.finding(
            FindingId::TrainingMode,
            "computes its statistics from the batch",
            "call `model.eval()` before `torch.export.export`; a layer with `track_running_stats=False` has no statistics to keep: \
             train it with them",
        ));
    }
    norm(call).map(Outcome::Computed)
}

/// `_native_batch_norm_legit_no_training`, which returns statistics of no use too.
pub(super) fn native_batch_norm(call: &mut Call<'_, '_>) -> Result<Outcome> {
    let id = norm(call)?;
    Ok(Outcome::Several(vec![Outcome::Computed(id)]))
}
