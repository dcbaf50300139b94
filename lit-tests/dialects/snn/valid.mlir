// One use of every op of `snn` is read, verified and printed, and what was printed reads back the same.
// RUN: %neurocudac opt %s > %t.once && %neurocudac opt %t.once > %t.twice
// RUN: diff %t.once %t.twice && %FileCheck %s < %t.once

// CHECK: "snn.encode"(
// CHECK: "snn.conv"(
// CHECK: "snn.linear"(
// CHECK: "snn.scale"(
// CHECK: "snn.sum_pool2d"(
// CHECK: "snn.add"(
// CHECK: "snn.concat"(
// CHECK: "snn.gather"(
// CHECK: "snn.permute"(
// CHECK: "snn.pad"(
// CHECK: "snn.reshape"(
// CHECK: "snn.max_pool2d"(
// CHECK: "snn.st_bif"(
// CHECK: "snn.hold_and_fire"(
// CHECK: "snn.if"(
// CHECK: "snn.readout"(
// CHECK: "snn.st_bif_table"(
// CHECK: "snn.sigma_delta"(
// CHECK: "snn.sigma_delta_table"(
// CHECK: "snn.encode_events"(
// CHECK: "snn.head"(
module {
  func.func @every_op(%x0: tensor<?x2x4x4xf32>, %x1: tensor<?x2x4x4xi32>, %x2: tensor<?x2xi32>) -> tensor<?x2x4x4xi32> {
    %0 = "snn.encode"(%x0) {multiplier = dense<2.0> : tensor<2xf64>, offset = dense<0.0> : tensor<2xf64>,
      minimum = dense<-4.0> : tensor<2xf64>, maximum = dense<4.0> : tensor<2xf64>, scale = 0.5, low = -8,
      high = 8, every_step = false}
      : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xi32>
    %1 = "snn.conv"(%x1) {weight = dense<1> : tensor<2x2x1x1xi8>, stride = array<i64: 1, 1>,
      padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1, transposed = false}
      : (tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xi32>
    %2 = "snn.linear"(%x2) {weight = dense<1> : tensor<2x2xi8>} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %3 = "snn.scale"(%x1) {weight = dense<1> : tensor<2xi16>} : (tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xi32>
    %4 = "snn.sum_pool2d"(%x1) {rows = array<i64: 0, 2, 2, 4>, columns = array<i64: 0, 4>,
      multiplier = dense<1> : tensor<2x1xi32>}
      : (tensor<?x2x4x4xi32>) -> tensor<?x2x2x1xi32>
    %5 = "snn.add"(%x1, %x1) : (tensor<?x2x4x4xi32>, tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xi32>
    %6 = "snn.concat"(%x1, %x1) {axis = 1} : (tensor<?x2x4x4xi32>, tensor<?x2x4x4xi32>) -> tensor<?x4x4x4xi32>
    %7 = "snn.gather"(%x1) {axis = 2, indices = array<i64: 0, 2>} : (tensor<?x2x4x4xi32>) -> tensor<?x2x2x4xi32>
    %p = "snn.permute"(%x1) {axes = array<i64: 0, 2, 1, 3>} : (tensor<?x2x4x4xi32>) -> tensor<?x4x2x4xi32>
    %8 = "snn.pad"(%x1) {before = array<i64: 0, 0, 1, 0>, after = array<i64: 0, 0, 1, 0>}
      : (tensor<?x2x4x4xi32>) -> tensor<?x2x6x4xi32>
    %9 = "snn.reshape"(%x1) : (tensor<?x2x4x4xi32>) -> tensor<?x32xi32>
    %10 = "snn.max_pool2d"(%x1) {kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>,
      padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>}
      : (tensor<?x2x4x4xi32>) -> tensor<?x2x2x2xi32>
    %11 = "snn.st_bif"(%x1) {threshold = dense<9> : tensor<2xi32>, initial = dense<4> : tensor<2xi32>,
      low = 0, high = 31, delay = 0}
      : (tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xi32>
    %12 = "snn.hold_and_fire"(%x1) {threshold = dense<9> : tensor<2xi32>, initial = dense<4> : tensor<2xi32>,
      hold = 100, release = 0, levels = 31, delay = 0}
      : (tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xi32>
    %13 = "snn.if"(%x1) {threshold = dense<9> : tensor<2xi32>, initial = dense<4> : tensor<2xi32>,
      bias = dense<0> : tensor<2xi32>, gain = 1, delay = 0}
      : (tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xi32>
    %14 = "snn.readout"(%x1) {initial = dense<0> : tensor<2xi32>, bias = dense<0> : tensor<2xi32>, gain = 1,
      scale = dense<0.25> : tensor<2xf64>, average = false, start = 0}
      : (tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xf32>
    %nstbiftable = "snn.st_bif_table"(%x1) {breakpoints = dense<3> : tensor<2x1xi32>, steps = dense<1> : tensor<2x1xi8>, start = dense<0> : tensor<2xi32>, initial = dense<0> : tensor<2xi32>, low = 0, high = 1, delay = 0} : (tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xi32>
    %nsigmadelta = "snn.sigma_delta"(%x1) {threshold = dense<9> : tensor<2xi32>, initial = dense<4> : tensor<2xi32>, low = 0, high = 255, delay = 0} : (tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xi32>
    %nsigmadeltatable = "snn.sigma_delta_table"(%x1) {breakpoints = dense<3> : tensor<2x1xi32>, steps = dense<1> : tensor<2x1xi8>, start = dense<0> : tensor<2xi32>, initial = dense<0> : tensor<2xi32>, low = 0, high = 1, delay = 0} : (tensor<?x2x4x4xi32>) -> tensor<?x2x4x4xi32>
    %nevents = "snn.encode_events"(%x0) {frames = 10, high = 65535} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xi32>
    %nhead = "snn.head"(%x0) {function = "softmax", axis = 1, keepdim = false} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
    return %0 : tensor<?x2x4x4xi32>
  }
}
