"""Conversion: export, calibrate, compile."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _binary
from ._errors import BadData
from ._export import export_model
from ._files import Folder, Model
from ._guard import random_state
from ._loaders import Loader, batches, consistent, take
from ._progress import Progress
from ._snn import SNN
from ._tensors import write_images

if TYPE_CHECKING:
    import torch


def convert(
    model: torch.nn.Module,
    loader: Loader,
    *,
    example: Any = None,
    schedule: str | None = None,
    levels: int | None = None,
    timesteps: int | None = None,
    max_drop: float | None = None,
    weight_bits: int | None = None,
    mixed_levels: float | None = None,
    samples: int = 1000,
    target: str = "cpu",
    chip: str | os.PathLike[str] | None = None,
    validate_each: bool = False,
    threads: int | None = None,
    progress: bool = True,
) -> SNN:
    """Converts a trained model into a spiking network, without retraining.

    The model is traced in evaluation mode and left as it was found, random number generators too. The loader gives the samples
    to calibrate on, as the model takes them; labels are not looked at.

    Args:
        model: A trained `torch.nn.Module` with one input.
        loader: A `DataLoader`, a data set, an array, or any iterable of `x`, `(x, y)` or dicts. Training data, not test data.
        example: A batch to trace with; the loader's first one if absent.
        schedule: `st-bif` (signed spikes, exact), `hold-and-fire` (unsigned spikes, exact), `sigma-delta` (graded events, exact after
            one step) or `rate` (plain integrate-and-fire, approximate). `st-bif` if absent; with `max_drop`, whichever costs least.
        levels: Largest count of an activation. 31 if absent; for `rate`, the number of timesteps.
        timesteps: Number of steps of a `rate` network, 32 if absent. The exact schedules run until they have settled.
        max_drop: Search levels, steps and schedule, as far as they are absent, for the network with the fewest synaptic operations
            whose accuracy drops by at most so many percentage points. Half of the samples fit, the other half judge; no labels.
        weight_bits: Bits of a weight, 4 to 8; 8 if absent. Identity paths of residual networks keep their 16.
        mixed_levels: Give each layer levels of its own, for the fewest synaptic operations whose error is at most so many times that of
            `levels` in every layer. Meant for `hold-and-fire`; a `rate` network cannot have it.
        samples: Calibrate on at most this many.
        target: What to compile for: `cpu`; `ptx`: NVIDIA GPUs, which then make runs and validations; or `loihi`: the cores of
            Loihi 2, which runs and validations then simulate bit for bit.
        chip: Chip file of target `loihi`; Loihi 2 as it is published if absent.
        validate_each: Run the network before and after every pass, and stop at one that does not keep what it claims.
        threads: Threads of the compiler; all cores if absent. Results do not depend on it.
        progress: Show how far it is.

    Returns:
        The spiking network, which keeps the float model for `validate`.

    Raises:
        UnsupportedModel: With every reason: op, module path, line of Python, remedy.
        CompileFailed: The network was read, and the schedule cannot carry it or a bound does not hold.
        BadData: The loader gives something that the network does not take.
        MissingTorch: PyTorch is not installed.

    Example:
        >>> snn = neurocuda.convert(model, train_loader, levels=31)
        >>> snn.summary()["neurons"]
        {'found': 25088, 'converted': 25088}
    """
    with Folder().on_success() as folder, random_state(), Progress(progress) as shown:
        float_model, data = _prepare(model, loader, example, samples, folder, shown)
        settings = Settings(schedule, levels, timesteps, target, validate_each, max_drop, weight_bits, mixed_levels, chip)
        return build(float_model, data, settings, folder, shown, threads)


class Settings:
    """What `compile` is asked for, as arguments of the command line."""

    def __init__(
        self,
        schedule: str | None,
        levels: int | None = None,
        timesteps: int | None = None,
        target: str = "cpu",
        validate_each: bool = False,
        max_drop: float | None = None,
        weight_bits: int | None = None,
        mixed_levels: float | None = None,
        chip: str | os.PathLike[str] | None = None,
    ) -> None:
        self.arguments = ["--target", target]
        options = {
            "--schedule": schedule,
            "--levels": levels,
            "--timesteps": timesteps,
            "--max-drop": max_drop,
            "--weight-bits": weight_bits,
            "--chip": chip,
        }
        for option, value in options.items():
            self.arguments += [option, str(value)] if value is not None else []
        # An optional value is taken with an equals sign only.
        self.arguments += [f"--mixed-levels={mixed_levels}"] if mixed_levels is not None else []
        self.arguments += ["--validate-each"] if validate_each else []


def _prepare(
    model: torch.nn.Module, loader: Loader, example: Any, samples: int, folder: Folder, progress: Progress
) -> tuple[Model, Path]:
    """The model's files and those of the calibration samples."""
    if samples < 1:
        raise ValueError("samples must be at least 1")
    shape = None if example is None else list(example.shape)[1:]
    source = take(consistent(batches(loader, shape)), samples)
    first = next(source, None)
    if first is None:
        raise BadData("data-empty", "the loader gave no image")
    progress.update("exporting", 0, 0)
    float_model = export_model(model, first.images if example is None else example, folder)
    data = folder.path / "calibration.safetensors"
    unlabelled = ((batch.images, None) for batch in itertools.chain([first], source))
    write_images(data, unlabelled, progress, samples)
    return float_model, data


def build(
    model: Model,
    data: Path,
    settings: Settings,
    folder: Folder,
    progress: Progress,
    threads: int | None = None,
    cache: Path | None = None,
) -> SNN:
    """Compiles into `folder`; calibrations are kept in `cache`."""
    artifact = folder.path / f"net{len(list(folder.path.glob('net*.ncx')))}.ncx"
    keep = ["--cache-dir", cache] if cache else ["--no-cache"]
    command: list[Any] = ["compile", *model.arguments(), "--calibrate", data, "-o", artifact, *keep, *settings.arguments]
    _binary.run(command, progress=progress, threads=threads)
    return SNN(artifact, model, folder)
