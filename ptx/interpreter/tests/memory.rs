//! Loads, stores, atomic operations, variables.

mod device;

use device::{Random, bytes, device, download, launch, upload, words};
use neurocuda_ptx_interpreter::Interpreter;
use neurocuda_runtime::gpu::Argument::{I32, Pointer};
use neurocuda_runtime::gpu::{Device, DeviceError};

/// A kernel `k(p, q, n)` with `%rd1`, `%rd2` and `%r1` as its parameters, the thread in `%r2` and `%rd3`, variables before it
/// and a body.
fn text(variables: &str, body: &str) -> String {
    format!(
        ".version 7.0\n.target sm_80\n.address_size 64\n{variables}
        .visible .entry k(.param .u64 .ptr .global .align 1 p, .param .u64 .ptr .global .align 1 q, .param .u32 n) {{
            .reg .pred %p<9>; .reg .b16 %rs<20>; .reg .b32 %r<20>; .reg .b64 %rd<20>;
            .shared .align 16 .b8 tile[256];
            ld.param.b64 %rd1, [p]; ld.param.b64 %rd2, [q]; ld.param.b32 %r1, [n];
            mov.u32 %r2, %tid.x; cvt.u64.u32 %rd3, %r2;
            {body}
            ret;
        }}\n"
    )
}

/// Runs a body in a warp on input, with an output of `length` bytes.
fn run(variables: &str, body: &str, input: &[u8], length: usize, n: i32) -> Result<Vec<u8>, DeviceError> {
    let mut device = device(&text(variables, body));
    let (p, q) = (upload(&mut device, input), upload(&mut device, &vec![0xee; length]));
    launch(&mut device, "k", 1, 32, &[Pointer(p), Pointer(q), I32(n)])?;
    Ok(download(&mut device, q, length))
}

#[test]
fn elements_are_extended_to_their_registers() {
    let input: Vec<u8> = (0..64u8).map(|i| i.wrapping_mul(67)).collect();
    for (load, store, (size, signed, wide)) in [
        ("ld.global.s8 %r3, [%rd4];", "b32 [%rd5], %r3", (1, true, 4)),
        ("ld.global.b8 %r3, [%rd4];", "b32 [%rd5], %r3", (1, false, 4)),
        ("ld.global.s8 %rs3, [%rd4];", "b16 [%rd5], %rs3", (1, true, 2)),
        ("ld.global.u8 %rs3, [%rd4];", "b16 [%rd5], %rs3", (1, false, 2)),
        ("ld.global.s8 %rd6, [%rd4];", "b64 [%rd5], %rd6", (1, true, 8)),
        ("ld.global.s16 %r3, [%rd4];", "b32 [%rd5], %r3", (2, true, 4)),
        ("ld.global.nc.b16 %r3, [%rd4];", "b32 [%rd5], %r3", (2, false, 4)),
        ("ld.global.s16 %rd6, [%rd4];", "b64 [%rd5], %rd6", (2, true, 8)),
        ("ld.volatile.global.b16 %rs3, [%rd4];", "b16 [%rd5], %rs3", (2, false, 2)),
    ] {
        for stride in [0, size, 2 * size] {
            let body = format!(
                "mad.wide.u32 %rd4, %r2, {stride}, %rd1; mad.wide.u32 %rd5, %r2, {wide}, %rd2;
                {load} st.global.{store};"
            );
            let input: Vec<u8> = input.iter().cycle().take(128).copied().collect();
            let expected: Vec<u8> = (0..32)
                .flat_map(|lane| {
                    let at = lane * stride;
                    let value = match (size, signed) {
                        (1, true) => i64::from(input[at] as i8),
                        (1, false) => i64::from(input[at]),
                        (_, true) => i64::from(i16::from_le_bytes([input[at], input[at + 1]])),
                        _ => i64::from(u16::from_le_bytes([input[at], input[at + 1]])),
                    };
                    value.to_le_bytes()[..wide].to_vec()
                })
                .collect();
            assert_eq!(run("", &body, &input, 32 * wide, 0).unwrap(), expected, "{load} {stride}");
        }
    }
}

