//! One bit for each of many neurons, which images only ever set.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// Bits that are joined by "or". As JSON a base64 text of little-endian words of 64 bits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bits(Vec<u64>);

impl Bits {
    /// Bit `i` is what the `i`-th of `flags` is.
    pub fn of(flags: impl Iterator<Item = bool>) -> Self {
        let mut words = Vec::new();
        for (index, flag) in flags.enumerate() {
            if index % 64 == 0 {
                words.push(0);
            }
            if let Some(word) = words.last_mut() {
                *word |= u64::from(flag) << (index % 64);
            }
        }
        Self(words)
    }

    /// Sets the bits that are set in `other`.
    pub fn join(&mut self, other: &Self) {
        self.0.resize(self.0.len().max(other.0.len()), 0);
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word |= other);
    }

    /// Number of bits set.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// Whether there is room for so many bits and for no more than the last word's more.
    pub fn fits(&self, bits: u64) -> bool {
        self.0.len() as u64 == bits.div_ceil(64)
            && (bits.is_multiple_of(64) || self.0.last().is_none_or(|word| word >> (bits % 64) == 0))
    }
}

impl Serialize for Bits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes = self.0.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
        serializer.serialize_str(&STANDARD.encode(bytes))
    }
}

impl<'de> Deserialize<'de> for Bits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text).map_err(D::Error::custom)?;
        let (words, rest) = bytes.as_chunks::<8>();
        if !rest.is_empty() {
            return Err(D::Error::custom("bits come in words of 64"));
        }
        Ok(Self(words.iter().map(|word| u64::from_le_bytes(*word)).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bits_are_joined_counted_and_read_back(
            pairs in proptest::collection::vec((any::<bool>(), any::<bool>()), 0..200),
        ) {
            let (a, b) = (Bits::of(pairs.iter().map(|pair| pair.0)), Bits::of(pairs.iter().map(|pair| pair.1)));
            let mut joined = a.clone();
            joined.join(&b);
            prop_assert_eq!(joined.count(), pairs.iter().filter(|pair| pair.0 || pair.1).count() as u64);
            prop_assert!(joined.fits(pairs.len() as u64) && !joined.fits(pairs.len() as u64 + 64));
            let text = serde_json::to_string(&joined).unwrap();
            prop_assert_eq!(serde_json::from_str::<Bits>(&text).unwrap(), joined);
        }
    }

    #[test]
    fn other_texts_are_no_bits() {
        for text in ["\"AA==\"", "\"!\"", "7", "[1]"] {
            assert!(serde_json::from_str::<Bits>(text).is_err(), "{text}");
        }
        // A bit past the last neuron is set.
        assert!(!Bits(vec![1 << 60]).fits(60) && Bits(vec![1 << 59]).fits(60));
    }
}
