//! From pixels to integer codes.

use std::collections::HashMap;

use super::{events::Events, layout::Layout, tensors::Parameters};
use crate::{
    artifact::{ArtifactError, program::OpKind},
    data::ImageView,
};

/// More different channels than this are computed pixel by pixel: their tables would be larger than an image.
const MAX_TABLES: usize = 64;

/// Real arithmetic of one channel.
#[derive(Clone, Copy, Debug)]
struct Channel {
    multiplier: f64,
    offset: f64,
    minimum: f64,
    maximum: f64,
}

/// The encoder of a network's input.
#[derive(Debug)]
pub(super) struct Encoder {
    channels: Vec<Channel>,
    scale: f64,
    low: i32,
    high: i32,
    pub(super) every_step: bool,
    layout: Layout,
    /// Codes of all bytes, for each different channel; empty where there are too many.
    tables: Vec<[i32; 256]>,
    /// Table of each channel.
    table_of: Vec<usize>,
}

impl Encoder {
    /// Builds the encoder of a checked op; `None` if the op is another one.
    pub(super) fn new(
        kind: &OpKind,
        shape: &[usize],
        parameters: &Parameters<'_>,
    ) -> Result<Option<Self>, ArtifactError> {
        let OpKind::Encode { multiplier, offset, minimum, maximum, scale, low, high, every_step } = kind
        else {
            return Ok(None);
        };
        let columns = [multiplier, offset, minimum, maximum].map(|name| parameters.values::<f64>(name));
        let [multipliers, offsets, minima, maxima] = columns;
        let channels = multipliers?.into_iter().zip(offsets?).zip(minima?.into_iter().zip(maxima?)).map(
            |((multiplier, offset), (minimum, maximum))| Channel { multiplier, offset, minimum, maximum },
        );
        let mut encoder = Self {
            channels: channels.collect(),
            scale: *scale,
            low: *low,
            high: *high,
            every_step: *every_step,
            layout: Layout::new(shape),
            tables: vec![],
            table_of: vec![],
        };
        encoder.tabulate();
        Ok(Some(encoder))
    }

    /// Computes the codes of all bytes, once for each different channel.
    fn tabulate(&mut self) {
        let mut known = HashMap::new();
        for channel in &self.channels {
            let key =
                [channel.multiplier, channel.offset, channel.minimum, channel.maximum].map(f64::to_bits);
            let next = known.len();
            let table = *known.entry(key).or_insert(next);
            if table == MAX_TABLES {
                self.tables.clear();
                return;
            }
            if table == self.tables.len() {
                self.tables.push(std::array::from_fn(|byte| self.code(channel, byte as f64)));
            }
            self.table_of.push(table);
        }
    }

    /// The code of a pixel. Each operation is rounded once, as the format says.
    fn code(&self, channel: &Channel, pixel: f64) -> i32 {
        let real = pixel * channel.multiplier + channel.offset;
        let clipped = real.max(channel.minimum).min(channel.maximum);
        let code = (clipped / self.scale + 0.5).floor();
        code.max(f64::from(self.low)).min(f64::from(self.high)) as i32
    }

    /// Sends the codes of an image, or of the counts of all frames.
    pub(super) fn encode(&self, image: ImageView<'_>, events: &mut Events) {
        events.clear();
        let positions = (self.layout.elements / self.layout.channels).max(1);
        let mut send = |element: usize, code: i32| events.push(self.layout.index_of(element) as u32, code);
        match image {
            ImageView::U8(pixels) if !self.tables.is_empty() => {
                for (plane, (pixels, &table)) in pixels.chunks(positions).zip(&self.table_of).enumerate() {
                    if let Some(table) = self.tables.get(table) {
                        for (position, &pixel) in pixels.iter().enumerate() {
                            send(plane * positions + position, table[usize::from(pixel)]);
                        }
                    }
                }
            }
            _ => {
                for element in 0..image.len() {
                    let channel = self.channels.get(element / positions);
                    if let (Some(channel), Some(pixel)) = (channel, image.get(element)) {
                        send(element, self.code(channel, pixel));
                    }
                }
            }
        }
    }
}

/// Sends the events of the frame that comes in `step`; an image is a frame that comes in step 0.
pub(super) fn encode_frame(image: ImageView<'_>, step: u32, layout: Layout, events: &mut Events) {
    events.clear();
    let mut send = |element: usize, count: i32| events.push(layout.index_of(element) as u32, count);
    match image {
        ImageView::Frames(frames) => {
            frames.frame(step as usize).for_each(|(element, count)| send(element, count as i32));
        }
        _ if step > 0 => {}
        ImageView::U8(counts) => {
            counts.iter().enumerate().for_each(|(element, &count)| send(element, count.into()));
        }
        ImageView::F32(counts) => {
            counts.iter().enumerate().for_each(|(element, &count)| send(element, count as i32));
        }
    }
}
