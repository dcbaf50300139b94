"""Data movement: slices, concatenations, padding, permutations, upsampling."""

import torch
import torch.nn.functional as F
from torch import nn

from .manifest import converts


@converts(4, 8, 8)
class OptionAShortcut(nn.Module):
    """A strided slice and zero channels as shortcut, as in the ResNets for CIFAR-10."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(4, 8, 3, padding=1)
        self.conv1, self.bn1 = nn.Conv2d(8, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16)
        self.conv2, self.bn2 = nn.Conv2d(16, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        self.fc = nn.Linear(16, 4)

    def forward(self, x):
        x = F.relu(self.stem(x))
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        x = F.relu(y + F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 4, 4), "constant", 0))
        return self.fc(F.avg_pool2d(x, x.size()[3]).view(x.size(0), -1))


@converts(4, 8, 8)
class SplitAndChunk(nn.Module):
    """`torch.split`, `chunk`, `unbind`, `select`; a cross-stage partial block."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(4, 12, 3, padding=1)
        self.left, self.right = nn.Conv2d(5, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.fc = nn.Linear(4 * 16 + 8, 4)

    def forward(self, x):
        x = F.relu(self.stem(x))
        a, b = torch.split(x, [5, 7], dim=1)
        c, d = (F.relu(self.left(a)) + b[:, :6]).chunk(2, dim=1)
        y = F.max_pool2d(F.relu(self.right(torch.cat((d, c), 1))), 2)
        first, *_ = y.unbind(1)
        return self.fc(torch.cat([y[:, :4].flatten(1), first[:, 1], x.select(1, 11)[..., :4, 0]], dim=1))


@converts(4, 8, 8)
class UNet(nn.Module):
    """Down by max pool, up by nearest neighbours, skip connections; a label for each pixel."""

    def __init__(self):
        super().__init__()
        self.down1, self.down2 = nn.Conv2d(4, 6, 3, padding=1), nn.Conv2d(6, 8, 3, padding=1)
        self.middle = nn.Conv2d(8, 8, 3, padding=1)
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.up2, self.up1 = nn.Conv2d(16, 6, 3, padding=1), nn.Conv2d(12, 6, 3, padding=1)
        self.out = nn.Conv2d(6, 3, 1)

    def forward(self, x):
        a = F.relu(self.down1(x))
        b = F.relu(self.down2(F.max_pool2d(a, 2)))
        c = F.relu(self.middle(F.max_pool2d(b, 2)))
        b = F.relu(self.up2(torch.cat([F.interpolate(c, size=b.shape[2:]), b], 1)))
        a = F.relu(self.up1(torch.cat([self.up(b), a], 1)))
        return self.out(a)


@converts(3, 5)
class Upsample1d(nn.Module):
    """Nearest neighbours over time, by a factor that is no integer."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv1d(3, 6, 3, padding=1), nn.Conv1d(6, 2, 3, padding=1)

    def forward(self, x):
        return self.conv2(F.interpolate(F.relu(self.conv1(x)), size=8, mode="nearest"))


@converts(2, 3, 3, 3)
class Upsample3d(nn.Module):
    """Nearest neighbours in volumes."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv3d(2, 4, 3, padding=1), nn.Conv3d(4, 1, 1)
        self.up = nn.Upsample(scale_factor=(1, 2, 2))

    def forward(self, x):
        return self.conv2(self.up(F.relu(self.conv1(x))))


@converts(3, 7, 7)
class Paddings(nn.Module):
    """`F.pad` with zeros, with another constant and on channels, `nn.ZeroPad2d`, `nn.ConstantPad1d`, cropping."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 3)
        self.zero = nn.ZeroPad2d((1, 2, 0, 1))
        self.conv2 = nn.Conv2d(8, 6, 3)
        self.tail, self.fc = nn.ConstantPad1d((0, 2), 0.25), nn.Linear(146, 4)

    def forward(self, x):
        x = F.relu(self.conv1(F.pad(x, (1, 1, 1, 1))))
        x = self.zero(F.pad(x, (-1, -1, -1, -1)))
        x = F.relu(self.conv2(F.pad(x, (0, 0, 0, 0, 1, 1), value=0.5)))
        return self.fc(self.tail(F.pad(x, (0, 0, 0, 0))[:, :, :, :].flatten(1)))


@converts(4, 6, 6)
class ChannelShuffle(nn.Module):
    """Grouped convolutions with channels shuffled by view and transpose, and by `nn.ChannelShuffle`."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(4, 12, 1, groups=2)
        self.conv2 = nn.Conv2d(12, 12, 3, padding=1, groups=12)
        self.shuffle, self.conv3 = nn.ChannelShuffle(2), nn.Conv2d(12, 8, 1, groups=2)
        self.fc = nn.Linear(8, 4)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        n, c, h, w = x.shape
        x = x.view(n, 3, c // 3, h, w).transpose(1, 2).contiguous().view(n, c, h, w)
        x = self.shuffle(F.relu(self.conv2(x)))
        return self.fc(F.relu(self.conv3(x)).mean((2, 3)))


@converts(2, 4, 4)
class PixelShuffle(nn.Module):
    """Super-resolution by `nn.PixelShuffle`."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(2, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.shuffle, self.out = nn.PixelShuffle(2), nn.Conv2d(2, 1, 3, padding=1)

    def forward(self, x):
        return self.out(F.relu(self.shuffle(self.conv2(F.relu(self.conv1(x))))))


@converts(6, 7, 7)
class ChannelsLast(nn.Module):
    """Images as [N, H, W, C]: `permute`, a dense layer on channels, `movedim` and back."""

    def __init__(self):
        super().__init__()
        self.mix, self.conv = nn.Linear(7, 6), nn.Conv2d(6, 8, 3)
        self.gate, self.fc = nn.Linear(8, 8), nn.Linear(8 * 4 * 5, 4)

    def forward(self, x):
        x = F.relu(self.mix(x)).permute(0, 3, 1, 2)
        x = F.relu(self.conv(x)).movedim(1, -1)
        x = F.relu(self.gate(x)).transpose(1, 3)
        return self.fc(x.flatten(1))


@converts(4, 6, 6)
class MixingReshapes(nn.Module):
    """Reshapes that mix channels with places, `unflatten`, `squeeze`, `unsqueeze`, `stack`, indexing by a list."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(4, 6, 3, padding=1), nn.Conv2d(12, 8, 3, padding=1)
        self.time = nn.Conv1d(8, 4, 3)
        self.fc = nn.Linear(16, 4)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(x.reshape(-1, 12, 3, 6)))
        x = F.relu(self.time(x.mean(2)[:, :, [5, 3, 1, 0, 2, 4]].unsqueeze(2).squeeze(2)))
        x = torch.stack([x, 0.5 * x], dim=1).amax(1)
        return self.fc(x.flatten(1).unflatten(1, (2, 8)).flatten(1))


@converts(6, 8, 8, levels=255, tolerance=0.1, calibration_samples=2000)
class Broadcasting(nn.Module):
    """A residual sum with a mean for each channel, [N, C, H, W] + [N, C, 1, 1]."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(6, 6, 3, padding=1), nn.Conv2d(6, 6, 1)
        self.fc = nn.Linear(6 * 16, 4)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(x) - x.mean((2, 3), keepdim=True))
        return self.fc(F.max_pool2d(x, 2).flatten(1))
