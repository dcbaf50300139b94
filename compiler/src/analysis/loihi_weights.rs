//! Weights as synapses of Loihi 2 hold them, after Lava's `utils/weightutils`.
//!
//! A synapse has a sign mode for all weights of a layer and a number of bits. Mixed weights have 9 bits with their sign, of which
//! the lowest is always 0: 8 bits mean the even numbers from -256 to 254. Others have a magnitude of 8 bits.

use neurocuda_runtime::loihi::replay::{OptimizedWeights, Quantisers, SignMode};

/// Bits of a weight, its sign apart.
const WEIGHT_BITS: u32 = 8;

/// Both, for [`neurocuda_runtime::loihi::replay::replay`].
pub const QUANTISERS: Quantisers = Quantisers { truncate, optimize };

/// The sign mode that weights have by themselves.
pub fn sign_mode(weights: &[i32]) -> SignMode {
    let (least, most) = extremes(weights);
    if least >= 0 {
        SignMode::Excitatory
    } else if most <= 0 {
        SignMode::Inhibitory
    } else {
        SignMode::Mixed
    }
}

fn extremes(weights: &[i32]) -> (i32, i32) {
    let least = weights.iter().copied().min().unwrap_or_default();
    let most = weights.iter().copied().max().unwrap_or_default();
    (least, most)
}

/// Weights cut to what synapses of so many bits hold: clipped, then lower bits cleared. Clearing rounds down for mixed and excitatory
/// weights, and towards zero for inhibitory ones, whose magnitudes are cut.
///
/// `signs` of `None` are those that the weights have.
pub fn truncate(weights: &[i32], signs: Option<SignMode>, bits: u32) -> Vec<i32> {
    let signs = signs.unwrap_or_else(|| sign_mode(weights));
    let cleared = WEIGHT_BITS.saturating_sub(bits) + u32::from(signs == SignMode::Mixed);
    let cut = |weight: i32| match signs {
        SignMode::Mixed => weight.clamp(-256, 255) >> cleared << cleared,
        SignMode::Excitatory => weight.clamp(0, 255) >> cleared << cleared,
        SignMode::Inhibitory => -(weight.saturating_neg().clamp(0, 255) >> cleared << cleared),
    };
    weights.iter().map(|&weight| cut(weight)).collect()
}

/// The fewest bits and the exponent that hold weights exactly, and the weights in that form: they are scaled up as far as 8 bits
/// reach, and common factors of two need no bits. For Loihi 2 the stored weights are without the bits that are not needed.
///
/// Weights that are all 0 need none.
pub fn optimize(weights: &[i32], signs: SignMode, loihi2: bool) -> OptimizedWeights {
    let (least, most) = extremes(weights);
    let mixed = i32::from(signs == SignMode::Mixed);
    // The power of two by which a weight can grow up to a limit, both positive; rounded down, also below 1.
    let room = |limit: i64, weight: i32| {
        let weight = i64::from(weight).abs();
        let grows = |power: &i32| {
            if *power >= 0 { weight << power <= limit } else { weight <= limit << power.unsigned_abs() }
        };
        (weight > 0).then(|| (-31..=8).rev().find(grows)).flatten()
    };
    let rooms = match signs {
        SignMode::Mixed => [room(127, most.max(0)), room(128, least.min(0))],
        SignMode::Excitatory => [room(255, most.max(0)), None],
        SignMode::Inhibitory => [None, room(255, least.min(0))],
    };
    let scale = rooms.into_iter().flatten().min().map_or(0, |room| room + mixed);
    // Of weights that are all 0, every power of two is a divisor.
    let common = weights.iter().fold(0, |all, weight| all | weight).trailing_zeros().min(8) as i32 - mixed;
    let weight_bits = 8 - scale - common;
    let unused = if loihi2 { 8 - weight_bits + mixed } else { 0 };
    let store = |weight: i32| {
        let scaled = shift(i64::from(weight), scale);
        // Towards zero.
        let stored = shift(scaled.abs(), -unused) * scaled.signum();
        i32::try_from(stored).unwrap_or(if stored < 0 { i32::MIN } else { i32::MAX })
    };
    OptimizedWeights {
        weights: weights.iter().map(|&weight| store(weight)).collect(),
        weight_bits,
        weight_exponent: -scale,
    }
}

/// `value · 2^power`, rounded down.
fn shift(value: i64, power: i32) -> i64 {
    if power >= 0 { value << power.min(31) } else { value >> power.unsigned_abs().min(63) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixed_weights_lose_their_last_bit_and_round_down() {
        let weights = [-300, -256, -3, -1, 0, 1, 3, 255, 300];
        assert_eq!(truncate(&weights, None, 8), [-256, -256, -4, -2, 0, 0, 2, 254, 254]);
        assert_eq!(truncate(&weights, None, 0), [-512, -512, -512, -512, 0, 0, 0, 0, 0]);
        assert_eq!(truncate(&[-7, -1, 5, 255], Some(SignMode::Inhibitory), 6), [-4, 0, 0, 0]);
        assert_eq!(truncate(&[-7, -1, 5, 300], Some(SignMode::Excitatory), 6), [0, 0, 4, 252]);
        assert_eq!(truncate(&[i32::MIN, i32::MAX], Some(SignMode::Inhibitory), 8), [-255, 0]);
    }

    #[test]
    fn few_levels_need_few_bits() {
        let found = optimize(&[3, -2, 1], SignMode::Mixed, true);
        assert_eq!((found.weights, found.weight_bits, found.weight_exponent), (vec![3, -2, 1], 3, -6));
        let found = optimize(&[-72, -202, -88], SignMode::Inhibitory, true);
        assert_eq!((found.weights, found.weight_bits, found.weight_exponent), (vec![-36, -101, -44], 7, 0));
        let zeros = optimize(&[0, 0], SignMode::Excitatory, true);
        assert_eq!((zeros.weights, zeros.weight_exponent), (vec![0, 0], 0));
        // Whatever comes, nothing overflows.
        for signs in [SignMode::Mixed, SignMode::Excitatory, SignMode::Inhibitory] {
            for loihi2 in [false, true] {
                optimize(&[i32::MIN, i32::MAX, 1], signs, loihi2);
                optimize(&[], signs, loihi2);
            }
        }
    }
}
