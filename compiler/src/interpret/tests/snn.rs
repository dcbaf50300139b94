use super::*;
use crate::interpret::{SpikingOutcome, StepLimit};

const UNLIMITED: &str = "multiplier = dense<1.0> : tensor<1xf64>, offset = dense<0.0> : tensor<1xf64>, \
     minimum = dense<0xFFF0000000000000> : tensor<1xf64>, maximum = dense<0x7FF0000000000000> : tensor<1xf64>, scale = 1.0 : f64";

/// A one-element network: `body` computes `%s` from the codes `%c`, which the readout adds up.
fn one_neuron(every_step: bool, body: &str, readout: &str) -> String {
    let (f, t) = (batch(&[1], "f32"), batch(&[1], "i32"));
    let body = format!(
        r#"%c = "snn.encode"(%x) {{{UNLIMITED}, low = -99, high = 99, every_step = {every_step}}} : ({f}) -> {t}
           {body}
           %y = "snn.readout"(%s) {{{readout}}} : ({t}) -> {f}"#
    );
    module(&f, &body.replace("VALUE", &t), &f)
}

const PLAIN_READOUT: &str = "initial = dense<7> : tensor<1xi32>, bias = dense<0> : tensor<1xi32>, gain = 1, \
     scale = dense<0.5> : tensor<1xf64>, average = false, start = 0";

/// Simulates and returns the outcome with what each op sent in each step.
fn simulate(text: &str, x: f64, limit: StepLimit) -> (SpikingOutcome, Vec<Vec<f64>>) {
    let network = network(text);
    let mut sent = vec![vec![]; network.ops().len()];
    let outcome =
        network.simulate(&sample(&[1], vec![x]), limit, &mut |_, op, events| sent[op].push(events[[0]]));
    (outcome.unwrap(), sent)
}

const LONG: StepLimit = StepLimit::Quiescence { at_most: 100 };

#[test]
fn st_bif_counts_up_to_its_limit() {
    let body = r#"%s = "snn.st_bif"(%c) {threshold = dense<2> : tensor<1xi32>, initial = dense<1> : tensor<1xi32>,
                    low = 0, high = 3, delay = 0} : (VALUE) -> VALUE"#;
    let (outcome, sent) = simulate(&one_neuron(false, body, PLAIN_READOUT), 5.0, LONG);
    assert_eq!(sent, [vec![5.0, 0.0, 0.0, 0.0], vec![1.0, 1.0, 1.0, 0.0], vec![8.0, 9.0, 10.0, 10.0]]);
    assert_eq!((outcome.settled_at, outcome.steps), (Some(3), 4));
    assert_eq!(outcome.spikes, [(1, 3)]);
    let output = &outcome.outputs[0];
    assert_eq!((output.integer[[0]], output.real[[0]]), (10.0, 5.0));
}

#[test]
fn st_bif_takes_back_what_late_inhibition_forbids() {
    // The second neuron gets 2 at once, and -1 for each spike of the first, one step late.
    let body = r#"%a = "snn.st_bif"(%c) {threshold = dense<1> : tensor<1xi32>, initial = dense<0> : tensor<1xi32>,
                    low = 0, high = 3, delay = 1} : (VALUE) -> VALUE
                  %n = "snn.scale"(%a) {weight = dense<-1> : tensor<1xi8>} : (VALUE) -> VALUE
                  %i = "snn.add"(%c, %n) : (VALUE, VALUE) -> VALUE
                  %s = "snn.st_bif"(%i) {threshold = dense<1> : tensor<1xi32>, initial = dense<0> : tensor<1xi32>,
                    low = 0, high = 2, delay = 0} : (VALUE) -> VALUE"#;
    let (outcome, sent) = simulate(&one_neuron(false, body, PLAIN_READOUT), 2.0, LONG);
    assert_eq!(sent[1], [1.0, 1.0, 0.0, 0.0]);
    assert_eq!(sent[2], [0.0, -1.0, -1.0, 0.0]);
    assert_eq!(sent[4], [1.0, 0.0, -1.0, 0.0]);
    assert_eq!(outcome.spikes, [(1, 2), (4, 2)]);
    assert_eq!(outcome.settled_at, Some(3));
    assert_eq!(outcome.outputs[0].integer[[0]], 7.0);
}

