// RUN: %split-file %s %t
// RUN: %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(lower-to-hold-and-fire)' | %FileCheck %t/net.mlir
// RUN: %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(lower-to-hold-and-fire{delay=2})' | %FileCheck %t/net.mlir --check-prefix=LATE
// RUN: %not %neurocudac opt %t/heavy.mlir --pass-pipeline='builtin.module(lower-to-hold-and-fire)' 2>&1 | %FileCheck %t/heavy.mlir
// RUN: %not %neurocudac opt %t/no-neurons.mlir --pass-pipeline='builtin.module(lower-to-hold-and-fire)' 2>&1 | %FileCheck %t/no-neurons.mlir
// RUN: %not %neurocudac opt %t/table.mlir --pass-pipeline='builtin.module(lower-to-hold-and-fire)' 2>&1 | %FileCheck %t/table.mlir

//--- net.mlir
// Input codes, at most 8, are there in step 0: the first gate opens at once, for 31 steps, and the second in step 30. A gate holds one
// more than start and charge together, 9 + (3 + 2)·8 in the first layer, 13 + (1 + 2)·31 in the second. The signed activation
// becomes two neurons; the second starts at θ − 1 − 13, where the first starts at 13.
// CHECK:      @net({{.*}}) -> tensor<?x1xf32> attributes {snn.levels = 31 : i64, snn.schedule = "hold-and-fire", snn.steps = 33 : i64}
// CHECK-NEXT: %[[E:.*]] = "snn.encode"(%{{.*}}) {every_step = false
// CHECK-NEXT: %[[A:.*]] = "snn.linear"(%[[E]])
// CHECK-NEXT: %[[S:.*]] = "snn.hold_and_fire"(%[[A]]) {delay = 0 : i64, hold = 50 : i64, initial = dense<[9, -5]> : tensor<2xi32>, levels = 31 : i64, release = 0 : i64, threshold = dense<[9, 4]> : tensor<2xi32>}
// CHECK-NEXT: %[[B:.*]] = "snn.linear"(%[[S]])
// CHECK-NEXT: %[[P:.*]] = "snn.hold_and_fire"(%[[B]]) {delay = 0 : i64, hold = 107 : i64, initial = dense<13> : tensor<1xi32>, levels = 3 : i64, release = 30 : i64, threshold = dense<5> : tensor<1xi32>}
// CHECK-NEXT: %[[M:.*]] = "snn.scale"(%[[B]]) {weight = dense<-1> : tensor<1xi8>}
// CHECK-NEXT: %[[N:.*]] = "snn.hold_and_fire"(%[[M]]) {delay = 0 : i64, hold = 103 : i64, initial = dense<-9> : tensor<1xi32>, levels = 3 : i64, release = 30 : i64, threshold = dense<5> : tensor<1xi32>}
// CHECK-NEXT: %[[O:.*]] = "snn.scale"(%[[N]]) {weight = dense<-1> : tensor<1xi8>}
// CHECK-NEXT: %[[T:.*]] = "snn.add"(%[[P]], %[[O]])
// CHECK-NEXT: %[[C:.*]] = "snn.linear"(%[[T]])
// CHECK-NEXT: "snn.readout"(%[[C]]) {average = false, bias = dense<0> : tensor<1xi32>, gain = 1 : i64, initial = dense<13> : tensor<1xi32>
// The second gate opens when the last spike of the first layer arrives.
// LATE:   snn.steps = 37 : i64
// LATE:   "snn.hold_and_fire"({{.*}}) {delay = 2 : i64, {{.*}}release = 0 : i64
// LATE:   "snn.hold_and_fire"({{.*}}) {delay = 2 : i64, {{.*}}release = 32 : i64
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

//--- heavy.mlir
// CHECK: heavy.mlir:[[#@LINE+8]]:10: error: overflow: holding the layer takes a charge of 2147484619, over 32 bits
module {
  func.func @net(%x: tensor<?x1xf32>) -> tensor<?x1xf32> {
    %0 = "ann.encode"(%x) {multiplier = dense<1.0> : tensor<1xf64>, offset = dense<0.0> : tensor<1xf64>,
      minimum = dense<0xFFF0000000000000> : tensor<1xf64>, maximum = dense<0x7FF0000000000000> : tensor<1xf64>,
      scale = 0.5, low = -8, high = 8} : (tensor<?x1xf32>) -> tensor<?x1xi32>
    %1 = "ann.linear"(%0) {weight = dense<127> : tensor<1x1xi8>, bias = dense<2147483600> : tensor<1xi32>}
      : (tensor<?x1xi32>) -> tensor<?x1xi32>
    %2 = "ann.requantize"(%1) {threshold = dense<5> : tensor<1xi32>, scale = dense<0.5> : tensor<1xf64>, low = 0, high = 3}
      : (tensor<?x1xi32>) -> tensor<?x1xi32>
    %r = "ann.dequantize"(%2) {scale = dense<0.125> : tensor<1xf64>} : (tensor<?x1xi32>) -> tensor<?x1xf32>
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
// CHECK: table.mlir:[[#@LINE+7]]:10: error: unsupported: schedule hold-and-fire cannot carry `ann.requantize_table`, whose function is no clamp
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
