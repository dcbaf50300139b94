"""Writes an nn.Sequential as PATH.safetensors and PATH.ncg; see docs/src/tutorial.md."""
import torch
from safetensors.torch import save_file

OPS = {"Conv2d": "conv2d", "Linear": "linear", "BatchNorm2d": "batch_norm", "ReLU": "relu", "MaxPool2d": "max_pool2d",
       "AvgPool2d": "avg_pool2d", "Flatten": "flatten", "Dropout": "dropout"}
SETTINGS = {"Conv2d": ["stride", "padding", "dilation", "groups"], "BatchNorm2d": ["eps"],
            "MaxPool2d": ["kernel_size", "stride", "padding"], "AvgPool2d": ["kernel_size", "stride", "padding"]}


def export(model, shape, mean, std, path):
    """`shape` is that of one image, (C, H, W); `mean` and `std` are lists of C numbers, for pixels from 0 to 1."""
    lines, value = [f"  %input = normalize(%x, scale = {1 / 255}, mean = {mean}, std = {std})"], "input"
    for number, (key, m) in enumerate((key, m) for key, m in model.named_modules() if not list(m.children())):
        weights = [f"{name} = @{key}.{name}" for name in m.state_dict() if name != "num_batches_tracked"]
        settings = [f"{name} = {getattr(m, name)}" for name in SETTINGS.get(type(m).__name__, [])]
        arguments = ", ".join([f"%{value}", *weights, *settings])
        arguments = arguments.replace("kernel_size", "kernel").replace("(", "[").replace(")", "]")
        lines.append(f"  %{number} = {OPS[type(m).__name__]}({arguments})  # {key}")
        value = number
    outputs = model.eval()(torch.zeros(1, *shape)).shape[1]
    head = f"graph @net(%x: f32[N, {', '.join(map(str, shape))}]) -> f32[N, {outputs}] {{"
    with open(f"{path}.ncg", "w") as file:
        print(head, *lines, f"  return %{value}", "}", sep="\n", file=file)
    save_file({key: tensor.contiguous() for key, tensor in model.state_dict().items()}, f"{path}.safetensors")
