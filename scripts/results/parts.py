"""Parts of a test set: which there are, the files of images that hold them, and whose turn they are."""
import json
import math
import struct

from .paths import ROOT, WORK, digest

# `validate --first` wants a multiple of 250. Larger parts leave less to do twice after a stop, smaller ones share better.
PART = 1000


def header(file):
    """What a safetensors file says of its tensors, and where their bytes begin."""
    with open(ROOT / file, "rb") as opened:
        (length,) = struct.unpack("<Q", opened.read(8))
        tensors = json.loads(opened.read(length))
    tensors.pop("__metadata__", None)
    return tensors, 8 + length


def count(file):
    """Number of images in a file of images."""
    return header(file)[0]["images"]["shape"][0]


def parts(images):
    """(first, number) of each part of so many images; the last is the longer one."""
    firsts = range(0, max(images // PART, 1) * PART, PART)
    ends = [*firsts[1:], images]
    return [(first, end - first) for first, end in zip(firsts, ends)]


def of_shard(all_parts, index, shards):
    """The parts that one of several machines does; `index` counts from 1."""
    return all_parts[index - 1 :: shards]


def cut(file, first, number):
    """Path of a file that holds only these images of a file; written when it is not there."""
    tensors, start = header(file)
    images = tensors["images"]["shape"][0]
    if (first, number) == (0, images):
        return ROOT / file
    path = WORK / "parts" / f"{digest(file)}.{first:06}.{number}.safetensors"
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    described, ranges, offset = {}, [], 0
    # In the order of their bytes, as the format wants them.
    for name, tensor in sorted(tensors.items(), key=lambda item: item[1]["data_offsets"]):
        begin, end = tensor["data_offsets"]
        shape = tensor["shape"]
        if shape[:1] != [images]:
            raise ValueError(f"{file}: tensor {name} has no axis of {images} images and cannot be cut")
        size = (end - begin) // images
        described[name] = {
            "dtype": tensor["dtype"],
            "shape": [number, *shape[1:]],
            "data_offsets": [offset, offset + number * size],
        }
        ranges.append((start + begin + first * size, number * size))
        offset += number * size
    text = json.dumps(described).encode()
    text += b" " * (math.ceil(len(text) / 8) * 8 - len(text))
    temporary = path.with_suffix(".tmp")
    with open(ROOT / file, "rb") as source, open(temporary, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for position, size in ranges:
            source.seek(position)
            out.write(source.read(size))
    temporary.rename(path)
    return path
