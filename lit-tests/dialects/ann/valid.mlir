// One use of every op of `ann` is read, verified and printed, and what was printed reads back the same.
// RUN: %neurocudac opt %s > %t.once && %neurocudac opt %t.once > %t.twice
// RUN: diff %t.once %t.twice && %FileCheck %s < %t.once

// CHECK: "ann.normalize"(
// CHECK: "ann.conv"(
// CHECK: "ann.linear"(
// CHECK: "ann.scale"(
// CHECK: "ann.activation"(
// CHECK: "ann.max_pool2d"(
// CHECK: "ann.avg_pool2d"(
// CHECK: "ann.sum_pool2d"(
// CHECK: "ann.add"(
// CHECK: "ann.concat"(
// CHECK: "ann.gather"(
// CHECK: "ann.permute"(
// CHECK: "ann.pad"(
// CHECK: "ann.reshape"(
// CHECK: "ann.observe"(
// CHECK: "ann.fake_quantize"(
// CHECK: "ann.encode"(
// CHECK: "ann.requantize"(
// CHECK: "ann.dequantize"(
// CHECK: "ann.curve"(
// CHECK: "ann.requantize_table"(
// CHECK: "ann.encode_events"(
// CHECK: "ann.head"(
module {
  func.func @every_op(%x0: tensor<?x2x4x4xf32>, %x1: tensor<?x2xf32>, %x2: tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xf32> {
    %0 = "ann.normalize"(%x0) {multiplier = dense<2.0> : tensor<2xf64>, offset = dense<0.0> : tensor<2xf64>,
      minimum = dense<-4.0> : tensor<2xf64>, maximum = dense<4.0> : tensor<2xf64>}
      : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
    %1 = "ann.conv"(%x0) {weight = dense<1.0> : tensor<2x2x1x1xf32>, bias = dense<0.5> : tensor<2xf32>,
      stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1, transposed = false}
      : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
    %2 = "ann.linear"(%x1) {weight = dense<1.0> : tensor<2x2xf32>, bias = dense<0.5> : tensor<2xf32>}
      : (tensor<?x2xf32>) -> tensor<?x2xf32>
    %3 = "ann.scale"(%x0) {weight = dense<1.0> : tensor<2xf32>, bias = dense<0.5> : tensor<2xf32>}
      : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
    %4 = "ann.activation"(%x0) {minimum = 0.0, maximum = 6.0} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
    %5 = "ann.max_pool2d"(%x0) {kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>,
      padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>}
      : (tensor<?x2x4x4xf32>) -> tensor<?x2x2x2xf32>
    %6 = "ann.avg_pool2d"(%x0) {rows = array<i64: 0, 2, 2, 4>, columns = array<i64: 0, 4>,
      divisor = dense<8> : tensor<2x1xi64>}
      : (tensor<?x2x4x4xf32>) -> tensor<?x2x2x1xf32>
    %7 = "ann.sum_pool2d"(%x2) {rows = array<i64: 0, 2, 2, 4>, columns = array<i64: 0, 4>,
      multiplier = dense<1> : tensor<2x1xi32>}
      : (tensor<?x2x4x4xi32>) -> tensor<?x2x2x1xi32>
    %8 = "ann.add"(%x0, %x0) : (tensor<?x2x4x4xf32>, tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
    %9 = "ann.concat"(%x0, %x0) {axis = 1} : (tensor<?x2x4x4xf32>, tensor<?x2x4x4xf32>) -> tensor<?x4x4x4xf32>
    %10 = "ann.gather"(%x0) {axis = 2, indices = array<i64: 0, 2>} : (tensor<?x2x4x4xf32>) -> tensor<?x2x2x4xf32>
    %p = "ann.permute"(%x0) {axes = array<i64: 0, 2, 1, 3>} : (tensor<?x2x4x4xf32>) -> tensor<?x4x2x4xf32>
    %11 = "ann.pad"(%x0) {before = array<i64: 0, 0, 1, 0>, after = array<i64: 0, 0, 1, 0>}
      : (tensor<?x2x4x4xf32>) -> tensor<?x2x6x4xf32>
    %12 = "ann.reshape"(%x0) : (tensor<?x2x4x4xf32>) -> tensor<?x32xf32>
    "ann.observe"(%x0) {counts = dense<1> : tensor<2x4xi32>, origin = dense<0.0> : tensor<2xf64>,
      width = dense<0.5> : tensor<2xf64>, mean = dense<0.25> : tensor<2xf64>}
      : (tensor<?x2x4x4xf32>) -> ()
    %14 = "ann.fake_quantize"(%x0) {scale = dense<0.25> : tensor<2xf64>, low = 0, high = 31}
      : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
    %15 = "ann.encode"(%x0) {multiplier = dense<2.0> : tensor<2xf64>, offset = dense<0.0> : tensor<2xf64>,
      minimum = dense<-4.0> : tensor<2xf64>, maximum = dense<4.0> : tensor<2xf64>, scale = 0.5, low = -8,
      high = 8}
      : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xi32>
    %16 = "ann.requantize"(%x2) {threshold = dense<9> : tensor<2xi32>, scale = dense<0.25> : tensor<2xf64>,
      low = 0, high = 31}
      : (tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xi32>
    %17 = "ann.dequantize"(%x2) {scale = dense<0.25> : tensor<2xf64>}
      : (tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xf32>
    %ncurve = "ann.curve"(%x0) {function = "gelu", parameter = dense<0.0> : tensor<1xf64>} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
    %nrequantizetable = "ann.requantize_table"(%x2) {breakpoints = dense<3> : tensor<2x1xi32>, steps = dense<1> : tensor<2x1xi8>, start = dense<0> : tensor<2xi32>, unit = dense<1.0> : tensor<2xf64>, scale = dense<1.0> : tensor<2xf64>, low = 0, high = 1} : (tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xi32>
    %nevents = "ann.encode_events"(%x0) {frames = 10, high = 65535} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xi32>
    %nhead = "ann.head"(%x0) {function = "softmax", axis = 1, keepdim = false} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
    return %0 : tensor<?x2x4x4xf32>
  }
}
