//! Instructions on integers do what the PTX ISA says.

mod device;

use device::bench::Out::{D, P, R, S};
use device::bench::{Case, INTEGERS, check, run, triples};

fn s16(x: u64) -> i128 {
    i128::from(x as i16)
}
fn s32(x: u64) -> i128 {
    i128::from(x as i32)
}
fn s64(x: u64) -> i128 {
    i128::from(x as i64)
}
fn u16(x: u64) -> i128 {
    i128::from(x as u16)
}
fn u32(x: u64) -> i128 {
    i128::from(x as u32)
}
fn u64(x: u64) -> i128 {
    i128::from(x)
}
/// The low bits of a result.
fn d(x: i128) -> u64 {
    x as u64
}
fn r(x: i128) -> u64 {
    x as u32 as u64
}
fn s(x: i128) -> u64 {
    x as u16 as u64
}

#[test]
fn arithmetic() {
    let cases: &[Case] = &[
        ("add.s32 %r0, %r1, %r2", R, |a, b, _| r(u32(a) + u32(b))),
        ("add.s64 %rd0, %rd1, %rd2", D, |a, b, _| d(u64(a) + u64(b))),
        ("add.s16 %rs0, %rs1, %rs2", S, |a, b, _| s(u16(a) + u16(b))),
        ("add.s32 %r0, %r1, -5", R, |a, _, _| r(u32(a) - 5)),
        ("sub.s32 %r0, %r1, %r2", R, |a, b, _| r(u32(a) - u32(b))),
        ("sub.s64 %rd0, %rd1, %rd2", D, |a, b, _| d(u64(a) - u64(b))),
        ("sub.s16 %rs0, %rs1, %rs2", S, |a, b, _| s(u16(a) - u16(b))),
        ("mul.lo.s32 %r0, %r1, %r2", R, |a, b, _| r(s32(a) * s32(b))),
        ("mul.lo.s64 %rd0, %rd1, %rd2", D, |a, b, _| d(s64(a) * s64(b))),
        ("mul.lo.s16 %rs0, %rs1, %rs2", S, |a, b, _| s(s16(a) * s16(b))),
        ("mul.hi.s32 %r0, %r1, %r2", R, |a, b, _| r((s32(a) * s32(b)) >> 32)),
        ("mul.hi.u32 %r0, %r1, %r2", R, |a, b, _| r((u32(a) * u32(b)) >> 32)),
        ("mul.hi.s64 %rd0, %rd1, %rd2", D, |a, b, _| d((s64(a) * s64(b)) >> 64)),
        ("mul.hi.u64 %rd0, %rd1, %rd2", D, |a, b, _| ((a as u128 * b as u128) >> 64) as u64),
        ("mul.hi.s16 %rs0, %rs1, %rs2", S, |a, b, _| s((s16(a) * s16(b)) >> 16)),
        ("mul.hi.u16 %rs0, %rs1, %rs2", S, |a, b, _| s((u16(a) * u16(b)) >> 16)),
        ("mul.wide.s32 %rd0, %r1, %r2", D, |a, b, _| d(s32(a) * s32(b))),
        ("mul.wide.u32 %rd0, %r1, %r2", D, |a, b, _| d(u32(a) * u32(b))),
        ("mul.wide.s32 %rd0, %r1, -4", D, |a, _, _| d(s32(a) * -4)),
        ("mul.wide.s16 %r0, %rs1, %rs2", R, |a, b, _| r(s16(a) * s16(b))),
        ("mul.wide.u16 %r0, %rs1, %rs2", R, |a, b, _| r(u16(a) * u16(b))),
        ("mad.lo.s32 %r0, %r1, %r2, %r3", R, |a, b, c| r(s32(a) * s32(b) + s32(c))),
        ("mad.lo.s64 %rd0, %rd1, %rd2, %rd3", D, |a, b, c| d(s64(a) * s64(b) + s64(c))),
        ("mad.lo.s16 %rs0, %rs1, %rs2, %rs3", S, |a, b, c| s(s16(a) * s16(b) + s16(c))),
        ("mad.hi.s32 %r0, %r1, %r2, %r3", R, |a, b, c| r(((s32(a) * s32(b)) >> 32) + s32(c))),
        ("mad.hi.u32 %r0, %r1, %r2, %r3", R, |a, b, c| r(((u32(a) * u32(b)) >> 32) + u32(c))),
        ("mad.wide.s32 %rd0, %r1, %r2, %rd3", D, |a, b, c| d(s32(a) * s32(b) + s64(c))),
        ("mad.wide.u32 %rd0, %r1, %r2, %rd3", D, |a, b, c| d(u32(a) * u32(b) + u64(c))),
        ("mad.wide.s16 %r0, %rs1, %rs2, %r3", R, |a, b, c| r(s16(a) * s16(b) + s32(c))),
        ("min.s32 %r0, %r1, %r2", R, |a, b, _| r(s32(a).min(s32(b)))),
        ("min.u32 %r0, %r1, %r2", R, |a, b, _| r(u32(a).min(u32(b)))),
        ("max.s32 %r0, %r1, %r2", R, |a, b, _| r(s32(a).max(s32(b)))),
        ("max.u32 %r0, %r1, %r2", R, |a, b, _| r(u32(a).max(u32(b)))),
        ("min.s64 %rd0, %rd1, %rd2", D, |a, b, _| d(s64(a).min(s64(b)))),
        ("min.u64 %rd0, %rd1, %rd2", D, |a, b, _| d(u64(a).min(u64(b)))),
        ("max.s64 %rd0, %rd1, %rd2", D, |a, b, _| d(s64(a).max(s64(b)))),
        ("max.u64 %rd0, %rd1, %rd2", D, |a, b, _| d(u64(a).max(u64(b)))),
        ("min.s16 %rs0, %rs1, %rs2", S, |a, b, _| s(s16(a).min(s16(b)))),
        ("min.u16 %rs0, %rs1, %rs2", S, |a, b, _| s(u16(a).min(u16(b)))),
        ("max.s16 %rs0, %rs1, %rs2", S, |a, b, _| s(s16(a).max(s16(b)))),
        ("max.u16 %rs0, %rs1, -1", S, |a, _, _| s(u16(a).max(0xffff))),
        ("neg.s32 %r0, %r1", R, |a, _, _| r(-s32(a))),
        ("neg.s64 %rd0, %rd1", D, |a, _, _| d(-s64(a))),
        ("neg.s16 %rs0, %rs1", S, |a, _, _| s(-s16(a))),
        ("abs.s32 %r0, %r1", R, |a, _, _| r(s32(a).abs())),
        ("abs.s64 %rd0, %rd1", D, |a, _, _| d(s64(a).abs())),
        ("abs.s16 %rs0, %rs1", S, |a, _, _| s(s16(a).abs())),
    ];
    check(cases, &triples(&INTEGERS, 1));
}

