//! What is not known is refused, and no text makes the interpreter panic.

mod device;

use device::bench::text;
use device::{device, launch, upload};
use neurocuda_ptx_interpreter::{Interpreter, PtxErrorKind};
use neurocuda_runtime::gpu::Argument::{I32, Pointer};
use neurocuda_runtime::gpu::{Device, KernelLaunch};
use proptest::prelude::*;

const SAMPLES: [(&str, &str, usize); 3] = [
    ("leak", include_str!("samples/leak.ptx"), 4),
    ("reverse", include_str!("samples/reverse.ptx"), 3),
    ("matmul", include_str!("samples/matmul.ptx"), 4),
];

#[test]
fn unknown_instructions_are_refused() {
    for instruction in [
        "frobnicate.s32 %r0, %r1",
        "add.s8 %rs0, %rs1, %rs2",
        "add.sat.s32 %r0, %r1, %r2",
        "add.cc.u32 %r0, %r1, %r2",
        "add.b32 %r0, %r1, %r2",
        "and.s32 %r0, %r1, %r2",
        // May be fused, or is not exact.
        "add.f64 %rd0, %rd1, %rd2",
        "mul.f32 %r0, %r1, %r2",
        "add.rz.f64 %rd0, %rd1, %rd2",
        "mul.rn.ftz.f32 %r0, %r1, %r2",
        "div.approx.f32 %r0, %r1, %r2",
        "div.full.f32 %r0, %r1, %r2",
        "sqrt.approx.f32 %r0, %r1",
        "rcp.approx.f32 %r0, %r1",
        "sin.approx.f32 %r0, %r1",
        "max.NaN.f32 %r0, %r1, %r2",
        "cvt.f64.s32 %rd0, %r1",
        "cvt.rz.f64.s32 %rd0, %r1",
        "cvt.s32.f64 %r0, %rd1",
        "cvt.rn.s32.f64 %r0, %rd1",
        "cvt.rn.f16.f32 %rs0, %r1",
        "cvt.sat.s8.s32 %rs0, %r1",
        "cvt.rn.f64.f32 %rd0, %r1",
        "setp.lt.b32 %p0, %r1, %r2",
        "setp.lo.s32 %p0, %r1, %r2",
        "setp.nan.s32 %p0, %r1, %r2",
        "setp.eq.ftz.f32 %p0, %r1, %r2",
        "prmt.b32.f4e %r0, %r1, %r2, 1",
        "neg.u32 %r0, %r1",
        "ld.global.v3.b32 {%r0, %r1, %r2}, [%rd1]",
        "ld.global.v4.b64 {%rd0, %rd1, %rd2, %rd3}, [%rd1]",
        "ld.b32 %r0, [%rd1]",
        "ld.local.b32 %r0, [%rd1]",
        "ld.global.ca.b32 %r0, [%rd1]",
        "ld.release.sys.global.b32 %r0, [%rd1]",
        "st.const.b32 [%rd1], %r0",
        "st.global.nc.b32 [%rd1], %r0",
        "atom.global.add.f32 %r0, [%rd1], %r1",
        "atom.global.add.s64 %rd0, [%rd1], %rd1",
        "red.global.cas.b32 [%rd1], %r1, %r2",
        "shfl.down.b32 %r0, %r1, 1, 31",
        "vote.sync.ballot.pred %p0, %p1, -1",
        "bar.red.popc.u32 %r0, 0, %p1",
        "barrier.sync 0",
        "wmma.load.a.sync.aligned.m16n16k16.global.row.u8 {%r0}, [%rd1]",
        "mma.sync.aligned.m16n8k32.col.row.s32.u8.u8.s32 {%r0,%r0,%r0,%r0}, {%r0,%r0,%r0,%r0}, {%r0,%r0}, {%r0,%r0,%r0,%r0}",
        "mma.sync.aligned.m16n8k32.row.col.s32.u4.u8.s32 {%r0,%r0,%r0,%r0}, {%r0,%r0,%r0,%r0}, {%r0,%r0}, {%r0,%r0,%r0,%r0}",
        "mma.sync.aligned.m8n8k16.row.col.s32.u8.u8.s32 {%r0,%r0}, {%r0}, {%r0}, {%r0,%r0}",
    ] {
        let text = text(&format!("\n{instruction};\n"));
        let error = Interpreter::new().parse(&text).unwrap_err();
        let opcode = instruction.split(' ').next().unwrap().to_owned();
        assert_eq!(error.kind, PtxErrorKind::Instruction(opcode), "{instruction}");
        let line = 1 + text.lines().position(|line| line.starts_with(instruction)).unwrap();
        assert_eq!(error.line as usize, line, "{instruction}");
    }
}

