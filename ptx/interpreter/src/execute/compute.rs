//! What each lane computes for itself.

use multiversion::multiversion;

use super::fault::Fault;
use super::lanes::{Lanes, put};
use super::{ALL, convert, float, integer};
use crate::op::{Logic, Op, Slot, Width};

/// Runs an instruction that has only registers, for the lanes of `m`.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "aarch64+neon"))]
pub(crate) fn compute(l: &mut Lanes, m: u32, op: &Op) -> Result<(), Fault> {
    match *op {
        Op::Binary { op, width: Width::W32, d, a, b } => integer::binary32(l, m, op, [d, a, b])?,
        Op::Binary { op, width: Width::W64, d, a, b } => integer::binary64(l, m, op, [d, a, b])?,
        Op::Binary { op, width: Width::W16, d, a, b } => integer::binary16(l, m, op, [d, a, b])?,
        Op::Shift { op, width, d, a, b } => integer::shift(l, m, op, width, [d, a, b]),
        Op::Unary { op, width, d, a } => integer::unary(l, m, op, width, d, a),
        Op::Ternary { op, d, a, b, c } => integer::ternary(l, m, op, [d, a, b, c])?,
        Op::Insert { .. } | Op::Extract64 { .. } => field(l, m, op),
        Op::Mad16 { d, a, b, c } => {
            l.zip3(m, [d, a, b, c], |x: u32, y: u32, z: u32| x.wrapping_mul(y).wrapping_add(z) & 0xffff)
        }
        Op::Mad64 { d, a, b, c } => {
            l.zip3(m, [d, a, b, c], |x: u64, y: u64, z: u64| x.wrapping_mul(y).wrapping_add(z))
        }
        Op::Wide { signed, from16, d, a, b, c } => wide(l, m, signed, from16, [d, a, b], c),
        Op::Float32 { op, d, a, b } => float::binary32(l, m, op, [d, a, b]),
        Op::Float64 { op, d, a, b } => float::binary64(l, m, op, [d, a, b]),
        Op::FloatUnary { op, double: false, d, a } => float::unary32(l, m, op, d, a),
        Op::FloatUnary { op, double: true, d, a } => float::unary64(l, m, op, d, a),
        Op::Fma { double, d, a, b, c } => float::fma(l, m, double, [d, a, b, c]),
        Op::Compare { compare, of, d, not, a, b, with } => {
            let bits = float::compare(l, compare, of, a, b);
            let (mut yes, mut no) = (bits, !bits);
            if let Some((logic, with, negated)) = with {
                let with = l.predicates[with as usize] ^ if negated { ALL } else { 0 };
                (yes, no) = (logical(logic, yes, with), logical(logic, no, with));
            }
            l.set_predicate(d, yes, m);
            if let Some(not) = not {
                l.set_predicate(not, no, m);
            }
        }
        Op::Select { wide, d, a, b, predicate } => {
            let bits = l.predicates[predicate as usize];
            if wide {
                let mut out = *l.get::<u64>(b);
                put(&mut out, l.get(a), bits);
                l.set(d, &out, m);
            } else {
                let mut out = *l.get::<u32>(b);
                put(&mut out, l.get(a), bits);
                l.set(d, &out, m);
            }
        }
        Op::Logic { op, d, a, b } => {
            let bits = logical(op, l.predicates[a as usize], l.predicates[b as usize]);
            l.set_predicate(d, bits, m);
        }
        Op::Not { d, a } => l.set_predicate(d, !l.predicates[a as usize], m),
        Op::SetPredicate { d, holds } => l.set_predicate(d, if holds { ALL } else { 0 }, m),
        Op::MovPredicate { d, a } => l.set_predicate(d, l.predicates[a as usize], m),
        Op::Extend { extend, d, a } => convert::extend(l, m, extend, d, a),
        Op::FloatToInt { round, double, to, d, a } => {
            convert::float_to_int(l, m, round, double, to, d, a);
        }
        Op::IntToFloat { double, from, d, a } => convert::int_to_float(l, m, double, from, d, a.slot),
        Op::Widen { d, a } => convert::widen(l, m, d, a),
        Op::Narrow { d, a } => convert::narrow(l, m, d, a),
        Op::Pack { from, parts, d, a } => convert::pack(l, m, from, parts, d, a),
        Op::Unpack { to, parts, d, a } => convert::unpack(l, m, to, parts, d, a),
        // What goes further than the registers of one lane is run elsewhere.
        _ => {}
    }
    Ok(())
}

#[inline(always)]
fn logical(op: Logic, a: u32, b: u32) -> u32 {
    match op {
        Logic::And => a & b,
        Logic::Or => a | b,
        Logic::Xor => a ^ b,
    }
}

/// Products of twice the width of their factors.
#[inline(always)]
fn wide(l: &mut Lanes, m: u32, signed: bool, from16: bool, [d, a, b]: [Slot; 3], c: Option<Slot>) {
    let signed32 = |x: u32, y: u32| (i64::from(x as i32) * i64::from(y as i32)) as u64;
    let unsigned32 = |x: u32, y: u32| u64::from(x) * u64::from(y);
    let signed16 = |x: u32, y: u32| (i32::from(x as i16) * i32::from(y as i16)) as u32;
    match (from16, signed, c) {
        (false, true, None) => l.zip(m, [d, a, b], signed32),
        (false, false, None) => l.zip(m, [d, a, b], unsigned32),
        (true, true, None) => l.zip(m, [d, a, b], signed16),
        (true, false, None) => l.zip(m, [d, a, b], u32::wrapping_mul),
        (false, true, Some(c)) => l.zip3(m, [d, a, b, c], |x, y, z: u64| signed32(x, y).wrapping_add(z)),
        (false, false, Some(c)) => l.zip3(m, [d, a, b, c], |x, y, z: u64| unsigned32(x, y).wrapping_add(z)),
        (true, true, Some(c)) => l.zip3(m, [d, a, b, c], |x, y, z: u32| signed16(x, y).wrapping_add(z)),
        (true, false, Some(c)) => {
            l.zip3(m, [d, a, b, c], |x: u32, y: u32, z: u32| x.wrapping_mul(y).wrapping_add(z));
        }
    }
}

/// `bfi`, and `bfe` of 64 bits.
#[inline(always)]
fn field(l: &mut Lanes, m: u32, op: &Op) {
    match *op {
        Op::Insert { wide: false, d, a, b, position, length } => {
            let (x, y) = (*l.get::<u32>(a), *l.get::<u32>(b));
            let (p, n) = (l.get::<u32>(position), l.get::<u32>(length));
            let out = std::array::from_fn(|i| {
                integer::insert(u64::from(x[i]), u64::from(y[i]), 32, p[i], n[i]) as u32
            });
            l.set(d, &out, m);
        }
        Op::Insert { wide: true, d, a, b, position, length } => {
            let (x, y) = (*l.get::<u64>(a), *l.get::<u64>(b));
            let (p, n) = (l.get::<u32>(position), l.get::<u32>(length));
            let out = std::array::from_fn(|i| integer::insert(x[i], y[i], 64, p[i], n[i]));
            l.set(d, &out, m);
        }
        Op::Extract64 { signed, d, a, position, length } => {
            l.zip3(m, [d, a, position, length], |x: u64, p: u32, n: u32| {
                integer::extract(x, 64, p, n, signed)
            });
        }
        _ => {}
    }
}
