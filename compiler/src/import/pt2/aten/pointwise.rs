//! Activations and dropout.

use super::super::call::{Call, Outcome, Refusal};
use super::super::translate::Written;
use crate::diagnostic::FindingId;

type Result = std::result::Result<Outcome, Refusal>;

fn own_name(base: &str) -> Option<&'static str> {
    ["hardsigmoid", "hardswish", "silu", "sigmoid", "tanh", "mish"].into_iter().find(|name| *name == base)
}

/// Functions without parameters that the graph language has under the same name.
pub(super) fn unary(call: &mut Call<'_, '_>) -> Result {
    let input = call.activation("self")?;
    match own_name(call.op.base) {
        Some(name) => call.compute(name, &input, Vec::new()),
        None => Err(super::refusal(call)),
    }
}

/// `relu(self)`
pub(super) fn relu(call: &mut Call<'_, '_>) -> Result {
    let input = call.activation("self")?;
    call.compute("relu", &input, Vec::new())
}

/// `relu6(self)`
pub(super) fn relu6(call: &mut Call<'_, '_>) -> Result {
    between(call, Some(0.0), Some(6.0))
}

fn between(call: &mut Call<'_, '_>, low: Option<f64>, high: Option<f64>) -> Result {
    let input = call.activation("self")?;
    let low = low.filter(|low| *low != f64::NEG_INFINITY);
    let high = high.filter(|high| *high != f64::INFINITY);
    match (low, high) {
        (Some(0.0), None) => call.compute("relu", &input, Vec::new()),
        (low, high) => {
            let bounds = [("min", low), ("max", high)].into_iter();
            let arguments = bounds.filter_map(|(name, bound)| Some((name, Written::from(bound?)))).collect();
            call.compute("clamp", &input, arguments)
        }
    }
}

/// `clamp(self, min, max)` and its halves, with numbers as bounds.
pub(super) fn clamp(call: &mut Call<'_, '_>) -> Result {
    if call.op.overload == "Tensor" {
        let help = "give numbers as bounds: `torch.clamp(x, 0.0, 6.0)`";
        return Err(call.unsupported("has tensors as bounds", help));
    }
    let (low, high) = (call.optional_float("min")?, call.optional_float("max")?);
    between(call, low, high)
}

/// `hardtanh(self, min_val, max_val)`
pub(super) fn hardtanh(call: &mut Call<'_, '_>) -> Result {
    let (low, high) = (call.float("min_val", -1.0)?, call.float("max_val", 1.0)?);
    between(call, Some(low), Some(high))
}

/// `threshold(self, threshold, value)`, where it is a relu.
pub(super) fn threshold(call: &mut Call<'_, '_>) -> Result {
    if call.float("threshold", 0.0)? != 0.0 || call.float("value", 0.0)? != 0.0 {
        return Err(call.unsupported("jumps at its threshold", "train with `torch.nn.ReLU`"));
    }
    relu(call)
}

/// `leaky_relu(self, negative_slope)`
pub(super) fn leaky_relu(call: &mut Call<'_, '_>) -> Result {
    let input = call.activation("self")?;
    let slope = call.float("negative_slope", 0.01)?;
    call.compute("leaky_relu", &input, vec![("negative_slope", slope.into())])
}

/// `rrelu(self, lower, upper, training)`, which in inference has the mean slope.
pub(super) fn rrelu(call: &mut Call<'_, '_>) -> Result {
    if call.bool("training", false)? {
        return Err(training(call));
    }
    call.ignore(&["generator"]);
    let input = call.activation("self")?;
    let slope = f64::midpoint(call.float("lower", 0.125)?, call.float("upper", 1.0 / 3.0)?);
    call.compute("leaky_relu", &input, vec![("negative_slope", slope.into())])
}

/// `elu(self, alpha, scale, input_scale)`
pub(super) fn elu(call: &mut Call<'_, '_>) -> Result {
    let alpha = call.float("alpha", 1.0)?;
    let scale = call.float("scale", 1.0)?;
    if call.float("input_scale", 1.0)? != 1.0 {
        return Err(call.unsupported("scales its input", "leave `input_scale` out"));
    }
    scaled_elu(call, alpha, scale)
}

