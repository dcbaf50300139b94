// One use of every op of `torch` is read, verified and printed, and what was printed reads back the same.
// RUN: %neurocudac opt %s > %t.once && %neurocudac opt %t.once > %t.twice
// RUN: diff %t.once %t.twice && %FileCheck %s < %t.once

// CHECK: "torch.convolution"(
// CHECK: "torch.linear"(
// CHECK: "torch.batch_norm"(
// CHECK: "torch.relu"(
// CHECK: "torch.clamp"(
// CHECK: "torch.max_pool"(
// CHECK: "torch.avg_pool"(
// CHECK: "torch.adaptive_avg_pool"(
// CHECK: "torch.adaptive_max_pool"(
// CHECK: "torch.add"(
// CHECK: "torch.add_scalar"(
// CHECK: "torch.mul_scalar"(
// CHECK: "torch.sub"(
// CHECK: "torch.add_constant"(
// CHECK: "torch.mul_constant"(
// CHECK: "torch.flatten"(
// CHECK: "torch.dropout"(
// CHECK: "torch.identity"(
// CHECK: "torch.cat"(
// CHECK: "torch.permute"(
// CHECK: "torch.reshape"(
// CHECK: "torch.expand"(
// CHECK: "torch.upsample_nearest"(
// CHECK: "torch.slice"(
// CHECK: "torch.constant_pad"(
// CHECK: "torch.mean"(
// CHECK: "torch.amax"(
// CHECK: "torch.normalize"(
// CHECK: "torch.leaky_relu"(
// CHECK: "torch.prelu"(
// CHECK: "torch.elu"(
// CHECK: "torch.hardsigmoid"(
// CHECK: "torch.hardswish"(
// CHECK: "torch.silu"(
// CHECK: "torch.gelu"(
// CHECK: "torch.sigmoid"(
// CHECK: "torch.tanh"(
// CHECK: "torch.softplus"(
// CHECK: "torch.mish"(
// CHECK: "torch.softmax"(
// CHECK: "torch.log_softmax"(
// CHECK: "torch.argmax"(
module {
  func.func @every_op(%x0: tensor<?x2x4x4xf32>, %x1: tensor<?x2xf32>) -> tensor<?x2x4x4xf32> {
    %0 = "torch.convolution"(%x0) {weight = dense<1.0> : tensor<2x2x1x1xf32>, bias = dense<0.5> : tensor<2xf32>,
      stride = array<i64: 1, 1>, padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1, transposed = false, output_padding = array<i64: 0, 0>}
      : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
    %1 = "torch.linear"(%x1) {weight = dense<1.0> : tensor<2x2xf32>, bias = dense<0.5> : tensor<2xf32>}
      : (tensor<?x2xf32>) -> tensor<?x2xf32>
    %2 = "torch.batch_norm"(%x0) {weight = dense<1.0> : tensor<2xf32>, bias = dense<0.5> : tensor<2xf32>,
      running_mean = dense<0.0> : tensor<2xf32>, running_var = dense<1.0> : tensor<2xf32>, eps = 1.0e-5}
      : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
    %3 = "torch.relu"(%x0) : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
    %4 = "torch.clamp"(%x0) {minimum = 0.0, maximum = 6.0} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
    %5 = "torch.max_pool"(%x0) {kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>,
      padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, ceil_mode = false}
      : (tensor<?x2x4x4xf32>) -> tensor<?x2x2x2xf32>
    %6 = "torch.avg_pool"(%x0) {kernel = array<i64: 2, 2>, stride = array<i64: 2, 2>,
      padding = array<i64: 0, 0>, ceil_mode = false, count_include_pad = true, divisor_override = 0}
      : (tensor<?x2x4x4xf32>) -> tensor<?x2x2x2xf32>
    %7 = "torch.adaptive_avg_pool"(%x0) {output_size = array<i64: 1, 1>}
      : (tensor<?x2x4x4xf32>) -> tensor<?x2x1x1xf32>
    %adaptive = "torch.adaptive_max_pool"(%x0) {output_size = array<i64: 1, 1>}
      : (tensor<?x2x4x4xf32>) -> tensor<?x2x1x1xf32>
    %8 = "torch.add"(%x0, %x0) : (tensor<?x2x4x4xf32>, tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
    %9 = "torch.add_scalar"(%x0) {value = 0.5} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
    %10 = "torch.mul_scalar"(%x0) {value = 0.5} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
    %sub = "torch.sub"(%x0, %x0) : (tensor<?x2x4x4xf32>, tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
    %add = "torch.add_constant"(%x0) {value = dense<0.5> : tensor<2x1x1xf32>} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
    %mul = "torch.mul_constant"(%x0) {value = dense<0.5> : tensor<2x1x1xf32>} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
    %11 = "torch.flatten"(%x0) {start_dim = 1, end_dim = 3} : (tensor<?x2x4x4xf32>) -> tensor<?x32xf32>
    %12 = "torch.dropout"(%x0) {p = 0.5} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
    %13 = "torch.identity"(%x0) : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
    %14 = "torch.cat"(%x0, %x0) {dim = 1} : (tensor<?x2x4x4xf32>, tensor<?x2x4x4xf32>) -> tensor<?x4x4x4xf32>
    %turned = "torch.permute"(%x0) {dims = array<i64: 0, 2, 1, 3>} : (tensor<?x2x4x4xf32>) -> tensor<?x4x2x4xf32>
    %shaped = "torch.reshape"(%x0) : (tensor<?x2x4x4xf32>) -> tensor<?x8x4xf32>
    %one = "torch.reshape"(%x1) : (tensor<?x2xf32>) -> tensor<?x2x1xf32>
    %wide = "torch.expand"(%one) : (tensor<?x2x1xf32>) -> tensor<?x2x5xf32>
    %large = "torch.upsample_nearest"(%x0) {output_size = array<i64: 8, 8>} : (tensor<?x2x4x4xf32>) -> tensor<?x2x8x8xf32>
    %15 = "torch.slice"(%x0) {dim = 2, start = 0, end = 4, step = 2}
      : (tensor<?x2x4x4xf32>) -> tensor<?x2x2x4xf32>
    %16 = "torch.constant_pad"(%x0) {before = array<i64: 0, 0, 1, 0>, after = array<i64: 0, 0, 1, 0>,
      value = 0.0}
      : (tensor<?x2x4x4xf32>) -> tensor<?x2x6x4xf32>
    %17 = "torch.mean"(%x0) {dims = array<i64: 2, 3>, keepdim = false}
      : (tensor<?x2x4x4xf32>) -> tensor<?x2xf32>
    %largest = "torch.amax"(%x0) {dims = array<i64: 2, 3>, keepdim = false}
      : (tensor<?x2x4x4xf32>) -> tensor<?x2xf32>
    %18 = "torch.normalize"(%x0) {scale = 0.5, mean = dense<0.5> : tensor<2xf32>,
      std = dense<2.0> : tensor<2xf32>}
      : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
    %nleakyrelu = "torch.leaky_relu"(%x0) {negative_slope = 0.01} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
    %nprelu = "torch.prelu"(%x0) {weight = dense<0.25> : tensor<2xf32>} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
    %nelu = "torch.elu"(%x0) {alpha = 1.0} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
    %nhardsigmoid = "torch.hardsigmoid"(%x0) {} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
    %nhardswish = "torch.hardswish"(%x0) {} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
    %nsilu = "torch.silu"(%x0) {} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
    %ngelu = "torch.gelu"(%x0) {approximate_tanh = true} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
    %nsigmoid = "torch.sigmoid"(%x0) {} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
    %ntanh = "torch.tanh"(%x0) {} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
    %nsoftplus = "torch.softplus"(%x0) {beta = 1.0} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
    %nmish = "torch.mish"(%x0) {} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
    %nsoftmax = "torch.softmax"(%x0) {dim = 1} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
    %nlogsoftmax = "torch.log_softmax"(%x0) {dim = 1} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4x4xf32>
    %nargmax = "torch.argmax"(%x0) {dim = 1, keepdim = false} : (tensor<?x2x4x4xf32>) -> tensor<?x2x4xf32>
    return %0 : tensor<?x2x4x4xf32>
  }
}
