// For every op of `loihi` one module that MLIR refuses at the op's own line, by its IRDL definition alone.
// RUN: %split-file %s %t
// RUN: %not %neurocudac opt %t/input.mlir 2>&1 | %FileCheck %t/input.mlir
// RUN: %not %neurocudac opt %t/input-events.mlir 2>&1 | %FileCheck %t/input-events.mlir
// RUN: %not %neurocudac opt %t/axon.mlir 2>&1 | %FileCheck %t/axon.mlir
// RUN: %not %neurocudac opt %t/axon-map.mlir 2>&1 | %FileCheck %t/axon-map.mlir
// RUN: %not %neurocudac opt %t/merge.mlir 2>&1 | %FileCheck %t/merge.mlir
// RUN: %not %neurocudac opt %t/dense.mlir 2>&1 | %FileCheck %t/dense.mlir
// RUN: %not %neurocudac opt %t/conv.mlir 2>&1 | %FileCheck %t/conv.mlir
// RUN: %not %neurocudac opt %t/identity.mlir 2>&1 | %FileCheck %t/identity.mlir
// RUN: %not %neurocudac opt %t/sparse.mlir 2>&1 | %FileCheck %t/sparse.mlir
// RUN: %not %neurocudac opt %t/accumulate.mlir 2>&1 | %FileCheck %t/accumulate.mlir
// RUN: %not %neurocudac opt %t/neurons.mlir 2>&1 | %FileCheck %t/neurons.mlir
// RUN: %not %neurocudac opt %t/readout.mlir 2>&1 | %FileCheck %t/readout.mlir
// RUN: %not %neurocudac opt %t/head.mlir 2>&1 | %FileCheck %t/head.mlir
// RUN: %not %neurocudac opt %t/chip.mlir 2>&1 | %FileCheck %t/chip.mlir
// RUN: %not %neurocudac opt %t/core.mlir 2>&1 | %FileCheck %t/core.mlir
// RUN: %not %neurocudac opt %t/route.mlir 2>&1 | %FileCheck %t/route.mlir
// RUN: %not %neurocudac opt %t/declare.mlir 2>&1 | %FileCheck %t/declare.mlir
// RUN: %not %neurocudac opt %t/label.mlir 2>&1 | %FileCheck %t/label.mlir
// RUN: %not %neurocudac opt %t/rmw.mlir 2>&1 | %FileCheck %t/rmw.mlir
// RUN: %not %neurocudac opt %t/rdc.mlir 2>&1 | %FileCheck %t/rdc.mlir
// RUN: %not %neurocudac opt %t/mov.mlir 2>&1 | %FileCheck %t/mov.mlir
// RUN: %not %neurocudac opt %t/sel.mlir 2>&1 | %FileCheck %t/sel.mlir
// RUN: %not %neurocudac opt %t/and.mlir 2>&1 | %FileCheck %t/and.mlir
// RUN: %not %neurocudac opt %t/or.mlir 2>&1 | %FileCheck %t/or.mlir
// RUN: %not %neurocudac opt %t/shl.mlir 2>&1 | %FileCheck %t/shl.mlir
// RUN: %not %neurocudac opt %t/add.mlir 2>&1 | %FileCheck %t/add.mlir
// RUN: %not %neurocudac opt %t/neg.mlir 2>&1 | %FileCheck %t/neg.mlir
// RUN: %not %neurocudac opt %t/min.mlir 2>&1 | %FileCheck %t/min.mlir
// RUN: %not %neurocudac opt %t/mul-shr.mlir 2>&1 | %FileCheck %t/mul-shr.mlir
// RUN: %not %neurocudac opt %t/lt.mlir 2>&1 | %FileCheck %t/lt.mlir
// RUN: %not %neurocudac opt %t/ge.mlir 2>&1 | %FileCheck %t/ge.mlir
// RUN: %not %neurocudac opt %t/eq.mlir 2>&1 | %FileCheck %t/eq.mlir
// RUN: %not %neurocudac opt %t/skp-c.mlir 2>&1 | %FileCheck %t/skp-c.mlir
// RUN: %not %neurocudac opt %t/jmp-c.mlir 2>&1 | %FileCheck %t/jmp-c.mlir
// RUN: %not %neurocudac opt %t/spike.mlir 2>&1 | %FileCheck %t/spike.mlir
// RUN: %not %neurocudac opt %t/probe.mlir 2>&1 | %FileCheck %t/probe.mlir
// RUN: %not %neurocudac opt %t/unknown-op.mlir 2>&1 | %FileCheck %t/unknown-op.mlir

