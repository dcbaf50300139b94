// For every op of `snn` one module that MLIR refuses at the op's own line, by its IRDL definition alone.
// RUN: %split-file %s %t
// RUN: %not %neurocudac opt %t/encode.mlir 2>&1 | %FileCheck %t/encode.mlir
// RUN: %not %neurocudac opt %t/conv.mlir 2>&1 | %FileCheck %t/conv.mlir
// RUN: %not %neurocudac opt %t/linear.mlir 2>&1 | %FileCheck %t/linear.mlir
// RUN: %not %neurocudac opt %t/scale.mlir 2>&1 | %FileCheck %t/scale.mlir
// RUN: %not %neurocudac opt %t/sum-pool2d.mlir 2>&1 | %FileCheck %t/sum-pool2d.mlir
// RUN: %not %neurocudac opt %t/add.mlir 2>&1 | %FileCheck %t/add.mlir
// RUN: %not %neurocudac opt %t/concat.mlir 2>&1 | %FileCheck %t/concat.mlir
// RUN: %not %neurocudac opt %t/gather.mlir 2>&1 | %FileCheck %t/gather.mlir
// RUN: %not %neurocudac opt %t/permute.mlir 2>&1 | %FileCheck %t/permute.mlir
// RUN: %not %neurocudac opt %t/pad.mlir 2>&1 | %FileCheck %t/pad.mlir
// RUN: %not %neurocudac opt %t/reshape.mlir 2>&1 | %FileCheck %t/reshape.mlir
// RUN: %not %neurocudac opt %t/max-pool2d.mlir 2>&1 | %FileCheck %t/max-pool2d.mlir
// RUN: %not %neurocudac opt %t/st-bif.mlir 2>&1 | %FileCheck %t/st-bif.mlir
// RUN: %not %neurocudac opt %t/hold-and-fire.mlir 2>&1 | %FileCheck %t/hold-and-fire.mlir
// RUN: %not %neurocudac opt %t/if.mlir 2>&1 | %FileCheck %t/if.mlir
// RUN: %not %neurocudac opt %t/readout.mlir 2>&1 | %FileCheck %t/readout.mlir
// RUN: %not %neurocudac opt %t/unknown-op.mlir 2>&1 | %FileCheck %t/unknown-op.mlir
// RUN: %not %neurocudac opt %t/st-bif-table.mlir 2>&1 | %FileCheck %t/st-bif-table.mlir
// RUN: %not %neurocudac opt %t/sigma-delta.mlir 2>&1 | %FileCheck %t/sigma-delta.mlir
// RUN: %not %neurocudac opt %t/sigma-delta-table.mlir 2>&1 | %FileCheck %t/sigma-delta-table.mlir
// RUN: %not %neurocudac opt %t/encode-events.mlir 2>&1 | %FileCheck %t/encode-events.mlir
// RUN: %not %neurocudac opt %t/head.mlir 2>&1 | %FileCheck %t/head.mlir

//--- encode.mlir
// CHECK: encode.mlir:[[#@LINE+2]]:8: error: 'snn.encode' op attribute "multiplier" is expected but not provided
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "snn.encode"(%x) {offset = dense<0.0> : tensor<2xf64>, minimum = dense<-4.0> : tensor<2xf64>,
    maximum = dense<4.0> : tensor<2xf64>, scale = 0.5, low = -8, high = 8, every_step = false}
    : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xi32>
  return
}

