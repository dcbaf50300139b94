"""Pools and means."""

import torch
import torch.nn.functional as F
from torch import nn

from .manifest import converts


@converts(2, 11, 11)
class MaxPools(nn.Module):
    """Max pools with padding, overlap, dilation and `ceil_mode`; on signed values too."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(2, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.pool1 = nn.MaxPool2d(3, stride=2, padding=1)
        self.pool2 = nn.MaxPool2d(2, stride=2, dilation=2, ceil_mode=True)
        self.fc = nn.Linear(6 * 9, 4)

    def forward(self, x):
        x = F.relu(self.pool1(self.conv1(x)))
        x = self.pool2(F.relu(self.conv2(x)))
        return self.fc(x.flatten(1))


@converts(2, 11, 11)
class AvgPools(nn.Module):
    """Average pools with `ceil_mode`, `count_include_pad=False`, `divisor_override`: a divisor for each position."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(2, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.pool1 = nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False)
        self.pool2 = nn.AvgPool2d((2, 4), stride=4, ceil_mode=True)
        self.fc = nn.Linear(24, 4)

    def forward(self, x):
        x = self.pool1(F.relu(self.conv1(x)))
        x = self.pool2(F.relu(self.conv2(x)))
        return self.fc(F.avg_pool2d(x, 1, divisor_override=2).flatten(1))


@converts(2, 7, 10, levels=255, tolerance=0.1)
class AdaptivePools(nn.Module):
    """Adaptive pools over parts of different sizes, averages and maxima."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 6, 3, padding=1)
        self.average, self.largest = nn.AdaptiveAvgPool2d((3, 4)), nn.AdaptiveMaxPool2d((2, None))
        self.fc1, self.fc2 = nn.Linear(72, 4), nn.Linear(120, 4)

    def forward(self, x):
        x = F.relu(self.conv(x))
        return self.fc1(self.average(x).flatten(1)) + self.fc2(self.largest(x).flatten(1))


@converts(3, 14)
class Pools1d(nn.Module):
    """Pools over time, of each kind."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(3, 6, 3, padding=1)
        self.fc = nn.Linear(6 * (7 + 5 + 4 + 3), 4)

    def forward(self, x):
        x = F.relu(self.conv(x))
        pooled = [
            F.max_pool1d(x, 3, stride=2, padding=1),
            F.avg_pool1d(x, 3, stride=3, ceil_mode=True),
            F.adaptive_avg_pool1d(x, 4),
            F.adaptive_max_pool1d(x, 3),
        ]
        return self.fc(torch.cat(pooled, dim=2).flatten(1))


@converts(2, 5, 6, 6)
class Pools3d(nn.Module):
    """Pools over volumes, of each kind."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv3d(2, 4, 3, padding=1)
        self.fc = nn.Linear(4 * (27 + 8 + 8 + 4), 4)

    def forward(self, x):
        x = F.relu(self.conv(x))
        pooled = [
            F.max_pool3d(x, 3, stride=2, padding=1),
            F.avg_pool3d(x, (2, 3, 3)),
            F.adaptive_avg_pool3d(x, 2),
            F.adaptive_max_pool3d(x, (1, 2, 2)),
        ]
        return self.fc(torch.cat([p.flatten(2) for p in pooled], dim=2).flatten(1))


@converts(4, 6, 8)
class Means(nn.Module):
    """Means over one axis and over several, `keepdim`, over the channels, `amax`."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 8, 3, padding=1)
        self.fc1, self.fc2, self.fc3 = nn.Linear(8, 4), nn.Linear(8, 4), nn.Linear(48, 4)

    def forward(self, x):
        x = F.relu(self.conv(x))
        overall = x.mean([2, 3], keepdim=True).flatten(1)
        rows = torch.amax(torch.mean(x, dim=-1), dim=2)
        channels = x.mean(1).flatten(1)
        return self.fc1(overall) + self.fc2(rows) + self.fc3(channels)
