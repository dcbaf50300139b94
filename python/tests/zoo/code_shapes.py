"""One small network in the many ways in which people write it."""

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import nn

from .manifest import converts


@converts(20)
class Mlp(nn.Module):
    """`nn.Sequential` of linear layers and ReLU."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(20, 24), nn.ReLU(), nn.Linear(24, 16), nn.ReLU(), nn.Linear(16, 5))

    def forward(self, x):
        return self.net(x)


@converts(1, 12, 12)
class Functional(nn.Module):
    """`F.relu`, `F.max_pool2d`, `torch.flatten`, `F.dropout`."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 3)
        self.conv2 = nn.Conv2d(6, 8, 3)
        self.fc = nn.Linear(8 * 3 * 3, 5)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.relu(self.conv2(x))
        x = F.dropout(torch.flatten(x, 1), 0.5, self.training)
        return self.fc(x)


@converts(1, 10, 10)
class Methods(nn.Module):
    """`x.relu()`, `x.view(x.size(0), -1)`."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 6, 3, stride=2, padding=1)
        self.fc1 = nn.Linear(150, 16)
        self.fc2 = nn.Linear(16, 4)

    def forward(self, x):
        x = self.conv(x).relu()
        x = x.view(x.size(0), -1)
        return self.fc2(self.fc1(x).relu())


@converts(1, 10, 10)
class TorchFunctions(nn.Module):
    """`torch.relu`, `reshape(x.shape[0], …)`, `x.flatten(1)`, `torch.relu_`."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.fc1 = nn.Linear(256, 16)
        self.fc2 = nn.Linear(16, 4)

    def forward(self, x):
        x = torch.relu(self.conv(x)).reshape(x.shape[0], 4 * 8, 8)
        return self.fc2(torch.relu_(self.fc1(x.flatten(1))))


@converts(3, 8, 8)
class SharedReLU(nn.Module):
    """One `nn.ReLU` module called three times."""

    def __init__(self):
        super().__init__()
        self.relu = nn.ReLU()
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.fc1, self.fc2 = nn.Linear(6, 12), nn.Linear(12, 4)

    def forward(self, x):
        x = self.relu(self.conv1(x))
        x = self.relu(self.conv2(x))
        x = F.adaptive_avg_pool2d(x, 1).flatten(1)
        return self.fc2(self.relu(self.fc1(x)))


@converts(3, 8, 8)
class InplaceReLU(nn.Module):
    """`nn.ReLU(inplace=True)` behind convolution and batch norm."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 8, 3, padding=1, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(inplace=True),
        )
        self.classifier = nn.Linear(128, 5)

    def forward(self, x):
        return self.classifier(torch.flatten(self.features(x), 1))


@converts(4, 8, 8)
class InplaceAdd(nn.Module):
    """A residual block with `out += identity` and a projection, as in torchvision."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(4, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8)
        self.conv2, self.bn2 = nn.Conv2d(8, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = nn.Sequential(nn.Conv2d(4, 8, 1, 2, bias=False), nn.BatchNorm2d(8))
        self.fc = nn.Linear(8, 4)

    def forward(self, x):
        identity = self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += identity
        out = self.relu(out)
        return self.fc(out.mean((2, 3)))


@converts(6, 6, 6)
class TorchAdd(nn.Module):
    """`torch.add` with `alpha`, `x.sub`, a chain of residual blocks."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(6, 6, 3, padding=1)
        self.convs = nn.ModuleList(nn.Conv2d(6, 6, 3, padding=1) for _ in range(3))
        self.fc = nn.Linear(216, 4)

    def forward(self, x):
        x = F.relu(self.stem(x))
        x = F.relu(torch.add(x, self.convs[0](x), alpha=0.5))
        x = F.relu(x.sub(self.convs[1](x)))
        x = F.relu(x.add(self.convs[2](x)))
        return self.fc(x.flatten(1))


@converts(3, 8, 8)
class DenseBlock(nn.Module):
    """`torch.cat` of everything before, as in DenseNet."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(7, 4, 3, padding=1)
        self.conv3 = nn.Conv2d(11, 6, 1)
        self.fc = nn.Linear(6, 4)

    def forward(self, x):
        features = [x]
        for conv in (self.conv1, self.conv2):
            features.append(F.relu(conv(torch.cat(features, 1))))
        x = F.relu(self.conv3(torch.cat(features, dim=-3)))
        return self.fc(F.avg_pool2d(x, x.shape[-1]).flatten(1))


@converts(3, 8, 8)
class NestedContainers(nn.Module):
    """`nn.Sequential` in `nn.ModuleDict` in `nn.ModuleList`, named by an `OrderedDict`."""

    def __init__(self):
        super().__init__()

        def block(inputs, outputs):
            layers = [("conv", nn.Conv2d(inputs, outputs, 3, padding=1)), ("act", nn.Sequential(nn.Identity(), nn.ReLU()))]
            return nn.Sequential(OrderedDict(layers))

        self.stages = nn.ModuleList(
            [nn.ModuleDict({"body": block(3, 6), "pool": nn.MaxPool2d(2)}), nn.ModuleDict({"body": block(6, 8)})]
        )
        self.head = nn.Sequential(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), nn.Linear(8, 4))

    def forward(self, x):
        for stage in self.stages:
            for layer in stage.values():
                x = layer(x)
        return self.head(x)


