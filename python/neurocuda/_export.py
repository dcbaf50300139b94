"""From a PyTorch module to the compiler's files, by `torch.export`; the compiler itself translates the graph."""

from __future__ import annotations

import base64
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _binary
from ._errors import MissingTorch, UnsupportedModel
from ._files import Folder, Model
from ._guard import evaluation, random_state

if TYPE_CHECKING:
    import torch

#: The extra file of the archive with recorded inputs and outputs; such files are text, hence base64.
_EXAMPLE = "neurocuda/example.safetensors"

#: Samples that are recorded for the check of the import, at most.
_RECORDED = 4


def export(
    model: torch.nn.Module,
    example: Any,
    graph_path: str | os.PathLike[str],
    weights_path: str | os.PathLike[str],
) -> None:
    """Writes the graph description and the weights of a model: what the command line takes.

    The model is looked at in evaluation mode and left as it was found. Some samples of `example` and the model's own answers go
    into the weights file, so that the compiler can check what it read.

    Args:
        model: The module.
        example: A batch as the model takes it, `[N, …]`, tensor or array.
        graph_path: Where the graph description goes, `.ncg`.
        weights_path: Where the weights go, `.safetensors`.

    Raises:
        UnsupportedModel: With every reason there is.
        MissingTorch: PyTorch is not installed.

    Example:
        >>> neurocuda.export(model, torch.rand(2, 3, 32, 32), "net.ncg", "net.safetensors")
    """
    with Folder() as folder, random_state():
        archive = trace(model, example, folder)
        _binary.run(["import", archive, "--graph", graph_path, "--weights", weights_path])


def export_model(model: torch.nn.Module, example: Any, folder: Folder) -> Model:
    """The model's files in `folder`."""
    archive = trace(model, example, folder)
    exported = Model(folder.path / "model.ncg", folder.path / "model.safetensors", folder)
    _binary.run(["import", archive, "--graph", exported.graph, "--weights", str(exported.weights)])
    archive.unlink()
    return exported


def trace(model: torch.nn.Module, example: Any, folder: Folder) -> Path:
    """The `.pt2` archive of a model, with some recorded inputs and outputs in it."""
    torch = import_torch()
    if not isinstance(model, torch.nn.Module):
        raise TypeError(f"model is a {type(model).__name__}; a torch.nn.Module is wanted")
    with evaluation(model), random_state(), _quiet():
        batch = _example(torch, model, example)
        program = _program(torch, model, batch)
        path = folder.path / f"{_name(model)}.pt2"
        torch.export.save(program, str(path), extra_files=_recording(torch, batch, model(batch)))
    return path


def import_torch() -> Any:
    """PyTorch, or an error that says what to do."""
    try:
        import torch
    except ImportError as error:
        raise MissingTorch("torch-missing", "a PyTorch model needs PyTorch: pip install 'neurocuda[torch]'") from error
    return torch


def _name(model: torch.nn.Module) -> str:
    """Name of the network: that of its class."""
    name = "".join(c if c.isascii() and c.isalnum() else "_" for c in type(model).__name__).strip("_")
    return name if name[:1].isalpha() else "network"


def _example(torch: Any, model: torch.nn.Module, example: Any) -> torch.Tensor:
    """A few samples on the model's device, as many as tracing and recording want, in a type that the model takes."""
    batch = torch.as_tensor(np.array(example) if isinstance(example, np.ndarray) else example).detach()
    if batch.ndim < 2 or len(batch) == 0:
        raise ValueError(f"example has the shape {list(batch.shape)}; a batch [N, …] is wanted")
    # One sample would make the batch a constant of the graph.
    batch = batch[:_RECORDED] if len(batch) > 1 else torch.cat([batch, batch])
    first = next(iter([*model.parameters(), *model.buffers()]), None)
    batch = batch.to(first.device if first is not None else "cpu")
    if batch.dtype.is_floating_point:
        return batch.float()
    # A model that takes bytes converts them itself; any other takes the same numbers as floats.
    try:
        model(batch)
    except Exception:
        return batch.float()
    return batch


def _program(torch: Any, model: torch.nn.Module, batch: torch.Tensor) -> Any:
    """The exported program: with a batch of any size where that works, else with one of the example's size."""
    from ._diagnosis import diagnose

    errors = []
    for strict in (False, True):
        # `AUTO` falls back to a fixed size by itself, unless the model's own code makes that an error.
        for shapes in (({0: torch.export.Dim.AUTO},), None):
            try:
                return torch.export.export(model, (batch,), dynamic_shapes=shapes, strict=strict)
            except Exception as error:
                errors.append(error)
    raise diagnose(model, batch, errors[0]) from errors[0]


def _recording(torch: Any, batch: torch.Tensor, answer: Any) -> dict[str, str]:
    """Inputs and the model's own outputs by their position, as an extra file of the archive."""
    from safetensors.numpy import save

    outputs = [value for value in torch.utils._pytree.tree_leaves(answer) if isinstance(value, torch.Tensor)]
    named = {"input.0": batch, **{f"output.{index}": output for index, output in enumerate(outputs)}}
    arrays = {name: np.ascontiguousarray(value.detach().float().cpu().numpy()) for name, value in named.items()}
    data = save({f"neurocuda.example.{name}": array for name, array in arrays.items()})
    return {_EXAMPLE: base64.b64encode(data).decode()}


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the remarks and graphs that PyTorch prints while it traces: what matters of them is in the error."""
    import io
    import logging
    from contextlib import redirect_stderr, redirect_stdout

    loggers = [logging.getLogger(name) for name in ("torch", "torch.export", "torch.fx", "torch._dynamo")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
