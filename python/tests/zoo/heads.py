"""What a network ends in: probabilities, indices, several outputs, regression."""

import torch
import torch.nn.functional as F
from torch import nn

from .manifest import converts


class Trunk(nn.Module):
    """Two convolutions and a mean: the features that the heads of this room read."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(2, 8, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 12, 3, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )

    def forward(self, x):
        return self.body(x)


@converts(2, 8, 8, tolerance=0.08)
class SoftmaxHead(nn.Module):
    """`nn.Softmax` at the end."""

    def __init__(self):
        super().__init__()
        self.trunk, self.fc, self.softmax = Trunk(), nn.Linear(12, 5), nn.Softmax(dim=1)

    def forward(self, x):
        return self.softmax(self.fc(self.trunk(x)))


@converts(2, 8, 8)
class LogSoftmaxHead(nn.Module):
    """`F.log_softmax` at the end, as PyTorch's MNIST example has it."""

    def __init__(self):
        super().__init__()
        self.trunk, self.fc = Trunk(), nn.Linear(12, 5)

    def forward(self, x):
        return F.log_softmax(self.fc(self.trunk(x)), dim=-1)


@converts(2, 8, 8, tolerance=0.1)
class ArgmaxHead(nn.Module):
    """`argmax` at the end: the output is a class."""

    def __init__(self):
        super().__init__()
        self.trunk, self.fc = Trunk(), nn.Sequential(nn.Linear(12, 5), nn.BatchNorm1d(5))

    def forward(self, x):
        return self.fc(self.trunk(x)).argmax(1)


@converts(2, 8, 8)
class SeveralOutputs(nn.Module):
    """Three outputs of several shapes: a class, a box, a map."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(2, 8, 3, padding=1), nn.Conv2d(8, 12, 3, stride=2, padding=1)
        self.kind, self.box, self.map = nn.Linear(12, 5), nn.Linear(12, 4), nn.Conv2d(8, 1, 1)

    def forward(self, x):
        early = F.relu(self.conv1(x))
        late = F.relu(self.conv2(early)).mean((2, 3))
        return self.kind(late), torch.sigmoid(self.box(late)), self.map(early)


@converts(2, 8, 8)
class DictionaryOutput(nn.Module):
    """A dictionary of outputs, and a network that ends in an activation."""

    def __init__(self):
        super().__init__()
        self.trunk, self.fc1, self.fc2 = Trunk(), nn.Linear(12, 5), nn.Linear(12, 3)

    def forward(self, x):
        features = self.trunk(x)
        return {"logits": self.fc1(features), "aux": F.relu(self.fc2(features))}


@converts(8)
class Regression(nn.Module):
    """Real numbers."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(8, 32), nn.Linear(32, 16), nn.Linear(16, 2)

    def forward(self, x):
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))
