//! What a network did on its cores, and what that would have taken on a chip, estimated.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;

use super::simulate::Counts;
use crate::artifact::Manifest;

/// What a network did on its cores.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ChipReport {
    /// Name of the chip description.
    pub chip: String,
    /// Chips that are used.
    pub chips: u32,
    /// Tiles from west to east, tiles from north to south, and cores of a tile.
    pub mesh: [u32; 3],
    /// Images that were run.
    pub images: usize,
    /// Steps of the mean image.
    pub steps_per_image: f64,
    /// What all cores did together for the mean image.
    pub per_image: PerImage,
    /// What each core did for all images.
    pub cores: Vec<CoreReport>,
    /// Energy and time of the mean image, if the chip were as assumed.
    pub estimate: Estimate,
}

/// Mean counts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PerImage {
    /// Runs of a neuron's program.
    pub updates: f64,
    /// Spikes.
    pub spikes: f64,
    /// Spikes times the cores that received them.
    pub messages: f64,
    /// Tiles that messages passed.
    pub hops: f64,
    /// Weights that were added to an accumulator.
    pub synaptic_operations: f64,
}

/// What a core did.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CoreReport {
    /// Chip, column and row of the tile, and core of the tile.
    pub place: [u32; 4],
    /// Layer that it holds a slice of.
    pub layer: String,
    /// What it did for all images.
    pub counts: Counts,
}

/// An estimate, with what it rests on.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Estimate {
    /// Dynamic energy, in microjoules an image.
    pub microjoules_per_image: f64,
    /// Time, in microseconds an image: a barrier for each step, and the work of the core that has the most.
    pub microseconds_per_image: f64,
    /// What one of each is taken to cost.
    pub constants: Vec<Constant>,
    /// Where the constants come from.
    pub source: String,
}

/// What one event of a kind is taken to cost.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Constant {
    /// The kind.
    pub of: &'static str,
    /// Energy.
    pub picojoules: f64,
    /// Time.
    pub nanoseconds: f64,
}

const SYNAPTIC_OPERATION: Constant =
    Constant { of: "synaptic operation", picojoules: 23.6, nanoseconds: 3.5 };
const SILENT_UPDATE: Constant =
    Constant { of: "neuron update without a spike", picojoules: 52.0, nanoseconds: 5.3 };
const SPIKING_UPDATE: Constant =
    Constant { of: "neuron update with a spike", picojoules: 81.0, nanoseconds: 8.4 };
const MESSAGE: Constant = Constant { of: "message within a tile", picojoules: 1.7, nanoseconds: 2.1 };
const HOP: Constant = Constant { of: "hop to another tile", picojoules: 4.0, nanoseconds: 6.5 };
const BARRIER: Constant = Constant { of: "barrier of a step", picojoules: 0.0, nanoseconds: 465.0 };

/// Source of the constants.
const SOURCE: &str = "Loihi 1, simulated before silicon at 0.75 V (Davies et al. 2018, IEEE Micro 38(1)); those of Loihi 2 are not published";

