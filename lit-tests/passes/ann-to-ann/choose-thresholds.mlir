// RUN: %split-file %s %t
// RUN: %neurocudac opt %t/grids.mlir --pass-pipeline='builtin.module(choose-thresholds{levels=3})' | %FileCheck %t/grids.mlir
// RUN: %neurocudac opt %t/input.mlir --pass-pipeline='builtin.module(choose-thresholds)' --calibrate %S/../../data/counting.safetensors | %FileCheck %t/input.mlir --check-prefix=LATTICE
// RUN: %neurocudac opt %t/input.mlir --pass-pipeline='builtin.module(choose-thresholds{input-levels=7})' --calibrate %S/../../data/counting.safetensors | %FileCheck %t/input.mlir --check-prefix=COARSE
// RUN: %neurocudac opt %t/input.mlir --pass-pipeline='builtin.module(choose-thresholds)' | %FileCheck %t/input.mlir --check-prefix=REAL
// RUN: %not %neurocudac opt %t/unseen.mlir --pass-pipeline='builtin.module(choose-thresholds)' 2>&1 | %FileCheck %t/unseen.mlir
// RUN: %not %neurocudac opt %t/silent.mlir --pass-pipeline='builtin.module(choose-thresholds)' 2>&1 | %FileCheck %t/silent.mlir
// RUN: %not %neurocudac opt %t/grids.mlir --pass-pipeline='builtin.module(choose-thresholds{levels=0})' 2>&1 | %FileCheck %t/grids.mlir --check-prefix=LEVELS

//--- grids.mlir
// Bin centres are 0, ½, 1 and 3/2 times a channel's width. A ReLU gets a step for each channel, ½ and 1 here, and a channel that
// was never active the largest of the others; a signed activation has levels on both sides; 3 steps do not pass the maximum of
// clamp(0, 6); bounds of both signs are whole levels of one step for all channels.
// CHECK-LABEL: @net
// CHECK:      %[[F:.*]] = "ann.linear"
// CHECK:      "ann.fake_quantize"(%[[F]]) {high = 3 : i64, low = 0 : i64, scale = dense<[5.000000e-01, 1.000000e+00, 1.000000e+00]> : tensor<3xf64>}
// CHECK:      "ann.fake_quantize"({{.*}}) {high = 3 : i64, low = -3 : i64, scale = dense<5.000000e-01> : tensor<3xf64>}
// CHECK:      "ann.fake_quantize"({{.*}}) {high = 3 : i64, low = 0 : i64, scale = dense<2.000000e+00> : tensor<3xf64>}
// CHECK:      "ann.fake_quantize"({{.*}}) {high = 3 : i64, low = -1 : i64, scale = dense<1.000000e+00> : tensor<3xf64>}
// CHECK-NOT:  ann.activation
// LEVELS: error: pass `choose-thresholds`, option `levels`: 0 is not between 1 and 32767
module {
  func.func @net(%x: tensor<?x3xf32>) -> tensor<?x3xf32> {
    %0 = "ann.linear"(%x) {weight = dense<1.0> : tensor<3x3xf32>, bias = dense<0.0> : tensor<3xf32>}
      : (tensor<?x3xf32>) -> tensor<?x3xf32>
    "ann.observe"(%0) {counts = dense<[[5, 1, 2, 3], [0, 4, 1, 1], [0, 0, 0, 0]]> : tensor<3x4xi32>,
      origin = dense<[-0.25, -0.5, 0.0]> : tensor<3xf64>, width = dense<[0.5, 1.0, 0.0]> : tensor<3xf64>,
      mean = dense<0.0> : tensor<3xf64>} : (tensor<?x3xf32>) -> ()
    %1 = "ann.activation"(%0) {minimum = 0.0, maximum = 0x7FF0000000000000 : f64}
      : (tensor<?x3xf32>) -> tensor<?x3xf32>
    %2 = "ann.linear"(%1) {weight = dense<1.0> : tensor<3x3xf32>, bias = dense<0.0> : tensor<3xf32>}
      : (tensor<?x3xf32>) -> tensor<?x3xf32>
    "ann.observe"(%2) {counts = dense<1> : tensor<3x7xi32>, origin = dense<-1.75> : tensor<3xf64>,
      width = dense<0.5> : tensor<3xf64>, mean = dense<0.0> : tensor<3xf64>} : (tensor<?x3xf32>) -> ()
    %3 = "ann.activation"(%2) {minimum = 0xFFF0000000000000 : f64, maximum = 0x7FF0000000000000 : f64}
      : (tensor<?x3xf32>) -> tensor<?x3xf32>
    %4 = "ann.linear"(%3) {weight = dense<1.0> : tensor<3x3xf32>, bias = dense<0.0> : tensor<3xf32>}
      : (tensor<?x3xf32>) -> tensor<?x3xf32>
    "ann.observe"(%4) {counts = dense<1> : tensor<3x1xi32>, origin = dense<6.0> : tensor<3xf64>,
      width = dense<0.5> : tensor<3xf64>, mean = dense<6.0> : tensor<3xf64>} : (tensor<?x3xf32>) -> ()
    %5 = "ann.activation"(%4) {minimum = 0.0, maximum = 6.0} : (tensor<?x3xf32>) -> tensor<?x3xf32>
    %6 = "ann.linear"(%5) {weight = dense<1.0> : tensor<3x3xf32>, bias = dense<0.0> : tensor<3xf32>}
      : (tensor<?x3xf32>) -> tensor<?x3xf32>
    "ann.observe"(%6) {counts = dense<1> : tensor<3x5xi32>, origin = dense<-1.5> : tensor<3xf64>,
      width = dense<1.0> : tensor<3xf64>, mean = dense<1.0> : tensor<3xf64>} : (tensor<?x3xf32>) -> ()
    %7 = "ann.activation"(%6) {minimum = -1.0, maximum = 3.0} : (tensor<?x3xf32>) -> tensor<?x3xf32>
    return %7 : tensor<?x3xf32>
  }
}

