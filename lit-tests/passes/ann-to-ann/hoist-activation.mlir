// RUN: %split-file %s %t
// RUN: %neurocudac opt %t/pool.mlir --pass-pipeline='builtin.module(hoist-activation)' | %FileCheck %t/pool.mlir
// RUN: %neurocudac opt %t/zero.mlir --pass-pipeline='builtin.module(hoist-activation)' | %FileCheck %t/zero.mlir
// RUN: %not %neurocudac opt %t/stage.mlir --pass-pipeline='builtin.module(hoist-activation)' 2>&1 | %FileCheck %t/stage.mlir

//--- pool.mlir
// CHECK:      %[[A:.*]] = "ann.activation"(%{{.*}}) {{.*}} : (tensor<?x1x2x2xf32>) -> tensor<?x1x2x2xf32>
// CHECK-NEXT: %[[P:.*]] = "ann.pad"(%[[A]])
// CHECK-NEXT: %[[M:.*]] = "ann.max_pool2d"(%[[P]])
// CHECK-NEXT: %[[R:.*]] = "ann.reshape"(%[[M]])
// CHECK-NEXT: return %[[R]] :
module {
  func.func @net(%x: tensor<?x1x2x2xf32>) -> tensor<?x4xf32> {
    %0 = "ann.pad"(%x) {before = array<i64: 0, 0, 1, 1>, after = array<i64: 0, 0, 1, 1>}
      : (tensor<?x1x2x2xf32>) -> tensor<?x1x4x4xf32>
    %1 = "ann.max_pool2d"(%0) {kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>, padding = array<i64: 0, 0>,
      dilation = array<i64: 1, 1>} : (tensor<?x1x4x4xf32>) -> tensor<?x1x2x2xf32>
    %2 = "ann.reshape"(%1) : (tensor<?x1x2x2xf32>) -> tensor<?x4xf32>
    %3 = "ann.activation"(%2) {minimum = 0.0, maximum = 0x7FF0000000000000 : f64} : (tensor<?x4xf32>) -> tensor<?x4xf32>
    return %3 : tensor<?x4xf32>
  }
}

//--- zero.mlir
// Padding is not in [1, 2].
// CHECK:      %[[P:.*]] = "ann.pad"
// CHECK-NEXT: "ann.activation"(%[[P]])
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x3xf32> {
    %0 = "ann.pad"(%x) {before = array<i64: 0, 1>, after = array<i64: 0, 0>} : (tensor<?x2xf32>) -> tensor<?x3xf32>
    %1 = "ann.activation"(%0) {minimum = 1.0, maximum = 2.0} : (tensor<?x3xf32>) -> tensor<?x3xf32>
    return %1 : tensor<?x3xf32>
  }
}

//--- stage.mlir
// CHECK: error: {{.*}}torch.relu
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
    %0 = "torch.relu"(%x) : (tensor<?x2xf32>) -> tensor<?x2xf32>
    return %0 : tensor<?x2xf32>
  }
}
