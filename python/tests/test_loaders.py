"""Whatever gives images becomes batches of arrays, and what does not is refused with a word."""

import numpy as np
import pytest
from neurocuda import BadData
from neurocuda._loaders import batches, consistent, take
from neurocuda._tensors import ImageWriter
from safetensors import safe_open

IMAGES = np.arange(7 * 2 * 3 * 3, dtype=np.uint8).reshape(7, 2, 3, 3)
LABELS = np.arange(7) % 3


def whole(loader, **more):
    """Images and labels of everything that the loader gives."""
    found = list(consistent(batches(loader, **more)))
    labels = [batch.labels for batch in found]
    images = np.concatenate([batch.images for batch in found])
    return images, None if labels[0] is None else np.concatenate(labels)


def parts(images, labels):
    for start in range(0, 7, 3):
        yield images[start : start + 3], labels[start : start + 3]


WITH_LABELS = {
    "pairs": lambda: parts(IMAGES, LABELS),
    "lists": lambda: [list(pair) for pair in parts(IMAGES, LABELS)],
    "arrays": lambda: (IMAGES, LABELS),
    "dicts": lambda: ({"pixel_values": x, "labels": y} for x, y in parts(IMAGES, LABELS)),
    "dicts of other names": lambda: ({"frame": x, "index": np.arange(len(x)), "label": y} for x, y in parts(IMAGES, LABELS)),
    "dict of arrays": lambda: {"image": IMAGES, "label": LABELS},
    "samples": lambda: list(zip(IMAGES, LABELS.tolist(), strict=True)),
    "columns of labels": lambda: ((x, y[:, None]) for x, y in parts(IMAGES, LABELS)),
    "lists of labels": lambda: ((x, y.tolist()) for x, y in parts(IMAGES, LABELS)),
}

WITHOUT_LABELS = {
    "batches": lambda: [x for x, _ in parts(IMAGES, LABELS)],
    "array": lambda: IMAGES,
    "singles": lambda: [(x,) for x, _ in parts(IMAGES, LABELS)],
    "regression": lambda: ((x, y.astype(np.float32)) for x, y in parts(IMAGES, LABELS)),
    "masks": lambda: ((x, x[:, 0].astype(np.int64)) for x, _ in parts(IMAGES, LABELS)),
    "texts": lambda: ((x, ["a"] * len(x)) for x, _ in parts(IMAGES, LABELS)),
}


@pytest.mark.parametrize("kind", WITH_LABELS)
def test_images_and_labels_come_out_as_they_went_in(kind):
    images, labels = whole(WITH_LABELS[kind]())
    assert images.dtype == np.uint8 and np.array_equal(images, IMAGES)
    assert labels.dtype == np.int64 and np.array_equal(labels, LABELS)


@pytest.mark.parametrize("kind", WITHOUT_LABELS)
def test_targets_that_are_no_classes_are_left_alone(kind):
    images, labels = whole(WITHOUT_LABELS[kind]())
    assert np.array_equal(images, IMAGES) and labels is None


def test_torch_loaders_tensors_and_data_sets():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from torch.utils.data import DataLoader, IterableDataset, TensorDataset

    data = TensorDataset(torch.from_numpy(IMAGES), torch.from_numpy(LABELS))

    class Stream(IterableDataset):
        def __iter__(self):
            return iter(data)

    for loader in (DataLoader(data, batch_size=3), data, Stream(), (torch.from_numpy(IMAGES), torch.from_numpy(LABELS))):
        images, labels = whole(loader)
        assert images.dtype == np.uint8 and np.array_equal(images, IMAGES) and np.array_equal(labels, LABELS)
    for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64):
        images, labels = whole([torch.from_numpy(IMAGES).to(dtype)])
        assert images.dtype == np.float32 and np.array_equal(images, IMAGES) and labels is None
    grown = torch.from_numpy(IMAGES).float().requires_grad_()
    assert np.array_equal(whole(grown)[0], IMAGES)


def test_single_samples_are_known_by_their_shape():
    images, labels = whole([image for image in IMAGES], sample_shape=(2, 3, 3))
    assert np.array_equal(images, IMAGES) and labels is None


@pytest.mark.parametrize(
    ("loader", "id"),
    [
        ([IMAGES, IMAGES[:, :, 1:]], "data-shape"),
        ([IMAGES, IMAGES.astype(np.float32)], "data-shape"),
        ([(IMAGES, LABELS), IMAGES], "data-labels"),
        ([IMAGES.astype(np.complex64)], "data-type"),
        ([np.full((2, 3), 2**24 + 1)], "data-type"),
        ([np.array(["a", "b"])], "data-type"),
        ([(IMAGES, LABELS, LABELS)], "data-type"),
        ([{"a": IMAGES, "b": IMAGES}], "data-type"),
        ([np.arange(4)], "data-rank"),
        ("images", "data-type"),
        (3, "data-type"),
        ([(IMAGES[0], 1), (IMAGES[0, :, 1:], 2)], "data-shape"),
    ],
)
def test_what_cannot_be_read_is_refused(loader, id):
    with pytest.raises(BadData) as caught:
        whole(loader)
    assert caught.value.id == id and str(caught.value).startswith(f"{id}: ")


def test_pictures_are_refused_with_the_way_out():
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    with pytest.raises(BadData, match="ToTensor"):
        whole([(image.new("RGB", (8, 8)), 1)])


def test_no_more_is_read_than_is_wanted():
    read = []

    def endless():
        while True:
            read.append(1)
            yield IMAGES, LABELS

    assert sum(len(batch.images) for batch in take(batches(endless()), 10)) == 10
    assert len(read) == 2


@pytest.mark.parametrize(("count", "dtype"), [(3, np.uint8), (7, np.uint8), (7, np.float32)])
def test_the_file_is_what_was_written(tmp_path, count, dtype):
    path = tmp_path / "images.safetensors"
    with ImageWriter(path) as writer:
        for image, label in zip(IMAGES[:count].astype(dtype), LABELS, strict=False):
            writer.add(image[None], label[None])
        writer.finish()
    with safe_open(path, "numpy") as file:
        assert set(file.keys()) == {"images", "labels"}
        images = file.get_tensor("images")
        assert images.dtype == dtype and np.array_equal(images, IMAGES[:count])
        assert np.array_equal(file.get_tensor("labels"), LABELS[:count])


def test_a_file_that_was_not_finished_is_removed(tmp_path):
    path = tmp_path / "images.safetensors"
    with pytest.raises(BadData, match="no image"), ImageWriter(path) as writer:
        writer.finish()
    assert not path.exists()


def test_memory_does_not_grow_with_the_loader(tmp_path):
    import tracemalloc

    batch = np.zeros((16, 3, 64, 64), np.float32)
    tracemalloc.start()
    with ImageWriter(tmp_path / "images.safetensors") as writer:
        for part in consistent(batches(batch + 1 for _ in range(200))):
            writer.add(*part)
        writer.finish()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert writer.path.stat().st_size > 150e6 and peak < 4 * batch.nbytes
