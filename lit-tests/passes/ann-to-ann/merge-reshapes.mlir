// RUN: %split-file %s %t
// RUN: %neurocudac opt %t/chain.mlir --pass-pipeline='builtin.module(merge-reshapes)' | %FileCheck %t/chain.mlir
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

//--- stage.mlir
// CHECK: error: {{.*}}torch.relu
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
    %0 = "torch.relu"(%x) : (tensor<?x2xf32>) -> tensor<?x2xf32>
    return %0 : tensor<?x2xf32>
  }
}
