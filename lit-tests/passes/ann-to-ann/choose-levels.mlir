// RUN: %split-file %s %t
// RUN: %neurocudac opt %t/net.mlir --pass-pipeline='calibrate,choose-levels{levels=15}' --calibrate %S/../../data/counting.safetensors | %FileCheck %t/net.mlir
// RUN: %not %neurocudac opt %t/net.mlir --pass-pipeline='choose-levels{levels=15}' 2>&1 | %FileCheck %t/net.mlir --check-prefix=NONE
// RUN: %not %neurocudac opt %t/net.mlir --pass-pipeline='calibrate,choose-levels{budget=-1}' --calibrate %S/../../data/counting.safetensors 2>&1 | %FileCheck %t/net.mlir --check-prefix=BUDGET

//--- net.mlir
// The codes of the input are not chosen. The first layer may be coarse, since the second hides its error; that one goes straight out.
// CHECK:     "ann.activation"(%{{.*}}) {maximum
// CHECK:     "ann.activation"(%{{.*}}) {levels = 7 : i64, maximum
// CHECK:     "ann.activation"(%{{.*}}) {levels = 31 : i64, maximum
// NONE: net.mlir:{{.*}}: error: choose-levels needs calibration samples: give a data file with --calibrate
// BUDGET: error: pass `choose-levels`, option `budget`: -1 is no positive number
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x1xf32> {
    %0 = "ann.normalize"(%x) {multiplier = dense<1.0> : tensor<2xf64>, offset = dense<0.0> : tensor<2xf64>,
      minimum = dense<0xFFF0000000000000> : tensor<2xf64>, maximum = dense<0x7FF0000000000000> : tensor<2xf64>}
      : (tensor<?x2xf32>) -> tensor<?x2xf32>
    %1 = "ann.activation"(%0) {minimum = 0xFFF0000000000000 : f64, maximum = 0x7FF0000000000000 : f64}
      : (tensor<?x2xf32>) -> tensor<?x2xf32>
    %2 = "ann.linear"(%1) {weight = dense<[[1.0, 0.0], [-1.0, 1.0]]> : tensor<2x2xf32>, bias = dense<0.0> : tensor<2xf32>}
      : (tensor<?x2xf32>) -> tensor<?x2xf32>
    %3 = "ann.activation"(%2) {minimum = 0.0, maximum = 0x7FF0000000000000 : f64} : (tensor<?x2xf32>) -> tensor<?x2xf32> loc("first")
    %4 = "ann.linear"(%3) {weight = dense<[[1.0, -0.7]]> : tensor<1x2xf32>, bias = dense<0.4> : tensor<1xf32>}
      : (tensor<?x2xf32>) -> tensor<?x1xf32>
    %5 = "ann.activation"(%4) {minimum = 0.0, maximum = 0x7FF0000000000000 : f64} : (tensor<?x1xf32>) -> tensor<?x1xf32> loc("second")
    %6 = "ann.linear"(%5) {weight = dense<[[1.5]]> : tensor<1x1xf32>, bias = dense<-0.3> : tensor<1xf32>}
      : (tensor<?x1xf32>) -> tensor<?x1xf32>
    return %6 : tensor<?x1xf32>
  }
}