#[test]
fn vectors_go_there_and_back() {
    let mut random = Random(11);
    let input = random.bytes(32 * 32);
    for (of, count, registers, size) in [
        ("b8", 2, "{%rs1, %rs2}", 2),
        ("b8", 4, "{%rs1, %rs2, %rs3, %rs4}", 4),
        ("b16", 2, "{%rs1, %rs2}", 4),
        ("b16", 4, "{%rs1, %rs2, %rs3, %rs4}", 8),
        ("b32", 2, "{%r3, %r4}", 8),
        ("b32", 4, "{%r3, %r4, %r5, %r6}", 16),
        ("b64", 2, "{%rd6, %rd7}", 16),
    ] {
        // In order, backwards, and all lanes the same.
        for step in ["mov.b32 %r10, %r2;", "sub.s32 %r10, 31, %r2;", "mov.b32 %r10, 9;"] {
            for guard in ["", "@%p1 "] {
                let body = format!(
                    "{step} setp.ne.b32 %p1, %r2, 4; mad.wide.u32 %rd4, %r10, {size}, %rd1;
                    mad.wide.u32 %rd5, %r2, {size}, %rd2;
                    {guard}ld.global.v{count}.{of} {registers}, [%rd4];
                    {guard}st.global.v{count}.{of} [%rd5], {registers};"
                );
                let out = run("", &body, &input, 32 * size, 0).unwrap();
                for (lane, found) in out.chunks(size).enumerate() {
                    let from = match step {
                        step if step.starts_with("mov.b32 %r10, %r2") => lane,
                        step if step.starts_with("sub") => 31 - lane,
                        _ => 9,
                    };
                    let expected = &input[from * size..(from + 1) * size];
                    let skipped = lane == 4 && !guard.is_empty();
                    let expected = if skipped { vec![0xee; size] } else { expected.to_vec() };
                    assert_eq!(found, expected, "{guard}v{count}.{of} {step} {lane}");
                }
            }
        }
    }
}

#[test]
fn accesses_outside_and_misaligned_ones_are_faults() {
    // 128 bytes to load from and as many to store to.
    for (body, message) in [
        ("mad.wide.u32 %rd4, %r2, 4, %rd1; ld.global.b32 %r3, [%rd4+4];", "thread 31,0,0: 4 bytes at"),
        ("mad.wide.u32 %rd4, %r2, 4, %rd1; ld.global.b32 %r3, [%rd4+-4];", "thread 0,0,0: 4 bytes at"),
        ("mad.wide.u32 %rd4, %r2, 8, %rd1; ld.global.b64 %rd5, [%rd4];", "thread 16,0,0: 8 bytes at"),
        ("ld.global.b32 %r3, [%rd1+128];", "are in no allocation of global memory"),
        ("ld.global.b32 %r3, [%rd1+2];", "4 bytes at 0x7f0100000002 are not aligned"),
        ("add.s64 %rd4, %rd1, %rd3; ld.global.b16 %rs3, [%rd4];", "thread 1,0,0: 2 bytes at"),
        ("ld.global.v4.b32 {%r3,%r4,%r5,%r6}, [%rd1+8];", "16 bytes at 0x7f0100000008 are not aligned"),
        ("ld.global.v2.b32 {%r3,%r4}, [%rd1+124];", "not aligned"),
        ("mad.wide.u32 %rd4, %r2, 8, %rd1; ld.global.v4.b32 {%r3,%r4,%r5,%r6}, [%rd4];", "thread 1,0,0"),
        ("mad.wide.u32 %rd4, %r2, 4, %rd2; st.global.b32 [%rd4+4], %r2;", "thread 31,0,0: 4 bytes at"),
        ("mad.wide.u32 %rd4, %r2, 4, %rd2; st.global.b32 [%rd4+-4], %r2;", "thread 0,0,0: 4 bytes at"),
        ("st.global.b16 [%rd2+1], %rs0;", "not aligned"),
        ("st.global.b8 [%rd2+128], %rs0;", "in no allocation"),
        ("atom.global.add.u32 %r3, [%rd2+128], 1;", "in no allocation"),
        ("atom.global.add.u64 %rd4, [%rd2+4], 1;", "not aligned"),
        ("mov.b64 %rd4, 0; ld.global.b32 %r3, [%rd4];", "4 bytes at 0x0 are in no allocation"),
        ("cvt.u32.u64 %r3, %rd1; cvt.u64.u32 %rd4, %r3; ld.global.b32 %r3, [%rd4];", "in no allocation"),
        ("ld.shared.b32 %r3, [%rd1];", "are in no allocation of shared memory"),
        ("mov.b64 %rd4, tile; ld.shared.b32 %r3, [%rd4+256];", "4 bytes at 0x100"),
        ("mov.b64 %rd4, tile; st.shared.b32 [%rd4+254], 1;", "not aligned"),
        ("mov.b64 %rd4, tile; ld.global.b32 %r3, [%rd4];", "in no allocation of global memory"),
        ("ld.const.b32 %r3, [%rd1];", "in no allocation of constant memory"),
    ] {
        let error = run("", body, &[0; 128], 128, 0).unwrap_err().to_string();
        assert!(error.starts_with("gpu-failed: kernel k: PTX line 10, block 0,0,0, thread"), "{error}");
        assert!(error.contains(message), "{body}: {error}");
    }
    // Lanes that do not run do not access, and the last byte can be accessed.
    run("", "setp.eq.b32 %p1, %r2, 99; @%p1 ld.global.b32 %r3, [%rd1+128];", &[0; 128], 128, 0).unwrap();
    run("", "ld.global.b8 %rs3, [%rd1+127]; st.global.b8 [%rd2+127], %rs3;", &[0; 128], 128, 0).unwrap();
}

