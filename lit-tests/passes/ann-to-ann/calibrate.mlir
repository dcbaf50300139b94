// RUN: %split-file %s %t
// RUN: %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(calibrate)' --calibrate %S/../../data/counting.safetensors | %FileCheck %t/net.mlir
// RUN: %not %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(calibrate)' 2>&1 | %FileCheck %t/net.mlir --check-prefix=NONE
// RUN: %not %neurocudac opt %t/raw.mlir --pass-pipeline='builtin.module(calibrate)' --calibrate %S/../../data/counting.safetensors 2>&1 | %FileCheck %t/raw.mlir

//--- net.mlir
// Samples are (k, 2k) for k = 0…7, so fc1 gives (k, −k). Bins are the smallest power of two of which 1,024 (signed) or 2,048 reach the
// largest value; what the ReLU cuts off is no part of its histogram, but of the mean.
// CHECK:      %[[N:.*]] = "ann.normalize"
// CHECK-NEXT: "ann.observe"(%[[N]]) {counts = dense_resource<{{.*}}> : tensor<2x2048xi32>, mean = dense<[3.500000e+00, 7.000000e+00]> : tensor<2xf64>, origin = dense<[-8.000000e+00, -1.600000e+01]> : tensor<2xf64>, width = dense<[7.812500e-03, 1.562500e-02]> : tensor<2xf64>}
// CHECK-NEXT: %[[I:.*]] = "ann.activation"(%[[N]])
// CHECK-NEXT: %[[F:.*]] = "ann.linear"(%[[I]])
// CHECK-NEXT: "ann.observe"(%[[F]]) {counts = dense_resource<{{.*}}> : tensor<2x2048xi32>, mean = dense<[3.500000e+00, -3.500000e+00]> : tensor<2xf64>, origin = dense<0.000000e+00> : tensor<2xf64>, width = dense<[3.906250e-03, 0.000000e+00]> : tensor<2xf64>}
// CHECK-NEXT: %[[R:.*]] = "ann.activation"(%[[F]])
// CHECK-NEXT: %[[G:.*]] = "ann.linear"(%[[R]])
// CHECK-NEXT: "ann.observe"(%[[G]]) {{.*}}mean = dense<4.000000e+00> : tensor<1xf64>
// CHECK-NEXT: return %[[G]]
// NONE: net.mlir:{{.*}}: error: calibrate needs calibration samples: give a data file with --calibrate
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x1xf32> {
    %0 = "ann.normalize"(%x) {multiplier = dense<1.0> : tensor<2xf64>, offset = dense<0.0> : tensor<2xf64>,
      minimum = dense<0xFFF0000000000000> : tensor<2xf64>, maximum = dense<0x7FF0000000000000> : tensor<2xf64>}
      : (tensor<?x2xf32>) -> tensor<?x2xf32>
    %1 = "ann.activation"(%0) {minimum = 0xFFF0000000000000 : f64, maximum = 0x7FF0000000000000 : f64}
      : (tensor<?x2xf32>) -> tensor<?x2xf32>
    %2 = "ann.linear"(%1) {weight = dense<[[1.0, 0.0], [1.0, -1.0]]> : tensor<2x2xf32>,
      bias = dense<0.0> : tensor<2xf32>} : (tensor<?x2xf32>) -> tensor<?x2xf32>
    %3 = "ann.activation"(%2) {minimum = 0.0, maximum = 0x7FF0000000000000 : f64}
      : (tensor<?x2xf32>) -> tensor<?x2xf32>
    %4 = "ann.linear"(%3) {weight = dense<1.0> : tensor<1x2xf32>, bias = dense<0.5> : tensor<1xf32>}
      : (tensor<?x2xf32>) -> tensor<?x1xf32>
    return %4 : tensor<?x1xf32>
  }
}

//--- raw.mlir
// CHECK: raw.mlir:[[#@LINE+3]]:10: error: the network input must pass `ann.normalize` first
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
    %0 = "ann.activation"(%x) {minimum = 0.0, maximum = 0x7FF0000000000000 : f64}
      : (tensor<?x2xf32>) -> tensor<?x2xf32>
    return %0 : tensor<?x2xf32>
  }
}
