//! Modules that are no networks: each is refused with a reason, and none makes the decoder panic.

use super::*;
use proptest::prelude::*;

/// The message for one op on a value of `input`, with a result of `output`.
fn refusal(op: &str, attributes: &str, input: &str, output: &str) -> String {
    match try_network(&one_op(op, attributes, input, output)) {
        Ok(_) => format!("`{op}` is accepted"),
        Err(message) => message,
    }
}

const GEOMETRY: &str = "stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1, transposed = false";
const IMAGE: &str = "tensor<?x2x4x4xi32>";

#[test]
fn convolutions_that_do_not_fit() {
    let weight = "weight = dense<1> : tensor<3x2x3x3xi8>, bias = dense<0> : tensor<3xi32>";
    let conv = |weight: &str, geometry: &str| {
        refusal("ann.conv", &format!("{weight}, {geometry}"), IMAGE, "tensor<?x3x2x2xi32>")
    };
    let with = |old: &str, new: &str| conv(weight, &GEOMETRY.replace(old, new));
    assert_eq!(with("groups = 1", "groups = 1"), "`ann.conv` is accepted");
    assert_eq!(with("groups = 1", "groups = 0"), "`groups` is 0; at least 1 is needed");
    assert!(with("groups = 1", "groups = 2").contains("does not fit 2 channels"));
    assert!(with("groups = 1", "groups = 9223372036854775807").contains("does not fit 2 channels"));
    assert_eq!(
        with("stride = array<i64: 1, 1>", "stride = array<i64: 1, 0>"),
        "`stride` is 0; at least 1 is needed"
    );
    assert!(
        with("stride = array<i64: 1, 1>", "stride = array<i64: 1>")
            .contains("one entry for each of 1 to 3 axes")
    );
    assert!(
        with("dilation = array<i64: 1, 1>", "dilation = array<i64: 2, 1>").contains("does not fit axis 0")
    );
    let huge = "array<i64: 1, 9223372036854775807>";
    assert!(
        with("dilation = array<i64: 1, 1>", &format!("dilation = {huge}")).contains("does not fit axis 1")
    );
    assert!(with("padding = array<i64: 0, 0>", &format!("padding = {huge}")).contains("does not fit axis 1"));
    let wide = "padding = array<i64: 0, 4000000000>, stride = array<i64: 1, 8000000000>";
    assert!(
        conv(weight, &format!("{wide}, dilation = array<i64: 1, 1>, groups = 1, transposed = false"))
            .contains("larger than")
    );
    assert!(
        with("padding = array<i64: 0, 0>", "padding = array<i64: 1, 1>")
            .contains("its result type states [3, 2, 2]")
    );
    let turned = |size: &str, padding: i64| {
        let geometry = GEOMETRY
            .replace("transposed = false", "transposed = true")
            .replace("0, 0", &format!("0, {padding}"));
        refusal("ann.conv", &format!("{weight}, {geometry}"), IMAGE, &format!("tensor<?x3x6x{size}xi32>"))
    };
    assert!(turned("6", 0).contains("accepted"));
    assert!(turned("7", 0).contains("does not make 7"));
    assert!(turned("5", 0).contains("does not make 5"));
    assert!(turned("6", i64::MAX).contains("does not make 6"));
    let weight =
        |weight: &str| conv(&format!("weight = {weight}, bias = dense<0> : tensor<3xi32>"), GEOMETRY);
    assert!(weight("dense<1> : tensor<3x2xi8>").contains("4 axes"));
    assert!(weight("dense<1> : tensor<4x2x3x3xi8>").contains("`bias` has shape [3]; [4] is needed"));
    assert!(weight("dense<> : tensor<3x0x3x3xi8>").contains("4 axes without zeros"));
    assert!(weight("dense<0.5> : tensor<3x2x3x3xf32>").contains("32-bit integers are needed"));
    assert!(weight("dense<1> : tensor<3x2x3x3xi7>").contains("`i7` are not supported"));
    assert!(weight("dense<1> : tensor<3x2000000000x2000000000x2000000000xi8>").contains("more elements"));
}