#[test]
fn division() {
    let cases: &[Case] = &[
        ("div.s32 %r0, %r1, %r2", R, |a, b, _| r(s32(a) / s32(b))),
        ("div.u32 %r0, %r1, %r2", R, |a, b, _| r(u32(a) / u32(b))),
        ("rem.s32 %r0, %r1, %r2", R, |a, b, _| r(s32(a) % s32(b))),
        ("rem.u32 %r0, %r1, %r2", R, |a, b, _| r(u32(a) % u32(b))),
        ("div.s64 %rd0, %rd1, %rd2", D, |a, b, _| d(s64(a) / s64(b))),
        ("div.u64 %rd0, %rd1, %rd2", D, |a, b, _| d(u64(a) / u64(b))),
        ("rem.s64 %rd0, %rd1, %rd2", D, |a, b, _| d(s64(a) % s64(b))),
        ("rem.u64 %rd0, %rd1, %rd2", D, |a, b, _| d(u64(a) % u64(b))),
        ("div.s16 %rs0, %rs1, %rs2", S, |a, b, _| s(s16(a) / s16(b))),
        ("rem.s16 %rs0, %rs1, %rs2", S, |a, b, _| s(s16(a) % s16(b))),
        ("div.u16 %rs0, %rs1, %rs2", S, |a, b, _| s(u16(a) / u16(b))),
    ];
    let defined = |[a, b, _]: &[u64; 3]| {
        let zero = *b as u16 == 0 || *b as u32 == 0;
        let least = *a as u16 == 0x8000 || *a as u32 == 0x8000_0000 || *a == 1 << 63;
        !zero && !(least && (*b as u16 == 0xffff || *b as u32 == u32::MAX))
    };
    let mut operands: Vec<[u64; 3]> = triples(&INTEGERS, 2).into_iter().filter(defined).collect();
    operands.truncate(operands.len() / 32 * 32);
    assert!(operands.len() > 1000);
    check(cases, &operands);
    for (body, operands, message) in [
        ("div.s32 %r0, %r1, %r2;", [1, 0, 0], "divisor is zero"),
        ("rem.u64 %rd0, %rd1, %rd2;", [1, 0, 0], "divisor is zero"),
        ("div.u16 %rs0, %rs1, %rs2;", [1, 0x10000, 0], "divisor is zero"),
        ("div.s32 %r0, %r1, %r2;", [0x8000_0000, 0xffff_ffff, 0], "overflows"),
        ("rem.s16 %rs0, %rs1, %rs2;", [0x8000, 0xffff, 0], "overflows"),
        ("div.s64 %rd0, %rd1, %rd2;", [1 << 63, u64::MAX, 0], "overflows"),
    ] {
        let mut all = [[1, 1, 1]; 32];
        all[7] = operands;
        let error = run(body, &all).unwrap_err().to_string();
        assert!(error.contains(message) && error.contains("thread 7,0,0"), "{error}");
    }
    // A lane that does not run does not divide.
    run("@%p2 div.s32 %r0, %r1, %r2;", &[[1, 0, 0]; 32]).unwrap();
}

