// For every op of `torch` one module that MLIR refuses at the op's own line, by its IRDL definition alone.
// RUN: %split-file %s %t
// RUN: %not %neurocudac opt %t/convolution.mlir 2>&1 | %FileCheck %t/convolution.mlir
// RUN: %not %neurocudac opt %t/linear.mlir 2>&1 | %FileCheck %t/linear.mlir
// RUN: %not %neurocudac opt %t/batch-norm.mlir 2>&1 | %FileCheck %t/batch-norm.mlir
// RUN: %not %neurocudac opt %t/relu.mlir 2>&1 | %FileCheck %t/relu.mlir
// RUN: %not %neurocudac opt %t/clamp.mlir 2>&1 | %FileCheck %t/clamp.mlir
// RUN: %not %neurocudac opt %t/max-pool.mlir 2>&1 | %FileCheck %t/max-pool.mlir
// RUN: %not %neurocudac opt %t/avg-pool.mlir 2>&1 | %FileCheck %t/avg-pool.mlir
// RUN: %not %neurocudac opt %t/adaptive-avg-pool.mlir 2>&1 | %FileCheck %t/adaptive-avg-pool.mlir
// RUN: %not %neurocudac opt %t/adaptive-max-pool.mlir 2>&1 | %FileCheck %t/adaptive-max-pool.mlir
// RUN: %not %neurocudac opt %t/add.mlir 2>&1 | %FileCheck %t/add.mlir
// RUN: %not %neurocudac opt %t/add-scalar.mlir 2>&1 | %FileCheck %t/add-scalar.mlir
// RUN: %not %neurocudac opt %t/mul-scalar.mlir 2>&1 | %FileCheck %t/mul-scalar.mlir
// RUN: %not %neurocudac opt %t/flatten.mlir 2>&1 | %FileCheck %t/flatten.mlir
// RUN: %not %neurocudac opt %t/dropout.mlir 2>&1 | %FileCheck %t/dropout.mlir
// RUN: %not %neurocudac opt %t/identity.mlir 2>&1 | %FileCheck %t/identity.mlir
// RUN: %not %neurocudac opt %t/cat.mlir 2>&1 | %FileCheck %t/cat.mlir
// RUN: %not %neurocudac opt %t/sub.mlir 2>&1 | %FileCheck %t/sub.mlir
// RUN: %not %neurocudac opt %t/add-constant.mlir 2>&1 | %FileCheck %t/add-constant.mlir
// RUN: %not %neurocudac opt %t/mul-constant.mlir 2>&1 | %FileCheck %t/mul-constant.mlir
// RUN: %not %neurocudac opt %t/permute.mlir 2>&1 | %FileCheck %t/permute.mlir
// RUN: %not %neurocudac opt %t/reshape.mlir 2>&1 | %FileCheck %t/reshape.mlir
// RUN: %not %neurocudac opt %t/expand.mlir 2>&1 | %FileCheck %t/expand.mlir
// RUN: %not %neurocudac opt %t/upsample-nearest.mlir 2>&1 | %FileCheck %t/upsample-nearest.mlir
// RUN: %not %neurocudac opt %t/slice.mlir 2>&1 | %FileCheck %t/slice.mlir
// RUN: %not %neurocudac opt %t/constant-pad.mlir 2>&1 | %FileCheck %t/constant-pad.mlir
// RUN: %not %neurocudac opt %t/mean.mlir 2>&1 | %FileCheck %t/mean.mlir
// RUN: %not %neurocudac opt %t/amax.mlir 2>&1 | %FileCheck %t/amax.mlir
// RUN: %not %neurocudac opt %t/normalize.mlir 2>&1 | %FileCheck %t/normalize.mlir
// RUN: %not %neurocudac opt %t/unknown-op.mlir 2>&1 | %FileCheck %t/unknown-op.mlir
// RUN: %not %neurocudac opt %t/leaky-relu.mlir 2>&1 | %FileCheck %t/leaky-relu.mlir
// RUN: %not %neurocudac opt %t/prelu.mlir 2>&1 | %FileCheck %t/prelu.mlir
// RUN: %not %neurocudac opt %t/elu.mlir 2>&1 | %FileCheck %t/elu.mlir
// RUN: %not %neurocudac opt %t/hardsigmoid.mlir 2>&1 | %FileCheck %t/hardsigmoid.mlir
// RUN: %not %neurocudac opt %t/hardswish.mlir 2>&1 | %FileCheck %t/hardswish.mlir
// RUN: %not %neurocudac opt %t/silu.mlir 2>&1 | %FileCheck %t/silu.mlir
// RUN: %not %neurocudac opt %t/gelu.mlir 2>&1 | %FileCheck %t/gelu.mlir
// RUN: %not %neurocudac opt %t/sigmoid.mlir 2>&1 | %FileCheck %t/sigmoid.mlir
// RUN: %not %neurocudac opt %t/tanh.mlir 2>&1 | %FileCheck %t/tanh.mlir
// RUN: %not %neurocudac opt %t/softplus.mlir 2>&1 | %FileCheck %t/softplus.mlir
// RUN: %not %neurocudac opt %t/mish.mlir 2>&1 | %FileCheck %t/mish.mlir
// RUN: %not %neurocudac opt %t/softmax.mlir 2>&1 | %FileCheck %t/softmax.mlir
// RUN: %not %neurocudac opt %t/log-softmax.mlir 2>&1 | %FileCheck %t/log-softmax.mlir
// RUN: %not %neurocudac opt %t/argmax.mlir 2>&1 | %FileCheck %t/argmax.mlir

