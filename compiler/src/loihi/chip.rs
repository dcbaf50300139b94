//! The chip description: what cores hold, how wide integers are, and how the mesh is laid out.
//!
//! A chip file is TOML; a key that is left out has the value of [`DEFAULT`], which states the evidence of each figure.

use serde::{Deserialize, Serialize};
use std::path::Path;

/// The chip file of Loihi 2, with the evidence of each figure.
pub const DEFAULT: &str = include_str!("loihi2.toml");

/// Largest chip file, in bytes.
const LARGEST_FILE: u64 = 1 << 20;

/// Most cores of all chips together: the mapper compares pairs of them.
const MOST_CORES: u64 = 1 << 14;

/// What a chip offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Chip {
    /// What reports call it.
    pub name: String,
    /// How many chips stand in a row.
    pub chips: u32,
    /// Layout of one chip.
    pub mesh: Mesh,
    /// Limits of one core.
    pub core: CoreLimits,
    /// How synapses are stored.
    pub synapses: SynapseFormat,
    /// Widths of integers.
    pub widths: Widths,
    /// Delays of axons.
    pub delays: Delays,
}

/// Layout of one chip.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Mesh {
    /// Neuro cores that may be used.
    pub cores: u32,
    /// Tiles from west to east.
    pub columns: u32,
    /// Tiles from north to south.
    pub rows: u32,
    /// Cores that share a router.
    pub cores_per_tile: u32,
}

/// Limits of one core.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CoreLimits {
    /// Neurons.
    pub neurons: u64,
    /// Bytes of state and parameters of one neuron.
    pub neuron_bytes: u64,
    /// Words of synaptic memory.
    pub synaptic_words: u64,
    /// Input axons.
    pub axons_in: u64,
    /// Output axons.
    pub axons_out: u64,
    /// Bytes for synapses, neuron state and accumulators together.
    pub memory_bytes: u64,
}

/// How synapses are stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SynapseFormat {
    /// Bits of a word of synaptic memory.
    pub word_bits: u64,
    /// Bits of one synapse that is not shared.
    pub dense_bits: u64,
    /// Bits of an input axon whose synapses are not shared.
    pub header_bits: u64,
    /// Bits of a weight, sign included.
    pub weight_bits: u32,
    /// Lowest power of two that scales the sum of a table.
    pub lowest_exponent: i32,
    /// Highest power of two that scales the sum of a table.
    pub highest_exponent: i32,
}

/// Widths of integers in bits, sign included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Widths {
    /// Sum of what arrives at a neuron in one step.
    pub accumulator_bits: u32,
    /// A word of a neuron's state.
    pub state_bits: u32,
    /// What one spike carries.
    pub payload_bits: u32,
}

/// Delays of axons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Delays {
    /// Most steps from a spike to its arrival.
    pub longest: u32,
}

impl Default for Chip {
    fn default() -> Self {
        Self {
            name: "loihi2".to_owned(),
            chips: 1,
            mesh: Mesh::default(),
            core: CoreLimits::default(),
            synapses: SynapseFormat::default(),
            widths: Widths::default(),
            delays: Delays::default(),
        }
    }
}

impl Default for Mesh {
    fn default() -> Self {
        Self { cores: 128, columns: 8, rows: 4, cores_per_tile: 4 }
    }
}

impl Default for CoreLimits {
    fn default() -> Self {
        Self {
            neurons: 4095,
            neuron_bytes: 4096,
            synaptic_words: 12_000,
            axons_in: 4096,
            axons_out: 4096,
            memory_bytes: 192 * 1024,
        }
    }
}

impl Default for SynapseFormat {
    fn default() -> Self {
        Self {
            word_bits: 64,
            dense_bits: 16,
            header_bits: 32,
            weight_bits: 8,
            lowest_exponent: -8,
            highest_exponent: 7,
        }
    }
}

impl Default for Widths {
    fn default() -> Self {
        Self { accumulator_bits: 24, state_bits: 24, payload_bits: 24 }
    }
}

impl Default for Delays {
    fn default() -> Self {
        Self { longest: 63 }
    }
}

/// Why a chip file is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ChipError {
    /// The file cannot be read.
    #[error("chip-unreadable: {path}: {reason}")]
    Unreadable {
        /// Path of the file.
        path: String,
        /// Reason.
        reason: String,
    },
    /// The file is no TOML, has a key that is not known, or a value of another kind.
    #[error("chip-syntax: {path}: {reason}")]
    Syntax {
        /// Path of the file.
        path: String,
        /// What is wrong, with the line.
        reason: String,
    },
    /// A value makes no chip.
    #[error("chip-value: {path}: `{key}` is {found}; {allowed} is needed")]
    Value {
        /// Path of the file.
        path: String,
        /// Name of the key, with its section.
        key: &'static str,
        /// Its value.
        found: i64,
        /// What it may be.
        allowed: String,
    },
}

impl Chip {
    /// Reads a chip file.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or is no chip file.
    pub fn read(path: &Path) -> Result<Self, ChipError> {
        let unreadable = |reason: String| ChipError::Unreadable { path: path.display().to_string(), reason };
        let size = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
        if size > LARGEST_FILE {
            return Err(unreadable(format!(
                "{size} bytes are no chip file; at most {LARGEST_FILE} are read"
            )));
        }
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
        Self::parse(&path.display().to_string(), &text)
    }

