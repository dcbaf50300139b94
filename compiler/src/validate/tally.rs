//! Counts over a range of images, which add up: the unit in which validation works, resumes and merges.

use super::{
    bits::Bits,
    curve::{CurveTally, add},
    exit::ExitTally,
    raster::Raster,
};
use neurocuda_runtime::loihi::simulate::Counts;
use serde::{Deserialize, Serialize};

/// Counts over some images.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    /// Images.
    pub images: usize,
    /// Images with a label, and of these the ones that the float, integer and spiking network got right.
    pub labelled: usize,
    /// Right answers of the float network.
    pub float_right: usize,
    /// Right answers of the integer network.
    pub integer_right: usize,
    /// Right answers of the spiking network.
    pub snn_right: usize,
    /// Images that only the float network got right.
    pub only_float: usize,
    /// Images that only the spiking network got right.
    pub only_snn: usize,
    /// Integer logits compared.
    pub compared: u64,
    /// Integer logits that are equal.
    pub equal: u64,
    /// For each output: images that agree, sum of squares of differences, sum of squares of the float network.
    pub outputs: Vec<OutputTally>,
    /// Spikes of each layer.
    pub spikes: Vec<u64>,
    /// Synaptic operations.
    pub sops: u64,
    /// Multiply-accumulates of the float network.
    pub macs: u64,
    /// Sum of the numbers of steps that runs took.
    pub steps: u64,
    /// Right and agreeing answers over steps.
    pub curve: CurveTally,
    /// Images whose run ended with a certificate.
    pub certified: usize,
    /// Largest number of steps until an image had settled.
    pub settled_max: u32,
    /// Sum of the numbers of steps.
    pub settled_sum: u64,
    /// Images by the number of steps until they had settled; entry 0 is of those that never did anything.
    pub settled: Vec<u64>,
    /// What each core did; empty where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cores: Vec<Counts>,
    /// Early exits.
    pub early_exit: ExitTally,
    /// Images whose runs looked for no early exit, because a GPU made them.
    #[serde(default, skip_serializing_if = "is_none")]
    pub without_exits: usize,
    /// Images that two back ends ran, and of these the ones that did the same on both, to the last spike.
    #[serde(default, skip_serializing_if = "is_none")]
    pub on_both: usize,
    /// See `on_both`.
    #[serde(default, skip_serializing_if = "is_none")]
    pub same_on_both: usize,
    /// For each layer: what was measured against the float network.
    pub layers: Vec<LayerTally>,
    /// Images that `layers` counts.
    pub layer_images: usize,
    /// Spikes of the first image of the whole set.
    pub raster: Option<Raster>,
    /// Seconds.
    pub seconds: f64,
}

/// Counts of one output.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputTally {
    /// Positions with the same class; see [`Meaning`](super::meaning::Meaning).
    pub agree: u64,
    /// Positions that have a class: one of an image, or one of each pixel.
    pub positions: u64,
    /// Σ (snn − float)².
    pub squared_error: f64,
    /// Σ float².
    pub squared: f64,
    /// Σ |snn − float|.
    pub absolute_error: f64,
    /// Largest |snn − float|.
    pub largest_error: f64,
    /// Numbers compared; none of an output of indices.
    pub elements: u64,
}

/// Counts of one layer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerTally {
    /// Σ (integer − float)².
    pub squared_error: f64,
    /// Σ (spiking − float)², of what the spikes add up to.
    pub spiking_squared_error: f64,
    /// Σ float².
    pub squared: f64,
    /// Activations at the largest count.
    pub saturated: u64,
    /// Activations.
    pub elements: u64,
    /// Neurons that sent a spike for some image.
    pub active: Bits,
    /// Neurons that were below the largest count for some image.
    pub unsaturated: Bits,
    /// Neurons, once for each image, by their spikes; see [`BINS`](super::layers::BINS).
    pub histogram: Vec<u64>,
}

fn is_none(count: &usize) -> bool {
    *count == 0
}

impl Tally {
    /// Adds up the tallies of consecutive images.
    pub fn sum(parts: &[Self]) -> Self {
        let mut whole = Self::default();
        parts.iter().for_each(|part| whole.add(part));
        whole
    }

    /// Adds what `next`, the images that follow, counted.
    pub fn add(&mut self, next: &Self) {
        self.images += next.images;
        self.labelled += next.labelled;
        self.float_right += next.float_right;
        self.integer_right += next.integer_right;
        self.snn_right += next.snn_right;
        self.only_float += next.only_float;
        self.only_snn += next.only_snn;
        self.compared += next.compared;
        self.equal += next.equal;
        self.outputs.resize(self.outputs.len().max(next.outputs.len()), OutputTally::default());
        for (sum, next) in self.outputs.iter_mut().zip(&next.outputs) {
            sum.agree += next.agree;
            sum.positions += next.positions;
            sum.squared_error += next.squared_error;
            sum.squared += next.squared;
            sum.absolute_error += next.absolute_error;
            sum.largest_error = sum.largest_error.max(next.largest_error);
            sum.elements += next.elements;
        }
        add(&mut self.spikes, &next.spikes);
        self.sops += next.sops;
        self.macs += next.macs;
        self.steps += next.steps;
        self.curve.add(&next.curve);
        self.certified += next.certified;
        self.settled_max = self.settled_max.max(next.settled_max);
        self.settled_sum += next.settled_sum;
        add(&mut self.settled, &next.settled);
        self.cores.resize(self.cores.len().max(next.cores.len()), Counts::default());
        self.cores.iter_mut().zip(&next.cores).for_each(|(sum, next)| *sum += *next);
        self.early_exit.add(&next.early_exit);
        self.without_exits += next.without_exits;
        self.on_both += next.on_both;
        self.same_on_both += next.same_on_both;
        self.layers.resize(self.layers.len().max(next.layers.len()), LayerTally::default());
        for (sum, next) in self.layers.iter_mut().zip(&next.layers) {
            sum.squared_error += next.squared_error;
            sum.spiking_squared_error += next.spiking_squared_error;
            sum.squared += next.squared;
            sum.saturated += next.saturated;
            sum.elements += next.elements;
            sum.active.join(&next.active);
            sum.unsaturated.join(&next.unsaturated);
            add(&mut sum.histogram, &next.histogram);
        }
        self.layer_images += next.layer_images;
        if self.raster.is_none() {
            self.raster.clone_from(&next.raster);
        }
        self.seconds += next.seconds;
    }

