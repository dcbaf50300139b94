// One use of every op of `loihi` is read, verified and printed, and what was printed reads back the same.
// RUN: %neurocudac opt %s > %t.once && %neurocudac opt %t.once > %t.twice
// RUN: diff %t.once %t.twice && %FileCheck %s < %t.once

// CHECK: "loihi.input"(
// CHECK: "loihi.input_events"(
// CHECK: "loihi.axon"(
// CHECK: "loihi.axon_map"(
// CHECK: "loihi.merge"(
// CHECK: "loihi.dense"(
// CHECK: "loihi.conv"(
// CHECK: "loihi.identity"(
// CHECK: "loihi.sparse"(
// CHECK: "loihi.accumulate"(
// CHECK: "loihi.neurons"(
// CHECK: "loihi.readout"(
// CHECK: "loihi.head"(
// CHECK: "loihi.chip"(
// CHECK: "loihi.core"(
// CHECK: "loihi.route"(
// CHECK: "loihi.declare"(
// CHECK: "loihi.label"(
// CHECK: "loihi.rmw"(
// CHECK: "loihi.rdc"(
// CHECK: "loihi.mov"(
// CHECK: "loihi.sel"(
// CHECK: "loihi.and"(
// CHECK: "loihi.or"(
// CHECK: "loihi.shl"(
// CHECK: "loihi.add"(
// CHECK: "loihi.neg"(
// CHECK: "loihi.min"(
// CHECK: "loihi.mul_shr"(
// CHECK: "loihi.lt"(
// CHECK: "loihi.ge"(
// CHECK: "loihi.eq"(
// CHECK: "loihi.skp_c"(
// CHECK: "loihi.jmp_c"(
// CHECK: "loihi.spike"(
// CHECK: "loihi.probe"(
module {
  func.func @every_op(%f4: tensor<?x2x4x4xf32>, %i4: tensor<?x2x4x4xi32>, %i1: tensor<?x2xi32>, %f1: tensor<?x2xf32>) -> tensor<?x2x4x4xi32> {
    %0 = "loihi.input"(%f4) {multiplier = dense<2.0> : tensor<2xf64>, offset = dense<0.0> : tensor<2xf64>,
        minimum = dense<-4.0> : tensor<2xf64>, maximum = dense<4.0> : tensor<2xf64>, scale = 0.5, low = -8, high = 8,
        every_step = false}
          : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xi32>
    %1 = "loihi.input_events"(%f4) {frames = 10, high = 4}
          : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xi32>
    %2 = "loihi.axon"(%i4) {delay = 1}
          : (tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xi32>
    %3 = "loihi.axon_map"(%i4) {delay = 1, pairs = dense<[[0, 1], [1, 1]]> : tensor<2x2xi32>}
          : (tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xi32>
    %4 = "loihi.merge"(%i4, %i4)
          : (tensor<?x2x4x4xi32>, tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xi32>
    %5 = "loihi.dense"(%i1) {weight = dense<2> : tensor<2x2xi16>, weight_bits = 8, exponent = -1, sign_mode = "mixed"}
          : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %6 = "loihi.conv"(%i4) {weight = dense<2> : tensor<2x2x1x1xi16>, stride = array<i64: 1, 1>, padding = array<i64: 0,
        0>, dilation = array<i64: 1, 1>, groups = 1, weight_bits = 8, exponent = -1, sign_mode = "mixed"}
          : (tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xi32>
    %7 = "loihi.identity"(%i4) {weight = dense<2> : tensor<2xi16>, weight_bits = 8, exponent = -1, sign_mode = "mixed"}
          : (tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xi32>
    %8 = "loihi.sparse"(%i1) {pairs = dense<[[0, 1], [1, 1]]> : tensor<2x2xi32>, weight = dense<2> : tensor<2xi16>,
        weight_bits = 8, exponent = -1, sign_mode = "mixed"}
          : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %9 = "loihi.accumulate"(%i4, %i4)
          : (tensor<?x2x4x4xi32>, tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xi32>
    %10 = "loihi.neurons"(%i1) {program = "st_bif", parameter_names = ["low", "high", "threshold", "initial"],
        parameters = dense<[[0, 0], [7, 7], [3, 4], [1, 2]]> : tensor<4x2xi32>}
          : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %11 = "loihi.readout"(%i1) {initial = dense<0> : tensor<2xi32>, bias = dense<0> : tensor<2xi32>, gain = 1,
        scale = dense<0.5> : tensor<2xf64>, average = false, start = 0}
          : (tensor<?x2xi32>) -> tensor<?x2xf32>
    %12 = "loihi.head"(%f1) {function = "softmax", axis = 1, keepdim = false}
          : (tensor<?x2xf32>) -> tensor<?x2xf32>
    "loihi.chip"() {name = "loihi2", chips = 1, cores = 128, mesh = array<i64: 8, 4, 4>, accumulator_bits = 24,
        state_bits = 24, payload_bits = 24, weight_bits = 8, longest_delay = 63}
          : () -> ()
    "loihi.core"() {number = 0, place = array<i64: 0, 1, 2, 3>, population = "conv1", start = array<i64: 0, 0>,
        end = array<i64: 24, 4>, neurons = 3072, synaptic_words = 81, state_bytes = 36864, axons_in = 1, axons_out = 200}
          : () -> ()
    "loihi.route"() {from = 0, to = array<i64: 1, 2>, neurons = array<i64: 8, 8>, hops = array<i64: 1, 3>,
        delay = array<i64: 1, 1>}
          : () -> ()
    return %i4 : tensor<?x2x4x4xi32>
  }
  func.func private @program() attributes {loihi.microcode} {
    "loihi.declare"() {kind = "port", text = "a"} : () -> ()
    "loihi.declare"() {kind = "out", text = "s"} : () -> ()
    "loihi.declare"() {kind = "state", text = "v = 0"} : () -> ()
    "loihi.label"() {name = "start"} : () -> ()
    "loihi.rmw"() {word = "v"} : () -> ()
    "loihi.rdc"() {port = "a"} : () -> ()
    "loihi.mov"() {to = "x", from = "1"} : () -> ()
    "loihi.sel"() {to = "x", from = "a"} : () -> ()
    "loihi.and"() {to = "x", a = "a", b = "255"} : () -> ()
    "loihi.or"() {to = "x", a = "a", b = "1"} : () -> ()
    "loihi.shl"() {to = "x", a = "a", b = "2"} : () -> ()
    "loihi.add"() {to = "v", a = "v", b = "a"} : () -> ()
    "loihi.neg"() {to = "x", from = "v"} : () -> ()
    "loihi.min"() {to = "x", a = "x", b = "v"} : () -> ()
    "loihi.mul_shr"() {to = "x", a = "x", b = "v", shift = "12", rounding = "toward_zero"} : () -> ()
    "loihi.lt"() {a = "v", b = "100"} : () -> ()
    "loihi.ge"() {a = "v", b = "0"} : () -> ()
    "loihi.eq"() {a = "v", b = "7"} : () -> ()
    "loihi.skp_c"() {sense = true, count = 1} : () -> ()
    "loihi.jmp_c"() {sense = false, label = "end"} : () -> ()
    "loihi.spike"() {payload = "x", output = "s"} : () -> ()
    "loihi.probe"() {value = "v", name = "membrane"} : () -> ()
    "loihi.label"() {name = "end"} : () -> ()
    return
  }
}
