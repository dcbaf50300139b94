//! Products of 16 × k and k × 8 matrices of bytes, k 16 or 32, summed up in 32 bits.
//!
//! Fragments as in the PTX ISA, "Matrix Fragments for mma.m16n8k16" and "mma.m16n8k32". Lane `4 g + t` holds
//! - of A in register `r` the bytes of row `g + 8 (r mod 2)`, columns `4 t` and on, plus 16 for `r` at least 2;
//! - of B in register `r` the bytes of column `g`, rows `4 t + 16 r` and on;
//! - of C and D in register `r` row `g + 8 (r / 2)`, column `2 t + r mod 2`.

use super::lanes::Register;
use crate::op::Mma;

/// `A B + C`, as fragments.
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
        for (lane, &word) in register.iter().enumerate() {
            let row = &mut rows[lane / 4 + 8 * (r % 2)];
            spread(row, 4 * (lane % 4) + 16 * (r / 2), word, mma.signed_a);
        }
    }
    for (r, register) in b.iter().enumerate().take(registers_b) {
        for (lane, &word) in register.iter().enumerate() {
            spread(&mut columns[lane / 4], 4 * (lane % 4) + 16 * r, word, mma.signed_b);
        }
    }
    let mut products = [[0i32; 8]; 16];
    for (row, products) in rows.iter().zip(&mut products) {
        for (column, product) in columns.iter().zip(products) {
            // No more than 32 products of at most 255².
            *product = row.iter().zip(column).map(|(&x, &y)| i32::from(x) * i32::from(y)).sum();
        }
    }
    std::array::from_fn(|r| {
        std::array::from_fn(|lane| {
            let product = products[lane / 4 + 8 * (r / 2)][2 * (lane % 4) + r % 2];
            let sum = c[r][lane] as i32;
            if mma.saturate { sum.saturating_add(product) as u32 } else { sum.wrapping_add(product) as u32 }
        })
    })
}

#[inline(always)]
fn spread(to: &mut [i16; 32], from: usize, word: u32, signed: bool) {
    for (to, byte) in to[from..from + 4].iter_mut().zip(word.to_le_bytes()) {
        *to = if signed { i16::from(byte as i8) } else { i16::from(byte) };
    }
}
