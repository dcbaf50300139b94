module attributes {gpu.container_module} {
gpu.module @kernels [#nvvm.target<chip = "sm_80">] {
  // D = A B for rows of 32 i8 in A (16 to a block), 8 columns of u8 in B, as 32-bit sums, requantised to i8:
  // clamp(floor(d * scale[column] + 0.5), -128, 127), with the scale a single.
  gpu.func @matmul(%a: !llvm.ptr<1>, %b: !llvm.ptr<1>, %scale: !llvm.ptr<1>, %out: !llvm.ptr<1>) kernel attributes {known_block_size = array<i32: 32, 1, 1>} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c2 = arith.constant 2 : i32
    %c3 = arith.constant 3 : i32
    %c4 = arith.constant 4 : i32
    %c8 = arith.constant 8 : i32
    %c16 = arith.constant 16 : i32
    %tid = nvvm.read.ptx.sreg.tid.x range <i32, 0, 32> : i32
    %bid = nvvm.read.ptx.sreg.ctaid.x : i32
    %g = arith.divui %tid, %c4 : i32
    %t = arith.remui %tid, %c4 : i32
    %rowb = arith.muli %bid, %c16 : i32
    %row = arith.addi %rowb, %g : i32
    // A as 8 words to a row.
    %w = arith.muli %row, %c8 : i32
    %wt = arith.addi %w, %t : i32
    %p0 = llvm.getelementptr inbounds %a[%wt] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %p1 = llvm.getelementptr inbounds %p0[64] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
    %p2 = llvm.getelementptr inbounds %p0[4] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
    %p3 = llvm.getelementptr inbounds %p0[68] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
    %a0 = llvm.load %p0 : !llvm.ptr<1> -> i32
    %a1 = llvm.load %p1 : !llvm.ptr<1> -> i32
    %a2 = llvm.load %p2 : !llvm.ptr<1> -> i32
    %a3 = llvm.load %p3 : !llvm.ptr<1> -> i32
    %bw = arith.muli %g, %c8 : i32
    %bt = arith.addi %bw, %t : i32
    %q0 = llvm.getelementptr inbounds %b[%bt] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %q1 = llvm.getelementptr inbounds %q0[4] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
    %b0 = llvm.load %q0 : !llvm.ptr<1> -> i32
    %b1 = llvm.load %q1 : !llvm.ptr<1> -> i32
    %d = nvvm.mma.sync A[%a0, %a1, %a2, %a3] B[%b0, %b1] C[%c0, %c0, %c0, %c0] {layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>, multiplicandAPtxType = #nvvm.mma_type<s8>, multiplicandBPtxType = #nvvm.mma_type<u8>, intOverflowBehavior = #nvvm.mma_int_overflow<wrapped>, shape = #nvvm.shape<m = 16, n = 8, k = 32>} : (i32, i32, i32) -> !llvm.struct<(i32, i32, i32, i32)>
    %col = arith.muli %t, %c2 : i32
    %ps = llvm.getelementptr %scale[%col] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
    %sv = llvm.load %ps {alignment = 8} : !llvm.ptr<1> -> vector<2xf32>
    %s0 = vector.extract %sv[0] : f32 from vector<2xf32>
    %s1 = vector.extract %sv[1] : f32 from vector<2xf32>
    %e0 = arith.extf %s0 : f32 to f64
    %e1 = arith.extf %s1 : f32 to f64
    %half = arith.constant 0.5 : f64
    %lo = arith.constant -128.0 : f64
    %hi = arith.constant 127.0 : f64
    %d0 = llvm.extractvalue %d[0] : !llvm.struct<(i32, i32, i32, i32)>
    %d1 = llvm.extractvalue %d[1] : !llvm.struct<(i32, i32, i32, i32)>
    %d2 = llvm.extractvalue %d[2] : !llvm.struct<(i32, i32, i32, i32)>
    %d3 = llvm.extractvalue %d[3] : !llvm.struct<(i32, i32, i32, i32)>
    %f0 = arith.sitofp %d0 : i32 to f64
    %f1 = arith.sitofp %d1 : i32 to f64
    %f2 = arith.sitofp %d2 : i32 to f64
    %f3 = arith.sitofp %d3 : i32 to f64
    %m0 = arith.mulf %f0, %e0 : f64
    %m1 = arith.mulf %f1, %e1 : f64
    %m2 = arith.mulf %f2, %e0 : f64
    %m3 = arith.mulf %f3, %e1 : f64
    %h0 = arith.addf %m0, %half : f64
    %h1 = arith.addf %m1, %half : f64
    %h2 = arith.addf %m2, %half : f64
    %h3 = arith.addf %m3, %half : f64
    %l0 = llvm.call_intrinsic "llvm.floor.f64"(%h0) : (f64) -> f64
    %l1 = llvm.call_intrinsic "llvm.floor.f64"(%h1) : (f64) -> f64
    %l2 = llvm.call_intrinsic "llvm.floor.f64"(%h2) : (f64) -> f64
    %l3 = llvm.call_intrinsic "llvm.floor.f64"(%h3) : (f64) -> f64
    %x0 = llvm.call_intrinsic "llvm.maxnum.f64"(%l0, %lo) : (f64, f64) -> f64
    %x1 = llvm.call_intrinsic "llvm.maxnum.f64"(%l1, %lo) : (f64, f64) -> f64
    %x2 = llvm.call_intrinsic "llvm.maxnum.f64"(%l2, %lo) : (f64, f64) -> f64
    %x3 = llvm.call_intrinsic "llvm.maxnum.f64"(%l3, %lo) : (f64, f64) -> f64
    %y0 = llvm.call_intrinsic "llvm.minnum.f64"(%x0, %hi) : (f64, f64) -> f64
    %y1 = llvm.call_intrinsic "llvm.minnum.f64"(%x1, %hi) : (f64, f64) -> f64
    %y2 = llvm.call_intrinsic "llvm.minnum.f64"(%x2, %hi) : (f64, f64) -> f64
    %y3 = llvm.call_intrinsic "llvm.minnum.f64"(%x3, %hi) : (f64, f64) -> f64
    %i0 = arith.fptosi %y0 : f64 to i8
    %i1 = arith.fptosi %y1 : f64 to i8
    %i2 = arith.fptosi %y2 : f64 to i8
    %i3 = arith.fptosi %y3 : f64 to i8
    %undef = llvm.mlir.undef : vector<2xi8>
    %u0 = llvm.insertelement %i0, %undef[%c0 : i32] : vector<2xi8>
    %u1 = llvm.insertelement %i1, %u0[%c1 : i32] : vector<2xi8>
    %v0 = llvm.insertelement %i2, %undef[%c0 : i32] : vector<2xi8>
    %v1 = llvm.insertelement %i3, %v0[%c1 : i32] : vector<2xi8>
    %ow = arith.muli %row, %c8 : i32
    %oo = arith.addi %ow, %col : i32
    %po = llvm.getelementptr inbounds %out[%oo] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
    %po8 = llvm.getelementptr inbounds %po[64] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i8
    llvm.store %u1, %po {alignment = 2} : vector<2xi8>, !llvm.ptr<1>
    llvm.store %v1, %po8 {alignment = 2} : vector<2xi8>, !llvm.ptr<1>
    gpu.return
  }
}
}