@converts(4, 8, 8)
class WeightSharing(nn.Module):
    """A block with its batch norm applied three times, and two linear layers with one weight."""

    def __init__(self):
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU())
        self.fc1, self.fc2, self.fc3 = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 3)
        self.fc2.weight = self.fc1.weight

    def forward(self, x):
        for _ in range(3):
            x = self.block(x)
        x = x.mean(dim=(-2, -1))
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


@converts(1, 10, 10, pixels=True)
class NormalisesInside(nn.Module):
    """Bytes in; `/ 255`, `- mean`, `/ std` with buffers in `forward`."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.45]).view(1, 1, 1, 1))
        self.register_buffer("std", torch.tensor([0.27]).view(1, 1, 1, 1), persistent=False)
        self.conv, self.fc = nn.Conv2d(1, 8, 3, padding=1), nn.Linear(200, 4)

    def forward(self, x):
        x = (x / 255 - self.mean) / self.std
        return self.fc(F.max_pool2d(F.relu(self.conv(x)), 2).flatten(1))


@converts(3, 8, 8)
class BuffersAndConstants(nn.Module):
    """`+ - * /` with numbers, with a buffer and with a parameter for each channel, from either side."""

    def __init__(self):
        super().__init__()
        self.register_buffer("offset", torch.linspace(-0.5, 0.5, 6).view(6, 1, 1))
        self.gamma = nn.Parameter(torch.linspace(0.5, 1.5, 6).view(1, 6, 1, 1))
        self.conv1, self.conv2 = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.fc = nn.Linear(6, 4)

    def forward(self, x):
        x = F.relu(self.conv1(2 * x - 0.25) + self.offset)
        x = 1 - x / 2
        x = F.relu(x + self.gamma * self.conv2(x))
        return -self.fc(x.mean([2, 3])) * 3.0 + 1


@converts(3, 8, 8)
class NothingLeftOut(nn.Module):
    """Dropout of each kind, `nn.Identity`, a head that is used in training only, `clone`, `contiguous`, `detach`."""

    def __init__(self):
        super().__init__()
        self.conv1, self.drop1 = nn.Conv2d(3, 6, 3), nn.Dropout2d(0.2)
        self.conv2, self.drop2 = nn.Conv2d(6, 6, 3), nn.AlphaDropout(0.1)
        self.same = nn.Identity()
        self.auxiliary = nn.Linear(6, 4)
        self.fc = nn.Linear(96, 4)
        self.drop3 = nn.Dropout(0.5, inplace=True)

    def forward(self, x):
        x = self.drop1(F.relu(self.conv1(x.clone())))
        early = x
        x = self.drop2(F.relu(self.conv2(self.same(x))))
        x = self.fc(self.drop3(x.contiguous().flatten(1)).detach())
        if self.training:
            return x + self.auxiliary(early.mean((2, 3)))
        return x


@converts(2, 6, 6)
class CustomModules(nn.Module):
    """Activations and blocks in classes and functions of one's own, keyword arguments, `@staticmethod`."""

    class Act(nn.Module):
        def forward(self, x, floor=0.0):
            return x.clamp_min(floor)

    def __init__(self):
        super().__init__()
        self.act = self.Act()
        self.conv1, self.conv2 = nn.Conv2d(2, 6, 3), nn.Conv2d(6, 8, 3)
        self.fc = nn.Linear(32, 4)

    @staticmethod
    def halve(x, kernel=1):
        return F.avg_pool2d(x, kernel_size=kernel, stride=1)

    def forward(self, x, flat=True):
        x = self.act(self.conv1(x), floor=0.0)
        x = self.halve(self.act(self.conv2(x)))
        return self.fc(x.flatten(1) if flat else x)


@converts(16)
class MatrixProducts(nn.Module):
    """`x @ W.t()`, `torch.addmm`, `F.linear` with parameters of the model's own."""

    def __init__(self):
        super().__init__()
        self.first = nn.Parameter(torch.randn(24, 16) * 0.35)
        self.second, self.shift = nn.Parameter(torch.randn(24, 12) * 0.3), nn.Parameter(torch.randn(12) * 0.1)
        self.third = nn.Parameter(torch.randn(4, 12) * 0.4)

    def forward(self, x):
        x = torch.relu(x @ self.first.t())
        x = torch.relu(torch.addmm(self.shift, x, self.second))
        return F.linear(x, self.third)