//--- conv.mlir
// CHECK: conv.mlir:[[#@LINE+2]]:8: error: expected base attribute 'builtin.dense_array' but got 'builtin.integer'
func.func @net(%x: tensor<?x2x4x4xi32>) {
  %y = "snn.conv"(%x) {weight = dense<1> : tensor<2x2x1x1xi8>, stride = 1, padding = array<i64: 0, 0>,
    dilation = array<i64: 1, 1>, groups = 1, transposed = false}
    : (tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xi32>
  return
}

//--- linear.mlir
// CHECK: linear.mlir:[[#@LINE+2]]:8: error: '3 : i64' does not satisfy the constraint
func.func @net(%x: tensor<?x2xi32>) {
  %y = "snn.linear"(%x) {weight = 3} : (tensor<?x2xi32>) -> tensor<?x2xi32>
  return
}

//--- scale.mlir
// CHECK: scale.mlir:[[#@LINE+2]]:8: error: 'snn.scale' op attribute "weight" is expected but not provided
func.func @net(%x: tensor<?x2x4x4xi32>) {
  %y = "snn.scale"(%x) : (tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xi32>
  return
}

//--- sum-pool2d.mlir
// CHECK: sum-pool2d.mlir:[[#@LINE+2]]:8: error: expected base attribute 'builtin.dense_array' but got 'builtin.integer'
func.func @net(%x: tensor<?x2x4x4xi32>) {
  %y = "snn.sum_pool2d"(%x) {rows = array<i64: 0, 2, 2, 4>, columns = 1,
    multiplier = dense<1> : tensor<2x1xi32>}
    : (tensor<?x2x4x4xi32>) -> tensor<?x2x2x1xi32>
  return
}

//--- add.mlir
// CHECK: add.mlir:[[#@LINE+2]]:8: error: op expects exactly 2 operands, but got 1
func.func @net(%x: tensor<?x2x4x4xi32>) {
  %y = "snn.add"(%x) : (tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xi32>
  return
}

//--- concat.mlir
// CHECK: concat.mlir:[[#@LINE+2]]:8: error: expected base attribute 'builtin.integer' but got 'builtin.float'
func.func @net(%x: tensor<?x2x4x4xi32>) {
  %y = "snn.concat"(%x, %x) {axis = 1.0} : (tensor<?x2x4x4xi32>, tensor<?x2x4x4xi32>) -> tensor<?x4x4x4xi32>
  return
}

//--- gather.mlir
// CHECK: gather.mlir:[[#@LINE+2]]:8: error: 'snn.gather' op attribute "axis" is expected but not provided
func.func @net(%x: tensor<?x2x4x4xi32>) {
  %y = "snn.gather"(%x) {indices = array<i64: 0, 2>} : (tensor<?x2x4x4xi32>) -> tensor<?x2x2x4xi32>
  return
}

//--- permute.mlir
// CHECK: permute.mlir:[[#@LINE+2]]:8: error: expected base attribute 'builtin.dense_array' but got 'builtin.integer'
func.func @net(%x: tensor<?x2x4x4xi32>) {
  %y = "snn.permute"(%x) {axes = 2} : (tensor<?x2x4x4xi32>) -> tensor<?x4x2x4xi32>
  return
}

//--- pad.mlir
// CHECK: pad.mlir:[[#@LINE+2]]:8: error: expected base attribute 'builtin.dense_array' but got 'builtin.integer'
func.func @net(%x: tensor<?x2x4x4xi32>) {
  %y = "snn.pad"(%x) {before = array<i64: 0, 0, 1, 0>, after = 1}
    : (tensor<?x2x4x4xi32>) -> tensor<?x2x6x4xi32>
  return
}

//--- reshape.mlir
// CHECK: reshape.mlir:[[#@LINE+2]]:8: error: expected base type 'builtin.tensor' but got 'builtin.integer'
func.func @net(%x: tensor<?x2x4x4xi32>) {
  %y = "snn.reshape"(%x) : (tensor<?x2x4x4xi32>) -> i32
  return
}

//--- max-pool2d.mlir
// CHECK: max-pool2d.mlir:[[#@LINE+2]]:8: error: expected base attribute 'builtin.dense_array' but got 'builtin.integer'
func.func @net(%x: tensor<?x2x4x4xi32>) {
  %y = "snn.max_pool2d"(%x) {kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>,
    padding = array<i64: 0, 0>, dilation = 1}
    : (tensor<?x2x4x4xi32>) -> tensor<?x2x2x2xi32>
  return
}

//--- st-bif.mlir
// CHECK: st-bif.mlir:[[#@LINE+2]]:8: error: 'snn.st_bif' op attribute "delay" is expected but not provided
func.func @net(%x: tensor<?x2x4x4xi32>) {
  %y = "snn.st_bif"(%x) {threshold = dense<9> : tensor<2xi32>, initial = dense<4> : tensor<2xi32>, low = 0,
    high = 31}
    : (tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xi32>
  return
}

//--- hold-and-fire.mlir
// CHECK: hold-and-fire.mlir:[[#@LINE+2]]:8: error: expected base attribute 'builtin.integer' but got 'builtin.float'
func.func @net(%x: tensor<?x2x4x4xi32>) {
  %y = "snn.hold_and_fire"(%x) {threshold = dense<9> : tensor<2xi32>, initial = dense<4> : tensor<2xi32>,
    hold = 100, release = 0, levels = 31.0, delay = 0}
    : (tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xi32>
  return
}

//--- if.mlir
// CHECK: if.mlir:[[#@LINE+2]]:8: error: expected base attribute 'builtin.integer' but got 'builtin.float'
func.func @net(%x: tensor<?x2x4x4xi32>) {
  %y = "snn.if"(%x) {threshold = dense<9> : tensor<2xi32>, initial = dense<4> : tensor<2xi32>,
    bias = dense<0> : tensor<2xi32>, gain = 1, delay = 0.0}
    : (tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xi32>
  return
}

//--- readout.mlir
// CHECK: readout.mlir:[[#@LINE+2]]:8: error: 'snn.readout' op attribute "gain" is expected but not provided
func.func @net(%x: tensor<?x2x4x4xi32>) {
  %y = "snn.readout"(%x) {initial = dense<0> : tensor<2xi32>, bias = dense<0> : tensor<2xi32>,
    scale = dense<0.25> : tensor<2xf64>, average = false, start = 0}
    : (tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xf32>
  return
}

//--- unknown-op.mlir
// CHECK: unknown-op.mlir:[[#@LINE+2]]:8: error: unregistered operation 'snn.softmax' found in dialect ('snn') that does not allow unknown operations
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "snn.softmax"(%x) : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
  return
}

//--- st-bif-table.mlir
// CHECK: st-bif-table.mlir:[[#@LINE+2]]:8: error: 'snn.st_bif_table' op attribute "delay" is expected but not provided
func.func @net(%x: tensor<?x2x4x4xi32>) {
  %y = "snn.st_bif_table"(%x) {breakpoints = dense<3> : tensor<2x1xi32>, steps = dense<1> : tensor<2x1xi8>, start = dense<0> : tensor<2xi32>, initial = dense<0> : tensor<2xi32>, low = 0, high = 1} : (tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xi32>
  return
}

//--- sigma-delta.mlir
// CHECK: sigma-delta.mlir:[[#@LINE+2]]:8: error: expected base attribute 'builtin.integer' but got 'builtin.float'
func.func @net(%x: tensor<?x2x4x4xi32>) {
  %y = "snn.sigma_delta"(%x) {threshold = dense<9> : tensor<2xi32>, initial = dense<4> : tensor<2xi32>, low = 0,
    high = 255.0, delay = 0}
    : (tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xi32>
  return
}

//--- sigma-delta-table.mlir
// CHECK: sigma-delta-table.mlir:[[#@LINE+2]]:8: error: 'snn.sigma_delta_table' op attribute "start" is expected but not provided
func.func @net(%x: tensor<?x2x4x4xi32>) {
  %y = "snn.sigma_delta_table"(%x) {breakpoints = dense<3> : tensor<2x1xi32>, steps = dense<1> : tensor<2x1xi8>, initial = dense<0> : tensor<2xi32>, low = 0, high = 1, delay = 0} : (tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xi32>
  return
}

//--- encode-events.mlir
// CHECK: encode-events.mlir:[[#@LINE+2]]:8: error: 'snn.encode_events' op attribute "frames" is expected but not provided
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "snn.encode_events"(%x) {high = 65535} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xi32>
  return
}

//--- head.mlir
// CHECK: head.mlir:[[#@LINE+2]]:8: error: 'snn.head' op attribute "function" is expected but not provided
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "snn.head"(%x) {axis = 1, keepdim = false} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
  return
}
