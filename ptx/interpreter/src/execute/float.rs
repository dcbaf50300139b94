//! Arithmetic on floats and comparisons.
//!
//! A NaN result is the canonical one.

use super::lanes::Lanes;
use crate::op::{Compare, Compared, FloatBinary, FloatUnary, Rounding, Slot};

const NAN32: u32 = 0x7fff_ffff;
const NAN64: u64 = 0x7ff8_0000_0000_0000;

#[inline(always)]
fn bits32(x: f32) -> u32 {
    if x.is_nan() { NAN32 } else { x.to_bits() }
}

#[inline(always)]
fn bits64(x: f64) -> u64 {
    if x.is_nan() { NAN64 } else { x.to_bits() }
}

/// The lesser number, the one that is not NaN, and -0 before +0.
macro_rules! lesser {
    ($x:expr, $y:expr) => {
        match ($x, $y) {
            (x, y) if x.is_nan() => y,
            (x, y) if y.is_nan() || x < y || (x == y && x.is_sign_negative()) => x,
            (_, y) => y,
        }
    };
}

/// The greater number, the one that is not NaN, and +0 before -0.
macro_rules! greater {
    ($x:expr, $y:expr) => {
        match ($x, $y) {
            (x, y) if x.is_nan() => y,
            (x, y) if y.is_nan() || x > y || (x == y && x.is_sign_positive()) => x,
            (_, y) => y,
        }
    };
}

#[inline(always)]
pub(crate) fn binary32(l: &mut Lanes, m: u32, op: FloatBinary, s: [Slot; 3]) {
    let f = f32::from_bits;
    match op {
        FloatBinary::Add => l.zip(m, s, |x: u32, y: u32| bits32(f(x) + f(y))),
        FloatBinary::Sub => l.zip(m, s, |x: u32, y: u32| bits32(f(x) - f(y))),
        FloatBinary::Mul => l.zip(m, s, |x: u32, y: u32| bits32(f(x) * f(y))),
        FloatBinary::Div => l.zip(m, s, |x: u32, y: u32| bits32(f(x) / f(y))),
        FloatBinary::Min => l.zip(m, s, |x: u32, y: u32| bits32(lesser!(f(x), f(y)))),
        FloatBinary::Max => l.zip(m, s, |x: u32, y: u32| bits32(greater!(f(x), f(y)))),
        FloatBinary::CopySign => l.zip(m, s, |x: u32, y: u32| x & 1 << 31 | y & !(1 << 31)),
    }
}

#[inline(always)]
pub(crate) fn binary64(l: &mut Lanes, m: u32, op: FloatBinary, s: [Slot; 3]) {
    let f = f64::from_bits;
    match op {
        FloatBinary::Add => l.zip(m, s, |x: u64, y: u64| bits64(f(x) + f(y))),
        FloatBinary::Sub => l.zip(m, s, |x: u64, y: u64| bits64(f(x) - f(y))),
        FloatBinary::Mul => l.zip(m, s, |x: u64, y: u64| bits64(f(x) * f(y))),
        FloatBinary::Div => l.zip(m, s, |x: u64, y: u64| bits64(f(x) / f(y))),
        FloatBinary::Min => l.zip(m, s, |x: u64, y: u64| bits64(lesser!(f(x), f(y)))),
        FloatBinary::Max => l.zip(m, s, |x: u64, y: u64| bits64(greater!(f(x), f(y)))),
        FloatBinary::CopySign => l.zip(m, s, |x: u64, y: u64| x & 1 << 63 | y & !(1 << 63)),
    }
}

#[inline(always)]
pub(crate) fn unary32(l: &mut Lanes, m: u32, op: FloatUnary, d: Slot, a: Slot) {
    match op {
        FloatUnary::Abs => l.map(m, d, a, |x: u32| bits32(f32::from_bits(x).abs())),
        FloatUnary::Neg => l.map(m, d, a, |x: u32| bits32(-f32::from_bits(x))),
        FloatUnary::Sqrt => l.map(m, d, a, |x: u32| bits32(f32::from_bits(x).sqrt())),
        FloatUnary::Reciprocal => l.map(m, d, a, |x: u32| bits32(f32::from_bits(x).recip())),
        FloatUnary::Round(to) => l.map(m, d, a, |x: u32| {
            let x = f32::from_bits(x);
            bits32(match to {
                Rounding::NearestEven => x.round_ties_even(),
                Rounding::Zero => x.trunc(),
                Rounding::Down => x.floor(),
                Rounding::Up => x.ceil(),
            })
        }),
    }
}

