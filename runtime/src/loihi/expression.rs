//! Expressions of parameters, which are worked out once, before the first step.

use std::fmt;

/// An expression in 64-bit integers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// A number.
    Integer(i64),
    /// A value, by its position in [`super::Program::values`].
    Value(usize),
    /// `-x`
    Negative(Box<Expression>),
    /// `log2(x)`, rounded down.
    Log2(Box<Expression>),
    /// `x + y` and the like.
    Binary(ExpressionOperator, Box<Expression>, Box<Expression>),
}

/// Operators of expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpressionOperator {
    /// `x + y`
    Add,
    /// `x - y`
    Subtract,
    /// `x * y`
    Multiply,
    /// `x / y`, rounded down.
    Divide,
    /// `x % y`, between 0 and `y`.
    Remainder,
    /// `x << y`; a negative `y` shifts right and rounds down.
    ShiftLeft,
    /// `x >> y`, rounded down.
    ShiftRight,
}

impl ExpressionOperator {
    /// How it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
            Self::ShiftLeft => "<<",
            Self::ShiftRight => ">>",
        }
    }

    fn apply(self, a: i64, b: i64) -> Result<i64, String> {
        let shifted = |amount: i64| match amount {
            ..=-1 => Some(a >> amount.saturating_neg().min(63)),
            0..=62 => a.checked_mul(1 << amount),
            _ => (a == 0).then_some(0),
        };
        let result = match self {
            Self::Add => a.checked_add(b),
            Self::Subtract => a.checked_sub(b),
            Self::Multiply => a.checked_mul(b),
            Self::Divide | Self::Remainder if b == 0 => return Err(format!("divides {a} by 0")),
            // The same as rounding down, for a positive divisor.
            Self::Divide if b > 0 => a.checked_div_euclid(b),
            Self::Divide => a.checked_neg().zip(b.checked_neg()).and_then(|(a, b)| a.checked_div_euclid(b)),
            Self::Remainder => a.checked_rem_euclid(b),
            Self::ShiftLeft => shifted(b),
            Self::ShiftRight => shifted(b.saturating_neg()),
        };
        result.ok_or_else(|| format!("does not fit 64 bits: {a} {} {b}", self.symbol()))
    }
}

impl Expression {
    /// The result, given that of every value.
    ///
    /// # Errors
    /// What cannot be worked out: an overflow, or a division by 0.
    pub fn evaluate(&self, value: &dyn Fn(usize) -> i64) -> Result<i64, String> {
        match self {
            Self::Integer(integer) => Ok(*integer),
            Self::Value(index) => Ok(value(*index)),
            Self::Negative(of) => {
                of.evaluate(value)?.checked_neg().ok_or_else(|| "does not fit 64 bits".to_owned())
            }
            Self::Log2(of) => {
                let of = of.evaluate(value)?;
                of.checked_ilog2().map(i64::from).ok_or_else(|| format!("takes log2 of {of}"))
            }
            Self::Binary(operator, a, b) => operator.apply(a.evaluate(value)?, b.evaluate(value)?),
        }
    }

    /// Calls `with` for every value that is read.
    pub fn for_each_value(&self, with: &mut dyn FnMut(usize)) {
        match self {
            Self::Integer(_) => {}
            Self::Value(index) => with(*index),
            Self::Negative(of) | Self::Log2(of) => of.for_each_value(with),
            Self::Binary(_, a, b) => {
                a.for_each_value(with);
                b.for_each_value(with);
            }
        }
    }

    /// Writes it, given how values are called.
    pub(super) fn write(
        &self,
        f: &mut fmt::Formatter<'_>,
        name: &dyn Fn(usize) -> String,
        nested: bool,
    ) -> fmt::Result {
        match self {
            Self::Integer(integer) => write!(f, "{integer}"),
            Self::Value(index) => f.write_str(&name(*index)),
            Self::Negative(of) => {
                f.write_str("-")?;
                of.write(f, name, true)
            }
            Self::Log2(of) => {
                f.write_str("log2(")?;
                of.write(f, name, false)?;
                f.write_str(")")
            }
            Self::Binary(operator, a, b) => {
                f.write_str(if nested { "(" } else { "" })?;
                a.write(f, name, true)?;
                write!(f, " {} ", operator.symbol())?;
                b.write(f, name, true)?;
                f.write_str(if nested { ")" } else { "" })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ExpressionOperator::*;

    #[test]
    fn operators_round_down_and_refuse_what_does_not_fit() {
        assert_eq!(Divide.apply(-7, 2), Ok(-4));
        assert_eq!(Divide.apply(7, -2), Ok(-4));
        assert_eq!(Divide.apply(-8, -2), Ok(4));
        assert_eq!(Remainder.apply(-1, 5), Ok(4));
        assert_eq!(ShiftLeft.apply(-5, -1), Ok(-3));
        assert_eq!(ShiftRight.apply(-5, 100), Ok(-1));
        assert_eq!(ShiftLeft.apply(0, 100), Ok(0));
        for (operator, a, b) in [
            (Divide, 1, 0),
            (Remainder, 1, 0),
            (ShiftLeft, 1, 63),
            (ShiftLeft, 1, i64::MAX),
            (Add, i64::MAX, 1),
            (Subtract, i64::MIN, 1),
            (Multiply, i64::MAX, 2),
            (Divide, i64::MIN, -1),
            (Remainder, i64::MIN, -1),
        ] {
            assert!(operator.apply(a, b).is_err(), "{operator:?}");
        }
    }
}
