// RUN: %split-file %s %t
// RUN: %neurocudac opt %t/chain.mlir --pass-pipeline='builtin.module(merge-reshapes)' | %FileCheck %t/chain.mlir
// RUN: %neurocudac opt %t/positions.mlir --front | %FileCheck %t/positions.mlir
// RUN: %not %neurocudac opt %t/stage.mlir --pass-pipeline='builtin.module(merge-reshapes)' 2>&1 | %FileCheck %t/stage.mlir

//--- chain.mlir
// CHECK:      func.func @net(%[[X:.*]]: tensor<?x6x1x1xf32>)
// CHECK-NEXT: %[[R:.*]] = "ann.reshape"(%[[X]]) : (tensor<?x6x1x1xf32>) -> tensor<?x6xf32>
// CHECK-NEXT: return %[[R]] :
module {
  func.func @net(%x: tensor<?x6x1x1xf32>) -> tensor<?x6xf32> {
    %0 = "ann.reshape"(%x) : (tensor<?x6x1x1xf32>) -> tensor<?x2x3xf32>
    %1 = "ann.reshape"(%0) : (tensor<?x2x3xf32>) -> tensor<?x6x1x1xf32>
    %2 = "ann.reshape"(%1) : (tensor<?x6x1x1xf32>) -> tensor<?x6xf32>
    return %2 : tensor<?x6xf32>
  }
}

//--- positions.mlir
// A dense layer at two positions, flattened behind its ReLU: its outputs are channels, and each feature comes from one of them.
// CHECK:      %[[C:.*]] = "ann.conv"(%{{.*}}) {{.*}} -> tensor<?x5x2xf32>
// CHECK-NEXT: %[[A:.*]] = "ann.activation"(%[[C]])
// CHECK-NEXT: %[[R:.*]] = "ann.reshape"(%[[A]]) : (tensor<?x5x2xf32>) -> tensor<?x10xf32>
// CHECK-NEXT: %[[G:.*]] = "ann.gather"(%[[R]]) {axis = 1 : i64, indices = array<i64: 0, 2, 4, 6, 8, 1, 3, 5, 7, 9>}
// CHECK-NEXT: "ann.linear"(%[[G]])
module {
  func.func @net(%x: tensor<?x2x3xf32>) -> tensor<?x4xf32> {
    %0 = "torch.linear"(%x) {weight = dense<1.0> : tensor<5x3xf32>, bias = dense<0.0> : tensor<5xf32>}
      : (tensor<?x2x3xf32>) -> tensor<?x2x5xf32>
    %1 = "torch.relu"(%0) : (tensor<?x2x5xf32>) -> tensor<?x2x5xf32>
    %2 = "torch.flatten"(%1) {start_dim = 1 : i64, end_dim = 2 : i64} : (tensor<?x2x5xf32>) -> tensor<?x10xf32>
    %3 = "torch.linear"(%2) {weight = dense<1.0> : tensor<4x10xf32>, bias = dense<0.0> : tensor<4xf32>}
      : (tensor<?x10xf32>) -> tensor<?x4xf32>
    return %3 : tensor<?x4xf32>
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
