//! Single instructions on many operands.

use neurocuda_ptx_interpreter::Interpreter;
use neurocuda_runtime::gpu::Argument::Pointer;
use neurocuda_runtime::gpu::DeviceError;

use super::{Random, download, launch, upload};

/// What a register holds before it is written to.
pub const BEFORE: u64 = 0xa5a5_a5a5_a5a5_a5a5;

/// Integers at which something happens.
pub const INTEGERS: [u64; 36] = [
    0,
    1,
    2,
    3,
    5,
    7,
    8,
    15,
    16,
    17,
    31,
    32,
    33,
    63,
    64,
    65,
    127,
    128,
    255,
    256,
    0x7fff,
    0x8000,
    0xfffe,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0x8000_0000,
    0x8000_0001,
    0xffff_fffe,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_ffff_8000,
    0xffff_ffff_ffff_ff80,
    0xffff_ffff_ffff_ffff,
];

/// Doubles at which something happens.
pub const DOUBLES: [f64; 28] = [
    0.0,
    -0.0,
    0.5,
    -0.5,
    1.0,
    -1.0,
    1.5,
    2.5,
    -2.5,
    0.1,
    1e-310,
    127.5,
    255.0,
    -128.5,
    32767.5,
    65536.0,
    2147483647.0,
    2147483647.5,
    2147483648.0,
    -2147483648.5,
    -2147483649.0,
    4294967295.0,
    4294967296.0,
    9.3e18,
    -9.3e18,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
];

/// Triples of operands, some of a list and some random.
pub fn triples(of: &[u64], seed: u64) -> Vec<[u64; 3]> {
    let mut random = Random(seed);
    let one = |random: &mut Random| match random.below(4) {
        0 => u64::from(random.next()) << 32 ^ u64::from(random.next()) << 1,
        _ => of[random.below(of.len() as u32) as usize],
    };
    (0..2048).map(|_| std::array::from_fn(|_| one(&mut random))).collect()
}

/// A kernel that runs `body` on registers that hold three operands per thread, and then stores `%rd0`, `%r0`, `%rs0` and
/// whether `%p0`.
///
/// `%rd1` to `%rd3`, `%r1` to `%r3` and `%rs1` to `%rs3` are the operands; `%p1` to `%p3` hold where they are odd, and
/// `%p4` in odd lanes.
pub fn text(body: &str) -> String {
    let mut operands = String::new();
    for i in 1..=3 {
        operands += &format!(
            "ld.global.b64 %rd{i}, [%rd11+{offset}];
            cvt.u32.u64 %r{i}, %rd{i};
            cvt.u16.u64 %rs{i}, %rd{i};
            and.b32 %r10, %r{i}, 1;
            setp.ne.b32 %p{i}, %r10, 0;\n",
            offset = 8 * (i - 1)
        );
    }
    format!(
        ".version 7.0\n.target sm_80\n.address_size 64\n
        .visible .entry test(.param .u64 .ptr .global .align 1 in, .param .u64 .ptr .global .align 1 out)
        {{
            .reg .pred %p<12>; .reg .b16 %rs<12>; .reg .b32 %r<12>; .reg .b64 %rd<20>;
            ld.param.b64 %rd10, [in];
            ld.param.b64 %rd12, [out];
            mov.u32 %r10, %tid.x;
            mov.u32 %r11, %ctaid.x;
            mad.lo.s32 %r11, %r11, 32, %r10;
            mad.wide.u32 %rd11, %r11, 24, %rd10;
            mad.wide.u32 %rd13, %r11, 32, %rd12;
            and.b32 %r10, %r10, 1;
            setp.ne.b32 %p4, %r10, 0;
            mov.b64 %rd0, {BEFORE}; mov.b32 %r0, 0xa5a5a5a5; mov.b16 %rs0, 0xa5a5;
            setp.ne.b32 %p0, 1, 0;
            {operands}
            {body}
            st.global.b64 [%rd13], %rd0;
            cvt.u64.u32 %rd14, %r0;
            st.global.b64 [%rd13+8], %rd14;
            cvt.u64.u16 %rd14, %rs0;
            st.global.b64 [%rd13+16], %rd14;
            selp.b64 %rd14, 1, 0, %p0;
            st.global.b64 [%rd13+24], %rd14;
            ret;
        }}\n"
    )
}

/// Runs `body` on the operands; the results are those of [`text`].
pub fn run(body: &str, operands: &[[u64; 3]]) -> Result<Vec<[u64; 4]>, DeviceError> {
    let mut device = Interpreter::new();
    device.parse(&text(body)).unwrap_or_else(|error| panic!("{body}: {error}"));
    let bytes: Vec<u8> = operands.iter().flatten().flat_map(|word| word.to_le_bytes()).collect();
    let input = upload(&mut device, &bytes);
    let out = upload(&mut device, &vec![0; 32 * operands.len()]);
    launch(&mut device, "test", operands.len() as u32 / 32, 32, &[Pointer(input), Pointer(out)])?;
    let words: Vec<u64> = download(&mut device, out, 32 * operands.len())
        .chunks_exact(8)
        .map(|word| u64::from_le_bytes(word.try_into().unwrap()))
        .collect();
    Ok(words.chunks_exact(4).map(|four| four.try_into().unwrap()).collect())
}

/// The register that an instruction writes to.
#[derive(Clone, Copy, PartialEq)]
pub enum Out {
    /// `%rd0`.
    D,
    /// `%r0`.
    R,
    /// `%rs0`.
    S,
    /// `%p0`.
    P,
}

/// An instruction, where it writes to, and what it is to write.
pub type Case = (&'static str, Out, fn(u64, u64, u64) -> u64);

/// Runs each instruction on all operands, in all lanes and in odd lanes only.
pub fn check(cases: &[Case], operands: &[[u64; 3]]) {
    for &(instruction, out, expected) in cases {
        for guard in ["", "@%p4 ", "@!%p4 "] {
            let results = run(&format!("{guard}{instruction};"), operands)
                .unwrap_or_else(|error| panic!("{instruction}: {error}"));
            for (thread, (&[a, b, c], result)) in operands.iter().zip(&results).enumerate() {
                let runs = guard.is_empty() || (thread % 2 == 1) == (guard == "@%p4 ");
                let mut wanted = [BEFORE, BEFORE as u32 as u64, BEFORE as u16 as u64, 1];
                if runs {
                    wanted[out as usize] = expected(a, b, c);
                }
                assert_eq!(*result, wanted, "{guard}{instruction} of {a:#x}, {b:#x}, {c:#x}");
            }
        }
    }
}