#[test]
fn bits() {
    let cases: &[Case] = &[
        ("and.b32 %r0, %r1, %r2", R, |a, b, _| r(u32(a & b))),
        ("or.b64 %rd0, %rd1, %rd2", D, |a, b, _| a | b),
        ("xor.b16 %rs0, %rs1, %rs2", S, |a, b, _| s(u16(a ^ b))),
        ("and.b16 %rs0, %rs1, -4", S, |a, _, _| s(u16(a) & 0xfffc)),
        ("not.b32 %r0, %r1", R, |a, _, _| r(u32(!a))),
        ("not.b64 %rd0, %rd1", D, |a, _, _| !a),
        ("not.b16 %rs0, %rs1", S, |a, _, _| s(u16(!a))),
        ("shl.b32 %r0, %r1, %r2", R, |a, b, _| r(if u32(b) < 32 { u32(a) << u32(b) } else { 0 })),
        ("shl.b64 %rd0, %rd1, %r2", D, |a, b, _| if u32(b) < 64 { a << u32(b) } else { 0 }),
        ("shl.b16 %rs0, %rs1, %r2", S, |a, b, _| s(if u32(b) < 16 { u16(a) << u32(b) } else { 0 })),
        ("shr.u32 %r0, %r1, %r2", R, |a, b, _| r(u32(a) >> u32(b).min(32))),
        ("shr.u64 %rd0, %rd1, %r2", D, |a, b, _| d(u64(a) >> u32(b).min(64))),
        ("shr.u16 %rs0, %rs1, %r2", S, |a, b, _| s(u16(a) >> u32(b).min(16))),
        ("shr.b32 %r0, %r1, %r2", R, |a, b, _| r(u32(a) >> u32(b).min(32))),
        ("shr.s32 %r0, %r1, %r2", R, |a, b, _| r(s32(a) >> u32(b).min(32))),
        ("shr.s64 %rd0, %rd1, %r2", D, |a, b, _| d(s64(a) >> u32(b).min(64))),
        ("shr.s16 %rs0, %rs1, %r2", S, |a, b, _| s(s16(a) >> u32(b).min(16))),
        ("shf.l.wrap.b32 %r0, %r1, %r2, %r3", R, |a, b, c| {
            (((b << 32 | a & 0xffff_ffff) << (c & 31)) >> 32) as u32 as u64
        }),
        ("shf.r.wrap.b32 %r0, %r1, %r2, %r3", R, |a, b, c| r(u64((b << 32 | a & 0xffff_ffff) >> (c & 31)))),
        ("shf.l.clamp.b32 %r0, %r1, %r2, %r3", R, |a, b, c| {
            let n = (c as u32).min(32);
            if n == 32 { r(u32(a)) } else { r(u64(((b << 32 | a & 0xffff_ffff) << n) >> 32)) }
        }),
        ("shf.r.clamp.b32 %r0, %r1, %r2, %r3", R, |a, b, c| {
            r(u64((b << 32 | a & 0xffff_ffff) >> (c as u32).min(32)))
        }),
        ("clz.b32 %r0, %r1", R, |a, _, _| (0..32).rev().take_while(|i| a >> i & 1 == 0).count() as u64),
        ("clz.b64 %r0, %rd1", R, |a, _, _| (0..64).rev().take_while(|i| a >> i & 1 == 0).count() as u64),
        ("popc.b32 %r0, %r1", R, |a, _, _| (0..32).map(|i| a >> i & 1).sum()),
        ("popc.b64 %r0, %rd1", R, |a, _, _| (0..64).map(|i| a >> i & 1).sum()),
        ("brev.b32 %r0, %r1", R, |a, _, _| (0..32).map(|i| (a >> i & 1) << (31 - i)).sum()),
        ("brev.b64 %rd0, %rd1", D, |a, _, _| (0..64).map(|i| (a >> i & 1) << (63 - i)).sum()),
        ("bfe.u32 %r0, %r1, %r2, %r3", R, |a, b, c| extract(u64(a), 32, false, b, c)),
        ("bfe.s32 %r0, %r1, %r2, %r3", R, |a, b, c| extract(u64(a), 32, true, b, c)),
        ("bfe.u64 %rd0, %rd1, %r2, %r3", D, |a, b, c| extract(u64(a), 64, false, b, c)),
        ("bfe.s64 %rd0, %rd1, %r2, %r3", D, |a, b, c| extract(u64(a), 64, true, b, c)),
        ("bfi.b32 %r0, %r1, %r2, %r3, 9", R, |a, b, c| insert(a, b & 0xffff_ffff, 32, c, 9)),
        ("bfi.b32 %r0, %r1, %r2, 5, %r3", R, |a, b, c| insert(a, b & 0xffff_ffff, 32, 5, c)),
        ("bfi.b64 %rd0, %rd1, %rd2, %r3, 40", D, |a, b, c| insert(a, b, 64, c, 40)),
        ("prmt.b32 %r0, %r1, %r2, 0x7610", R, |a, b, c| permute(a, b, c, 0x7610)),
        ("prmt.b32 %r0, %r1, %r2, 0xba98U", R, |a, b, c| permute(a, b, c, 0xba98)),
        ("prmt.b32 %r0, %r1, 0, 0x123U", R, |a, _, c| permute(a, 0, c, 0x0123)),
        ("prmt.b32 %r0, %r1, %r2, 0xfec4", R, |a, b, c| permute(a, b, c, 0xfec4)),
        ("lop3.b32 %r0, %r1, %r2, %r3, 0x96", R, |a, b, c| r(u32(a ^ b ^ c))),
        ("lop3.b32 %r0, %r1, %r2, %r3, 0xca", R, |a, b, c| r(u32(a & b | !a & c))),
        ("lop3.b32 %r0, %r1, %r2, %r3, 0x08", R, |a, b, c| r(u32(!a & b & c))),
        ("dp4a.s32.s32 %r0, %r1, %r2, %r3", R, |a, b, c| dot(a, b, c, true, true)),
        ("dp4a.s32.u32 %r0, %r1, %r2, %r3", R, |a, b, c| dot(a, b, c, true, false)),
        ("dp4a.u32.s32 %r0, %r1, %r2, %r3", R, |a, b, c| dot(a, b, c, false, true)),
        ("dp4a.u32.u32 %r0, %r1, %r2, %r3", R, |a, b, c| dot(a, b, c, false, false)),
    ];
    check(cases, &triples(&INTEGERS, 3));
    let error = run("prmt.b32 %r0, %r1, %r2, %r3;", &[[1, 2, 0x10000]; 32]).unwrap_err().to_string();
    assert!(error.contains("permutation"), "{error}");
}

