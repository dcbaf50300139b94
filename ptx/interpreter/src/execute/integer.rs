//! Integer arithmetic.

use super::fault::{Fault, FaultKind};
use super::lanes::{Lanes, Value, lanes_of};
use crate::op::{Binary, Shift, Slot, Ternary, Unary, Width};

/// `d = a op b` of 16 bits, kept in 32.
#[inline(always)]
pub(crate) fn binary16(l: &mut Lanes, m: u32, op: Binary, s: [Slot; 3]) -> Result<(), Fault> {
    let signed = |x: u32| x as u16 as i16;
    let unsigned = |x: i16| u32::from(x as u16);
    match op {
        Binary::Add => l.zip(m, s, |x: u32, y: u32| x.wrapping_add(y) & 0xffff),
        Binary::Sub => l.zip(m, s, |x: u32, y: u32| x.wrapping_sub(y) & 0xffff),
        Binary::MulLo => l.zip(m, s, |x: u32, y: u32| x.wrapping_mul(y) & 0xffff),
        Binary::MulHiS => l.zip(m, s, |x: u32, y: u32| {
            ((i32::from(signed(x)) * i32::from(signed(y))) >> 16) as u32 & 0xffff
        }),
        Binary::MulHiU => l.zip(m, s, |x: u32, y: u32| x.wrapping_mul(y) >> 16),
        Binary::MinS => l.zip(m, s, |x: u32, y: u32| unsigned(signed(x).min(signed(y)))),
        Binary::MaxS => l.zip(m, s, |x: u32, y: u32| unsigned(signed(x).max(signed(y)))),
        Binary::DivS | Binary::RemS => {
            overflow(l, m, s, |x: u32, y: u32| x == 0x8000 && y == 0xffff)?;
            let remainder = op == Binary::RemS;
            l.zip(m, s, |x: u32, y: u32| {
                let (x, y) = (signed(x), signed(y));
                unsigned(if remainder { x.checked_rem(y) } else { x.checked_div(y) }.unwrap_or(0))
            });
        }
        // Upper halves are zero, and stay so.
        _ => return binary32(l, m, op, s),
    }
    Ok(())
}

/// `d = a op b` of 32 bits.
#[inline(always)]
pub(crate) fn binary32(l: &mut Lanes, m: u32, op: Binary, s: [Slot; 3]) -> Result<(), Fault> {
    match op {
        Binary::Add => l.zip(m, s, u32::wrapping_add),
        Binary::Sub => l.zip(m, s, u32::wrapping_sub),
        Binary::MulLo => l.zip(m, s, u32::wrapping_mul),
        Binary::MulHiS => l.zip(m, s, high_signed),
        Binary::MulHiU => l.zip(m, s, high_unsigned),
        Binary::And => l.zip(m, s, |x: u32, y: u32| x & y),
        Binary::Or => l.zip(m, s, |x: u32, y: u32| x | y),
        Binary::Xor => l.zip(m, s, |x: u32, y: u32| x ^ y),
        Binary::MinS => l.zip(m, s, |x: u32, y: u32| (x as i32).min(y as i32) as u32),
        Binary::MinU => l.zip(m, s, |x: u32, y: u32| x.min(y)),
        Binary::MaxS => l.zip(m, s, |x: u32, y: u32| (x as i32).max(y as i32) as u32),
        Binary::MaxU => l.zip(m, s, |x: u32, y: u32| x.max(y)),
        Binary::DivS | Binary::RemS => {
            overflow(l, m, s, |x: u32, y: u32| x == 1 << 31 && y == u32::MAX)?;
            let remainder = op == Binary::RemS;
            l.zip(m, s, |x: u32, y: u32| {
                let (x, y) = (x as i32, y as i32);
                if remainder { x.checked_rem(y) } else { x.checked_div(y) }.unwrap_or(0) as u32
            });
        }
        Binary::DivU | Binary::RemU => {
            overflow(l, m, s, |_: u32, _: u32| false)?;
            let remainder = op == Binary::RemU;
            l.zip(m, s, |x: u32, y: u32| {
                if remainder { x.checked_rem(y) } else { x.checked_div(y) }.unwrap_or(0)
            });
        }
    }
    Ok(())
}

