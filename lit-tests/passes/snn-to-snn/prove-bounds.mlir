// RUN: %split-file %s %t
// RUN: %neurocudac opt %t/st-bif.mlir --pass-pipeline='builtin.module(prove-bounds)' | %FileCheck %t/st-bif.mlir
// RUN: %neurocudac opt %t/hold-and-fire.mlir --pass-pipeline='builtin.module(prove-bounds)' | %FileCheck %t/hold-and-fire.mlir
// RUN: %neurocudac opt %t/sigma-delta.mlir --pass-pipeline='builtin.module(prove-bounds)' | %FileCheck %t/sigma-delta.mlir
// RUN: %not %neurocudac opt %t/payload.mlir --pass-pipeline='builtin.module(prove-bounds)' 2>&1 | %FileCheck %t/payload.mlir
// RUN: %neurocudac opt %t/rate.mlir --pass-pipeline='builtin.module(prove-bounds)' | %FileCheck %t/rate.mlir
// RUN: %not %neurocudac opt %t/overflow.mlir --pass-pipeline='builtin.module(prove-bounds)' 2>&1 | %FileCheck %t/overflow.mlir
// RUN: %not %neurocudac opt %t/no-steps.mlir --pass-pipeline='builtin.module(prove-bounds)' 2>&1 | %FileCheck %t/no-steps.mlir

//--- st-bif.mlir
// Start, charge and what firing takes: 9 + (3 + 2)·8 + 9·31; 13 + (1 + 2)·31 + 5·3; 13 + 3.
// CHECK: "snn.st_bif"({{.*}}) {{.*}}snn.membrane_bound = 328 : i64
// CHECK: "snn.st_bif"({{.*}}) {{.*}}snn.membrane_bound = 121 : i64
// CHECK: "snn.readout"({{.*}}) {{.*}}snn.membrane_bound = 16 : i64
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x1xf32>
      attributes {snn.levels = 31 : i64, snn.schedule = "st-bif", snn.steps = 36 : i64} {
    %0 = "snn.encode"(%x) {multiplier = dense<1.0> : tensor<2xf64>, offset = dense<0.0> : tensor<2xf64>,
      minimum = dense<0xFFF0000000000000> : tensor<2xf64>, maximum = dense<0x7FF0000000000000> : tensor<2xf64>,
      scale = 0.5, low = -8, high = 8, every_step = false} : (tensor<?x2xf32>) -> tensor<?x2xi32>
    %1 = "snn.linear"(%0) {weight = dense<[[3, -2], [1, 1]]> : tensor<2x2xi8>} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %2 = "snn.st_bif"(%1) {threshold = dense<[9, 4]> : tensor<2xi32>, initial = dense<[9, -5]> : tensor<2xi32>,
      low = 0, high = 31, delay = 0} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %3 = "snn.linear"(%2) {weight = dense<[[1, 2]]> : tensor<1x2xi8>} : (tensor<?x2xi32>) -> tensor<?x1xi32>
    %4 = "snn.st_bif"(%3) {threshold = dense<5> : tensor<1xi32>, initial = dense<13> : tensor<1xi32>,
      low = -3, high = 3, delay = 0} : (tensor<?x1xi32>) -> tensor<?x1xi32>
    %5 = "snn.readout"(%4) {initial = dense<13> : tensor<1xi32>, bias = dense<0> : tensor<1xi32>, gain = 1,
      scale = dense<0.5> : tensor<1xf64>, average = false, start = 0} : (tensor<?x1xi32>) -> tensor<?x1xf32>
    return %5 : tensor<?x1xf32>
  }
}

//--- hold-and-fire.mlir
// The same, and twice the gate's charge: 328 + 2·50; 121 + 2·107.
// CHECK: "snn.hold_and_fire"({{.*}}) {{.*}}snn.membrane_bound = 428 : i64
// CHECK: "snn.hold_and_fire"({{.*}}) {{.*}}snn.membrane_bound = 335 : i64
// CHECK: "snn.readout"({{.*}}) {{.*}}snn.membrane_bound = 16 : i64
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x1xf32>
      attributes {snn.levels = 31 : i64, snn.schedule = "hold-and-fire", snn.steps = 33 : i64} {
    %0 = "snn.encode"(%x) {multiplier = dense<1.0> : tensor<2xf64>, offset = dense<0.0> : tensor<2xf64>,
      minimum = dense<0xFFF0000000000000> : tensor<2xf64>, maximum = dense<0x7FF0000000000000> : tensor<2xf64>,
      scale = 0.5, low = -8, high = 8, every_step = false} : (tensor<?x2xf32>) -> tensor<?x2xi32>
    %1 = "snn.linear"(%0) {weight = dense<[[3, -2], [1, 1]]> : tensor<2x2xi8>} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %2 = "snn.hold_and_fire"(%1) {threshold = dense<[9, 4]> : tensor<2xi32>, initial = dense<[9, -5]> : tensor<2xi32>,
      hold = 50, release = 0, levels = 31, delay = 0} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %3 = "snn.linear"(%2) {weight = dense<[[1, 2]]> : tensor<1x2xi8>} : (tensor<?x2xi32>) -> tensor<?x1xi32>
    %4 = "snn.hold_and_fire"(%3) {threshold = dense<5> : tensor<1xi32>, initial = dense<13> : tensor<1xi32>,
      hold = 107, release = 30, levels = 3, delay = 0} : (tensor<?x1xi32>) -> tensor<?x1xi32>
    %5 = "snn.readout"(%4) {initial = dense<13> : tensor<1xi32>, bias = dense<0> : tensor<1xi32>, gain = 1,
      scale = dense<0.5> : tensor<1xf64>, average = false, start = 0} : (tensor<?x1xi32>) -> tensor<?x1xf32>
    return %5 : tensor<?x1xf32>
  }
}

