// RUN: %split-file %s %t
// RUN: %neurocudac opt %t/shuffle.mlir --pass-pipeline='builtin.module(gather-channels,remove-dead-ops)' | %FileCheck %t/shuffle.mlir
// RUN: %neurocudac opt %t/mixed.mlir --pass-pipeline='builtin.module(gather-channels,remove-dead-ops)' | %FileCheck %t/mixed.mlir
// RUN: %not %neurocudac opt %t/stage.mlir --pass-pipeline='builtin.module(gather-channels)' 2>&1 | %FileCheck %t/stage.mlir

//--- shuffle.mlir
// CHECK:      func.func @net(%[[X:.*]]: tensor<?x6x2x2xf32>)
// CHECK-NEXT: %[[G:.*]] = "ann.gather"(%[[X]]) {axis = 1 : i64, indices = array<i64: 0, 3, 1, 4, 2, 5>}
// CHECK-NEXT: return %[[G]] :
module {
  func.func @net(%x: tensor<?x6x2x2xf32>) -> tensor<?x6x2x2xf32> {
    %0 = "ann.reshape"(%x) : (tensor<?x6x2x2xf32>) -> tensor<?x2x3x2x2xf32>
    %1 = "ann.permute"(%0) {axes = array<i64: 0, 2, 1, 3, 4>} : (tensor<?x2x3x2x2xf32>) -> tensor<?x3x2x2x2xf32>
    %2 = "ann.reshape"(%1) : (tensor<?x3x2x2x2xf32>) -> tensor<?x6x2x2xf32>
    return %2 : tensor<?x6x2x2xf32>
  }
}

//--- mixed.mlir
// The result's channels are made of several: nothing is to be gained.
// CHECK-NOT: ann.gather
// CHECK:     ann.permute
module {
  func.func @net(%x: tensor<?x6x4xf32>) -> tensor<?x2x12xf32> {
    %0 = "ann.permute"(%x) {axes = array<i64: 0, 2, 1>} : (tensor<?x6x4xf32>) -> tensor<?x4x6xf32>
    %1 = "ann.reshape"(%0) : (tensor<?x4x6xf32>) -> tensor<?x2x12xf32>
    return %1 : tensor<?x2x12xf32>
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
