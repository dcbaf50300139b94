"""One conversion, several numbers of timesteps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from ._convert import Settings, _prepare, build
from ._files import Folder
from ._guard import random_state
from ._loaders import Loader
from ._progress import Progress
from ._report import Report, _percent
from ._validate import CHUNK, Executor, validate

if TYPE_CHECKING:
    import torch


class Sweep(Sequence[tuple[int, Report]]):
    """The reports of a sweep: pairs of a number of timesteps and its report.

    Example:
        >>> for timesteps, report in sweep:
        ...     print(timesteps, report.snn_accuracy)
    """

    def __init__(self, rows: Sequence[tuple[int, Report]]) -> None:
        self._rows = list(rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        return self._rows[index]

    def __iter__(self) -> Iterator[tuple[int, Report]]:
        return iter(self._rows)

    def to_dict(self) -> dict[int, dict[str, Any]]:
        """Number of timesteps to all figures of its report."""
        return {timesteps: report.to_dict() for timesteps, report in self._rows}

    def _table(self) -> list[tuple[str, ...]]:
        head = ("timesteps", "float", "integer", "spiking", "agreement", "spikes/image", "passed")
        rows = (
            (
                str(timesteps),
                _percent(report.ann_accuracy),
                _percent(report.integer_accuracy),
                _percent(report.snn_accuracy),
                _percent(report.agreement),
                f"{report.to_dict()['spikes_per_image']:.0f}",
                "yes" if report.passed else "no",
            )
            for timesteps, report in self._rows
        )
        return [head, *rows]

    def __repr__(self) -> str:
        table = self._table()
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in table)

    def _repr_html_(self) -> str:
        """A table for a notebook."""
        rows = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in self._table())
        return "<table>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</table>"


def sweep(
    model: torch.nn.Module,
    train_loader: Loader,
    test_loader: Loader,
    timesteps: Sequence[int] = (8, 16, 32, 64),
    *,
    schedule: str = "rate",
    levels: int | None = None,
    samples: int = 1000,
    limit: int | None = None,
    max_drop: float = 1.0,
    executor: Executor | None = None,
    shard: int = CHUNK,
    threads: int | None = None,
    progress: bool = True,
) -> Sweep:
    """Validates a model at several numbers of timesteps.

    `rate` networks are compiled for each number; an exact schedule is compiled once and capped at each, which shows how early
    its answers are right.

    Args:
        model: A trained `torch.nn.Module`.
        train_loader: Samples to calibrate on; read once.
        test_loader: Test images; read once for every number of timesteps, so no generator.
        timesteps: The numbers.
        schedule: As in `convert`.
        levels: As in `convert`.
        samples: As in `convert`.
        limit: As in `validate`.
        max_drop: As in `validate`.
        executor: As in `validate`.
        shard: As in `validate`.
        threads: As in `validate`.
        progress: Show how far it is.

    Returns:
        The table.

    Example:
        >>> neurocuda.sweep(model, train_loader, test_loader, timesteps=[16, 32, 64])
    """
    if iter(test_loader) is test_loader:
        raise TypeError("test_loader is an iterator, which can be read once only; a sweep reads it for every number of timesteps")
    if not timesteps:
        raise ValueError("timesteps is empty")
    with Folder() as folder, random_state(), Progress(progress) as shown:
        float_model, data = _prepare(model, train_loader, None, samples, folder, shown)
        cache = folder.path / "cache"
        snn = None
        rows = []
        for steps in timesteps:
            if snn is None or schedule == "rate":
                settings = Settings(schedule, levels, steps if schedule == "rate" else None)
                snn = build(float_model, data, settings, folder, shown, threads, cache)
            cap = None if schedule == "rate" else steps
            report = validate(
                snn,
                test_loader,
                limit=limit,
                timesteps=cap,
                max_drop=max_drop,
                executor=executor,
                shard=shard,
                threads=threads,
                progress=progress,
            )
            rows.append((steps, report))
    return Sweep(rows)