#[test]
fn lanes_access_several_allocations() {
    let body = "and.b32 %r3, %r2, 1; setp.eq.b32 %p1, %r3, 0; selp.b64 %rd4, %rd1, %rd2, %p1;
        mad.wide.u32 %rd4, %r2, 4, %rd4; ld.global.b32 %r4, [%rd4]; add.s32 %r4, %r4, 1; st.global.b32 [%rd4], %r4;";
    let mut device = device(&text("", body));
    let input: Vec<i32> = (0..32).collect();
    let [p, q] = [upload(&mut device, &bytes(&input)), upload(&mut device, &bytes(&input))];
    launch(&mut device, "k", 1, 32, &[Pointer(p), Pointer(q), I32(0)]).unwrap();
    let even: Vec<i32> = (0..32).map(|i| if i % 2 == 0 { i + 1 } else { i }).collect();
    let odd: Vec<i32> = (0..32).map(|i| if i % 2 == 1 { i + 1 } else { i }).collect();
    assert_eq!(words(&download(&mut device, p, 128)), even);
    assert_eq!(words(&download(&mut device, q, 128)), odd);
}

#[test]
fn atomic_operations() {
    for (op, of, start, operand, expected) in [
        ("add", "u32", -5i64, "%r2", 491),
        ("min", "s32", 3, "-2", -2),
        ("min", "u32", 3, "-2", 3),
        ("max", "s32", 3, "-2", 3),
        ("max", "u32", 3, "-2", -2),
        ("and", "b32", 0xff, "0x3c", 0x3c),
        ("or", "b32", 0xf0, "%r2", 0xff),
        ("xor", "b32", 0xff, "%r2", 0xff),
        ("exch", "b32", 0, "%r2", 31),
        ("inc", "u32", 0, "4", 2),
        ("dec", "u32", 0, "4", 3),
    ] {
        for space in ["global", "shared", "relaxed.sys.global", "gpu.global"] {
            let at = if space.contains("shared") { "%rd4" } else { "%rd2" };
            let body = format!(
                "mov.b64 %rd4, tile; st.global.b32 [%rd2], {start}; st.shared.b32 [tile], {start};
                atom.{space}.{op}.{of} %r3, [{at}], {operand};
                ld.{} %r4, [{at}]; st.global.b32 [%rd2+8], %r4; bar.warp.sync -1;
                mad.wide.u32 %rd5, %r2, 4, %rd1; st.global.b32 [%rd5], %r3;",
                if space.contains("shared") { "shared.b32" } else { "global.b32" }
            );
            let out = run("", &body, &[0; 128], 16, 0).unwrap();
            assert_eq!(words(&out)[2], expected, "{space}.{op}.{of}");
        }
    }
    // What was there before, in the order of the lanes; without a result; with a comparison.
    let body = "st.global.b32 [%rd2+128], 100; atom.global.add.u32 %r3, [%rd2+128], 2;
        mad.wide.u32 %rd5, %r2, 4, %rd2; st.global.b32 [%rd5], %r3;";
    let before: Vec<i32> = (0..32).map(|i| 100 + 2 * i).collect();
    assert_eq!(words(&run("", body, &[0; 4], 132, 0).unwrap())[..32], before);
    let body = "st.global.b64 [%rd2], -1; red.global.add.u64 [%rd2], %rd3; atom.global.max.s64 _, [%rd2], 7;";
    assert_eq!(run("", body, &[0; 4], 8, 0).unwrap(), 495i64.to_le_bytes());
    let body = "st.global.b32 [%rd2], 5; atom.global.cas.b32 %r3, [%rd2], %r2, 77;";
    assert_eq!(words(&run("", body, &[0; 4], 4, 0).unwrap()), [77]);
}

