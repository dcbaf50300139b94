// RUN: %split-file %s %t
// RUN: %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(map-to-cores)' | %FileCheck %t/net.mlir
// RUN: %not %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(map-to-cores{chip=%t/one-core.toml})' 2>&1 | %FileCheck %t/one-core.toml
// RUN: %not %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(map-to-cores{chip=%t/no-axons.toml})' 2>&1 | %FileCheck %t/no-axons.toml
// RUN: %not %neurocudac opt %t/unknown.mlir --pass-pipeline='builtin.module(map-to-cores)' 2>&1 | %FileCheck %t/unknown.mlir

//--- net.mlir
// Two axons of two synapses of 16 bits and a header of 32 take a word each; two words of state and two of the threshold take 16 bytes.
// CHECK:      "loihi.readout"
// CHECK-NEXT: "loihi.chip"() {accumulator_bits = 24 : i64, chips = 1 : i64, cores = 128 : i64, longest_delay = 63 : i64, mesh = array<i64: 8, 4, 4>, name = "loihi2", payload_bits = 24 : i64, state_bits = 24 : i64, weight_bits = 8 : i64}
// CHECK-NEXT: "loihi.core"() {axons_in = 2 : i64, axons_out = 1 : i64, end = array<i64: 2, 1>, neurons = 2 : i64, number = 0 : i64, place = array<i64: 0, 0, 0, 0>, population = "loihi.neurons", start = array<i64: 0, 0>, state_bytes = 32 : i64, synaptic_words = 2 : i64}
// CHECK-NEXT: "loihi.core"() {axons_in = 1 : i64, axons_out = 0 : i64, end = array<i64: 2, 1>, neurons = 2 : i64, number = 1 : i64, place = array<i64: 0, 0, 0, 1>, population = "loihi.readout", start = array<i64: 0, 0>, state_bytes = 16 : i64, synaptic_words = 2 : i64}
// CHECK-NEXT: "loihi.route"() {delay = array<i64: 2>, from = 0 : i64, hops = array<i64: 0>, neurons = array<i64: 2>, to = array<i64: 1>}
// CHECK-NEXT: return
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x2xf32>
      attributes {snn.levels = 31 : i64, snn.schedule = "st-bif", snn.steps = 36 : i64} {
    %0 = "loihi.input"(%x) {multiplier = dense<1.0> : tensor<2xf64>, offset = dense<0.0> : tensor<2xf64>,
      minimum = dense<-4.0> : tensor<2xf64>, maximum = dense<4.0> : tensor<2xf64>, scale = 0.5, low = -8, high = 8,
      every_step = false} : (tensor<?x2xf32>) -> tensor<?x2xi32>
    %1 = "loihi.axon"(%0) {delay = 0} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %2 = "loihi.dense"(%1) {weight = dense<[[192, -128], [64, 64]]> : tensor<2x2xi16>, weight_bits = 3, exponent = -6,
      sign_mode = "mixed"} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %3 = "loihi.neurons"(%2) {program = "st_bif", parameter_names = ["low", "high", "threshold", "initial"],
      parameters = dense<[[0, 0], [31, 31], [9, 4], [9, -5]]> : tensor<4x2xi32>} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %4 = "loihi.axon"(%3) {delay = 2} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %5 = "loihi.identity"(%4) {weight = dense<128> : tensor<2xi16>, weight_bits = 1, exponent = -7,
      sign_mode = "excitatory"} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %6 = "loihi.readout"(%5) {initial = dense<[13, 2]> : tensor<2xi32>, bias = dense<0> : tensor<2xi32>, gain = 1,
      scale = dense<0.5> : tensor<2xf64>, average = false, start = 0} : (tensor<?x2xi32>) -> tensor<?x2xf32>
    return %6 : tensor<?x2xf32>
  }
}

//--- one-core.toml
# CHECK: net.mlir:{{.*}}: error: chip-capacity: the network takes 2 cores, and `tiny` has 1 (1 of 1): `loihi.neurons` 1 cores (2 neurons, neuron_bytes 16 of 4096), `loihi.readout` 1 cores (2 neurons, neuron_bytes 8 of 4096); layer `loihi.neurons` takes the most
name = "tiny"
[mesh]
cores = 1

//--- no-axons.toml
# CHECK: net.mlir:{{.*}}: error: chip-capacity: the smallest slice of layer `loihi.neurons` does not fit a core of `loihi2`: neurons 1 of 4095, neuron_bytes 16 of 8, too much, synaptic_words 2 of 12000, axons_in 2 of 4096, axons_out 0 of 4096, memory_bytes 36 of 196608; state what the chip has in a chip file, or make the layer smaller
[core]
neuron_bytes = 8

//--- unknown.mlir
// CHECK: unknown.mlir:[[#@LINE+10]]:10: error: there is no program `mine`: none is built in, and the module states none
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x2xf32>
      attributes {snn.levels = 31 : i64, snn.schedule = "st-bif", snn.steps = 36 : i64} {
    %0 = "loihi.input"(%x) {multiplier = dense<1.0> : tensor<2xf64>, offset = dense<0.0> : tensor<2xf64>,
      minimum = dense<-4.0> : tensor<2xf64>, maximum = dense<4.0> : tensor<2xf64>, scale = 0.5, low = -8, high = 8,
      every_step = false} : (tensor<?x2xf32>) -> tensor<?x2xi32>
    %1 = "loihi.axon"(%0) {delay = 0} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %2 = "loihi.dense"(%1) {weight = dense<[[192, -128], [64, 64]]> : tensor<2x2xi16>, weight_bits = 3, exponent = -6,
      sign_mode = "mixed"} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %3 = "loihi.neurons"(%2) {program = "mine", parameter_names = ["low", "high", "threshold", "initial"],
      parameters = dense<[[0, 0], [31, 31], [9, 4], [9, -5]]> : tensor<4x2xi32>} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %4 = "loihi.axon"(%3) {delay = 2} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %5 = "loihi.identity"(%4) {weight = dense<128> : tensor<2xi16>, weight_bits = 1, exponent = -7,
      sign_mode = "excitatory"} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %6 = "loihi.readout"(%5) {initial = dense<[13, 2]> : tensor<2xi32>, bias = dense<0> : tensor<2xi32>, gain = 1,
      scale = dense<0.5> : tensor<2xf64>, average = false, start = 0} : (tensor<?x2xi32>) -> tensor<?x2xf32>
    return %6 : tensor<?x2xf32>
  }
}
