//! Weights as the chip holds them.
//!
//! A table has weights of up to 8 bits and a sign mode; its sum is scaled by a power of two. The quantiser of the chip (Lava's
//! `weightutils`) clips to `[0, 255]`, or to `[-256, 255]` for both signs, and clears the lower bits that are not stored. Weights here
//! are shifted up so that nothing is cleared, and the exponent takes the shift back.

use crate::loihi::chip::SynapseFormat;

/// A table of synapses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Weights as the chip holds them.
    pub weights: Vec<i32>,
    /// Bits of a weight.
    pub bits: u32,
    /// Power of two that scales the sum.
    pub exponent: i32,
    /// `excitatory`, `inhibitory` or `mixed`.
    pub sign_mode: &'static str,
}

/// The tables whose scaled sums are those of `weights`: one, or one of the lower bits and one of the upper.
///
/// # Errors
///
/// If two are not enough: what is too wide.
pub fn tables(weights: &[i32], format: &SynapseFormat) -> Result<Vec<Table>, String> {
    if let Some(table) = one(weights.to_vec(), 0, format) {
        return Ok(vec![table]);
    }
    let bits = format.weight_bits;
    let lower = weights.iter().map(|weight| weight & ((1 << bits) - 1)).collect();
    let upper = weights.iter().map(|weight| weight >> bits).collect();
    match (one(lower, 0, format), one(upper, bits as i32, format)) {
        (Some(lower), Some(upper)) => Ok(vec![lower, upper]),
        _ => {
            let widest = weights.iter().copied().max_by_key(|weight| weight.unsigned_abs()).unwrap_or(0);
            Err(format!("a weight of {widest} does not fit two synapses of {bits} bits"))
        }
    }
}

/// Weights times 2^shift in one table; `None` if they are too wide.
fn one(weights: Vec<i32>, shift: i32, format: &SynapseFormat) -> Option<Table> {
    let (least, most) =
        weights.iter().fold((0, 0), |(least, most), &weight| (weight.min(least), weight.max(most)));
    let width = |magnitude: i32| i32::BITS - magnitude.leading_zeros();
    let mixed = ("mixed", 1 + width(most).max(width(-1 - least)), 9);
    // Weights of one sign fit tables of both too, whose exponents reach further up.
    let modes = match (least, most) {
        (0, _) => [("excitatory", width(most).max(1), 8), mixed],
        (_, 0) => [("inhibitory", width(-least), 8), mixed],
        _ => [mixed, mixed],
    };
    modes.into_iter().find_map(|(sign_mode, bits, full)| {
        let up = full - bits as i32;
        let fits = bits <= format.weight_bits
            && (format.lowest_exponent..=format.highest_exponent).contains(&(shift - up));
        fits.then(|| Table {
            weights: weights.iter().map(|weight| weight << up).collect(),
            bits,
            exponent: shift - up,
            sign_mode,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the chip's quantiser makes of a weight (`proc/dense/models.py` of Lava).
    fn quantised(weight: i32, table: &Table) -> i32 {
        let mixed = i32::from(table.sign_mode == "mixed");
        let sign = if table.sign_mode == "inhibitory" { -1 } else { 1 };
        let clipped = (sign * weight).clamp(-256 * mixed, 255);
        let k = 8 - table.bits as i32 + mixed;
        sign * ((clipped >> k) << k)
    }

    /// The tables hold what the chip can hold, and their scaled sums are the weighted sum.
    fn hold(weights: &[i32], spikes: &[i64], format: &SynapseFormat) -> usize {
        let tables = tables(weights, format).unwrap();
        let sums = tables.iter().map(|table| {
            assert!(table.weights.iter().all(|&weight| quantised(weight, table) == weight), "{table:?}");
            assert!(table.bits <= format.weight_bits, "{table:?}");
            let sum = table.weights.iter().zip(spikes).map(|(w, s)| i64::from(*w) * s).sum::<i64>();
            if table.exponent > 0 { sum << table.exponent } else { sum >> -table.exponent }
        });
        let sum = sums.sum::<i64>();
        assert_eq!(sum, weights.iter().zip(spikes).map(|(w, s)| i64::from(*w) * s).sum::<i64>());
        tables.len()
    }

    #[test]
    fn eight_bits_take_one_table_and_sixteen_two() {
        let format = SynapseFormat::default();
        assert_eq!(hold(&[-128, 127, 0, 5], &[1, -1, 1, 1], &format), 1);
        assert_eq!(hold(&[255, 0], &[1, 1], &format), 1);
        assert_eq!(hold(&[-255, 0], &[1, 1], &format), 1);
        assert_eq!(hold(&[128, -1], &[1, 1], &format), 2);
        assert_eq!(hold(&[-32768, 32767], &[1, 1], &format), 2);
        assert_eq!(hold(&[-32768, 0], &[1, 1], &format), 2);
        assert_eq!(hold(&[0, 0], &[1, 1], &format), 1);
        assert_eq!(tables(&[3, 2], &format).unwrap()[0].bits, 2);
        let message = tables(&[1 << 20, 0], &format).unwrap_err();
        assert_eq!(message, "a weight of 1048576 does not fit two synapses of 8 bits");
    }

    proptest! {
        #[test]
        fn sums_are_kept(
            weights in proptest::collection::vec(-32768i32..=32767, 1..20),
            spikes in proptest::collection::vec(-512i64..512, 20),
            narrow in 1u32..16,
            bits in 4u32..=8,
        ) {
            let format = SynapseFormat { weight_bits: bits, ..SynapseFormat::default() };
            // Two tables of fewer bits hold fewer bits, and exponents end somewhere.
            let kept = 17 - (2 * bits).min(16);
            let weights = weights.iter().map(|w| w >> narrow.max(kept)).collect::<Vec<_>>();
            prop_assert!(hold(&weights, &spikes, &format) <= 2);
        }
    }
}
