// RUN: %split-file %s %t
// RUN: %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(choose-levels{levels=15 candidates=7,15})' --calibrate %S/../../data/counting.safetensors | %FileCheck %t/net.mlir
// RUN: %not %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(choose-levels{levels=15})' 2>&1 | %FileCheck %t/net.mlir --check-prefix=NONE
// RUN: %not %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(choose-levels{candidates=7,many})' 2>&1 | %FileCheck %t/net.mlir --check-prefix=LIST
// RUN: %not %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(choose-levels{levels=15 candidates=7,15 budget=0.5})' --calibrate %S/../../data/counting.safetensors 2>&1 | %FileCheck %t/net.mlir --check-prefix=BUDGET
// RUN: %not %neurocudac opt %t/unseen.mlir --pass-pipeline='builtin.module(choose-levels)' --calibrate %S/../../data/counting.safetensors 2>&1 | %FileCheck %t/unseen.mlir

//--- net.mlir
// Samples are (k, 2k) for k = 0…7. Seven levels are all that the first activation needs: its values are 0 to 7. Those of the second, 0.37
// times as large, lie on no such grid. Half of the error of 15 levels everywhere is not to be had with 15 levels.
// CHECK:      "ann.activation"(%{{.*}}) {maximum = 0x7FF0000000000000 : f64, minimum = 0xFFF0000000000000 : f64}
// CHECK:      "ann.activation"(%{{.*}}) {levels = 7 : i64, maximum = 0x7FF0000000000000 : f64, minimum = 0.000000e+00 : f64}
// CHECK:      "ann.activation"(%{{.*}}) {levels = 15 : i64, maximum = 0x7FF0000000000000 : f64, minimum = 0.000000e+00 : f64}
// NONE:   net.mlir:{{.*}}: error: choose-levels needs calibration samples: give a data file with --calibrate
// LIST:   error: pass `choose-levels`, option `candidates`: `many` is no number
// BUDGET: error: levels-budget: no choice among [7, 15] levels keeps the error of the outputs within 0.5 times that of 15 levels everywhere
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
    %0 = "ann.normalize"(%x) {multiplier = dense<1.0> : tensor<2xf64>, offset = dense<0.0> : tensor<2xf64>,
      minimum = dense<0xFFF0000000000000> : tensor<2xf64>, maximum = dense<0x7FF0000000000000> : tensor<2xf64>}
      : (tensor<?x2xf32>) -> tensor<?x2xf32>
    "ann.observe"(%0) {counts = dense<1> : tensor<2x15xi32>, origin = dense<-0.5> : tensor<2xf64>,
      width = dense<1.0> : tensor<2xf64>, mean = dense<0.0> : tensor<2xf64>} : (tensor<?x2xf32>) -> ()
    %1 = "ann.activation"(%0) {minimum = 0xFFF0000000000000 : f64, maximum = 0x7FF0000000000000 : f64}
      : (tensor<?x2xf32>) -> tensor<?x2xf32>
    %2 = "ann.linear"(%1) {weight = dense<[[1.0, 0.0]]> : tensor<1x2xf32>, bias = dense<0.0> : tensor<1xf32>}
      : (tensor<?x2xf32>) -> tensor<?x1xf32>
    "ann.observe"(%2) {counts = dense<[[0, 1, 1, 1, 1, 1, 1, 1]]> : tensor<1x8xi32>, origin = dense<-0.5> : tensor<1xf64>,
      width = dense<1.0> : tensor<1xf64>, mean = dense<3.5> : tensor<1xf64>} : (tensor<?x1xf32>) -> ()
    %3 = "ann.activation"(%2) {minimum = 0.0, maximum = 0x7FF0000000000000 : f64} : (tensor<?x1xf32>) -> tensor<?x1xf32>
    %4 = "ann.linear"(%1) {weight = dense<[[0.01, 0.36]]> : tensor<1x2xf32>, bias = dense<0.2> : tensor<1xf32>}
      : (tensor<?x2xf32>) -> tensor<?x1xf32>
    "ann.observe"(%4) {counts = dense<1> : tensor<1x12xi32>, origin = dense<0.0> : tensor<1xf64>,
      width = dense<0.45> : tensor<1xf64>, mean = dense<2.7> : tensor<1xf64>} : (tensor<?x1xf32>) -> ()
    %5 = "ann.activation"(%4) {minimum = 0.0, maximum = 0x7FF0000000000000 : f64} : (tensor<?x1xf32>) -> tensor<?x1xf32>
    %6 = "ann.concat"(%3, %5) {axis = 1} : (tensor<?x1xf32>, tensor<?x1xf32>) -> tensor<?x2xf32>
    return %6 : tensor<?x2xf32>
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
