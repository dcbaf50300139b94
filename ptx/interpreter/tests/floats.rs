//! Instructions on floats do what the PTX ISA says.

mod device;

use device::bench::Out::{D, P, R, S};
use device::bench::{Case, DOUBLES, INTEGERS, check, triples};

const NAN: u64 = 0x7ff8_0000_0000_0000;

fn f(x: u64) -> f64 {
    f64::from_bits(x)
}
fn g(x: u64) -> f32 {
    f32::from_bits(x as u32)
}
/// The bits of a result.
fn d(x: f64) -> u64 {
    if x.is_nan() { NAN } else { x.to_bits() }
}
fn r(x: f32) -> u64 {
    if x.is_nan() { 0x7fff_ffff } else { x.to_bits().into() }
}

/// The minimum, or maximum where `sign` is -1, of numbers; zeros are told apart by their sign.
fn extreme(a: f64, b: f64, sign: f64) -> f64 {
    match (a.is_nan(), b.is_nan()) {
        (true, _) => b,
        (_, true) => a,
        _ if (sign * a).total_cmp(&(sign * b)).is_lt() => a,
        _ => b,
    }
}

fn doubles() -> Vec<[u64; 3]> {
    triples(&DOUBLES.map(f64::to_bits), 6)
}

fn singles() -> Vec<[u64; 3]> {
    let edges = DOUBLES.map(|x| u64::from((x as f32).to_bits()));
    triples(&edges, 7)
}

#[test]
fn doubles_in_arithmetic() {
    let cases: &[Case] = &[
        ("add.rn.f64 %rd0, %rd1, %rd2", D, |a, b, _| d(f(a) + f(b))),
        ("sub.rn.f64 %rd0, %rd1, %rd2", D, |a, b, _| d(f(a) - f(b))),
        ("mul.rn.f64 %rd0, %rd1, %rd2", D, |a, b, _| d(f(a) * f(b))),
        ("div.rn.f64 %rd0, %rd1, %rd2", D, |a, b, _| d(f(a) / f(b))),
        ("fma.rn.f64 %rd0, %rd1, %rd2, %rd3", D, |a, b, c| d(f(a).mul_add(f(b), f(c)))),
        ("add.rn.f64 %rd0, %rd1, 0d3FE0000000000000", D, |a, _, _| d(f(a) + 0.5)),
        ("min.f64 %rd0, %rd1, %rd2", D, |a, b, _| d(extreme(f(a), f(b), 1.0))),
        ("max.f64 %rd0, %rd1, %rd2", D, |a, b, _| d(extreme(f(a), f(b), -1.0))),
        ("abs.f64 %rd0, %rd1", D, |a, _, _| d(f(a).abs())),
        ("neg.f64 %rd0, %rd1", D, |a, _, _| d(-f(a))),
        ("sqrt.rn.f64 %rd0, %rd1", D, |a, _, _| d(f(a).sqrt())),
        ("rcp.rn.f64 %rd0, %rd1", D, |a, _, _| d(1.0 / f(a))),
        ("copysign.f64 %rd0, %rd1, %rd2", D, |a, b, _| f(b).copysign(f(a)).to_bits()),
        ("cvt.rmi.f64.f64 %rd0, %rd1", D, |a, _, _| d(f(a).floor())),
        ("cvt.rpi.f64.f64 %rd0, %rd1", D, |a, _, _| d(f(a).ceil())),
        ("cvt.rzi.f64.f64 %rd0, %rd1", D, |a, _, _| d(f(a).trunc())),
        ("cvt.rni.f64.f64 %rd0, %rd1", D, |a, _, _| d(f(a).round_ties_even())),
        ("cvt.rn.f32.f64 %r0, %rd1", R, |a, _, _| r(f(a) as f32)),
        ("selp.f64 %rd0, 0d0000000000000000, %rd1, %p3", D, |a, _, c| if c & 1 == 1 { 0 } else { a }),
        ("mov.f64 %rd0, 0dC060000000000000", D, |_, _, _| d(-128.0)),
    ];
    check(cases, &doubles());
}

#[test]
fn singles_in_arithmetic() {
    let cases: &[Case] = &[
        ("add.rn.f32 %r0, %r1, %r2", R, |a, b, _| r(g(a) + g(b))),
        ("sub.rn.f32 %r0, %r1, %r2", R, |a, b, _| r(g(a) - g(b))),
        ("mul.rn.f32 %r0, %r1, %r2", R, |a, b, _| r(g(a) * g(b))),
        ("div.rn.f32 %r0, %r1, %r2", R, |a, b, _| r(g(a) / g(b))),
        ("fma.rn.f32 %r0, %r1, %r2, %r3", R, |a, b, c| r(g(a).mul_add(g(b), g(c)))),
        ("min.f32 %r0, %r1, %r2", R, |a, b, _| r(extreme(g(a).into(), g(b).into(), 1.0) as f32)),
        ("max.f32 %r0, %r1, %r2", R, |a, b, _| r(extreme(g(a).into(), g(b).into(), -1.0) as f32)),
        ("abs.f32 %r0, %r1", R, |a, _, _| r(g(a).abs())),
        ("neg.f32 %r0, %r1", R, |a, _, _| r(-g(a))),
        ("sqrt.rn.f32 %r0, %r1", R, |a, _, _| r(g(a).sqrt())),
        ("rcp.rn.f32 %r0, %r1", R, |a, _, _| r(1.0 / g(a))),
        ("cvt.rni.f32.f32 %r0, %r1", R, |a, _, _| r(g(a).round_ties_even())),
        ("cvt.f64.f32 %rd0, %r1", D, |a, _, _| d(g(a).into())),
        ("setp.lt.f32 %p0, %r1, 0f3F800000", P, |a, _, _| (g(a) < 1.0).into()),
        ("cvt.rzi.s32.f32 %r0, %r1", R, |a, _, _| g(a) as i32 as u32 as u64),
        ("cvt.rzi.s64.f32 %rd0, %r1", D, |a, _, _| if g(a).is_nan() { 1 << 63 } else { g(a) as i64 as u64 }),
    ];
    check(cases, &singles());
}

