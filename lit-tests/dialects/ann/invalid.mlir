// For every op of `ann` one module that MLIR refuses at the op's own line, by its IRDL definition alone.
// RUN: %split-file %s %t
// RUN: %not %neurocudac opt %t/normalize.mlir 2>&1 | %FileCheck %t/normalize.mlir
// RUN: %not %neurocudac opt %t/conv.mlir 2>&1 | %FileCheck %t/conv.mlir
// RUN: %not %neurocudac opt %t/linear.mlir 2>&1 | %FileCheck %t/linear.mlir
// RUN: %not %neurocudac opt %t/scale.mlir 2>&1 | %FileCheck %t/scale.mlir
// RUN: %not %neurocudac opt %t/activation.mlir 2>&1 | %FileCheck %t/activation.mlir
// RUN: %not %neurocudac opt %t/max-pool2d.mlir 2>&1 | %FileCheck %t/max-pool2d.mlir
// RUN: %not %neurocudac opt %t/avg-pool2d.mlir 2>&1 | %FileCheck %t/avg-pool2d.mlir
// RUN: %not %neurocudac opt %t/sum-pool2d.mlir 2>&1 | %FileCheck %t/sum-pool2d.mlir
// RUN: %not %neurocudac opt %t/add.mlir 2>&1 | %FileCheck %t/add.mlir
// RUN: %not %neurocudac opt %t/concat.mlir 2>&1 | %FileCheck %t/concat.mlir
// RUN: %not %neurocudac opt %t/gather.mlir 2>&1 | %FileCheck %t/gather.mlir
// RUN: %not %neurocudac opt %t/permute.mlir 2>&1 | %FileCheck %t/permute.mlir
// RUN: %not %neurocudac opt %t/pad.mlir 2>&1 | %FileCheck %t/pad.mlir
// RUN: %not %neurocudac opt %t/reshape.mlir 2>&1 | %FileCheck %t/reshape.mlir
// RUN: %not %neurocudac opt %t/observe.mlir 2>&1 | %FileCheck %t/observe.mlir
// RUN: %not %neurocudac opt %t/fake-quantize.mlir 2>&1 | %FileCheck %t/fake-quantize.mlir
// RUN: %not %neurocudac opt %t/encode.mlir 2>&1 | %FileCheck %t/encode.mlir
// RUN: %not %neurocudac opt %t/requantize.mlir 2>&1 | %FileCheck %t/requantize.mlir
// RUN: %not %neurocudac opt %t/dequantize.mlir 2>&1 | %FileCheck %t/dequantize.mlir
// RUN: %not %neurocudac opt %t/unknown-op.mlir 2>&1 | %FileCheck %t/unknown-op.mlir
// RUN: %not %neurocudac opt %t/curve.mlir 2>&1 | %FileCheck %t/curve.mlir
// RUN: %not %neurocudac opt %t/requantize-table.mlir 2>&1 | %FileCheck %t/requantize-table.mlir
// RUN: %not %neurocudac opt %t/encode-events.mlir 2>&1 | %FileCheck %t/encode-events.mlir
// RUN: %not %neurocudac opt %t/head.mlir 2>&1 | %FileCheck %t/head.mlir

//--- normalize.mlir
// CHECK: normalize.mlir:[[#@LINE+2]]:8: error: 'ann.normalize' op attribute "multiplier" is expected but not provided
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "ann.normalize"(%x) {offset = dense<0.0> : tensor<2xf64>, minimum = dense<-4.0> : tensor<2xf64>,
    maximum = dense<4.0> : tensor<2xf64>}
    : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
  return
}

//--- conv.mlir
// CHECK: conv.mlir:[[#@LINE+2]]:8: error: '3 : i64' does not satisfy the constraint
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "ann.conv"(%x) {weight = dense<1.0> : tensor<2x2x1x1xf32>, bias = 3, stride = array<i64: 1, 1>,
    padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1, transposed = false}
    : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
  return
}

