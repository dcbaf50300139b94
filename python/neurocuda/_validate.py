"""Validation: on this machine, or in shards on any pool of workers."""

from __future__ import annotations

import itertools
import json
import os
import uuid
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from . import _binary
from ._errors import BadData, NeurocudaError
from ._export import export_model
from ._files import Folder, Model
from ._guard import random_state
from ._loaders import Batch, Loader, batches, consistent, take
from ._progress import Progress
from ._report import Report
from ._snn import SNN
from ._tensors import ImageWriter, write_images

if TYPE_CHECKING:
    import torch

#: Images of a chunk, the unit in which the compiler counts; a shard holds whole ones.
CHUNK = 250


class Future(Protocol):
    """What an executor's `submit` gives."""

    def result(self) -> Any: ...

    def cancel(self) -> Any: ...


class Executor(Protocol):
    """A pool with the interface of `concurrent.futures`: that of Python, Dask's `client.get_executor()`, MPI's, Ray's."""

    def submit(self, function: Any, /, *arguments: Any) -> Any: ...


def validate(
    snn: SNN,
    loader: Loader,
    model: torch.nn.Module | str | os.PathLike[str] | tuple[Any, Any] | None = None,
    *,
    limit: int | None = None,
    timesteps: int | None = None,
    max_drop: float = 1.0,
    html: str | os.PathLike[str] | None = None,
    executor: Executor | None = None,
    shard: int = CHUNK,
    in_flight: int = 16,
    threads: int | None = None,
    progress: bool = True,
) -> Report:
    """Compares the spiking network with the model it came from, on the images of a loader.

    Float, integer and spiking network see the same images; nothing is estimated. A gate that fails makes
    `report.passed` false, no exception.

    Args:
        snn: What `convert` or `load` gave.
        loader: A `DataLoader`, a data set, an array, or any iterable of `x`, `(x, y)` or dicts. Class labels are looked at if
            there are such; other targets are left alone. Batches are written to disk as they come.
        model: The model, wanted after `load` only: the PyTorch module, a `.pt2`, or the pair of files that `export` wrote.
        limit: Use the first images only.
        timesteps: Cap on the number of steps; for a `rate` network their number.
        max_drop: Largest drop of accuracy, in percentage points, to which a paired standard error is added.
        html: Write the report as a page with charts into this file as well.
        executor: A pool with `submit` as in `concurrent.futures`, on whose workers this package is installed. The report equals
            that of one run, but for provenance, seconds and memory.
        shard: Images a task of the executor gets, a multiple of 250.
        in_flight: Tasks given to the executor at a time, which bounds memory.
        threads: Threads of each run; all cores if absent. Results do not depend on it.
        progress: Show how far it is.

    Returns:
        The report.

    Raises:
        BadData: Images are not what the network takes.
        UnsupportedModel: `model` cannot be read.
        CompileFailed: The artifact and the model do not belong together.

    Example:
        >>> report = neurocuda.validate(snn, test_loader)
        >>> report.passed
        True
        >>> with concurrent.futures.ProcessPoolExecutor() as pool:
        ...     report = neurocuda.validate(snn, test_loader, executor=pool, threads=1)
    """
    if shard < CHUNK or shard % CHUNK:
        raise ValueError(f"shard={shard} is no multiple of {CHUNK}")
    if in_flight < 1:
        raise ValueError("in_flight must be at least 1")
    with Folder() as folder, Progress(progress) as shown, random_state():
        source = take(consistent(batches(loader, snn.input_shape)), limit)
        float_model, source = _float_model(snn, model, source, folder)
        options = ["--timesteps", str(timesteps)] if timesteps is not None else []
        report = folder.path / "report.json"
        written = ["--report", report, *(["--html", Path(html).absolute()] if html is not None else [])]
        if executor is None:
            data = folder.path / "images.safetensors"
            write_images(data, source, shown, limit or 0)
            command = ["validate", snn.path, *float_model.arguments("--model"), "--data", data, "--no-cache"]
            command += [f"--max-drop={max_drop}", *written, *options]
            _binary.run(command, progress=shown, accept=(0, 1), threads=threads)
        else:
            tallies = _shards(snn, float_model, source, executor, (shard, in_flight), options, threads, folder, shown)
            command = ["merge", snn.path, *tallies, f"--max-drop={max_drop}", *written]
            _binary.run(command, accept=(0, 1))
        # Exit code 1 says that a gate failed, and then there is a report as well.
        return Report(json.loads(report.read_text()))