//--- convolution.mlir
// CHECK: convolution.mlir:[[#@LINE+2]]:8: error: 'torch.convolution' op attribute "weight" is expected but not provided
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "torch.convolution"(%x) {bias = dense<0.5> : tensor<2xf32>, stride = array<i64: 1, 1>,
    padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1, transposed = false, output_padding = array<i64: 0, 0>}
    : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
  return
}

//--- linear.mlir
// CHECK: linear.mlir:[[#@LINE+2]]:8: error: '3 : i64' does not satisfy the constraint
func.func @net(%x: tensor<?x2xf32>) {
  %y = "torch.linear"(%x) {weight = dense<1.0> : tensor<2x2xf32>, bias = 3}
    : (tensor<?x2xf32>) -> tensor<?x2xf32>
  return
}

//--- batch-norm.mlir
// CHECK: batch-norm.mlir:[[#@LINE+2]]:8: error: expected base attribute 'builtin.float' but got 'builtin.integer'
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "torch.batch_norm"(%x) {weight = dense<1.0> : tensor<2xf32>, bias = dense<0.5> : tensor<2xf32>,
    running_mean = dense<0.0> : tensor<2xf32>, running_var = dense<1.0> : tensor<2xf32>, eps = 1}
    : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
  return
}

//--- relu.mlir
// CHECK: relu.mlir:[[#@LINE+2]]:8: error: expected base type 'builtin.tensor' but got 'builtin.f32'
func.func @net(%x: f32) {
  %y = "torch.relu"(%x) : (f32) -> tensor<?x2x4x4xf32>
  return
}

//--- clamp.mlir
// CHECK: clamp.mlir:[[#@LINE+2]]:8: error: 'torch.clamp' op attribute "maximum" is expected but not provided
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "torch.clamp"(%x) {minimum = 0.0} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
  return
}

//--- max-pool.mlir
// CHECK: max-pool.mlir:[[#@LINE+2]]:8: error: expected base attribute 'builtin.integer' but got 'builtin.string'
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "torch.max_pool"(%x) {kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>,
    padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, ceil_mode = "no"}
    : (tensor<?x2x4x4xf32>) -> tensor<?x2x2x2xf32>
  return
}

//--- avg-pool.mlir
// CHECK: avg-pool.mlir:[[#@LINE+2]]:8: error: expected base attribute 'builtin.integer' but got 'builtin.string'
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "torch.avg_pool"(%x) {kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>,
    padding = array<i64: 0, 0>, ceil_mode = false, count_include_pad = "no", divisor_override = 0}
    : (tensor<?x2x4x4xf32>) -> tensor<?x2x2x2xf32>
  return
}

//--- adaptive-avg-pool.mlir
// CHECK: adaptive-avg-pool.mlir:[[#@LINE+2]]:8: error: 'torch.adaptive_avg_pool' op attribute "output_size" is expected but not provided
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "torch.adaptive_avg_pool"(%x) : (tensor<?x2x4x4xf32>) -> tensor<?x2x1x1xf32>
  return
}

//--- adaptive-max-pool.mlir
// CHECK: adaptive-max-pool.mlir:[[#@LINE+2]]:8: error: 'torch.adaptive_max_pool' op attribute "output_size" is expected but not provided
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "torch.adaptive_max_pool"(%x) : (tensor<?x2x4x4xf32>) -> tensor<?x2x1x1xf32>
  return
}

//--- add.mlir
// CHECK: add.mlir:[[#@LINE+2]]:8: error: op expects exactly 2 operands, but got 1
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "torch.add"(%x) : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
  return
}

//--- add-scalar.mlir
// CHECK: add-scalar.mlir:[[#@LINE+2]]:8: error: expected base attribute 'builtin.float' but got 'builtin.integer'
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "torch.add_scalar"(%x) {value = 1} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
  return
}

