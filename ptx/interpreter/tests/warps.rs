//! What lanes and warps do together.

mod device;

use device::{Random, bytes, device, download, launch, upload, words};
use neurocuda_runtime::gpu::Argument::{I32, Pointer};
use neurocuda_runtime::gpu::DeviceError;

/// A kernel `k(p, q, n)` with `%rd1`, `%rd2` and `%r1` as its parameters, the thread in `%r2`, the place of its 32 bytes of `p`
/// in `%rd3` and of its 16 bytes of `q` in `%rd4`.
fn text(body: &str) -> String {
    format!(
        ".version 7.0\n.target sm_80\n.address_size 64\n
        .visible .entry k(.param .u64 .ptr .global .align 1 p, .param .u64 .ptr .global .align 1 q, .param .u32 n) {{
            .reg .pred %p<9>; .reg .b16 %rs<20>; .reg .b32 %r<40>; .reg .b64 %rd<20>;
            .shared .align 4 .b8 tile[4096];
            ld.param.b64 %rd1, [p]; ld.param.b64 %rd2, [q]; ld.param.b32 %r1, [n];
            mov.u32 %r2, %tid.x; mad.wide.u32 %rd3, %r2, 32, %rd1; mad.wide.u32 %rd4, %r2, 16, %rd2;
            {body}
            ret;
        }}\n"
    )
}

/// Runs a block of `threads` on input; the result is four words per thread.
fn run(body: &str, threads: u32, input: &[u8], n: i32) -> Result<Vec<i32>, DeviceError> {
    let mut device = device(&text(body));
    let length = 16 * threads as usize;
    let (p, q) = (upload(&mut device, input), upload(&mut device, &vec![0; length]));
    launch(&mut device, "k", 1, threads, &[Pointer(p), Pointer(q), I32(n)])?;
    Ok(words(&download(&mut device, q, length)))
}

/// The first word of each thread.
fn first(words: &[i32]) -> Vec<i32> {
    words.iter().step_by(4).copied().collect()
}

#[test]
fn products_of_matrices() {
    let mut random = Random(21);
    for (deep, k) in [(true, 32usize), (false, 16)] {
        for (signed_a, signed_b) in [(false, false), (false, true), (true, false), (true, true)] {
            for saturate in [false, true] {
                let (a, b) = (random.bytes(16 * k), random.bytes(8 * k));
                let edge = [i32::MAX - 1000, i32::MIN + 1000, 0, 12345];
                let c: Vec<i32> =
                    (0..128).map(|_| edge[random.below(4) as usize] ^ random.below(512) as i32).collect();
                // Fragments by the formulas of the PTX ISA for m16n8k16 and m16n8k32.
                let mut input = Vec::new();
                for lane in 0..32 {
                    let (group, thread) = (lane / 4, lane % 4);
                    let byte_a = |i: usize| {
                        let row = if (i / 4).is_multiple_of(2) { group } else { group + 8 };
                        let column = thread * 4 + (i & 3) + if i < 8 { 0 } else { 16 };
                        a[row * k + column]
                    };
                    let byte_b = |i: usize| b[group * k + thread * 4 + (i & 3) + if i < 4 { 0 } else { 16 }];
                    let pick = |count: usize, byte: &dyn Fn(usize) -> u8| {
                        (0..count)
                            .map(|i| if i < count * k / 32 { byte(i) } else { 0x55 })
                            .collect::<Vec<_>>()
                    };
                    input.extend(pick(16, &byte_a));
                    input.extend(pick(8, &byte_b));
                    input.extend([0; 8]);
                }
                let place =
                    |lane: usize, i: usize| (lane / 4 + if i < 2 { 0 } else { 8 }, lane % 4 * 2 + (i & 1));
                let at = |lane: usize, i: usize| {
                    let (row, column) = place(lane, i);
                    row * 8 + column
                };
                let sums: Vec<i32> = (0..32)
                    .flat_map(|lane| (0..4).map(move |i| (lane, i)))
                    .map(|(lane, i)| c[at(lane, i)])
                    .collect();
                input.extend(bytes(&sums));
                let sign = |signed| if signed { "s8" } else { "u8" };
                let body = format!(
                    "ld.global.v4.b32 {{%r10, %r11, %r12, %r13}}, [%rd3];
                    ld.global.v2.b32 {{%r14, %r15}}, [%rd3+16]; mad.wide.u32 %rd5, %r2, 16, %rd1;
                    ld.global.v4.b32 {{%r16, %r17, %r18, %r19}}, [%rd5+1024];
                    mma.sync.aligned.m16n8k{k}.row.col{}.s32.{}.{}.s32 {{%r20, %r21, %r22, %r23}},
                    {}, {{%r16, %r17, %r18, %r19}}; st.global.v4.b32 [%rd4], {{%r20, %r21, %r22, %r23}};",
                    if saturate { ".satfinite" } else { "" },
                    sign(signed_a),
                    sign(signed_b),
                    if deep { "{%r10, %r11, %r12, %r13}, {%r14, %r15}" } else { "{%r10, %r11}, {%r14}" },
                );
                let found = run(&body, 32, &input, 0).unwrap();
                let number = |byte: u8, signed| if signed { i64::from(byte as i8) } else { i64::from(byte) };
                for lane in 0..32 {
                    for i in 0..4 {
                        let (row, column) = place(lane, i);
                        let product =
                            |x| number(a[row * k + x], signed_a) * number(b[column * k + x], signed_b);
                        let sum = i64::from(c[at(lane, i)]) + (0..k).map(product).sum::<i64>();
                        let limits = (i64::from(i32::MIN), i64::from(i32::MAX));
                        let sum = if saturate { sum.clamp(limits.0, limits.1) } else { sum };
                        assert_eq!(found[4 * lane + i], sum as i32, "{body} lane {lane} register {i}");
                    }
                }
            }
        }
    }
}