#[test]
fn a_graded_neuron_sends_the_change_of_its_level() {
    // The second neuron gets 9 at once, and -2 times the first's level, one step late; quotients below zero are rounded down.
    let body = r#"%a = "snn.sigma_delta"(%c) {threshold = dense<2> : tensor<1xi32>, initial = dense<1> : tensor<1xi32>,
                    low = 0, high = 255, delay = 1} : (VALUE) -> VALUE
                  %n = "snn.scale"(%a) {weight = dense<-4> : tensor<1xi8>} : (VALUE) -> VALUE
                  %i = "snn.add"(%c, %n) : (VALUE, VALUE) -> VALUE
                  %s = "snn.sigma_delta"(%i) {threshold = dense<5> : tensor<1xi32>, initial = dense<2> : tensor<1xi32>,
                    low = LOW, high = 9, delay = 0} : (VALUE) -> VALUE"#;
    for (low, last) in [("-9", -2.0), ("-1", -1.0)] {
        let text = one_neuron(false, &body.replace("LOW", low), PLAIN_READOUT);
        let (outcome, sent) = simulate(&text, 9.0, LONG);
        assert_eq!((&sent[1], &sent[2]), (&vec![5.0, 0.0, 0.0], &vec![0.0, -20.0, 0.0]));
        // 11 / 5 first, -9 / 5 in the end.
        assert_eq!(sent[4], [2.0, last - 2.0, 0.0]);
        assert_eq!((outcome.settled_at, outcome.outputs[0].integer[[0]]), (Some(2), 7.0 + last));
        // A graded event counts 1.
        assert_eq!(outcome.spikes, [(1, 1), (4, 2)]);
    }
}

#[test]
fn a_graded_neuron_jumps_along_its_table() {
    // 0 below 3, where three steps lie on one another, and back to -1 from 7 on.
    let table = r#"%s = "snn.sigma_delta_table"(%c) {breakpoints = dense<[[3, 3, 3, 7, 7, 7, 7]]> : tensor<1x7xi32>,
                     steps = dense<[[1, 1, 1, -1, -1, -1, -1]]> : tensor<1x7xi8>, start = dense<0> : tensor<1xi32>,
                     initial = dense<1> : tensor<1xi32>, low = -1, high = 3, delay = 0} : (VALUE) -> VALUE"#;
    for (x, level, spikes) in [(1.0, 0.0, 0), (2.0, 3.0, 1), (5.0, 3.0, 1), (6.0, -1.0, 1)] {
        let (outcome, sent) = simulate(&one_neuron(false, table, PLAIN_READOUT), x, LONG);
        assert_eq!((sent[1][0], outcome.outputs[0].integer[[0]]), (level, 7.0 + level), "{x}");
        assert_eq!((outcome.settled_at, outcome.spikes), (Some(1), vec![(1, spikes)]), "{x}");
    }
}

#[test]
fn a_table_is_followed_up_and_down() {
    // 0 below −9, −1 from there to 4, 0, and 1 from 7 on. It starts at 5 and gets 3, then 3 · −1 and so on from a neuron that sends late.
    let table = |input: &str, initial: i32, delay: i32| {
        format!(
            r#""snn.st_bif_table"({input}) {{breakpoints = dense<[[-9, 4, 7, 2147483647]]> : tensor<1x4xi32>,
               steps = dense<[[-1, 1, 1, 0]]> : tensor<1x4xi8>, start = dense<0> : tensor<1xi32>,
               initial = dense<{initial}> : tensor<1xi32>, low = -1, high = 1, delay = {delay}}} : (VALUE) -> VALUE"#
        )
    };
    let body = format!(
        r#"%a = {}
           %n = "snn.scale"(%a) {{weight = dense<-10> : tensor<1xi8>}} : (VALUE) -> VALUE
           %i = "snn.add"(%c, %n) : (VALUE, VALUE) -> VALUE
           %s = {}"#,
        table("%c", 5, 1),
        table("%i", 5, 0)
    );
    let (outcome, sent) = simulate(&one_neuron(false, &body, PLAIN_READOUT), 3.0, LONG);
    assert_eq!(sent[1], [1.0, 0.0, 0.0, 0.0]);
    assert_eq!(sent[4], [1.0, -1.0, -1.0, 0.0]);
    assert_eq!((outcome.settled_at, outcome.outputs[0].integer[[0]]), (Some(3), 6.0));
    for (x, level) in
        [(-20.0, 0.0), (-14.0, -1.0), (-2.0, -1.0), (-1.0, 0.0), (1.0, 0.0), (2.0, 1.0), (90.0, 1.0)]
    {
        let text = one_neuron(false, &format!("%s = {}", table("%c", 5, 0)), PLAIN_READOUT);
        let (outcome, _) = simulate(&text, x, LONG);
        assert_eq!(outcome.outputs[0].integer[[0]], 7.0 + level, "{x}");
    }
}

