"""Models that cannot be converted: each is refused by name, with the module, the line and a way out."""

import torch
import torch.nn.functional as F
from torch import nn

from .manifest import refused


@refused(6, 8, findings=[("unsupported-op", "self.rnn(x)")])
class Lstm(nn.Module):
    """`nn.LSTM`."""

    def __init__(self):
        super().__init__()
        self.rnn, self.fc = nn.LSTM(8, 12, batch_first=True), nn.Linear(12, 4)

    def forward(self, x):
        x, _ = self.rnn(x)
        return self.fc(F.relu(x[:, -1]))


@refused(6, 8, findings=[("unsupported-op", "self.rnn(x)")])
class Gru(nn.Module):
    """`nn.GRU`."""

    def __init__(self):
        super().__init__()
        self.rnn, self.fc = nn.GRU(8, 12, batch_first=True), nn.Linear(12, 4)

    def forward(self, x):
        x, _ = self.rnn(x)
        return self.fc(F.relu(x[:, -1]))


# The module's own code puts the sequence first and the batch second, twice.
@refused(6, 8, findings=[("unsupported-op", "self.attention(x"), *2 * [("batch-axis", "self.attention(x")]])
class Attention(nn.Module):
    """`nn.MultiheadAttention`."""

    def __init__(self):
        super().__init__()
        self.attention, self.fc = nn.MultiheadAttention(8, 2, batch_first=True), nn.Linear(8, 4)

    def forward(self, x):
        x, _ = self.attention(x, x, x, need_weights=False)
        return self.fc(F.relu(x).mean(1))


@refused(6, 8, findings=[("unsupported", "torch.softmax(scores")])
class SoftmaxInside(nn.Module):
    """Attention written out by hand: a softmax whose result is computed with."""

    def __init__(self):
        super().__init__()
        self.query, self.fc = nn.Linear(8, 1), nn.Linear(6, 4)

    def forward(self, x):
        scores = self.query(F.relu(x)).squeeze(-1)
        return self.fc(torch.softmax(scores, dim=1))


# The branch is refused, and also what it is made of: a mean over all samples, and a comparison.
@refused(3, 8, 8, findings=[(id, "if x.mean() > 0:") for id in ("data-dependent", "batch-axis", "unsupported-op")])
class DataDependentIf(nn.Module):
    """A branch on what the values are."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.fc = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3), nn.Linear(4, 4)

    def forward(self, x):
        if x.mean() > 0:
            x = self.a(x)
        else:
            x = self.b(x)
        return self.fc(F.relu(x).mean((2, 3)))


@refused(6, 8, findings=[("unsupported-op", "self.norm(self.fc1(x))")])
class LayerNorm(nn.Module):
    """`nn.LayerNorm`, which divides by a spread that depends on the data."""

    def __init__(self):
        super().__init__()
        self.fc1, self.norm, self.fc2 = nn.Linear(8, 8), nn.LayerNorm(8), nn.Linear(8, 4)

    def forward(self, x):
        return self.fc2(F.relu(self.norm(self.fc1(x))).mean(1))


@refused(4, 8, 8, findings=[("unsupported-op", "self.norm(self.conv(x))")])
class GroupNorm(nn.Module):
    """`nn.GroupNorm`."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.fc = nn.Conv2d(4, 8, 3), nn.GroupNorm(2, 8), nn.Linear(8, 4)

    def forward(self, x):
        return self.fc(F.relu(self.norm(self.conv(x))).mean((2, 3)))


@refused(4, 8, 8, findings=[("training-mode", "self.norm(self.conv(x))")])
class BatchStatistics(nn.Module):
    """A batch norm without running statistics: samples would depend on each other."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(4, 8, 3), nn.BatchNorm2d(8, track_running_stats=False)
        self.fc = nn.Linear(8, 4)

    def forward(self, x):
        return self.fc(F.relu(self.norm(self.conv(x))).mean((2, 3)))


@refused(4, 8, 8, findings=[("unsupported-op", "x * gate")])
class SqueezeAndExcite(nn.Module):
    """A product of two activations."""

    def __init__(self):
        super().__init__()
        self.conv, self.squeeze, self.fc = nn.Conv2d(4, 8, 3), nn.Conv2d(8, 8, 1), nn.Linear(8, 4)

    def forward(self, x):
        x = F.relu(self.conv(x))
        gate = torch.sigmoid(self.squeeze(x.mean((2, 3), keepdim=True)))
        return self.fc((x * gate).mean((2, 3)))


@refused(6, 8, findings=[("unsupported-op", 'torch.einsum("ntf,nsf->nts", x, x)')])
class Einsum(nn.Module):
    """`torch.einsum` of activations."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(8, 8), nn.Linear(36, 4)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        return self.fc2(torch.einsum("ntf,nsf->nts", x, x).flatten(1))


@refused(4, 8, 8, findings=[("unsupported-op", "self.up(F.relu(self.conv(x)))")])
class Bilinear(nn.Module):
    """Upsampling by bilinear interpolation."""

    def __init__(self):
        super().__init__()
        self.conv, self.up, self.out = nn.Conv2d(4, 6, 3), nn.UpsamplingBilinear2d(scale_factor=2), nn.Conv2d(6, 2, 1)

    def forward(self, x):
        return self.out(self.up(F.relu(self.conv(x))))


@refused(4, 8, 8, findings=[("unsupported-op", "torch.sin(self.conv(x))")])
class Sine(nn.Module):
    """An activation that there is no table for."""

    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(4, 6, 3), nn.Linear(6, 4)

    def forward(self, x):
        return self.fc(torch.sin(self.conv(x)).mean((2, 3)))


@refused(8, findings=[("no-neurons", "")])
class NothingNonlinear(nn.Module):
    """A linear network: a conversion of it would convert nothing."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(8, 8), nn.Linear(8, 4)

    def forward(self, x):
        return self.fc2(self.fc1(x))


@refused(
    6,
    8,
    findings=[
        ("unsupported-op", "self.norm(self.fc1(x))"),
        ("unsupported-op", "x * torch.sigmoid(x)"),
        ("unsupported-op", "torch.cumsum(x, 1)"),
        ("unsupported-op", "self.head[1](x)"),
    ],
)
class SeveralFindings(nn.Module):
    """Four reasons at once, and each is listed."""

    def __init__(self):
        super().__init__()
        self.fc1, self.norm = nn.Linear(8, 8), nn.LayerNorm(8)
        self.head = nn.ModuleList([nn.ReLU(), nn.GRU(8, 4, batch_first=True)])

    def forward(self, x):
        x = self.head[0](self.norm(self.fc1(x)))
        x = x * torch.sigmoid(x)
        x = torch.cumsum(x, 1)
        x, _ = self.head[1](x)
        return x[:, -1]
