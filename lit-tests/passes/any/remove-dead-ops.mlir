// RUN: %split-file %s %t
// RUN: %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(remove-dead-ops)' | %FileCheck %t/net.mlir
// RUN: %not %neurocudac opt %t/two.mlir --pass-pipeline='builtin.module(remove-dead-ops)' 2>&1 | %FileCheck %t/two.mlir

//--- net.mlir
// A dead chain goes; an observation stands for itself and keeps what it sees.
// CHECK:      func.func @net(%[[X:.*]]: tensor<?x4xf32>)
// CHECK-NEXT: %[[A:.*]] = "ann.activation"(%[[X]])
// CHECK-NEXT: "ann.observe"(%[[A]])
// CHECK-NEXT: %[[R:.*]] = "ann.add"(%[[X]], %[[X]])
// CHECK-NEXT: return %[[R]] :
module {
  func.func @net(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
    %0 = "ann.reshape"(%x) : (tensor<?x4xf32>) -> tensor<?x2x2xf32>
    %1 = "ann.reshape"(%0) : (tensor<?x2x2xf32>) -> tensor<?x4xf32>
    %2 = "ann.activation"(%x) {minimum = 0.0, maximum = 1.0} : (tensor<?x4xf32>) -> tensor<?x4xf32>
    "ann.observe"(%2) {counts = dense<0> : tensor<1x1xi32>, origin = dense<0.0> : tensor<1xf64>,
      width = dense<1.0> : tensor<1xf64>, mean = dense<0.0> : tensor<1xf64>} : (tensor<?x4xf32>) -> ()
    %3 = "ann.add"(%x, %x) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
    return %3 : tensor<?x4xf32>
  }
}

//--- two.mlir
// CHECK: error: {{.*}}exactly one function
module {
  func.func @one(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
    return %x : tensor<?x4xf32>
  }
  func.func @two(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
    return %x : tensor<?x4xf32>
  }
}
