//! The network's input.

use super::{
    Kind,
    change::{attribute, first, tensor, view, write},
};
use crate::mlir;
use melior::ir::OperationRef;
use neurocuda_dialects::{View, ann, snn, torch};

/// The kinds of this family.
pub const KINDS: &[Kind] = &[
    Kind {
        name: "input-scale",
        summary: "pixels are divided by 256 and not by 255, or codes stand for twice as much",
        before: Some(|module| {
            first(module, |operation| {
                view::<torch::Normalize>(operation)?;
                attribute(operation, "scale", |scale: f64| Some(scale * 255.0 / 256.0))
            })
        }),
        after: Some(|module| first(module, coarser)),
    },
    Kind::before("mean-and-deviation-swapped", "the normalisation takes one for the other", |module| {
        first(module, |operation| {
            let normalize = view::<torch::Normalize>(operation)?;
            write(operation, &torch::Normalize { mean: normalize.std, std: normalize.mean, ..normalize });
            Some(())
        });
    }),
];

fn coarser(operation: OperationRef) -> Option<()> {
    if mlir::has_name(operation, ann::FakeQuantize::NAME) {
        return tensor(operation, "scale", |scale| {
            Some(scale.to_f64().iter().map(|scale| scale * 2.0).collect())
        });
    }
    let encodes = [ann::Encode::NAME, snn::Encode::NAME];
    encodes.iter().find(|name| mlir::has_name(operation, name))?;
    attribute(operation, "scale", |scale: f64| Some(scale * 2.0))
}