//--- sigma-delta.mlir
// Start and charge, of which nothing is taken: 9 + (3 + 2)·8; 13 + (1 + 2)·31; 13 + 3. An event is a difference of two levels.
// CHECK: "snn.sigma_delta"({{.*}}) {{.*}}snn.membrane_bound = 49 : i64, snn.payload_bound = 31 : i64
// CHECK: "snn.sigma_delta"({{.*}}) {{.*}}snn.membrane_bound = 106 : i64, snn.payload_bound = 6 : i64
// CHECK: "snn.readout"({{.*}}) {{.*}}snn.membrane_bound = 16 : i64
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x1xf32>
      attributes {snn.levels = 31 : i64, snn.schedule = "sigma-delta", snn.steps = 1 : i64} {
    %0 = "snn.encode"(%x) {multiplier = dense<1.0> : tensor<2xf64>, offset = dense<0.0> : tensor<2xf64>,
      minimum = dense<0xFFF0000000000000> : tensor<2xf64>, maximum = dense<0x7FF0000000000000> : tensor<2xf64>,
      scale = 0.5, low = -8, high = 8, every_step = false} : (tensor<?x2xf32>) -> tensor<?x2xi32>
    %1 = "snn.linear"(%0) {weight = dense<[[3, -2], [1, 1]]> : tensor<2x2xi8>} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %2 = "snn.sigma_delta"(%1) {threshold = dense<[9, 4]> : tensor<2xi32>, initial = dense<[9, -5]> : tensor<2xi32>,
      low = 0, high = 31, delay = 0} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %3 = "snn.linear"(%2) {weight = dense<[[1, 2]]> : tensor<1x2xi8>} : (tensor<?x2xi32>) -> tensor<?x1xi32>
    %4 = "snn.sigma_delta"(%3) {threshold = dense<5> : tensor<1xi32>, initial = dense<13> : tensor<1xi32>,
      low = -3, high = 3, delay = 0} : (tensor<?x1xi32>) -> tensor<?x1xi32>
    %5 = "snn.readout"(%4) {initial = dense<13> : tensor<1xi32>, bias = dense<0> : tensor<1xi32>, gain = 1,
      scale = dense<0.5> : tensor<1xf64>, average = false, start = 0} : (tensor<?x1xi32>) -> tensor<?x1xf32>
    return %5 : tensor<?x1xf32>
  }
}

//--- rate.mlir
// In each of 16 steps the input and biases anew: 139 + 40·16 + 7·16 + 279; spikes, one a step, with gain 31:
// 77 + 31·(1 + 2)·16 + 11·16 + 155; 13 + 31·16 + 6·16.
// CHECK: "snn.if"({{.*}}) {{.*}}snn.membrane_bound = 1170 : i64
// CHECK: "snn.if"({{.*}}) {{.*}}snn.membrane_bound = 1896 : i64
// CHECK: "snn.readout"({{.*}}) {{.*}}snn.membrane_bound = 605 : i64
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x1xf32>
      attributes {snn.levels = 31 : i64, snn.schedule = "rate", snn.steps = 16 : i64} {
    %0 = "snn.encode"(%x) {multiplier = dense<1.0> : tensor<2xf64>, offset = dense<0.0> : tensor<2xf64>,
      minimum = dense<0xFFF0000000000000> : tensor<2xf64>, maximum = dense<0x7FF0000000000000> : tensor<2xf64>,
      scale = 0.5, low = -8, high = 8, every_step = true} : (tensor<?x2xf32>) -> tensor<?x2xi32>
    %1 = "snn.linear"(%0) {weight = dense<[[3, -2], [1, 1]]> : tensor<2x2xi8>} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %2 = "snn.if"(%1) {threshold = dense<[279, 124]> : tensor<2xi32>, initial = dense<[139, 62]> : tensor<2xi32>,
      bias = dense<[5, -7]> : tensor<2xi32>, gain = 1, delay = 0} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %3 = "snn.linear"(%2) {weight = dense<[[1, 2]]> : tensor<1x2xi8>} : (tensor<?x2xi32>) -> tensor<?x1xi32>
    %4 = "snn.if"(%3) {threshold = dense<155> : tensor<1xi32>, initial = dense<77> : tensor<1xi32>,
      bias = dense<11> : tensor<1xi32>, gain = 31, delay = 0} : (tensor<?x1xi32>) -> tensor<?x1xi32>
    %5 = "snn.readout"(%4) {initial = dense<13> : tensor<1xi32>, bias = dense<6> : tensor<1xi32>, gain = 31,
      scale = dense<0.5> : tensor<1xf64>, average = true, start = 0} : (tensor<?x1xi32>) -> tensor<?x1xf32>
    return %5 : tensor<?x1xf32>
  }
}