#[test]
fn lanes_that_loop_a_different_number_of_times() {
    // Collatz: as many steps as it takes to come to 1, with a different way for odd and even.
    let body = "add.s32 %r3, %r2, 1; mov.b32 %r4, 0;
        LOOP: setp.eq.b32 %p1, %r3, 1; @%p1 bra DONE;
        and.b32 %r5, %r3, 1; setp.ne.b32 %p2, %r5, 0; add.s32 %r4, %r4, 1; @%p2 bra ODD;
        shr.u32 %r3, %r3, 1; bra.uni LOOP;
        ODD: mad.lo.s32 %r3, %r3, 3, 1; bra.uni LOOP;
        DONE: vote.sync.ballot.b32 %r6, %p1, -1; st.global.v2.b32 [%rd4], {%r4, %r6};";
    let steps = |mut n: u64| {
        let mut steps = 0;
        while n != 1 {
            n = if n % 2 == 1 { 3 * n + 1 } else { n / 2 };
            steps += 1;
        }
        steps
    };
    let found = run(body, 64, &[0; 2048], 0).unwrap();
    for (thread, four) in found.chunks(4).enumerate() {
        assert_eq!(four[..2], [steps(thread as u64 + 1), -1], "{thread}");
    }
}

#[test]
fn lanes_meet_before_the_matrix_product_of_the_next_step() {
    // The block of the loop that only some lanes run stands behind the loop, as LLVM places it.
    let body = "mov.b32 %r3, 0; mov.b32 %r4, 0;
        bra.uni HEAD;
        LATCH: add.s32 %r3, %r3, 1; setp.ne.b32 %p3, %r3, 5; @%p3 bra HEAD; bra.uni DONE;
        HEAD: mma.sync.aligned.m16n8k32.row.col.s32.u8.u8.s32 {%r5, %r6, %r7, %r8}, {%r4, %r4, %r4, %r4}, {%r4, %r4},
            {%r4, %r4, %r4, %r4};
        add.s32 %r9, %r2, %r3; and.b32 %r9, %r9, 3; setp.lt.s32 %p1, %r9, 2; @%p1 bra LATCH;
        add.s32 %r4, %r4, 1; bra.uni LATCH;
        DONE: st.global.b32 [%rd4], %r4;";
    let found = first(&run(body, 32, &[0; 1024], 0).unwrap());
    let expected: Vec<i32> =
        (0..32).map(|lane| (0..5).filter(|t| (lane + t) % 4 >= 2).count() as i32).collect();
    assert_eq!(found, expected);
}

#[test]
fn warps_wait_for_each_other() {
    let body = "mov.b64 %rd5, tile; mad.wide.u32 %rd6, %r2, 4, %rd5; mad.lo.s32 %r3, %r2, 7, 3; st.shared.b32 [%rd6], %r3;
        bar.sync 0; mov.u32 %r4, %ntid.x; sub.s32 %r4, %r4, %r2; mad.wide.s32 %rd7, %r4, 4, %rd5;
        ld.shared.b32 %r5, [%rd7+-4]; bar.sync 0; st.shared.b32 [%rd6], 0; bar.sync 0;
        ld.shared.b32 %r6, [%rd7+-4]; st.global.v2.b32 [%rd4], {%r5, %r6};";
    for threads in [32, 48, 96, 1024] {
        let found = run(body, threads, &[0; 32 * 1024], 0).unwrap();
        for (thread, four) in found.chunks(4).enumerate() {
            assert_eq!(four[..2], [(threads as i32 - 1 - thread as i32) * 7 + 3, 0], "{thread} of {threads}");
        }
    }
}

