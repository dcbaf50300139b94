"""What becomes of a model of the zoo: runs it through the package and measures, with PyTorch as the reference."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import neurocuda
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from .manifest import Model

# As ATen calls them; in-place variants end in an underscore.
NONLINEAR = {
    *("relu", "hardtanh", "clamp", "clamp_min", "clamp_max", "leaky_relu", "_prelu_kernel", "elu", "hardswish"),
    *("silu", "gelu", "sigmoid", "tanh", "hardsigmoid", "softplus", "mish"),
}


@dataclass
class Measured:
    """What was found out about one model."""

    name: str
    shows: str
    levels: int = 0
    tolerance: float = 0.0
    error: float = 0.0
    """As `Converts.tolerance` is defined."""
    compared: int = 0
    """Integer logits of the spiking network that were compared with those of the integer network."""
    equal: int = 0
    found: int = 0
    """Nonlinear elements that the compiler found in one sample."""
    converted: int = 0
    called: int = 0
    """Nonlinear elements that PyTorch computed for one sample."""
    gates: dict[str, bool] = field(default_factory=dict)
    passed: bool = False
    refused: list[tuple[str, str, int]] = field(default_factory=list)
    """Finding id, file name and line."""
    message: str = ""


class Nonlinearities(TorchDispatchMode):
    """Counts the elements that activations compute while it is entered."""

    elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if func.overloadpacket.__name__.removesuffix("_") in NONLINEAR:
            self.elements += result.numel()
        return result


def measure(model: Model) -> Measured:
    """Converts and validates the model, or notes why it is refused."""
    module, measured = model.build(), Measured(model.name, model.shows)
    calibration, test = model.calibration(), model.test()
    try:
        convert(module, model, calibration, test, measured)
    except neurocuda.NeurocudaError as error:
        measured.message = str(error)
        measured.refused = [(f.id, Path(f.file).name, f.line or 0) for f in error.findings if f.severity == "error"]
        if not measured.refused:
            measured.refused = [(error.id, "", 0)]
    return measured


def convert(module, model: Model, calibration, test, measured: Measured) -> None:
    """The road of a model that is not refused."""
    levels = getattr(model.outcome, "levels", 31)
    snn = neurocuda.convert(module, calibration, samples=len(calibration), levels=levels, progress=False)
    report = neurocuda.validate(snn, test, progress=False)
    found: dict[str, Any] = report.to_dict()
    measured.levels, measured.tolerance = levels, getattr(model.outcome, "tolerance", 0.0)
    measured.passed = report.passed
    measured.gates = {gate["name"]: gate["passed"] for gate in found["gates"]}
    measured.compared, measured.equal = found["logits"]["compared"], found["logits"]["equal"]
    measured.found, measured.converted = found["neurons"]["found"], found["neurons"]["converted"]
    with torch.no_grad():
        reference = module(test.float())
        with Nonlinearities() as nonlinearities:
            module(test[:1].float())
    measured.called = nonlinearities.elements
    measured.error = max(map(difference, as_tuple(snn(test)), as_tuple(reference)))


def interpret_kernels(model: Model) -> None:
    """Compiles the model for a GPU: `validate_each` interprets the kernels' PTX on samples, and stops unless it sends what the CPU engine
    sends, to the last spike."""
    calibration, levels = model.calibration(), getattr(model.outcome, "levels", 31)
    options = {"samples": len(calibration), "levels": levels, "target": "ptx", "validate_each": True}
    neurocuda.convert(model.build(), calibration, progress=False, **options)


def as_tuple(outputs) -> tuple[torch.Tensor, ...]:
    """The outputs of a model in a row, whatever it returns."""
    if isinstance(outputs, dict):
        outputs = outputs.values()
    return (outputs,) if isinstance(outputs, torch.Tensor) else tuple(outputs)


def difference(ours: torch.Tensor, reference: torch.Tensor) -> float:
    """The error of one output, as `Converts.tolerance` is defined."""
    if ours.shape != reference.shape:
        raise ValueError(f"an output of shape {list(ours.shape)} where PyTorch gives {list(reference.shape)}")
    if not reference.is_floating_point():
        return (ours != reference).float().mean().item()
    spread = reference.double().std(0).square().mean().sqrt()
    return ((ours.double() - reference.double()).square().mean().sqrt() / spread).item()