#[test]
fn operands_that_do_not_fit_are_refused() {
    for (instruction, message) in [
        ("add.s32 %r0, %r1", "`add.s32` has 2 operands"),
        ("add.s32 %r0, %r1, %r2, %r3", "`add.s32` has 4 operands"),
        ("add.s32 %r0, %r1, %rd2", "a 32-bit register is expected as operand, found `%rd2`"),
        ("add.s64 %rd0, %r1, %rd2", "a 64-bit register is expected as operand, found `%r1`"),
        ("add.s16 %rs0, %r1, %rs2", "a 16-bit register is expected as operand, found `%r1`"),
        ("add.s32 5, %r1, %r2", "a register is expected as operand, found `5`"),
        ("add.s32 %r0, %r1, %r12", "`%r12` is not declared"),
        ("add.s32 %r0, %r1, %r01", "`%r01` is not declared"),
        ("add.s32 %r0, %r1, %x", "`%x` is not declared"),
        ("add.s32 %r0, %r1, 4294967296", "the number `4294967296` does not fit"),
        ("add.s32 %r0, %r1, -2147483649", "the number `-2147483649` does not fit"),
        ("add.s16 %rs0, %rs1, 65536", "the number `65536` does not fit"),
        ("add.s32 %r0, %r1, 0f3F800000", "a number of another type is expected as operand"),
        ("add.rn.f64 %rd0, %rd1, 1", "a float is expected as operand, found `1`"),
        ("add.rn.f64 %rd0, %rd1, 0f3F800000", "a number of another type is expected as operand"),
        ("add.s32 %r0, %r1, 0x1FFFFFFFFFFFFFFFFF", "the number `0x1FFFFFFFFFFFFFFFFF` does not fit"),
        ("add.s32 %r0, %r1, 012", "the number `012` does not fit"),
        ("add.rn.f32 %r0, %r1, 0f3F8", "the number `0f3F8` does not fit"),
        ("add.s32 %r0, %r1, {%r2}", "a register or a number is expected as operand"),
        ("add.s32 %r0, %r1, [%rd1]", "a register or a number is expected as operand"),
        ("and.pred %p0, %p1, %r1", "a predicate register is expected as operand, found `%r1`"),
        ("@%r1 add.s32 %r0, %r1, 1", "a predicate register is expected as operand, found `%r1`"),
        ("clz.b64 %rd0, %rd1", "a 32-bit register is expected as operand, found `%rd0`"),
        ("mul.wide.s32 %r0, %r1, %r2", "a 64-bit register is expected as operand, found `%r0`"),
        ("cvt.s64.s32 %r0, %r1", "a wider register is expected as operand, found `%r0`"),
        ("cvt.s32.s64 %r0, %r1", "a wider register is expected as operand, found `%r1`"),
        ("cvt.s32.s16 %rd0, %rs1", "a register of the width of its type is expected as operand"),
        ("cvt.rzi.s32.f64 %rd0, %rd1", "a 32-bit register is expected as operand, found `%rd0`"),
        ("mov.b32 %r0, {%r1, %r2}", "a 16-bit register is expected as operand, found `%r1`"),
        ("mov.b64 %rd0, {%r1, %r2, %r3}", "a vector that fills it is expected as operand"),
        ("mov.b64 %rd0, %tid.x", "a register of its width is expected as operand"),
        ("mov.b32 %r0, %clock", "`%clock` is not declared"),
        ("ld.global.b32 %rs0, [%rd1]", "a wider register is expected as operand, found `%rs0`"),
        ("ld.global.b32 %r0, [%r1]", "a 64-bit register is expected as operand, found `%r1`"),
        ("ld.global.v2.b32 {%r0, %rd0}, [%rd1]", "registers of one class is expected"),
        ("ld.global.v2.b32 {%r0, %r1, %r2}, [%rd1]", "a vector of its length is expected"),
        ("ld.global.v2.b32 %r0, [%rd1]", "a vector of its length is expected"),
        ("ld.param.b64 %rd0, [in+8]", "an offset in the parameter is expected"),
        ("ld.param.b64 %rd0, [nothing]", "`nothing` is not declared"),
        ("st.global.b8 [%rd1], 256", "the number `256` does not fit"),
        ("bra NOWHERE", "`NOWHERE` is not declared"),
        ("brx.idx %r1, NOWHERE", "`NOWHERE` is not declared"),
        ("call.uni foo, ()", "an operand is expected, found `(`"),
        ("bar.sync 1", "the barrier 0 is expected as operand, found `1`"),
        ("bar.sync 0, 64", "`bar.sync` has 2 operands"),
        ("lop3.b32 %r0, %r1, %r2, %r3, 256", "a number of 8 bits is expected"),
        (".local .align 4 .b8 depot[8]", "the directive `.local` is not supported"),
        (".reg .b128 %q<4>", "the directive `.b128` is not supported"),
        (".reg .b32 %r<4>", "`%r` is declared twice"),
        ("{ add.s32 %r0, %r1, %r2", "an instruction is expected, found `{`"),
        ("A: A: ret", "`A` is declared twice"),
        ("add.s32 %r0, %r1, # ", "`#` begins nothing known"),
        ("/* add.s32 %r0, %r1, %r2", "`/*` begins nothing known"),
        ("add.s32 %r0 %r1, %r2", "`,` or `;` is expected, found `%r1`"),
    ] {
        let error = Interpreter::new().parse(&text(&format!("{instruction};"))).unwrap_err();
        assert!(error.to_string().contains(message), "{instruction}: {error}");
    }
}