/// As the PTX ISA has it, bit by bit.
fn extract(a: i128, width: u64, signed: bool, position: u64, length: u64) -> u64 {
    let (position, length) = (position & 255, length & 255);
    let last = width - 1;
    let bit = |i: u64| (a >> i & 1) as u64;
    let sign = if !signed || length == 0 { 0 } else { bit((position + length - 1).min(last)) };
    (0..width).map(|i| (if i < length && position + i <= last { bit(position + i) } else { sign }) << i).sum()
}

fn insert(a: u64, b: u64, width: u64, position: u64, length: u64) -> u64 {
    let (position, length) = (position & 255, length & 255);
    let mut out = b;
    for i in (0..length).filter(|i| position + i < width) {
        out = out & !(1 << (position + i)) | (a >> i & 1) << (position + i);
    }
    out
}

fn permute(a: u64, b: u64, _: u64, selector: u32) -> u64 {
    let mut bytes = (a as u32).to_le_bytes().to_vec();
    bytes.extend((b as u32).to_le_bytes());
    let mut out = [0; 4];
    for (i, byte) in out.iter_mut().enumerate() {
        let pick = selector >> (4 * i);
        let value = bytes[(pick & 7) as usize];
        *byte = match pick & 8 {
            0 => value,
            _ if value >= 128 => 255,
            _ => 0,
        };
    }
    u64::from(u32::from_le_bytes(out))
}