//--- linear.mlir
// CHECK: linear.mlir:[[#@LINE+2]]:8: error: '3 : i64' does not satisfy the constraint
func.func @net(%x: tensor<?x2xf32>) {
  %y = "ann.linear"(%x) {weight = dense<1.0> : tensor<2x2xf32>, bias = 3}
    : (tensor<?x2xf32>) -> tensor<?x2xf32>
  return
}

//--- scale.mlir
// CHECK: scale.mlir:[[#@LINE+2]]:8: error: 'ann.scale' op attribute "bias" is expected but not provided
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "ann.scale"(%x) {weight = dense<1.0> : tensor<2xf32>} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
  return
}

//--- activation.mlir
// CHECK: activation.mlir:[[#@LINE+2]]:8: error: expected base attribute 'builtin.float' but got 'builtin.integer'
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "ann.activation"(%x) {minimum = 1, maximum = 6.0} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
  return
}

//--- max-pool2d.mlir
// CHECK: max-pool2d.mlir:[[#@LINE+2]]:8: error: expected base attribute 'builtin.dense_array' but got 'builtin.integer'
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "ann.max_pool2d"(%x) {kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>,
    padding = array<i64: 0, 0>, dilation = 1}
    : (tensor<?x2x4x4xf32>) -> tensor<?x2x2x2xf32>
  return
}

//--- avg-pool2d.mlir
// CHECK: avg-pool2d.mlir:[[#@LINE+2]]:8: error: 'ann.avg_pool2d' op attribute "rows" is expected but not provided
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "ann.avg_pool2d"(%x) {columns = array<i64: 0, 4>, divisor = dense<8> : tensor<2x1xi64>}
    : (tensor<?x2x4x4xf32>) -> tensor<?x2x2x1xf32>
  return
}

//--- sum-pool2d.mlir
// CHECK: sum-pool2d.mlir:[[#@LINE+2]]:8: error: expected base attribute 'builtin.dense_array' but got 'builtin.integer'
func.func @net(%x: tensor<?x2x4x4xi32>) {
  %y = "ann.sum_pool2d"(%x) {rows = array<i64: 0, 2, 2, 4>, columns = 1,
    multiplier = dense<1> : tensor<2x1xi32>}
    : (tensor<?x2x4x4xi32>) -> tensor<?x2x2x1xi32>
  return
}

//--- add.mlir
// CHECK: add.mlir:[[#@LINE+2]]:8: error: op expects exactly 2 operands, but got 1
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "ann.add"(%x) : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
  return
}

//--- concat.mlir
// CHECK: concat.mlir:[[#@LINE+2]]:8: error: expected base attribute 'builtin.integer' but got 'builtin.float'
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "ann.concat"(%x, %x) {axis = 1.0} : (tensor<?x2x4x4xf32>, tensor<?x2x4x4xf32>) -> tensor<?x4x4x4xf32>
  return
}

//--- gather.mlir
// CHECK: gather.mlir:[[#@LINE+2]]:8: error: 'ann.gather' op attribute "axis" is expected but not provided
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "ann.gather"(%x) {indices = array<i64: 0, 2>} : (tensor<?x2x4x4xf32>) -> tensor<?x2x2x4xf32>
  return
}

//--- permute.mlir
// CHECK: permute.mlir:[[#@LINE+2]]:8: error: expected base attribute 'builtin.dense_array' but got 'builtin.integer'
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "ann.permute"(%x) {axes = 2} : (tensor<?x2x4x4xf32>) -> tensor<?x4x2x4xf32>
  return
}

//--- pad.mlir
// CHECK: pad.mlir:[[#@LINE+2]]:8: error: expected base attribute 'builtin.dense_array' but got 'builtin.integer'
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "ann.pad"(%x) {before = 1, after = array<i64: 0, 0, 1, 0>}
    : (tensor<?x2x4x4xf32>) -> tensor<?x2x6x4xf32>
  return
}