//--- overflow.mlir
// 1 + 8 + 2^30·3 needs more than 32 bits.
// CHECK: overflow.mlir:[[#@LINE+7]]:10: error: overflow: a membrane of this layer can reach 3221225481, over the 32 bits of a membrane (by a factor of 1.50); use fewer levels
module {
  func.func @net(%x: tensor<?x1xf32>) -> tensor<?x1xf32>
      attributes {snn.levels = 3 : i64, snn.schedule = "st-bif", snn.steps = 3 : i64} {
    %0 = "snn.encode"(%x) {multiplier = dense<1.0> : tensor<1xf64>, offset = dense<0.0> : tensor<1xf64>,
      minimum = dense<0xFFF0000000000000> : tensor<1xf64>, maximum = dense<0x7FF0000000000000> : tensor<1xf64>,
      scale = 0.5, low = -8, high = 8, every_step = false} : (tensor<?x1xf32>) -> tensor<?x1xi32>
    %1 = "snn.st_bif"(%0) {threshold = dense<1073741824> : tensor<1xi32>, initial = dense<1> : tensor<1xi32>,
      low = 0, high = 3, delay = 0} : (tensor<?x1xi32>) -> tensor<?x1xi32>
    %2 = "snn.readout"(%1) {initial = dense<0> : tensor<1xi32>, bias = dense<0> : tensor<1xi32>, gain = 1,
      scale = dense<0.5> : tensor<1xf64>, average = false, start = 0} : (tensor<?x1xi32>) -> tensor<?x1xf32>
    return %2 : tensor<?x1xf32>
  }
}

//--- payload.mlir
// CHECK: payload.mlir:[[#@LINE+7]]:10: error: overflow: an event of this layer can carry 40000, over the 16 bits of a graded event; use fewer levels
module {
  func.func @net(%x: tensor<?x1xf32>) -> tensor<?x1xf32>
      attributes {snn.levels = 20000 : i64, snn.schedule = "sigma-delta", snn.steps = 1 : i64} {
    %0 = "snn.encode"(%x) {multiplier = dense<1.0> : tensor<1xf64>, offset = dense<0.0> : tensor<1xf64>,
      minimum = dense<0xFFF0000000000000> : tensor<1xf64>, maximum = dense<0x7FF0000000000000> : tensor<1xf64>,
      scale = 0.5, low = -8, high = 8, every_step = false} : (tensor<?x1xf32>) -> tensor<?x1xi32>
    %1 = "snn.sigma_delta"(%0) {threshold = dense<4> : tensor<1xi32>, initial = dense<1> : tensor<1xi32>,
      low = -20000, high = 20000, delay = 0} : (tensor<?x1xi32>) -> tensor<?x1xi32>
    %2 = "snn.readout"(%1) {initial = dense<0> : tensor<1xi32>, bias = dense<0> : tensor<1xi32>, gain = 1,
      scale = dense<0.5> : tensor<1xf64>, average = false, start = 0} : (tensor<?x1xi32>) -> tensor<?x1xf32>
    return %2 : tensor<?x1xf32>
  }
}

//--- no-steps.mlir
// CHECK: no-steps.mlir:[[#@LINE+2]]:3: error: the network does not state `snn.steps`
module {
  func.func @net(%x: tensor<?x1xi32>) -> tensor<?x1xf32> {
    %0 = "snn.readout"(%x) {initial = dense<0> : tensor<1xi32>, bias = dense<0> : tensor<1xi32>, gain = 1,
      scale = dense<0.5> : tensor<1xf64>, average = false, start = 0} : (tensor<?x1xi32>) -> tensor<?x1xf32>
    return %0 : tensor<?x1xf32>
  }
}