fn dot(a: u64, b: u64, c: u64, signed_a: bool, signed_b: bool) -> u64 {
    let byte = |x: u64, i: i32, signed: bool| {
        let byte = (x >> (8 * i)) as u8;
        if signed { i128::from(byte as i8) } else { i128::from(byte) }
    };
    r((0..4).map(|i| byte(a, i, signed_a) * byte(b, i, signed_b)).sum::<i128>() + s32(c))
}

#[test]
fn comparisons_and_choices() {
    let cases: &[Case] = &[
        ("setp.eq.s32 %p0, %r1, %r2", P, |a, b, _| (a as u32 == b as u32).into()),
        ("setp.ne.b32 %p0, %r1, %r2", P, |a, b, _| (a as u32 != b as u32).into()),
        ("setp.lt.s32 %p0, %r1, %r2", P, |a, b, _| (s32(a) < s32(b)).into()),
        ("setp.lt.u32 %p0, %r1, %r2", P, |a, b, _| (u32(a) < u32(b)).into()),
        ("setp.le.s32 %p0, %r1, %r2", P, |a, b, _| (s32(a) <= s32(b)).into()),
        ("setp.gt.s32 %p0, %r1, 3", P, |a, _, _| (s32(a) > 3).into()),
        ("setp.ge.u32 %p0, %r1, %r2", P, |a, b, _| (u32(a) >= u32(b)).into()),
        ("setp.hi.u32 %p0, %r1, %r2", P, |a, b, _| (u32(a) > u32(b)).into()),
        ("setp.lt.s64 %p0, %rd1, %rd2", P, |a, b, _| (s64(a) < s64(b)).into()),
        ("setp.gt.u64 %p0, %rd1, %rd2", P, |a, b, _| (u64(a) > u64(b)).into()),
        ("setp.eq.b64 %p0, %rd1, 0", P, |a, _, _| (a == 0).into()),
        ("setp.lt.s16 %p0, %rs1, %rs2", P, |a, b, _| (s16(a) < s16(b)).into()),
        ("setp.lt.u16 %p0, %rs1, %rs2", P, |a, b, _| (u16(a) < u16(b)).into()),
        ("setp.gt.s16 %p0, %rs1, -1", P, |a, _, _| (s16(a) > -1).into()),
        ("setp.lt.and.s32 %p0, %r1, %r2, %p3", P, |a, b, c| (s32(a) < s32(b) && c & 1 == 1).into()),
        ("setp.lt.or.s32 %p0, %r1, %r2, !%p3", P, |a, b, c| (s32(a) < s32(b) || c & 1 == 0).into()),
        ("setp.lt.xor.s32 %p0, %r1, %r2, %p3", P, |a, b, c| ((s32(a) < s32(b)) != (c & 1 == 1)).into()),
        ("setp.lt.s32 %p5|%p0, %r1, %r2", P, |a, b, _| (s32(a) >= s32(b)).into()),
        ("and.pred %p0, %p1, %p2", P, |a, b, _| a & b & 1),
        ("or.pred %p0, %p1, %p2", P, |a, b, _| (a | b) & 1),
        ("xor.pred %p0, %p1, %p2", P, |a, b, _| (a ^ b) & 1),
        ("not.pred %p0, %p1", P, |a, _, _| !a & 1),
        ("mov.pred %p0, 0", P, |_, _, _| 0),
        ("mov.pred %p0, -1", P, |_, _, _| 1),
        ("mov.pred %p0, %p1", P, |a, _, _| a & 1),
        ("selp.b32 %r0, %r1, %r2, %p3", R, |a, b, c| r(u32(if c & 1 == 1 { a } else { b }))),
        ("selp.b64 %rd0, %rd1, %rd2, %p3", D, |a, b, c| if c & 1 == 1 { a } else { b }),
        ("selp.b16 %rs0, %rs1, -1, %p3", S, |a, _, c| if c & 1 == 1 { s(u16(a)) } else { 0xffff }),
        ("selp.u32 %r0, 1, 0, %p3", R, |_, _, c| c & 1),
    ];
    check(cases, &triples(&INTEGERS, 4));
}

