//! `expand-max-pool`: maxima become trees of `max(a, b) = b + relu(a − b)`, for targets whose neurons only integrate and fire.
//!
//! ```mlir
//! %1 = "ann.max_pool2d"(%0) {kernel = [1, 2], stride = [1, 2], …} : …   // before
//! %a = "ann.gather"(%0) {axis = 3, indices = [0, 2, …]} : …             // after
//! %b = "ann.gather"(%0) {axis = 3, indices = [1, 3, …]} : …
//! %n = "ann.scale"(%b) {weight = -1} : …
//! %d = "ann.add"(%a, %n) : …
//! %r = "ann.requantize"(%d) {threshold = 1, low = 0, high = L} : …
//! %1 = "ann.add"(%b, %r) : …
//! ```
//!
//! Columns first, then rows: a window of k × k takes 2(k − 1) stages. Padding is zero, which never wins over counts from 0 on.

use crate::{
    analysis::flow::Flow,
    mlir::{self, IrError, IrResult, Number},
    pass::{Claim, OptionError, Options, Pass, PassInfo},
    session::Session,
};
use melior::ir::{OperationRef, Value, ValueLike, operation::OperationLike};
use neurocuda_dialects::{Elements, Tensor, TensorAttr, ann, stage::Stage};
use std::collections::HashMap;

/// What is to be known of the pass.
pub const INFO: PassInfo = PassInfo {
    name: "expand-max-pool",
    summary: "replaces max pools by trees of neurons, max(a, b) = b + relu(a - b)",
    from: Some(Stage::AnnInteger),
    to: None,
    claim: Claim::Equal,
    options: &[],
};

/// Expands `ann.max_pool2d` of unsigned values.
pub struct ExpandMaxPool;

/// Makes the pass.
///
/// # Errors
///
/// Never; the signature is that of all passes.
pub fn build(_: &Options) -> Result<Box<dyn Pass>, OptionError> {
    Ok(Box::new(ExpandMaxPool))
}

/// Levels of a value that comes from neurons: the least and the largest, and the scale of each channel.
type Levels = (i64, i64, Vec<f64>);

impl Pass for ExpandMaxPool {
    fn run<'c>(&self, module: OperationRef<'c, '_>, _: &mut Session) -> IrResult<'c, ()> {
        let mut levels = HashMap::<usize, Levels>::new();
        for operation in mlir::operations(mlir::network_block(module)?) {
            let Ok(result) = mlir::result(operation) else { continue };
            let of_operand = operation.operand(0).ok().and_then(|value| levels.get(&key(value)).cloned());
            let operands =
                operation.operands().map(|value| levels.get(&key(value))).collect::<Option<Vec<_>>>();
            let own =
                match ann::Op::read(operation).map_err(|error| IrError::at(operation, error.to_string()))? {
                    Some(ann::Op::Requantize(requantize)) => {
                        Some((requantize.low, requantize.high, requantize.scale.read()?.to_f64()))
                    }
                    Some(ann::Op::MaxPool2d(pool)) => match of_operand {
                        Some((low, _, _)) if low < 0 => {
                            return Err(IrError::at(
                                operation,
                                "unsupported: a max pool of signed values has no tree of unsigned neurons; \
                             use --schedule st-bif, or put a ReLU before the pool",
                            ));
                        }
                        Some((low, high, scale)) => {
                            let value = expand(operation, &pool, high, &scale)?;
                            mlir::replace(operation, value)?;
                            levels.insert(key(value), (low, high, scale));
                            continue;
                        }
                        // A pool of input codes needs no neurons: they do not change from step to step.
                        None => None,
                    },
                    Some(
                        ann::Op::Concat(_)
                        | ann::Op::Gather(_)
                        | ann::Op::Permute(_)
                        | ann::Op::Pad(_)
                        | ann::Op::Reshape(_),
                    ) => match operands {
                        Some(operands) => joined(&operands, &Flow::of(operation)?),
                        None => None,
                    },
                    _ => None,
                };
            if let Some(own) = own {
                levels.insert(key(result), own);
            }
        }
        Ok(())
    }
}

/// Levels of the result of a weightless op whose operands have these.
fn joined(operands: &[&Levels], flow: &Flow) -> Option<Levels> {
    let low = operands.iter().map(|levels| levels.0).min()?;
    let high = operands.iter().map(|levels| levels.1).max()?;
    let scales = operands.iter().map(|levels| levels.2.clone()).collect::<Vec<_>>();
    Some((low, high, flow.forward(&scales, 1.0)))
}

fn key(value: Value) -> usize {
    value.to_raw().ptr as usize
}