#[test]
fn doubles_become_integers() {
    // A NaN becomes the highest bit alone, and what is out of range the nearest integer in it.
    let cases: &[Case] = &[
        ("cvt.rzi.s32.f64 %r0, %rd1", R, |a, _, _| clamp(f(a).trunc(), -1i128 << 31, (1 << 31) - 1, 32)),
        ("cvt.rzi.u32.f64 %r0, %rd1", R, |a, _, _| clamp(f(a).trunc(), 0, (1 << 32) - 1, 32)),
        ("cvt.rmi.s32.f64 %r0, %rd1", R, |a, _, _| clamp(f(a).floor(), -1i128 << 31, (1 << 31) - 1, 32)),
        ("cvt.rpi.s32.f64 %r0, %rd1", R, |a, _, _| clamp(f(a).ceil(), -1i128 << 31, (1 << 31) - 1, 32)),
        ("cvt.rni.s32.f64 %r0, %rd1", R, |a, _, _| {
            clamp(f(a).round_ties_even(), -1i128 << 31, (1 << 31) - 1, 32)
        }),
        ("cvt.rzi.s64.f64 %rd0, %rd1", D, |a, _, _| clamp(f(a).trunc(), -1i128 << 63, (1 << 63) - 1, 64)),
        ("cvt.rzi.u64.f64 %rd0, %rd1", D, |a, _, _| clamp(f(a).trunc(), 0, (1 << 64) - 1, 64)),
        ("cvt.rzi.s16.f64 %rs0, %rd1", S, |a, _, _| clamp(f(a).trunc(), -1i128 << 15, (1 << 15) - 1, 16)),
        ("cvt.rzi.u16.f64 %rs0, %rd1", S, |a, _, _| clamp(f(a).trunc(), 0, (1 << 16) - 1, 16)),
    ];
    check(cases, &doubles());
}

fn clamp(x: f64, low: i128, high: i128, bits: u32) -> u64 {
    let value = if x.is_nan() { 1i128 << (bits - 1) } else { (x as i128).clamp(low, high) };
    value as u64 & u64::MAX >> (64 - bits)
}

#[test]
fn integers_become_floats() {
    let cases: &[Case] = &[
        ("cvt.rn.f64.s32 %rd0, %r1", D, |a, _, _| d(a as i32 as f64)),
        ("cvt.rn.f64.u32 %rd0, %r1", D, |a, _, _| d(a as u32 as f64)),
        ("cvt.rn.f64.s64 %rd0, %rd1", D, |a, _, _| d(a as i64 as f64)),
        ("cvt.rn.f64.u64 %rd0, %rd1", D, |a, _, _| d(a as f64)),
        ("cvt.rn.f64.s16 %rd0, %rs1", D, |a, _, _| d(a as i16 as f64)),
        ("cvt.rn.f64.u16 %rd0, %rs1", D, |a, _, _| d(a as u16 as f64)),
        ("cvt.rn.f32.s32 %r0, %r1", R, |a, _, _| r(a as i32 as f32)),
        ("cvt.rn.f32.u32 %r0, %r1", R, |a, _, _| r(a as u32 as f32)),
        ("cvt.rn.f32.s64 %r0, %rd1", R, |a, _, _| r(a as i64 as f32)),
    ];
    check(cases, &triples(&INTEGERS, 8));
}

#[test]
fn comparisons() {
    fn nan(a: u64, b: u64) -> bool {
        f(a).is_nan() || f(b).is_nan()
    }
    let cases: &[Case] = &[
        ("setp.eq.f64 %p0, %rd1, %rd2", P, |a, b, _| (f(a) == f(b)).into()),
        ("setp.ne.f64 %p0, %rd1, %rd2", P, |a, b, _| (f(a) != f(b) && !nan(a, b)).into()),
        ("setp.lt.f64 %p0, %rd1, %rd2", P, |a, b, _| (f(a) < f(b)).into()),
        ("setp.le.f64 %p0, %rd1, %rd2", P, |a, b, _| (f(a) <= f(b)).into()),
        ("setp.gt.f64 %p0, %rd1, %rd2", P, |a, b, _| (f(a) > f(b)).into()),
        ("setp.ge.f64 %p0, %rd1, %rd2", P, |a, b, _| (f(a) >= f(b)).into()),
        ("setp.equ.f64 %p0, %rd1, %rd2", P, |a, b, _| (f(a) == f(b) || nan(a, b)).into()),
        ("setp.neu.f64 %p0, %rd1, %rd2", P, |a, b, _| (f(a) != f(b)).into()),
        ("setp.ltu.f64 %p0, %rd1, %rd2", P, |a, b, _| (f(a) < f(b) || nan(a, b)).into()),
        ("setp.leu.f64 %p0, %rd1, %rd2", P, |a, b, _| (f(a) <= f(b) || nan(a, b)).into()),
        ("setp.gtu.f64 %p0, %rd1, %rd2", P, |a, b, _| (f(a) > f(b) || nan(a, b)).into()),
        ("setp.geu.f64 %p0, %rd1, %rd2", P, |a, b, _| (f(a) >= f(b) || nan(a, b)).into()),
        ("setp.num.f64 %p0, %rd1, %rd2", P, |a, b, _| (!nan(a, b)).into()),
        ("setp.nan.f64 %p0, %rd1, %rd2", P, |a, b, _| nan(a, b).into()),
    ];
    check(cases, &doubles());
}
