//! `sink-permutes`: permutations move behind what does not care for the order of axes, and cancel where they meet.
//!
//! ```mlir
//! %1 = "ann.permute"(%0) {axes = [0, 2, 1]} : …8x5 → …5x8       // before
//! %2 = "ann.activation"(%1) … : …5x8
//! %3 = "ann.permute"(%2) {axes = [0, 2, 1]} : …5x8 → …8x5
//! %3 = "ann.activation"(%0) … : …8x5                            // after
//! ```
//!
//! Scales belong to channels. A dense layer on the last axis has its features as channels between two permutations; an activation
//! behind the second one would have one step for all features of a position, and between the layers none of the permutations
//! is needed. They pass activations and curves, one factor and bias for all channels, sums of two values that are permuted alike, and merge.

use crate::{
    mlir::{self, IrResult},
    pass::{Claim, OptionError, Options, Pass, PassInfo},
    passes::channel_affine::{channel_count, located, single},
    session::Session,
};
use melior::ir::{OperationRef, Value, ValueLike, operation::OperationLike};
use neurocuda_dialects::{TensorAttr, View, ann, ann::Op, stage::Stage};

/// What is to be known of the pass.
pub const INFO: PassInfo = PassInfo {
    name: "sink-permutes",
    summary: "moves permutations behind activations and sums, and cancels those that undo each other",
    from: Some(Stage::Ann),
    to: None,
    claim: Claim::Equal,
    options: &[],
};

/// Moves `ann.permute` downwards.
pub struct SinkPermutes;

/// Makes the pass.
///
/// # Errors
///
/// Never; the signature is that of all passes.
pub fn build(_: &Options) -> Result<Box<dyn Pass>, OptionError> {
    Ok(Box::new(SinkPermutes))
}