#[test]
fn shuffles_votes_and_reductions() {
    let from =
        |body: &str| first(&run(&format!("{body} st.global.b32 [%rd4], %r3;"), 32, &[0; 1024], 0).unwrap());
    let of = |f: &dyn Fn(i32) -> i32| (0..32).map(f).collect::<Vec<i32>>();
    let shuffles: [(&str, &dyn Fn(i32) -> i32); 7] = [
        ("shfl.sync.bfly.b32 %r3, %r2, 5, 31, -1;", &|i| i ^ 5),
        ("shfl.sync.down.b32 %r3, %r2, 3, 31, -1;", &|i| if i + 3 < 32 { i + 3 } else { i }),
        ("shfl.sync.up.b32 %r3, %r2, 3, 0, -1;", &|i| if i >= 3 { i - 3 } else { i }),
        ("shfl.sync.idx.b32 %r3, %r2, 9, 31, -1;", &|_| 9),
        // Segments of eight lanes.
        ("shfl.sync.idx.b32 %r3, %r2, 2, 0x181f, -1;", &|i| i / 8 * 8 + 2),
        ("shfl.sync.down.b32 %r3, %r2, 3, 0x181f, -1;", &|i| if i % 8 + 3 < 8 { i + 3 } else { i }),
        ("shfl.sync.up.b32 %r3, %r2, 3, 0x1800, -1;", &|i| if i % 8 >= 3 { i - 3 } else { i }),
    ];
    for (body, expected) in shuffles {
        assert_eq!(from(body), of(expected), "{body}");
    }
    let inside = "shfl.sync.down.b32 %r4|%p1, %r2, 3, 31, -1; selp.b32 %r3, 1, 0, %p1;";
    assert_eq!(from(inside), of(&|i| i32::from(i < 29)));
    let test = "setp.lt.u32 %p1, %r2, 7; setp.lt.u32 %p2, %r2, 99;";
    let votes = [
        ("vote.sync.ballot.b32 %r3, %p1, -1;", 0x7f),
        ("vote.sync.ballot.b32 %r3, !%p1, -1;", !0x7f),
        ("vote.sync.any.pred %p3, %p1, -1; selp.b32 %r3, 1, 0, %p3;", 1),
        ("vote.sync.any.pred %p3, !%p2, -1; selp.b32 %r3, 1, 0, %p3;", 0),
        ("vote.sync.all.pred %p3, %p1, -1; selp.b32 %r3, 1, 0, %p3;", 0),
        ("vote.sync.all.pred %p3, %p2, -1; selp.b32 %r3, 1, 0, %p3;", 1),
        ("vote.sync.uni.pred %p3, !%p2, -1; selp.b32 %r3, 1, 0, %p3;", 1),
        ("redux.sync.add.s32 %r3, %r2, -1;", 496),
        ("redux.sync.max.u32 %r3, %r2, -1;", 31),
        ("sub.s32 %r4, %r2, 5; redux.sync.min.s32 %r3, %r4, -1;", -5),
        ("redux.sync.or.b32 %r3, %r2, -1;", 31),
        ("activemask.b32 %r3;", -1),
    ];
    for (body, expected) in votes {
        assert_eq!(from(&format!("{test} {body}")), of(&|_| expected), "{body}");
    }
}

#[test]
fn lanes_that_miss_an_instruction_of_the_warp_are_a_fault() {
    let some = "setp.lt.u32 %p1, %r2, 16;";
    for (body, threads, message) in [
        (
            "@%p1 mma.sync.aligned.m16n8k32.row.col.s32.u8.u8.s32 {%r5, %r6, %r7, %r8}, {%r4, %r4, %r4, %r4}, {%r4, %r4}, {%r4, %r4, %r4, %r4};",
            32,
            "but 0x0000ffff",
        ),
        (
            "mma.sync.aligned.m16n8k32.row.col.s32.u8.u8.s32 {%r5, %r6, %r7, %r8}, {%r4, %r4, %r4, %r4}, {%r4, %r4}, {%r4, %r4, %r4, %r4};",
            24,
            "but 0x00ffffff",
        ),
        (
            "@%p1 bra SKIP; shfl.sync.idx.b32 %r3, %r2, 20, 31, -1; SKIP:",
            32,
            "0xffffffff are at this instruction, but 0xffff0000",
        ),
        ("@%p1 vote.sync.ballot.b32 %r3, %p1, -1;", 32, "but 0x0000ffff"),
        ("@%p1 shfl.sync.idx.b32 %r3, %r2, 20, 31, 0xffff;", 32, "lane 20, which is not at"),
        ("@%p1 bar.warp.sync -1;", 32, "but 0x0000ffff"),
        ("@%p1 bar.sync 0;", 32, "but 0x0000ffff"),
        ("@%p1 ret; bar.sync 0;", 32, "but 0xffff0000"),
        ("setp.lt.u32 %p1, %r2, 32; @%p1 bra SKIP; bar.sync 0; SKIP:", 64, "ended before the barrier"),
        ("setp.eq.u32 %p1, %r2, 3; @%p1 trap;", 32, "thread 3,0,0: trap"),
    ] {
        let body = format!("{some} {body} st.global.b32 [%rd4], %r2;");
        let error = run(&body, threads, &[0; 4096], 0).unwrap_err().to_string();
        assert!(error.contains(message), "{body}: {error}");
    }
    // Those that have ended are not waited for, and a mask can leave others out.
    run("setp.lt.u32 %p1, %r2, 16; @%p1 ret; shfl.sync.idx.b32 %r3, %r2, 20, 31, -1;", 32, &[0; 1024], 0)
        .unwrap();
    run("setp.lt.u32 %p1, %r2, 16; @%p1 shfl.sync.idx.b32 %r3, %r2, 2, 31, 0xffff;", 32, &[0; 1024], 0)
        .unwrap();
}

#[test]
fn branches_of_a_table() {
    let body = "and.b32 %r3, %r2, 3; T: .branchtargets A, B, C, B; brx.idx %r3, T;
        B: mov.b32 %r4, 20; bra.uni E; A: mov.b32 %r4, 10; bra.uni E; C: mov.b32 %r4, 30; E: st.global.b32 [%rd4], %r4;";
    let found = first(&run(body, 32, &[0; 1024], 0).unwrap());
    assert_eq!(found, (0..32).map(|lane| [10, 20, 30, 20][lane % 4]).collect::<Vec<_>>());
    let body = body.replace("%r2, 3;", "%r2, 7;");
    assert!(
        run(&body, 32, &[0; 1024], 0).unwrap_err().to_string().contains("thread 4,0,0: there is no target 4")
    );
}

#[test]
fn places_in_the_grid() {
    let text = text(
        "mov.u32 %r3, %tid.y; mov.u32 %r4, %tid.z; mov.u32 %r5, %ctaid.x; mov.u32 %r6, %ctaid.y; mov.u32 %r7, %ctaid.z;
        mov.u32 %r8, %ntid.x; mov.u32 %r9, %ntid.y; mov.u32 %r10, %ntid.z; mov.u32 %r11, %nctaid.x; mov.u32 %r12, %nctaid.y;
        mov.u32 %r13, %nctaid.z; mov.u32 %r14, %laneid; mov.u32 %r15, %warpid;
        mad.lo.s32 %r20, %r7, %r12, %r6; mad.lo.s32 %r20, %r20, %r11, %r5; mad.lo.s32 %r21, %r4, %r9, %r3;
        mad.lo.s32 %r21, %r21, %r8, %r2; mul.lo.s32 %r22, %r8, %r9; mul.lo.s32 %r22, %r22, %r10;
        mad.lo.s32 %r23, %r20, %r22, %r21; mad.wide.u32 %rd5, %r23, 8, %rd2; mad.lo.s32 %r24, %r15, 32, %r14;
        st.global.v2.b32 [%rd5], {%r23, %r24};",
    );
    let mut device = device(&text);
    let (grid, block) = ([3, 2, 2], [5, 4, 3]);
    let q = upload(&mut device, &vec![0xff; 12 * 60 * 8]);
    let arguments = vec![Pointer(q), Pointer(q), I32(0)];
    let launch = neurocuda_runtime::gpu::KernelLaunch { kernel: "k".to_owned(), grid, block, arguments };
    neurocuda_runtime::gpu::Device::run(&mut device, &[launch]).unwrap();
    let expected: Vec<i32> = (0..12 * 60).flat_map(|number| [number, number % 60]).collect();
    assert_eq!(words(&download(&mut device, q, 12 * 60 * 8)), expected);
}

#[test]
fn what_is_not_written_to_is_not_zero() {
    let body = "ld.shared.b32 %r4, [tile+8]; st.global.v4.b32 [%rd4], {%r4, %r5, %r6, %r7}; st.shared.b32 [tile+8], 0;";
    let found = run(body, 32, &[0; 1024], 0).unwrap();
    assert!(found.iter().all(|&word| word != 0));
}