#[test]
fn parameters_that_do_not_fit() {
    let t = "tensor<?x2xi32>";
    let requantize = |attributes: &str| refusal("ann.requantize", attributes, t, t);
    let scale = "scale = dense<1.0> : tensor<2xf64>";
    let threshold = "threshold = dense<[1, 2]> : tensor<2xi32>";
    assert!(requantize(&format!("{threshold}, {scale}, low = 0, high = 1")).contains("accepted"));
    assert!(requantize(&format!("{threshold}, {scale}, low = 2, high = 1")).contains("above `high`"));
    assert!(
        requantize(&format!("{threshold}, {scale}, low = 0, high = 4294967296"))
            .contains("does not fit 32 bits")
    );
    let threshold =
        |threshold: &str| requantize(&format!("threshold = {threshold}, {scale}, low = 0, high = 1"));
    assert!(threshold("dense<0> : tensor<2xi32>").contains("must be positive"));
    assert!(threshold("dense<1.5> : tensor<2xf64>").contains("32-bit integers"));
    assert!(threshold("dense<1> : tensor<3xi32>").contains("[2] is needed"));
    let (real, pair) = ("tensor<?x2xf32>", "tensor<?x2xi32>");
    assert!(refusal("ann.dequantize", scale, real, real).contains("integer operands"));
    assert!(refusal("ann.dequantize", scale, pair, pair).contains("real results"));
    let quantize = "scale = dense<[1.0, 0.0]> : tensor<2xf64>, low = 0, high = 1";
    assert!(refusal("ann.fake_quantize", quantize, real, real).contains("must be positive"));
    let norm = "weight = dense<1.0> : tensor<2xf32>, bias = dense<1.0> : tensor<2xf32>, \
                running_mean = dense<1.0> : tensor<2xf32>, running_var = dense<-1.0> : tensor<2xf32>, eps = 0.5 : f64";
    assert!(refusal("torch.batch_norm", norm, real, real).contains("running_var + eps"));
    let scalar = "tensor<?xf32>";
    let normalize = "scale = 1.0 : f64, mean = dense<0.0> : tensor<1xf64>, std = dense<1.0> : tensor<1xf64>";
    assert!(refusal("torch.normalize", normalize, scalar, scalar).contains("no channel axis"));
}

