"""Convolutions of every rank and kind, linear layers on any rank, batch norms."""

import torch
import torch.nn.functional as F
from torch import nn

from .manifest import converts


@converts(2, 40)
class Conv1d(nn.Module):
    """Convolutions, batch norms and pools over time."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv1d(2, 8, 5, stride=2, padding=2, bias=False),
            nn.BatchNorm1d(8),
            nn.ReLU(),
            nn.MaxPool1d(2),
            nn.Conv1d(8, 8, 3, dilation=2, padding=2),
            nn.ReLU(),
            nn.AvgPool1d(2),
            nn.Flatten(),
            nn.Linear(40, 5),
        )

    def forward(self, x):
        return self.net(x)


@converts(1, 6, 8, 8)
class Conv3d(nn.Module):
    """Convolutions, batch norms and pools over volumes."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv3d(1, 4, 3, padding=1, bias=False), nn.BatchNorm3d(4)
        self.conv2, self.bn2 = nn.Conv3d(4, 6, (1, 3, 3), padding=(0, 1, 1)), nn.BatchNorm3d(6)
        self.fc = nn.Linear(6, 4)

    def forward(self, x):
        x = F.max_pool3d(F.relu(self.bn1(self.conv1(x))), 2)
        x = F.relu(self.bn2(self.conv2(x)))
        return self.fc(F.adaptive_avg_pool3d(F.avg_pool3d(x, (1, 2, 2)), 1).flatten(1))


@converts(2, 8, 8)
class TransposedConv2d(nn.Module):
    """An autoencoder with transposed convolutions; its output is an image."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(2, 6, 3, 2, 1), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 8, 3, 2, 1), nn.ReLU()
        )
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(8, 6, 3, 2, 1, output_padding=1, bias=False),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.ConvTranspose2d(6, 2, 2, stride=2),
        )

    def forward(self, x):
        return self.decoder(self.encoder(x))


@converts(3, 12)
class TransposedConv1d(nn.Module):
    """A transposed convolution over time, grouped and dilated."""

    def __init__(self):
        super().__init__()
        self.down = nn.Conv1d(3, 8, 4, stride=2, padding=1)
        self.up = nn.ConvTranspose1d(8, 6, 3, stride=2, padding=1, groups=2, dilation=2)
        self.out = nn.Conv1d(6, 2, 1)

    def forward(self, x):
        return self.out(F.relu(self.up(F.relu(self.down(x)))))


@converts(2, 4, 4, 4)
class TransposedConv3d(nn.Module):
    """A transposed convolution over volumes."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv3d(2, 4, 3, stride=2, padding=1)
        self.up = nn.ConvTranspose3d(4, 3, 2, stride=2)
        self.out = nn.Conv3d(3, 1, 1)

    def forward(self, x):
        return self.out(F.relu(self.up(F.relu(self.conv(x)))))


