// RUN: %split-file %s %t
// RUN: %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(lower-to-st-bif)' | %FileCheck %t/net.mlir
// RUN: %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(lower-to-st-bif{delay=2})' | %FileCheck %t/net.mlir --check-prefix=LATE
// RUN: %not %neurocudac opt %t/restless.mlir --pass-pipeline='builtin.module(lower-to-st-bif)' 2>&1 | %FileCheck %t/restless.mlir
// RUN: %not %neurocudac opt %t/no-neurons.mlir --pass-pipeline='builtin.module(lower-to-st-bif)' 2>&1 | %FileCheck %t/no-neurons.mlir
// RUN: %neurocudac opt %t/table.mlir --pass-pipeline='builtin.module(lower-to-st-bif)' | %FileCheck %t/table.mlir

//--- net.mlir
// A membrane starts at half the threshold plus the bias. The first layer sends its last of 31 spikes in step 30, where the second
// begins its last 6, from 3 to −3: 36 steps.
// CHECK:      @net({{.*}}) -> tensor<?x1xf32> attributes {snn.levels = 31 : i64, snn.schedule = "st-bif", snn.steps = 36 : i64}
// CHECK-NEXT: %[[E:.*]] = "snn.encode"(%{{.*}}) {every_step = false, high = 8 : i64, low = -8 : i64, {{.*}}scale = 5.000000e-01 : f64}
// CHECK-NEXT: %[[A:.*]] = "snn.linear"(%[[E]]) {weight = dense<{{\[\[}}3, -2], [1, 1]]> : tensor<2x2xi8>}
// CHECK-NEXT: %[[S:.*]] = "snn.st_bif"(%[[A]]) {delay = 0 : i64, high = 31 : i64, initial = dense<[9, -5]> : tensor<2xi32>, low = 0 : i64, threshold = dense<[9, 4]> : tensor<2xi32>}
// CHECK-NEXT: %[[B:.*]] = "snn.linear"(%[[S]]) {weight = dense<{{\[\[}}1, 2]]> : tensor<1x2xi8>}
// CHECK-NEXT: %[[T:.*]] = "snn.st_bif"(%[[B]]) {delay = 0 : i64, high = 3 : i64, initial = dense<13> : tensor<1xi32>, low = -3 : i64, threshold = dense<5> : tensor<1xi32>}
// CHECK-NEXT: %[[C:.*]] = "snn.linear"(%[[T]])
// CHECK-NEXT: %[[R:.*]] = "snn.readout"(%[[C]]) {average = false, bias = dense<0> : tensor<1xi32>, gain = 1 : i64, initial = dense<13> : tensor<1xi32>, scale = dense<1.250000e-01> : tensor<1xf64>, start = 0 : i64} : (tensor<?x1xi32>) -> tensor<?x1xf32>
// CHECK-NEXT: return %[[R]]
// LATE:   snn.steps = 40 : i64
// LATE:   "snn.st_bif"({{.*}}) {delay = 2 : i64
// LATE:   "snn.st_bif"({{.*}}) {delay = 2 : i64
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x1xf32> {
    %0 = "ann.encode"(%x) {multiplier = dense<1.0> : tensor<2xf64>, offset = dense<0.0> : tensor<2xf64>,
      minimum = dense<0xFFF0000000000000> : tensor<2xf64>, maximum = dense<0x7FF0000000000000> : tensor<2xf64>,
      scale = 0.5, low = -8, high = 8} : (tensor<?x2xf32>) -> tensor<?x2xi32>
    %1 = "ann.linear"(%0) {weight = dense<[[3, -2], [1, 1]]> : tensor<2x2xi8>, bias = dense<[5, -7]> : tensor<2xi32>}
      : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %2 = "ann.requantize"(%1) {threshold = dense<[9, 4]> : tensor<2xi32>, scale = dense<0.25> : tensor<2xf64>,
      low = 0, high = 31} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %3 = "ann.linear"(%2) {weight = dense<[[1, 2]]> : tensor<1x2xi8>, bias = dense<11> : tensor<1xi32>}
      : (tensor<?x2xi32>) -> tensor<?x1xi32>
    %4 = "ann.requantize"(%3) {threshold = dense<5> : tensor<1xi32>, scale = dense<0.5> : tensor<1xf64>,
      low = -3, high = 3} : (tensor<?x1xi32>) -> tensor<?x1xi32>
    %5 = "ann.linear"(%4) {weight = dense<-6> : tensor<1x1xi8>, bias = dense<13> : tensor<1xi32>}
      : (tensor<?x1xi32>) -> tensor<?x1xi32>
    %6 = "ann.dequantize"(%5) {scale = dense<0.125> : tensor<1xf64>} : (tensor<?x1xi32>) -> tensor<?x1xf32>
    return %6 : tensor<?x1xf32>
  }
}