#[test]
fn modules_that_are_not_whole_are_refused() {
    let head = ".version 7.0\n.target sm_80\n.address_size 64\n";
    for (text, message) in [
        (String::new(), "PTX line 1: .version is expected, found the end of the text"),
        (head.replace("64", "32"), "64 is expected, found `32`"),
        (format!("{head}.extern .func foo"), "the directive `.extern .func foo` is not supported"),
        (format!("{head}.func bar() {{ ret; }}"), "the directive `.func bar` is not supported"),
        (format!("{head}.visible .entry k()"), "`{` is expected"),
        (format!("{head}.entry k() {{ }}"), "control runs past the end"),
        (format!("{head}.entry k() {{ bra E; E: }}"), "control runs past the end"),
        (format!("{head}.entry k() {{ .reg .b32 %r<2>; mov.b32 %r1, 1; }}"), "control runs past the end"),
        (format!("{head}.entry k() {{ ret; }} .entry k() {{ ret; }}"), "`k` is declared twice"),
        (format!("{head}.entry k(.param .b128 p) {{ ret; }}"), "the directive `.b128` is not supported"),
        (format!("{head}.entry k(.param .u32 p, .param .u32 p) {{ ret; }}"), "`p` is declared twice"),
        (format!("{head}.entry k() .blocksareclusters {{ ret; }}"), "`.blocksareclusters` is not supported"),
        (format!("{head}.entry k() {{ .reg .b32 %r<70000>; ret; }}"), "too many registers"),
        (
            format!("{head}.entry k() {{ .shared .b8 x[50000]; .reg .b64 %rd<2>; mov.b64 %rd1, x; ret; }}"),
            "too many bytes of shared memory",
        ),
        (format!("{head}.global .b8 x[99999999999999];"), "too many bytes of a variable"),
        (format!("{head}.global .b8 x[2] = {{1, 2, 3}};"), "too many initial values"),
        (format!("{head}.global .b8 x[2] = {{1, 256}};"), "the number `256` does not fit"),
    ] {
        let error = Interpreter::new().parse(&text).unwrap_err().to_string();
        assert!(error.contains(message), "{text}: {error}");
    }
}