def _float_model(snn: SNN, model: Any, source: Iterator[Batch], folder: Folder) -> tuple[Model, Iterator[Batch]]:
    """The float model's files, and the batches again if one was looked at."""
    if model is None:
        if snn._model is None:
            raise NeurocudaError(
                "model-missing",
                "an artifact does not hold the float model: give model=, the PyTorch module or the files that export() wrote",
            )
        return snn._model, source
    if isinstance(model, (str, os.PathLike)):
        return Model(Path(model), None), source
    if isinstance(model, tuple):
        graph, weights = model
        return Model(Path(graph), Path(weights)), source
    first = next(source, None)
    if first is None:
        raise BadData("data-empty", "the loader gave no image")
    return export_model(model, first.images, folder), itertools.chain([first], source)


def _shards(
    snn: SNN,
    model: Model,
    source: Iterator[Batch],
    executor: Executor,
    sizes: tuple[int, int],
    options: list[str],
    threads: int | None,
    folder: Folder,
    progress: Progress,
) -> list[Path]:
    """Has the executor count every shard; the files with the counts, in order."""
    size, in_flight = sizes
    owner = uuid.uuid4().hex
    artifact, files = snn.path.read_bytes(), model.contents()
    waiting: deque[Future] = deque()
    tallies: list[Path] = []

    def collect() -> None:
        path = folder.path / f"tallies{len(tallies)}.json"
        path.write_bytes(waiting.popleft().result())
        tallies.append(path)
        progress.update("shards validated", len(tallies), 0)

    try:
        first = 0
        for data, count in _shard_files(source, size, folder):
            waiting.append(executor.submit(count_shard, artifact, files, data, first, options, threads, owner))
            first += count
            if len(waiting) >= in_flight:
                collect()
        while waiting:
            collect()
    except BaseException:
        for future in waiting:
            future.cancel()
        _binary.stop(owner)
        raise
    return tallies


def _shard_files(source: Iterator[Batch], size: int, folder: Folder) -> Iterator[tuple[bytes, int]]:
    """The contents of a data file for every `size` images, and how many are in it."""
    path = folder.path / "shard.safetensors"
    rest: Batch | None = None
    seen = False
    while True:
        with ImageWriter(path) as writer:
            while writer.count < size and (batch := rest or next(source, None)) is not None:
                room = size - writer.count
                images, labels = batch
                writer.add(images[:room], None if labels is None else labels[:room])
                rest = Batch(images[room:], None if labels is None else labels[room:]) if len(images) > room else None
            if writer.count == 0 and seen:
                return
            # Without any image this says so.
            writer.finish()
        seen = True
        yield path.read_bytes(), writer.count


def count_shard(
    artifact: bytes,
    model: dict[str, bytes],
    data: bytes,
    first: int,
    options: list[str],
    threads: int | None,
    owner: str,
) -> bytes:
    """What a worker does: counts the images of a shard, which begins with image `first` of the whole set."""
    with Folder() as folder:
        paths = {name: folder.path / name for name in ("net.ncx", "images.safetensors", "tallies.json")}
        paths["net.ncx"].write_bytes(artifact)
        paths["images.safetensors"].write_bytes(data)
        files = Model.of(model, folder).arguments("--model")
        command: list[Any] = ["validate", paths["net.ncx"], *files, "--data", paths["images.safetensors"], "--no-cache"]
        command += ["--tallies", paths["tallies.json"], "--first", str(first), *options]
        _binary.run(command, owner=owner, threads=threads)
        return paths["tallies.json"].read_bytes()
