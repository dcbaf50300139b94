// RUN: %split-file %s %t
// RUN: %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(quantize)' | %FileCheck %t/net.mlir
// RUN: %neurocudac opt %t/sum.mlir --pass-pipeline='builtin.module(quantize)' | %FileCheck %t/sum.mlir
// RUN: %not %neurocudac opt %t/bottleneck.mlir --pass-pipeline='builtin.module(quantize)' 2>&1 | %FileCheck %t/bottleneck.mlir
// RUN: %not %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(quantize{weight-bits=9})' 2>&1 | %FileCheck %t/net.mlir --check-prefix=BITS
// RUN: %neurocudac opt %t/curve.mlir --pass-pipeline='builtin.module(quantize)' | %FileCheck %t/curve.mlir

//--- net.mlir
// The largest W·s of a row becomes 127: α is 1/128 for the first, 1/512 for the second. Weights, biases (ties away from zero) and
// thresholds are multiples of it; the threshold 0.3·128 = 38.4 is rounded, and the scale follows it: 38/128.
// CHECK:      %[[E:.*]] = "ann.encode"(%{{.*}}) {high = 8 : i64, low = -8 : i64, {{.*}}scale = 5.000000e-01 : f64} : (tensor<?x2xf32>) -> tensor<?x2xi32>
// CHECK-NEXT: %[[L:.*]] = "ann.linear"(%[[E]]) {bias = dense<[64, -3]> : tensor<2xi32>, weight = dense<{{\[\[}}127, -32], [127, 2]]> : tensor<2x2xi8>}
// CHECK-NEXT: %[[Q:.*]] = "ann.requantize"(%[[L]]) {high = 3 : i64, low = 0 : i64, scale = dense<[2.968750e-01, 2.500000e-01]> : tensor<2xf64>, threshold = dense<[38, 128]> : tensor<2xi32>}
// CHECK-NEXT: %[[D:.*]] = "ann.dequantize"(%[[Q]]) {scale = dense<[2.968750e-01, 2.500000e-01]> : tensor<2xf64>} : (tensor<?x2xi32>) -> tensor<?x2xf32>
// CHECK-NEXT: return %[[D]]
// BITS: error: pass `quantize`, option `weight-bits`: 9 is not between 2 and 8
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
    %0 = "ann.normalize"(%x) {multiplier = dense<1.0> : tensor<2xf64>, offset = dense<0.0> : tensor<2xf64>,
      minimum = dense<0xFFF0000000000000> : tensor<2xf64>, maximum = dense<0x7FF0000000000000> : tensor<2xf64>}
      : (tensor<?x2xf32>) -> tensor<?x2xf32>
    %1 = "ann.fake_quantize"(%0) {scale = dense<0.5> : tensor<2xf64>, low = -8, high = 8}
      : (tensor<?x2xf32>) -> tensor<?x2xf32>
    %2 = "ann.linear"(%1) {weight = dense<[[1.984375, -0.5], [0.49609375, 0.005859375]]> : tensor<2x2xf32>,
      bias = dense<[0.5, -0.0048828125]> : tensor<2xf32>} : (tensor<?x2xf32>) -> tensor<?x2xf32>
    %3 = "ann.fake_quantize"(%2) {scale = dense<[0.3, 0.25]> : tensor<2xf64>, low = 0, high = 3}
      : (tensor<?x2xf32>) -> tensor<?x2xf32>
    return %3 : tensor<?x2xf32>
  }
}

//--- sum.mlir
// Both sides of a sum share the α of the neuron, the coarser need of the two: 1/128, and the identity side gets 16-bit weights, the
// scale of its levels over α. Windows of 1 and 3 become sums times 3 and 1: a level then stands for a third.
// CHECK:      %[[E:.*]] = "ann.encode"
// CHECK-NEXT: %[[P:.*]] = "ann.sum_pool2d"(%[[E]]) {columns = array<i64: 0, 1, 1, 4>, multiplier = dense<{{\[\[}}3, 1]]> : tensor<1x2xi32>, rows = array<i64: 0, 1>}
// CHECK:      %[[C:.*]] = "ann.conv"(%[[P]]) {bias = dense<0> : tensor<1xi32>, {{.*}}weight = dense<127> : tensor<1x1x1x1xi8>}
// CHECK-NEXT: %[[I:.*]] = "ann.scale"(%[[P]]) {bias = dense<0> : tensor<1xi32>, weight = dense<64> : tensor<1xi16>}
// CHECK-NEXT: %[[S:.*]] = "ann.add"(%[[C]], %[[I]])
// CHECK-NEXT: %[[R:.*]] = "ann.requantize"(%[[S]]) {high = 31 : i64, low = 0 : i64, scale = dense<2.500000e-01> : tensor<1xf64>, threshold = dense<32> : tensor<1xi32>}
module {
  func.func @net(%x: tensor<?x1x1x4xf32>) -> tensor<?x1x1x2xf32> {
    %0 = "ann.normalize"(%x) {multiplier = dense<1.0> : tensor<1xf64>, offset = dense<0.0> : tensor<1xf64>,
      minimum = dense<0xFFF0000000000000> : tensor<1xf64>, maximum = dense<0x7FF0000000000000> : tensor<1xf64>}
      : (tensor<?x1x1x4xf32>) -> tensor<?x1x1x4xf32>
    %1 = "ann.fake_quantize"(%0) {scale = dense<1.5> : tensor<1xf64>, low = -8, high = 8}
      : (tensor<?x1x1x4xf32>) -> tensor<?x1x1x4xf32>
    %2 = "ann.avg_pool2d"(%1) {rows = array<i64: 0, 1>, columns = array<i64: 0, 1, 1, 4>,
      divisor = dense<[[1, 3]]> : tensor<1x2xi64>} : (tensor<?x1x1x4xf32>) -> tensor<?x1x1x2xf32>
    %3 = "ann.conv"(%2) {weight = dense<1.984375> : tensor<1x1x1x1xf32>, bias = dense<0.0> : tensor<1xf32>,
      stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1, transposed = false}
      : (tensor<?x1x1x2xf32>) -> tensor<?x1x1x2xf32>
    %4 = "ann.add"(%3, %2) : (tensor<?x1x1x2xf32>, tensor<?x1x1x2xf32>) -> tensor<?x1x1x2xf32>
    %5 = "ann.fake_quantize"(%4) {scale = dense<0.25> : tensor<1xf64>, low = 0, high = 31}
      : (tensor<?x1x1x2xf32>) -> tensor<?x1x1x2xf32>
    return %5 : tensor<?x1x1x2xf32>
  }
}

