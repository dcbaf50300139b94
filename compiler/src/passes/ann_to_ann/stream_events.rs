//! `stream-events`: the network's input becomes events that come in frames, and a neuron that counts them.
//!
//! ```mlir
//! %0 = "ann.encode"(%x) {multiplier = 0.125, maximum = 1.0, scale = 0.125, …} : …        // before
//! %e = "ann.encode_events"(%x) {frames = 10, high = 65535} : …                           // after
//! %0 = "ann.requantize"(%e) {threshold = 1, scale = 0.125, low = 0, high = 8} : …
//! ```
//!
//! That is the same where code 1 is one event: the code of a count `n` is then `min(n, high)`, and so is the level of a `requantize`
//! whose threshold is 1. Each schedule makes its own neuron of it, which follows the count while events come. Counts are whole and
//! not negative; of other numbers the pass claims nothing.

use crate::{
    interpret::round_half_up,
    mlir::{self, IrError, IrResult},
    pass::{Claim, OptionError, OptionInfo, Options, Pass, PassInfo},
    session::Session,
};
use melior::ir::{OperationRef, ValueLike};
use neurocuda_dialects::{Tensor, TensorAttr, ann, stage::Stage};
use neurocuda_runtime::artifact::limits::{MAX_FRAME_EVENTS, MAX_FRAMES};

/// What is to be known of the pass.
pub const INFO: PassInfo = PassInfo {
    name: "stream-events",
    summary: "takes the input as events in time, which a saturating neuron counts",
    from: Some(Stage::AnnInteger),
    to: None,
    claim: Claim::Equal,
    options: &[OptionInfo { name: "frames", default: "10", summary: "most frames of a sample" }],
};

/// Largest limit of a count: that of the levels of an activation.
const LARGEST_COUNT: i64 = 32_767;

/// Replaces `ann.encode`.
pub struct StreamEvents {
    frames: i64,
}

/// Makes the pass.
///
/// # Errors
///
/// If `frames` is out of range.
pub fn build(options: &Options) -> Result<Box<dyn Pass>, OptionError> {
    let frames = options.get::<u32>("frames")?;
    if !(1..=MAX_FRAMES).contains(&frames) {
        return Err(OptionError {
            pass: INFO.name.to_owned(),
            option: "frames".to_owned(),
            problem: format!("{frames} is not between 1 and {MAX_FRAMES}"),
        });
    }
    Ok(Box::new(StreamEvents { frames: frames.into() }))
}

impl Pass for StreamEvents {
    fn run<'c>(&self, module: OperationRef<'c, '_>, _: &mut Session) -> IrResult<'c, ()> {
        for operation in mlir::operations(mlir::network_block(module)?) {
            if let Some(encode) = mlir::view::<ann::Encode>(operation)? {
                self.stream(operation, &encode)?;
            }
        }
        Ok(())
    }
}

impl StreamEvents {
    fn stream<'c>(&self, operation: OperationRef<'c, '_>, encode: &ann::Encode<'c>) -> IrResult<'c, ()> {
        let high = limit(encode).map_err(|problem| {
            IrError::at(
                operation,
                format!(
                    "events-encoding: {problem}; for events, one event must be code 1: no normalisation but one factor for all \
                     channels, counts limited by clamp(x, 0, K) with K at most 255, and calibration on u8 counts"
                ),
            )
        })?;
        let context = mlir::context(operation);
        let result = mlir::result(operation)?;
        let channels = mlir::sample_shape(result)?.first().copied().unwrap_or(1);
        let layer = mlir::layer(operation);
        let vector = |name: &str, tensor| TensorAttr::new(context, &format!("{layer}.{name}"), &tensor);
        let events = ann::EncodeEvents { frames: self.frames, high: MAX_FRAME_EVENTS.into() };
        let events = mlir::insert_before(operation, &events, &[mlir::operand(operation)?], result.r#type())?;
        let count = ann::Requantize {
            threshold: vector("threshold", Tensor::integers(vec![1; channels]))?,
            scale: vector("scale", Tensor::reals(vec![encode.scale; channels]))?,
            low: 0,
            high,
        };
        let count = mlir::insert_before(operation, &count, &[events], result.r#type())?;
        mlir::replace(operation, count)
    }
}