impl ChipReport {
    /// The report of a run of `images` images in `steps` steps together; `None` if the artifact was not compiled for chips.
    pub fn of(manifest: &Manifest, cores: &[Counts], images: usize, steps: u64) -> Option<Self> {
        let program = manifest.chips.as_ref()?;
        let count = images.max(1) as f64;
        let mut total = Counts::default();
        cores.iter().for_each(|core| total += *core);
        let mean = |count_of: u64| count_of as f64 / count;
        let work = |core: &Counts| {
            let cost = |counted: u64, constant: Constant| counted as f64 * constant.nanoseconds;
            cost(core.synaptic_operations, SYNAPTIC_OPERATION)
                + cost(core.updates.saturating_sub(core.spikes), SILENT_UPDATE)
                + cost(core.spikes, SPIKING_UPDATE)
        };
        let energy = [
            (total.synaptic_operations, SYNAPTIC_OPERATION),
            (total.updates.saturating_sub(total.spikes), SILENT_UPDATE),
            (total.spikes, SPIKING_UPDATE),
            (total.messages, MESSAGE),
            (total.hops, HOP),
        ];
        let picojoules = energy.iter().map(|(counted, constant)| *counted as f64 * constant.picojoules);
        let busiest = cores.iter().map(work).fold(0.0, f64::max);
        let of_core = |(core, counts): (&crate::artifact::chip_program::ChipCore, &Counts)| CoreReport {
            place: core.place,
            layer: program.populations.get(core.population).map(|own| own.op.clone()).unwrap_or_default(),
            counts: *counts,
        };
        Some(Self {
            chip: program.chip.name.clone(),
            chips: program.chip.chips,
            mesh: program.chip.mesh,
            images,
            steps_per_image: mean(steps),
            per_image: PerImage {
                updates: mean(total.updates),
                spikes: mean(total.spikes),
                messages: mean(total.messages),
                hops: mean(total.hops),
                synaptic_operations: mean(total.synaptic_operations),
            },
            cores: program.cores.iter().zip(cores).map(of_core).collect(),
            estimate: Estimate {
                microjoules_per_image: picojoules.sum::<f64>() / count / 1e6,
                microseconds_per_image: (mean(steps) * BARRIER.nanoseconds + busiest / count) / 1e3,
                constants: vec![SYNAPTIC_OPERATION, SILENT_UPDATE, SPIKING_UPDATE, MESSAGE, HOP, BARRIER],
                source: SOURCE.to_owned(),
            },
        })
    }

    /// The mesh as a picture: a square a core, darker where more synaptic operations are done. What each holds is its title.
    pub fn mesh_svg(&self) -> String {
        const CORE: u32 = 14;
        const GAP: u32 = 6;
        let [columns, rows, per_tile] = self.mesh;
        let side = f64::from(per_tile.max(1)).sqrt().ceil() as u32;
        let tile = side * CORE + GAP;
        let (width, height) = (columns * tile + GAP, rows * tile + GAP);
        let most = self.cores.iter().map(|core| core.counts.synaptic_operations).max().unwrap_or(0).max(1);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{height}\" role=\"img\" aria-label=\"load of the cores\">\n",
            self.chips.max(1) * (width + GAP)
        );
        let at = |[chip, column, row, core]: [u32; 4]| {
            let x = chip * (width + GAP) + GAP + column * tile + core % side * CORE;
            (x, GAP + row * tile + core / side * CORE)
        };
        let mut square = |place: [u32; 4], fill: &str, title: &str| {
            let (x, y) = at(place);
            let size = CORE - 1;
            let _ = writeln!(
                svg,
                "<rect x=\"{x}\" y=\"{y}\" width=\"{size}\" height=\"{size}\" fill=\"{fill}\" stroke=\"#8a8f98\" stroke-width=\"0.5\">\
                 <title>{title}</title></rect>"
            );
        };
        for chip in 0..self.chips {
            for (column, row, core) in (0..columns).flat_map(|column| {
                (0..rows).flat_map(move |row| (0..per_tile).map(move |core| (column, row, core)))
            }) {
                square([chip, column, row, core], "#f4f5f7", "not used");
            }
        }
        for (number, core) in self.cores.iter().enumerate() {
            let share = core.counts.synaptic_operations as f64 / most as f64;
            let blend = |light: f64, dark: f64| (light + (dark - light) * share).round() as u8;
            let fill =
                format!("#{:02x}{:02x}{:02x}", blend(214.0, 8.0), blend(230.0, 48.0), blend(244.0, 107.0));
            let Counts { spikes, messages, synaptic_operations, .. } = core.counts;
            let title = format!(
                "core {number}, layer {}: {synaptic_operations} synaptic operations, {spikes} spikes, {messages} messages",
                escaped(&core.layer)
            );
            square(core.place, &fill, &title);
        }
        svg + "</svg>\n"
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