//--- bottleneck.mlir
// CHECK: bottleneck.mlir:[[#@LINE+9]]:10: error: weights need a quantized input: run `insert-requantize` before `calibrate`
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
    %0 = "ann.normalize"(%x) {multiplier = dense<1.0> : tensor<2xf64>, offset = dense<0.0> : tensor<2xf64>,
      minimum = dense<0xFFF0000000000000> : tensor<2xf64>, maximum = dense<0x7FF0000000000000> : tensor<2xf64>}
      : (tensor<?x2xf32>) -> tensor<?x2xf32>
    %1 = "ann.fake_quantize"(%0) {scale = dense<0.5> : tensor<2xf64>, low = -8, high = 8}
      : (tensor<?x2xf32>) -> tensor<?x2xf32>
    %2 = "ann.add"(%1, %1) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
    %3 = "ann.linear"(%2) {weight = dense<1.0> : tensor<2x2xf32>, bias = dense<0.0> : tensor<2xf32>}
      : (tensor<?x2xf32>) -> tensor<?x2xf32>
    return %3 : tensor<?x2xf32>
  }
}

//--- curve.mlir
// A membrane unit is 1/64. Silu first falls below −1/8, to level −1, at −3.204, and is back above at −0.292, which
// are −205.06 and −18.7 units; it passes 1/8 at 0.225, 14.4 units. The mean of the sum is looked at later.
// CHECK:      %[[L:.*]] = "ann.linear"
// CHECK-NEXT: "ann.observe"(%[[L]])
// CHECK-NEXT: "ann.requantize_table"(%[[L]]) {breakpoints = dense<{{\[\[}}-205, -18, 15]]> : tensor<1x3xi32>, high = 1 : i64, low = -1 : i64, scale = dense<2.500000e-01> : tensor<1xf64>, start = dense<0> : tensor<1xi32>, steps = dense<{{\[\[}}-1, 1, 1]]> : tensor<1x3xi8>, unit = dense<1.562500e-02> : tensor<1xf64>}
module {
  func.func @net(%x: tensor<?x1xf32>) -> tensor<?x1xf32> {
    %0 = "ann.normalize"(%x) {multiplier = dense<1.0> : tensor<1xf64>, offset = dense<0.0> : tensor<1xf64>,
      minimum = dense<0xFFF0000000000000> : tensor<1xf64>, maximum = dense<0x7FF0000000000000> : tensor<1xf64>}
      : (tensor<?x1xf32>) -> tensor<?x1xf32>
    %1 = "ann.fake_quantize"(%0) {scale = dense<0.5> : tensor<1xf64>, low = -8, high = 8} : (tensor<?x1xf32>) -> tensor<?x1xf32>
    %2 = "ann.linear"(%1) {weight = dense<3.96875> : tensor<1x1xf32>, bias = dense<0.0> : tensor<1xf32>}
      : (tensor<?x1xf32>) -> tensor<?x1xf32>
    "ann.observe"(%2) {counts = dense<1> : tensor<1x1xi32>, origin = dense<0.0> : tensor<1xf64>, width = dense<1.0> : tensor<1xf64>,
      mean = dense<0.0> : tensor<1xf64>} : (tensor<?x1xf32>) -> ()
    %3 = "ann.curve"(%2) {function = "silu", parameter = dense<0.0> : tensor<1xf64>} : (tensor<?x1xf32>) -> tensor<?x1xf32>
    %4 = "ann.fake_quantize"(%3) {scale = dense<0.25> : tensor<1xf64>, low = -1, high = 1} : (tensor<?x1xf32>) -> tensor<?x1xf32>
    return %4 : tensor<?x1xf32>
  }
}
