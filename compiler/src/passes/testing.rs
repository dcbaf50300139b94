//! What the tests of passes share: small text in, whole text out, and the same numbers before and after.

use crate::{
    interpret::Sample,
    mlir::{self, IrResult},
    pass::{Options, PassInfo},
    passes,
    session::{Samples, Session},
    validate::each::{Change, EachValidator, layers},
};
use melior::{
    Context,
    ir::{Module, OperationRef, operation::OperationLike},
};
use std::{collections::BTreeMap, sync::Arc};

/// How many random samples a network computes before and after.
const SAMPLES: usize = 4;

/// A network: a function with one argument `%x` of type `argument` that returns the last value, `%r`.
pub fn network(argument: &str, body: &str, result: &str) -> String {
    format!(
        "module {{\n  func.func @net(%x: {argument}) -> {result} {{\n{body}\n    return %r : {result}\n  }}\n}}"
    )
}

/// A tensor attribute of `count` numbers in [-1, 1) that look random and depend on `seed` alone, with its type.
pub fn dense(dims: &[usize], seed: u64) -> String {
    let bytes = numbers(seed).take(dims.iter().product()).flat_map(|number| (number as f32).to_le_bytes());
    let hex = bytes.map(|byte| format!("{byte:02X}")).collect::<String>();
    let dims = dims.iter().map(|size| format!("{size}x")).collect::<String>();
    format!("dense<\"0x{hex}\"> : tensor<{dims}f32>")
}

/// Numbers in [-1, 1), by a linear congruential generator.
fn numbers(seed: u64) -> impl Iterator<Item = f64> {
    let next = |state: &u64| {
        Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
    };
    std::iter::successors(Some(seed.wrapping_add(1)), next)
        .skip(2)
        .map(|state| (state >> 40) as f64 / 2f64.powi(23) - 1.0)
}

/// A tensor attribute of integers of at most `largest` that look random and depend on `seed` alone, with its type.
pub fn integers(dims: &[usize], seed: u64, largest: i32, r#type: &str) -> String {
    fn nested(dims: &[usize], values: &mut dyn Iterator<Item = i32>) -> String {
        let [first, rest @ ..] = dims else { return values.next().expect("endless").to_string() };
        format!("[{}]", (0..*first).map(|_| nested(rest, values)).collect::<Vec<_>>().join(", "))
    }
    let mut values = numbers(seed).map(|number| (number * f64::from(largest + 1)) as i32);
    let sizes = dims.iter().map(|size| format!("{size}x")).collect::<String>();
    format!("dense<{}> : tensor<{sizes}{type}>", nested(dims, &mut values))
}

/// The attributes of an encoder of `channels` channels: codes of half, at most 8.
pub fn encoder(channels: usize) -> String {
    format!(
        "multiplier = dense<1.0> : tensor<{channels}xf64>, offset = dense<0.0> : tensor<{channels}xf64>, \
         minimum = dense<0xFFF0000000000000> : tensor<{channels}xf64>, \
         maximum = dense<0x7FF0000000000000> : tensor<{channels}xf64>, scale = 0.5, low = -8, high = 8"
    )
}

