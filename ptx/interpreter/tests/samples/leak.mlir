module attributes {gpu.container_module} {
gpu.module @kernels [#nvvm.target<chip = "sm_80">] {
  // out[i] = sum over the first lengths[i] steps of ((v = v - v / leak + x[t * n + i]) >= threshold), v reset by subtraction.
  gpu.func @leak(%x: !llvm.ptr<1>, %lengths: !llvm.ptr<1>, %out: !llvm.ptr<1>, %spikes: !llvm.ptr<1>, %n: i32, %threshold: i32, %leak: i32) kernel {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %dim = nvvm.read.ptx.sreg.ntid.x : i32
    %bid = nvvm.read.ptx.sreg.ctaid.x : i32
    %b = arith.muli %bid, %dim : i32
    %i = arith.addi %b, %tid : i32
    %in = arith.cmpi slt, %i, %n : i32
    scf.if %in {
      %pl = llvm.getelementptr %lengths[%i] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i16
      %l16 = llvm.load %pl : !llvm.ptr<1> -> i16
      %l = arith.extui %l16 : i16 to i32
      %r:2 = scf.for %t = %c0 to %l step %c1 iter_args(%v = %c0, %count = %c0) -> (i32, i32) : i32 {
        %o = arith.muli %t, %n : i32
        %oi = arith.addi %o, %i : i32
        %px = llvm.getelementptr %x[%oi] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        %x8 = llvm.load %px : !llvm.ptr<1> -> i8
        %xs = arith.extsi %x8 : i8 to i32
        %d = arith.divsi %v, %leak : i32
        %v1 = arith.subi %v, %d : i32
        %v2 = arith.addi %v1, %xs : i32
        %ge = arith.cmpi sge, %v2, %threshold : i32
        %s = arith.extui %ge : i1 to i32
        %s8 = arith.extui %ge : i1 to i8
        %ps = llvm.getelementptr %spikes[%oi] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
        llvm.store %s8, %ps : i8, !llvm.ptr<1>
        %v3 = arith.subi %v2, %threshold : i32
        %v4 = arith.select %ge, %v3, %v2 : i32
        %count2 = arith.addi %count, %s : i32
        scf.yield %v4, %count2 : i32, i32
      }
      %po = llvm.getelementptr %out[%i] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
      llvm.store %r#1, %po : i32, !llvm.ptr<1>
    }
    gpu.return
  }
}
}