//--- mul-scalar.mlir
// CHECK: mul-scalar.mlir:[[#@LINE+2]]:8: error: expected base attribute 'builtin.float' but got 'builtin.integer'
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "torch.mul_scalar"(%x) {value = 1} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
  return
}

//--- flatten.mlir
// CHECK: flatten.mlir:[[#@LINE+2]]:8: error: 'torch.flatten' op attribute "end_dim" is expected but not provided
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "torch.flatten"(%x) {start_dim = 1} : (tensor<?x2x4x4xf32>) -> tensor<?x32xf32>
  return
}

//--- dropout.mlir
// CHECK: dropout.mlir:[[#@LINE+2]]:8: error: expected base attribute 'builtin.float' but got 'builtin.integer'
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "torch.dropout"(%x) {p = 1} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
  return
}

//--- identity.mlir
// CHECK: identity.mlir:[[#@LINE+2]]:8: error: op expects exactly 1 operands, but got 2
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "torch.identity"(%x, %x) : (tensor<?x2x4x4xf32>, tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
  return
}

//--- cat.mlir
// CHECK: cat.mlir:[[#@LINE+2]]:8: error: expected base attribute 'builtin.integer' but got 'builtin.float'
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "torch.cat"(%x, %x) {dim = 1.0} : (tensor<?x2x4x4xf32>, tensor<?x2x4x4xf32>) -> tensor<?x4x4x4xf32>
  return
}

//--- sub.mlir
// CHECK: sub.mlir:[[#@LINE+2]]:8: error: {{.*}}operand
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "torch.sub"(%x) : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
  return
}

//--- add-constant.mlir
// CHECK: add-constant.mlir:[[#@LINE+2]]:8: error: 'torch.add_constant' op attribute "value" is expected but not provided
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "torch.add_constant"(%x) : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
  return
}

//--- mul-constant.mlir
// CHECK: mul-constant.mlir:[[#@LINE+2]]:8: error: 'torch.mul_constant' op attribute "value" is expected but not provided
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "torch.mul_constant"(%x) : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
  return
}

//--- permute.mlir
// CHECK: permute.mlir:[[#@LINE+2]]:8: error: expected base attribute 'builtin.dense_array' but got 'builtin.integer'
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "torch.permute"(%x) {dims = 2} : (tensor<?x2x4x4xf32>) -> tensor<?x4x2x4xf32>
  return
}

//--- reshape.mlir
// CHECK: reshape.mlir:[[#@LINE+2]]:8: error: {{.*}}operand
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "torch.reshape"(%x, %x) : (tensor<?x2x4x4xf32>, tensor<?x2x4x4xf32>) -> tensor<?x32xf32>
  return
}

//--- expand.mlir
// CHECK: expand.mlir:[[#@LINE+2]]:3: error: {{.*}}result
func.func @net(%x: tensor<?x2x4x4xf32>) {
  "torch.expand"(%x) : (tensor<?x2x4x4xf32>) -> ()
  return
}

//--- upsample-nearest.mlir
// CHECK: upsample-nearest.mlir:[[#@LINE+2]]:8: error: 'torch.upsample_nearest' op attribute "output_size" is expected but not provided
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "torch.upsample_nearest"(%x) : (tensor<?x2x4x4xf32>) -> tensor<?x2x8x8xf32>
  return
}

//--- slice.mlir
// CHECK: slice.mlir:[[#@LINE+2]]:8: error: 'torch.slice' op attribute "dim" is expected but not provided
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "torch.slice"(%x) {start = 0, end = 4, step = 2} : (tensor<?x2x4x4xf32>) -> tensor<?x2x2x4xf32>
  return
}

//--- constant-pad.mlir
// CHECK: constant-pad.mlir:[[#@LINE+2]]:8: error: expected base attribute 'builtin.dense_array' but got 'builtin.integer'
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "torch.constant_pad"(%x) {before = array<i64: 0, 0, 1, 0>, after = 1, value = 0.0}
    : (tensor<?x2x4x4xf32>) -> tensor<?x2x6x4xf32>
  return
}

//--- mean.mlir
// CHECK: mean.mlir:[[#@LINE+2]]:8: error: expected base attribute 'builtin.integer' but got 'builtin.string'
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "torch.mean"(%x) {dims = array<i64: 2, 3>, keepdim = "no"} : (tensor<?x2x4x4xf32>) -> tensor<?x2xf32>
  return
}

