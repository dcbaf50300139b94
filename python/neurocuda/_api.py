"""Reading what was saved, and what is not built yet."""

from __future__ import annotations

import os
from pathlib import Path

from ._errors import NotBuiltYet
from ._snn import SNN


def load(path: str | os.PathLike[str]) -> SNN:
    """Reads an artifact that `SNN.save` or `neurocudac compile` wrote. It is checked whole.

    Raises:
        CompileFailed: It is no artifact, or one of another version.

    Example:
        >>> snn = neurocuda.load("net.ncx")
    """
    snn = SNN(Path(path).absolute())
    # Reads and checks it.
    snn.inspect()
    return snn


def to_nir(snn: SNN, path: str | os.PathLike[str], *, timesteps: int | None = None) -> None:
    """Will write the network as NIR. Not built yet.

    NIR carries plain integrate-and-fire neurons only. It will get the integer network that the artifact keeps, lowered as
    `rate` at `timesteps` steps: an approximation, whose error will be measured.

    Raises:
        NotBuiltYet: Always, in this version.
    """
    raise NotBuiltYet(
        "not-built-yet",
        f"to_nir is not built yet, {path} was not written; it will lower the kept integer network as `rate` at a stated "
        "number of timesteps",
    )
