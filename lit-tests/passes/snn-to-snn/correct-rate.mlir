// RUN: %split-file %s %t
// RUN: %neurocudac opt %t/net.mlir --pass-pipeline='calibrate,choose-thresholds{levels=8},quantize,lower-to-rate{timesteps=8}' --calibrate %S/../../data/counting.safetensors | %FileCheck %t/net.mlir --check-prefix=BEFORE
// RUN: %neurocudac opt %t/net.mlir --pass-pipeline='calibrate,choose-thresholds{levels=8},quantize,lower-to-rate{timesteps=8},correct-rate' --calibrate %S/../../data/counting.safetensors | %FileCheck %t/net.mlir
// RUN: %not %neurocudac opt %t/wrong.mlir --pass-pipeline='correct-rate' 2>&1 | %FileCheck %t/wrong.mlir

//--- net.mlir
// In the last five of the eight steps the first neurons fire a little too seldom, and the second, on what they now send, too often.
// BEFORE: "snn.if"({{.*}}) {bias = dense<0> : tensor<2xi32>
// BEFORE: "snn.if"({{.*}}) {bias = dense<60> : tensor<1xi32>
// BEFORE: "snn.readout"({{.*}}) {average = true, bias = dense<-81> : tensor<1xi32>
// CHECK:  "snn.if"({{.*}}) {bias = dense<7> : tensor<2xi32>
// CHECK:  "snn.if"({{.*}}) {bias = dense<48> : tensor<1xi32>
// CHECK:  "snn.readout"({{.*}}) {average = true, bias = dense<-81> : tensor<1xi32>{{.*}}start = 0 : i64}
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x1xf32> {
    %0 = "ann.normalize"(%x) {multiplier = dense<1.0> : tensor<2xf64>, offset = dense<0.0> : tensor<2xf64>,
      minimum = dense<0xFFF0000000000000> : tensor<2xf64>, maximum = dense<0x7FF0000000000000> : tensor<2xf64>}
      : (tensor<?x2xf32>) -> tensor<?x2xf32>
    %1 = "ann.activation"(%0) {minimum = 0xFFF0000000000000 : f64, maximum = 0x7FF0000000000000 : f64}
      : (tensor<?x2xf32>) -> tensor<?x2xf32>
    %2 = "ann.linear"(%1) {weight = dense<[[1.0, 0.0], [-1.0, 1.0]]> : tensor<2x2xf32>, bias = dense<0.0> : tensor<2xf32>}
      : (tensor<?x2xf32>) -> tensor<?x2xf32>
    %3 = "ann.activation"(%2) {minimum = 0.0, maximum = 0x7FF0000000000000 : f64} : (tensor<?x2xf32>) -> tensor<?x2xf32> loc("first")
    %4 = "ann.linear"(%3) {weight = dense<[[1.0, -0.7]]> : tensor<1x2xf32>, bias = dense<0.4> : tensor<1xf32>}
      : (tensor<?x2xf32>) -> tensor<?x1xf32>
    %5 = "ann.activation"(%4) {minimum = 0.0, maximum = 0x7FF0000000000000 : f64} : (tensor<?x1xf32>) -> tensor<?x1xf32> loc("second")
    %6 = "ann.linear"(%5) {weight = dense<[[1.5]]> : tensor<1x1xf32>, bias = dense<-0.3> : tensor<1xf32>}
      : (tensor<?x1xf32>) -> tensor<?x1xf32>
    return %6 : tensor<?x1xf32>
  }
}

//--- wrong.mlir
// CHECK: error: correct-rate needs calibration samples and the real network: run it behind `calibrate`, with --calibrate
module {
  func.func @net(%x: tensor<?x1xf32>) -> tensor<?x1xf32> attributes {snn.steps = 8 : i64} {
    %0 = "snn.encode"(%x) {multiplier = dense<1.0> : tensor<1xf64>, offset = dense<0.0> : tensor<1xf64>,
      minimum = dense<0xFFF0000000000000> : tensor<1xf64>, maximum = dense<0x7FF0000000000000> : tensor<1xf64>,
      scale = 1.0, low = -8, high = 8, every_step = true} : (tensor<?x1xf32>) -> tensor<?x1xi32>
    %r = "snn.readout"(%0) {initial = dense<0> : tensor<1xi32>, bias = dense<0> : tensor<1xi32>, gain = 1,
      scale = dense<1.0> : tensor<1xf64>, average = true, start = 0} : (tensor<?x1xi32>) -> tensor<?x1xf32>
    return %r : tensor<?x1xf32>
  }
}
