"""Why `torch.export` could not trace a model: every reason that can be found, with module path and line."""

from __future__ import annotations

import inspect
import os
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from . import _binary
from ._errors import Finding, NeurocudaError, UnsupportedModel
from ._files import Folder, Model

if TYPE_CHECKING:
    import torch

_RECURRENT = "convert the feed-forward part by itself, or train one with convolutions over time (Conv1d)"
_NORMALIZED = "its statistics depend on the sample; train with BatchNorm, whose statistics are constants"
_ATTENTION = "softmax and products of activations have no exact spiking form; train a network without attention"

#: Modules that no schedule carries, by the name of their class or of a base: what they are, and what would work.
_UNSUPPORTED = {
    "RNNBase": ("a recurrent layer", _RECURRENT),
    "RNNCellBase": ("a recurrent layer", _RECURRENT),
    "MultiheadAttention": ("attention", _ATTENTION),
    "TransformerEncoderLayer": ("attention", _ATTENTION),
    "TransformerDecoderLayer": ("attention", _ATTENTION),
    "Embedding": ("an embedding of indices", "start the network behind the embedding: hand over embedded, real-valued samples"),
    "EmbeddingBag": ("an embedding of indices", "start the network behind the embedding: hand over embedded, real-valued samples"),
    "LayerNorm": ("a normalisation of each sample", _NORMALIZED),
    "RMSNorm": ("a normalisation of each sample", _NORMALIZED),
    "GroupNorm": ("a normalisation of each sample", _NORMALIZED),
    "_InstanceNorm": ("a normalisation of each sample", _NORMALIZED),
    "LocalResponseNorm": ("a normalisation of each sample", _NORMALIZED),
    "Bilinear": ("a product of activations", "train a network whose activations are added or joined, not multiplied"),
}

#: Where `draft_export` writes its log.
_TRACE_VARIABLE = "TORCH_DTRACE"

_DEPENDENT = "export a model whose path does not depend on the values; torch.where and clamp choose element by element"


def diagnose(model: torch.nn.Module, batch: torch.Tensor, error: Exception) -> UnsupportedModel:
    """The exception for a model that could not be traced, with `error` and whatever else keeps it from being converted."""
    modules = list(_of_modules(model))
    found = [_of_error(model, error), *modules]
    # The ops inside a module that is listed already say nothing new.
    found += [finding for finding in _of_draft(model, batch) if not any(_inside(finding, module) for module in modules)]
    # The same line may be found in several ways; the first one has the most to say.
    unique: dict[tuple[object, ...], Finding] = {}
    for finding in found:
        place = (finding.file, finding.line) if finding.line else (finding.layer, finding.message)
        unique.setdefault((finding.id, *place), finding)
    return UnsupportedModel("export-failed", "torch.export cannot trace the model", unique.values())


def _inside(finding: Finding, module: Finding) -> bool:
    return finding.layer == module.layer or finding.layer.startswith(f"{module.layer}.")


def _of_error(model: torch.nn.Module, error: Exception) -> Finding:
    """What stopped the trace, and where in the user's code."""
    text = str(error)
    dependent = "data-dependent" in text.lower() or "dynamic control flow" in text.lower()
    file, line, layer = _place(model, error.__traceback__, text)
    message = text.strip().splitlines()[0][:300] if text.strip() else type(error).__name__
    if dependent:
        return Finding("data-dependent", f"the path depends on values: {_code(file, line)}", "error", layer, "", file, line, None, _DEPENDENT)
    remedy = "make torch.export.export(model.eval(), (example,)) work, then convert"
    return Finding("export-failed", f"{type(error).__name__}: {message}", "error", layer, "", file, line, None, remedy)


def _place(model: torch.nn.Module, trace: TracebackType | None, text: str) -> tuple[str, int | None, str]:
    """File, line and module path of the innermost line of the user's code."""
    paths = {id(module): path for path, module in model.named_modules()}
    layer, file, line = "", "", None
    for frame, number in traceback.walk_tb(trace):
        module = paths.get(id(frame.f_locals.get("self")))
        layer = layer if module is None else module
        if _is_users(frame.f_code.co_filename):
            file, line = frame.f_code.co_filename, number
    if line is None or "from user code" in text:
        # Strict tracing does not run the user's frames; it quotes them.
        quoted = re.findall(r'File "([^"]+)", line (\d+), in', text)
        for name, number_text in quoted:
            if _is_users(name):
                file, line = name, int(number_text)
    return _shown(file), line, layer


