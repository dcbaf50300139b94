//! Nonlinearities on each element: clamps, and functions that are none. Not a pass.

use super::site::Site;
use crate::{
    analysis::curve::{Curve, Function},
    mlir::{self, IrResult},
    passes::channel_affine::ChannelAffine,
};
use melior::ir::Value;
use neurocuda_dialects::{Tensor, TensorAttr, ann};

/// A function with the same parameter everywhere.
pub fn uniform<'c, 'a>(
    site: &Site<'c, 'a>,
    function: Function,
    parameter: f64,
) -> IrResult<'c, Value<'c, 'a>> {
    let name = format!("{}.parameter", mlir::layer(site.operation));
    let tensor = Tensor::reals(vec![parameter]);
    with_parameter(site, function, TensorAttr::new(site.context, &name, &tensor)?)
}

/// A function with one parameter, or one a channel, and the activation behind it: the place where its neuron will stand.
pub fn with_parameter<'c, 'a>(
    site: &Site<'c, 'a>,
    function: Function,
    parameter: TensorAttr<'c>,
) -> IrResult<'c, Value<'c, 'a>> {
    let channels = site.input_shape.first().copied().unwrap_or(1);
    let curve = Curve::new(function, parameter, channels).map_err(|problem| site.error(problem))?;
    let [minimum, maximum] = curve.range();
    let value = site.emit(&ann::Curve { function: function.name().to_owned(), parameter })?;
    site.then(&ann::Activation { minimum, maximum }, value, &site.output_shape)
}

/// A limited value. A neuron is silent at 0, so limits that do not hold it are moved there and back; such below it are mirrored, so
/// that spikes need no sign.
pub fn clamp<'c, 'a>(site: &Site<'c, 'a>, minimum: f64, maximum: f64) -> IrResult<'c, Value<'c, 'a>> {
    if minimum.is_nan() || maximum.is_nan() || minimum > maximum {
        return Err(site.error(format!("has bounds [{minimum}, {maximum}], which hold no value")));
    }
    if minimum == maximum {
        return Err(site.error(format!(
            "is {minimum} whatever its input: nothing behind it depends on the image; leave it out"
        )));
    }
    // Either is its own inverse or differs from it in the offset only.
    let (factor, shift) = match (minimum > 0.0, maximum <= 0.0) {
        (true, _) => (1.0, minimum),
        (_, true) => (-1.0, maximum),
        _ => return site.emit(&ann::Activation { minimum, maximum }),
    };
    let scale = |offset| ChannelAffine::uniform(site.operation, factor, offset)?.scale(site.operation);
    let moved = site.then(&scale(-factor * shift)?, mlir::operand(site.operation)?, &site.input_shape)?;
    let limits = ann::Activation { minimum: 0.0, maximum: maximum - minimum };
    let limited = site.then(&limits, moved, &site.output_shape)?;
    site.then(&scale(shift)?, limited, &site.output_shape)
}