/// `d = a op b` of 64 bits.
#[inline(always)]
pub(crate) fn binary64(l: &mut Lanes, m: u32, op: Binary, s: [Slot; 3]) -> Result<(), Fault> {
    match op {
        Binary::Add => l.zip(m, s, u64::wrapping_add),
        Binary::Sub => l.zip(m, s, u64::wrapping_sub),
        Binary::MulLo => l.zip(m, s, u64::wrapping_mul),
        Binary::MulHiS => {
            l.zip(m, s, |x: u64, y: u64| ((i128::from(x as i64) * i128::from(y as i64)) >> 64) as u64)
        }
        Binary::MulHiU => l.zip(m, s, |x: u64, y: u64| ((u128::from(x) * u128::from(y)) >> 64) as u64),
        Binary::And => l.zip(m, s, |x: u64, y: u64| x & y),
        Binary::Or => l.zip(m, s, |x: u64, y: u64| x | y),
        Binary::Xor => l.zip(m, s, |x: u64, y: u64| x ^ y),
        Binary::MinS => l.zip(m, s, |x: u64, y: u64| (x as i64).min(y as i64) as u64),
        Binary::MinU => l.zip(m, s, |x: u64, y: u64| x.min(y)),
        Binary::MaxS => l.zip(m, s, |x: u64, y: u64| (x as i64).max(y as i64) as u64),
        Binary::MaxU => l.zip(m, s, |x: u64, y: u64| x.max(y)),
        Binary::DivS | Binary::RemS => {
            overflow(l, m, s, |x: u64, y: u64| x == 1 << 63 && y == u64::MAX)?;
            let remainder = op == Binary::RemS;
            l.zip(m, s, |x: u64, y: u64| {
                let (x, y) = (x as i64, y as i64);
                if remainder { x.checked_rem(y) } else { x.checked_div(y) }.unwrap_or(0) as u64
            });
        }
        Binary::DivU | Binary::RemU => {
            overflow(l, m, s, |_: u64, _: u64| false)?;
            let remainder = op == Binary::RemU;
            l.zip(m, s, |x: u64, y: u64| {
                if remainder { x.checked_rem(y) } else { x.checked_div(y) }.unwrap_or(0)
            });
        }
    }
    Ok(())
}

/// Neither is a divisor zero nor does a quotient overflow: what a card gives then is not specified.
#[inline(always)]
fn overflow<T: Value + PartialEq>(
    l: &Lanes,
    m: u32,
    [_, a, b]: [Slot; 3],
    overflows: impl Fn(T, T) -> bool,
) -> Result<(), Fault> {
    let (a, b) = (l.get::<T>(a), l.get::<T>(b));
    for lane in lanes_of(m) {
        if b[lane] == T::default() {
            return Err(FaultKind::DivideByZero.at(lane as u32));
        }
        if overflows(a[lane], b[lane]) {
            return Err(FaultKind::DivideOverflow.at(lane as u32));
        }
    }
    Ok(())
}

/// Shifts; an amount that is too large shifts all bits out.
#[inline(always)]
pub(crate) fn shift(l: &mut Lanes, m: u32, op: Shift, width: Width, s: [Slot; 3]) {
    match (width, op) {
        (Width::W16, Shift::Left) => l.zip(m, s, |x: u32, n: u32| (x << n.min(16)) & 0xffff),
        (Width::W16, Shift::RightU) => l.zip(m, s, |x: u32, n: u32| x >> n.min(16)),
        (Width::W16, Shift::RightS) => {
            l.zip(m, s, |x: u32, n: u32| (i32::from(x as u16 as i16) >> n.min(16)) as u32 & 0xffff)
        }
        (Width::W32, Shift::Left) => l.zip(m, s, |x: u32, n: u32| if n < 32 { x << (n & 31) } else { 0 }),
        (Width::W32, Shift::RightU) => l.zip(m, s, |x: u32, n: u32| if n < 32 { x >> (n & 31) } else { 0 }),
        (Width::W32, Shift::RightS) => l.zip(m, s, |x: u32, n: u32| ((x as i32) >> n.min(31)) as u32),
        (Width::W64, Shift::Left) => l.zip(m, s, |x: u64, n: u32| if n < 64 { x << (n & 63) } else { 0 }),
        (Width::W64, Shift::RightU) => l.zip(m, s, |x: u64, n: u32| if n < 64 { x >> (n & 63) } else { 0 }),
        (Width::W64, Shift::RightS) => l.zip(m, s, |x: u64, n: u32| ((x as i64) >> n.min(63)) as u64),
    }
}

