"""Activations: clamps, which are neurons as they are, and curves, which become tables."""

import torch
import torch.nn.functional as F
from torch import nn

from .manifest import converts


class TwoConvs(nn.Module):
    """A convolution, an activation, twice; the frame in which the activations of this room stand."""

    def __init__(self, first, second):
        super().__init__()
        self.conv1, self.act1 = nn.Conv2d(2, 8, 3, padding=1), first
        self.conv2, self.act2 = nn.Conv2d(8, 8, 3, stride=2), second
        self.fc = nn.Linear(8 * 3 * 3, 5)

    def forward(self, x):
        x = self.act1(self.conv1(x))
        x = self.act2(self.conv2(x))
        return self.fc(x.flatten(1))


@converts(2, 8, 8)
class ReLU6(TwoConvs):
    """`nn.ReLU6` and `F.relu6`, both with values above 6."""

    def __init__(self):
        super().__init__(nn.ReLU6(inplace=True), lambda x: F.relu6(4 * x))


@converts(2, 8, 8)
class Hardtanh(TwoConvs):
    """`nn.Hardtanh` with limits, `F.hardtanh`: signed activations."""

    def __init__(self):
        super().__init__(nn.Hardtanh(-0.5, 1.5), F.hardtanh)


@converts(2, 8, 8)
class Clamp(TwoConvs):
    """`torch.clamp`, `x.clamp(min=…)`, `x.clip`."""

    def __init__(self):
        super().__init__(lambda x: torch.clamp(x, -1.0, 2.0), lambda x: x.clamp(min=0.0).clip(max=3.0))


@converts(2, 8, 8)
class LeakyReLU(TwoConvs):
    """`nn.LeakyReLU` and `F.leaky_relu`."""

    def __init__(self):
        super().__init__(nn.LeakyReLU(0.1), lambda x: F.leaky_relu(x, 0.25))


@converts(2, 8, 8)
class PReLU(nn.Module):
    """`nn.PReLU` with one slope, and with one for each channel."""

    def __init__(self):
        super().__init__()
        self.conv1, self.act1 = nn.Conv2d(2, 8, 3, padding=1), nn.PReLU()
        self.conv2, self.act2 = nn.Conv2d(8, 8, 3, stride=2), nn.PReLU(8)
        self.fc = nn.Linear(8 * 3 * 3, 5)
        with torch.no_grad():
            self.act2.weight.copy_(torch.linspace(0.05, 0.4, 8))

    def forward(self, x):
        return self.fc(self.act2(self.conv2(self.act1(self.conv1(x)))).flatten(1))


@converts(2, 8, 8)
class Elu(TwoConvs):
    """`nn.ELU` with alpha, and `F.elu`."""

    def __init__(self):
        super().__init__(nn.ELU(0.5), F.elu)


@converts(2, 8, 8)
class Hardswish(TwoConvs):
    """`nn.Hardswish` and `F.hardswish`."""

    def __init__(self):
        super().__init__(nn.Hardswish(inplace=True), F.hardswish)


@converts(2, 8, 8)
class SiLU(TwoConvs):
    """`nn.SiLU` and `F.silu`."""

    def __init__(self):
        super().__init__(nn.SiLU(inplace=True), F.silu)


@converts(2, 8, 8)
class GELU(TwoConvs):
    """`nn.GELU` exact, and approximated by tanh."""

    def __init__(self):
        super().__init__(nn.GELU(), nn.GELU(approximate="tanh"))


@converts(2, 8, 8)
class Sigmoid(TwoConvs):
    """`nn.Sigmoid`, `torch.sigmoid`, `x.sigmoid()`."""

    def __init__(self):
        super().__init__(nn.Sigmoid(), torch.sigmoid)


@converts(2, 8, 8)
class Tanh(TwoConvs):
    """`nn.Tanh` and `x.tanh()`."""

    def __init__(self):
        super().__init__(nn.Tanh(), lambda x: x.tanh())


@converts(2, 8, 8, levels=255)
class Hardsigmoid(TwoConvs):
    """`nn.Hardsigmoid` and `F.hardsigmoid`."""

    def __init__(self):
        super().__init__(nn.Hardsigmoid(), F.hardsigmoid)


@converts(2, 8, 8)
class SoftplusMish(TwoConvs):
    """`nn.Softplus` with beta, and `F.mish`."""

    def __init__(self):
        super().__init__(nn.Softplus(beta=2), F.mish)


@converts(3, 8, 8, levels=255)
class ActivationInFrontOfPool(nn.Module):
    """A curve before a max pool, in a residual sum, and straight behind another activation."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.fc = nn.Linear(6 * 16, 4)

    def forward(self, x):
        x = F.max_pool2d(F.gelu(self.conv1(x)), 2)
        x = x + F.silu(self.conv2(x))
        return self.fc(torch.tanh(F.relu(x)).flatten(1))
