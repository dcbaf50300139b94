// RUN: %split-file %s %t
// RUN: %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(lower-to-loihi)' | %FileCheck %t/net.mlir
// RUN: %not %neurocudac opt %t/at-once.mlir --pass-pipeline='builtin.module(lower-to-loihi)' 2>&1 | %FileCheck %t/at-once.mlir
// RUN: %not %neurocudac opt %t/wide.mlir --pass-pipeline='builtin.module(lower-to-loihi)' 2>&1 | %FileCheck %t/wide.mlir
// RUN: %not %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(lower-to-loihi{chip=%t/wrong.toml})' 2>&1 | %FileCheck %t/wrong.toml

//--- net.mlir
// Weights of both signs are stored as 2^(9 - bits) times themselves, and the exponent takes that back. 700 is 2·256 + 188: two tables. What
// arrives at once is at most (3 + 2)·8 from the host, and 700 + 1 from neurons. Of a
// membrane's bound of 49 + 31·9, firing cannot take more than the 49 that flow in.
// CHECK:      %[[E:.*]] = "loihi.input"(%{{.*}}) {every_step = false, high = 8 : i64, low = -8 : i64,
// CHECK-NEXT: %[[A:.*]] = "loihi.axon"(%[[E]]) {delay = 0 : i64}
// CHECK-NEXT: %[[D:.*]] = "loihi.dense"(%[[A]]) {exponent = -6 : i64, sign_mode = "mixed", weight = dense<{{\[\[}}192, -128], [64, 64]]> : tensor<2x2xi16>, weight_bits = 3 : i64}
// CHECK-NEXT: %[[S:.*]] = "loihi.neurons"(%[[D]]) {loihi.accumulator_bound = 40 : i64, loihi.state_bound = 98 : i64, parameter_names = ["low", "high", "threshold", "initial"], parameters = dense<{{\[\[}}0, 0], [31, 31], [9, 4], [9, -5]]> : tensor<4x2xi32>, program = "st_bif"}
// CHECK-NEXT: %[[M:.*]] = "loihi.axon_map"(%[[S]]) {delay = 1 : i64, pairs = dense<{{\[\[}}0, 1], [1, 0]]> : tensor<2x2xi32>}
// CHECK-NEXT: %[[L:.*]] = "loihi.identity"(%[[M]]) {exponent = 0 : i64, sign_mode = "excitatory", weight = dense<[188, 253]> : tensor<2xi16>, weight_bits = 8 : i64}
// CHECK-NEXT: %[[H:.*]] = "loihi.identity"(%[[M]]) {exponent = 2 : i64, sign_mode = "mixed", weight = dense<[128, -64]> : tensor<2xi16>, weight_bits = 3 : i64}
// CHECK-NEXT: %[[B:.*]] = "loihi.accumulate"(%[[L]], %[[H]])
// CHECK-NEXT: %[[C:.*]] = "loihi.axon"(%[[S]]) {delay = 1 : i64}
// CHECK-NEXT: %[[I:.*]] = "loihi.identity"(%[[C]]) {exponent = -7 : i64, sign_mode = "excitatory", weight = dense<128> : tensor<2xi16>, weight_bits = 1 : i64}
// CHECK-NEXT: %[[T:.*]] = "loihi.accumulate"(%[[B]], %[[I]])
// CHECK-NEXT: %[[R:.*]] = "loihi.readout"(%[[T]]) {average = false, {{.*}}loihi.accumulator_bound = 701 : i64, loihi.state_bound = 22000 : i64
// CHECK-NEXT: return %[[R]]
// CHECK:      func.func private @st_bif() attributes {loihi.microcode} {
// CHECK:        "loihi.spike"() {output = "s", payload = "x"}
// CHECK:      func.func private @readout() attributes {loihi.microcode} {
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x2xf32>
      attributes {snn.levels = 31 : i64, snn.schedule = "st-bif", snn.steps = 36 : i64} {
    %0 = "snn.encode"(%x) {multiplier = dense<1.0> : tensor<2xf64>, offset = dense<0.0> : tensor<2xf64>,
      minimum = dense<0xFFF0000000000000> : tensor<2xf64>, maximum = dense<0x7FF0000000000000> : tensor<2xf64>,
      scale = 0.5, low = -8, high = 8, every_step = false} : (tensor<?x2xf32>) -> tensor<?x2xi32>
    %1 = "snn.linear"(%0) {weight = dense<[[3, -2], [1, 1]]> : tensor<2x2xi8>} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %2 = "snn.st_bif"(%1) {threshold = dense<[9, 4]> : tensor<2xi32>, initial = dense<[9, -5]> : tensor<2xi32>,
      low = 0, high = 31, delay = 1, snn.membrane_bound = 328 : i64} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %3 = "snn.gather"(%2) {axis = 1, indices = array<i64: 1, 0>} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %4 = "snn.scale"(%3) {weight = dense<[700, -3]> : tensor<2xi16>} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %5 = "snn.add"(%4, %2) : (tensor<?x2xi32>, tensor<?x2xi32>) -> tensor<?x2xi32>
    %6 = "snn.readout"(%5) {initial = dense<[13, 2]> : tensor<2xi32>, bias = dense<0> : tensor<2xi32>, gain = 1,
      scale = dense<0.5> : tensor<2xf64>, average = false, start = 0, snn.membrane_bound = 22000 : i64}
      : (tensor<?x2xi32>) -> tensor<?x2xf32>
    return %6 : tensor<?x2xf32>
  }
}