impl Pass for SinkPermutes {
    fn run<'c>(&self, module: OperationRef<'c, '_>, _: &mut Session) -> IrResult<'c, ()> {
        // In order: what is put behind an op stands before all that reads it, and those come later.
        for operation in mlir::operations(mlir::network_block(module)?) {
            match located(operation, Op::read(operation))? {
                Some(Op::Permute(permute)) => merge(operation, permute)?,
                Some(Op::Activation(view)) => sink(operation, &view)?,
                Some(Op::Scale(view)) => {
                    if let Some(scale) = uniform(operation, &view)? {
                        sink(operation, &scale)?;
                    }
                }
                Some(Op::Curve(view)) if view.parameter.shape() == [1] => sink(operation, &view)?,
                Some(Op::Add(view)) => sink(operation, &view)?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// A permutation and what it permutes.
fn permuted<'c: 'a, 'a>(value: Value<'c, 'a>) -> IrResult<'c, Option<(ann::Permute, Value<'c, 'a>)>> {
    let Some(definition) = mlir::definition(value) else { return Ok(None) };
    let Some(permute) = mlir::view::<ann::Permute>(definition)? else { return Ok(None) };
    Ok(Some((permute, mlir::operand(definition)?)))
}

/// A permutation of a permutation is one, or none.
fn merge<'c>(operation: OperationRef<'c, '_>, permute: ann::Permute) -> IrResult<'c, ()> {
    let (operand, r#type) = (mlir::operand(operation)?, mlir::result(operation)?.r#type());
    let (axes, input) = match permuted(operand)? {
        Some((before, input)) => {
            let axes = permute.axes.iter().filter_map(|&axis| before.axes.get(usize::try_from(axis).ok()?));
            (axes.copied().collect(), input)
        }
        None => (permute.axes, operand),
    };
    if axes.iter().copied().eq(0..axes.len() as i64) {
        mlir::replace(operation, input)?;
    } else if input != operand {
        let merged = mlir::insert_before(operation, &ann::Permute { axes }, &[input], r#type)?;
        mlir::replace(operation, merged)?;
    }
    erase_unread(operand);
    Ok(())
}

/// Exchanges `operation`, whose view is `view`, with the permutation that all its operands went through.
fn sink<'c, V: View<'c>>(operation: OperationRef<'c, '_>, view: &V) -> IrResult<'c, ()> {
    let operands = operation.operands().collect::<Vec<_>>();
    let sources = operands.iter().map(|operand| permuted(*operand)).collect::<IrResult<Option<Vec<_>>>>()?;
    let Some((axes, inputs)) = sources.and_then(|sources| {
        let (axes, inputs) = sources.into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
        axes.windows(2).all(|pair| pair[0] == pair[1]).then(|| Some((axes.first()?.clone(), inputs)))?
    }) else {
        return Ok(());
    };
    let [first, ..] = inputs[..] else { return Ok(()) };
    let computed = mlir::insert_before(operation, view, &inputs, first.r#type())?;
    let location = operands
        .first()
        .and_then(|operand| mlir::definition(*operand))
        .map_or(operation.location(), |permute| permute.location());
    let r#type = mlir::result(operation)?.r#type();
    let turned = mlir::insert_before_at(operation, &axes, &[computed], r#type, location)?;
    mlir::replace(operation, turned)?;
    // A value that is read twice must not be erased twice.
    for (index, operand) in operands.iter().enumerate() {
        if !operands[..index].contains(operand) {
            erase_unread(*operand);
        }
    }
    Ok(())
}

/// The same factor and bias for the channels before the permutation, if there is one for all.
fn uniform<'c>(
    operation: OperationRef<'c, '_>,
    scale: &ann::Scale<'c>,
) -> IrResult<'c, Option<ann::Scale<'c>>> {
    let Some((_, input)) = permuted(mlir::operand(operation)?)? else { return Ok(None) };
    let channels = channel_count(operation, &mlir::sample_shape(input)?)?;
    let spread = |part: &str, vector: TensorAttr<'c>| {
        let values = located(operation, vector.read())?.to_f64();
        let Some(&value) = values.first().filter(|first| values.iter().all(|value| value == *first)) else {
            return Ok(None);
        };
        let name = format!("{}.{part}", mlir::layer(operation));
        single(operation, &name, &[channels], &vec![value; channels]).map(Some)
    };
    let (weight, bias) = (spread("weight", scale.weight)?, spread("bias", scale.bias)?);
    Ok(weight.zip(bias).map(|(weight, bias)| ann::Scale { weight, bias }))
}

/// Erases a permutation that nothing reads any more.
fn erase_unread(value: Value) {
    if let Some(definition) = mlir::definition(value)
        && mlir::has_name(definition, ann::Permute::NAME)
        && mlir::users(value).is_empty()
    {
        mlir::erase(definition);
    }
}

#[cfg(test)]
mod tests {
    use crate::passes::testing::{check, network};

    const TURN: &str = "{axes = array<i64: 0, 2, 1>}";

    fn ops(text: &str) -> Vec<&str> {
        text.lines().filter_map(|line| line.split('"').nth(1)).collect()
    }

    #[test]
    fn permutations_pass_activations_and_cancel() {
        let body = format!(
            r#"
            %0 = "ann.permute"(%x) {TURN} : (tensor<?x3x2xf32>) -> tensor<?x2x3xf32>
            %1 = "ann.scale"(%0) {{weight = dense<0.5> : tensor<2xf32>, bias = dense<1.0> : tensor<2xf32>}}
              : (tensor<?x2x3xf32>) -> tensor<?x2x3xf32>
            %2 = "ann.activation"(%1) {{minimum = 0.0, maximum = 6.0}} : (tensor<?x2x3xf32>) -> tensor<?x2x3xf32>
            %r = "ann.permute"(%2) {TURN} : (tensor<?x2x3xf32>) -> tensor<?x3x2xf32>"#
        );
        insta::assert_snapshot!(check(
            "sink-permutes",
            &[],
            &network("tensor<?x3x2xf32>", &body, "tensor<?x3x2xf32>")
        ));
    }

    #[test]
    fn sums_of_values_that_are_permuted_alike_are_permuted_once() {
        let body = format!(
            r#"
            %0 = "ann.permute"(%x) {TURN} : (tensor<?x3x2xf32>) -> tensor<?x2x3xf32>
            %1 = "ann.activation"(%0) {{minimum = 0.0, maximum = 6.0}} : (tensor<?x2x3xf32>) -> tensor<?x2x3xf32>
            %r = "ann.add"(%0, %1) : (tensor<?x2x3xf32>, tensor<?x2x3xf32>) -> tensor<?x2x3xf32>"#
        );
        let text = check("sink-permutes", &[], &network("tensor<?x3x2xf32>", &body, "tensor<?x2x3xf32>"));
        assert_eq!(ops(&text), ["ann.activation", "ann.add", "ann.permute"]);
    }

    #[test]
    fn a_sum_of_a_permuted_value_with_itself_is_permuted_once() {
        let body = format!(
            r#"
            %0 = "ann.permute"(%x) {TURN} : (tensor<?x3x2xf32>) -> tensor<?x2x3xf32>
            %r = "ann.add"(%0, %0) : (tensor<?x2x3xf32>, tensor<?x2x3xf32>) -> tensor<?x2x3xf32>"#
        );
        let text = check("sink-permutes", &[], &network("tensor<?x3x2xf32>", &body, "tensor<?x2x3xf32>"));
        assert_eq!(ops(&text), ["ann.add", "ann.permute"]);
    }

    #[test]
    fn other_orders_and_factors_of_channels_stay() {
        let body = r#"
            %0 = "ann.permute"(%x) {axes = array<i64: 0, 2, 3, 1>} : (tensor<?x2x2x2xf32>) -> tensor<?x2x2x2xf32>
            %1 = "ann.permute"(%x) {axes = array<i64: 0, 3, 1, 2>} : (tensor<?x2x2x2xf32>) -> tensor<?x2x2x2xf32>
            %2 = "ann.add"(%0, %1) : (tensor<?x2x2x2xf32>, tensor<?x2x2x2xf32>) -> tensor<?x2x2x2xf32>
            %3 = "ann.scale"(%0) {weight = dense<[1.0, 2.0]> : tensor<2xf32>, bias = dense<0.0> : tensor<2xf32>}
              : (tensor<?x2x2x2xf32>) -> tensor<?x2x2x2xf32>
            %4 = "ann.permute"(%0) {axes = array<i64: 0, 2, 3, 1>} : (tensor<?x2x2x2xf32>) -> tensor<?x2x2x2xf32>
            %5 = "ann.add"(%2, %3) : (tensor<?x2x2x2xf32>, tensor<?x2x2x2xf32>) -> tensor<?x2x2x2xf32>
            %r = "ann.add"(%4, %5) : (tensor<?x2x2x2xf32>, tensor<?x2x2x2xf32>) -> tensor<?x2x2x2xf32>"#;
        let text = check("sink-permutes", &[], &network("tensor<?x2x2x2xf32>", body, "tensor<?x2x2x2xf32>"));
        // Two turns by one axis are one by two.
        assert!(text.contains("%4 = \"ann.permute\"(%arg0) {axes = array<i64: 0, 3, 1, 2>}"), "{text}");
        assert_eq!(ops(&text).iter().filter(|op| **op == "ann.permute").count(), 3);
    }
}
