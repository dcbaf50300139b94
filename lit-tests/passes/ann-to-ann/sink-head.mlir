// RUN: %neurocudac opt %s --pass-pipeline='builtin.module(sink-head)' | %FileCheck %s

// A softmax over channels is one over features once the image is flattened, whatever stands around the axis. An argmax has lost its axis:
// the reshape of what is left is one of the logits with the axis in its place. A reshape that cuts the axis stays.
// CHECK:      %[[A:.*]] = "ann.reshape"(%{{.*}}) : (tensor<?x4x1x1xf32>) -> tensor<?x1x4xf32>
// CHECK-NEXT: %[[B:.*]] = "ann.reshape"(%[[A]]) : (tensor<?x1x4xf32>) -> tensor<?x4xf32>
// CHECK-NEXT: %[[C:.*]] = "ann.head"(%[[B]]) {axis = 1 : i64, function = "softmax", keepdim = false} : (tensor<?x4xf32>) -> tensor<?x4xf32>
// CHECK-NEXT: %[[D:.*]] = "ann.reshape"(%{{.*}}) : (tensor<?x4x2x3xf32>) -> tensor<?x4x6xf32>
// CHECK-NEXT: %[[E:.*]] = "ann.head"(%[[D]]) {axis = 1 : i64, function = "argmax", keepdim = false} : (tensor<?x4x6xf32>) -> tensor<?x6xf32>
// CHECK-NEXT: %[[F:.*]] = "ann.head"(%{{.*}}) {axis = 1 : i64, function = "log_softmax", keepdim = false}
// CHECK-NEXT: %[[G:.*]] = "ann.reshape"(%[[F]]) : (tensor<?x4x2x3xf32>) -> tensor<?x24xf32>
// CHECK-NEXT: return %[[C]], %[[E]], %[[G]]
module {
  func.func @net(%x: tensor<?x4x1x1xf32>, %y: tensor<?x4x2x3xf32>) -> (tensor<?x4xf32>, tensor<?x6xf32>, tensor<?x24xf32>) {
    %0 = "ann.head"(%x) {function = "softmax", axis = 1, keepdim = false} : (tensor<?x4x1x1xf32>) -> tensor<?x4x1x1xf32>
    %1 = "ann.reshape"(%0) : (tensor<?x4x1x1xf32>) -> tensor<?x1x4xf32>
    %2 = "ann.reshape"(%1) : (tensor<?x1x4xf32>) -> tensor<?x4xf32>
    %3 = "ann.head"(%y) {function = "argmax", axis = 1, keepdim = true} : (tensor<?x4x2x3xf32>) -> tensor<?x1x2x3xf32>
    %4 = "ann.reshape"(%3) : (tensor<?x1x2x3xf32>) -> tensor<?x6xf32>
    %5 = "ann.head"(%y) {function = "log_softmax", axis = 1, keepdim = false} : (tensor<?x4x2x3xf32>) -> tensor<?x4x2x3xf32>
    %6 = "ann.reshape"(%5) : (tensor<?x4x2x3xf32>) -> tensor<?x24xf32>
    return %2, %4, %6 : tensor<?x4xf32>, tensor<?x6xf32>, tensor<?x24xf32>
  }
}