/// The largest code, if the code of each count is the count or that; else why not.
fn limit(encode: &ann::Encode) -> Result<i64, String> {
    let read =
        |tensor: TensorAttr| tensor.read().map(|tensor| tensor.to_f64()).map_err(|error| error.to_string());
    let (multiplier, offset) = (read(encode.multiplier)?, read(encode.offset)?);
    let (minimum, maximum) = (read(encode.minimum)?, read(encode.maximum)?);
    let (low, high) = (encode.low as f64, encode.high as f64);
    let mut limits = Vec::with_capacity(multiplier.len());
    for channel in 0..multiplier.len() {
        let of = |values: &[f64]| values.get(channel).copied().unwrap_or(f64::NAN);
        let (factor, shift, least, most) = (of(&multiplier), of(&offset), of(&minimum), of(&maximum));
        if factor.is_nan() || factor <= 0.0 {
            return Err(format!("channel {channel} of the input is multiplied by {factor}"));
        }
        // As the encoder does it, each operation rounded once.
        let code = |real: f64| round_half_up(real.max(least).min(most) / encode.scale).max(low).min(high);
        // Codes ascend with the counts, so that what saturates once stays there.
        let largest = code(f64::INFINITY);
        if !(1.0..=LARGEST_COUNT as f64).contains(&largest) {
            return Err(format!("the largest code is {largest}, not 1 to {LARGEST_COUNT}"));
        }
        for count in 0..=largest as i64 {
            let code = code(count as f64 * factor + shift);
            if code != count as f64 {
                return Err(format!("a count of {count} in channel {channel} has the code {code}"));
            }
        }
        limits.push(largest as i64);
    }
    match limits.as_slice() {
        [] => Err("the input has no channels".to_owned()),
        [first, rest @ ..] => match rest.iter().find(|limit| *limit != first) {
            Some(other) => Err(format!("channels count to different limits, {first} and {other}")),
            None => Ok(*first),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passes::testing::{check, check_calibrated, network};

    fn encoded(multiplier: &str, offset: &str, limits: [&str; 2], scale: &str, high: i64) -> String {
        let body = format!(
            r#"
    %0 = "ann.encode"(%x) {{multiplier = dense<{multiplier}> : tensor<2xf64>, offset = dense<{offset}> : tensor<2xf64>,
      minimum = dense<{}> : tensor<2xf64>, maximum = dense<{}> : tensor<2xf64>, scale = {scale} : f64, low = -{high}, high = {high}}}
      : (tensor<?x2xf32>) -> tensor<?x2xi32>
    %1 = "ann.linear"(%0) {{weight = dense<[[3, -2], [1, 5]]> : tensor<2x2xi8>, bias = dense<[7, -1]> : tensor<2xi32>}}
      : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %2 = "ann.requantize"(%1) {{threshold = dense<4> : tensor<2xi32>, scale = dense<0.5> : tensor<2xf64>, low = 0, high = 7}}
      : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %r = "ann.dequantize"(%2) {{scale = dense<0.5> : tensor<2xf64>}} : (tensor<?x2xi32>) -> tensor<?x2xf32>"#,
            limits[0], limits[1]
        );
        network("tensor<?x2xf32>", &body, "tensor<?x2xf32>")
    }

    const UNLIMITED: [&str; 2] = ["0xFFF0000000000000", "0x7FF0000000000000"];
    const COUNTS: [&[f64]; 5] = [&[0.0, 1.0], &[8.0, 9.0], &[3.0, 200.0], &[65535.0, 7.0], &[127.0, 128.0]];

    #[test]
    fn counts_that_are_codes_become_a_neuron_that_saturates() {
        for (text, high) in [
            (encoded("0.125", "0.0", ["0.0", "1.0"], "0.125", 127), 8),
            // Neither a third nor its multiples are exact.
            (encoded("0.33333333333333331", "0.0", ["0.0", "1.0"], "0.33333333333333331", 127), 3),
            (encoded("1.0", "0.0", UNLIMITED, "1.0", 127), 127),
            (encoded("2.0", "0.0", ["-1.0", "9.0"], "2.0", 127), 5),
        ] {
            let module = check_calibrated(INFO.name, &[("frames", "32")], &text, &COUNTS, true);
            assert!(
                module.contains("\"ann.encode_events\"(%arg0) {frames = 32 : i64, high = 65535 : i64}"),
                "{module}"
            );
            assert!(module.contains(&format!("{{high = {high} : i64, low = 0 : i64")), "{module}");
            assert!(!module.contains("\"ann.encode\""), "{module}");
        }
    }

    #[test]
    fn other_encodings_are_refused_with_their_first_wrong_code() {
        let refused = |text: String| {
            let module = check(INFO.name, &[], &text);
            let message = module.split("events-encoding: ").nth(1).unwrap_or_else(|| panic!("{module}"));
            message.split(';').next().unwrap().to_owned()
        };
        insta::assert_snapshot!(
            [
                encoded("0.125", "-0.5", UNLIMITED, "0.125", 127),
                encoded("0.125", "0.0", UNLIMITED, "0.25", 127),
                encoded("[0.125, 0.25]", "0.0", ["0.0", "1.0"], "0.125", 127),
                encoded("-1.0", "0.0", UNLIMITED, "1.0", 127),
                encoded("1.0", "0.0", ["2.0", "8.0"], "1.0", 127),
                encoded("1.0", "0.0", ["0.0", "[8.0, 4.0]"], "1.0", 127),
                encoded("1.0", "0.0", ["0.0", "0.25"], "1.0", 127),
                encoded("1.0", "0.0", UNLIMITED, "1.0", 70_000),
            ]
            .map(refused)
            .join("\n"),
            @"
        a count of 0 in channel 0 has the code -4
        a count of 2 in channel 0 has the code 1
        a count of 1 in channel 1 has the code 2
        channel 0 of the input is multiplied by -1
        a count of 0 in channel 0 has the code 2
        channels count to different limits, 8 and 4
        the largest code is 0, not 1 to 32767
        the largest code is 70000, not 1 to 32767
        "
        );
    }

    #[test]
    fn frames_are_1_to_4096() {
        for (frames, good) in [("0", false), ("1", true), ("4096", true), ("4097", false), ("x", false)] {
            let values = std::collections::BTreeMap::from([("frames".to_owned(), frames.to_owned())]);
            assert_eq!(build(&Options::new(&INFO, values).unwrap()).is_ok(), good, "{frames}");
        }
    }
}
