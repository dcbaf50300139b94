use crate::{
    interpret::{Network, StepLimit},
    mlir,
    passes::testing::{
        encoder, input_shape, integer_network, network, on_module, operation, random_samples, run,
    },
    session::Session,
    validate::each::step_limit,
};
use melior::ir::Module;
use ndarray::ArrayD;
use std::collections::BTreeMap;

/// The integer network of the other lowerings, without its max pool, which the chip has no neuron for.
fn convolutional() -> String {
    let text = integer_network();
    let start = text.find("    %3 = \"ann.max_pool2d\"").unwrap();
    let end = start + text[start..].find("    %4 =").unwrap();
    let pool = "    %3 = \"ann.sum_pool2d\"(%2) {rows = array<i64: 0, 2, 2, 4, 4, 6>, columns = array<i64: 0, 2, 2, 4, 4, 6>,\n      \
                multiplier = dense<1> : tensor<3x3xi32>} : (tensor<?x4x6x6xi32>) -> tensor<?x4x3x3xi32>\n";
    let text = format!("{}{pool}{}", &text[..start], &text[end..]);
    // A sum over windows with multipliers weighs, and so needs neurons before anything else is done with it.
    text.replace("\"ann.pad\"(%11)", "\"ann.pad\"(%n)").replace(
        "    %12 =",
        "    %n = \"ann.requantize\"(%11) {threshold = dense<[2, 3, 1, 2]> : tensor<4xi32>, scale = dense<0.25> : tensor<4xf64>,\n      \
         low = -7, high = 7} : (tensor<?x4x2x2xi32>) -> tensor<?x4x2x2xi32>\n    %12 =",
    )
}

const LOWERINGS: [&str; 4] =
    ["lower-to-st-bif", "lower-to-sigma-delta", "lower-to-hold-and-fire", "lower-to-rate"];

/// What each layer of neurons sends in each step, in the order of the layers, and the logits.
type Run = (BTreeMap<(usize, u32), Vec<f64>>, Vec<Vec<f64>>);

fn spikes(module: &Module, sample: &ArrayD<f64>) -> Run {
    let network = Network::new(operation(module)).unwrap();
    let names = ["snn.st_bif", "snn.sigma_delta", "snn.hold_and_fire", "snn.if", "loihi.neurons"];
    let layers = network.ops().iter().enumerate().filter(|(_, op)| names.contains(&op.name.as_str()));
    let layers = layers.enumerate().map(|(number, (index, _))| (index, number)).collect::<BTreeMap<_, _>>();
    let mut found = BTreeMap::new();
    let limit = step_limit(module).unwrap_or(StepLimit::Exactly(1));
    let outcome = network.simulate(sample, limit, &mut |step, index, sent| {
        if let Some(&layer) = layers.get(&index) {
            found.insert((layer, step), sent.iter().copied().collect());
        }
    });
    let outputs = outcome.unwrap().outputs.into_iter().map(|output| output.integer.iter().copied().collect());
    (found, outputs.collect())
}

#[test]
fn every_spike_of_every_schedule_is_the_same() {
    for lowering in LOWERINGS {
        on_module(&convolutional(), |module| {
            run(lowering, &[("delay", "1")], module, &mut Session::default()).unwrap();
            run("prove-bounds", &[], module, &mut Session::default()).unwrap();
            let samples = random_samples(&input_shape(module));
            let samples = (0..samples.count).map(|index| (samples.fetch)(index)).collect::<Vec<_>>();
            let before = samples.iter().map(|sample| spikes(module, sample)).collect::<Vec<_>>();
            run("lower-to-loihi", &[], module, &mut Session::default()).unwrap();
            let after = samples.iter().map(|sample| spikes(module, sample)).collect::<Vec<_>>();
            assert!(before.iter().all(|(spikes, _)| spikes.values().flatten().any(|spike| *spike != 0.0)));
            assert!(before == after, "{lowering}");
            run("map-to-cores", &[], module, &mut Session::default()).unwrap();
            let mapped = samples.iter().map(|sample| spikes(module, sample)).collect::<Vec<_>>();
            assert!(before == mapped, "{lowering}");
            let text = mlir::print(module, true);
            assert!(text.contains("\"loihi.core\"() {"), "{text}");
            assert!(text.contains("\"loihi.sparse\"(") && text.contains("\"loihi.axon_map\"("), "{text}");
        });
    }
}

/// The message with which the pass refuses `layers`.
fn refusal(layers: &str, options: &[(&str, &str)]) -> String {
    lowered(layers, options).unwrap_err()
}

