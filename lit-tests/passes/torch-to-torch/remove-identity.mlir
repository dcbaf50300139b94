// RUN: %split-file %s %t
// RUN: %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(remove-identity)' | %FileCheck %t/net.mlir
// RUN: %not %neurocudac opt %t/stage.mlir --pass-pipeline='builtin.module(remove-identity)' 2>&1 | %FileCheck %t/stage.mlir

//--- net.mlir
// CHECK:      func.func @net(%[[X:.*]]: tensor<?x4xf32>)
// CHECK-NEXT: %[[Y:.*]] = "torch.relu"(%[[X]])
// CHECK-NEXT: return %[[Y]] :
module {
  func.func @net(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
    %0 = "torch.dropout"(%x) {p = 0.5} : (tensor<?x4xf32>) -> tensor<?x4xf32>
    %1 = "torch.relu"(%0) : (tensor<?x4xf32>) -> tensor<?x4xf32>
    %2 = "torch.identity"(%1) : (tensor<?x4xf32>) -> tensor<?x4xf32>
    return %2 : tensor<?x4xf32>
  }
}

//--- stage.mlir
// CHECK: error: {{.*}}ann.reshape
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
    %0 = "ann.reshape"(%x) : (tensor<?x2xf32>) -> tensor<?x2xf32>
    return %0 : tensor<?x2xf32>
  }
}
