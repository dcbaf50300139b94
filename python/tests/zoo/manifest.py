"""The manifest: every model of the zoo with its outcome, which stands beside the model's definition.

A model is built from a seed of its own, so its weights do not depend on the other models. Weights are random; batch
norms have seen data, so that the signals have the size they have in a trained network.
"""

from __future__ import annotations

import inspect
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, TypeVar

import torch
from torch import nn


@dataclass(frozen=True)
class Converts:
    """The model becomes a spiking network whose logits are those of the integer network, bit for bit."""

    levels: int
    """Largest count of an activation."""
    tolerance: float
    """Largest error against PyTorch, of the worst output: the root mean square of the difference, over the standard
    deviation of PyTorch's outputs across samples. Of an output that is an index: the fraction of different ones."""


@dataclass(frozen=True)
class Refused:
    """The model is refused, and all of these findings are listed in one exception."""

    findings: tuple[tuple[str, str], ...]
    """Finding id, and a piece of the source line that the finding must point at."""


@dataclass(frozen=True)
class Model:
    """One entry of the zoo."""

    name: str
    make: Callable[[], nn.Module]
    sample: tuple[int, ...]
    """Shape of one input sample."""
    outcome: Converts | Refused
    shows: str
    """What the model is there for: the first line of its documentation."""
    pixels: bool = False
    """Whether samples are bytes from 0 to 255, and not normally distributed floats."""
    calibration_samples: int = 500
    test_samples: int = 16
    large: bool = False
    """Whether the model takes seconds, not fractions of one."""

    def samples(self, count: int, seed: int = 0) -> torch.Tensor:
        """Input samples; the same for the same seed. Each channel of a sample has a mean of its own: of white noise,
        a network that ends in global pooling would make the same of every sample."""
        generator = torch.Generator().manual_seed(zlib.crc32(self.name.encode()) + 1 + seed)
        channels = torch.randn(count, self.sample[0], *(1 for _ in self.sample[1:]), generator=generator)
        samples = 0.7 * (channels + torch.randn(count, *self.sample, generator=generator))
        return (128 + 64 * samples).clamp(0, 255).to(torch.uint8) if self.pixels else samples

    def calibration(self) -> torch.Tensor:
        """Samples to calibrate with."""
        return self.samples(self.calibration_samples)

    def test(self) -> torch.Tensor:
        """Samples to compare on; not those of the calibration."""
        return self.samples(self.test_samples, seed=1)

    def build(self) -> nn.Module:
        """The model in evaluation mode, with weights as a trained network has them in size."""
        with torch.random.fork_rng():
            torch.manual_seed(zlib.crc32(self.name.encode()))
            model = self.make()
            if isinstance(self.outcome, Converts):
                settle(model, self.calibration().float())
        return model.eval()

    def place(self, piece: str) -> tuple[str, int]:
        """Name of the file and number of the one line of the model's definition that has this piece of code in it."""
        lines, first = inspect.getsourcelines(self.make)
        # The decorator states the piece itself.
        body = next(number for number, line in enumerate(lines) if line.startswith(("class ", "def ")))
        found = [first + number for number, line in enumerate(lines) if number > body and piece in line]
        if len(found) != 1:
            raise ValueError(f"`{piece}` is in {len(found)} lines of {self.name}")
        return Path(inspect.getsourcefile(self.make)).name, found[0]


MANIFEST: dict[str, Model] = {}

Maker = TypeVar("Maker", bound=Callable[[], nn.Module])


def settle(model: nn.Module, samples: torch.Tensor) -> None:
    """Weights that keep the size of a signal, batch norms with the statistics of the samples."""
    norms = []
    for module in model.modules():
        if isinstance(module, (nn.Linear, nn.modules.conv._ConvNd)):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.normal_(module.bias, std=0.1)
        elif isinstance(module, nn.modules.batchnorm._BatchNorm):
            norms.append((module, module.momentum))
            module.momentum = None  # the mean over all that is seen
            if module.affine:
                nn.init.uniform_(module.weight, 0.5, 1.5)
                # Mostly above zero: of random networks, only those with few silent neurons are not chaotic.
                nn.init.uniform_(module.bias, 0.0, 1.0)
    if norms:
        model.train()
        with torch.no_grad():
            model(samples)
    for module, momentum in norms:
        module.momentum = momentum


def converts(*sample: int, levels: int = 127, tolerance: float = 0.05, **more) -> Callable[[Maker], Maker]:
    """Enters a model that must be converted; `sample` is the shape of one input sample, `more` fields of `Model`."""
    return _entry(sample, Converts(levels, tolerance), more)


def refused(*sample: int, findings: list[tuple[str, str]]) -> Callable[[Maker], Maker]:
    """Enters a model that must be refused with these findings: (id, piece of the source line)."""
    return _entry(sample, Refused(tuple(findings)), {})


def _entry(sample, outcome, more):
    def enter(make):
        if make.__name__ in MANIFEST:
            raise ValueError(f"{make.__name__} is in the zoo already")
        shows = inspect.getdoc(make).splitlines()[0]
        MANIFEST[make.__name__] = Model(make.__name__, make, sample, outcome, shows, **more)
        return make

    return enter
