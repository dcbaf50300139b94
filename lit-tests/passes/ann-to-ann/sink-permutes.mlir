// RUN: %split-file %s %t
// RUN: %neurocudac opt %t/layers.mlir --front | %FileCheck %t/layers.mlir
// RUN: %neurocudac opt %t/row.mlir --front | %FileCheck %t/row.mlir
// RUN: %neurocudac opt %t/sum.mlir --pass-pipeline='builtin.module(sink-permutes)' | %FileCheck %t/sum.mlir
// RUN: %not %neurocudac opt %t/stage.mlir --pass-pipeline='builtin.module(sink-permutes)' 2>&1 | %FileCheck %t/stage.mlir

//--- layers.mlir
// Linear - ReLU - Linear on samples [T, F]: two convolutions of one tap, whose channels are features, and nothing in between.
// CHECK:      "ann.conv"({{.*}} : (tensor<?x3x4xf32>) -> tensor<?x5x4xf32>
// CHECK-NEXT: "ann.activation"({{.*}} : (tensor<?x5x4xf32>)
// CHECK-NEXT: "ann.conv"({{.*}} : (tensor<?x5x4xf32>) -> tensor<?x2x4xf32>
// CHECK-NEXT: "ann.permute"({{.*}} -> tensor<?x4x2xf32>
// CHECK-NEXT: return
module {
  func.func @net(%x: tensor<?x4x3xf32>) -> tensor<?x4x2xf32> {
    %0 = "torch.linear"(%x) {weight = dense<1.0> : tensor<5x3xf32>, bias = dense<0.0> : tensor<5xf32>}
      : (tensor<?x4x3xf32>) -> tensor<?x4x5xf32>
    %1 = "torch.relu"(%0) : (tensor<?x4x5xf32>) -> tensor<?x4x5xf32>
    %2 = "torch.linear"(%1) {weight = dense<1.0> : tensor<2x5xf32>, bias = dense<0.0> : tensor<2xf32>}
      : (tensor<?x4x5xf32>) -> tensor<?x4x2xf32>
    return %2 : tensor<?x4x2xf32>
  }
}

//--- row.mlir
// Two dense layers in a row: counts stand between them, one step for each feature.
// CHECK:      "ann.conv"({{.*}} -> tensor<?x5x4x2xf32>
// CHECK-NEXT: "ann.activation"({{.*}} : (tensor<?x5x4x2xf32>)
// CHECK-NEXT: "ann.conv"({{.*}} : (tensor<?x5x4x2xf32>)
module {
  func.func @net(%x: tensor<?x4x2x3xf32>) -> tensor<?x4x2x2xf32> {
    %0 = "torch.linear"(%x) {weight = dense<1.0> : tensor<5x3xf32>, bias = dense<0.0> : tensor<5xf32>}
      : (tensor<?x4x2x3xf32>) -> tensor<?x4x2x5xf32>
    %1 = "torch.linear"(%0) {weight = dense<1.0> : tensor<2x5xf32>, bias = dense<0.0> : tensor<2xf32>}
      : (tensor<?x4x2x5xf32>) -> tensor<?x4x2x2xf32>
    return %1 : tensor<?x4x2x2xf32>
  }
}

//--- sum.mlir
// CHECK:      func.func @net(%[[X:.*]]: tensor<?x2x3xf32>)
// CHECK-NEXT: %[[A:.*]] = "ann.activation"(%[[X]])
// CHECK-NEXT: %[[S:.*]] = "ann.add"(%[[A]], %[[X]])
// CHECK-NEXT: %[[P:.*]] = "ann.permute"(%[[S]]) {axes = array<i64: 0, 2, 1>}
// CHECK-NEXT: return %[[P]] :
module {
  func.func @net(%x: tensor<?x2x3xf32>) -> tensor<?x3x2xf32> {
    %0 = "ann.permute"(%x) {axes = array<i64: 0, 2, 1>} : (tensor<?x2x3xf32>) -> tensor<?x3x2xf32>
    %1 = "ann.activation"(%0) {minimum = 0.0, maximum = 6.0} : (tensor<?x3x2xf32>) -> tensor<?x3x2xf32>
    %2 = "ann.add"(%1, %0) : (tensor<?x3x2xf32>, tensor<?x3x2xf32>) -> tensor<?x3x2xf32>
    return %2 : tensor<?x3x2xf32>
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