//--- restless.mlir
// CHECK: restless.mlir:[[#@LINE+6]]:10: error: a neuron starts silent: 0 must lie between its lowest and highest level
module {
  func.func @net(%x: tensor<?x1xf32>) -> tensor<?x1xf32> {
    %0 = "ann.encode"(%x) {multiplier = dense<1.0> : tensor<1xf64>, offset = dense<0.0> : tensor<1xf64>,
      minimum = dense<0xFFF0000000000000> : tensor<1xf64>, maximum = dense<0x7FF0000000000000> : tensor<1xf64>,
      scale = 0.5, low = -8, high = 8} : (tensor<?x1xf32>) -> tensor<?x1xi32>
    %1 = "ann.requantize"(%0) {threshold = dense<5> : tensor<1xi32>, scale = dense<0.5> : tensor<1xf64>, low = 1, high = 3}
      : (tensor<?x1xi32>) -> tensor<?x1xi32>
    %r = "ann.dequantize"(%1) {scale = dense<0.125> : tensor<1xf64>} : (tensor<?x1xi32>) -> tensor<?x1xf32>
    return %r : tensor<?x1xf32>
  }
}

//--- no-neurons.mlir
// CHECK: no-neurons.mlir:{{.*}}: error: no-neurons: the network has no activation that could become a neuron; nothing would be converted
module {
  func.func @net(%x: tensor<?x1xi32>) -> tensor<?x1xf32> {
    %0 = "ann.dequantize"(%x) {scale = dense<0.125> : tensor<1xf64>} : (tensor<?x1xi32>) -> tensor<?x1xf32>
    return %0 : tensor<?x1xf32>
  }
}

//--- table.mlir
// A table becomes neurons that follow it: no threshold, and all of the bias in the initial membrane.
// CHECK:      snn.levels = 1 : i64, snn.schedule = "st-bif", snn.steps = 2 : i64
// CHECK:      "snn.st_bif_table"(%{{.*}}) {breakpoints = dense<{{\[\[}}-9, 4, 7]]> : tensor<1x3xi32>, delay = 0 : i64, high = 1 : i64, initial = dense<5> : tensor<1xi32>, low = -1 : i64, start = dense<0> : tensor<1xi32>, steps = dense<{{\[\[}}-1, 1, 1]]> : tensor<1x3xi8>}
module {
  func.func @net(%x: tensor<?x1xf32>) -> tensor<?x1xf32> {
    %0 = "ann.encode"(%x) {multiplier = dense<1.0> : tensor<1xf64>, offset = dense<0.0> : tensor<1xf64>,
      minimum = dense<0xFFF0000000000000> : tensor<1xf64>, maximum = dense<0x7FF0000000000000> : tensor<1xf64>,
      scale = 0.5, low = -8, high = 8} : (tensor<?x1xf32>) -> tensor<?x1xi32>
    %1 = "ann.linear"(%0) {weight = dense<3> : tensor<1x1xi8>, bias = dense<5> : tensor<1xi32>} : (tensor<?x1xi32>) -> tensor<?x1xi32>
    %2 = "ann.requantize_table"(%1) {breakpoints = dense<[[-9, 4, 7]]> : tensor<1x3xi32>, steps = dense<[[-1, 1, 1]]> : tensor<1x3xi8>,
      start = dense<0> : tensor<1xi32>, unit = dense<0.25> : tensor<1xf64>, scale = dense<0.5> : tensor<1xf64>, low = -1, high = 1}
      : (tensor<?x1xi32>) -> tensor<?x1xi32>
    %r = "ann.dequantize"(%2) {scale = dense<0.5> : tensor<1xf64>} : (tensor<?x1xi32>) -> tensor<?x1xf32>
    return %r : tensor<?x1xf32>
  }
}
