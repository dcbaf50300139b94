//! The random inputs and the digests that sets are made with.

/// Step of the generator, also of the keys of digests.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// The finaliser of splitmix64.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Inputs that are not stored.
pub(super) struct Inputs {
    pub(super) seed: u64,
    /// Largest magnitude.
    pub(super) amplitude: u64,
    /// How many of 65536 are not 0.
    pub(super) density: u64,
}

impl Inputs {
    /// Input number `k`, counted over steps and neurons.
    pub(super) fn get(&self, k: u64) -> i64 {
        let z = mix(self.seed.wrapping_add(k.wrapping_add(1).wrapping_mul(STEP)));
        if z & 0xFFFF >= self.density {
            return 0;
        }
        let range = self.amplitude.wrapping_mul(2).wrapping_add(1).max(1);
        ((z >> 16 & 0xFFFF_FFFF) % range) as i64 - self.amplitude as i64
    }
}

/// A sum that any single wrong value changes.
pub(super) fn digest(values: &[i32]) -> u64 {
    let term = |(index, &value): (usize, &i32)| {
        let key = mix((index as u64 + 1).wrapping_mul(STEP)) | 1;
        (i64::from(value) as u64).wrapping_mul(key)
    };
    values.iter().enumerate().map(term).fold(0, u64::wrapping_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_splitmix64() {
        // First outputs of the published generator for seed 0.
        assert_eq!(mix(STEP), 0xE220_A839_7B1D_CDAF);
        assert_eq!(mix(STEP.wrapping_mul(2)), 0x6E78_9E6A_A1B9_65F4);
    }

    #[test]
    fn inputs_keep_to_their_range() {
        let inputs = Inputs { seed: 7, amplitude: 3, density: 65536 };
        let values: Vec<i64> = (0..1000).map(|k| inputs.get(k)).collect();
        assert!((-3..=3).all(|value| values.contains(&value)));
        assert!(values.iter().all(|value| value.abs() <= 3));
        assert_eq!(Inputs { density: 0, ..inputs }.get(5), 0);
    }

    #[test]
    fn digests_see_every_value() {
        let values = [1, -2, 3];
        for index in 0..3 {
            let mut wrong = values;
            wrong[index] ^= 1 << 31;
            assert_ne!(digest(&values), digest(&wrong));
        }
    }
}