def _is_users(file: str) -> bool:
    return os.path.isfile(file) and not re.search(r"[/\\](torch|torchvision|neurocuda|contextlib\.py)([/\\]|$)", file)


def _shown(file: str) -> str:
    """The path as one would type it."""
    if not file:
        return ""
    relative = os.path.relpath(file)
    return file if relative.startswith("..") else relative


def _code(file: str, line: int | None) -> str:
    import linecache

    return f"`{linecache.getline(file, line).strip()}`" if line else "a value of a tensor decides it"


def _of_modules(model: torch.nn.Module) -> Iterator[Finding]:
    """Modules that are known not to be supported; those inside another such one are left out."""
    found: list[str] = []
    for path, module in model.named_modules():
        kind = next((name for name in (base.__name__ for base in type(module).__mro__) if name in _UNSUPPORTED), None)
        if kind is None or any(path.startswith(f"{outer}.") for outer in found):
            continue
        found.append(path)
        what, remedy = _UNSUPPORTED[kind]
        file, line = _assignment(model, path)
        yield Finding("unsupported-op", f"{what}: {type(module).__name__}", "error", path, "", file, line, None, remedy)


def _assignment(model: torch.nn.Module, path: str) -> tuple[str, int | None]:
    """Where the module's parent makes it, if that is a plain assignment to an attribute."""
    parent, _, name = path.rpartition(".")
    try:
        owner = type(model.get_submodule(parent))
        file = inspect.getsourcefile(owner) or ""
        lines, start = inspect.getsourcelines(owner)
    except (OSError, TypeError, AttributeError):
        return "", None
    if _is_users(file):
        for offset, text in enumerate(lines):
            if re.search(rf"\bself\.{re.escape(name)}\s*(:[^=]*)?=[^=]", text):
                return _shown(file), start + offset
    return "", None


def _of_draft(model: torch.nn.Module, batch: torch.Tensor) -> list[Finding]:
    """What the graph shows that `draft_export` gives where `export` does not: real values decide where it cannot."""
    import torch

    findings: list[Finding] = []
    with Folder() as folder, _trace_folder(folder):
        try:
            program = torch.export.draft_export(model, (batch,), dynamic_shapes=({0: torch.export.Dim.AUTO},))
            for failure in program._report.failures:
                findings += _of_failure(failure, _file_names())
            archive = folder.path / "draft.pt2"
            torch.export.save(program, str(archive))
            _binary.run(["check", *Model(archive, None).arguments()])
        except UnsupportedModel as error:
            # A draft may have defects of its own; what is wrong with the model has a line in the user's code.
            errors = (finding for finding in error.findings if finding.severity == "error")
            findings += [finding for finding in errors if finding.file.endswith(".py")]
        except NeurocudaError:
            pass
        except Exception:
            # A draft is a bonus: what stopped the trace proper is reported anyway.
            pass
    return findings


def _file_names() -> dict[int, str]:
    """File names by the numbers that stand for them in a draft's report, which itself has only those that were new to it."""
    from torch._logging import structured

    return {number: name for name, number in structured.INTERN_TABLE.items()}


def _of_failure(failure: Any, names: dict[int, str]) -> Iterator[Finding]:
    """A place where the draft had to look at values."""
    users = [(names.get(frame["filename"], ""), frame["line"]) for frame in failure.data.get("user_stack", ())]
    users = [(file, line) for file, line in users if _is_users(file)]
    if failure.failure_type.name == "DATA_DEPENDENT_ERROR" and users:
        file, line = users[-1]
        message = f"the path depends on values: {_code(file, line)}"
        yield Finding("data-dependent", message, "error", "", "", _shown(file), line, None, _DEPENDENT)


@contextmanager
def _trace_folder(folder: Folder) -> Iterator[None]:
    """`draft_export` writes a log, by default into a folder that it leaves behind."""
    before = os.environ.get(_TRACE_VARIABLE)
    os.environ[_TRACE_VARIABLE] = str(folder.path)
    try:
        yield
    finally:
        if before is None:
            del os.environ[_TRACE_VARIABLE]
        else:
            os.environ[_TRACE_VARIABLE] = before
