// RUN: %split-file %s %t
// RUN: %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(stream-events{frames=32})' | %FileCheck %t/net.mlir
// RUN: %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(stream-events{frames=32},lower-to-st-bif,prove-bounds)' | %FileCheck %t/net.mlir --check-prefix=STBIF
// RUN: %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(stream-events{frames=32},lower-to-hold-and-fire)' | %FileCheck %t/net.mlir --check-prefix=HOLD
// RUN: %not %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(stream-events,lower-to-rate)' 2>&1 | %FileCheck %t/net.mlir --check-prefix=RATE
// RUN: %not %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(stream-events{frames=0})' 2>&1 | %FileCheck %t/net.mlir --check-prefix=FRAMES
// RUN: %not %neurocudac opt %t/offset.mlir --pass-pipeline='builtin.module(stream-events)' 2>&1 | %FileCheck %t/offset.mlir

//--- net.mlir
// min(x, 8) / 8 with a step of 1/8: code 1 is one event, and 8 the largest.
// CHECK:      %[[E:.*]] = "ann.encode_events"(%{{.*}}) {frames = 32 : i64, high = 65535 : i64} : (tensor<?x2xf32>) -> tensor<?x2xi32>
// CHECK-NEXT: %[[C:.*]] = "ann.requantize"(%[[E]]) {high = 8 : i64, low = 0 : i64, scale = dense<1.250000e-01> : tensor<2xf64>, threshold = dense<1> : tensor<2xi32>}
// CHECK-NEXT: "ann.linear"(%[[C]])
// CHECK-NOT:  "ann.encode"
// The last frame comes in step 31, 8 spikes from there to step 38, and 31 to step 68. Levels are those of the activations.
// A count keeps all events: 32 · 65535, and what 8 spikes take.
// STBIF:      snn.levels = 31 : i64, snn.schedule = "st-bif", snn.steps = 69 : i64
// STBIF:      %[[E:.*]] = "snn.encode_events"(%{{.*}}) {frames = 32 : i64, high = 65535 : i64}
// STBIF-NEXT: %[[C:.*]] = "snn.st_bif"(%[[E]]) {{{.*}}high = 8 : i64, initial = dense<0> : tensor<2xi32>, low = 0 : i64, snn.membrane_bound = 2097128 : i64, threshold = dense<1> : tensor<2xi32>}
// STBIF-NEXT: "snn.linear"(%[[C]])
// HOLD:       "snn.hold_and_fire"({{.*}}) {{{.*}}hold = 2097121 : i64, initial = dense<0> : tensor<2xi32>, levels = 8 : i64, release = 31 : i64
// HOLD:       "snn.hold_and_fire"({{.*}}) {{{.*}}levels = 31 : i64, release = 38 : i64
// RATE:       net.mlir:[[#@LINE+4]]:10: error: unsupported: schedule rate presents its input in every step, and events come in time
// FRAMES:     pass `stream-events`, option `frames`: 0 is not between 1 and 4096
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x1xf32> {
    %0 = "ann.encode"(%x) {multiplier = dense<0.125> : tensor<2xf64>, offset = dense<0.0> : tensor<2xf64>,
      minimum = dense<0.0> : tensor<2xf64>, maximum = dense<1.0> : tensor<2xf64>, scale = 0.125 : f64, low = -127, high = 127}
      : (tensor<?x2xf32>) -> tensor<?x2xi32>
    %1 = "ann.linear"(%0) {weight = dense<[[3, -2]]> : tensor<1x2xi8>, bias = dense<7> : tensor<1xi32>}
      : (tensor<?x2xi32>) -> tensor<?x1xi32>
    %2 = "ann.requantize"(%1) {threshold = dense<4> : tensor<1xi32>, scale = dense<0.5> : tensor<1xf64>, low = 0, high = 31}
      : (tensor<?x1xi32>) -> tensor<?x1xi32>
    %3 = "ann.dequantize"(%2) {scale = dense<0.5> : tensor<1xf64>} : (tensor<?x1xi32>) -> tensor<?x1xf32>
    return %3 : tensor<?x1xf32>
  }
}

//--- offset.mlir
// CHECK: offset.mlir:[[#@LINE+3]]:10: error: events-encoding: a count of 0 in channel 0 has the code -1; for events, one event must be code 1
module {
  func.func @net(%x: tensor<?x1xf32>) -> tensor<?x1xf32> {
    %0 = "ann.encode"(%x) {multiplier = dense<1.0> : tensor<1xf64>, offset = dense<-1.0> : tensor<1xf64>,
      minimum = dense<0xFFF0000000000000> : tensor<1xf64>, maximum = dense<0x7FF0000000000000> : tensor<1xf64>, scale = 1.0 : f64,
      low = -127, high = 127} : (tensor<?x1xf32>) -> tensor<?x1xi32>
    %1 = "ann.requantize"(%0) {threshold = dense<4> : tensor<1xi32>, scale = dense<4.0> : tensor<1xf64>, low = 0, high = 31}
      : (tensor<?x1xi32>) -> tensor<?x1xi32>
    %2 = "ann.dequantize"(%1) {scale = dense<4.0> : tensor<1xf64>} : (tensor<?x1xi32>) -> tensor<?x1xf32>
    return %2 : tensor<?x1xf32>
  }
}
