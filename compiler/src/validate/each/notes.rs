//! Notes on ops, as `prove-bounds` makes them: nothing else may change, where outputs on samples would not show it.

use super::{layers::Around, same::Values};
use crate::{
    mlir,
    passes::snn_to_snn::prove_bounds::{BOUND, PAYLOAD},
};

pub(super) fn check(around: &Around) -> Result<(), String> {
    let block = |module| mlir::network_block(module).map(mlir::operations).map_err(|error| error.message);
    let (before, after) = (block(around.before)?, block(around.after)?);
    let mut values = Values::default();
    for (&before, &after) in before.iter().zip(&after) {
        if !values.same(before, after, |name| name == BOUND || name == PAYLOAD) {
            return Err(format!(
                "layer `{}`: `{}` has changed in more than its bound",
                mlir::layer(after),
                mlir::name(after)
            ));
        }
    }
    if before.len() == after.len() { Ok(()) } else { Err("ops have come or gone".to_owned()) }
}