fn scaled_elu(call: &mut Call<'_, '_>, alpha: f64, scale: f64) -> Result {
    let input = call.activation("self")?;
    let id = call.emit("elu", &[input.id], vec![("alpha", alpha.into())]);
    match scale {
        1.0 => Ok(Outcome::Computed(id)),
        scale => Ok(Outcome::Computed(call.emit("mul", &[id], vec![("y", scale.into())]))),
    }
}

/// `selu(self)`: Klambauer et al. 2017, the constants of ATen.
pub(super) fn selu(call: &mut Call<'_, '_>) -> Result {
    scaled_elu(call, 1.673_263_242_354_377_2, 1.050_700_987_355_480_5)
}

/// `celu(self, alpha)` = alpha · elu(x / alpha).
pub(super) fn celu(call: &mut Call<'_, '_>) -> Result {
    let alpha = call.float("alpha", 1.0)?;
    if alpha == 1.0 {
        return scaled_elu(call, 1.0, 1.0);
    }
    let input = call.activation("self")?;
    let id = call.emit("div", &[input.id], vec![("y", alpha.into())]);
    let id = call.emit("elu", &[id], vec![("alpha", 1.0.into())]);
    Ok(Outcome::Computed(call.emit("mul", &[id], vec![("y", alpha.into())])))
}

/// `prelu(self, weight)`
pub(super) fn prelu(call: &mut Call<'_, '_>) -> Result {
    let input = call.activation("self")?;
    let slopes = call.constant("weight")?;
    if let Some(slope) = slopes.single() {
        return call.compute("leaky_relu", &input, vec![("negative_slope", slope.into())]);
    }
    let weight = call.weight(&slopes)?;
    call.compute("prelu", &input, vec![("weight", weight)])
}

/// `gelu(self, approximate)`
pub(super) fn gelu(call: &mut Call<'_, '_>) -> Result {
    let input = call.activation("self")?;
    match call.string("approximate")?.unwrap_or("none") {
        "none" => call.compute("gelu", &input, Vec::new()),
        "tanh" => call.compute("gelu", &input, vec![("approximate_tanh", true.into())]),
        other => Err(call.unsupported(format!("is approximated by {other:?}"), "use `none` or `tanh`")),
    }
}

/// `softplus(self, beta, threshold)`
pub(super) fn softplus(call: &mut Call<'_, '_>) -> Result {
    let input = call.activation("self")?;
    let beta = call.float("beta", 1.0)?;
    // Beyond PyTorch's threshold of 20 the function and the identity agree in float32.
    if call.float("threshold", 20.0)? < 20.0 {
        return Err(call.unsupported("becomes the identity below 20", "leave its threshold at 20"));
    }
    call.compute("softplus", &input, vec![("beta", beta.into())])
}

fn training(call: &Call<'_, '_>) -> Refusal {
    call.finding(
        FindingId::TrainingMode,
        "was exported in training mode",
        "call `model.eval()` before `torch.export.export`; for `F.dropout` pass `training=self.training`",
    )
}

/// Dropout of any kind, which in inference is the identity.
pub(super) fn dropout(call: &mut Call<'_, '_>) -> Result {
    // ATen's schema calls it differently in the forms with an underscore.
    let input = call.activation(if call.op.in_place { "self" } else { "input" })?;
    let p = call.float("p", 0.5)?;
    if call.bool("train", false)? && p != 0.0 {
        return Err(training(call));
    }
    // The result is the input itself; a statement of its own would hide that from in-place ops.
    Ok(Outcome::Same(input))
}

/// `native_dropout(input, p, train)`, which returns a mask too.
pub(super) fn native_dropout(call: &mut Call<'_, '_>) -> Result {
    Ok(Outcome::Several(vec![dropout(call)?]))
}
