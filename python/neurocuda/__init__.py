"""From a trained PyTorch network to a spiking one, without retraining, and a measurement of what that changed.

    import neurocuda

    snn = neurocuda.convert(model, train_loader)
    report = neurocuda.validate(snn, test_loader)
    print(report)
    logits = snn(x)

PyTorch is imported when a model is handed over, not before: an artifact runs where there is none.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._api import load as load
    from ._api import to_nir as to_nir
    from ._convert import convert as convert
    from ._errors import BadData as BadData
    from ._errors import CompileFailed as CompileFailed
    from ._errors import Finding as Finding
    from ._errors import MissingTorch as MissingTorch
    from ._errors import NeurocudaError as NeurocudaError
    from ._errors import NotBuiltYet as NotBuiltYet
    from ._errors import UnsupportedModel as UnsupportedModel
    from ._export import export as export
    from ._report import Report as Report
    from ._snn import SNN as SNN
    from ._sweep import Sweep as Sweep
    from ._sweep import sweep as sweep
    from ._validate import validate as validate

#: Where each public name is defined. Modules are loaded when they are first used, so that importing takes no time.
_HOME = {
    "convert": "_convert",
    "validate": "_validate",
    "sweep": "_sweep",
    "export": "_export",
    "load": "_api",
    "to_nir": "_api",
    "SNN": "_snn",
    "Report": "_report",
    "Sweep": "_sweep",
    "Finding": "_errors",
    "NeurocudaError": "_errors",
    "UnsupportedModel": "_errors",
    "CompileFailed": "_errors",
    "BadData": "_errors",
    "MissingTorch": "_errors",
    "NotBuiltYet": "_errors",
}

__all__ = list(_HOME)  # noqa: PLE0605 (a list of texts)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'neurocuda' has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
