//! Integer weights for a given unit. Not a pass.

use super::units::Weighted;

/// Correlation that is assumed between what two taps of a kernel weigh: neighbours in a channel look alike.
const CORRELATION: f64 = 0.5;

/// The nearest integers of some rows of weights, 1 standing for `unit`, clipped to what a weight can be.
pub(super) fn nearest(weighted: &Weighted, weights: &[f64], unit: f64) -> Vec<f64> {
    weights.iter().map(|weight| (weight / unit).round().clamp(-weighted.limit, weighted.limit)).collect()
}

/// [`nearest`], but rounded the other way where that makes the errors of a kernel cancel: those of the weights from one input channel
/// to one output channel. With errors `e` the mean square of what they add up to is, but for a factor,
/// `(1 − ρ) Σ e² + ρ (Σ e)²` for taps of correlation ρ.
///
/// As the kernel-wise step of SQuant (Guo et al. 2022, "SQuant: on-the-fly data-free quantization via diagonal Hessian approximation",
/// §3), which makes `|Σ e|` ≤ ½ whatever it costs.
pub(super) fn rounded(weighted: &Weighted, weights: &[f64], unit: f64) -> Vec<f64> {
    let mut integers = nearest(weighted, weights, unit);
    if weighted.clips && weighted.taps > 1 {
        for (kernel, integers) in weights.chunks(weighted.taps).zip(integers.chunks_mut(weighted.taps)) {
            cancel(kernel, unit, weighted.limit, integers);
        }
    }
    integers
}

/// Rounds weights of a kernel the other way as long as its error falls by it, the cheapest first.
fn cancel(kernel: &[f64], unit: f64, limit: f64, integers: &mut [f64]) {
    let mut errors =
        kernel.iter().zip(&*integers).map(|(weight, integer)| weight / unit - integer).collect::<Vec<_>>();
    let mut sum = errors.iter().sum::<f64>();
    for _ in 0..kernel.len() {
        let sign = sum.signum();
        // Of weights that are not clipped, the one nearest to being rounded the other way; the first of several.
        let mut best = None::<(f64, usize)>;
        for (index, error) in errors.iter().map(|error| error * sign).enumerate() {
            let free = error > 0.0 && error <= 0.5 && (integers[index] + sign).abs() <= limit;
            if free && best.is_none_or(|(most, _)| error > most) {
                best = Some((error, index));
            }
        }
        let Some((error, index)) = best else { return };
        let change = (1.0 - CORRELATION) * (1.0 - 2.0 * error) + CORRELATION * (1.0 - 2.0 * sum.abs());
        if change >= 0.0 {
            return;
        }
        integers[index] += sign;
        errors[index] -= sign;
        sum -= sign;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(weights: &[f64], limit: f64, taps: usize) -> Weighted {
        let variance = vec![1.0; weights.len()];
        Weighted { weights: weights.to_vec(), bias: vec![0.0], limit, clips: true, variance, taps }
    }

    fn error(kernel: &[f64], integers: &[f64]) -> f64 {
        let errors = kernel.iter().zip(integers).map(|(weight, integer)| weight - integer);
        let sum = errors.clone().sum::<f64>();
        (1.0 - CORRELATION) * errors.map(|error| error * error).sum::<f64>() + CORRELATION * sum * sum
    }

    proptest! {
        #[test]
        fn errors_of_a_kernel_cancel(kernel in prop::collection::vec(-9.0f64..9.0, 1..10), limit in 1u32..8) {
            let limit = f64::from(limit);
            let weighted = of(&kernel, limit, kernel.len());
            let (nearest, integers) = (nearest(&weighted, &kernel, 1.0), rounded(&weighted, &kernel, 1.0));
            prop_assert!(error(&kernel, &integers) <= error(&kernel, &nearest) + 1e-9);
            for (weight, integer) in kernel.iter().zip(&integers) {
                prop_assert!(integer.fract() == 0.0 && integer.abs() <= limit);
                prop_assert!((weight - integer).abs() <= 1.0 || integer.abs() == limit);
            }
        }
    }

    #[test]
    fn kernels_keep_their_sums_and_single_weights_their_values() {
        let weights = [0.4, 0.3, 0.45, 2.4, 2.3, 2.45];
        // 1.15 of 0.
        assert_eq!(rounded(&of(&weights, 7.0, 3), &weights, 1.0), [0.0, 0.0, 1.0, 2.0, 2.0, 3.0]);
        assert_eq!(rounded(&of(&weights, 7.0, 1), &weights, 1.0), [0.0, 0.0, 0.0, 2.0, 2.0, 2.0]);
        // 3 is not to be had.
        assert_eq!(rounded(&of(&weights, 2.0, 3), &weights, 1.0), [0.0, 0.0, 1.0, 2.0, 2.0, 2.0]);
    }
}