#[test]
fn pools_and_layouts_that_do_not_fit() {
    let pool = |attributes: &str, output: &str| refusal("ann.max_pool2d", attributes, IMAGE, output);
    let attributes = "kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>";
    assert!(pool(attributes, "tensor<?x2x2x2xi32>").contains("accepted"));
    assert!(pool(attributes, "tensor<?x2x3x2xi32>").contains("in the padding only"));
    assert!(pool(attributes, "tensor<?x3x2x2xi32>").contains("its result type states"));
    assert!(pool(attributes, "tensor<?x8xi32>").contains("channels, rows and columns"));
    assert!(
        pool(&attributes.replace("padding = array<i64: 0", "padding = array<i64: 2"), "tensor<?x2x2x2xi32>")
            .contains("padding only")
    );
    let torch = |ceil: bool, kernel: i64, padding: i64| {
        let attributes = format!(
            "kernel = array<i64: {kernel}, {kernel}>, stride = array<i64: 1, 1>, padding = array<i64: {padding}, {padding}>, \
             ceil_mode = {ceil}, count_include_pad = true, divisor_override = 0"
        );
        refusal("torch.avg_pool", &attributes, "tensor<?x2x4x4xf32>", "tensor<?x2x2x2xf32>")
    };
    assert!(torch(true, 5, 0).contains("does not fit"));
    assert!(torch(true, 3, 2).contains("more than half"));
    assert!(torch(false, i64::MAX, i64::MAX / 2).contains("its result type states"));
    let sum = |rows: &str| {
        let attributes = format!(
            "rows = array<i64: {rows}>, columns = array<i64: 0, 4>, multiplier = dense<1> : tensor<1x1xi32>"
        );
        refusal("ann.sum_pool2d", &attributes, IMAGE, "tensor<?x2x1x1xi32>")
    };
    assert!(sum("0, 2").contains("accepted"));
    assert!(sum("0, 2, 3").contains("odd number"));
    assert!(sum("2, 1").contains("outside the image"));
    assert!(sum("0, 5").contains("outside the image"));
    assert!(sum("-1, 2").contains("at least 0"));
    assert!(sum("0, 2, 0, 2").contains("[2, 1] is needed"));
    let adaptive = "output_size = array<i64: 9223372036854775807, 1>";
    assert!(
        refusal("torch.adaptive_avg_pool", adaptive, "tensor<?x2x4x4xf32>", "tensor<?x2x1x1xf32>")
            .contains("output_size")
    );

    let gather = |axis: i64, indices: &str| {
        let attributes = format!("axis = {axis}, indices = array<i64: {indices}>");
        refusal("ann.gather", &attributes, IMAGE, "tensor<?x2x2x4xi32>")
    };
    assert!(gather(2, "3, 3").contains("accepted"));
    assert!(gather(2, "0, 4").contains("slab 4 of axis 2 is not within"));
    assert!(gather(2, "0, -1").contains("at least 0"));
    assert!(gather(2, "0, 9223372036854775807").contains("is not within"));
    assert!(gather(2, "0, 1, 2").contains("its result type states"));
    assert!(gather(0, "0, 0").contains("an axis from 1 to 3"));
    assert!(gather(4, "0, 0").contains("an axis from 1 to 3"));
    assert!(gather(-1, "0, 0").contains("an axis from 1 to 3"));
    let permute = |axes: &str| {
        refusal("ann.permute", &format!("axes = array<i64: {axes}>"), IMAGE, "tensor<?x4x2x4xi32>")
    };
    assert!(permute("0, 2, 1, 3").contains("accepted"));
    assert!(permute("0, 2, 1, 2").contains("each axis"));
    assert!(permute("0, 2, 1").contains("each axis"));
    assert!(permute("0, 2, 1, 4").contains("an axis from 1 to 3"));
    assert!(permute("2, 0, 1, 3").contains("must stay first"));
    assert!(permute("0, 1, 2, 3").contains("its result type states"));
    let expand = |input: &str, output: &str| refusal("torch.expand", "", input, output);
    assert!(expand("tensor<?x1x4xf32>", "tensor<?x3x4xf32>").contains("accepted"));
    assert!(expand("tensor<?x2x4xf32>", "tensor<?x4x4xf32>").contains("cannot be repeated"));
    assert!(expand("tensor<?x1xf32>", "tensor<?x1x2xf32>").contains("cannot be repeated"));
    let constant = |shape: &str| {
        let attributes = format!("value = dense<1.0> : tensor<{shape}xf32>");
        refusal("torch.add_constant", &attributes, "tensor<?x2x3xf32>", "tensor<?x2x3xf32>")
    };
    assert!(constant("2x1").contains("accepted"));
    assert!(constant("3x1").contains("cannot be repeated"));
    assert!(constant("2").contains("cannot be repeated"));
    let upsample = |size: &str| {
        let attributes = format!("output_size = array<i64: {size}>");
        refusal("torch.upsample_nearest", &attributes, "tensor<?x2x4xf32>", "tensor<?x2x8xf32>")
    };
    assert!(upsample("8").contains("accepted"));
    assert!(upsample("9223372036854775807").contains("`output_size`"));
    assert!(upsample("8, 1").contains("`output_size`"));
    assert!(upsample("0").contains("at least 1"));
    let torch = "dim = 1, start = 2, end = 2, step = 1";
    assert!(refusal("torch.slice", torch, "tensor<?x2xf32>", "tensor<?x2xf32>").contains("no elements"));
    let pad = |before: &str| {
        let attributes = format!("before = array<i64: {before}>, after = array<i64: 0, 0, 0, 0>");
        refusal("ann.pad", &attributes, IMAGE, "tensor<?x2x5x4xi32>")
    };
    assert!(pad("0, 0, 1, 0").contains("accepted"));
    assert!(pad("1, 0, 0, 0").contains("0 for the batch"));
    assert!(pad("0, 0, 1").contains("0 for the batch"));
    assert!(pad("0, 0, -1, 0").contains("at least 0"));
    assert!(pad("0, 0, 9223372036854775807, 0").contains("larger than can be handled"));
    assert!(refusal("ann.reshape", "", IMAGE, "tensor<?x31xi32>").contains("cannot become"));
    let flatten = "start_dim = 2, end_dim = 1";
    assert!(
        refusal("torch.flatten", flatten, "tensor<?x2x3xf32>", "tensor<?x6xf32>").contains("lies behind")
    );
    let mean = |dims: &str| {
        refusal(
            "torch.mean",
            &format!("dims = array<i64{dims}>, keepdim = false"),
            "tensor<?x2x3xf32>",
            "tensor<?x2xf32>",
        )
    };
    assert!(mean(": 2").contains("accepted"));
    assert!(mean(": 2, 2").contains("each once"));
    assert!(mean("").contains("each once"));
    assert!(mean(": 3").contains("an axis from 1 to 2"));
}

