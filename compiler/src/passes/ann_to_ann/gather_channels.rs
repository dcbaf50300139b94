//! `gather-channels`: chains of reshapes and permutations that move whole channels, or pieces of one, become a gather of them.
//!
//! ```mlir
//! %1 = "ann.reshape"(%0) : …6x4x4 → …2x3x4x4                               // before: a channel shuffle
//! %2 = "ann.permute"(%1) {axes = [0, 2, 1, 3, 4]} : …2x3x4x4 → …3x2x4x4
//! %3 = "ann.reshape"(%2) : …3x2x4x4 → …6x4x4
//! %3 = "ann.gather"(%0) {axis = 1, indices = [0, 3, 1, 4, 2, 5]} : …6x4x4  // after
//! ```
//!
//! Channels have scales of their own, and in the middle of such a chain they meet: they would have to share one. Taken
//! together, the chain brings no two channels into one. A permutation before `flatten` is of this kind too: there each
//! element is a channel afterwards.

use crate::{
    analysis::flow::Flow,
    mlir::{self, IrResult, Number},
    pass::{Claim, OptionError, Options, Pass, PassInfo},
    passes::channel_affine::located,
    session::Session,
};
use melior::ir::{OperationRef, Value, operation::OperationLike};
use neurocuda_dialects::{ann, ann::Op, stage::Stage};

/// What is to be known of the pass.
pub const INFO: PassInfo = PassInfo {
    name: "gather-channels",
    summary: "turns chains of reshapes and permutations that keep channels apart into gathers of channels",
    from: Some(Stage::Ann),
    to: None,
    claim: Claim::Equal,
    options: &[],
};

/// Longest list of pieces; beyond, the chain stays and its channels share a scale.
const MOST_PIECES: usize = 1 << 20;

/// Most elements of a value whose moves are followed.
const MOST_ELEMENTS: usize = 1 << 24;

/// Makes gathers of chains.
pub struct GatherChannels;

/// Makes the pass.
///
/// # Errors
///
/// Never; the signature is that of all passes.
pub fn build(_: &Options) -> Result<Box<dyn Pass>, OptionError> {
    Ok(Box::new(GatherChannels))
}

impl Pass for GatherChannels {
    fn run<'c>(&self, module: OperationRef<'c, '_>, _: &mut Session) -> IrResult<'c, ()> {
        // Backwards, so that the last op of a chain comes first; what it makes unread goes with `remove-dead-ops`.
        for operation in mlir::operations(mlir::network_block(module)?).into_iter().rev() {
            let chain = chain(operation)?;
            if chain.len() > 1 {
                replace(&chain)?;
            }
        }
        Ok(())
    }
}

/// The reshapes and permutations that end with `operation`, the last one first, up to and with the first that brings channels together.
fn chain<'c, 'a>(operation: OperationRef<'c, 'a>) -> IrResult<'c, Vec<OperationRef<'c, 'a>>> {
    let (mut chain, mut mixing, mut next) = (vec![], 0, Some(operation));
    while let Some(operation) = next
        && let Some(Op::Reshape(_) | Op::Permute(_)) = located(operation, Op::read(operation))?
    {
        chain.push(operation);
        if Flow::of(operation)?.mixes() {
            mixing = chain.len();
        }
        next = mlir::definition(mlir::operand(operation)?);
    }
    chain.truncate(mixing);
    Ok(chain)
}

