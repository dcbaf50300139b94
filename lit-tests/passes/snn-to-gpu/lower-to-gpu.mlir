// RUN: %split-file %s %t
// RUN: %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(lower-to-gpu{arch=sm_90})' | %FileCheck %t/net.mlir
// RUN: %not %neurocudac opt %t/late.mlir --pass-pipeline='builtin.module(lower-to-gpu)' 2>&1 | %FileCheck %t/late.mlir
// RUN: %not %neurocudac opt %t/net.mlir --pass-pipeline='builtin.module(lower-to-gpu{arch=sm_75})' 2>&1 | %FileCheck %t/arch.txt

//--- net.mlir
// The network stays. Synapses and neurons of a layer are one kernel: the current of two steps by products of 16 x 8 bytes, then the steps one
// after the other. What begins with a tensor has a kernel that copies it, the tracer one that clears it.
// CHECK:      func.func @net
// CHECK:        %[[S:.*]] = "snn.st_bif"
// CHECK:      gpu.module @kernels [#nvvm.target<chip = "sm_90">] {
// CHECK:        gpu.func @snn_encode_encode_0(%{{.*}}: !llvm.ptr<1>, {{.*}}: i32, %{{.*}}: i32) kernel attributes {known_block_size = array<i32: 256, 1, 1>
// CHECK:          arith.mulf
// CHECK-NEXT:     arith.addf
// CHECK-NEXT:     llvm.call_intrinsic "llvm.maxnum.f64"
// CHECK-NEXT:     llvm.call_intrinsic "llvm.minnum.f64"
// CHECK:          arith.divf
// CHECK:          llvm.call_intrinsic "llvm.floor.f64"
// CHECK:          arith.fptosi
// CHECK:        gpu.func @snn_st_bif_neurons_1({{.*}}) kernel attributes {known_block_size = array<i32: 128, 1, 1>
// CHECK:          nvvm.vote.sync all
// CHECK:          scf.for
// CHECK:            scf.if
// CHECK:              scf.for
// CHECK-COUNT-8:        nvvm.mma.sync A[{{.*}} shape = #nvvm.shape<m = 16, n = 8, k = 32>}
// CHECK:                scf.yield
// CHECK:            arith.cmpi sge
// CHECK:            llvm.store {{.*}} : i16, !llvm.ptr<1>
// CHECK:          llvm.atomicrmw add
// CHECK:          llvm.atomicrmw max
// CHECK:        gpu.func @snn_st_bif_begin_2(
// CHECK:          llvm.load
// CHECK:        gpu.func @snn_st_bif_begin_3(
// CHECK-NOT:      llvm.load
// CHECK:        gpu.func @snn_readout_sum_4(
// CHECK:          arith.muli
// CHECK:        gpu.func @clock_advance_5(
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x2xf32>
      attributes {snn.levels = 31 : i64, snn.schedule = "st-bif", snn.steps = 36 : i64} {
    %0 = "snn.encode"(%x) {multiplier = dense<1.0> : tensor<2xf64>, offset = dense<0.0> : tensor<2xf64>,
      minimum = dense<0xFFF0000000000000> : tensor<2xf64>, maximum = dense<0x7FF0000000000000> : tensor<2xf64>,
      scale = 0.5, low = -8, high = 8, every_step = false} : (tensor<?x2xf32>) -> tensor<?x2xi32>
    %1 = "snn.linear"(%0) {weight = dense<[[3, -2], [1, 1]]> : tensor<2x2xi8>} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %2 = "snn.st_bif"(%1) {threshold = dense<[9, 4]> : tensor<2xi32>, initial = dense<[9, -5]> : tensor<2xi32>,
      low = 0, high = 31, delay = 0, snn.membrane_bound = 328 : i64} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %3 = "snn.scale"(%2) {weight = dense<[700, -3]> : tensor<2xi16>} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %4 = "snn.readout"(%3) {initial = dense<[13, 2]> : tensor<2xi32>, bias = dense<0> : tensor<2xi32>, gain = 1,
      scale = dense<0.5> : tensor<2xf64>, average = false, start = 0, snn.membrane_bound = 22000 : i64}
      : (tensor<?x2xi32>) -> tensor<?x2xf32>
    return %4 : tensor<?x2xf32>
  }
}

//--- late.mlir
module {
  func.func @net(%x: tensor<?x2xf32>) -> tensor<?x2xf32>
      attributes {snn.levels = 31 : i64, snn.schedule = "st-bif", snn.steps = 36 : i64} {
    %0 = "snn.encode"(%x) {multiplier = dense<1.0> : tensor<2xf64>, offset = dense<0.0> : tensor<2xf64>,
      minimum = dense<0xFFF0000000000000> : tensor<2xf64>, maximum = dense<0x7FF0000000000000> : tensor<2xf64>,
      scale = 0.5, low = -8, high = 8, every_step = false} : (tensor<?x2xf32>) -> tensor<?x2xi32>
    %1 = "snn.linear"(%0) {weight = dense<[[3, -2], [1, 1]]> : tensor<2x2xi8>} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    // CHECK: late.mlir:[[#@LINE+1]]:{{.*}}: {{.*}}unsupported: {{.*}} its spikes arrive later than they are sent
    %2 = "snn.st_bif"(%1) {threshold = dense<[9, 4]> : tensor<2xi32>, initial = dense<[9, -5]> : tensor<2xi32>,
      low = 0, high = 31, delay = 1, snn.membrane_bound = 328 : i64} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %4 = "snn.readout"(%2) {initial = dense<[13, 2]> : tensor<2xi32>, bias = dense<0> : tensor<2xi32>, gain = 1,
      scale = dense<0.5> : tensor<2xf64>, average = false, start = 0, snn.membrane_bound = 22000 : i64}
      : (tensor<?x2xi32>) -> tensor<?x2xf32>
    return %4 : tensor<?x2xf32>
  }
}

//--- arch.txt
CHECK: option `arch`: `sm_75` is no architecture that the kernels run on; give sm_80 or a later one