#[test]
fn neurons_that_do_not_fit() {
    let t = "tensor<?x2xi32>";
    let neuron = |initial: &str, low: i64, delay: i64| {
        let attributes = format!(
            "threshold = dense<1> : tensor<2xi32>, initial = {initial}, low = {low}, high = 1, delay = {delay}"
        );
        let body = format!("%s = \"snn.st_bif\"(%x) {{{attributes}}} : ({t}) -> {t}\n{}", readout("%s"));
        try_network(&module(t, &body, "tensor<?x2xf32>")).err().unwrap_or_else(|| "accepted".to_owned())
    };
    assert_eq!(neuron("dense<1> : tensor<2xi32>", 0, 1024), "accepted");
    assert!(neuron("dense<1> : tensor<3xi32>", 0, 0).contains("[2] is needed"));
    assert!(neuron("dense<1> : tensor<2xi32>", 1, 0).contains("tracer"));
    assert!(neuron("dense<1> : tensor<2xi32>", 0, 1025).contains("more than 1024 steps"));
    assert!(neuron("dense<1> : tensor<2xi32>", 0, -1).contains("at least 0"));
}

fn readout(input: &str) -> String {
    format!(
        "%y = \"snn.readout\"({input}) {{initial = dense<0> : tensor<2xi32>, bias = dense<0> : tensor<2xi32>, gain = 1, \
         scale = dense<1.0> : tensor<2xf64>, average = false, start = 0}} : (tensor<?x2xi32>) -> tensor<?x2xf32>"
    )
}

#[test]
fn modules_that_are_no_networks() {
    let refuse = |text: &str| try_network(text).err().unwrap_or_else(|| "accepted".to_owned());
    assert!(refuse("").contains("exactly one function"));
    assert!(refuse("func.func @a() { return }").contains("takes 0 inputs"));
    assert!(
        refuse("func.func @a(%x: tensor<?x1xf32>, %y: tensor<?x1xf32>) { return }")
            .contains("takes 2 inputs")
    );
    assert!(refuse("func.func @a(%x: tensor<?x1xf32>) { return }").contains("returns nothing"));
    for r#type in [
        "tensor<?x0xf32>",
        "tensor<?x?xf32>",
        "tensor<?x1xf64>",
        "tensor<?x20000x20000xf32>",
        "tensor<*xf32>",
        "f32",
    ] {
        let text = format!("func.func @a(%x: {0}) -> {0} {{ return %x : {0} }}", r#type);
        assert!(refuse(&text).contains("cannot handle values of type"), "{type}");
    }
    let t = "tensor<?x2xi32>";
    let constant = format!("%y = \"ub.poison\"() {{value = #ub.poison}} : () -> {t}");
    assert!(refuse(&module(t, &constant, t)).contains("does not know `ub.poison`"));
    let both = format!("%s = \"ann.reshape\"(%x) : ({t}) -> {t}\n{}", readout("%s"));
    assert!(refuse(&module(t, &both, "tensor<?x2xf32>")).contains("with and without timesteps"));
    let events = format!("%y = \"snn.reshape\"(%x) : ({t}) -> {t}");
    assert!(refuse(&module(t, &events, t)).contains("returns readouts only"));
    let late = format!("{}\n%z = \"snn.reshape\"(%y) : (tensor<?x2xf32>) -> tensor<?x2xf32>", readout("%x"));
    assert!(refuse(&module(t, &late, "tensor<?x2xf32>")).contains("integer operands"));
}