//--- input.mlir
// CHECK: input.mlir:[[#@LINE+2]]:8: error: 'loihi.input' op attribute "scale" is expected but not provided
func.func @net(%f4: tensor<?x2x4x4xf32>, %i4: tensor<?x2x4x4xi32>, %i1: tensor<?x2xi32>, %f1: tensor<?x2xf32>) {
  %y = "loihi.input"(%f4) {multiplier = dense<2.0> : tensor<2xf64>, offset = dense<0.0> : tensor<2xf64>,
      minimum = dense<-4.0> : tensor<2xf64>, maximum = dense<4.0> : tensor<2xf64>, low = -8, high = 8, every_step = false}
        : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xi32>
  return
}

//--- input-events.mlir
// CHECK: input-events.mlir:[[#@LINE+2]]:8: error: expected base attribute 'builtin.integer' but got 'builtin.float'
func.func @net(%f4: tensor<?x2x4x4xf32>, %i4: tensor<?x2x4x4xi32>, %i1: tensor<?x2xi32>, %f1: tensor<?x2xf32>) {
  %y = "loihi.input_events"(%f4) {frames = 1.5, high = 4}
        : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xi32>
  return
}

//--- axon.mlir
// CHECK: axon.mlir:[[#@LINE+2]]:8: error: expected base attribute 'builtin.integer' but got 'builtin.string'
func.func @net(%f4: tensor<?x2x4x4xf32>, %i4: tensor<?x2x4x4xi32>, %i1: tensor<?x2xi32>, %f1: tensor<?x2xf32>) {
  %y = "loihi.axon"(%i4) {delay = "one"}
        : (tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xi32>
  return
}

//--- axon-map.mlir
// CHECK: axon-map.mlir:[[#@LINE+2]]:8: error: '3 : i64' does not satisfy the constraint
func.func @net(%f4: tensor<?x2x4x4xf32>, %i4: tensor<?x2x4x4xi32>, %i1: tensor<?x2xi32>, %f1: tensor<?x2xf32>) {
  %y = "loihi.axon_map"(%i4) {delay = 1, pairs = 3}
        : (tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xi32>
  return
}

//--- merge.mlir
// CHECK: merge.mlir:[[#@LINE+2]]:8: error: op expects exactly 2 operands, but got 1
func.func @net(%f4: tensor<?x2x4x4xf32>, %i4: tensor<?x2x4x4xi32>, %i1: tensor<?x2xi32>, %f1: tensor<?x2xf32>) {
  %y = "loihi.merge"(%i4)
        : (tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xi32>
  return
}

//--- dense.mlir
// CHECK: dense.mlir:[[#@LINE+2]]:8: error: expected base attribute 'builtin.string' but got 'builtin.integer'
func.func @net(%f4: tensor<?x2x4x4xf32>, %i4: tensor<?x2x4x4xi32>, %i1: tensor<?x2xi32>, %f1: tensor<?x2xf32>) {
  %y = "loihi.dense"(%i1) {weight = dense<2> : tensor<2x2xi16>, weight_bits = 8, exponent = -1, sign_mode = 1}
        : (tensor<?x2xi32>) -> tensor<?x2xi32>
  return
}

//--- conv.mlir
// CHECK: conv.mlir:[[#@LINE+2]]:8: error: expected base attribute 'builtin.dense_array' but got 'builtin.integer'
func.func @net(%f4: tensor<?x2x4x4xf32>, %i4: tensor<?x2x4x4xi32>, %i1: tensor<?x2xi32>, %f1: tensor<?x2xf32>) {
  %y = "loihi.conv"(%i4) {weight = dense<2> : tensor<2x2x1x1xi16>, stride = 1, padding = array<i64: 0, 0>,
      dilation = array<i64: 1, 1>, groups = 1, weight_bits = 8, exponent = -1, sign_mode = "mixed"}
        : (tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xi32>
  return
}

//--- identity.mlir
// CHECK: identity.mlir:[[#@LINE+2]]:8: error: 'loihi.identity' op attribute "weight_bits" is expected but not provided
func.func @net(%f4: tensor<?x2x4x4xf32>, %i4: tensor<?x2x4x4xi32>, %i1: tensor<?x2xi32>, %f1: tensor<?x2xf32>) {
  %y = "loihi.identity"(%i4) {weight = dense<2> : tensor<2xi16>, exponent = -1, sign_mode = "mixed"}
        : (tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xi32>
  return
}

//--- sparse.mlir
// CHECK: sparse.mlir:[[#@LINE+2]]:8: error: 'loihi.sparse' op attribute "pairs" is expected but not provided
func.func @net(%f4: tensor<?x2x4x4xf32>, %i4: tensor<?x2x4x4xi32>, %i1: tensor<?x2xi32>, %f1: tensor<?x2xf32>) {
  %y = "loihi.sparse"(%i1) {weight = dense<2> : tensor<2xi16>, weight_bits = 8, exponent = -1, sign_mode = "mixed"}
        : (tensor<?x2xi32>) -> tensor<?x2xi32>
  return
}

//--- accumulate.mlir
// CHECK: accumulate.mlir:[[#@LINE+2]]:8: error: op expects exactly 2 operands, but got 1
func.func @net(%f4: tensor<?x2x4x4xf32>, %i4: tensor<?x2x4x4xi32>, %i1: tensor<?x2xi32>, %f1: tensor<?x2xf32>) {
  %y = "loihi.accumulate"(%i4)
        : (tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xi32>
  return
}

//--- neurons.mlir
// CHECK: neurons.mlir:[[#@LINE+2]]:8: error: expected base attribute 'builtin.array' but got 'builtin.string'
func.func @net(%f4: tensor<?x2x4x4xf32>, %i4: tensor<?x2x4x4xi32>, %i1: tensor<?x2xi32>, %f1: tensor<?x2xf32>) {
  %y = "loihi.neurons"(%i1) {program = "st_bif", parameter_names = "low", parameters = dense<[[0, 0], [7, 7], [3, 4], [1,
      2]]> : tensor<4x2xi32>}
        : (tensor<?x2xi32>) -> tensor<?x2xi32>
  return
}

//--- readout.mlir
// CHECK: readout.mlir:[[#@LINE+2]]:8: error: 'loihi.readout' op attribute "gain" is expected but not provided
func.func @net(%f4: tensor<?x2x4x4xf32>, %i4: tensor<?x2x4x4xi32>, %i1: tensor<?x2xi32>, %f1: tensor<?x2xf32>) {
  %y = "loihi.readout"(%i1) {initial = dense<0> : tensor<2xi32>, bias = dense<0> : tensor<2xi32>,
      scale = dense<0.5> : tensor<2xf64>, average = false, start = 0}
        : (tensor<?x2xi32>) -> tensor<?x2xf32>
  return
}

//--- head.mlir
// CHECK: head.mlir:[[#@LINE+2]]:8: error: expected base attribute 'builtin.string' but got 'builtin.integer'
func.func @net(%f4: tensor<?x2x4x4xf32>, %i4: tensor<?x2x4x4xi32>, %i1: tensor<?x2xi32>, %f1: tensor<?x2xf32>) {
  %y = "loihi.head"(%f1) {function = 1, axis = 1, keepdim = false}
        : (tensor<?x2xf32>) -> tensor<?x2xf32>
  return
}

//--- chip.mlir
// CHECK: chip.mlir:[[#@LINE+2]]:3: error: 'loihi.chip' op attribute "chips" is expected but not provided
func.func @net(%f4: tensor<?x2x4x4xf32>, %i4: tensor<?x2x4x4xi32>, %i1: tensor<?x2xi32>, %f1: tensor<?x2xf32>) {
  "loihi.chip"() {name = "loihi2", cores = 128, mesh = array<i64: 8, 4, 4>, accumulator_bits = 24, state_bits = 24,
      payload_bits = 24, weight_bits = 8, longest_delay = 63}
        : () -> ()
  return
}

//--- core.mlir
// CHECK: core.mlir:[[#@LINE+2]]:3: error: expected base attribute 'builtin.dense_array' but got 'builtin.integer'
func.func @net(%f4: tensor<?x2x4x4xf32>, %i4: tensor<?x2x4x4xi32>, %i1: tensor<?x2xi32>, %f1: tensor<?x2xf32>) {
  "loihi.core"() {number = 0, place = 3, population = "conv1", start = array<i64: 0, 0>, end = array<i64: 24, 4>,
      neurons = 3072, synaptic_words = 81, state_bytes = 36864, axons_in = 1, axons_out = 200}
        : () -> ()
  return
}

//--- route.mlir
// CHECK: route.mlir:[[#@LINE+2]]:3: error: expected base attribute 'builtin.integer' but got 'builtin.string'
func.func @net(%f4: tensor<?x2x4x4xf32>, %i4: tensor<?x2x4x4xi32>, %i1: tensor<?x2xi32>, %f1: tensor<?x2xf32>) {
  "loihi.route"() {from = "a", to = array<i64: 1, 2>, neurons = array<i64: 8, 8>, hops = array<i64: 1, 3>,
      delay = array<i64: 1, 1>}
        : () -> ()
  return
}

//--- declare.mlir
// CHECK: declare.mlir:[[#@LINE+2]]:3: error: 'loihi.declare' op attribute "text" is expected but not provided
func.func private @program() attributes {loihi.microcode} {
  "loihi.declare"() {kind = "port"} : () -> ()
  return
}

//--- label.mlir
// CHECK: label.mlir:[[#@LINE+2]]:3: error: expected base attribute 'builtin.string' but got 'builtin.integer'
func.func private @program() attributes {loihi.microcode} {
  "loihi.label"() {name = 3} : () -> ()
  return
}

//--- rmw.mlir
// CHECK: rmw.mlir:[[#@LINE+2]]:3: error: expected base attribute 'builtin.string' but got 'builtin.integer'
func.func private @program() attributes {loihi.microcode} {
  "loihi.rmw"() {word = 1} : () -> ()
  return
}

//--- rdc.mlir
// CHECK: rdc.mlir:[[#@LINE+2]]:3: error: 'loihi.rdc' op attribute "port" is expected but not provided
func.func private @program() attributes {loihi.microcode} {
  "loihi.rdc"() {} : () -> ()
  return
}

//--- mov.mlir
// CHECK: mov.mlir:[[#@LINE+2]]:3: error: 'loihi.mov' op attribute "from" is expected but not provided
func.func private @program() attributes {loihi.microcode} {
  "loihi.mov"() {to = "x"} : () -> ()
  return
}

//--- sel.mlir
// CHECK: sel.mlir:[[#@LINE+2]]:3: error: expected base attribute 'builtin.string' but got 'builtin.integer'
func.func private @program() attributes {loihi.microcode} {
  "loihi.sel"() {to = "x", from = 1} : () -> ()
  return
}

//--- and.mlir
// CHECK: and.mlir:[[#@LINE+2]]:3: error: 'loihi.and' op attribute "b" is expected but not provided
func.func private @program() attributes {loihi.microcode} {
  "loihi.and"() {to = "x", a = "y"} : () -> ()
  return
}

//--- or.mlir
// CHECK: or.mlir:[[#@LINE+2]]:3: error: 'loihi.or' op attribute "a" is expected but not provided
func.func private @program() attributes {loihi.microcode} {
  "loihi.or"() {to = "x", b = "y"} : () -> ()
  return
}

//--- shl.mlir
// CHECK: shl.mlir:[[#@LINE+2]]:3: error: expected base attribute 'builtin.string' but got 'builtin.integer'
func.func private @program() attributes {loihi.microcode} {
  "loihi.shl"() {to = "x", a = "y", b = 2} : () -> ()
  return
}

//--- add.mlir
// CHECK: add.mlir:[[#@LINE+2]]:3: error: 'loihi.add' op attribute "to" is expected but not provided
func.func private @program() attributes {loihi.microcode} {
  "loihi.add"() {a = "x", b = "y"} : () -> ()
  return
}

//--- neg.mlir
// CHECK: neg.mlir:[[#@LINE+2]]:3: error: 'loihi.neg' op attribute "from" is expected but not provided
func.func private @program() attributes {loihi.microcode} {
  "loihi.neg"() {to = "x"} : () -> ()
  return
}

//--- min.mlir
// CHECK: min.mlir:[[#@LINE+2]]:3: error: 'loihi.min' op attribute "b" is expected but not provided
func.func private @program() attributes {loihi.microcode} {
  "loihi.min"() {to = "x", a = "y"} : () -> ()
  return
}

//--- mul-shr.mlir
// CHECK: mul-shr.mlir:[[#@LINE+2]]:3: error: 'loihi.mul_shr' op attribute "rounding" is expected but not provided
func.func private @program() attributes {loihi.microcode} {
  "loihi.mul_shr"() {to = "x", a = "y", b = "z", shift = "3"} : () -> ()
  return
}

//--- lt.mlir
// CHECK: lt.mlir:[[#@LINE+2]]:3: error: 'loihi.lt' op attribute "b" is expected but not provided
func.func private @program() attributes {loihi.microcode} {
  "loihi.lt"() {a = "x"} : () -> ()
  return
}

//--- ge.mlir
// CHECK: ge.mlir:[[#@LINE+2]]:3: error: 'loihi.ge' op attribute "b" is expected but not provided
func.func private @program() attributes {loihi.microcode} {
  "loihi.ge"() {a = "x"} : () -> ()
  return
}

//--- eq.mlir
// CHECK: eq.mlir:[[#@LINE+2]]:3: error: expected base attribute 'builtin.string' but got 'builtin.integer'
func.func private @program() attributes {loihi.microcode} {
  "loihi.eq"() {a = "x", b = 0} : () -> ()
  return
}

//--- skp-c.mlir
// CHECK: skp-c.mlir:[[#@LINE+2]]:3: error: 'loihi.skp_c' op attribute "count" is expected but not provided
func.func private @program() attributes {loihi.microcode} {
  "loihi.skp_c"() {sense = true} : () -> ()
  return
}

//--- jmp-c.mlir
// CHECK: jmp-c.mlir:[[#@LINE+2]]:3: error: expected base attribute 'builtin.integer' but got 'builtin.string'
func.func private @program() attributes {loihi.microcode} {
  "loihi.jmp_c"() {sense = "set", label = "l"} : () -> ()
  return
}

//--- spike.mlir
// CHECK: spike.mlir:[[#@LINE+2]]:3: error: 'loihi.spike' op attribute "output" is expected but not provided
func.func private @program() attributes {loihi.microcode} {
  "loihi.spike"() {payload = "1"} : () -> ()
  return
}

//--- probe.mlir
// CHECK: probe.mlir:[[#@LINE+2]]:3: error: 'loihi.probe' op attribute "value" is expected but not provided
func.func private @program() attributes {loihi.microcode} {
  "loihi.probe"() {name = "y"} : () -> ()
  return
}

//--- unknown-op.mlir
// CHECK: unknown-op.mlir:[[#@LINE+2]]:8: error: {{.*}}loihi.tile
func.func @net(%x: tensor<?x2xi32>) {
  %y = "loihi.tile"(%x) : (tensor<?x2xi32>) -> tensor<?x2xi32>
  return
}