/// What the pass makes of an encoder of two channels and `layers`, or its message.
fn lowered(layers: &str, options: &[(&str, &str)]) -> Result<String, String> {
    let body = format!(
        r#"
    %0 = "snn.encode"(%x) {{{}, every_step = false}} : (tensor<?x2xf32>) -> tensor<?x2xi32>
    {layers}
    %r = "snn.readout"(%z) {{initial = dense<0> : tensor<2xi32>, bias = dense<0> : tensor<2xi32>, gain = 1,
      scale = dense<1.0> : tensor<2xf64>, average = false, start = 0}} : (tensor<?x2xi32>) -> tensor<?x2xf32>"#,
        encoder(2),
    );
    let text = network("tensor<?x2xf32>", &body, "tensor<?x2xf32>");
    let text = text.replace("-> tensor<?x2xf32> {", "-> tensor<?x2xf32> attributes {snn.steps = 9 : i64} {");
    on_module(&text, |module| {
        run("prove-bounds", &[], module, &mut Session::default()).unwrap();
        run("lower-to-loihi", options, module, &mut Session::default()).map_err(|error| error.message)?;
        Ok(mlir::print(module, true))
    })
}

fn neuron(input: &str, output: &str, delay: u32, threshold: u32) -> String {
    format!(
        "{output} = \"snn.st_bif\"({input}) {{threshold = dense<{threshold}> : tensor<2xi32>, initial = dense<0> : tensor<2xi32>, \
         low = 0, high = 7, delay = {delay}}} : (tensor<?x2xi32>) -> tensor<?x2xi32>"
    )
}

#[test]
fn what_does_not_fit_the_widths_is_refused() {
    let dense = |weight: i32| {
        format!(
            "%1 = \"snn.linear\"(%0) {{weight = dense<{weight}> : tensor<2x2xi32>}} : (tensor<?x2xi32>) -> tensor<?x2xi32>\n    {}",
            neuron("%1", "%z", 1, 1)
        )
    };
    let folder = tempfile::tempdir().unwrap();
    let chip = |name: &str, widths: &str| {
        let path = folder.path().join(format!("{name}.toml"));
        std::fs::write(&path, format!("name = \"{name}\"\n[widths]\n{widths}\n")).unwrap();
        path.to_str().unwrap().to_owned()
    };
    // 2 · 8 · 30000 passes an accumulator of 16 bits.
    let message = refusal(&dense(30_000), &[("chip", &chip("narrow", "accumulator_bits = 16"))]);
    assert!(message.starts_with("chip-width: layer `snn.st_bif`: "), "{message}");
    assert!(message.contains("over the 16 bits of an accumulator of `narrow` (32767)"), "{message}");
    assert!(
        refusal(&dense(1 << 18), &[])
            .starts_with("unsupported: target loihi cannot carry `snn.st_bif`: a weight of 262144 ")
    );
    let message = refusal(&neuron("%0", "%z", 1, 1 << 24), &[]);
    assert!(
        message.contains("parameter `threshold` can reach 16777216, over the 24 bits of a word of state"),
        "{message}"
    );
    // A threshold that is never reached takes nothing: the membrane holds 8 at most.
    let never = neuron("%0", "%z", 1, 1 << 22);
    assert!(lowered(&never, &[]).unwrap().contains("loihi.state_bound = 16 : i64"));
    let short = chip("short", "state_bits = 16");
    let message = refusal(&dense(3000).replace("high = 7", "high = 2000"), &[("chip", &short)]);
    assert!(message.contains("a membrane can reach 50000, over the 16 bits of a word of state"), "{message}");
}

#[test]
fn what_the_chip_does_not_have_is_refused() {
    let message = refusal(&neuron("%0", "%z", 0, 1), &[]);
    assert!(
        message.contains("its spikes arrive 0 steps after they are sent, and the chip takes 1 to 63"),
        "{message}"
    );
    let twice = "%1 = \"snn.linear\"(%0) {weight = dense<1> : tensor<2x2xi8>} : (tensor<?x2xi32>) -> tensor<?x2xi32>\n    \
                 %2 = \"snn.linear\"(%1) {weight = dense<1> : tensor<2x2xi8>} : (tensor<?x2xi32>) -> tensor<?x2xi32>\n    ";
    let message = refusal(&(twice.to_owned() + &neuron("%2", "%z", 1, 1)), &[]);
    assert!(message.contains("its input has been weighed already"), "{message}");
}

#[test]
fn max_pools_are_refused_with_the_pass_that_replaces_them() {
    on_module(&integer_network(), |module| {
        run("lower-to-st-bif", &[("delay", "1")], module, &mut Session::default()).unwrap();
        run("prove-bounds", &[], module, &mut Session::default()).unwrap();
        let error = run("lower-to-loihi", &[], module, &mut Session::default()).unwrap_err();
        assert!(error.message.contains("run `expand-max-pool`"), "{error}");
    });
}
