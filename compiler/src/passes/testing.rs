//! What the tests of passes share: small text in, whole text out, and the same numbers before and after.

use crate::{
    interpret::{Network, Sample},
    mlir::{self, IrResult},
    pass::{Claim, Options},
    passes,
    session::Session,
};
use melior::{
    Context,
    ir::{Module, OperationRef, operation::OperationLike},
};
use std::collections::BTreeMap;

/// How many random samples a network computes before and after.
const SAMPLES: u64 = 4;

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

/// The module that the pass makes of `text`, without locations; or its error, with the place.
///
/// The networks before and after are run on random samples, and held to what the pass claims.
pub fn check(name: &str, options: &[(&str, &str)], text: &str) -> String {
    on_module(text, |module| {
        let before = Network::new(operation(module));
        if let Err(error) = run(name, options, module) {
            let place = error.location.map(mlir::source).filter(|place| !place.is_empty());
            return format!("{}: error: {error}", place.as_deref().unwrap_or("module"));
        }
        let before = before.expect("the interpreter takes the test's network");
        let after = Network::new(operation(module)).expect("the interpreter takes what the pass makes");
        compare(&before, &after, passes::find(name).expect("the pass is registered").info.claim);
        mlir::print(module, true)
    })
}

/// [`check`] without numbers, for modules that are no networks.
pub fn text(name: &str, text: &str) -> String {
    on_module(text, |module| {
        run(name, &[], module).expect("the pass succeeds");
        mlir::print(module, true)
    })
}

/// The module that the pass makes of what it made of `text`.
pub fn twice(name: &str, text: &str) -> String {
    on_module(text, |module| {
        run(name, &[], module).expect("the pass succeeds");
        run(name, &[], module).expect("the pass succeeds again");
        mlir::print(module, true)
    })
}

/// Name, layer and source of each op that the pass makes of `text`.
pub fn locations(name: &str, text: &str) -> String {
    on_module(text, |module| {
        run(name, &[], module).expect("the pass succeeds");
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

fn on_module<T>(text: &str, f: impl for<'c> FnOnce(&Module<'c>) -> T) -> T {
    let context: Context = neurocuda_dialects::new_context().expect("the dialects load");
    let module = Module::parse(&context, text).expect("the test's IR parses");
    assert!(module.as_operation().verify(), "the test's IR is valid");
    f(&module)
}

fn operation<'c, 'a>(module: &'a Module<'c>) -> OperationRef<'c, 'a> {
    // SAFETY: the module lives as long as the reference, and passes change what is in it, not the op itself.
    unsafe { OperationRef::from_raw(module.as_operation().to_raw()) }
}

/// Runs the pass, and verifies what it made.
fn run<'c>(name: &str, options: &[(&str, &str)], module: &Module<'c>) -> IrResult<'c, ()> {
    let registration = passes::find(name).expect("the pass is registered");
    let values = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let options =
        Options::new(registration.info, values.collect::<BTreeMap<_, _>>()).expect("the options exist");
    let pass = (registration.build)(&options).expect("the options have values that the pass takes");
    pass.run(operation(module), &mut Session::default())?;
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

/// Runs both networks on random samples.
fn compare(before: &Network, after: &Network, claim: Claim) {
    for seed in 0..SAMPLES {
        let count = before.input_shape().iter().product();
        let values = numbers(seed ^ 0x5EED).take(count).map(|number| number * 4.0).collect();
        let sample =
            Sample::from_shape_vec(before.input_shape(), values).expect("a sample of the input's shape");
        let expected = before.forward(&sample, &mut |_, _| ()).expect("the network runs before");
        let found = after.forward(&sample, &mut |_, _| ()).expect("the network runs after");
        assert_eq!(expected.len(), found.len());
        for (expected, found) in expected.iter().zip(&found) {
            assert_eq!(expected.shape(), found.shape());
            let largest = expected.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
            for (expected, found) in expected.iter().zip(found) {
                let within = (expected - found).abs() <= claim.tolerance() * largest;
                assert!(within, "{found} instead of {expected}: not {claim:?}");
            }
        }
    }
}
