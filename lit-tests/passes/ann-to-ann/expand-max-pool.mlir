// RUN: %split-file %s %t
// RUN: %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(expand-max-pool)' | %FileCheck %t/net.mlir
// RUN: %not %neurocudac opt %t/signed.mlir --pass-pipeline='builtin.module(expand-max-pool)' 2>&1 | %FileCheck %t/signed.mlir

//--- net.mlir
// max(a, b) = b + relu(a − b), columns; the rows, of size 1, need no neuron. The last window reaches one column out: a zero comes there.
// CHECK:      %[[Q:.*]] = "ann.requantize"
// CHECK-NEXT: %[[P:.*]] = "ann.pad"(%[[Q]]) {after = array<i64: 0, 0, 0, 0>, before = array<i64: 0, 0, 0, 1>} : (tensor<?x1x1x3xi32>) -> tensor<?x1x1x4xi32>
// CHECK-NEXT: %[[A:.*]] = "ann.gather"(%[[P]]) {axis = 3 : i64, indices = array<i64: 0, 2>} : (tensor<?x1x1x4xi32>) -> tensor<?x1x1x2xi32>
// CHECK-NEXT: %[[B:.*]] = "ann.gather"(%[[P]]) {axis = 3 : i64, indices = array<i64: 1, 3>}
// CHECK-NEXT: %[[M:.*]] = "ann.scale"(%[[B]]) {bias = dense<0> : tensor<1xi32>, weight = dense<-1> : tensor<1xi8>}
// CHECK-NEXT: %[[D:.*]] = "ann.add"(%[[A]], %[[M]])
// CHECK-NEXT: %[[R:.*]] = "ann.requantize"(%[[D]]) {high = 31 : i64, low = 0 : i64, scale = dense<2.500000e-01> : tensor<1xf64>, threshold = dense<1> : tensor<1xi32>}
// CHECK-NEXT: %[[S:.*]] = "ann.add"(%[[B]], %[[R]])
// CHECK-NEXT: %[[T:.*]] = "ann.gather"(%[[S]]) {axis = 2 : i64, indices = array<i64: 0>}
// CHECK-NEXT: "ann.dequantize"(%[[T]])
// CHECK-NOT:  ann.max_pool2d
module {
  func.func @net(%x: tensor<?x1x1x3xi32>) -> tensor<?x1x1x2xf32> {
    %0 = "ann.requantize"(%x) {threshold = dense<9> : tensor<1xi32>, scale = dense<0.25> : tensor<1xf64>, low = 0,
      high = 31} : (tensor<?x1x1x3xi32>) -> tensor<?x1x1x3xi32>
    %1 = "ann.max_pool2d"(%0) {kernel = array<i64: 1, 2>, stride = array<i64: 1, 2>, padding = array<i64: 0, 1>,
      dilation = array<i64: 1, 1>} : (tensor<?x1x1x3xi32>) -> tensor<?x1x1x2xi32>
    %2 = "ann.dequantize"(%1) {scale = dense<0.25> : tensor<1xf64>} : (tensor<?x1x1x2xi32>) -> tensor<?x1x1x2xf32>
    return %2 : tensor<?x1x1x2xf32>
  }
}

//--- signed.mlir
// CHECK: signed.mlir:[[#@LINE+5]]:10: error: unsupported: a max pool of signed values has no tree of unsigned neurons; use --schedule st-bif, or put a ReLU before the pool
module {
  func.func @net(%x: tensor<?x1x1x4xi32>) -> tensor<?x1x1x2xf32> {
    %0 = "ann.requantize"(%x) {threshold = dense<9> : tensor<1xi32>, scale = dense<0.25> : tensor<1xf64>, low = -31,
      high = 31} : (tensor<?x1x1x4xi32>) -> tensor<?x1x1x4xi32>
    %1 = "ann.max_pool2d"(%0) {kernel = array<i64: 1, 2>, stride = array<i64: 1, 2>, padding = array<i64: 0, 0>,
      dilation = array<i64: 1, 1>} : (tensor<?x1x1x4xi32>) -> tensor<?x1x1x2xi32>
    %2 = "ann.dequantize"(%1) {scale = dense<0.25> : tensor<1xf64>} : (tensor<?x1x1x2xi32>) -> tensor<?x1x1x2xf32>
    return %2 : tensor<?x1x1x2xf32>
  }
}
