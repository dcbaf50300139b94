"""Writes torch_vectors.json: what PyTorch computes, in float64, for one op of the `torch` dialect each.

    python torch_vectors.py > torch_vectors.json      # any PyTorch 2; made with 2.11.0

Inputs and parameters come from `ramp`, whose values are exact in float32; the test makes the same inputs.
"""
import itertools
import json

import torch
import torch.nn.functional as F


def ramp(*shape, start=0):
    count = torch.Size(shape).numel()
    values = [((i * 37 + 11 + start) % 101 - 50) / 8 for i in range(count)]
    return torch.tensor(values, dtype=torch.float64).reshape(shape)


def dense(tensor):
    text = json.dumps(tensor.tolist())
    return f"dense<{text}> : tensor<{'x'.join(map(str, tensor.shape))}xf32>"


def attribute(value):
    if isinstance(value, torch.Tensor):
        return dense(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value} : i64"
    if isinstance(value, (list, tuple)):
        return f"array<i64: {', '.join(map(str, value))}>"
    if value in (float("inf"), float("-inf")):
        return ("0x7FF0000000000000" if value > 0 else "0xFFF0000000000000") + " : f64"
    return f"{value:e} : f64"


def batch(shape):
    return f"tensor<{'x'.join(['?', *map(str, shape)])}xf32>"


cases = []


def case(op, shape, compute, operands=1, **attributes):
    inputs = ramp(1, *shape)
    output = compute(inputs)[0]
    text = ", ".join(f"{key} = {attribute(value)}" for key, value in attributes.items())
    names, types = ", ".join(["%x"] * operands), ", ".join([batch(shape)] * operands)
    body = f'%y = "torch.{op}"({names}) {{{text}}} : ({types}) -> {batch(output.shape)}'
    numbers = [float(f"{value:.12g}") for value in output.flatten().tolist()]
    cases.append({"op": body, "input": list(shape), "output": list(output.shape), "values": numbers})


