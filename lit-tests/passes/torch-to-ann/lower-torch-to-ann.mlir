// RUN: %split-file %s %t
// RUN: %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(lower-torch-to-ann)' | %FileCheck %t/net.mlir
// RUN: %neurocudac opt %t/raw.mlir --pass-pipeline='builtin.module(lower-torch-to-ann)' | %FileCheck %t/raw.mlir
// RUN: %not %neurocudac opt %t/dropout.mlir --pass-pipeline='builtin.module(lower-torch-to-ann)' 2>&1 | %FileCheck %t/dropout.mlir
// RUN: %not %neurocudac opt %t/mean.mlir --pass-pipeline='builtin.module(lower-torch-to-ann)' 2>&1 | %FileCheck %t/mean.mlir
// RUN: %neurocudac opt %t/curves.mlir --pass-pipeline='builtin.module(lower-torch-to-ann)' | %FileCheck %t/curves.mlir
// RUN: %not %neurocudac opt %t/constant.mlir --pass-pipeline='builtin.module(lower-torch-to-ann)' 2>&1 | %FileCheck %t/constant.mlir

//--- net.mlir
// CHECK-NOT:  torch.
// CHECK:      %[[N:.*]] = "ann.normalize"(%{{.*}}) {{.*}}maximum = dense<0x7FF0000000000000> : tensor<1xf64>, minimum = dense<0xFFF0000000000000> : tensor<1xf64>, multiplier = dense<1.000000e+00> : tensor<1xf64>, offset = dense<-5.000000e-01> : tensor<1xf64>
// CHECK-NEXT: %[[C:.*]] = "ann.conv"(%[[N]]) {{.*}}groups = 1 : i64
// CHECK-NEXT: %[[A:.*]] = "ann.activation"(%[[C]]) {{.*}}maximum = 0x7FF0000000000000 : f64, minimum = 0.000000e+00 : f64
// CHECK-NEXT: %[[S:.*]] = "ann.scale"(%[[A]]) {{.*}}bias = dense<-1.000000e+00> : tensor<1xf32>, weight = dense<1.500000e+00> : tensor<1xf32>
// CHECK-NEXT: %[[P:.*]] = "ann.avg_pool2d"(%[[S]]) {{.*}}columns = array<i64: 0, 2, 1, 4, 3, 5>, divisor = dense<{{\[\[}}4, 6, 4], [6, 9, 6], [4, 6, 4]]> : tensor<3x3xi32>, rows = array<i64: 0, 2, 1, 4, 3, 5>
// CHECK-NEXT: %[[R:.*]] = "ann.reshape"(%[[P]]) : (tensor<?x1x3x3xf32>) -> tensor<?x9xf32>
// CHECK-NEXT: %[[L:.*]] = "ann.linear"(%[[R]])
// CHECK-NEXT: return %[[L]] :
module {
  func.func @net(%x: tensor<?x1x5x5xf32>) -> tensor<?x2xf32> {
    %0 = "torch.normalize"(%x) {scale = 0.5, mean = dense<[0.25]> : tensor<1xf32>, std = dense<[0.5]> : tensor<1xf32>}
      : (tensor<?x1x5x5xf32>) -> tensor<?x1x5x5xf32>
    %1 = "torch.convolution"(%0) {weight = dense<2.0> : tensor<1x1x1x1xf32>, bias = dense<1.0> : tensor<1xf32>,
      stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, transposed = false, output_padding = array<i64: 0, 0>}
      : (tensor<?x1x5x5xf32>) -> tensor<?x1x5x5xf32>
    %2 = "torch.relu"(%1) : (tensor<?x1x5x5xf32>) -> tensor<?x1x5x5xf32>
    %3 = "torch.batch_norm"(%2) {weight = dense<3.0> : tensor<1xf32>, bias = dense<0.5> : tensor<1xf32>,
      running_mean = dense<1.0> : tensor<1xf32>, running_var = dense<3.0> : tensor<1xf32>, eps = 1.0}
      : (tensor<?x1x5x5xf32>) -> tensor<?x1x5x5xf32>
    %4 = "torch.avg_pool"(%3) {kernel = array<i64: 3, 3>, stride = array<i64: 2, 2>, padding = array<i64: 1, 1>,
      ceil_mode = false, count_include_pad = false, divisor_override = 0} : (tensor<?x1x5x5xf32>) -> tensor<?x1x3x3xf32>
    %5 = "torch.flatten"(%4) {start_dim = 1 : i64, end_dim = 3 : i64} : (tensor<?x1x3x3xf32>) -> tensor<?x9xf32>
    %6 = "torch.linear"(%5) {weight = dense<1.0> : tensor<2x9xf32>, bias = dense<0.0> : tensor<2xf32>}
      : (tensor<?x9xf32>) -> tensor<?x2xf32>
    return %6 : tensor<?x2xf32>
  }
}

