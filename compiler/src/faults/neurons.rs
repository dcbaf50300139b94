//! Neurons and their time.

use super::{
    Kind,
    change::{attribute, first, read, store, tensor, view},
};
use melior::ir::OperationRef;
use neurocuda_dialects::snn;

/// The kinds of this family.
pub const KINDS: &[Kind] = &[
    Kind::after("initial-membrane", "the first neurons start without half of their threshold", |module| {
        first(module, without_half);
    }),
    Kind::after(
        "tracer-missing",
        "the first neurons with a tracer send as many spikes as they like",
        |module| {
            first(module, |operation| {
                view::<snn::StBif>(operation)?;
                attribute(operation, "low", |_: i64| Some(i64::from(-i32::MAX)))?;
                attribute(operation, "high", |_: i64| Some(i64::from(i32::MAX)))
            });
        },
    ),
    Kind::after("hard-reset", "a spike takes all that came at once: the first neurons send one", |module| {
        first(module, |operation| largest_count(operation, |count| count.min(1)));
    }),
    Kind::after("spike-lost", "the last spike that the first neurons could send is not sent", |module| {
        first(module, |operation| largest_count(operation, |count| count - 1));
    }),
    Kind::after("bias-every-step", "the first readout gets in every step what comes once", |module| {
        first(module, |operation| {
            view::<snn::Readout>(operation)?;
            let initial = read(operation, "initial")?;
            store(operation, "bias", initial.shape.clone(), &initial.elements, &initial.to_f64())
        });
    }),
    Kind::after("delay-unbalanced", "what the first neurons send arrives one step later", |module| {
        first(module, |operation| attribute(operation, "delay", |delay: i64| Some(delay + 1)));
    }),
];

fn without_half(operation: OperationRef) -> Option<()> {
    let thresholds = read(operation, "threshold")?.to_f64();
    tensor(operation, "initial", |initial| {
        let row = (initial.elements.len() / thresholds.len().max(1)).max(1);
        let initial = initial.to_f64().into_iter().enumerate();
        initial.map(|(index, initial)| Some(initial - (thresholds.get(index / row)? / 2.0).floor())).collect()
    })
}

fn largest_count(operation: OperationRef, change: fn(i64) -> i64) -> Option<()> {
    let signed = view::<snn::StBif>(operation).is_some() || view::<snn::SigmaDelta>(operation).is_some();
    let key = if signed {
        "high"
    } else {
        view::<snn::HoldAndFire>(operation)?;
        "levels"
    };
    attribute(operation, key, |count: i64| Some(change(count)))
}
