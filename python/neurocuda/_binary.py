"""Runs the compiler as a child process: its messages become progress and exceptions."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sysconfig
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ._errors import BadData, CompileFailed, Finding, NeurocudaError, UnsupportedModel
from ._progress import Progress

#: Names another binary than the one that was installed with this package.
BINARY_VARIABLE = "NEUROCUDAC"

_OWN_FILE = r"\S*[/\\]neurocuda-\w+[/\\]\S+?: "

_running: dict[str, set[subprocess.Popen[bytes]]] = {}
_lock = threading.Lock()


def binary() -> str:
    """Path of the compiler: `$NEUROCUDAC`, else the one that was installed with this package, else that on the path."""
    if named := os.environ.get(BINARY_VARIABLE):
        return named
    # `pip install --target FOLDER` puts the folder of scripts beside the package.
    folders = [Path(sysconfig.get_path("scripts")), Path(__file__).parent.parent / "bin"]
    for folder in folders:
        if os.access(path := folder / "neurocudac", os.X_OK):
            return str(path)
    if found := shutil.which("neurocudac"):
        return found
    raise NeurocudaError(
        "binary-missing", f"the compiler `neurocudac` is not in {', '.join(map(str, folders))} nor on the path; reinstall neurocuda"
    )


@dataclass
class Finished:
    """How a run of the compiler ended."""

    code: int
    stdout: str
    findings: list[Finding] = field(default_factory=list)


def run(
    arguments: Sequence[str | os.PathLike[str]],
    *,
    progress: Progress | None = None,
    accept: Sequence[int] = (0,),
    owner: str = "",
    threads: int | None = None,
) -> Finished:
    """Runs `neurocudac`; exit codes other than `accept` become exceptions. The child ends with this call, however it ends."""
    command = [binary(), "--messages", "json", *(str(argument) for argument in arguments)]
    if threads is not None:
        command += ["--threads", str(threads)]
    with tempfile.TemporaryFile() as stdout:
        try:
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE)
        except OSError as error:
            raise NeurocudaError("binary-missing", f"{command[0]} does not start: {error}") from error
        with _lock:
            _running.setdefault(owner, set()).add(child)
        messages = _Messages(progress)
        try:
            assert child.stderr is not None
            for line in child.stderr:
                messages.take(line.decode(errors="replace").rstrip())
            code = child.wait()
        finally:
            child.kill()
            child.wait()
            if child.stderr is not None:
                child.stderr.close()
            with _lock:
                _running[owner].discard(child)
                if not _running[owner]:
                    del _running[owner]
        stdout.seek(0)
        text = stdout.read().decode(errors="replace")
    if code not in accept:
        raise messages.error(code, command)
    return Finished(code, text, messages.findings)


def stop(owner: str) -> None:
    """Ends the children that `owner` started in this process."""
    with _lock:
        for child in _running.get(owner, ()):
            child.kill()


class _Messages:
    """What the child says on standard error: one JSON object a line, and whatever it says beside that."""

    def __init__(self, progress: Progress | None) -> None:
        self.progress = progress
        self.findings: list[Finding] = []
        self.failure: dict[str, Any] | None = None
        self.rest: list[str] = []

    def take(self, line: str) -> None:
        try:
            message = json.loads(line)
            kind = message["kind"]
        except (ValueError, KeyError, TypeError):
            if line:
                self.rest.append(line)
            return
        if kind == "progress" and self.progress is not None:
            self.progress.update(message.get("what", ""), message.get("done", 0), message.get("total", 0))
        elif kind == "finding":
            self.findings.append(Finding.of(message))
        elif kind == "failure":
            self.failure = message

    def error(self, code: int, command: Sequence[str]) -> NeurocudaError:
        if self.failure is None:
            # No message of its own: it was killed, or broke down.
            detail = "\n".join(self.rest[-20:]) or f"exit code {code}"
            return NeurocudaError("binary-failed", f"{' '.join(command)}: {detail}")
        # A name of a temporary file would mean nothing to a reader.
        id, message = self.failure.get("id") or "", re.sub(_OWN_FILE, "", self.failure.get("message") or "")
        if id == "findings":
            return UnsupportedModel("unsupported-model", f"the model cannot be converted: {message}", self.findings)
        if any(finding.severity == "error" for finding in self.findings):
            # A pass that refuses the network says so in a finding, with layer and place.
            return CompileFailed(id, "the compiler refuses the network", self.findings)
        return (BadData if id.startswith("data-") else CompileFailed)(id, message, self.findings)
