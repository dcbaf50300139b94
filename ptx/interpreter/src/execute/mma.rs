//! Products of 16 × k and k × 8 matrices of bytes, k 16 or 32, summed up in 32 bits.
//!
//! Fragments as in the PTX ISA, "Matrix Fragments for mma.m16n8k16" and "mma.m16n8k32". Lane `4 g + t` holds
//! - of A in register `r` the bytes of row `g + 8 (r mod 2)`, columns `4 t` and on, plus 16 for `r` at least 2;
//! - of B in register `r` the bytes of column `g`, rows `4 t + 16 r` and on;
//! - of C and D in register `r` row `g + 8 (r / 2)`, column `2 t + r mod 2`.

use multiversion::multiversion;

use super::lanes::Register;
use crate::op::Mma;

/// `A B + C`, as fragments.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "aarch64+neon"))]
pub(crate) fn multiply(
    mma: &Mma,
    a: &[Register<u32>; 4],
    b: &[Register<u32>; 2],
    c: &[Register<u32>; 4],
) -> [Register<u32>; 4] {
    let mut rows = [[0i16; 32]; 16];
    let mut columns = [[0i16; 32]; 8];
    let (registers_a, registers_b) = if mma.deep { (4, 2) } else { (2, 1) };
    for (r, register) in a.iter().enumerate().take(registers_a) {
        spread(&mut rows[8 * (r % 2)..8 * (r % 2) + 8], 16 * (r / 2), register, mma.signed_a);
    }
    for (r, register) in b.iter().enumerate().take(registers_b) {
        spread(&mut columns, 16 * r, register, mma.signed_b);
    }
    let mut products = [[0i32; 8]; 16];
    for (row, products) in rows.iter().zip(&mut products) {
        for (column, product) in columns.iter().zip(products) {
            // No more than 32 products of at most 255².
            *product = row.iter().zip(column).map(|(&x, &y)| i32::from(x) * i32::from(y)).sum();
        }
    }
    let mut out = [[0; 32]; 4];
    for (r, (out, c)) in out.iter_mut().zip(c).enumerate() {
        for (lane, (out, &c)) in out.iter_mut().zip(c).enumerate() {
            let product = products[8 * (r / 2) + lane / 4][2 * (lane % 4) + r % 2];
            let c = c as i32;
            *out = if mma.saturate { c.saturating_add(product) } else { c.wrapping_add(product) } as u32;
        }
    }
    out
}

/// The 16 bytes of four lanes after each other are of one row.
#[inline(always)]
fn spread(rows: &mut [[i16; 32]], from: usize, register: &Register<u32>, signed: bool) {
    for (row, words) in rows.iter_mut().zip(register.chunks_exact(4)) {
        for (to, word) in row[from..from + 16].chunks_exact_mut(4).zip(words) {
            for (to, byte) in to.iter_mut().zip(word.to_le_bytes()) {
                *to = if signed { i16::from(byte as i8) } else { i16::from(byte) };
            }
        }
    }
}