    /// Drop of accuracy from the float to the spiking network and its paired standard error, in percentage points; `None`
    /// without labels.
    pub fn drop_points(&self) -> Option<(f64, f64)> {
        if self.labelled == 0 {
            return None;
        }
        let count = self.labelled as f64;
        let (lost, won) = (self.only_float as f64, self.only_snn as f64);
        // Of each image the difference of two right/wrong answers is 1, 0 or −1.
        let variance = ((lost + won) - (lost - won).powi(2) / count).max(0.0) / count;
        Some((100.0 * (lost - won) / count, 100.0 * (variance / count).sqrt()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::layers::BINS;
    use proptest::{collection::vec, prelude::*};

    /// A tally of one image. Its reals are whole, so that their sums do not depend on an order either.
    fn image() -> impl Strategy<Value = Tally> {
        let neurons = (any::<[bool; 70]>(), any::<[bool; 70]>(), vec(0_u64..9, BINS));
        let answers = vec(0_u32..3, 1..12);
        (vec(0_u64..1000, 12), 0_u32..20, any::<[bool; 5]>(), answers, neurons).prop_map(
            |(counts, settled, flags, answers, (active, below, histogram))| Tally {
                images: 1,
                labelled: flags[0].into(),
                snn_right: (flags[0] && flags[1]).into(),
                only_snn: (flags[0] && flags[1] && flags[2]).into(),
                compared: counts[0],
                outputs: vec![OutputTally {
                    agree: counts[1],
                    squared_error: counts[2] as f64,
                    largest_error: counts[3] as f64,
                    ..OutputTally::default()
                }],
                spikes: counts[4..6].to_vec(),
                sops: counts[6],
                macs: counts[7],
                steps: counts[8],
                curve: CurveTally::of(&answers, flags[0].then_some(1), Some(2)),
                certified: flags[3].into(),
                settled_max: settled,
                settled_sum: settled.into(),
                settled: [vec![0; settled as usize], vec![1]].concat(),
                layers: vec![LayerTally {
                    squared_error: counts[9] as f64,
                    spiking_squared_error: counts[10] as f64,
                    squared: counts[11] as f64,
                    active: Bits::of(active.into_iter()),
                    unsaturated: Bits::of(below.into_iter()),
                    histogram,
                    ..LayerTally::default()
                }],
                layer_images: flags[4].into(),
                ..Tally::default()
            },
        )
    }

    proptest! {
        #[test]
        fn any_parts_add_up_to_the_whole(images in vec(image(), 1..12), splits in (0_usize..12, 0_usize..12)) {
            let whole = Tally::sum(&images);
            let (a, b) = (splits.0.min(images.len()), splits.1.min(images.len()));
            let (a, b) = (a.min(b), a.max(b));
            let parts = [&images[..a], &images[a..b], &images[b..]].map(Tally::sum);
            // As parts come out of a journal or a shard.
            let read = |part: &Tally| serde_json::from_str::<Tally>(&serde_json::to_string(part).unwrap()).unwrap();
            prop_assert_eq!(&Tally::sum(&parts.each_ref().map(read)), &whole);
            prop_assert_eq!(whole.settled.iter().sum::<u64>(), images.len() as u64);
        }
    }

    #[test]
    fn the_drop_is_paired() {
        let tally = Tally { images: 1000, labelled: 1000, only_float: 12, only_snn: 8, ..Tally::default() };
        let (drop, error) = tally.drop_points().unwrap();
        assert!((drop - 0.4).abs() < 1e-12);
        assert!((error - 100.0 * ((0.020f64 - 0.004 * 0.004) / 1000.0).sqrt()).abs() < 1e-12);
        assert_eq!(Tally::default().drop_points(), None);
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let part = Tally {
            images: 3,
            compared: 30,
            equal: 29,
            spikes: vec![5, 7],
            settled_max: 9,
            ..Tally::default()
        };
        let mut whole = Tally::default();
        whole.add(&part);
        whole.add(&Tally { settled_max: 4, ..part.clone() });
        assert_eq!((whole.images, whole.compared, whole.equal, whole.settled_max), (6, 60, 58, 9));
        assert_eq!(whole.spikes, [10, 14]);
    }
}
