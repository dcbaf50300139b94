//! Tables of synapses, and the cores that hold them.

use super::{
    Kind,
    change::{attribute, first, view},
};
use crate::mlir;
use melior::ir::operation::OperationLike;
use neurocuda_dialects::loihi;

/// The kinds of this family.
pub const KINDS: &[Kind] = &[
    Kind::after("exponent-ignored", "the first table's sum is not scaled back", |module| {
        first(module, |operation| {
            attribute(operation, "exponent", |exponent: i64| (exponent != 0).then_some(0))
        });
    }),
    Kind::after("table-lost", "of the first sum of two tables only the first is left", |module| {
        first(module, |operation| {
            view::<loihi::Accumulate>(operation)?;
            mlir::replace(operation, operation.operand(0).ok()?).ok()
        });
    }),
    Kind::after(
        "route-lost",
        "the first core that sends does not send to the first that it should",
        |module| {
            first(module, |operation| {
                let route = view::<loihi::Route>(operation)?;
                let rest = |list: &[i64]| list.get(1..).unwrap_or_default().to_vec();
                let route = loihi::Route {
                    from: route.from,
                    to: rest(&route.to),
                    neurons: rest(&route.neurons),
                    hops: rest(&route.hops),
                    delay: rest(&route.delay),
                };
                super::change::write(operation, &route);
                Some(())
            });
        },
    ),
    Kind::after("slice-too-small", "the first core leaves out its last channel", |module| {
        first(module, |operation| {
            view::<loihi::Core>(operation)?;
            attribute(operation, "end", |end: Vec<i64>| Some(vec![end.first()? - 1, *end.get(1)?]))
        });
    }),
];
