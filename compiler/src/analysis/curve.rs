//! Nonlinearities that are no clamps: what they compute, where they turn, what range they have. The one place that says so.

use neurocuda_dialects::{TensorAttr, ann};

/// A nonlinearity, as PyTorch defines it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// `x`, or `parameter · x` below zero; PReLU too, with a parameter a channel.
    LeakyRelu,
    /// `x`, or `parameter · (eˣ − 1)` below zero.
    Elu,
    /// `x / 6 + 1 / 2`, limited to [0, 1].
    Hardsigmoid,
    /// `x · hardsigmoid(x)`.
    Hardswish,
    /// `x · sigmoid(x)`.
    Silu,
    /// `x · Φ(x)`, Φ the normal distribution function.
    Gelu,
    /// GELU with Φ approximated by tanh (Hendrycks and Gimpel 2016, "Gaussian error linear units").
    GeluTanh,
    /// `1 / (1 + e⁻ˣ)`.
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// `log(1 + exp(parameter · x)) / parameter`.
    Softplus,
    /// `x · tanh(softplus(x))` (Misra 2019).
    Mish,
}

impl Function {
    /// All of them, by the name that `ann.curve` gives them.
    pub const ALL: [(&'static str, Self); 11] = [
        ("leaky_relu", Self::LeakyRelu),
        ("elu", Self::Elu),
        ("hardsigmoid", Self::Hardsigmoid),
        ("hardswish", Self::Hardswish),
        ("silu", Self::Silu),
        ("gelu", Self::Gelu),
        ("gelu_tanh", Self::GeluTanh),
        ("sigmoid", Self::Sigmoid),
        ("tanh", Self::Tanh),
        ("softplus", Self::Softplus),
        ("mish", Self::Mish),
    ];

    /// The function called `name`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(other, _)| *other == name).map(|(_, function)| *function)
    }

    /// The name in `ann.curve`.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, other)| *other == self).map_or("", |(name, _)| name)
    }

    /// The value at `x`, in f64. Transcendental functions come from one portable library, so that a network compiles to the same
    /// bits on every machine.
    pub fn at(self, x: f64, parameter: f64) -> f64 {
        let sigmoid = |x: f64| 1.0 / (1.0 + libm::exp(-x));
        // The usual form overflows for large x.
        let softplus = |x: f64| x.max(0.0) + libm::log1p(libm::exp(-x.abs()));
        let hardsigmoid = |x: f64| (x + 3.0).clamp(0.0, 6.0) / 6.0;
        match self {
            Self::LeakyRelu => {
                if x > 0.0 {
                    x
                } else {
                    parameter * x
                }
            }
            Self::Elu => {
                if x > 0.0 {
                    x
                } else {
                    parameter * libm::expm1(x)
                }
            }
            Self::Hardsigmoid => hardsigmoid(x),
            Self::Hardswish => x * hardsigmoid(x),
            Self::Silu => x / (1.0 + libm::exp(-x)),
            Self::Gelu => 0.5 * x * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2),
            Self::GeluTanh => {
                // (1 + tanh u) / 2 is the sigmoid of 2u, without the cancellation.
                let twice = 2.0 * std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2;
                x * sigmoid(twice * (x + 0.044715 * x * x * x))
            }
            Self::Sigmoid => sigmoid(x),
            Self::Tanh => libm::tanh(x),
            Self::Softplus => softplus(parameter * x) / parameter,
            Self::Mish => x * libm::tanh(softplus(x)),
        }
    }

    /// The only place where the function stops falling and starts to rise, or the other way round; `None` if it is monotone. Of smooth
    /// functions the root of the derivative.
    pub fn turn(self, parameter: f64) -> Option<f64> {
        match self {
            Self::LeakyRelu | Self::Elu => (parameter < 0.0).then_some(0.0),
            Self::Hardswish => Some(-1.5),
            Self::Silu => Some(-1.278_464_542_761_074),
            Self::Gelu => Some(-0.751_791_524_693_564_5),
            Self::GeluTanh => Some(-0.752_461_422_071_016_2),
            Self::Mish => Some(-1.192_431_214_515_495_2),
            Self::Hardsigmoid | Self::Sigmoid | Self::Tanh | Self::Softplus => None,
        }
    }

    /// Interval that holds every value, with bounds of minima rounded outwards; it holds 0.
    pub fn range(self, parameter: f64) -> [f64; 2] {
        const ABOVE: f64 = f64::INFINITY;
        match self {
            Self::LeakyRelu if parameter > 0.0 => [-ABOVE, ABOVE],
            Self::Elu if parameter > 0.0 => [-parameter, ABOVE],
            Self::LeakyRelu | Self::Elu | Self::Softplus => [0.0, ABOVE],
            Self::Hardsigmoid | Self::Sigmoid => [0.0, 1.0],
            Self::Tanh => [-1.0, 1.0],
            Self::Hardswish => [-0.375, ABOVE],
            Self::Silu => [-0.2785, ABOVE],
            Self::Gelu => [-0.17, ABOVE],
            Self::GeluTanh => [-0.1701, ABOVE],
            Self::Mish => [-0.3089, ABOVE],
        }
    }
}

