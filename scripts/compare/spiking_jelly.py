"""The SpikingJelly half of the comparison: converts a PyTorch model by each documented setting and simulates it.

A simulation keeps the output of every step of every image, so that one run of the longest length answers for all
lengths and for every start of the readout: the dynamics of a step do not depend on how many are to follow.
"""
import time
import warnings
from dataclasses import dataclass, field

import numpy as np
import torch
from spikingjelly.activation_based import ann2snn, functional, neuron
from torch import fx, nn

from . import choice

BATCH = 100


@dataclass
class Setting:
    """One way to convert; `batch` is the number of calibration images in a batch, all are seen once."""

    name: str
    recipe: type
    options: dict = field(default_factory=dict)
    batch: int = BATCH

    def convert(self, model, images, device="cpu"):
        """Converts a model, calibrating it on normalised images `[N, C, H, W]`; both are on the device."""
        loader = list(images.split(self.batch))
        recipe = self.recipe(dataloader=loader, **self.options)
        return ann2snn.Converter(recipe=recipe, device=device).convert(model)

    def described(self):
        """The call as a user would write it, and the batch size."""
        options = "".join(f", {key}={value!r}" for key, value in self.options.items())
        return f"{self.recipe.__name__}(dataloader{options}), calibration batches of {self.batch}"


_RATE, _BALANCED = ann2snn.RateCodingRecipe, ann2snn.LocalThresholdBalancingRecipe
_CHANNELS = {"channel_wise": True, "half_threshold": True}

# Every recipe of SpikingJelly 2.0.0 that converts a ReLU network, with the settings of its examples: the modes of
# cnn_mnist.py, resnet18_cifar10.py (Max) and imagenet_resnet18_ltb.py (99.9 % by channel at half threshold; balancing), and
# lower percentiles than those.
# Balancing moves a threshold once a batch (390 times in the example); smaller batches make as many moves of the same images.
SETTINGS = [
    Setting("max", _RATE, {"mode": "Max"}),
    Setting("99.9%", _RATE, {"mode": "99.9%"}),
    *(Setting(f"max/{n}", _RATE, {"mode": 1.0 / n}) for n in (2, 3, 4, 5)),
    Setting("channel max, half threshold", _RATE, {"mode": "Max", **_CHANNELS}),
    *(Setting(f"channel {p}, half threshold", _RATE, {"mode": p, **_CHANNELS}) for p in ("99.9%", "99%", "98%", "95%")),
    Setting("channel 99.9%", _RATE, {"mode": "99.9%", "channel_wise": True}),
    Setting("balanced, 10 moves", _BALANCED, batch=100),
    Setting("balanced, 40 moves", _BALANCED, batch=25),
    Setting("balanced, 100 moves", _BALANCED, batch=10),
    Setting("balanced, 500 moves", _BALANCED, batch=2),
]


def neurons(model):
    """Number of neuron layers in a model."""
    return sum(isinstance(module, neuron.BaseNode) for module in model.modules())


def relus(model):
    """Number of ReLUs that a converted model still computes, as modules or as functions."""
    graph = model.graph if isinstance(model, fx.GraphModule) else fx.symbolic_trace(model).graph
    modules = dict(model.named_modules())
    functions = (torch.relu, nn.functional.relu)
    return sum(
        (node.op == "call_module" and isinstance(modules.get(node.target), nn.ReLU))
        or (node.op == "call_function" and node.target in functions)
        for node in graph.nodes
    )


@torch.no_grad()
def simulate(model, images, steps):
    """Output of each step, `[steps, N, classes]`, and the processor seconds that it took."""
    model.eval()
    functional.reset_net(model)
    start = time.process_time()
    outputs = torch.stack([model(images).clone() for _ in range(steps)])
    return outputs.numpy(), time.process_time() - start


def delays(model, images, lengths, device="cpu"):
    """First step of the delayed readout that SpikingJelly estimates for each length of a simulation."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {t: ann2snn.estimate_delay_start(model, [images[:BATCH]], device, t) for t in lengths}


def sums(outputs, length, delay):
    """What is read at a length by each of `choice.READOUTS`, `[N, classes]`: the sum of all outputs, as SpikingJelly's examples
    read them, and the sum from step `delay` on."""
    return {readout: outputs[start:length].sum(axis=0) for readout, start in zip(choice.READOUTS, (0, delay), strict=True)}
