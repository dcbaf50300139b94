//! Per-channel normalisation.

use super::{Argument, Call, Default, Kind, Operation, Param, Signature};
use crate::diagnostic::{FindingId, Reported};
use crate::import::graph::{Shape, WeightRef};

/// Most channels that one number is repeated for; the memory taken is not bounded by the file's length there.
const MAX_SPREAD: i64 = 1 << 16;

/// Batch normalisation by running statistics: `(x - running_mean) / √(running_var + eps) · weight + bias` per channel.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchNorm {
    /// `[C]`; 1 where absent.
    pub weight: Option<WeightRef>,
    /// `[C]`; 0 where absent.
    pub bias: Option<WeightRef>,
    /// `[C]`
    pub running_mean: WeightRef,
    /// `[C]`; with `eps` added positive.
    pub running_var: WeightRef,
    /// Finite and not negative.
    pub eps: f64,
}

impl Operation for BatchNorm {
    const SIGNATURE: Signature = Signature {
        name: "batch_norm",
        summary: "batch normalisation by running statistics on axis 1; every weight [C]",
        params: &[
            Param::new("x", Kind::Tensor),
            Param::new("weight", Kind::Weight).or(Default::Absent),
            Param::new("bias", Kind::Weight).or(Default::Absent),
            Param::new("running_mean", Kind::Weight),
            Param::new("running_var", Kind::Weight),
            Param::new("eps", Kind::Float).or(Default::Float(1e-5)),
        ],
    };

    fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
        let op = Self {
            weight: call.optional_weight("weight")?,
            bias: call.optional_weight("bias")?,
            running_mean: call.weight("running_mean")?,
            running_var: call.weight("running_var")?,
            eps: call.float("eps")?,
        };
        if op.eps < 0.0 {
            return Err(call.fail_at(FindingId::ArgumentValue, "eps", format!("is {:?}, below 0", op.eps)));
        }
        let (shape, channels) = channels(call)?;
        let mut result = Ok(());
        for (name, weight) in [
            ("weight", op.weight.as_ref()),
            ("bias", op.bias.as_ref()),
            ("running_mean", Some(&op.running_mean)),
            ("running_var", Some(&op.running_var)),
        ] {
            result = weight.map_or(Ok(()), |weight| call.expect_shape(name, weight, &[channels])).and(result);
        }
        result?;
        positive_variance(call, &op)?;
        Ok((op, shape))
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        let affine = [("weight", &self.weight), ("bias", &self.bias)];
        let affine = affine.into_iter().filter_map(|(name, weight)| Some((name, weight.clone()?.into())));
        let fixed = [
            ("running_mean", self.running_mean.clone().into()),
            ("running_var", self.running_var.clone().into()),
            ("eps", Argument::Float(self.eps)),
        ];
        affine.chain(fixed).collect()
    }
}

/// `(x · scale - mean) / std` per channel, the preprocessing of images.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalize {
    /// Finite, not 0.
    pub scale: f64,
    /// One for each channel.
    pub mean: Vec<f64>,
    /// One for each channel, positive.
    pub std: Vec<f64>,
}

impl Operation for Normalize {
    const SIGNATURE: Signature = Signature {
        name: "normalize",
        summary: "(x * scale - mean) / std; mean and std have one number, or one for each channel of axis 1",
        params: &[
            Param::new("x", Kind::Tensor),
            Param::new("scale", Kind::Float).or(Default::Float(1.0)),
            Param::new("mean", Kind::Floats).or(Default::Float(0.0)),
            Param::new("std", Kind::Floats).or(Default::Float(1.0)),
        ],
    };

    fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
        let scale = call.float("scale")?;
        let (mean, std) = (call.floats("mean")?, call.floats("std")?);
        let mut result = Ok(());
        if scale == 0.0 {
            result = Err(call.fail_at(FindingId::ArgumentValue, "scale", "is 0"));
        }
        if let Some(wrong) = std.iter().find(|std| **std <= 0.0) {
            let message = format!("has {wrong:?}; standard deviations are positive");
            result = Err(call.fail_at(FindingId::ArgumentValue, "std", message));
        }
        let (shape, channels) = channels(call)?;
        let mut spread = |name, list: Vec<f64>| match list.as_slice() {
            [all] if channels <= MAX_SPREAD => Ok(vec![*all; channels as usize]),
            list if list.len() as i64 == channels => Ok(list.to_vec()),
            list => {
                let message = format!("has {} numbers, and the input has {channels} channels", list.len());
                Err(call.fail_at(FindingId::ArgumentValue, name, message))
            }
        };
        let (mean, std) = (spread("mean", mean), spread("std", std));
        result?;
        Ok((Self { scale, mean: mean?, std: std? }, shape))
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        let short = |list: &[f64]| match list {
            [first, rest @ ..] if rest.iter().all(|x| x.to_bits() == first.to_bits()) => vec![*first],
            list => list.to_vec(),
        };
        vec![
            ("scale", Argument::Float(self.scale)),
            ("mean", Argument::Floats(short(&self.mean))),
            ("std", Argument::Floats(short(&self.std))),
        ]
    }
}

fn positive_variance(call: &mut Call<'_>, op: &BatchNorm) -> Result<(), Reported> {
    let key = &op.running_var.key;
    let variances = call.weights.get(key).and_then(|tensor| tensor.f32s()).unwrap_or_default();
    let bad = |(_, variance): &(usize, &f32)| f64::from(**variance) + op.eps <= 0.0;
    let Some((channel, variance)) = variances.iter().enumerate().find(bad) else { return Ok(()) };
    let message =
        format!("has {key}[{channel}] = {variance:?}, and with `eps` = {:?} it is not positive", op.eps);
    Err(call.fail_at(FindingId::VarianceNotPositive, "running_var", message))
}

/// The input's shape and its number of channels.
fn channels(call: &mut Call<'_>) -> Result<(Shape, i64), Reported> {
    let shape = call.input()?;
    match shape.axis(1) {
        Some(channels) => Ok((shape, channels)),
        None => Err(call.mismatch(format!("needs an input of 2 axes or more, not {shape}"))),
    }
}
