// RUN: %split-file %s %t
// RUN: %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(insert-requantize)' | %FileCheck %t/net.mlir
// RUN: %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(insert-requantize,insert-requantize)' | %FileCheck %t/net.mlir
// RUN: %not %neurocudac opt %t/raw.mlir --pass-pipeline='builtin.module(insert-requantize)' 2>&1 | %FileCheck %t/raw.mlir
// RUN: %not %neurocudac opt %t/attention.mlir --pass-pipeline='builtin.module(insert-requantize)' 2>&1 | %FileCheck %t/attention.mlir

//--- net.mlir
// The input, a bottleneck (fc1 feeds fc2) and a sum with two readers become levels; an activation's result is one, and the
// returned sum need not.
// CHECK:      %[[N:.*]] = "ann.normalize"
// CHECK-NEXT: %[[I:.*]] = "ann.activation"(%[[N]]) {{.*}}maximum = 0x7FF0000000000000 : f64, minimum = 0xFFF0000000000000 : f64
// CHECK-NEXT: %[[F:.*]] = "ann.linear"(%[[I]])
// CHECK-NEXT: %[[Q:.*]] = "ann.activation"(%[[F]]) {{.*}}maximum = 0x7FF0000000000000 : f64, minimum = 0xFFF0000000000000 : f64
// CHECK-NEXT: %[[G:.*]] = "ann.linear"(%[[Q]])
// CHECK-NEXT: %[[A:.*]] = "ann.add"(%[[G]], %[[I]])
// CHECK-NEXT: %[[S:.*]] = "ann.activation"(%[[A]]) {{.*}}maximum = 0x7FF0000000000000 : f64, minimum = 0xFFF0000000000000 : f64
// CHECK-NEXT: %[[R:.*]] = "ann.activation"(%[[S]]) {{.*}}maximum = 0x7FF0000000000000 : f64, minimum = 0.000000e+00 : f64
// CHECK-NEXT: %[[H:.*]] = "ann.linear"(%[[R]])
// CHECK-NEXT: %[[O:.*]] = "ann.add"(%[[H]], %[[S]])
// CHECK-NEXT: return %[[O]] :
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
    %0 = "ann.normalize"(%x) {multiplier = dense<1.0> : tensor<2xf64>, offset = dense<0.0> : tensor<2xf64>,
      minimum = dense<0xFFF0000000000000> : tensor<2xf64>, maximum = dense<0x7FF0000000000000> : tensor<2xf64>}
      : (tensor<?x2xf32>) -> tensor<?x2xf32>
    %1 = "ann.linear"(%0) {weight = dense<1.0> : tensor<2x2xf32>, bias = dense<0.0> : tensor<2xf32>}
      : (tensor<?x2xf32>) -> tensor<?x2xf32>
    %2 = "ann.linear"(%1) {weight = dense<1.0> : tensor<2x2xf32>, bias = dense<0.0> : tensor<2xf32>}
      : (tensor<?x2xf32>) -> tensor<?x2xf32>
    %3 = "ann.add"(%2, %0) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
    %4 = "ann.activation"(%3) {minimum = 0.0, maximum = 0x7FF0000000000000 : f64} : (tensor<?x2xf32>) -> tensor<?x2xf32>
    %5 = "ann.linear"(%4) {weight = dense<1.0> : tensor<2x2xf32>, bias = dense<0.0> : tensor<2xf32>}
      : (tensor<?x2xf32>) -> tensor<?x2xf32>
    %6 = "ann.add"(%5, %3) : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
    return %6 : tensor<?x2xf32>
  }
}

//--- raw.mlir
// CHECK: {{.*}}raw.mlir:[[#@LINE+3]]:10: error: reads the network's input as it is; `lower-torch-to-ann` puts an `ann.normalize` there
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
    %0 = "ann.linear"(%x) {weight = dense<1.0> : tensor<2x2xf32>, bias = dense<0.0> : tensor<2xf32>}
      : (tensor<?x2xf32>) -> tensor<?x2xf32>
    return %0 : tensor<?x2xf32>
  }
}

//--- attention.mlir
// CHECK: attention.mlir:[[#@LINE+7]]:10: error: unsupported: `softmax` inside the network: layer `ann.linear` reads it
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
    %0 = "ann.normalize"(%x) {multiplier = dense<1.0> : tensor<2xf64>, offset = dense<0.0> : tensor<2xf64>,
      minimum = dense<0xFFF0000000000000> : tensor<2xf64>, maximum = dense<0x7FF0000000000000> : tensor<2xf64>}
      : (tensor<?x2xf32>) -> tensor<?x2xf32>
    %1 = "ann.linear"(%0) {weight = dense<1.0> : tensor<2x2xf32>, bias = dense<0.0> : tensor<2xf32>} : (tensor<?x2xf32>) -> tensor<?x2xf32>
    %2 = "ann.head"(%1) {function = "softmax", axis = 1, keepdim = false} : (tensor<?x2xf32>) -> tensor<?x2xf32>
    %3 = "ann.linear"(%2) {weight = dense<1.0> : tensor<2x2xf32>, bias = dense<0.0> : tensor<2xf32>} : (tensor<?x2xf32>) -> tensor<?x2xf32>
    return %3 : tensor<?x2xf32>
  }
}
