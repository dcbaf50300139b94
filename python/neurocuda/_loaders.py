"""From whatever gives images to batches of NumPy arrays: uint8 as it is, everything else as float32."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ._errors import BadData

#: What may be handed over as a loader.
Loader = Iterable[Any]

#: Samples of a data set that are put together to a batch, and rows of an array that are taken at a time.
_BATCH = 250

_IMAGE_NAMES = ("image", "images", "pixel_values", "x", "input", "inputs", "data", "img")
_LABEL_NAMES = ("label", "labels", "y", "target", "targets")


class Batch(NamedTuple):
    """Images `[n, …]`, uint8 or float32, and one int64 class a image where there are such."""

    images: np.ndarray
    labels: np.ndarray | None


def batches(loader: Loader, sample_shape: Sequence[int] | None = None) -> Iterator[Batch]:
    """The batches of a torch `DataLoader`, a data set, an array, or any iterable of `x`, `(x, y)` or dicts of these.

    With `sample_shape`, items of just that shape are taken as single samples.
    """
    if _is_array(loader):
        yield from _rows(loader, None)
    elif isinstance(loader, tuple) and len(loader) == 2 and all(map(_is_array, loader)) and _rank(loader[1]) <= 1:
        yield from _rows(*loader)
    elif isinstance(loader, Mapping):
        image, label = _of_mapping(loader)
        yield from _rows(image, label)
    elif _is_dataset(loader):
        yield from _stacked(_split(item) for item in _items(loader))
    elif isinstance(loader, (str, bytes)) or not isinstance(loader, Iterable) and not hasattr(loader, "__getitem__"):
        raise BadData("data-type", f"{type(loader).__name__} is no loader: hand over batches, arrays or a data set")
    else:
        yield from _iterable(iter(loader), sample_shape)


def consistent(source: Iterable[Batch]) -> Iterator[Batch]:
    """The same batches, which must be of one shape and kind, all with labels or all without."""
    first: Batch | None = None
    count = 0
    for batch in source:
        first = first or batch
        (images, labels), kind = batch, first.images
        if images.shape[1:] != kind.shape[1:] or images.dtype != kind.dtype:
            raise BadData(
                "data-shape",
                f"images from {count} on are {images.dtype} {list(images.shape[1:])}, those before {kind.dtype} "
                f"{list(kind.shape[1:])}; one network takes one size, so resize or crop in the loader",
            )
        if (labels is None) != (first.labels is None):
            raise BadData("data-labels", f"some batches have class labels and some do not; that changes at image {count}")
        count += len(images)
        yield batch


def take(source: Iterable[Batch], limit: int | None) -> Iterator[Batch]:
    """The first `limit` images; no batch is asked for that is not needed."""
    left = limit
    for batch in source if limit is None or limit > 0 else ():
        if left is not None and len(batch.images) >= left:
            yield Batch(batch.images[:left], None if batch.labels is None else batch.labels[:left])
            return
        if left is not None:
            left -= len(batch.images)
        yield batch


def _iterable(items: Iterator[Any], sample_shape: Sequence[int] | None) -> Iterator[Batch]:
    first = next(items, None)
    if first is None:
        return
    image, label = _split(first)
    whole = itertools.chain([first], items)
    single = list(np.shape(image)) == list(sample_shape) if sample_shape is not None else False
    if single or (label is not None and _is_scalar(label)):
        yield from _stacked(map(_split, whole))
        return
    for item in whole:
        image, label = _split(item)
        images = _images(image)
        yield Batch(images, _labels(label, len(images)))


def _stacked(pairs: Iterable[tuple[Any, Any]]) -> Iterator[Batch]:
    """Batches of single samples."""
    for group in _groups(pairs, _BATCH):
        samples = [_images(image, batched=False) for image, _ in group]
        shapes = {sample.shape for sample in samples}
        if len(shapes) > 1:
            raise BadData(
                "data-shape",
                f"samples have different shapes: {', '.join(str(list(shape)) for shape in sorted(shapes))}; "
                "one network takes one size, so resize or crop in the data set",
            )
        labels = [label for _, label in group]
        if all(label is None for label in labels):
            yield Batch(np.stack(samples), None)
        else:
            yield Batch(np.stack(samples), _labels(np.stack([_array(label) for label in labels]), len(samples)))


def _groups(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    iterator = iter(items)
    while group := list(itertools.islice(iterator, size)):
        yield group


def _rows(images: Any, labels: Any) -> Iterator[Batch]:
    for start in range(0, len(images), _BATCH):
        part = _images(images[start : start + _BATCH])
        yield Batch(part, None if labels is None else _labels(labels[start : start + _BATCH], len(part)))


def _items(dataset: Any) -> Iterator[Any]:
    # A data set with a length need not stop by itself when it is iterated over.
    if hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__"):
        return (dataset[index] for index in range(len(dataset)))
    return iter(dataset)


def _split(item: Any) -> tuple[Any, Any]:
    """Image and label of what a loader gives."""
    if isinstance(item, Mapping):
        return _of_mapping(item)
    if isinstance(item, (tuple, list)) and not _is_array(item):
        if len(item) == 1:
            return _split(item[0])
        if len(item) == 2:
            return item[0], item[1]
        raise BadData("data-type", f"the loader gives {len(item)} things at a time; give images, or images and labels")
    return item, None


def _of_mapping(item: Mapping[Any, Any]) -> tuple[Any, Any]:
    label = next((item[name] for name in _LABEL_NAMES if name in item), None)
    image = next((item[name] for name in _IMAGE_NAMES if name in item), None)
    if image is None:
        found = [name for name, value in item.items() if name not in _LABEL_NAMES and _is_array(value) and _rank(value) >= 2]
        if len(found) != 1:
            raise BadData(
                "data-type",
                f"which of {', '.join(map(str, item))} is the image? Call it `image`, or give (image, label) pairs",
            )
        image = item[found[0]]
    return image, label


def _images(value: Any, batched: bool = True) -> np.ndarray:
    array = _array(value)
    if array.ndim < 1 + batched:
        raise BadData("data-rank", f"images of the shape {list(array.shape)}: a batch is [N, …], with the samples first")
    if array.dtype == np.bool_:
        return array.astype(np.uint8)
    if array.dtype.kind in "iu" and array.dtype != np.uint8:
        converted = array.astype(np.float32)
        if not np.array_equal(converted.astype(np.float64), array.astype(np.float64)):
            raise BadData("data-type", f"{array.dtype} images hold numbers that float32 cannot; give float32 or uint8")
        return converted
    if array.dtype.kind == "f":
        return array.astype(np.float32, copy=False)
    if array.dtype != np.uint8:
        raise BadData("data-type", f"images are {array.dtype}; give uint8 or floats")
    return array


def _labels(value: Any, count: int) -> np.ndarray | None:
    """Classes; `None` for what is none: targets of a regression, masks, texts."""
    if value is None:
        return None
    try:
        array = _array(value)
    except BadData:
        return None
    if array.dtype.kind not in "iu" or array.size != count or array.ndim > 2:
        return None
    return array.reshape(-1).astype(np.int64)


def _array(value: Any) -> np.ndarray:
    """A NumPy array of what holds numbers; no copy where none is needed."""
    if hasattr(value, "detach"):
        tensor = value.detach().cpu()
        if str(tensor.dtype) in ("torch.bfloat16", "torch.float16"):
            tensor = tensor.float()
        return tensor.numpy()
    # Anything with a picture's method is not an array yet, and which axis holds its channels is not ours to guess.
    if hasattr(value, "convert") and hasattr(value, "getbands"):
        raise BadData("data-type", "the loader gives PIL pictures; add a transform to arrays, such as torchvision's ToTensor")
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise BadData("data-type", f"{type(value).__name__} holds no numbers")
    return array


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) or hasattr(value, "detach") and hasattr(value, "shape")


def _is_scalar(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) or _is_array(value) and _rank(value) == 0


def _rank(value: Any) -> int:
    return len(value.shape)


def _is_dataset(loader: Any) -> bool:
    data = sys.modules.get("torch.utils.data")
    return data is not None and isinstance(loader, data.Dataset)