#[inline(always)]
pub(crate) fn unary64(l: &mut Lanes, m: u32, op: FloatUnary, d: Slot, a: Slot) {
    match op {
        FloatUnary::Abs => l.map(m, d, a, |x: u64| bits64(f64::from_bits(x).abs())),
        FloatUnary::Neg => l.map(m, d, a, |x: u64| bits64(-f64::from_bits(x))),
        FloatUnary::Sqrt => l.map(m, d, a, |x: u64| bits64(f64::from_bits(x).sqrt())),
        FloatUnary::Reciprocal => l.map(m, d, a, |x: u64| bits64(f64::from_bits(x).recip())),
        FloatUnary::Round(to) => l.map(m, d, a, |x: u64| bits64(round64(f64::from_bits(x), to))),
    }
}

/// Rounds to an integral value.
#[inline(always)]
pub(crate) fn round64(x: f64, to: Rounding) -> f64 {
    match to {
        Rounding::NearestEven => x.round_ties_even(),
        Rounding::Zero => x.trunc(),
        Rounding::Down => x.floor(),
        Rounding::Up => x.ceil(),
    }
}

#[inline(always)]
pub(crate) fn fma(l: &mut Lanes, m: u32, double: bool, s: [Slot; 4]) {
    if double {
        l.zip3(m, s, |x: u64, y: u64, z: u64| {
            bits64(f64::from_bits(x).mul_add(f64::from_bits(y), f64::from_bits(z)))
        });
    } else {
        l.zip3(m, s, |x: u32, y: u32, z: u32| {
            bits32(f32::from_bits(x).mul_add(f32::from_bits(y), f32::from_bits(z)))
        });
    }
}

/// One bit per lane.
#[inline(always)]
pub(crate) fn compare(l: &Lanes, compare: Compare, of: Compared, a: Slot, b: Slot) -> u32 {
    match of {
        Compared::S16 => integer(l, compare, a, b, |x: u32| x as u16 as i16),
        Compared::U32 => integer(l, compare, a, b, |x: u32| x),
        Compared::S32 => integer(l, compare, a, b, |x: u32| x as i32),
        Compared::U64 => integer(l, compare, a, b, |x: u64| x),
        Compared::S64 => integer(l, compare, a, b, |x: u64| x as i64),
        Compared::F32 => float(l, compare, a, b, |x: u32| f64::from(f32::from_bits(x))),
        Compared::F64 => float(l, compare, a, b, f64::from_bits),
    }
}

#[inline(always)]
fn integer<T: super::lanes::Value, V: Ord>(
    l: &Lanes,
    compare: Compare,
    a: Slot,
    b: Slot,
    value: impl Fn(T) -> V,
) -> u32 {
    match compare {
        Compare::Eq | Compare::EqU => l.test(a, b, |x, y| value(x) == value(y)),
        Compare::Ne | Compare::NeU => l.test(a, b, |x, y| value(x) != value(y)),
        Compare::Lt | Compare::LtU => l.test(a, b, |x, y| value(x) < value(y)),
        Compare::Le | Compare::LeU => l.test(a, b, |x, y| value(x) <= value(y)),
        Compare::Gt | Compare::GtU => l.test(a, b, |x, y| value(x) > value(y)),
        Compare::Ge | Compare::GeU => l.test(a, b, |x, y| value(x) >= value(y)),
        Compare::Num => super::ALL,
        Compare::Nan => 0,
    }
}

#[inline(always)]
fn float<T: super::lanes::Value>(
    l: &Lanes,
    compare: Compare,
    a: Slot,
    b: Slot,
    value: impl Fn(T) -> f64,
) -> u32 {
    let nan = l.test(a, b, |x, y| value(x).is_nan() || value(y).is_nan());
    let ordered = match compare {
        Compare::Eq | Compare::EqU => l.test(a, b, |x, y| value(x) == value(y)),
        // Here and only here a NaN makes the comparison of the CPU true.
        Compare::Ne | Compare::NeU => l.test(a, b, |x, y| value(x) != value(y)) & !nan,
        Compare::Lt | Compare::LtU => l.test(a, b, |x, y| value(x) < value(y)),
        Compare::Le | Compare::LeU => l.test(a, b, |x, y| value(x) <= value(y)),
        Compare::Gt | Compare::GtU => l.test(a, b, |x, y| value(x) > value(y)),
        Compare::Ge | Compare::GeU => l.test(a, b, |x, y| value(x) >= value(y)),
        Compare::Num => return !nan,
        Compare::Nan => return nan,
    };
    match compare {
        Compare::EqU | Compare::NeU | Compare::LtU | Compare::LeU | Compare::GtU | Compare::GeU => {
            ordered | nan
        }
        _ => ordered,
    }
}
