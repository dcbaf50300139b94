module attributes {gpu.container_module} {
gpu.module @kernels [#nvvm.target<chip = "sm_80">] {
  // Reverses the 128 values of a block, adds up those of a warp, and has the block's first lane of each warp add to a total.
  gpu.func @reverse(%x: !llvm.ptr<1>, %out: !llvm.ptr<1>, %total: !llvm.ptr<1>) workgroup(%tile: memref<128xi32, #gpu.address_space<workgroup>>) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    %c0 = arith.constant 0 : i32
    %c127 = arith.constant 127 : i32
    %c128 = arith.constant 128 : i32
    %all = arith.constant -1 : i32
    %c31 = arith.constant 31 : i32
    %c32 = arith.constant 32 : i32
    %tid = nvvm.read.ptx.sreg.tid.x range <i32, 0, 128> : i32
    %bid = nvvm.read.ptx.sreg.ctaid.x : i32
    %b = arith.muli %bid, %c128 : i32
    %i = arith.addi %b, %tid : i32
    %px = llvm.getelementptr %x[%i] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %v = llvm.load %px : !llvm.ptr<1> -> i32
    %ti = arith.index_castui %tid : i32 to index
    memref.store %v, %tile[%ti] : memref<128xi32, #gpu.address_space<workgroup>>
    gpu.barrier
    %m = arith.subi %c127, %tid : i32
    %mi = arith.index_castui %m : i32 to index
    %w = memref.load %tile[%mi] : memref<128xi32, #gpu.address_space<workgroup>>
    %po = llvm.getelementptr %out[%i] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %w, %po : i32, !llvm.ptr<1>
    %c16 = arith.constant 16 : i32
    %c8 = arith.constant 8 : i32
    %c4 = arith.constant 4 : i32
    %c2 = arith.constant 2 : i32
    %c1 = arith.constant 1 : i32
    %a0 = nvvm.shfl.sync bfly %all, %w, %c16, %c31 : i32 -> i32
    %b0 = arith.addi %w, %a0 : i32
    %a1 = nvvm.shfl.sync bfly %all, %b0, %c8, %c31 : i32 -> i32
    %b1 = arith.addi %b0, %a1 : i32
    %a2 = nvvm.shfl.sync bfly %all, %b1, %c4, %c31 : i32 -> i32
    %b2 = arith.addi %b1, %a2 : i32
    %a3 = nvvm.shfl.sync bfly %all, %b2, %c2, %c31 : i32 -> i32
    %b3 = arith.addi %b2, %a3 : i32
    %a4 = nvvm.shfl.sync bfly %all, %b3, %c1, %c31 : i32 -> i32
    %b4 = arith.addi %b3, %a4 : i32
    %lane = arith.remui %tid, %c32 : i32
    %first = arith.cmpi eq, %lane, %c0 : i32
    %any = arith.cmpi sgt, %w, %c0 : i32
    %votes = nvvm.vote.sync ballot %all, %any -> i32
    %count = math.ctpop %votes : i32
    scf.if %first {
      %w64 = arith.extsi %b4 : i32 to i64
      %o1 = llvm.atomicrmw add %total, %w64 monotonic : !llvm.ptr<1>, i64
      %p1 = llvm.getelementptr %total[2] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
      %o2 = llvm.atomicrmw add %p1, %count monotonic : !llvm.ptr<1>, i32
      %p2 = llvm.getelementptr %total[3] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
      %o3 = llvm.atomicrmw max %p2, %b4 monotonic : !llvm.ptr<1>, i32
    }
    gpu.return
  }
}
}