#[test]
fn spikes_on_their_way_keep_the_network_from_settling() {
    let body = r#"%s = "snn.st_bif"(%c) {threshold = dense<1> : tensor<1xi32>, initial = dense<0> : tensor<1xi32>,
                    low = 0, high = 1, delay = 3} : (VALUE) -> VALUE"#;
    let text = one_neuron(false, body, PLAIN_READOUT);
    let (outcome, sent) = simulate(&text, 1.0, LONG);
    assert_eq!(sent[1], [1.0, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!(sent[2], [7.0, 7.0, 7.0, 8.0, 8.0]);
    assert_eq!((outcome.settled_at, outcome.steps), (Some(4), 5));
    let (outcome, _) = simulate(&text, 1.0, StepLimit::Quiescence { at_most: 4 });
    assert_eq!((outcome.settled_at, outcome.steps), (None, 4));
    let (outcome, _) = simulate(&text, 0.0, LONG);
    assert_eq!((outcome.settled_at, outcome.steps), (Some(0), 1));
    let (outcome, _) = simulate(&text, 1.0, StepLimit::Exactly(9));
    assert_eq!((outcome.settled_at, outcome.steps), (Some(4), 9));
    let (outcome, _) = simulate(&text, 1.0, StepLimit::Exactly(0));
    assert_eq!((outcome.settled_at, outcome.outputs[0].integer[[0]]), (None, 7.0));
}

#[test]
fn hold_and_fire_waits_for_its_gate() {
    let body = r#"%s = "snn.hold_and_fire"(%c) {threshold = dense<2> : tensor<1xi32>, initial = dense<1> : tensor<1xi32>,
                    hold = 100, release = 2, levels = 2, delay = 0} : (VALUE) -> VALUE"#;
    let (outcome, sent) = simulate(&one_neuron(false, body, PLAIN_READOUT), 5.0, LONG);
    assert_eq!(sent[1], [0.0, 0.0, 1.0, 1.0, 0.0]);
    assert_eq!((outcome.settled_at, outcome.steps), (Some(4), 5));
    assert_eq!(outcome.outputs[0].integer[[0]], 9.0);
}

#[test]
fn if_neurons_and_averages_by_hand() {
    let body = r#"%s = "snn.if"(%c) {threshold = dense<3> : tensor<1xi32>, initial = dense<1> : tensor<1xi32>,
                    bias = dense<-1> : tensor<1xi32>, gain = 2, delay = 0} : (VALUE) -> VALUE"#;
    let readout = "initial = dense<0> : tensor<1xi32>, bias = dense<1> : tensor<1xi32>, gain = 3, \
                   scale = dense<0.5> : tensor<1xf64>, average = true, start = 0";
    let (outcome, sent) = simulate(&one_neuron(true, body, readout), 1.0, StepLimit::Exactly(5));
    assert_eq!(sent[0], [1.0; 5]);
    assert_eq!(sent[1], [0.0, 1.0, 0.0, 0.0, 1.0]);
    assert_eq!(sent[2], [1.0, 5.0, 6.0, 7.0, 11.0]);
    assert_eq!(outcome.settled_at, None);
    assert_eq!(outcome.outputs[0].real[[0]], 11.0 * 0.5 / 5.0);
}

#[test]
fn a_network_that_is_driven_in_every_step_never_settles() {
    let body = r#"%s = "snn.st_bif"(%c) {threshold = dense<9> : tensor<1xi32>, initial = dense<0> : tensor<1xi32>,
                    low = 0, high = 1, delay = 0} : (VALUE) -> VALUE"#;
    let readout = PLAIN_READOUT.replace("bias = dense<0>", "bias = dense<1>");
    let limit = StepLimit::Quiescence { at_most: 5 };
    for (every_step, readout, expected) in
        [(false, PLAIN_READOUT, (Some(0), 1)), (true, PLAIN_READOUT, (None, 5)), (false, &readout, (None, 5))]
    {
        let (outcome, _) = simulate(&one_neuron(every_step, body, readout), 0.0, limit);
        assert_eq!((outcome.settled_at, outcome.steps), expected);
    }
}

#[test]
fn max_pool_sends_differences_of_maxima() {
    let (f, t, one) = (batch(&[1, 1, 2], "f32"), batch(&[1, 1, 2], "i32"), batch(&[1, 1, 1], "i32"));
    let output = batch(&[1, 1, 1], "f32");
    // The second neuron starts at -2.
    let body = format!(
        r#"%c = "snn.encode"(%x) {{{UNLIMITED}, low = -9, high = 9, every_step = false}} : ({f}) -> {t}
           %s = "snn.st_bif"(%c) {{threshold = dense<1> : tensor<1xi32>, initial = dense<[[[0, -2]]]> : tensor<1x1x2xi32>,
              low = -5, high = 5, delay = 0}} : ({t}) -> {t}
           %m = "snn.max_pool2d"(%s) {{kernel = array<i64: 1, 4>, stride = array<i64: 1, 1>, padding = array<i64: 0, 1>,
              dilation = array<i64: 1, 1>}} : ({t}) -> {one}
           %y = "snn.readout"(%m) {{{PLAIN_READOUT}}} : ({one}) -> {output}"#
    );
    let network = network(&module(&f, &body, &output));
    let run = |x: [f64; 2]| {
        let mut maxima = vec![];
        let input = sample(&[1, 1, 2], x.to_vec());
        let mut probe = |_, op, events: &Sample| {
            if op == 2 {
                maxima.push(events[[0, 0, 0]])
            }
        };
        network.simulate(&input, LONG, &mut probe).unwrap();
        maxima
    };
    assert_eq!(run([4.0, 3.0]), [1.0, 1.0, 1.0, 1.0, 0.0]);
    // Both below zero: the zeros of the padding must not win.
    assert_eq!(run([-2.0, 0.0]), [-1.0, -1.0, 0.0]);
}