//--- reshape.mlir
// CHECK: reshape.mlir:[[#@LINE+2]]:8: error: expected base type 'builtin.tensor' but got 'builtin.integer'
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "ann.reshape"(%x) : (tensor<?x2x4x4xf32>) -> i32
  return
}

//--- observe.mlir
// CHECK: observe.mlir:[[#@LINE+2]]:8: error: op expects exactly 0 results, but got 1
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "ann.observe"(%x) {counts = dense<1> : tensor<2x4xi32>, origin = dense<0.0> : tensor<2xf64>,
    width = dense<0.5> : tensor<2xf64>, mean = dense<0.25> : tensor<2xf64>}
    : (tensor<?x2x4x4xf32>) -> f32
  return
}

//--- fake-quantize.mlir
// CHECK: fake-quantize.mlir:[[#@LINE+2]]:8: error: expected base attribute 'builtin.integer' but got 'builtin.float'
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "ann.fake_quantize"(%x) {scale = dense<0.25> : tensor<2xf64>, low = 0, high = 31.0}
    : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
  return
}

//--- encode.mlir
// CHECK: encode.mlir:[[#@LINE+2]]:8: error: 'ann.encode' op attribute "low" is expected but not provided
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "ann.encode"(%x) {multiplier = dense<2.0> : tensor<2xf64>, offset = dense<0.0> : tensor<2xf64>,
    minimum = dense<-4.0> : tensor<2xf64>, maximum = dense<4.0> : tensor<2xf64>, scale = 0.5, high = 8}
    : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xi32>
  return
}

//--- requantize.mlir
// CHECK: requantize.mlir:[[#@LINE+2]]:8: error: '3 : i64' does not satisfy the constraint
func.func @net(%x: tensor<?x2x4x4xi32>) {
  %y = "ann.requantize"(%x) {threshold = dense<9> : tensor<2xi32>, scale = 3, low = 0, high = 31}
    : (tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xi32>
  return
}

//--- dequantize.mlir
// CHECK: dequantize.mlir:[[#@LINE+2]]:8: error: '3 : i64' does not satisfy the constraint
func.func @net(%x: tensor<?x2x4x4xi32>) {
  %y = "ann.dequantize"(%x) {scale = 3} : (tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xf32>
  return
}

//--- unknown-op.mlir
// CHECK: unknown-op.mlir:[[#@LINE+2]]:8: error: unregistered operation 'ann.softmax' found in dialect ('ann') that does not allow unknown operations
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "ann.softmax"(%x) : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
  return
}

//--- curve.mlir
// CHECK: curve.mlir:[[#@LINE+2]]:8: error: 'ann.curve' op attribute "parameter" is expected but not provided
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "ann.curve"(%x) {function = "gelu"} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
  return
}

//--- requantize-table.mlir
// CHECK: requantize-table.mlir:[[#@LINE+2]]:8: error: 'ann.requantize_table' op attribute "high" is expected but not provided
func.func @net(%x: tensor<?x2x4x4xi32>) {
  %y = "ann.requantize_table"(%x) {breakpoints = dense<3> : tensor<2x1xi32>, steps = dense<1> : tensor<2x1xi8>, start = dense<0> : tensor<2xi32>, unit = dense<1.0> : tensor<2xf64>, scale = dense<1.0> : tensor<2xf64>, low = 0} : (tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xi32>
  return
}

//--- encode-events.mlir
// CHECK: encode-events.mlir:[[#@LINE+2]]:8: error: 'ann.encode_events' op attribute "frames" is expected but not provided
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "ann.encode_events"(%x) {high = 65535} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xi32>
  return
}

//--- head.mlir
// CHECK: head.mlir:[[#@LINE+2]]:8: error: 'ann.head' op attribute "keepdim" is expected but not provided
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "ann.head"(%x) {function = "softmax", axis = 1} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
  return
}
