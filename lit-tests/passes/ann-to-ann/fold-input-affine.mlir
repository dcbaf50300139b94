// RUN: %split-file %s %t
// RUN: %neurocudac opt %t/constants.mlir --front | %FileCheck %t/constants.mlir
// RUN: %neurocudac opt %t/chain.mlir --pass-pipeline='builtin.module(fold-input-affine)' | %FileCheck %t/chain.mlir
// RUN: %not %neurocudac opt %t/length.mlir --pass-pipeline='builtin.module(fold-input-affine)' 2>&1 | %FileCheck %t/length.mlir

//--- constants.mlir
// (x - mean) / std with buffers of the model: the encoder's normalisation, and no neuron.
// CHECK:      "ann.normalize"({{.*}}multiplier = dense<[2.500000e-01, 5.000000e-01]>{{.*}}offset = dense<[-2.500000e-01, -1.000000e+00]>
// CHECK-NEXT: "ann.activation"
// CHECK-NEXT: "ann.conv"
module {
  func.func @net(%x: tensor<?x2x3xf32>) -> tensor<?x1x3xf32> {
    %0 = "torch.add_constant"(%x) {value = dense<[[-1.0], [-2.0]]> : tensor<2x1xf64>} : (tensor<?x2x3xf32>) -> tensor<?x2x3xf32>
    %1 = "torch.mul_constant"(%0) {value = dense<[[0.25], [0.5]]> : tensor<2x1xf64>} : (tensor<?x2x3xf32>) -> tensor<?x2x3xf32>
    %2 = "torch.convolution"(%1) {weight = dense<1.0> : tensor<1x2x1xf32>, bias = dense<0.0> : tensor<1xf32>, stride = array<i64: 1>,
      padding = array<i64: 0>, dilation = array<i64: 1>, groups = 1 : i64, transposed = false, output_padding = array<i64: 0>}
      : (tensor<?x2x3xf32>) -> tensor<?x1x3xf32>
    return %2 : tensor<?x1x3xf32>
  }
}

//--- chain.mlir
// x·2 → x·(−6) + 1, cut off below 0, → x·(−12) + 2, cut off below 0
// CHECK:      %[[N:.*]] = "ann.normalize"(%{{.*}}) {{.*}}maximum = dense<0x7FF0000000000000> : tensor<1xf64>, minimum = dense<0.000000e+00> : tensor<1xf64>, multiplier = dense<-1.200000e+01> : tensor<1xf64>, offset = dense<2.000000e+00> : tensor<1xf64>
// CHECK-NEXT: return %[[N]] :
module {
  func.func @net(%x: tensor<?x1xf32>) -> tensor<?x1xf32> {
    %0 = "ann.normalize"(%x) {multiplier = dense<2.0> : tensor<1xf64>, offset = dense<0.0> : tensor<1xf64>,
      minimum = dense<0xFFF0000000000000> : tensor<1xf64>, maximum = dense<0x7FF0000000000000> : tensor<1xf64>}
      : (tensor<?x1xf32>) -> tensor<?x1xf32>
    %1 = "ann.scale"(%0) {weight = dense<-3.0> : tensor<1xf32>, bias = dense<1.0> : tensor<1xf32>}
      : (tensor<?x1xf32>) -> tensor<?x1xf32>
    %2 = "ann.activation"(%1) {minimum = 0.0, maximum = 0x7FF0000000000000 : f64} : (tensor<?x1xf32>) -> tensor<?x1xf32>
    %3 = "ann.scale"(%2) {weight = dense<2.0> : tensor<1xf32>, bias = dense<0.0> : tensor<1xf32>}
      : (tensor<?x1xf32>) -> tensor<?x1xf32>
    return %3 : tensor<?x1xf32>
  }
}

//--- length.mlir
// CHECK: {{.*}}length.mlir:[[#@LINE+6]]:10: error: needs 1 factors and biases, one for each channel
module {
  func.func @net(%x: tensor<?x1xf32>) -> tensor<?x1xf32> {
    %0 = "ann.normalize"(%x) {multiplier = dense<2.0> : tensor<1xf64>, offset = dense<0.0> : tensor<1xf64>,
      minimum = dense<0xFFF0000000000000> : tensor<1xf64>, maximum = dense<0x7FF0000000000000> : tensor<1xf64>}
      : (tensor<?x1xf32>) -> tensor<?x1xf32>
    %1 = "ann.scale"(%0) {weight = dense<-3.0> : tensor<2xf32>, bias = dense<1.0> : tensor<1xf32>}
      : (tensor<?x1xf32>) -> tensor<?x1xf32>
    return %1 : tensor<?x1xf32>
  }
}
