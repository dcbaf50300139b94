// RUN: %split-file %s %t
// RUN: %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(lower-to-rate{timesteps=16})' | %FileCheck %t/net.mlir
// RUN: %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(lower-to-rate{delay=2})' | %FileCheck %t/net.mlir --check-prefix=LATE
// RUN: %not %neurocudac opt %t/mixed.mlir --pass-pipeline='builtin.module(lower-to-rate)' 2>&1 | %FileCheck %t/mixed.mlir
// RUN: %not %neurocudac opt %t/slow.mlir --pass-pipeline='builtin.module(lower-to-rate)' 2>&1 | %FileCheck %t/slow.mlir
// RUN: %not %neurocudac opt %t/no-neurons.mlir --pass-pipeline='builtin.module(lower-to-rate)' 2>&1 | %FileCheck %t/no-neurons.mlir
// RUN: %not %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(lower-to-rate{timesteps=0})' 2>&1 | %FileCheck %t/net.mlir --check-prefix=STEPS
// RUN: %not %neurocudac opt %t/table.mlir --pass-pipeline='builtin.module(lower-to-rate{timesteps=8})' 2>&1 | %FileCheck %t/table.mlir

//--- net.mlir
// Thresholds are 31 times as high, and spikes count 31; codes and biases, which come in every step, count once.
// CHECK:      @net({{.*}}) -> tensor<?x1xf32> attributes {snn.levels = 31 : i64, snn.schedule = "rate", snn.steps = 16 : i64}
// CHECK-NEXT: %[[E:.*]] = "snn.encode"(%{{.*}}) {every_step = true
// CHECK-NEXT: %[[A:.*]] = "snn.linear"(%[[E]])
// CHECK-NEXT: %[[S:.*]] = "snn.if"(%[[A]]) {bias = dense<[5, -7]> : tensor<2xi32>, delay = 0 : i64, gain = 1 : i64, initial = dense<[139, 62]> : tensor<2xi32>, snn.spike_value = {{.*}}, threshold = dense<[279, 124]> : tensor<2xi32>}
// CHECK-NEXT: %[[B:.*]] = "snn.linear"(%[[S]])
// CHECK-NEXT: %[[P:.*]] = "snn.if"(%[[B]]) {bias = dense<11> : tensor<1xi32>, delay = 0 : i64, gain = 31 : i64, initial = dense<77> : tensor<1xi32>, snn.spike_value = {{.*}}, threshold = dense<155> : tensor<1xi32>}
// CHECK-NEXT: %[[M:.*]] = "snn.scale"(%[[B]]) {weight = dense<-1> : tensor<1xi8>}
// CHECK-NEXT: %[[N:.*]] = "snn.if"(%[[M]]) {bias = dense<-11> : tensor<1xi32>, delay = 0 : i64, gain = 31 : i64, initial = dense<77> : tensor<1xi32>, snn.spike_value = {{.*}}, threshold = dense<155> : tensor<1xi32>}
// CHECK-NEXT: %[[O:.*]] = "snn.scale"(%[[N]]) {weight = dense<-1> : tensor<1xi8>}
// CHECK-NEXT: %[[T:.*]] = "snn.add"(%[[P]], %[[O]])
// CHECK-NEXT: %[[C:.*]] = "snn.linear"(%[[T]])
// CHECK-NEXT: "snn.readout"(%[[C]]) {average = true, bias = dense<13> : tensor<1xi32>, gain = 31 : i64, initial = dense<0> : tensor<1xi32>
// STEPS: error: pass `lower-to-rate`, option `timesteps`: 0 is not between 1 and 65536
// LATE:   snn.steps = 32 : i64
// LATE:   "snn.if"({{.*}}) {bias = dense<[5, -7]> : tensor<2xi32>, delay = 2 : i64
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

//--- mixed.mlir
// CHECK: mixed.mlir:[[#@LINE+9]]:10: error: unsupported: a layer that reads the network input and spikes at once cannot be carried by schedule rate; use --schedule st-bif or hold-and-fire
module {
  func.func @net(%x: tensor<?x1xf32>) -> tensor<?x1xf32> {
    %0 = "ann.encode"(%x) {multiplier = dense<1.0> : tensor<1xf64>, offset = dense<0.0> : tensor<1xf64>,
      minimum = dense<0xFFF0000000000000> : tensor<1xf64>, maximum = dense<0x7FF0000000000000> : tensor<1xf64>,
      scale = 0.5, low = -8, high = 8} : (tensor<?x1xf32>) -> tensor<?x1xi32>
    %1 = "ann.requantize"(%0) {threshold = dense<5> : tensor<1xi32>, scale = dense<0.5> : tensor<1xf64>, low = 0, high = 3}
      : (tensor<?x1xi32>) -> tensor<?x1xi32>
    %2 = "ann.add"(%0, %1) : (tensor<?x1xi32>, tensor<?x1xi32>) -> tensor<?x1xi32>
    %3 = "ann.requantize"(%2) {threshold = dense<5> : tensor<1xi32>, scale = dense<0.5> : tensor<1xf64>, low = 0, high = 3}
      : (tensor<?x1xi32>) -> tensor<?x1xi32>
    %r = "ann.dequantize"(%3) {scale = dense<0.125> : tensor<1xf64>} : (tensor<?x1xi32>) -> tensor<?x1xf32>
    return %r : tensor<?x1xf32>
  }
}

//--- slow.mlir
// CHECK: slow.mlir:[[#@LINE+6]]:10: error: overflow: a threshold of 2147483670 does not fit 32 bits
module {
  func.func @net(%x: tensor<?x1xf32>) -> tensor<?x1xf32> {
    %0 = "ann.encode"(%x) {multiplier = dense<1.0> : tensor<1xf64>, offset = dense<0.0> : tensor<1xf64>,
      minimum = dense<0xFFF0000000000000> : tensor<1xf64>, maximum = dense<0x7FF0000000000000> : tensor<1xf64>,
      scale = 0.5, low = -8, high = 8} : (tensor<?x1xf32>) -> tensor<?x1xi32>
    %1 = "ann.requantize"(%0) {threshold = dense<715827890> : tensor<1xi32>, scale = dense<0.5> : tensor<1xf64>, low = 0,
      high = 3} : (tensor<?x1xi32>) -> tensor<?x1xi32>
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
// CHECK: table.mlir:[[#@LINE+7]]:10: error: unsupported: schedule rate cannot carry `ann.requantize_table`, whose function is no clamp: its neuron has to follow a table and to take spikes back; use --schedule st-bif or sigma-delta, or train with relu or clamp
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