/// An integer network with every op that an integer network can have, and activations of both kinds.
pub fn integer_network() -> String {
    let conv = "stride = array<i64: 1, 1>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>, groups = 1, transposed = false";
    let body = format!(
        r#"
    %0 = "ann.encode"(%x) {{{encoder}}} : (tensor<?x2x6x6xf32>) -> tensor<?x2x6x6xi32>
    %1 = "ann.conv"(%0) {{weight = {w1}, bias = {b1}, {conv}}} : (tensor<?x2x6x6xi32>) -> tensor<?x4x6x6xi32>
    %2 = "ann.requantize"(%1) {{threshold = dense<[13, 9, 17, 12]> : tensor<4xi32>, scale = {s1}, low = 0, high = 7}}
      : (tensor<?x4x6x6xi32>) -> tensor<?x4x6x6xi32>
    %3 = "ann.max_pool2d"(%2) {{kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>, padding = array<i64: 0, 0>,
      dilation = array<i64: 1, 1>}} : (tensor<?x4x6x6xi32>) -> tensor<?x4x3x3xi32>
    %4 = "ann.conv"(%3) {{weight = {w2}, bias = {b2}, {conv}}} : (tensor<?x4x3x3xi32>) -> tensor<?x4x3x3xi32>
    %5 = "ann.scale"(%3) {{weight = {w3}, bias = {b3}}} : (tensor<?x4x3x3xi32>) -> tensor<?x4x3x3xi32>
    %6 = "ann.add"(%4, %5) : (tensor<?x4x3x3xi32>, tensor<?x4x3x3xi32>) -> tensor<?x4x3x3xi32>
    %7 = "ann.requantize"(%6) {{threshold = dense<[15, 12, 10, 21]> : tensor<4xi32>, scale = {s1}, low = -7, high = 7}}
      : (tensor<?x4x3x3xi32>) -> tensor<?x4x3x3xi32>
    %8 = "ann.gather"(%7) {{axis = 1, indices = array<i64: 2, 0>}} : (tensor<?x4x3x3xi32>) -> tensor<?x2x3x3xi32>
    %9 = "ann.gather"(%7) {{axis = 1, indices = array<i64: 1, 1>}} : (tensor<?x4x3x3xi32>) -> tensor<?x2x3x3xi32>
    %p = "ann.permute"(%9) {{axes = array<i64: 0, 1, 3, 2>}} : (tensor<?x2x3x3xi32>) -> tensor<?x2x3x3xi32>
    %10 = "ann.concat"(%p, %8) {{axis = 1}} : (tensor<?x2x3x3xi32>, tensor<?x2x3x3xi32>) -> tensor<?x4x3x3xi32>
    %11 = "ann.sum_pool2d"(%10) {{rows = array<i64: 0, 2, 1, 3>, columns = array<i64: 0, 1, 1, 3>,
      multiplier = dense<[[2, 1], [2, 1]]> : tensor<2x2xi32>}} : (tensor<?x4x3x3xi32>) -> tensor<?x4x2x2xi32>
    %12 = "ann.pad"(%11) {{before = array<i64: 0, 0, 0, 1>, after = array<i64: 0, 0, 1, 0>}}
      : (tensor<?x4x2x2xi32>) -> tensor<?x4x3x3xi32>
    %13 = "ann.reshape"(%12) : (tensor<?x4x3x3xi32>) -> tensor<?x36xi32>
    %14 = "ann.linear"(%13) {{weight = {w4}, bias = {b4}}} : (tensor<?x36xi32>) -> tensor<?x3xi32>
    %r = "ann.dequantize"(%14) {{scale = dense<[0.5, 0.25, 0.125]> : tensor<3xf64>}}
      : (tensor<?x3xi32>) -> tensor<?x3xf32>"#,
        encoder = encoder(2),
        s1 = "dense<0.25> : tensor<4xf64>",
        w1 = integers(&[4, 2, 3, 3], 1, 4, "i8"),
        b1 = integers(&[4], 2, 20, "i32"),
        w2 = integers(&[4, 4, 3, 3], 3, 4, "i8"),
        b2 = integers(&[4], 4, 20, "i32"),
        w3 = integers(&[4], 5, 9, "i16"),
        b3 = integers(&[4], 6, 9, "i32"),
        w4 = integers(&[3, 36], 7, 4, "i8"),
        b4 = integers(&[3], 8, 20, "i32"),
    );
    network("tensor<?x2x6x6xf32>", &body, "tensor<?x3xf32>")
}

/// The module that the pass makes of `text`, without locations; or its error, with the place.
///
/// The networks before and after are run on random samples, and held to what the pass claims.
pub fn check(name: &str, options: &[(&str, &str)], text: &str) -> String {
    on_module(text, |module| {
        let samples = random_samples(&input_shape(module));
        transform(name, options, text, module, &samples, &mut Session::default())
    })
}

/// [`check`] on samples that are calibration data as well, `integers` or not.
pub fn check_calibrated(
    name: &str,
    options: &[(&str, &str)],
    text: &str,
    values: &[&[f64]],
    integers: bool,
) -> String {
    on_module(text, |module| {
        let shape = input_shape(module);
        let samples = values.iter().map(|values| sample(&shape, values.to_vec())).collect::<Vec<_>>();
        let samples = Samples { integers, ..in_memory(samples) };
        let mut session = Session { calibration: Some(samples.clone()), ..Session::default() };
        transform(name, options, text, module, &samples, &mut session)
    })
}

fn transform(
    name: &str,
    options: &[(&str, &str)],
    text: &str,
    module: &Module,
    samples: &Samples,
    session: &mut Session,
) -> String {
    let original = mlir::duplicate(module.as_operation()).expect("the module can be copied");
    if let Err(error) = run(name, options, module, session) {
        let place = error.location.map(mlir::source).filter(|place| !place.is_empty());
        return format!("{}: error: {error}", place.as_deref().unwrap_or("module"));
    }
    let validator = EachValidator::new(samples.clone(), samples.count);
    // Only now: what a pass refuses may be too large to run.
    let before = on_module(text, |module| validator.outputs(module));
    let before = before.expect("the interpreter takes the test's network");
    let after = validator.outputs(module).expect("the interpreter takes what the pass makes");
    let info = passes::find(name).expect("the pass is registered").info;
    let change = Change::between(&before, &after);
    assert!(change.keeps(info.claim), "{change}: not {:?}", info.claim);
    let options = given(info, options);
    let layers = layers::hold(&options, &original, module, validator.samples(), session);
    layers.unwrap_or_else(|found| panic!("{name}: {found}"));
    mlir::print(module, true)
}