fn expand<'c, 'a>(
    operation: OperationRef<'c, 'a>,
    pool: &ann::MaxPool2d,
    high: i64,
    scale: &[f64],
) -> IrResult<'c, Value<'c, 'a>> {
    let context = mlir::context(operation);
    let mut value = mlir::operand(operation)?;
    let output = mlir::sample_shape(mlir::result(operation)?)?;
    let mut shape = mlir::sample_shape(value)?;
    // Zeros around the input, and past the end where the last window reaches out.
    let (mut before, mut after) = (vec![0; 4], vec![0; 4]);
    for axis in 0..2 {
        let reach = (output[axis + 1] as i64 - 1) * pool.stride[axis]
            + (pool.kernel[axis] - 1) * pool.dilation[axis]
            + 1;
        before[axis + 2] = pool.padding[axis];
        after[axis + 2] = (reach - pool.padding[axis] - shape[axis + 1] as i64).max(0);
    }
    if before.iter().chain(&after).any(|&count| count > 0) {
        for axis in 1..4 {
            shape[axis - 1] += (before[axis] + after[axis]) as usize;
        }
        let r#type = mlir::batch_type(context, &shape, Number::Integer);
        value = mlir::insert_before(operation, &ann::Pad { before, after }, &[value], r#type)?;
    }
    let channels = shape[0];
    let vector =
        |hint: &str, elements| TensorAttr::new(context, hint, &Tensor { shape: vec![channels], elements });
    let minus = ann::Scale {
        weight: vector("minus-one", Elements::I8(vec![-1; channels]))?,
        bias: vector("no-bias", Elements::I32(vec![0; channels]))?,
    };
    let relu = ann::Requantize {
        threshold: vector("one", Elements::I32(vec![1; channels]))?,
        scale: vector("scale", Elements::F64(scale.to_vec()))?,
        low: 0,
        high,
    };
    for axis in [1, 0] {
        shape[axis + 1] = output[axis + 1];
        let r#type = mlir::batch_type(context, &shape, Number::Integer);
        let tap = |index: i64| {
            let windows = 0..output[axis + 1] as i64;
            let indices = windows.map(|window| window * pool.stride[axis] + index * pool.dilation[axis]);
            let gather = ann::Gather { axis: axis as i64 + 2, indices: indices.collect() };
            mlir::insert_before(operation, &gather, &[value], r#type)
        };
        let mut largest = tap(0)?;
        for index in 1..pool.kernel[axis] {
            let other = tap(index)?;
            let name = format!("{}.max{}", mlir::layer(operation), ["_rows", "_columns"][axis]);
            let location = mlir::named_location(context, &name, operation.location());
            let negative = mlir::insert_before(operation, &minus, &[other], r#type)?;
            let difference = mlir::insert_before(operation, &ann::Add {}, &[largest, negative], r#type)?;
            let excess = mlir::insert_before_at(operation, &relu, &[difference], r#type, location)?;
            largest = mlir::insert_before(operation, &ann::Add {}, &[other, excess], r#type)?;
        }
        value = largest;
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use crate::passes::testing::{check, encoder, network};

    fn pooled(pool: &str, output: &str) -> String {
        let body = format!(
            r#"
    %0 = "ann.encode"(%x) {{{encoder}}} : (tensor<?x2x7x6xf32>) -> tensor<?x2x7x6xi32>
    %1 = "ann.requantize"(%0) {{threshold = dense<[2, 1]> : tensor<2xi32>, scale = dense<0.25> : tensor<2xf64>, low = 0,
      high = 7}} : (tensor<?x2x7x6xi32>) -> tensor<?x2x7x6xi32>
    %2 = "ann.max_pool2d"(%1) {{{pool}}} : (tensor<?x2x7x6xi32>) -> {output}
    %r = "ann.dequantize"(%2) {{scale = dense<[1.0, 0.5]> : tensor<2xf64>}} : ({output}) -> {result}"#,
            encoder = encoder(2),
            result = output.replace("i32", "f32"),
        );
        check("expand-max-pool", &[], &network("tensor<?x2x7x6xf32>", &body, &output.replace("i32", "f32")))
    }

    /// Number of neurons of the tree: all but the first requantize.
    fn stages(module: &str) -> usize {
        assert!(!module.contains("max_pool2d"), "{module}");
        module.matches("\"ann.requantize\"").count() - 1
    }

    #[test]
    fn trees_give_the_same_maxima() {
        let pool = |kernel: [i64; 2],
                    stride: [i64; 2],
                    padding: [i64; 2],
                    dilation: [i64; 2],
                    output: [i64; 2]| {
            let pair =
                |name: &str, [rows, columns]: [i64; 2]| format!("{name} = array<i64: {rows}, {columns}>");
            let attributes = [
                pair("kernel", kernel),
                pair("stride", stride),
                pair("padding", padding),
                pair("dilation", dilation),
            ];
            stages(&pooled(&attributes.join(", "), &format!("tensor<?x2x{}x{}xi32>", output[0], output[1])))
        };
        assert_eq!(pool([2, 2], [2, 2], [0, 0], [1, 1], [3, 3]), 2);
        assert_eq!(pool([3, 3], [2, 2], [1, 1], [1, 1], [4, 3]), 4);
        assert_eq!(pool([3, 2], [1, 3], [1, 0], [2, 3], [5, 1]), 3);
        // Ceil mode: the last window of the rows reaches past the end.
        assert_eq!(pool([2, 1], [2, 1], [0, 0], [1, 1], [4, 6]), 1);
        assert_eq!(pool([1, 1], [3, 1], [0, 0], [1, 1], [3, 6]), 0);
    }

    #[test]
    fn pools_of_codes_stay() {
        let body = format!(
            r#"
    %0 = "ann.encode"(%x) {{{}}} : (tensor<?x1x2x2xf32>) -> tensor<?x1x2x2xi32>
    %1 = "ann.max_pool2d"(%0) {{kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>, padding = array<i64: 0, 0>,
      dilation = array<i64: 1, 1>}} : (tensor<?x1x2x2xi32>) -> tensor<?x1x1x1xi32>
    %r = "ann.dequantize"(%1) {{scale = dense<1.0> : tensor<1xf64>}} : (tensor<?x1x1x1xi32>) -> tensor<?x1x1x1xf32>"#,
            encoder(1),
        );
        let module =
            check("expand-max-pool", &[], &network("tensor<?x1x2x2xf32>", &body, "tensor<?x1x1x1xf32>"));
        assert!(module.contains("ann.max_pool2d"), "{module}");
    }
}