#[test]
fn moves_and_conversions() {
    let cases: &[Case] = &[
        ("mov.b32 %r0, %r1", R, |a, _, _| r(u32(a))),
        ("mov.b64 %rd0, -7", D, |_, _, _| d(-7)),
        ("mov.b32 %r0, 0f3F800000", R, |_, _, _| 0x3f80_0000),
        ("mov.b16 %rs0, %rs2", S, |_, b, _| s(u16(b))),
        ("mov.b32 %r0, {%rs1, %rs2}", R, |a, b, _| (a & 0xffff) | (b & 0xffff) << 16),
        ("mov.b64 %rd0, {%r1, %r2}", D, |a, b, _| (a & 0xffff_ffff) | b << 32),
        ("mov.b64 %rd0, {%rs1, %rs2, %rs3, %rs1}", D, |a, b, c| {
            (a & 0xffff) | (b & 0xffff) << 16 | (c & 0xffff) << 32 | a << 48
        }),
        ("mov.b32 {_, %rs0}, %r1", S, |a, _, _| s(u64(a >> 16))),
        ("mov.b64 {%r0, _}, %rd1", R, |a, _, _| r(u32(a))),
        ("mov.b64 {%rs9, %rs9, %rs0, %rs9}, %rd1", S, |a, _, _| s(u64(a >> 32))),
        ("cvt.s64.s32 %rd0, %r1", D, |a, _, _| d(s32(a))),
        ("cvt.u64.u32 %rd0, %r1", D, |a, _, _| d(u32(a))),
        ("cvt.u32.u64 %r0, %rd1", R, |a, _, _| r(u32(a))),
        ("cvt.s32.s16 %r0, %rs1", R, |a, _, _| r(s16(a))),
        ("cvt.u32.u16 %r0, %rs1", R, |a, _, _| r(u16(a))),
        ("cvt.u16.u32 %rs0, %r1", S, |a, _, _| s(u16(a))),
        ("cvt.s64.s16 %rd0, %rs1", D, |a, _, _| d(s16(a))),
        ("cvt.u64.u16 %rd0, %rs1", D, |a, _, _| d(u16(a))),
        ("cvt.s32.s8 %r0, %r1", R, |a, _, _| r(i128::from(a as i8))),
        ("cvt.u32.u8 %r0, %rs1", R, |a, _, _| a & 255),
        ("cvt.s64.s8 %rd0, %rd1", D, |a, _, _| d(i128::from(a as i8))),
        ("cvt.s16.s8 %rs0, %r1", S, |a, _, _| s(i128::from(a as i8))),
        // A register that is wider than the type gets it extended.
        ("cvt.s8.s32 %rs0, %r1", S, |a, _, _| s(i128::from(a as i8))),
        ("cvt.u8.u32 %rs0, %r1", S, |a, _, _| a & 255),
        ("cvt.s8.s64 %r0, %rd1", R, |a, _, _| r(i128::from(a as i8))),
        ("cvt.s32.s64 %rd0, %rd1", D, |a, _, _| d(s32(a))),
        ("cvta.to.global.u64 %rd0, %rd1", D, |a, _, _| a),
    ];
    check(cases, &triples(&INTEGERS, 5));
}