#[test]
fn a_membrane_beyond_32_bits_names_its_layer() {
    let body = r#"%s = "snn.st_bif"(%c) {threshold = dense<1> : tensor<1xi32>, initial = dense<2147483640> : tensor<1xi32>,
                    low = 0, high = 1, delay = 0} : (VALUE) -> VALUE loc("conv3"("f.ncg":1:1))"#;
    let network = network(&one_neuron(false, body, PLAIN_READOUT));
    let error = network.simulate(&sample(&[1], vec![8.0]), LONG, &mut |_, _, _| ()).unwrap_err();
    assert_eq!((error.id(), error.place().unwrap().layer.as_str()), ("overflow", "conv3"));
    assert!(network.simulate(&sample(&[1], vec![7.0]), LONG, &mut |_, _, _| ()).is_ok());
    assert_eq!(network.forward(&sample(&[1], vec![0.0]), &mut |_, _| ()), Err(InterpretError::Spiking));
}

/// Events of up to 3 frames at one element, a neuron that counts them to 2, and a readout.
fn counter(frames: i64, high: i64) -> String {
    let (f, t) = (batch(&[1], "f32"), batch(&[1], "i32"));
    let body = format!(
        r#"%c = "snn.encode_events"(%x) {{frames = {frames}, high = {high}}} : ({f}) -> {t}
           %s = "snn.st_bif"(%c) {{threshold = dense<1> : tensor<1xi32>, initial = dense<0> : tensor<1xi32>,
             low = 0, high = 2, delay = 0}} : ({t}) -> {t}
           %y = "snn.readout"(%s) {{{PLAIN_READOUT}}} : ({t}) -> {f}"#
    );
    module(&f, &body, &f)
}

#[test]
fn frames_come_one_a_step_and_keep_the_network_awake() {
    let network = network(&counter(3, 9));
    let run = |counts: &[f64]| {
        let frames = counts.iter().map(|&count| sample(&[1], vec![count])).collect::<Vec<_>>();
        let mut sent = vec![vec![]; network.ops().len()];
        let outcome = network.simulate_frames(&frames, LONG, &mut |_, op, events| sent[op].push(events[[0]]));
        outcome.map(|outcome| (outcome.outputs[0].integer[[0]], outcome.settled_at, outcome.steps, sent))
    };
    let (logit, settled, steps, sent) = run(&[1.0, 0.0, 5.0]).unwrap();
    assert_eq!(sent[..2], [vec![1.0, 0.0, 5.0, 0.0], vec![1.0, 0.0, 1.0, 0.0]]);
    assert_eq!((logit, settled, steps), (9.0, Some(3), 4));
    // Silence goes on until the last frame, and fewer frames than there may be are fine.
    let (logit, settled, steps, _) = run(&[0.0, 0.0, 0.0]).unwrap();
    assert_eq!((logit, settled, steps), (7.0, Some(0), 3));
    let (_, settled, steps, _) = run(&[1.0, 0.0]).unwrap();
    assert_eq!((settled, steps), (Some(1), 2));
    for frames in [&[][..], &[0.0; 4]] {
        let error = run(frames).unwrap_err();
        assert_eq!(
            (error.id(), error),
            ("input-frames", InterpretError::Frames { found: frames.len(), most: 3 })
        );
    }
    // What takes images takes one.
    let image = super::network(&one_neuron(
        false,
        "%s = \"snn.add\"(%c, %c) : (VALUE, VALUE) -> VALUE",
        PLAIN_READOUT,
    ));
    let two = [sample(&[1], vec![1.0]), sample(&[1], vec![1.0])];
    assert_eq!(image.simulate_frames(&two, LONG, &mut |_, _, _| ()).unwrap_err().id(), "input-frames");
}

#[test]
fn events_that_are_no_32_bit_count_are_refused() {
    for (frames, high) in [(0, 9), (-1, 9), (3, 0), (3, -1), (1 << 20, 1 << 20), (i64::MAX, 1)] {
        assert!(try_network(&counter(frames, high)).is_err(), "{frames} frames of {high}");
    }
}