#[test]
fn variables_of_the_module() {
    let variables = ".global .align 4 .b8 tab[16] = {1, 0, 0, 0, 255, 255, 255, 255, 7};
        .const .align 2 .b8 small[6] = {1, 0, 254, 255, 3}; .global .align 4 .u32 one = -9;
        .global .align 8 .f64 real = 0d3FF8000000000000;";
    let body = "mov.b64 %rd4, tab; ld.global.b32 %r3, [%rd4+4]; ld.global.b32 %r4, [tab+8]; ld.global.b32 %r5, [tab+12];
        mov.b64 %rd5, small; ld.const.s16 %r6, [%rd5+2]; ld.const.u8 %r7, [small+4]; ld.global.b32 %r8, [one];
        ld.global.f64 %rd6, [real]; st.global.v4.b32 [%rd2], {%r3, %r4, %r5, %r6};
        st.global.v2.b32 [%rd2+16], {%r7, %r8}; st.global.b64 [%rd2+24], %rd6;";
    let out = run(variables, body, &[0; 4], 32, 0).unwrap();
    assert_eq!(words(&out[..24]), [-1, 7, 0, -2, 3, -9]);
    assert_eq!(out[24..], 1.5f64.to_le_bytes());
    for body in ["st.global.b32 [small], 1;", "ld.const.b32 %r3, [tab];", "ld.shared.b32 %r3, [tab];"] {
        assert!(Interpreter::new().parse(&text(variables, body)).is_err(), "{body}");
    }
}

#[test]
fn allocations() {
    let mut device = Interpreter::new().with_memory(1000);
    let first = device.allocate(400).unwrap();
    let second = device.allocate(400).unwrap();
    assert_eq!((first % 256, second % 256), (0, 0));
    assert_eq!(device.allocate(201), Err(DeviceError::Memory { needed: 201, free: 200 }));
    assert_eq!(download(&mut device, second, 400), [0; 400]);
    device.write(second + 396, &[1, 2, 3, 4]).unwrap();
    assert!(device.write(second + 397, &[1, 2, 3, 4]).is_err());
    assert!(device.read(first, &mut [0; 401]).is_err());
    assert!(device.free(first + 1).is_err());
    device.free(first).unwrap();
    assert!(device.free(first).is_err());
    assert!(device.read(first, &mut [0; 4]).is_err());
    assert_eq!(device.free_memory(), Ok(600));
    // An address is never given again.
    assert!(device.allocate(400).unwrap() > second);
}
