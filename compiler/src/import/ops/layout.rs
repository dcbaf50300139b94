//! Ops that give the values of a sample another shape or order, or repeat them.

use super::{Argument, Call, Kind, Operation, Param, Signature};
use crate::diagnostic::{FindingId, Reported};
use crate::import::graph::Shape;

/// The same values in row-major order under another shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Reshape {
    /// Sizes of axes 1 and up.
    pub shape: Vec<i64>,
}

impl Operation for Reshape {
    const SIGNATURE: Signature = Signature {
        name: "reshape",
        summary: "the same values, row by row, under another shape: sizes of axes 1 and up, of which one may be -1",
        params: &[Param::new("x", Kind::Tensor), Param::new("shape", Kind::Ints).at_least(-1)],
    };

    fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
        let mut shape = call.ints("shape")?;
        let input = call.input()?;
        let open = shape.iter().filter(|&&size| size == -1).count();
        let mut known = shape.iter().filter(|&&size| size != -1);
        let known = known.try_fold(1_i64, |product, &size| product.checked_mul(size)).unwrap_or(0);
        if open > 1 || shape.is_empty() {
            let message = format!(
                "has {open} sizes of -1 among {}; it needs a size and can leave one open",
                shape.len()
            );
            return Err(call.fail_at(FindingId::ArgumentValue, "shape", message));
        }
        let values = input.values();
        if known < 1 || values % known != 0 || (open == 0 && known != values) {
            let message = format!(
                "is {shape:?} for {input}, whose samples have {values} values; the batch axis is not part of it"
            );
            return Err(call.fail_at(FindingId::ShapeMismatch, "shape", message));
        }
        shape.iter_mut().filter(|size| **size == -1).for_each(|size| *size = values / known);
        let result = call.shape(shape.clone())?;
        Ok((Self { shape }, result))
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        vec![("shape", Argument::Ints(self.shape.clone()))]
    }
}

/// The axes in another order.
#[derive(Clone, Debug, PartialEq)]
pub struct Permute {
    /// For each axis of the result that of the input, the batch axis 0 first.
    pub dims: Vec<usize>,
}

impl Operation for Permute {
    const SIGNATURE: Signature = Signature {
        name: "permute",
        summary: "the axes in another order: dims has each axis of x once, the batch axis 0 first",
        params: &[Param::new("x", Kind::Tensor), Param::new("dims", Kind::Ints)],
    };

    fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
        let written = call.ints("dims")?;
        let input = call.input()?;
        let Some((&batch, rest)) = written.split_first().filter(|_| written.len() == input.rank()) else {
            let message = format!("has {} axes, and the input {input} has {}", written.len(), input.rank());
            return Err(call.fail_at(FindingId::ArgumentValue, "dims", message));
        };
        if batch != 0 && batch != -(input.rank() as i64) {
            let message = "moves the batch axis; samples are independent of each other";
            return Err(call.fail_at(FindingId::BatchAxis, "dims", message));
        }
        let mut dims = vec![0];
        for &axis in rest {
            dims.push(call.axis("dims", axis, input.rank())?);
        }
        let mut sorted = dims.clone();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(0..input.rank()) {
            return Err(call.fail_at(FindingId::ArgumentValue, "dims", "names an axis twice"));
        }
        let sizes = dims.iter().filter_map(|&axis| input.axis(axis)).collect();
        let shape = call.shape(sizes)?;
        Ok((Self { dims }, shape))
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        vec![("dims", Argument::Ints(self.dims.iter().map(|&axis| axis as i64).collect()))]
    }
}

/// Values of the spatial axes repeated, or left out, to a given size.
#[derive(Clone, Debug, PartialEq)]
pub struct UpsampleNearest {
    /// Sizes of axes 2 and up.
    pub size: Vec<i64>,
}

impl Operation for UpsampleNearest {
    const SIGNATURE: Signature = Signature {
        name: "upsample_nearest",
        summary: "values of axes 2 and up repeated to size, as PyTorch's mode nearest does; one number stands for all axes",
        params: &[Param::new("x", Kind::Tensor), Param::new("size", Kind::Ints).at_least(1)],
    };

    fn build(call: &mut Call<'_>) -> Result<(Self, Shape), Reported> {
        let written = call.ints("size")?;
        let input = call.input()?;
        let Some((&channels, spatial)) =
            input.sample().split_first().filter(|(_, spatial)| !spatial.is_empty())
        else {
            return Err(call.mismatch(format!("needs an input of 3 axes or more, not {input}")));
        };
        let size = match written.as_slice() {
            &[one] => vec![one; spatial.len()],
            several => several.to_vec(),
        };
        if size.len() != spatial.len() {
            let message = format!(
                "has {} numbers, and the input {input} has {} spatial axes",
                size.len(),
                spatial.len()
            );
            return Err(call.fail_at(FindingId::ArgumentValue, "size", message));
        }
        let shape = call.shape([&[channels], size.as_slice()].concat())?;
        Ok((Self { size }, shape))
    }

    fn arguments(&self) -> Vec<(&'static str, Argument)> {
        vec![("size", Argument::Ints(self.size.clone()))]
    }
}