    /// Reads the text of a chip file; `path` is what messages call it.
    ///
    /// # Errors
    ///
    /// If it is no chip file.
    pub fn parse(path: &str, text: &str) -> Result<Self, ChipError> {
        let chip: Self = toml::from_str(text).map_err(|error| ChipError::Syntax {
            path: path.to_owned(),
            reason: error.to_string().trim_end().to_owned(),
        })?;
        chip.check(path)?;
        Ok(chip)
    }

    /// Cores of all chips.
    pub fn cores(&self) -> u64 {
        u64::from(self.chips) * u64::from(self.mesh.cores)
    }

    /// Refuses figures that make no chip.
    fn check(&self, path: &str) -> Result<(), ChipError> {
        let Self { mesh, core, synapses, widths, delays, .. } = self;
        let within = |key: &'static str, found: i64, least: i64, most: i64| {
            if (least..=most).contains(&found) {
                return Ok(());
            }
            Err(ChipError::Value {
                path: path.to_owned(),
                key,
                found,
                allowed: format!("a number from {least} to {most}"),
            })
        };
        let limit = |key, found: u64| within(key, i64::try_from(found).unwrap_or(i64::MAX), 1, 1 << 40);
        within("chips", self.chips.into(), 1, 1 << 10)?;
        within("mesh.columns", mesh.columns.into(), 1, 1 << 10)?;
        within("mesh.rows", mesh.rows.into(), 1, 1 << 10)?;
        within("mesh.cores_per_tile", mesh.cores_per_tile.into(), 1, 1 << 10)?;
        let places = i64::from(mesh.columns) * i64::from(mesh.rows) * i64::from(mesh.cores_per_tile);
        within("mesh.cores", mesh.cores.into(), 1, places)?;
        within("mesh.cores", self.cores() as i64, 1, MOST_CORES as i64)?;
        limit("core.neurons", core.neurons)?;
        limit("core.neuron_bytes", core.neuron_bytes)?;
        limit("core.synaptic_words", core.synaptic_words)?;
        limit("core.axons_in", core.axons_in)?;
        limit("core.axons_out", core.axons_out)?;
        limit("core.memory_bytes", core.memory_bytes)?;
        within("synapses.word_bits", synapses.word_bits as i64, 8, 1 << 10)?;
        within("synapses.dense_bits", synapses.dense_bits as i64, 1, 1 << 10)?;
        within("synapses.header_bits", synapses.header_bits as i64, 0, 1 << 10)?;
        within("synapses.weight_bits", synapses.weight_bits.into(), 2, 8)?;
        within("synapses.lowest_exponent", synapses.lowest_exponent.into(), -8, 0)?;
        within("synapses.highest_exponent", synapses.highest_exponent.into(), 0, 7)?;
        within("widths.accumulator_bits", widths.accumulator_bits.into(), 8, 32)?;
        within("widths.state_bits", widths.state_bits.into(), 8, 32)?;
        within("widths.payload_bits", widths.payload_bits.into(), 2, 32)?;
        within("delays.longest", delays.longest.into(), 1, 63)
    }
}

impl Widths {
    /// Largest magnitude of a signed integer of `bits` bits.
    pub fn largest(bits: u32) -> i64 {
        (1 << (bits - 1)) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_file_states_every_figure() {
        assert_eq!(Chip::parse("loihi2.toml", DEFAULT).unwrap(), Chip::default());
        let stated = toml::from_str::<toml::Table>(DEFAULT).unwrap();
        assert_eq!(stated, toml::Table::try_from(Chip::default()).unwrap());
    }

    #[test]
    fn what_is_left_out_is_the_default() {
        let chip = Chip::parse("two.toml", "chips = 2\n[core]\nneurons = 8192\n").unwrap();
        assert_eq!((chip.chips, chip.core.neurons, chip.cores()), (2, 8192, 256));
        assert_eq!(chip.core.synaptic_words, 12_000);
    }

    #[test]
    fn wrong_files_are_refused_by_name() {
        let message = |text: &str| Chip::parse("my.toml", text).unwrap_err().to_string();
        let unknown = message("[core]\nneuron = 8192\n");
        assert!(unknown.starts_with("chip-syntax: my.toml: ") && unknown.contains("neuron"), "{unknown}");
        assert!(unknown.contains("line 2"), "{unknown}");
        assert!(message("chips = \"two\"").starts_with("chip-syntax: "));
        assert!(message("chips = [").starts_with("chip-syntax: "));
        assert_eq!(
            message("chips = 0"),
            "chip-value: my.toml: `chips` is 0; a number from 1 to 1024 is needed"
        );
        let cores = message("[mesh]\ncores = 129\n");
        assert_eq!(cores, "chip-value: my.toml: `mesh.cores` is 129; a number from 1 to 128 is needed");
        for text in [
            "[core]\nneurons = 0",
            "[core]\naxons_in = 9223372036854775807",
            "[core]\nmemory_bytes = -1",
            "[synapses]\nweight_bits = 9",
            "[widths]\nstate_bits = 33",
            "[delays]\nlongest = 64",
            "[synapses]\nword_bits = 0",
            "chips = 1000",
        ] {
            assert!(message(text).starts_with("chip-"), "{text}");
        }
        let absent = Chip::read(Path::new("no-such-chip.toml")).unwrap_err().to_string();
        assert!(absent.starts_with("chip-unreadable: no-such-chip.toml: "), "{absent}");
    }
}