//--- raw.mlir
// An input without normalisation gets one that changes nothing.
// CHECK:      %[[N:.*]] = "ann.normalize"(%{{.*}}) {{.*}}multiplier = dense<1.000000e+00> : tensor<2xf64>, offset = dense<0.000000e+00> : tensor<2xf64>
// CHECK-NEXT: %[[D:.*]] = "ann.scale"(%[[N]]) {{.*}}bias = dense<-5.000000e-01> : tensor<2xf32>, weight = dense<1.000000e+00> : tensor<2xf32>
// CHECK-NEXT: %[[P:.*]] = "ann.pad"(%[[D]]) {{.*}}after = array<i64: 0, 1>, before = array<i64: 0, 0>
// CHECK-NEXT: "ann.scale"(%[[P]]) {{.*}}bias = dense<5.000000e-01> : tensor<3xf32>, weight = dense<1.000000e+00> : tensor<3xf32>
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x3xf32> {
    %0 = "torch.constant_pad"(%x) {before = array<i64: 0, 0>, after = array<i64: 0, 1>, value = 0.5}
      : (tensor<?x2xf32>) -> tensor<?x3xf32>
    return %0 : tensor<?x3xf32>
  }
}

//--- dropout.mlir
// CHECK: {{.*}}dropout.mlir:[[#@LINE+3]]:10: error: `torch.dropout` does nothing at inference and has no counterpart in `ann`: run `remove-identity` first
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
    %0 = "torch.dropout"(%x) {p = 0.5} : (tensor<?x2xf32>) -> tensor<?x2xf32>
    return %0 : tensor<?x2xf32>
  }
}

//--- mean.mlir
// CHECK: {{.*}}mean.mlir:[[#@LINE+3]]:10: error: `torch.mean` over all axes leaves no channel axis: set `keepdim`
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?xf32> {
    %0 = "torch.mean"(%x) {dims = array<i64: 1>, keepdim = false} : (tensor<?x2xf32>) -> tensor<?xf32>
    return %0 : tensor<?xf32>
  }
}

//--- curves.mlir
// A function that is no clamp keeps its place in front of an activation with its range. Limits that do not hold 0 are moved there, or
// mirrored.
// CHECK:      %[[C:.*]] = "ann.curve"(%{{.*}}) {function = "gelu", parameter = dense<0.000000e+00> : tensor<1xf64>}
// CHECK-NEXT: %[[A:.*]] = "ann.activation"(%[[C]]) {maximum = 0x7FF0000000000000 : f64, minimum = -1.700000e-01 : f64}
// CHECK-NEXT: %[[D:.*]] = "ann.curve"(%[[A]]) {function = "leaky_relu", parameter = dense<[-5.000000e-01, 2.500000e-01]> : tensor<2xf32>}
// CHECK-NEXT: %[[B:.*]] = "ann.activation"(%[[D]]) {maximum = 0x7FF0000000000000 : f64, minimum = 0xFFF0000000000000 : f64}
// CHECK-NEXT: %[[E:.*]] = "ann.scale"(%[[B]]) {bias = dense<-1.000000e+00> : tensor<2xf32>, weight = dense<1.000000e+00> : tensor<2xf32>}
// CHECK-NEXT: %[[F:.*]] = "ann.activation"(%[[E]]) {maximum = 2.000000e+00 : f64, minimum = 0.000000e+00 : f64}
// CHECK-NEXT: %[[G:.*]] = "ann.scale"(%[[F]]) {bias = dense<1.000000e+00> : tensor<2xf32>, weight = dense<1.000000e+00> : tensor<2xf32>}
// CHECK-NEXT: %[[H:.*]] = "ann.scale"(%[[G]]) {bias = dense<-2.500000e+00> : tensor<2xf32>, weight = dense<-1.000000e+00> : tensor<2xf32>}
// CHECK-NEXT: %[[I:.*]] = "ann.activation"(%[[H]]) {maximum = 0x7FF0000000000000 : f64, minimum = 0.000000e+00 : f64}
// CHECK-NEXT: "ann.scale"(%[[I]]) {bias = dense<-2.500000e+00> : tensor<2xf32>, weight = dense<-1.000000e+00> : tensor<2xf32>}
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
    %0 = "torch.gelu"(%x) {approximate_tanh = false} : (tensor<?x2xf32>) -> tensor<?x2xf32>
    %1 = "torch.prelu"(%0) {weight = dense<[-0.5, 0.25]> : tensor<2xf32>} : (tensor<?x2xf32>) -> tensor<?x2xf32>
    %2 = "torch.clamp"(%1) {minimum = 1.0, maximum = 3.0} : (tensor<?x2xf32>) -> tensor<?x2xf32>
    %4 = "torch.clamp"(%2) {minimum = 0xFFF0000000000000 : f64, maximum = -2.5} : (tensor<?x2xf32>) -> tensor<?x2xf32>
    return %4 : tensor<?x2xf32>
  }
}

//--- constant.mlir
// CHECK: constant.mlir:[[#@LINE+3]]:10: error: `torch.clamp` is 1 whatever its input: nothing behind it depends on the image; leave it out
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
    %0 = "torch.clamp"(%x) {minimum = 1.0, maximum = 1.0} : (tensor<?x2xf32>) -> tensor<?x2xf32>
    return %0 : tensor<?x2xf32>
  }
}