for shape, out, kernel, stride, padding, dilation, groups in [
    ((3, 5, 6), 2, (3, 3), (1, 1), (0, 0), (1, 1), 1),
    ((2, 5, 6), 5, (3, 2), (2, 1), (1, 0), (1, 1), 1),
    ((4, 6, 5), 6, (2, 3), (1, 2), (1, 2), (2, 1), 2),
    ((3, 4, 4), 6, (3, 3), (2, 2), (1, 1), (1, 1), 3),
    ((5, 3, 3), 3, (1, 1), (1, 1), (0, 0), (1, 1), 1),
    ((4, 9), 6, (3,), (2,), (1,), (2,), 2),
    ((3, 7), 2, (5,), (1,), (0,), (1,), 1),
    ((4, 3, 4, 5), 4, (2, 3, 2), (1, 2, 2), (0, 1, 2), (2, 1, 3), 2),
]:
    weight, bias = ramp(out, shape[0] // groups, *kernel, start=5), ramp(out, start=9)
    how = dict(stride=stride, padding=padding, dilation=dilation, groups=groups, transposed=False,
               output_padding=(0,) * len(kernel))
    case("convolution", shape, lambda x: torch.convolution(x, weight, bias, **how), weight=weight, bias=bias, **how)

for shape, out, kernel, stride, padding, dilation, groups, output_padding in [
    ((3, 6), 2, (3,), (1,), (0,), (1,), 1, (0,)),
    ((4, 5), 6, (4,), (3,), (2,), (2,), 2, (2,)),
    ((3, 4, 3), 2, (2, 3), (2, 2), (0, 1), (1, 1), 1, (0, 1)),
    ((4, 3, 4), 4, (3, 2), (1, 3), (1, 2), (2, 3), 4, (1, 2)),
    ((2, 2, 2), 2, (1, 2), (3, 1), (0, 1), (1, 1), 2, (2, 0)),
    ((4, 2, 3, 3), 2, (2, 3, 2), (2, 1, 2), (1, 1, 0), (1, 2, 1), 2, (1, 0, 0)),
]:
    weight, bias = ramp(shape[0], out // groups, *kernel, start=5), ramp(out, start=9)
    how = dict(stride=stride, padding=padding, dilation=dilation, groups=groups, transposed=True,
               output_padding=output_padding)
    case("convolution", shape, lambda x: torch.convolution(x, weight, bias, **how), weight=weight, bias=bias, **how)

weight, bias = ramp(4, 7, start=3), ramp(4, start=8)
case("linear", (7,), lambda x: F.linear(x, weight, bias), weight=weight, bias=bias)
case("linear", (3, 7), lambda x: F.linear(x, weight, bias), weight=weight, bias=bias)

weight, bias, mean, var = ramp(3, start=1), ramp(3, start=2), ramp(3, start=3), ramp(3, start=4).abs()
for shape in [(3,), (3, 2, 2)]:
    case(
        "batch_norm", shape, lambda x: F.batch_norm(x, mean, var, weight, bias, False, 0.0, 2.0**-10),
        weight=weight, bias=bias, running_mean=mean, running_var=var, eps=2.0**-10,
    )

case("relu", (2, 3), F.relu)
case("clamp", (2, 3), lambda x: x.clamp(-1.5, 2.0), minimum=-1.5, maximum=2.0)
case("clamp", (2, 3), lambda x: x.clamp(min=0.5), minimum=0.5, maximum=float("inf"))

case("leaky_relu", (2, 3), lambda x: F.leaky_relu(x, 0.125), negative_slope=0.125)
weight = ramp(2, start=5)
case("prelu", (2, 3), lambda x: F.prelu(x, weight), weight=weight)
weight = ramp(1, start=6)
case("prelu", (2, 3), lambda x: F.prelu(x, weight), weight=weight)
case("elu", (2, 3), lambda x: F.elu(x, 0.75), alpha=0.75)
case("softplus", (2, 3), lambda x: F.softplus(x, 2.0), beta=2.0)
for name in ["hardsigmoid", "hardswish", "silu", "mish"]:
    case(name, (3, 4), getattr(F, name))
case("sigmoid", (3, 4), torch.sigmoid)
case("tanh", (3, 4), torch.tanh)
case("gelu", (3, 4), F.gelu, approximate_tanh=False)
case("gelu", (3, 4), lambda x: F.gelu(x, approximate="tanh"), approximate_tanh=True)

max_pools, avg_pools = [F.max_pool1d, F.max_pool2d, F.max_pool3d], [F.avg_pool1d, F.avg_pool2d, F.avg_pool3d]
adaptive_avg = [F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d]
adaptive_max = [F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d]

for shape, kernel, stride, padding, dilation, ceil_mode in itertools.chain(
    itertools.product([(1, 5, 8), (1, 7, 6)], [(2, 3)], [(2, 2), (3, 1), (2, 3)], [(0, 0), (1, 1)], [(1, 1), (2, 2)],
                      [False, True]),
    itertools.product([(2, 8)], [(3,)], [(2,), (3,)], [(0,), (1,)], [(1,), (2,)], [False, True]),
    itertools.product([(1, 4, 5, 6)], [(2, 3, 2)], [(2, 1, 3)], [(0, 0, 0), (1, 1, 0)], [(1, 1, 2)], [False, True]),
):
    how = dict(stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode)
    pool = max_pools[len(kernel) - 1]
    case("max_pool", shape, lambda x: pool(x, kernel, **how), kernel=kernel, **how)

for shape, kernel, stride, padding, ceil_mode, count_include_pad in itertools.chain(
    itertools.product([(1, 5, 8), (1, 7, 6)], [(3, 2)], [(2, 2), (2, 3), (3, 2)], [(0, 0), (1, 1)], [False, True],
                      [False, True]),
    itertools.product([(2, 8)], [(3,)], [(2,), (3,)], [(0,), (1,)], [False, True], [False, True]),
    itertools.product([(1, 4, 5, 6)], [(2, 3, 2)], [(2, 1, 3)], [(0, 0, 0), (1, 1, 0)], [False, True], [False, True]),
):
    how = dict(stride=stride, padding=padding, ceil_mode=ceil_mode, count_include_pad=count_include_pad)
    pool = avg_pools[len(kernel) - 1]
    case("avg_pool", shape, lambda x: pool(x, kernel, **how), kernel=kernel, divisor_override=0, **how)

for shape, kernel in [((1, 5, 8), (3, 2)), ((1, 4, 5, 6), (2, 3, 2))]:
    how = dict(stride=kernel, padding=(0,) * len(kernel), ceil_mode=True, count_include_pad=True, divisor_override=5)
    pool = avg_pools[len(kernel) - 1]
    case("avg_pool", shape, lambda x: pool(x, kernel, **how), kernel=kernel, **how)

for shape, output_size in [
    ((2, 7, 7), (1, 1)), ((2, 5, 7), (3, 2)), ((1, 3, 4), (5, 4)), ((2, 6, 6), (3, 3)), ((2, 7), (3,)),
    ((2, 4, 5, 3), (2, 3, 3)), ((1, 4, 2, 6), (2, 1, 3)),
]:
    pool, largest = adaptive_avg[len(output_size) - 1], adaptive_max[len(output_size) - 1]
    case("adaptive_avg_pool", shape, lambda x: pool(x, output_size), output_size=output_size)
    case("adaptive_max_pool", shape, lambda x: largest(x, output_size), output_size=output_size)

case("add", (2, 3), lambda x: x + x, operands=2)
case("add_scalar", (2, 3), lambda x: x + 0.75, value=0.75)
case("mul_scalar", (2, 3), lambda x: x * -0.75, value=-0.75)
case("flatten", (2, 3, 2), lambda x: x.flatten(1, 3), start_dim=1, end_dim=3)
case("flatten", (2, 3, 2), lambda x: x.flatten(2, 3), start_dim=2, end_dim=3)
case("dropout", (5,), lambda x: F.dropout(x, 0.5, training=False), p=0.5)
case("identity", (5,), lambda x: x)
case("cat", (2, 3), lambda x: torch.cat([x, x], 1), operands=2, dim=1)
case("cat", (2, 3, 2), lambda x: torch.cat([x, x], 2), operands=2, dim=2)
case("softmax", (5,), lambda x: F.softmax(x, 1), dim=1)
case("softmax", (3, 4), lambda x: F.softmax(x, 1), dim=1)
case("log_softmax", (3, 4), lambda x: F.log_softmax(x, 2), dim=2)
case("argmax", (3, 4), lambda x: x.argmax(1), dim=1, keepdim=False)
case("argmax", (3, 4), lambda x: x.argmax(2, keepdim=True), dim=2, keepdim=True)
case("permute", (3, 4), lambda x: x.permute(0, 2, 1), dims=[0, 2, 1])
case("permute", (2, 3, 4, 2), lambda x: x.permute(0, 3, 1, 4, 2), dims=[0, 3, 1, 4, 2])
case("reshape", (4, 3), lambda x: x.reshape(1, 2, 3, 2))
case("expand", (3, 1, 2, 1), lambda x: x.expand(1, 3, 4, 2, 3))
for sizes in [((5,), (8,)), ((3, 4), (6, 8)), ((3, 5), (7, 2)), ((2, 3, 2), (3, 3, 5))]:
    case("upsample_nearest", (2, *sizes[0]), lambda x: F.interpolate(x, size=sizes[1]), output_size=sizes[1])
case("sub", (2, 3), lambda x: x - x, operands=2)
case("add_constant", (3, 2, 2), lambda x: x + ramp(3, 1, 1, start=3), value=ramp(3, 1, 1, start=3))
case("add_constant", (3, 4), lambda x: x + ramp(3, 4, start=5), value=ramp(3, 4, start=5))
case("mul_constant", (3, 2, 2), lambda x: x * ramp(1, 1, 2, start=3), value=ramp(1, 1, 2, start=3))
case("slice", (5, 4), lambda x: x[:, 1:5:2], dim=1, start=1, end=5, step=2)
case("slice", (2, 7), lambda x: x[:, :, 1:99:3], dim=2, start=1, end=99, step=3)
case("constant_pad", (2, 2, 3), lambda x: F.pad(x, (1, 0, 0, 2, 1, 1), value=1.5),
     before=[0, 1, 0, 1], after=[0, 1, 2, 0], value=1.5)
case("mean", (2, 3, 4), lambda x: x.mean((2, 3)), dims=[2, 3], keepdim=False)
case("mean", (2, 3, 4), lambda x: x.mean((3, 1), keepdim=True), dims=[3, 1], keepdim=True)
case("mean", (2, 3, 4, 2), lambda x: x.mean((2, 4)), dims=[2, 4], keepdim=False)
for dims, keepdim in [((2, 3), False), ((1,), False), ((1, 3), True)]:
    case("amax", (2, 3, 4), lambda x: x.amax(dims, keepdim=keepdim), dims=dims, keepdim=keepdim)
mean, std = ramp(3, start=6), ramp(3, start=7).abs()
case("normalize", (3, 2, 2), lambda x: (x * 0.25 - mean[:, None, None]) / std[:, None, None], scale=0.25, mean=mean, std=std)

print("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]")
