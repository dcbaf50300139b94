"""What goes wrong, with a stable id, every place concerned, and a way out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One remark on a model.

    Attributes:
        id: Stable name of the kind of remark; the page *Errors* of the documentation explains each.
        message: What is wrong.
        severity: `error`, or `warning`, which stops nothing.
        layer: Path of the module in the model, such as `layer1.0.conv1`; empty if it is not known, as the following.
        op: The op, as PyTorch calls it.
        file: The file of the user's code, or of the graph.
        line: Line in that file, or `None`.
        column: Column in that line, or `None`.
        remedy: What would work instead.
    """

    id: str
    message: str
    severity: str = "error"
    layer: str = ""
    op: str = ""
    file: str = ""
    line: int | None = None
    column: int | None = None
    remedy: str = ""

    @classmethod
    def of(cls, fields_of: Mapping[str, Any]) -> Finding:
        """A finding from a message of the compiler; fields that are null or unknown are left out."""
        known = {field.name for field in fields(cls)}
        given = {name: value for name, value in fields_of.items() if name in known and value is not None}
        return cls(**{"id": "", "message": "", **given})

    @property
    def place(self) -> str:
        """Module path, and file and line, as far as they are known."""
        line = f"{self.file}:{self.line}" if self.file and self.line else self.file
        return ", ".join(part for part in (f"layer {self.layer}" if self.layer else "", line) if part)

    def __str__(self) -> str:
        lines = [f"{self.severity}[{self.id}]: {self.message}" if self.id else self.message]
        if self.op and self.op not in self.message:
            lines[0] += f" ({self.op})"
        if self.place:
            lines.append(f"  at {self.place}")
        if self.remedy:
            lines.append(f"  help: {self.remedy}")
        return "\n".join(lines)


class NeurocudaError(Exception):
    """The base of every error of this package.

    `id` is the stable name of the kind of error, `findings` are all remarks on the model, errors before warnings;
    `str()` lists every one of them.
    """

    def __init__(self, id: str, message: str, findings: Iterable[Finding] = ()) -> None:
        self.id = id
        self.message = message
        self.findings = sorted(findings, key=lambda finding: finding.severity != "error")
        # The arguments are what pickling calls the class with.
        super().__init__(id, message, tuple(self.findings))

    def __str__(self) -> str:
        head = f"{self.id}: {self.message}" if self.id and not self.message.startswith(f"{self.id}:") else self.message
        return "\n".join([head, *(str(finding) for finding in self.findings)])


class UnsupportedModel(NeurocudaError):
    """The model cannot be converted as it is; `findings` lists every reason, with module path, line and remedy."""


class CompileFailed(NeurocudaError):
    """The compiler refused the network or its artifact after it had read the model."""


class BadData(NeurocudaError, ValueError):
    """Images or labels are not what the network takes."""


class MissingTorch(NeurocudaError, ImportError):
    """A PyTorch model was handed over, or asked for, and PyTorch is not installed."""


class NotBuiltYet(NeurocudaError, NotImplementedError):
    """What was asked for is planned and not built."""
