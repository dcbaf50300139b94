"""The files of a network, in a temporary folder that lives as long as something needs it."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


class Folder:
    """A temporary folder; gone when the last reference to it is, and at the end of the program."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="neurocuda-"))
        self.remove = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)

    @contextmanager
    def on_success(self) -> Iterator[Folder]:
        """Keeps the folder if the block succeeds. An exception would hold on to it, through the frames it passed."""
        try:
            yield self
        except BaseException:
            self.remove()
            raise

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


@dataclass(frozen=True)
class Model:
    """The float network as the compiler reads it: graph and weights, or one `.pt2` of `torch.export.save`."""

    graph: Path
    weights: Path | None
    #: Keeps the files there, where they are temporary.
    folder: Folder | None = None

    def arguments(self, option: str | None = None) -> list[str]:
        """How the command line names it: the graph as an argument or after `option`, then the weights."""
        named = [option, str(self.graph)] if option else [str(self.graph)]
        return [*named, *(["--weights", str(self.weights)] if self.weights else [])]

    def contents(self) -> dict[str, bytes]:
        """The files' contents by their role, to be sent elsewhere."""
        files = {"graph": self.graph.read_bytes()}
        return {**files, "weights": self.weights.read_bytes()} if self.weights else files

    @classmethod
    def of(cls, contents: dict[str, bytes], folder: Folder) -> Model:
        """The model of these contents, written into `folder`."""
        paths = {role: folder.path / f"model.{role}" for role in contents}
        for role, data in contents.items():
            paths[role].write_bytes(data)
        return cls(paths["graph"], paths.get("weights"), folder)


def copy(source: Path, destination: str | os.PathLike[str]) -> None:
    """Copies a file; the destination is there whole or not at all."""
    target = Path(destination)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".neurocuda-")
    os.close(handle)
    try:
        shutil.copyfile(source, temporary)
        # A temporary file is private; a copy has the rights of any new file.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise
