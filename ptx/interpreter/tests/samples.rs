//! Kernels that LLVM compiled give what they are to give.

mod device;

use device::{Random, bytes, device, download, launch, upload, words};
use neurocuda_runtime::gpu::Argument::{I32, Pointer};

#[test]
fn neurons_with_step_counts_that_differ_by_lane() {
    let (n, most) = (100usize, 23u32);
    let (threshold, leak) = (40, 7);
    let mut random = Random(1);
    let lengths: Vec<u16> = (0..n).map(|_| random.below(most + 1) as u16).collect();
    let input = random.bytes(n * most as usize);
    let mut device = device(include_str!("samples/leak.ptx"));
    let x = upload(&mut device, &input);
    let counts: Vec<u8> = lengths.iter().flat_map(|length| length.to_le_bytes()).collect();
    let counts = upload(&mut device, &counts);
    let out = upload(&mut device, &vec![0xee; 4 * n]);
    let spikes = upload(&mut device, &vec![0xee; input.len()]);
    let pointers = [x, counts, out, spikes].map(Pointer);
    let arguments = [&pointers[..], &[I32(n as i32), I32(threshold), I32(leak)]].concat();
    launch(&mut device, "leak", 2, 64, &arguments).unwrap();

    let mut expected = vec![0xee; input.len()];
    let mut totals = Vec::new();
    for i in 0..n {
        let (mut v, mut count) = (0i32, 0);
        for t in 0..usize::from(lengths[i]) {
            v = v - v / leak + i32::from(input[t * n + i] as i8);
            expected[t * n + i] = u8::from(v >= threshold);
            if v >= threshold {
                (v, count) = (v - threshold, count + 1);
            }
        }
        totals.push(count);
    }
    assert!(totals.iter().any(|&count| count > 0));
    assert_eq!(words(&download(&mut device, out, 4 * n)), totals);
    assert_eq!(download(&mut device, spikes, expected.len()), expected);
}

#[test]
fn a_block_reversed_through_shared_memory_and_summed_up() {
    let mut random = Random(2);
    let input: Vec<i32> = (0..3 * 128).map(|_| random.below(2001) as i32 - 1000).collect();
    let mut device = device(include_str!("samples/reverse.ptx"));
    let x = upload(&mut device, &bytes(&input));
    let out = device_memory(&mut device, 4 * input.len());
    let total = device_memory(&mut device, 16);
    launch(&mut device, "reverse", 3, 128, &[x, out, total].map(Pointer)).unwrap();

    let reversed: Vec<i32> = input.chunks(128).flat_map(|block| block.iter().rev().copied()).collect();
    assert_eq!(words(&download(&mut device, out, 4 * input.len())), reversed);
    let sums = reversed.chunks(32).map(|warp| warp.iter().sum::<i32>());
    let total = download(&mut device, total, 16);
    assert_eq!(
        i64::from_le_bytes(total[..8].try_into().unwrap()),
        input.iter().map(|&x| i64::from(x)).sum::<i64>()
    );
    assert_eq!(words(&total[8..]), [input.iter().filter(|&&x| x > 0).count() as i32, sums.fold(0, i32::max)]);
}

#[test]
fn a_product_of_matrices_requantised() {
    let mut random = Random(3);
    let (a, b) = (random.bytes(3 * 16 * 32), random.bytes(8 * 32));
    let scales: Vec<f32> = (0..8).map(|_| random.below(1000) as f32 / 300_000.0).collect();
    let mut device = device(include_str!("samples/matmul.ptx"));
    let scale: Vec<u8> = scales.iter().flat_map(|scale| scale.to_le_bytes()).collect();
    let [a_at, b_at, scale_at] = [&a, &b, &scale].map(|bytes| upload(&mut device, bytes));
    let out = device_memory(&mut device, 3 * 16 * 8);
    launch(&mut device, "matmul", 3, 32, &[a_at, b_at, scale_at, out].map(Pointer)).unwrap();

    let mut expected = Vec::new();
    for row in a.chunks(32) {
        for (column, scale) in b.chunks(32).zip(&scales) {
            let sum: i32 = row.iter().zip(column).map(|(&x, &y)| i32::from(x as i8) * i32::from(y)).sum();
            let value = (f64::from(sum) * f64::from(*scale) + 0.5).floor();
            expected.push(value.clamp(-128.0, 127.0) as i8 as u8);
        }
    }
    assert_eq!(download(&mut device, out, expected.len()), expected);
}

fn device_memory(device: &mut neurocuda_ptx_interpreter::Interpreter, bytes: usize) -> u64 {
    upload(device, &vec![0; bytes])
}
