// RUN: %split-file %s %t
// RUN: %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(correct-bias)' --calibrate %S/../../data/counting.safetensors | %FileCheck %t/net.mlir
// RUN: %not %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(correct-bias)' 2>&1 | %FileCheck %t/net.mlir --check-prefix=NONE
// RUN: %not %neurocudac opt %t/wrong.mlir --pass-pipeline='builtin.module(correct-bias)' --calibrate %S/../../data/counting.safetensors 2>&1 | %FileCheck %t/wrong.mlir

//--- net.mlir
// Samples are (k, 2k) for k = 0…7, so the first layer gives (k, −k − 10), 3.5 and −13.5 on average. A unit stands for scale/threshold
// = ½: the means 4.5 and −8 are 9 and −16 units, the shifts 5.5 and −2.5, rounded to 6 and −3. With them the second layer gives 2 and
// 3, four times each, 2.5 on average (without them 1): 1/¼ = 4 units are wanted, the shift 1.5 is rounded to 2.
// CHECK:      "ann.linear"({{.*}}) {bias = dense<[16, -3]> : tensor<2xi32>
// CHECK:      "ann.linear"({{.*}}) {bias = dense<2> : tensor<1xi32>
// CHECK-NOT:  ann.observe
// NONE: net.mlir:{{.*}}: error: correct-bias needs calibration samples: give a data file with --calibrate
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x1xf32> {
    %0 = "ann.encode"(%x) {multiplier = dense<1.0> : tensor<2xf64>, offset = dense<[-10.0, 0.0]> : tensor<2xf64>,
      minimum = dense<0xFFF0000000000000> : tensor<2xf64>, maximum = dense<0x7FF0000000000000> : tensor<2xf64>,
      scale = 1.0, low = -127, high = 127} : (tensor<?x2xf32>) -> tensor<?x2xi32>
    %1 = "ann.linear"(%0) {weight = dense<[[1, 0], [1, -1]]> : tensor<2x2xi8>, bias = dense<[10, 0]> : tensor<2xi32>}
      : (tensor<?x2xi32>) -> tensor<?x2xi32>
    "ann.observe"(%1) {counts = dense<1> : tensor<2x4xi32>, origin = dense<0.0> : tensor<2xf64>,
      width = dense<1.0> : tensor<2xf64>, mean = dense<[4.5, -8.0]> : tensor<2xf64>} : (tensor<?x2xi32>) -> ()
    %2 = "ann.requantize"(%1) {threshold = dense<[4, 2]> : tensor<2xi32>, scale = dense<[2.0, 1.0]> : tensor<2xf64>,
      low = 0, high = 3} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %3 = "ann.linear"(%2) {weight = dense<1> : tensor<1x2xi8>, bias = dense<0> : tensor<1xi32>}
      : (tensor<?x2xi32>) -> tensor<?x1xi32>
    "ann.observe"(%3) {counts = dense<1> : tensor<1x4xi32>, origin = dense<0.0> : tensor<1xf64>,
      width = dense<1.0> : tensor<1xf64>, mean = dense<1.0> : tensor<1xf64>} : (tensor<?x1xi32>) -> ()
    %4 = "ann.dequantize"(%3) {scale = dense<0.25> : tensor<1xf64>} : (tensor<?x1xi32>) -> tensor<?x1xf32>
    return %4 : tensor<?x1xf32>
  }
}

//--- wrong.mlir
// CHECK: wrong.mlir:[[#@LINE+6]]:10: error: `weight` takes 3 inputs, the operand has 2
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x1xf32> {
    %0 = "ann.encode"(%x) {multiplier = dense<1.0> : tensor<2xf64>, offset = dense<0.0> : tensor<2xf64>,
      minimum = dense<0xFFF0000000000000> : tensor<2xf64>, maximum = dense<0x7FF0000000000000> : tensor<2xf64>,
      scale = 1.0, low = -127, high = 127} : (tensor<?x2xf32>) -> tensor<?x2xi32>
    %1 = "ann.linear"(%0) {weight = dense<1> : tensor<1x3xi8>, bias = dense<0> : tensor<1xi32>}
      : (tensor<?x2xi32>) -> tensor<?x1xi32>
    %2 = "ann.dequantize"(%1) {scale = dense<0.25> : tensor<1xf64>} : (tensor<?x1xi32>) -> tensor<?x1xf32>
    return %2 : tensor<?x1xf32>
  }
}
