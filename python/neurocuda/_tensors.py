"""Images on their way into a file: written as they come, so that memory holds one batch."""

from __future__ import annotations

import json
import os
import struct
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ._errors import BadData
from ._progress import Progress

_DTYPES = {"uint8": "U8", "float32": "F32"}
#: Room for the header, which is known once the last batch was seen.
_HEADER = 1024


class ImageWriter:
    """A safetensors file with `images` and, if every batch has them, `labels`.

    The header's room is reserved and filled in by `finish`. Used as a context, a file that was not finished is removed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._shape: tuple[int, ...] | None = None
        self._dtype: np.dtype[Any] | None = None
        self._labels: array[int] | None = None
        self._file = open(path, "wb")  # noqa: SIM115 (closed by the context)
        self._file.write(b"\0" * (8 + _HEADER))

    def add(self, images: np.ndarray, labels: np.ndarray | None) -> None:
        """Appends a batch, `[n, …]` of uint8 or float32, with one int64 label an image or none; all of one shape and kind."""
        if self._shape is None:
            self._shape, self._dtype = images.shape[1:], images.dtype
            self._labels = None if labels is None else array("q")
        if labels is not None and self._labels is not None:
            self._labels.extend(labels.tolist())
        np.ascontiguousarray(images).tofile(self._file)
        self.count += len(images)

    def finish(self) -> None:
        """Writes the labels and the header."""
        if self._shape is None or self._dtype is None or self.count == 0:
            raise BadData("data-empty", "the loader gave no image")
        size = self.count * int(np.prod(self._shape)) * self._dtype.itemsize
        header: dict[str, Any] = {
            "images": {"dtype": _DTYPES[self._dtype.name], "shape": [self.count, *self._shape], "data_offsets": [0, size]}
        }
        if self._labels is not None:
            labels = np.array(self._labels, dtype="<i8")
            labels.tofile(self._file)
            header["labels"] = {"dtype": "I64", "shape": [self.count], "data_offsets": [size, size + labels.nbytes]}
        text = json.dumps(header, separators=(",", ":")).encode()
        if len(text) > _HEADER:
            raise BadData("data-shape", f"images of shape {list(self._shape)} have too many axes")
        self._file.flush()
        self._file.seek(0)
        self._file.write(struct.pack("<Q", _HEADER) + text.ljust(_HEADER))
        self._file.close()

    def __enter__(self) -> ImageWriter:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._file.close()
        if kind is not None and os.path.exists(self.path):
            os.remove(self.path)


def write_images(path: Path, batches: Iterable[tuple[np.ndarray, np.ndarray | None]], progress: Progress, total: int) -> None:
    """Streams batches, `add`'s arguments, into a data file; `total` is 0 where their number is not known."""
    with ImageWriter(path) as writer:
        for images, labels in batches:
            writer.add(images, labels)
            progress.update("reading", writer.count, total)
        writer.finish()
