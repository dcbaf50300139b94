//! One factor and one offset a channel: what batch norms, input normalisations and constants come down to.

use crate::mlir::{self, IrError, IrResult};
use melior::ir::OperationRef;
use neurocuda_dialects::{Elements, Tensor, TensorAttr, ViewError, ann, torch};
use std::cmp::Ordering;

/// More channels than any network has: what an op may ask for before anything is allocated.
const MOST_CHANNELS: usize = 1 << 24;

/// `y[c] = x[c] · factor[c] + offset[c]`
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelAffine {
    /// One for each channel.
    pub factor: Vec<f64>,
    /// One for each channel.
    pub offset: Vec<f64>,
}

impl ChannelAffine {
    /// The same factor and offset for all channels of what `operation` reads.
    ///
    /// # Errors
    ///
    /// If the operand has no channels.
    pub fn uniform<'c>(operation: OperationRef<'c, '_>, factor: f64, offset: f64) -> IrResult<'c, Self> {
        let channels = channels(operation)?;
        Ok(Self { factor: vec![factor; channels], offset: vec![offset; channels] })
    }

    /// What `view`, the view of `operation`, does to its channels.
    ///
    /// # Errors
    ///
    /// If a parameter has not one element for each channel, or `running_var + eps` is not positive.
    pub fn of_batch_norm<'c>(
        operation: OperationRef<'c, '_>,
        view: &torch::BatchNorm<'c>,
    ) -> IrResult<'c, Self> {
        let [weight, bias] =
            [("weight", view.weight), ("bias", view.bias)].map(|part| vector(operation, part));
        let [mean, var] = [("running_mean", view.running_mean), ("running_var", view.running_var)]
            .map(|part| vector(operation, part));
        let (weight, bias, mean, var) = (weight?, bias?, mean?, var?);
        if let Some(wrong) =
            var.iter().position(|var| (var + view.eps).partial_cmp(&0.0) != Some(Ordering::Greater))
        {
            let message = format!(
                "`running_var` + `eps` is {} in channel {wrong}: it must be positive to have a square root to divide by",
                var[wrong] + view.eps
            );
            return Err(IrError::at(operation, message));
        }
        let factor =
            weight.iter().zip(&var).map(|(weight, var)| weight / (var + view.eps).sqrt()).collect::<Vec<_>>();
        let offset =
            bias.iter().zip(mean.iter().zip(&factor)).map(|(bias, (mean, factor))| bias - mean * factor);
        Ok(Self { offset: offset.collect(), factor })
    }

    /// What `view`, the view of `operation`, does to its channels.
    ///
    /// # Errors
    ///
    /// If `mean` or `std` has not one element for each channel, or `std` is 0 somewhere.
    pub fn of_normalize<'c>(
        operation: OperationRef<'c, '_>,
        view: &torch::Normalize<'c>,
    ) -> IrResult<'c, Self> {
        let (mean, std) = (vector(operation, ("mean", view.mean))?, vector(operation, ("std", view.std))?);
        let affine = Self {
            factor: std.iter().map(|std| view.scale / std).collect(),
            offset: mean.iter().zip(&std).map(|(mean, std)| -mean / std).collect(),
        };
        if affine.factor.iter().chain(&affine.offset).any(|value| !value.is_finite()) {
            return Err(IrError::at(
                operation,
                "`mean` and `scale` over `std` must be finite in every channel",
            ));
        }
        Ok(affine)
    }

    /// The op that does this to the operand of `operation`.
    ///
    /// # Errors
    ///
    /// If a value is not finite in f32.
    pub fn scale<'c>(&self, operation: OperationRef<'c, '_>) -> IrResult<'c, ann::Scale<'c>> {
        let layer = mlir::layer(operation);
        Ok(ann::Scale {
            weight: single(operation, &format!("{layer}.weight"), &[self.factor.len()], &self.factor)?,
            bias: single(operation, &format!("{layer}.bias"), &[self.offset.len()], &self.offset)?,
        })
    }
}

/// Number of channels of what `operation` reads.
///
/// # Errors
///
/// If its first operand is no tensor with a channel axis.
fn channels<'c>(operation: OperationRef<'c, '_>) -> IrResult<'c, usize> {
    let shape = mlir::sample_shape(mlir::operand(operation)?);
    channel_count(operation, &shape.map_err(|error| IrError::at(operation, error.message))?)
}

/// Number of channels of samples of `shape`, which `operation` reads or computes.
///
/// # Errors
///
/// If there is no channel axis, or it is so long that only a mistake or malice explains it.
pub fn channel_count<'c>(operation: OperationRef<'c, '_>, shape: &[usize]) -> IrResult<'c, usize> {
    match shape.first() {
        Some(&channels) if channels <= MOST_CHANNELS => Ok(channels),
        Some(channels) => {
            Err(IrError::at(operation, format!("{channels} channels are more than {MOST_CHANNELS}")))
        }
        None => Err(IrError::at(operation, "a tensor without channel axis cannot be part of a network")),
    }
}

/// A tensor of f32 called after `hint`, each of `values` rounded once.
///
/// # Errors
///
/// If a value is not finite in f32, or the shape does not fit.
pub fn single<'c>(
    operation: OperationRef<'c, '_>,
    hint: &str,
    shape: &[usize],
    values: &[f64],
) -> IrResult<'c, TensorAttr<'c>> {
    let rounded = values.iter().map(|&value| value as f32).collect::<Vec<_>>();
    if let Some(wrong) = rounded.iter().position(|value| !value.is_finite()) {
        let message =
            format!("element {wrong} of `{hint}` would be {:e}, which f32 does not hold", values[wrong]);
        return Err(IrError::at(operation, message));
    }
    let tensor = Tensor { shape: shape.to_vec(), elements: Elements::F32(rounded) };
    located(operation, TensorAttr::new(mlir::context(operation), hint, &tensor))
}

/// The same result, an error being one of `operation`.
///
/// # Errors
///
/// If `result` is one.
pub fn located<'c, T>(operation: OperationRef<'c, '_>, result: Result<T, ViewError>) -> IrResult<'c, T> {
    result.map_err(|error| IrError::at(operation, error.to_string()))
}

/// The elements of a parameter, one for each channel of what `operation` reads.
fn vector<'c>(
    operation: OperationRef<'c, '_>,
    (name, tensor): (&str, TensorAttr<'c>),
) -> IrResult<'c, Vec<f64>> {
    let channels = channels(operation)?;
    if tensor.shape() != [channels] {
        let message =
            format!("`{name}` has the shape {:?}, and the operand has {channels} channels", tensor.shape());
        return Err(IrError::at(operation, message));
    }
    Ok(located(operation, tensor.read())?.to_f64())
}