#[test]
fn an_error_is_placed_at_its_op() {
    let context = neurocuda_dialects::new_context().unwrap();
    let text = "func.func @a(%x: tensor<?x2xf32>) -> tensor<?x3xf32> {
        %y = \"ann.reshape\"(%x) : (tensor<?x2xf32>) -> tensor<?x3xf32> loc(\"view\"(\"f.ncg\":4:2))
        return %y : tensor<?x3xf32> }";
    let module = Module::parse(&context, text).unwrap();
    let error = Network::new(module.as_operation()).err().unwrap();
    assert_eq!(crate::mlir::source(error.location.unwrap()), "f.ncg:4:2");
}

const SEEDS: [&str; 8] = [
    "%y = \"torch.convolution\"(%x) {weight = dense<1.0> : tensor<2x1x3x2xf32>, bias = dense<0.0> : tensor<2xf32>, stride = array<i64: 1, 3>, padding = array<i64: 1, 0>, dilation = array<i64: 1, 2>, groups = 2, transposed = true, output_padding = array<i64: 0, 1>} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x13xf32>",
    "%y = \"torch.convolution\"(%x) {weight = dense<1.0> : tensor<2x2x3x3xf32>, bias = dense<0.0> : tensor<2xf32>, stride = array<i64: 1, 2>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 2>, groups = 1, transposed = false, output_padding = array<i64: 0, 0>} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x1xf32>",
    "%y = \"torch.max_pool\"(%x) {kernel = array<i64: 2, 3>, stride = array<i64: 2, 1>, padding = array<i64: 1, 1>, dilation = array<i64: 1, 1>, ceil_mode = true} : (tensor<?x2x4x4xf32>) -> tensor<?x2x3x4xf32>",
    "%y = \"torch.avg_pool\"(%x) {kernel = array<i64: 2, 3>, stride = array<i64: 2, 1>, padding = array<i64: 1, 1>, ceil_mode = true, count_include_pad = false, divisor_override = 0} : (tensor<?x2x4x4xf32>) -> tensor<?x2x3x4xf32>",
    "%y = \"ann.gather\"(%x) {axis = 2, indices = array<i64: 3, 1>} : (tensor<?x2x4x4xf32>) -> tensor<?x2x2x4xf32>",
    "%y = \"ann.permute\"(%x) {axes = array<i64: 0, 2, 1, 3>} : (tensor<?x2x4x4xf32>) -> tensor<?x4x2x4xf32>",
    "%y = \"torch.slice\"(%x) {dim = 2, start = 1, end = 4, step = 2} : (tensor<?x2x4x4xf32>) -> tensor<?x2x2x4xf32>",
    "%y = \"ann.pad\"(%x) {before = array<i64: 0, 1, 0, 2>, after = array<i64: 0, 0, 3, 0>} : (tensor<?x2x4x4xf32>) -> tensor<?x3x7x6xf32>",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// What is decoded also runs, whatever the numbers in the file.
    #[test]
    fn any_numbers_are_refused_or_run(
        seed in 0..SEEDS.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![
            -2..9_i64, Just(i64::MAX), Just(i64::MIN), Just(1 << 32), Just(1 << 62), any::<i64>(),
        ]), 1..3),
    ) {
        let mut numbers = SEEDS[seed].split_inclusive([' ', '>', ',', '}']).map(str::to_owned).collect::<Vec<_>>();
        for (index, value) in changes {
            let places = (0..numbers.len()).filter(|&place| numbers[place].starts_with(|c: char| c.is_ascii_digit()));
            let places = places.filter(|&place| !numbers[place].contains(['.', 'x'])).collect::<Vec<_>>();
            let place = places[index.index(places.len())];
            let end = numbers[place].chars().last().filter(|c| !c.is_ascii_digit());
            numbers[place] = value.to_string() + &end.map(String::from).unwrap_or_default();
        }
        let body = numbers.concat();
        let output = body.rsplit("-> ").next().unwrap();
        let context = neurocuda_dialects::new_context().unwrap();
        context.attach_diagnostic_handler(|_| true);
        let text = module("tensor<?x2x4x4xf32>", &body, output);
        let Some(module) = Module::parse(&context, &text) else { return Ok(()) };
        let Ok(network) = Network::new(module.as_operation()) else { return Ok(()) };
        let outputs = network.forward(&sample(&[2, 4, 4], (0..32).map(f64::from).collect()), &mut |_, _| ()).unwrap();
        prop_assert_eq!(outputs[0].shape(), network.output_shapes()[0]);
    }
}