#[test]
fn launches_that_do_not_fit_the_kernel_are_refused() {
    let mut device = device(SAMPLES[1].1);
    let mut refused = |kernel: &str, grid, block, arguments: &[_], message: &str| {
        let launch = KernelLaunch { kernel: kernel.to_owned(), grid, block, arguments: arguments.to_vec() };
        let error = device.run(&[launch]).unwrap_err().to_string();
        assert!(error.starts_with("gpu-failed: kernel ") && error.contains(message), "{error}");
    };
    let three = [Pointer(0), Pointer(0), Pointer(0)];
    refused("other", [1; 3], [1; 3], &three, "is not in the loaded PTX");
    refused("reverse", [1; 3], [129, 1, 1], &three, "not what it is compiled for");
    refused("reverse", [1; 3], [2048, 1, 1], &three, "out of range");
    refused("reverse", [1; 3], [0, 1, 1], &three, "out of range");
    refused("reverse", [0, 1, 1], [1; 3], &three, "out of range");
    refused("reverse", [1; 3], [1; 3], &three[1..], "2 arguments are given and 3 are taken");
    refused("reverse", [1; 3], [1; 3], &[Pointer(0), I32(0), Pointer(0)], "argument 1 is I32(0), of 8 bytes");
}

#[test]
fn an_endless_loop_ends_at_the_limit() {
    let text = ".version 7.0\n.target sm_80\n.address_size 64\n.entry k() { L: bra L; }";
    let mut device = Interpreter::new().with_limit(1000);
    device.parse(text).unwrap();
    let error = launch(&mut device, "k", 1, 1, &[]).unwrap_err().to_string();
    assert!(error.contains("as many instructions as it may"), "{error}");
    assert_eq!(device.instructions(), 1000);
}

/// Loads a text and, where that works, runs what it has.
fn attempt(text: &str) {
    let mut device = Interpreter::new().with_limit(2000);
    if device.parse(text).is_err() {
        return;
    }
    let memory = upload(&mut device, &[1; 4096]);
    let kernels: Vec<String> = device.kernels().into_iter().map(str::to_owned).collect();
    for kernel in kernels {
        for pointers in 0..5 {
            for integers in [0, 3] {
                let mut arguments = vec![Pointer(memory); pointers];
                arguments.resize(pointers + integers, I32(2));
                let _ = launch(&mut device, &kernel, 2, 32, &arguments);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn cut_texts_do_not_panic(sample in 0..3usize, end in any::<prop::sample::Index>()) {
        let text = SAMPLES[sample].1;
        attempt(&text[..end.index(text.len())]);
    }

    #[test]
    fn changed_bytes_do_not_panic(
        sample in 0..3usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0x20u8..0x7f), 1..4),
    ) {
        let mut bytes = SAMPLES[sample].1.as_bytes().to_vec();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        attempt(std::str::from_utf8(&bytes).unwrap());
    }

    #[test]
    fn exchanged_words_do_not_panic(
        sample in 0..3usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..4),
    ) {
        let mut words: Vec<&str> = SAMPLES[sample].1.split_inclusive(char::is_whitespace).collect();
        for (to, from) in changes {
            let from = from.index(words.len());
            let to = to.index(words.len());
            words[to] = words[from];
        }
        attempt(&words.concat());
    }

    #[test]
    fn any_text_does_not_panic(tail in "\\PC*") {
        attempt(&tail);
        attempt(&format!(".version 7.0\n.target sm_80\n.address_size 64\n.visible .entry k() {{ {tail} ret; }}"));
    }
}

#[test]
fn samples_run_in_the_attempt() {
    for (name, text, pointers) in SAMPLES {
        let mut device = device(text);
        assert_eq!(device.kernels(), [name]);
        let memory = upload(&mut device, &[1; 4096]);
        let mut arguments = vec![Pointer(memory); pointers];
        if name == "leak" {
            arguments.extend([I32(2); 3]);
        }
        launch(&mut device, name, 2, 32, &arguments).unwrap();
    }
}