/// Operations on one register.
#[inline(always)]
pub(crate) fn unary(l: &mut Lanes, m: u32, op: Unary, width: Width, d: Slot, a: Slot) {
    let sixteen = |x: u32| i32::from(x as u16 as i16);
    match (width, op) {
        (Width::W16 | Width::W32, Unary::Mov) => l.map(m, d, a, |x: u32| x),
        (Width::W64, Unary::Mov) => l.map(m, d, a, |x: u64| x),
        (Width::W16, Unary::Not) => l.map(m, d, a, |x: u32| !x & 0xffff),
        (Width::W16, Unary::Neg) => l.map(m, d, a, |x: u32| x.wrapping_neg() & 0xffff),
        (Width::W16, Unary::Abs) => l.map(m, d, a, |x: u32| sixteen(x).unsigned_abs()),
        // None of the decoder's.
        (Width::W16, Unary::Clz) => l.map(m, d, a, |x: u32| (x as u16).leading_zeros()),
        (Width::W16 | Width::W32, Unary::Popc) => l.map(m, d, a, u32::count_ones),
        (Width::W16, Unary::Brev) => l.map(m, d, a, |x: u32| u32::from((x as u16).reverse_bits())),
        (Width::W32, Unary::Not) => l.map(m, d, a, |x: u32| !x),
        (Width::W32, Unary::Neg) => l.map(m, d, a, u32::wrapping_neg),
        (Width::W32, Unary::Abs) => l.map(m, d, a, |x: u32| (x as i32).unsigned_abs()),
        (Width::W32, Unary::Clz) => l.map(m, d, a, u32::leading_zeros),
        (Width::W32, Unary::Brev) => l.map(m, d, a, u32::reverse_bits),
        (Width::W64, Unary::Not) => l.map(m, d, a, |x: u64| !x),
        (Width::W64, Unary::Neg) => l.map(m, d, a, u64::wrapping_neg),
        (Width::W64, Unary::Abs) => l.map(m, d, a, |x: u64| (x as i64).unsigned_abs()),
        (Width::W64, Unary::Clz) => l.map(m, d, a, u64::leading_zeros),
        (Width::W64, Unary::Popc) => l.map(m, d, a, u64::count_ones),
        (Width::W64, Unary::Brev) => l.map(m, d, a, u64::reverse_bits),
    }
}