//--- at-once.mlir
// CHECK: at-once.mlir:[[#@LINE+8]]:10: error: unsupported: target loihi cannot carry `snn.st_bif`: its spikes arrive 0 steps after they are sent, and the chip takes 1 to 63; give the lowering to `snn` the option delay=1
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x2xf32>
      attributes {snn.levels = 31 : i64, snn.schedule = "st-bif", snn.steps = 36 : i64} {
    %0 = "snn.encode"(%x) {multiplier = dense<1.0> : tensor<2xf64>, offset = dense<0.0> : tensor<2xf64>,
      minimum = dense<0xFFF0000000000000> : tensor<2xf64>, maximum = dense<0x7FF0000000000000> : tensor<2xf64>,
      scale = 0.5, low = -8, high = 8, every_step = false} : (tensor<?x2xf32>) -> tensor<?x2xi32>
    %1 = "snn.linear"(%0) {weight = dense<[[3, -2], [1, 1]]> : tensor<2x2xi8>} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %2 = "snn.st_bif"(%1) {threshold = dense<[9, 4]> : tensor<2xi32>, initial = dense<[9, -5]> : tensor<2xi32>,
      low = 0, high = 31, delay = 0, snn.membrane_bound = 328 : i64} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %3 = "snn.gather"(%2) {axis = 1, indices = array<i64: 1, 0>} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %4 = "snn.scale"(%3) {weight = dense<[700, -3]> : tensor<2xi16>} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %5 = "snn.add"(%4, %2) : (tensor<?x2xi32>, tensor<?x2xi32>) -> tensor<?x2xi32>
    %6 = "snn.readout"(%5) {initial = dense<[13, 2]> : tensor<2xi32>, bias = dense<0> : tensor<2xi32>, gain = 1,
      scale = dense<0.5> : tensor<2xf64>, average = false, start = 0, snn.membrane_bound = 22000 : i64}
      : (tensor<?x2xi32>) -> tensor<?x2xf32>
    return %6 : tensor<?x2xf32>
  }
}

//--- wide.mlir
// CHECK: wide.mlir:[[#@LINE+13]]:10: error: chip-width: layer `snn.readout`: a membrane can reach 9000000, over the 24 bits of a word of state of `loihi2` (8388607); use fewer levels, lower --input-levels or --weight-bits, or state wider ones in a chip file
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x2xf32>
      attributes {snn.levels = 31 : i64, snn.schedule = "st-bif", snn.steps = 36 : i64} {
    %0 = "snn.encode"(%x) {multiplier = dense<1.0> : tensor<2xf64>, offset = dense<0.0> : tensor<2xf64>,
      minimum = dense<0xFFF0000000000000> : tensor<2xf64>, maximum = dense<0x7FF0000000000000> : tensor<2xf64>,
      scale = 0.5, low = -8, high = 8, every_step = false} : (tensor<?x2xf32>) -> tensor<?x2xi32>
    %1 = "snn.linear"(%0) {weight = dense<[[3, -2], [1, 1]]> : tensor<2x2xi8>} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %2 = "snn.st_bif"(%1) {threshold = dense<[9, 4]> : tensor<2xi32>, initial = dense<[9, -5]> : tensor<2xi32>,
      low = 0, high = 31, delay = 1, snn.membrane_bound = 328 : i64} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %3 = "snn.gather"(%2) {axis = 1, indices = array<i64: 1, 0>} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %4 = "snn.scale"(%3) {weight = dense<[700, -3]> : tensor<2xi16>} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %5 = "snn.add"(%4, %2) : (tensor<?x2xi32>, tensor<?x2xi32>) -> tensor<?x2xi32>
    %6 = "snn.readout"(%5) {initial = dense<[13, 2]> : tensor<2xi32>, bias = dense<0> : tensor<2xi32>, gain = 1,
      scale = dense<0.5> : tensor<2xf64>, average = false, start = 0, snn.membrane_bound = 9000000 : i64}
      : (tensor<?x2xi32>) -> tensor<?x2xf32>
    return %6 : tensor<?x2xf32>
  }
}

//--- wrong.toml
# CHECK: pass `lower-to-loihi`, option `chip`: chip-syntax: {{.*}}wrong.toml: TOML parse error at line [[#@LINE+2]]
[core]
neuron = 8192