/// A function with its parameter: one number, or one a channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// The function.
    pub function: Function,
    /// One number, or one a channel; finite.
    pub parameters: Vec<f64>,
}

impl Curve {
    /// Reads an `ann.curve` on `channels` channels.
    ///
    /// # Errors
    ///
    /// If there is no such function, or its parameter is not one finite number, or one a channel, of the right sign.
    pub fn read(view: &ann::Curve, channels: usize) -> Result<Self, String> {
        let function = Function::named(&view.function)
            .ok_or_else(|| format!("there is no function `{}`", view.function))?;
        Self::new(function, view.parameter, channels)
    }

    /// A function with the parameter that an attribute holds.
    ///
    /// # Errors
    ///
    /// As [`Self::read`].
    pub fn new(function: Function, parameter: TensorAttr, channels: usize) -> Result<Self, String> {
        let shape = parameter.shape();
        if shape != [1] && shape != [channels] {
            return Err(format!("`parameter` has shape {shape:?}; [1] or [{channels}] is needed"));
        }
        let parameters = parameter.read().map_err(|error| error.to_string())?.to_f64();
        let wrong = |value: &&f64| !value.is_finite() || (function == Function::Softplus && **value <= 0.0);
        if let Some(value) = parameters.iter().find(wrong) {
            return Err(format!(
                "`{}` has the parameter {value}, for which it is not defined",
                function.name()
            ));
        }
        Ok(Self { function, parameters })
    }

    /// The parameter of a channel.
    pub fn parameter(&self, channel: usize) -> f64 {
        match self.parameters.as_slice() {
            [all] => *all,
            each => each.get(channel).copied().unwrap_or_default(),
        }
    }

    /// Interval that holds the values of all channels; see [`Function::range`].
    pub fn range(&self) -> [f64; 2] {
        let ranges = self.parameters.iter().map(|&parameter| self.function.range(parameter));
        ranges.fold([0.0, 0.0], |[low, high], [minimum, maximum]| [low.min(minimum), high.max(maximum)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_turn_where_they_say_and_keep_their_range() {
        for (name, function) in Function::ALL {
            for parameter in [0.25, 1.0, -0.5] {
                if function == Function::Softplus && parameter < 0.0 {
                    continue;
                }
                let values = (-4000..4000)
                    .map(|k| (f64::from(k) / 200.0, function.at(f64::from(k) / 200.0, parameter)));
                let values = values.collect::<Vec<_>>();
                let [low, high] = function.range(parameter);
                assert!(low <= 0.0 && high >= 0.0);
                let mut signs = [0.0, 0.0];
                for pair in values.windows(2) {
                    let ((x, before), (next, after)) = (pair[0], pair[1]);
                    assert!((low..=high).contains(&before), "{name}({parameter}) at {x}");
                    // A step over the turn may go either way.
                    let side = match function.turn(parameter) {
                        Some(turn) if next <= turn => 0,
                        Some(turn) if x < turn => continue,
                        _ => 1,
                    };
                    let change = after - before;
                    assert!(change * signs[side] >= 0.0, "{name}({parameter}) turns at {x}");
                    if change != 0.0 {
                        signs[side] = change;
                    }
                }
                assert_eq!(
                    function.turn(parameter).is_some(),
                    signs[0] < 0.0 && signs[1] > 0.0,
                    "{name}({parameter})"
                );
            }
        }
    }

    #[test]
    fn far_arguments_have_values() {
        for (name, function) in Function::ALL {
            for x in [-1e300, -800.0, 800.0, 1e300] {
                assert!(!function.at(x, 1.0).is_nan(), "{name} at {x}");
            }
        }
    }
}