/// Shape of a sample of the network's input.
pub fn input_shape(module: &Module) -> Vec<usize> {
    let block = mlir::network_block(operation(module)).expect("a network");
    let argument = melior::ir::BlockLike::argument(&block, 0).expect("an input");
    mlir::sample_shape(argument.into()).expect("a tensor")
}

fn sample(shape: &[usize], values: Vec<f64>) -> Sample {
    Sample::from_shape_vec(shape, values).expect("a sample of the input's shape")
}

/// Random samples with values in [-4, 4).
pub fn random_samples(shape: &[usize]) -> Samples {
    let shape = shape.to_vec();
    let fetch = move |seed: usize| {
        let values = numbers(seed as u64 ^ 0x5EED).take(shape.iter().product());
        sample(&shape, values.map(|number| number * 4.0).collect())
    };
    Samples { count: SAMPLES, fetch: Arc::new(fetch), integers: false, hash: String::new() }
}

fn in_memory(samples: Vec<Sample>) -> Samples {
    let count = samples.len();
    Samples {
        count,
        fetch: Arc::new(move |index| samples[index].clone()),
        integers: false,
        hash: String::new(),
    }
}

/// [`check`] without numbers, for modules that are no networks.
pub fn text(name: &str, text: &str) -> String {
    on_module(text, |module| {
        run(name, &[], module, &mut Session::default()).expect("the pass succeeds");
        mlir::print(module, true)
    })
}

/// The module that the pass makes of what it made of `text`.
pub fn twice(name: &str, text: &str) -> String {
    on_module(text, |module| {
        run(name, &[], module, &mut Session::default()).expect("the pass succeeds");
        run(name, &[], module, &mut Session::default()).expect("the pass succeeds again");
        mlir::print(module, true)
    })
}

/// Name, layer and source of each op that the pass makes of `text`.
pub fn locations(name: &str, text: &str) -> String {
    on_module(text, |module| {
        run(name, &[], module, &mut Session::default()).expect("the pass succeeds");
        let operations = mlir::operations(mlir::network_block(operation(module)).expect("a network"));
        let lines = operations.into_iter().map(|operation| {
            format!(
                "{} {} {}",
                mlir::name(operation),
                mlir::layer(operation),
                mlir::source(operation.location())
            )
        });
        lines.collect::<Vec<_>>().join("\n")
    })
}

/// Calls `f` with the module of `text`.
pub fn on_module<T>(text: &str, f: impl for<'c> FnOnce(&Module<'c>) -> T) -> T {
    let context: Context = neurocuda_dialects::new_context().expect("the dialects load");
    let module = Module::parse(&context, text).expect("the test's IR parses");
    assert!(module.as_operation().verify(), "the test's IR is valid");
    f(&module)
}

/// The module's op.
pub fn operation<'c, 'a>(module: &'a Module<'c>) -> OperationRef<'c, 'a> {
    // SAFETY: the module lives as long as the reference, and passes change what is in it, not the op itself.
    unsafe { OperationRef::from_raw(module.as_operation().to_raw()) }
}

/// Runs the pass, and verifies what it made.
pub fn run<'c>(
    name: &str,
    options: &[(&str, &str)],
    module: &Module<'c>,
    session: &mut Session,
) -> IrResult<'c, ()> {
    let registration = passes::find(name).expect("the pass is registered");
    let options = given(registration.info, options);
    let pass = (registration.build)(&options).expect("the options have values that the pass takes");
    pass.run(operation(module), session)?;
    assert!(module.as_operation().verify(), "the pass leaves a valid module");
    let stage = registration.info.to.or(registration.info.from);
    for operation in mlir::operations(mlir::network_block(operation(module))?) {
        let name = mlir::name(operation);
        if let Some(stage) = stage.filter(|_| name != "func.return") {
            assert!(stage.legal_ops().contains(&name.as_str()), "`{name}` is not legal at stage {stage}");
        }
    }
    Ok(())
}

/// Options of a pass.
fn given(info: &'static PassInfo, options: &[(&str, &str)]) -> Options {
    let values = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Options::new(info, values.collect::<BTreeMap<_, _>>()).expect("the options exist")
}