//--- amax.mlir
// CHECK: amax.mlir:[[#@LINE+2]]:8: error: expected base attribute 'builtin.integer' but got 'builtin.string'
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "torch.amax"(%x) {dims = array<i64: 2, 3>, keepdim = "no"} : (tensor<?x2x4x4xf32>) -> tensor<?x2xf32>
  return
}

//--- normalize.mlir
// CHECK: normalize.mlir:[[#@LINE+2]]:8: error: 'torch.normalize' op attribute "scale" is expected but not provided
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "torch.normalize"(%x) {mean = dense<0.5> : tensor<2xf32>, std = dense<2.0> : tensor<2xf32>}
    : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
  return
}

//--- unknown-op.mlir
// CHECK: unknown-op.mlir:[[#@LINE+2]]:8: error: unregistered operation 'torch.lstm' found in dialect ('torch') that does not allow unknown operations
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "torch.lstm"(%x) : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
  return
}

//--- leaky-relu.mlir
// CHECK: leaky-relu.mlir:[[#@LINE+2]]:8: error: 'torch.leaky_relu' op attribute "negative_slope" is expected but not provided
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "torch.leaky_relu"(%x) {} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
  return
}

//--- prelu.mlir
// CHECK: prelu.mlir:[[#@LINE+2]]:8: error: 'torch.prelu' op attribute "weight" is expected but not provided
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "torch.prelu"(%x) {} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
  return
}

//--- elu.mlir
// CHECK: elu.mlir:[[#@LINE+2]]:8: error: 'torch.elu' op attribute "alpha" is expected but not provided
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "torch.elu"(%x) {} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
  return
}

//--- hardsigmoid.mlir
// CHECK: hardsigmoid.mlir:[[#@LINE+2]]:8: error: expected base type 'builtin.tensor' but got 'builtin.f32'
func.func @net(%x: f32) {
  %y = "torch.hardsigmoid"(%x) {} : (f32) -> tensor<?x2x4x4xf32>
  return
}

//--- hardswish.mlir
// CHECK: hardswish.mlir:[[#@LINE+2]]:8: error: expected base type 'builtin.tensor' but got 'builtin.f32'
func.func @net(%x: f32) {
  %y = "torch.hardswish"(%x) {} : (f32) -> tensor<?x2x4x4xf32>
  return
}

//--- silu.mlir
// CHECK: silu.mlir:[[#@LINE+2]]:8: error: expected base type 'builtin.tensor' but got 'builtin.f32'
func.func @net(%x: f32) {
  %y = "torch.silu"(%x) {} : (f32) -> tensor<?x2x4x4xf32>
  return
}

//--- gelu.mlir
// CHECK: gelu.mlir:[[#@LINE+2]]:8: error: 'torch.gelu' op attribute "approximate_tanh" is expected but not provided
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "torch.gelu"(%x) {} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
  return
}

//--- sigmoid.mlir
// CHECK: sigmoid.mlir:[[#@LINE+2]]:8: error: expected base type 'builtin.tensor' but got 'builtin.f32'
func.func @net(%x: f32) {
  %y = "torch.sigmoid"(%x) {} : (f32) -> tensor<?x2x4x4xf32>
  return
}

//--- tanh.mlir
// CHECK: tanh.mlir:[[#@LINE+2]]:8: error: expected base type 'builtin.tensor' but got 'builtin.f32'
func.func @net(%x: f32) {
  %y = "torch.tanh"(%x) {} : (f32) -> tensor<?x2x4x4xf32>
  return
}

//--- softplus.mlir
// CHECK: softplus.mlir:[[#@LINE+2]]:8: error: 'torch.softplus' op attribute "beta" is expected but not provided
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "torch.softplus"(%x) {} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
  return
}

//--- mish.mlir
// CHECK: mish.mlir:[[#@LINE+2]]:8: error: expected base type 'builtin.tensor' but got 'builtin.f32'
func.func @net(%x: f32) {
  %y = "torch.mish"(%x) {} : (f32) -> tensor<?x2x4x4xf32>
  return
}

//--- softmax.mlir
// CHECK: softmax.mlir:[[#@LINE+2]]:8: error: 'torch.softmax' op attribute "dim" is expected but not provided
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "torch.softmax"(%x) {} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
  return
}

//--- log-softmax.mlir
// CHECK: log-softmax.mlir:[[#@LINE+2]]:8: error: 'torch.log_softmax' op attribute "dim" is expected but not provided
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "torch.log_softmax"(%x) {} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
  return
}

//--- argmax.mlir
// CHECK: argmax.mlir:[[#@LINE+2]]:8: error: 'torch.argmax' op attribute "keepdim" is expected but not provided
func.func @net(%x: tensor<?x2x4x4xf32>) {
  %y = "torch.argmax"(%x) {dim = 1} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4xf32>
  return
}
