// RUN: %split-file %s %t
// RUN: %neurocudac opt %t/folds.mlir --pass-pipeline='builtin.module(fold-batch-norm)' | %FileCheck %t/folds.mlir
// RUN: %neurocudac opt %t/shared.mlir --pass-pipeline='builtin.module(fold-batch-norm)' | %FileCheck %t/shared.mlir
// RUN: %not %neurocudac opt %t/negative.mlir --pass-pipeline='builtin.module(fold-batch-norm)' 2>&1 | %FileCheck %t/negative.mlir

//--- folds.mlir
// W·γ/√(v+ε) = [1, 2] · 3/2, (b − μ)·γ/√(v+ε) + β = (3 − 1) · 3/2 + 1/2; by data flow, not by adjacency.
// CHECK:      "torch.relu"
// CHECK-NEXT: %[[Y:.*]] = "torch.linear"(%{{.*}}) {{.*}}bias = dense<3.500000e+00> : tensor<1xf32>, weight = dense<{{\[\[}}1.500000e+00, 3.000000e+00]]> : tensor<1x2xf32>
// CHECK-NOT:  torch.batch_norm
// CHECK:      "torch.add"(%[[Y]],
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x1xf32> {
    %0 = "torch.linear"(%x) {weight = dense<[[1.0, 2.0]]> : tensor<1x2xf32>, bias = dense<3.0> : tensor<1xf32>}
      : (tensor<?x2xf32>) -> tensor<?x1xf32>
    %1 = "torch.relu"(%x) : (tensor<?x2xf32>) -> tensor<?x2xf32>
    %2 = "torch.batch_norm"(%0) {weight = dense<3.0> : tensor<1xf32>, bias = dense<0.5> : tensor<1xf32>,
      running_mean = dense<1.0> : tensor<1xf32>, running_var = dense<3.0> : tensor<1xf32>, eps = 1.0}
      : (tensor<?x1xf32>) -> tensor<?x1xf32>
    %3 = "torch.linear"(%1) {weight = dense<1.0> : tensor<1x2xf32>, bias = dense<0.0> : tensor<1xf32>}
      : (tensor<?x2xf32>) -> tensor<?x1xf32>
    %4 = "torch.add"(%2, %3) : (tensor<?x1xf32>, tensor<?x1xf32>) -> tensor<?x1xf32>
    return %4 : tensor<?x1xf32>
  }
}

//--- shared.mlir
// CHECK: %[[C:.*]] = "torch.convolution"
// CHECK: %[[N:.*]] = "torch.batch_norm"(%[[C]])
// CHECK: "torch.add"(%[[C]], %[[N]])
module {
  func.func @net(%x: tensor<?x1x2x2xf32>) -> tensor<?x1x2x2xf32> {
    %0 = "torch.convolution"(%x) {weight = dense<1.0> : tensor<1x1x1x1xf32>, bias = dense<0.0> : tensor<1xf32>,
      stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, transposed = false, output_padding = array<i64: 0, 0>}
      : (tensor<?x1x2x2xf32>) -> tensor<?x1x2x2xf32>
    %1 = "torch.batch_norm"(%0) {weight = dense<3.0> : tensor<1xf32>, bias = dense<0.5> : tensor<1xf32>,
      running_mean = dense<1.0> : tensor<1xf32>, running_var = dense<3.0> : tensor<1xf32>, eps = 1.0}
      : (tensor<?x1x2x2xf32>) -> tensor<?x1x2x2xf32>
    %2 = "torch.add"(%0, %1) : (tensor<?x1x2x2xf32>, tensor<?x1x2x2xf32>) -> tensor<?x1x2x2xf32>
    return %2 : tensor<?x1x2x2xf32>
  }
}

//--- negative.mlir
// CHECK: {{.*}}negative.mlir:[[#@LINE+5]]:10: error: `running_var` + `eps` is -1 in channel 0
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x1xf32> {
    %0 = "torch.linear"(%x) {weight = dense<[[1.0, 2.0]]> : tensor<1x2xf32>, bias = dense<3.0> : tensor<1xf32>}
      : (tensor<?x2xf32>) -> tensor<?x1xf32>
    %1 = "torch.batch_norm"(%0) {weight = dense<3.0> : tensor<1xf32>, bias = dense<0.5> : tensor<1xf32>,
      running_mean = dense<1.0> : tensor<1xf32>, running_var = dense<-2.0> : tensor<1xf32>, eps = 1.0}
      : (tensor<?x1xf32>) -> tensor<?x1xf32>
    return %1 : tensor<?x1xf32>
  }
}
