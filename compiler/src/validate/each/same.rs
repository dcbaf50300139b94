//! Two modules compared op by op.

use crate::mlir;
use melior::ir::{OperationRef, Value, ValueLike, operation::OperationLike};
use std::collections::HashMap;

/// The values of two modules, numbered in the order in which they are computed.
#[derive(Default)]
pub(super) struct Values([HashMap<usize, usize>; 2]);

impl Values {
    /// Whether the next ops of both modules are the same but for the attributes that `may_differ`.
    pub fn same<'c>(
        &mut self,
        before: OperationRef<'c, '_>,
        after: OperationRef<'c, '_>,
        may_differ: impl Fn(&str) -> bool,
    ) -> bool {
        let key = |value: Value| value.to_raw().ptr as usize;
        // The network's argument has no number.
        let operands = |operation: OperationRef<'c, '_>, numbers: &HashMap<usize, usize>| {
            let operands = operation.operands();
            operands.map(|value| (numbers.get(&key(value)).copied(), value.r#type())).collect::<Vec<_>>()
        };
        let attributes = |operation: OperationRef<'c, '_>| {
            let attributes = operation.attributes();
            let attributes =
                attributes.map(|(name, attribute)| (mlir::text(name.as_string_ref()), attribute));
            attributes.filter(|(name, _)| !may_differ(name)).collect::<Vec<_>>()
        };
        let types = |operation: OperationRef<'c, '_>| {
            operation.results().map(|result| result.r#type()).collect::<Vec<_>>()
        };
        let [first, second] = &mut self.0;
        let same = mlir::name(before) == mlir::name(after)
            && operands(before, first) == operands(after, second)
            && attributes(before) == attributes(after)
            && types(before) == types(after);
        for (numbers, operation) in [(first, before), (second, after)] {
            for result in operation.results() {
                numbers.insert(key(result.into()), numbers.len());
            }
        }
        same
    }
}
