"""Evaluates the integer network of an artifact with NumPy, from the artifact alone, and compares the logits.

usage: numpy_reference.py ARTIFACT.ncx IMAGES.safetensors LOGITS.safetensors

LOGITS is what `neurocudac run ARTIFACT --data IMAGES -o LOGITS` wrote for the first N images: `<output>.int`, i32 [N, …].
No line of the project's Rust code is used, and no timestep is simulated: the sum of what a neuron sends is the closed form
clip(floor((initial + X) / threshold), low, high) of its whole input X. Exits with 0 only if all logits are equal.
"""
import itertools
import json
import sys

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file


def per_channel(tensor, shape):
    """A [C] tensor, or one of the value's shape, so that it broadcasts against [N, *shape]."""
    return tensor if tensor.shape == tuple(shape) else tensor.reshape(-1, *[1] * (len(shape) - 1))


def taps(x, kernel, stride, dilation, before, out_shape, fill):
    """The input with `before` elements (fewer than none cut) ahead of each axis and enough behind; returns what each tap reads."""
    border = [(max(b, 0), max(b, 0) + d * (k - 1) + s * n) for b, d, k, s, n in zip(before, dilation, kernel, stride, out_shape[1:])]
    x = np.pad(x[(..., *(slice(max(-b, 0), None) for b in before))], [(0, 0), (0, 0), *border], constant_values=fill)
    spans = [[slice(t * d, t * d + (n - 1) * s + 1, s) for t in range(k)]
             for k, s, d, n in zip(kernel, stride, dilation, out_shape[1:])]
    indices = itertools.product(*(range(k) for k in kernel))
    return [(i, x[(..., *(span[t] for span, t in zip(spans, i)))]) for i in indices]


def conv(x, weight, op, out_shape):
    """Cross-correlation as one matrix product for each tap; transposed, that of the mirrored kernel with spread inputs."""
    groups, (o, i, *kernel), stride, before = op["groups"], weight.shape, op["stride"], op["padding"]
    if op["transposed"]:
        spread = np.zeros([*x.shape[:2], *((n - 1) * s + 1 for n, s in zip(x.shape[2:], stride))])
        spread[(..., *(slice(None, None, s) for s in stride))] = x
        x, weight = spread, np.flip(weight, range(2, weight.ndim))
        before = [d * (k - 1) - p for d, k, p in zip(op["dilation"], kernel, before)]
        stride = [1] * len(kernel)
    weight = weight.reshape(groups, o // groups, i, *kernel)
    total = sum(weight[(..., *tap)] @ window.reshape(len(x), groups, i, -1)
                for tap, window in taps(x, kernel, stride, op["dilation"], before, out_shape, 0))
    return total.reshape(len(x), *out_shape)


def encode(x, op, tensors):
    """Integer codes of the pixels; each operation in f64, rounded once."""
    m, b, low, high = (per_channel(tensors[op[k]], x.shape[1:]) for k in ("multiplier", "offset", "minimum", "maximum"))
    real = np.minimum(np.maximum(x.astype(np.float64) * m + b, low), high)
    return np.clip(np.floor(real / op["scale"] + 0.5), op["low"], op["high"])


def weights(op, tensors, x):
    """The weight in f64, where every partial sum over `x` is an exact integer."""
    weight = tensors[op["weight"]].astype(np.float64)
    assert np.abs(weight).reshape(len(weight), -1).sum(1).max() * np.abs(x).max() < 2**53, op["name"]
    return weight


def evaluate(op, inputs, out_shape, tensors):
    """What the op has sent in total when the network has come to rest."""
    kind, x = op["op"], inputs[0]
    if kind == "encode":
        return encode(x, op, tensors)
    if kind == "encode-events":
        return x.astype(np.float64)
    if kind == "conv":
        return conv(x, weights(op, tensors, x), op, out_shape)
    if kind == "linear":
        return x @ weights(op, tensors, x).T
    if kind == "scale":
        return x * per_channel(weights(op, tensors, x), out_shape)
    if kind == "max-pool2d":
        windows = taps(x, op["kernel"], op["stride"], op["dilation"], op["padding"], out_shape, -np.inf)
        return np.maximum.reduce([window for _, window in windows])
    if kind == "sum-pool2d":
        rows = [x[:, :, top:bottom].sum(2) for top, bottom in op["rows"]]
        bins = [[row[:, :, left:right].sum(2) for left, right in op["columns"]] for row in rows]
        return np.array(bins).transpose(2, 3, 0, 1) * tensors.get(op.get("multiplier"), 1)
    if kind == "add":
        return sum(inputs)
    if kind == "concat":
        return np.concatenate(inputs, op["axis"] + 1)
    if kind == "gather":
        return x.take(op["indices"], op["axis"] + 1)
    if kind == "permute":
        return x.transpose([0] + [axis + 1 for axis in op["axes"]])
    if kind == "pad":
        return np.pad(x, [(0, 0), *zip(op["before"], op["after"])])
    if kind == "reshape":
        return x.reshape(len(x), *out_shape)
    initial = per_channel(tensors[op["initial"]], out_shape)
    if kind in ("st-bif", "sigma-delta", "hold-and-fire"):
        low, high = (0, op["levels"]) if kind == "hold-and-fire" else (op["low"], op["high"])
        return np.clip(np.floor_divide(initial + x, per_channel(tensors[op["threshold"]], out_shape)), low, high)
    if kind == "readout" and not op["average"] and not tensors[op["bias"]].any():
        return initial + op["gain"] * x
    sys.exit(f"{op['name']}: {kind} has no closed form; only st-bif, sigma-delta and hold-and-fire networks can be checked")


def run(program, tensors, images):
    """Integer logits of every readout, by output name."""
    values, logits = {}, {}
    for op in program["ops"]:
        inputs = [values.get(i, images) for i in op["inputs"]] or [images]
        values[op["output"]] = out = evaluate(op, inputs, program["values"][op["output"]], tensors)
        assert np.abs(out).max() < 2**31, f"{op['name']}: leaves i32"
        if op["op"] == "readout":
            logits[f"{op['output_name']}.int"] = out
    return logits


def main(artifact, data, outputs):
    with safe_open(artifact, "numpy") as file:
        program = json.loads(file.metadata()["neurocuda.manifest"])["program"]
    tensors, given, compared, different = load_file(artifact), load_file(outputs), 0, 0
    count, samples = len(next(iter(given.values()))), load_file(data)
    # Of frames of events [N, T, …] the network sees the sum in the end.
    images = samples["images"][:count] if "images" in samples else samples["frames"][:count].sum(1, dtype=np.int64)
    for first in range(0, len(images), 200):
        for name, want in run(program, tensors, images[first : first + 200]).items():
            assert given[name].shape == (len(images), *want.shape[1:]), f"{name}: {given[name].shape}"
            compared += want.size
            different += int((given[name][first : first + 200] != want).sum())
    print(f"{len(images)} images, {compared} logits, {different} different")
    return int(different > 0 or compared == 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) if len(sys.argv) == 4 else __doc__)
