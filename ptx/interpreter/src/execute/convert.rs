//! Conversions and moves between files.

use super::float::round64;
use super::lanes::{Lanes, Value};
use crate::op::{Extend, File, Integer, Place, Rounding, Slot};

/// Cuts and extends.
#[inline(always)]
pub(crate) fn extend(l: &mut Lanes, m: u32, extend: Extend, d: Place, a: Place) {
    match (d.file, a.file) {
        (File::W16, File::W64) => extended(l, m, extend, d.slot, a.slot, |x: u64| x, |x| x as u32 & 0xffff),
        (File::W16, _) => {
            extended(l, m, extend, d.slot, a.slot, |x: u32| u64::from(x), |x| x as u32 & 0xffff)
        }
        (File::W32, File::W64) => extended(l, m, extend, d.slot, a.slot, |x: u64| x, |x| x as u32),
        (File::W32, _) => extended(l, m, extend, d.slot, a.slot, |x: u32| u64::from(x), |x| x as u32),
        (File::W64, File::W64) => extended(l, m, extend, d.slot, a.slot, |x: u64| x, |x| x),
        (File::W64, _) => extended(l, m, extend, d.slot, a.slot, |x: u32| u64::from(x), |x| x),
    }
}

#[inline(always)]
fn extended<A: Value, D: Value>(
    l: &mut Lanes,
    m: u32,
    extend: Extend,
    d: Slot,
    a: Slot,
    from: impl Fn(A) -> u64,
    to: impl Fn(u64) -> D,
) {
    match extend {
        Extend::S8 => l.map(m, d, a, |x| to(from(x) as i8 as u64)),
        Extend::U8 => l.map(m, d, a, |x| to(u64::from(from(x) as u8))),
        Extend::S16 => l.map(m, d, a, |x| to(from(x) as i16 as u64)),
        Extend::U16 => l.map(m, d, a, |x| to(u64::from(from(x) as u16))),
        Extend::S32 => l.map(m, d, a, |x| to(from(x) as i32 as u64)),
        Extend::U32 => l.map(m, d, a, |x| to(u64::from(from(x) as u32))),
        Extend::All => l.map(m, d, a, |x| to(from(x))),
    }
}

/// Rounds and clamps to the range of the type. A NaN becomes 0, or the highest bit alone where one of the types is of
/// 64 bits.
#[inline(always)]
pub(crate) fn float_to_int(
    l: &mut Lanes,
    m: u32,
    round: Rounding,
    double: bool,
    to: Integer,
    d: Place,
    a: Slot,
) {
    let integer = |x: f64| -> u64 {
        let nan = x.is_nan();
        let x = round64(x, round);
        let long = matches!(to, Integer::S64 | Integer::U64);
        let (value, bits) = match to {
            Integer::S16 => (x.clamp(-32768.0, 32767.0) as i16 as u16 as u64, 16),
            Integer::U16 => (x.clamp(0.0, 65535.0) as u16 as u64, 16),
            Integer::S32 => (x as i32 as u32 as u64, 32),
            Integer::U32 => (x as u32 as u64, 32),
            Integer::S64 => (x as i64 as u64, 64),
            Integer::U64 => (x as u64, 64),
        };
        match nan {
            false => value,
            true if double || long => 1 << (bits - 1),
            true => 0,
        }
    };
    let d = (d.slot, d.file == File::W64);
    match (double, d) {
        (true, (d, true)) => l.map(m, d, a, |x: u64| integer(f64::from_bits(x))),
        (true, (d, false)) => l.map(m, d, a, |x: u64| integer(f64::from_bits(x)) as u32),
        (false, (d, true)) => l.map(m, d, a, |x: u32| integer(f64::from(f32::from_bits(x)))),
        (false, (d, false)) => l.map(m, d, a, |x: u32| integer(f64::from(f32::from_bits(x))) as u32),
    }
}

/// To the nearest float, ties to even.
#[inline(always)]
pub(crate) fn int_to_float(l: &mut Lanes, m: u32, double: bool, from: Integer, d: Slot, a: Slot) {
    macro_rules! to {
        ($t:ty, $r:ty) => {
            if double {
                l.map(m, d, a, |x: $r| (x as $t as f64).to_bits())
            } else {
                l.map(m, d, a, |x: $r| (x as $t as f32).to_bits())
            }
        };
    }
    match from {
        Integer::S16 => to!(i16, u32),
        Integer::U16 => to!(u16, u32),
        Integer::S32 => to!(i32, u32),
        Integer::U32 => to!(u32, u32),
        Integer::S64 => to!(i64, u64),
        Integer::U64 => to!(u64, u64),
    }
}

/// Single to double.
#[inline(always)]
pub(crate) fn widen(l: &mut Lanes, m: u32, d: Slot, a: Slot) {
    l.map(m, d, a, |x: u32| {
        let x = f64::from(f32::from_bits(x));
        if x.is_nan() { 0x7ff8_0000_0000_0000 } else { x.to_bits() }
    });
}

/// Double to single, to the nearest, ties to even.
#[inline(always)]
pub(crate) fn narrow(l: &mut Lanes, m: u32, d: Slot, a: Slot) {
    l.map(m, d, a, |x: u64| {
        let x = f64::from_bits(x) as f32;
        if x.is_nan() { 0x7fff_ffff } else { x.to_bits() }
    });
}

/// Registers of the 32-bit file side by side.
#[inline(always)]
pub(crate) fn pack(l: &mut Lanes, m: u32, from: File, parts: u8, d: Place, a: [Slot; 4]) {
    let bits = if from == File::W16 { 16 } else { 32 };
    let mut out = [0u64; 32];
    for (part, &slot) in a.iter().enumerate().take(usize::from(parts)) {
        for (out, value) in out.iter_mut().zip(l.get::<u32>(slot)) {
            *out |= u64::from(*value) << (bits * part);
        }
    }
    if d.file == File::W64 {
        l.set(d.slot, &out, m);
    } else {
        l.set(d.slot, &out.map(|x| x as u32), m);
    }
}

/// Parts of a register.
#[inline(always)]
pub(crate) fn unpack(l: &mut Lanes, m: u32, to: File, parts: u8, d: [Option<Slot>; 4], a: Place) {
    let (bits, low) = if to == File::W16 { (16, 0xffff) } else { (32, u32::MAX) };
    let value = match a.file {
        File::W64 => *l.get::<u64>(a.slot),
        _ => l.get::<u32>(a.slot).map(u64::from),
    };
    for (part, slot) in d.iter().enumerate().take(usize::from(parts)) {
        if let Some(slot) = slot {
            l.set(*slot, &value.map(|x| (x >> (bits * part)) as u32 & low), m);
        }
    }
}