fn replace<'c, 'a>(chain: &[OperationRef<'c, 'a>]) -> IrResult<'c, ()> {
    let [last, .., first] = chain else { return Ok(()) };
    let (input, result) = (mlir::operand(*first)?, mlir::result(*last)?);
    let (from, to) = (mlir::sample_shape(input)?, mlir::sample_shape(result)?);
    let elements = from.iter().try_fold(1usize, |count, &size| count.checked_mul(size));
    let Some(elements) = elements.filter(|elements| (1..=MOST_ELEMENTS).contains(elements)) else {
        return Ok(());
    };
    let sources = sources(chain, elements)?;
    let each = |shape: &[usize]| elements / shape.first().copied().unwrap_or(1);
    let (own, wanted) = (each(&from), each(&to));
    let apart =
        sources.chunks(wanted).all(|channel| channel.iter().all(|source| source / own == channel[0] / own));
    if !apart {
        return Ok(());
    }
    // The longest piece that divides the channels of both sides and stays in one.
    let run = (1..=own).rev().filter(|length| own % length == 0 && wanted % length == 0).find(|&length| {
        sources.chunks(length).all(|piece| {
            piece[0] % length == 0
                && piece.iter().enumerate().all(|(offset, source)| *source == piece[0] + offset)
        })
    });
    let Some(length) = run.filter(|length| elements / length <= MOST_PIECES) else { return Ok(()) };
    let indices = sources.chunks(length).map(|piece| (piece[0] / length) as i64).collect();
    let gather = Op::Gather(ann::Gather { axis: 1, indices });
    let insert = |op: &Op<'c>, value, shape: &[usize]| -> IrResult<'c, Value<'c, 'a>> {
        let r#type = mlir::batch_type(mlir::context(*last), shape, Number::Real);
        let built = op.build(mlir::context(*last), &[value], &[r#type], last.location())?;
        mlir::result(mlir::insert_operation(*last, built)?)
    };
    // Pieces that are whole channels keep their axes.
    let mut shape = match length {
        _ if length == own => from,
        1 => vec![elements],
        _ => vec![elements / length, length],
    };
    let pieces = if length == own { input } else { insert(&Op::Reshape(ann::Reshape {}), input, &shape)? };
    shape[0] = elements / length;
    let gathered = insert(&gather, pieces, &shape)?;
    let moved = if shape == to { gathered } else { insert(&Op::Reshape(ann::Reshape {}), gathered, &to)? };
    mlir::replace(*last, moved)
}

/// For each element of the result of a chain the element of its input.
fn sources<'c>(chain: &[OperationRef<'c, '_>], elements: usize) -> IrResult<'c, Vec<usize>> {
    let mut sources = (0..elements).collect::<Vec<_>>();
    for &operation in chain {
        let Some(permute) = mlir::view::<ann::Permute>(operation)? else { continue };
        let from = mlir::sample_shape(mlir::operand(operation)?)?;
        let mut strides = vec![1; from.len()];
        for axis in (1..from.len()).rev() {
            strides[axis - 1] = strides[axis] * from[axis];
        }
        let mut places = vec![0];
        for axis in permute.axes.iter().skip(1).filter_map(|&axis| usize::try_from(axis - 1).ok()) {
            let (size, stride) =
                (from.get(axis).copied().unwrap_or(1), strides.get(axis).copied().unwrap_or(0));
            places =
                places.iter().flat_map(|place| (0..size).map(move |index| place + index * stride)).collect();
        }
        sources.iter_mut().for_each(|source| *source = places.get(*source).copied().unwrap_or(*source));
    }
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use crate::passes::testing::{check, network};

    fn gathered(input: &str, body: &str, output: &str) -> String {
        let text = check("gather-channels", &[], &network(input, body, output));
        // What the chain was before stands unread until `remove-dead-ops`.
        text.lines()
            .filter(|line| line.contains("gather") || line.contains("return"))
            .map(|line| format!("{}\n", line.trim()))
            .collect()
    }

    #[test]
    fn a_channel_shuffle_is_a_gather() {
        let body = r#"
            %0 = "ann.reshape"(%x) : (tensor<?x6x4xf32>) -> tensor<?x2x3x4xf32>
            %1 = "ann.permute"(%0) {axes = array<i64: 0, 2, 1, 3>} : (tensor<?x2x3x4xf32>) -> tensor<?x3x2x4xf32>
            %r = "ann.reshape"(%1) : (tensor<?x3x2x4xf32>) -> tensor<?x6x4xf32>"#;
        insta::assert_snapshot!(gathered("tensor<?x6x4xf32>", body, "tensor<?x6x4xf32>"));
    }

    #[test]
    fn a_permutation_before_flatten_is_a_gather_of_features() {
        let body = r#"
            %0 = "ann.permute"(%x) {axes = array<i64: 0, 2, 1>} : (tensor<?x3x2xf32>) -> tensor<?x2x3xf32>
            %r = "ann.reshape"(%0) : (tensor<?x2x3xf32>) -> tensor<?x6xf32>"#;
        insta::assert_snapshot!(gathered("tensor<?x3x2xf32>", body, "tensor<?x6xf32>"));
    }

    #[test]
    fn pieces_of_channels_are_as_long_as_they_can_be() {
        let body = r#"
            %0 = "ann.reshape"(%x) : (tensor<?x2x6x2xf32>) -> tensor<?x2x3x4xf32>
            %1 = "ann.permute"(%0) {axes = array<i64: 0, 2, 1, 3>} : (tensor<?x2x3x4xf32>) -> tensor<?x3x2x4xf32>
            %r = "ann.reshape"(%1) : (tensor<?x3x2x4xf32>) -> tensor<?x6x4xf32>"#;
        insta::assert_snapshot!(gathered("tensor<?x2x6x2xf32>", body, "tensor<?x6x4xf32>"));
    }

    #[test]
    fn chains_that_bring_channels_together_stay() {
        let body = r#"
            %0 = "ann.reshape"(%x) : (tensor<?x6x4xf32>) -> tensor<?x2x3x4xf32>
            %1 = "ann.permute"(%0) {axes = array<i64: 0, 2, 1, 3>} : (tensor<?x2x3x4xf32>) -> tensor<?x3x2x4xf32>
            %r = "ann.reshape"(%1) : (tensor<?x3x2x4xf32>) -> tensor<?x3x8xf32>"#;
        assert!(!gathered("tensor<?x6x4xf32>", body, "tensor<?x3x8xf32>").contains("gather"));
    }
}