/// Operations on three 32-bit registers.
#[inline(always)]
pub(crate) fn ternary(l: &mut Lanes, m: u32, op: Ternary, s: [Slot; 4]) -> Result<(), Fault> {
    match op {
        Ternary::MadLo => l.zip3(m, s, |x: u32, y: u32, z: u32| x.wrapping_mul(y).wrapping_add(z)),
        Ternary::MadHiS => l.zip3(m, s, |x: u32, y: u32, z: u32| high_signed(x, y).wrapping_add(z)),
        Ternary::MadHiU => l.zip3(m, s, |x: u32, y: u32, z: u32| high_unsigned(x, y).wrapping_add(z)),
        Ternary::BfeS => l.zip3(m, s, |x: u32, position: u32, length: u32| {
            extract(x as i32 as i64 as u64, 32, position, length, true) as u32
        }),
        Ternary::BfeU => l.zip3(m, s, |x: u32, position: u32, length: u32| {
            extract(u64::from(x), 32, position, length, false) as u32
        }),
        Ternary::Prmt => {
            let modes = l.get::<u32>(s[3]);
            if let Some(lane) = lanes_of(m).find(|&lane| modes[lane] > 0xffff) {
                return Err(FaultKind::Permutation(modes[lane]).at(lane as u32));
            }
            l.zip3(m, s, permute);
        }
        Ternary::ShfLeftWrap => l.zip3(m, s, |x: u32, y: u32, n: u32| funnel_left(x, y, n & 31)),
        Ternary::ShfLeftClamp => l.zip3(m, s, |x: u32, y: u32, n: u32| funnel_left(x, y, n.min(32))),
        Ternary::ShfRightWrap => l.zip3(m, s, |x: u32, y: u32, n: u32| funnel_right(x, y, n & 31)),
        Ternary::ShfRightClamp => l.zip3(m, s, |x: u32, y: u32, n: u32| funnel_right(x, y, n.min(32))),
        Ternary::Lop3(table) => l.zip3(m, s, |x: u32, y: u32, z: u32| {
            (0..8).filter(|index| table >> index & 1 != 0).fold(0, |out, index| {
                let pick = |value: u32, bit: u8| if index & bit != 0 { value } else { !value };
                out | pick(x, 4) & pick(y, 2) & pick(z, 1)
            })
        }),
        Ternary::Dp4a(signed_a, signed_b) => l.zip3(m, s, |x: u32, y: u32, z: u32| {
            let byte = |x: u8, signed: bool| if signed { i32::from(x as i8) } else { i32::from(x) };
            let pairs = x.to_le_bytes().into_iter().zip(y.to_le_bytes());
            let sum: i32 = pairs.map(|(x, y)| byte(x, signed_a) * byte(y, signed_b)).sum();
            z.wrapping_add(sum as u32)
        }),
    }
    Ok(())
}

#[inline(always)]
fn high_signed(x: u32, y: u32) -> u32 {
    ((i64::from(x as i32) * i64::from(y as i32)) >> 32) as u32
}

#[inline(always)]
fn high_unsigned(x: u32, y: u32) -> u32 {
    ((u64::from(x) * u64::from(y)) >> 32) as u32
}

/// The high word of `y:x` shifted left.
#[inline(always)]
fn funnel_left(x: u32, y: u32, n: u32) -> u32 {
    let both = u64::from(y) << 32 | u64::from(x);
    ((both << n) >> 32) as u32
}

/// The low word of `y:x` shifted right.
#[inline(always)]
fn funnel_right(x: u32, y: u32, n: u32) -> u32 {
    let both = u64::from(y) << 32 | u64::from(x);
    (both >> n) as u32
}

/// Each byte of the result is one of `y:x`, or eight copies of its sign.
#[inline(always)]
fn permute(x: u32, y: u32, selector: u32) -> u32 {
    let both = u64::from(y) << 32 | u64::from(x);
    let mut out = 0;
    for index in 0..4 {
        let pick = selector >> (4 * index) & 15;
        let byte = (both >> (8 * (pick & 7))) as u8;
        let byte = if pick & 8 != 0 { ((byte as i8) >> 7) as u8 } else { byte };
        out |= u32::from(byte) << (8 * index);
    }
    out
}

/// `length` bits from `position`, extended by their sign where signed. Bits past the width are the sign's. `x` is
/// extended to 64 bits as it is signed or not.
#[inline(always)]
pub(crate) fn extract(x: u64, width: u32, position: u32, length: u32, signed: bool) -> u64 {
    let (position, length) = (position & 255, length & 255);
    if length == 0 {
        return 0;
    }
    let sign = signed && x >> (position + length - 1).min(width - 1) & 1 != 0;
    let fill = if sign { u64::MAX } else { 0 };
    // Bits of the field that are in the register.
    let inside = length.min(width.saturating_sub(position));
    if inside == 0 {
        return fill;
    }
    let low = u64::MAX >> (64 - inside);
    x >> position & low | fill & !low
}

/// `length` bits of `x`, put into `y` from `position`. Bits past the width are dropped.
#[inline(always)]
pub(crate) fn insert(x: u64, y: u64, width: u32, position: u32, length: u32) -> u64 {
    let (position, length) = (position & 255, length & 255);
    let inside = length.min(width.saturating_sub(position));
    if inside == 0 {
        return y;
    }
    let field = u64::MAX >> (64 - inside) << position;
    y & !field | x << position & field
}
