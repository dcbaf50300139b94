//! Typed views of the `loihi` dialect: one run of the function is one timestep.

use crate::{TensorAttr, view::ops};

ops! { "loihi";
    /// Integer code of the network input, injected by the host in step 0 or in every step.
    Input<'c> = "loihi.input" { multiplier: TensorAttr<'c>, offset: TensorAttr<'c>, minimum: TensorAttr<'c>, maximum: TensorAttr<'c>, scale: f64, low: i64, high: i64, every_step: bool },
    /// Events of the network input, injected by the host as they come: the counts of frame t in step t < frames.
    InputEvents = "loihi.input_events" { frames: i64, high: i64 },
    /// What a population sends, where it arrives delay steps later: element for element.
    Axon = "loihi.axon" { delay: i64 },
    /// What a population sends, where it arrives delay steps later: neuron pairs\[i, 0\] writes element pairs\[i, 1\], and what several write adds up.
    AxonMap<'c> = "loihi.axon_map" { delay: i64, pairs: TensorAttr<'c> },
    /// What arrives from two populations at the input axons of the same synapses.
    Merge = "loihi.merge" {},
    /// Synapses from every input to every neuron: the weighted sum, times 2^exponent rounded down.
    Dense<'c> = "loihi.dense" { weight: TensorAttr<'c>, weight_bits: i64, exponent: i64, sign_mode: String },
    /// Synapses of a convolution whose kernel all places share: the weighted sum, times 2^exponent rounded down.
    Conv<'c> = "loihi.conv" { weight: TensorAttr<'c>, stride: Vec<i64>, padding: Vec<i64>, dilation: Vec<i64>, groups: i64, weight_bits: i64, exponent: i64, sign_mode: String },
    /// One synapse a neuron from the element at its place, with the weight of the channel: the product, times 2^exponent rounded down.
    Identity<'c> = "loihi.identity" { weight: TensorAttr<'c>, weight_bits: i64, exponent: i64, sign_mode: String },
    /// A synapse of weight weight\[i\] from input pairs\[i, 0\] to neuron pairs\[i, 1\]: the weighted sum, times 2^exponent rounded down.
    Sparse<'c> = "loihi.sparse" { pairs: TensorAttr<'c>, weight: TensorAttr<'c>, weight_bits: i64, exponent: i64, sign_mode: String },
    /// Sum of what two tables of synapses add to the accumulators of a population.
    Accumulate = "loihi.accumulate" {},
    /// Population of neurons that run a program once a step; row i of parameters are the values of parameter parameter_names\[i\], by channel or by neuron.
    Neurons<'c> = "loihi.neurons" { program: String, parameter_names: Vec<String>, parameters: TensorAttr<'c> },
    /// Population that runs program readout and sends nothing; after the last step the host reads y and makes y * scale of it, over the number of steps from start on if average.
    Readout<'c> = "loihi.readout" { initial: TensorAttr<'c>, bias: TensorAttr<'c>, gain: i64, scale: TensorAttr<'c>, average: bool, start: i64 },
    /// Softmax, log_softmax or argmax, by the host, of the real result of a readout along an axis.
    Head = "loihi.head" { function: String, axis: i64, keepdim: bool },
    /// The chips that a network is mapped onto, and the widths that it was proved for.
    Chip = "loihi.chip" { name: String, chips: i64, cores: i64, mesh: Vec<i64>, accumulator_bits: i64, state_bits: i64, payload_bits: i64, weight_bits: i64, longest_delay: i64 },
    /// A core and its slice of a population: the channels and columns from start to end, all rows; place is chip, column, row and core in the tile.
    Core = "loihi.core" { number: i64, place: Vec<i64>, population: String, start: Vec<i64>, end: Vec<i64>, neurons: i64, synaptic_words: i64, state_bytes: i64, axons_in: i64, axons_out: i64 },
    /// Messages of one core: to core to\[i\] those of neurons\[i\] of its neurons, over hops\[i\] tiles, in delay\[i\] steps.
    Route = "loihi.route" { from: i64, to: Vec<i64>, neurons: Vec<i64>, hops: Vec<i64>, delay: Vec<i64> },
    /// What a program declares: kind is port, out, shared, param, let or state; text is the name, and behind = the value, as in assembly.
    Declare = "loihi.declare" { kind: String, text: String },
    /// The place that jumps to it go on at.
    Label = "loihi.label" { name: String },
    /// Opens a word of state: the register of its name has the word, and is written back when the program ends.
    Rmw = "loihi.rmw" { word: String },
    /// The register of a port gets what the port's accumulator has, which is cleared.
    Rdc = "loihi.rdc" { port: String },
    /// To = from.
    Mov = "loihi.mov" { to: String, from: String },
    /// To = from where the flag is set.
    Sel = "loihi.sel" { to: String, from: String },
    /// To = a and b, bit by bit.
    And = "loihi.and" { to: String, a: String, b: String },
    /// To = a or b, bit by bit.
    Or = "loihi.or" { to: String, a: String, b: String },
    /// To = a · 2^b modulo 2^32, rounded down.
    Shl = "loihi.shl" { to: String, a: String, b: String },
    /// To = a + b modulo 2^32.
    Add = "loihi.add" { to: String, a: String, b: String },
    /// To = -from modulo 2^32.
    Neg = "loihi.neg" { to: String, from: String },
    /// To is the smaller one of a and b.
    Min = "loihi.min" { to: String, a: String, b: String },
    /// To = a · b / 2^shift modulo 2^32, with a product of 64 bits; rounding is toward_zero or floor.
    MulShr = "loihi.mul_shr" { to: String, a: String, b: String, shift: String, rounding: String },
    /// Sets the flag to a < b.
    Lt = "loihi.lt" { a: String, b: String },
    /// Sets the flag to a >= b.
    Ge = "loihi.ge" { a: String, b: String },
    /// Sets the flag to a = b.
    Eq = "loihi.eq" { a: String, b: String },
    /// Leaves out count instructions where the flag is sense.
    SkpC = "loihi.skp_c" { sense: bool, count: i64 },
    /// Goes on at a label where the flag is sense.
    JmpC = "loihi.jmp_c" { sense: bool, label: String },
    /// Sends a spike with a payload on an output; 0 is none.
    Spike = "loihi.spike" { payload: String, output: String },
    /// Shows a value under a name to whoever traces.
    Probe = "loihi.probe" { value: String, name: String }
}