//--- input.mlir
// Integer samples are their own codes where they fit: a step of one. Where they do not, and for real samples, the largest magnitude
// (the centre of the last bin, 14) is the last code.
// LATTICE: "ann.fake_quantize"({{.*}}) {high = 255 : i64, low = -255 : i64, scale = dense<2.500000e-01> : tensor<2xf64>}
// COARSE:  "ann.fake_quantize"({{.*}}) {high = 7 : i64, low = -7 : i64, scale = dense<2.000000e+00> : tensor<2xf64>}
// REAL:    "ann.fake_quantize"({{.*}}) {high = 255 : i64, low = -255 : i64, scale = dense<0.054901960784313725> : tensor<2xf64>}
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
    %0 = "ann.normalize"(%x) {multiplier = dense<0.25> : tensor<2xf64>, offset = dense<0.0> : tensor<2xf64>,
      minimum = dense<0xFFF0000000000000> : tensor<2xf64>, maximum = dense<0x7FF0000000000000> : tensor<2xf64>}
      : (tensor<?x2xf32>) -> tensor<?x2xf32>
    "ann.observe"(%0) {counts = dense<1> : tensor<2x7xi32>, origin = dense<1.0> : tensor<2xf64>,
      width = dense<2.0> : tensor<2xf64>, mean = dense<0.0> : tensor<2xf64>} : (tensor<?x2xf32>) -> ()
    %1 = "ann.activation"(%0) {minimum = 0xFFF0000000000000 : f64, maximum = 0x7FF0000000000000 : f64}
      : (tensor<?x2xf32>) -> tensor<?x2xf32>
    return %1 : tensor<?x2xf32>
  }
}

//--- unseen.mlir
// CHECK: unseen.mlir:[[#@LINE+5]]:10: error: no observation of this activation: run `calibrate` first
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
    %0 = "ann.linear"(%x) {weight = dense<1.0> : tensor<2x2xf32>, bias = dense<0.0> : tensor<2xf32>}
      : (tensor<?x2xf32>) -> tensor<?x2xf32>
    %1 = "ann.activation"(%0) {minimum = 0.0, maximum = 6.0} : (tensor<?x2xf32>) -> tensor<?x2xf32>
    return %1 : tensor<?x2xf32>
  }
}

//--- silent.mlir
// CHECK: silent.mlir:[[#@LINE+7]]:10: error: an activation limited to [1, 6] has no silent state: 0 must lie in the range
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
    %0 = "ann.linear"(%x) {weight = dense<1.0> : tensor<2x2xf32>, bias = dense<0.0> : tensor<2xf32>}
      : (tensor<?x2xf32>) -> tensor<?x2xf32>
    "ann.observe"(%0) {counts = dense<1> : tensor<2x4xi32>, origin = dense<0.0> : tensor<2xf64>,
      width = dense<1.0> : tensor<2xf64>, mean = dense<0.0> : tensor<2xf64>} : (tensor<?x2xf32>) -> ()
    %1 = "ann.activation"(%0) {minimum = 1.0, maximum = 6.0} : (tensor<?x2xf32>) -> tensor<?x2xf32>
    return %1 : tensor<?x2xf32>
  }
}