@converts(4, 8, 8)
class Grouped(nn.Module):
    """A ResNeXt block: 1×1, grouped 3×3, 1×1, residual."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(4, 8, 3, padding=1)
        self.reduce, self.bn1 = nn.Conv2d(8, 12, 1, bias=False), nn.BatchNorm2d(12)
        self.conv, self.bn2 = nn.Conv2d(12, 12, 3, padding=1, groups=4, bias=False), nn.BatchNorm2d(12)
        self.expand, self.bn3 = nn.Conv2d(12, 8, 1, bias=False), nn.BatchNorm2d(8)
        self.fc = nn.Linear(8, 4)

    def forward(self, x):
        x = F.relu(self.stem(x))
        y = F.relu(self.bn1(self.reduce(x)))
        y = F.relu(self.bn2(self.conv(y)))
        x = F.relu(x + self.bn3(self.expand(y)))
        return self.fc(x.mean((2, 3)))


@converts(3, 8, 8)
class Depthwise(nn.Module):
    """Depthwise separable convolutions, an inverted residual with a linear bottleneck, as in MobileNet."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU6(inplace=True))
        self.block = nn.Sequential(
            nn.Conv2d(8, 16, 1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU6(inplace=True),
            nn.Conv2d(16, 16, 3, padding=1, groups=16, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU6(inplace=True),
            nn.Conv2d(16, 8, 1, bias=False),
            nn.BatchNorm2d(8),
        )
        self.head = nn.Linear(8, 4)

    def forward(self, x):
        x = self.stem(x)
        x = x + self.block(x)
        return self.head(nn.functional.adaptive_avg_pool2d(x, (1, 1)).flatten(1))


@converts(2, 12, 12)
class Dilated(nn.Module):
    """Dilated convolutions in parallel, summed, as in atrous pyramids."""

    def __init__(self):
        super().__init__()
        self.branches = nn.ModuleList(nn.Conv2d(2, 6, 3, padding=rate, dilation=rate) for rate in (1, 2, 4))
        self.fc = nn.Linear(6 * 9, 4)

    def forward(self, x):
        x = sum(F.relu(branch(x)) for branch in self.branches)
        return self.fc(F.relu(F.max_pool2d(x, 4)).flatten(1))


@converts(2, 9, 11, levels=255)
class OddKernels(nn.Module):
    """Kernels 1×5 and 4×1, `padding="same"` and `"valid"`, a stride for each axis."""

    def __init__(self):
        super().__init__()
        self.wide = nn.Conv2d(2, 6, (1, 5), padding="same")
        self.tall = nn.Conv2d(6, 6, (4, 1), padding="same")
        self.down = nn.Conv2d(6, 8, 3, stride=(1, 2), padding="valid")
        self.fc = nn.Linear(8 * 7 * 5, 4)

    def forward(self, x):
        x = F.relu(self.tall(F.relu(self.wide(x))))
        return self.fc(F.relu(self.down(x)).flatten(1))


@converts(4, 8, 8)
class Inception(nn.Module):
    """Parallel branches of several kernels and a pool, concatenated."""

    def __init__(self):
        super().__init__()
        self.one = nn.Conv2d(4, 4, 1)
        self.three = nn.Sequential(nn.Conv2d(4, 3, 1), nn.ReLU(), nn.Conv2d(3, 4, 3, padding=1))
        self.pool = nn.Sequential(nn.MaxPool2d(3, 1, 1), nn.Conv2d(4, 4, 1))
        self.fc = nn.Linear(12, 4)

    def forward(self, x):
        x = torch.cat([F.relu(self.one(x)), F.relu(self.three(x)), F.relu(self.pool(x))], dim=1)
        return self.fc(x.mean(dim=[2, 3]))


@converts(4, 8, 8)
class PreActivation(nn.Module):
    """Batch norm and ReLU before the convolution, nothing to fold the batch norm into."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(4, 8, 3, padding=1, bias=False)
        self.bn1, self.conv1 = nn.BatchNorm2d(8), nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.bn2, self.conv2 = nn.BatchNorm2d(8), nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.bn3, self.fc = nn.BatchNorm2d(8), nn.Linear(8, 4)

    def forward(self, x):
        x = self.stem(x)
        x = x + self.conv2(F.relu(self.bn2(self.conv1(F.relu(self.bn1(x))))))
        return self.fc(F.relu(self.bn3(x)).mean((2, 3)))


@converts(12)
class NormalisedMlp(nn.Module):
    """`BatchNorm1d` behind linear layers, and one on the input."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(12)
        self.fc1, self.bn1 = nn.Linear(12, 20, bias=False), nn.BatchNorm1d(20)
        self.fc2, self.bn2 = nn.Linear(20, 4), nn.BatchNorm1d(4, affine=False)

    def forward(self, x):
        return self.bn2(self.fc2(F.relu(self.bn1(self.fc1(self.norm(x))))))


@converts(6, 10)
class LinearOnSequence(nn.Module):
    """`nn.Linear` on [N, T, F]: the same layer for each time step, then a mean over time."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(10, 16), nn.Linear(16, 12), nn.Linear(12, 4)

    def forward(self, x):
        x = F.relu(self.fc2(F.relu(self.fc1(x))))
        return self.fc3(x.mean(1))


@converts(5, 3, 8)
class LinearOnGrid(nn.Module):
    """Two dense layers in a row on the last of four axes."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(8, 6), nn.Linear(6, 10), nn.Linear(150, 4)

    def forward(self, x):
        return self.fc3(F.relu(self.fc2(self.fc1(x))).flatten(1))


@converts(3, 8, 8)
class MlpMixer(nn.Module):
    """Patches by a convolution, then dense layers over patches and over channels, with residuals."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 12, 4, stride=4)
        self.tokens = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 4))
        self.channels = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 12))
        self.head = nn.Linear(12, 4)

    def forward(self, x):
        x = F.relu(self.patches(x)).flatten(2)
        x = x + self.tokens(x)
        x = x.transpose(1, 2)
        x = F.relu(x + self.channels(x))
        return self.head(x.mean(dim=1))
