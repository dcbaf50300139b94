"""Packs of files for a GPU machine, small enough to be carried there; needs nothing but Python.

usage: python3 scripts/gpu/packing.py equality PACKS ARTIFACTS PROGRAMS
       python3 scripts/gpu/packing.py spikingjelly PACKS WHEELS
       python3 scripts/gpu/packing.py unpack PACKS FOLDER

A pack is a folder of archives, PACKS/NAME/*.tar.xz. All are unpacked into one folder, over what is there.
"""
import json
import lzma
import sys
import tarfile
from pathlib import Path

MODELS = Path("shared/data/models")
SETS = Path("shared/data/sets")
NETWORK = "resnet18_cifar10"
ARTIFACTS = (f"{NETWORK}.st-bif.L15", f"{NETWORK}.rate.T32")
PROGRAMS = ("neurocuda-gpu-check", "libneurocuda_cuda.so")
# A device machine takes 64 MiB in all, the project's tree among it.
LIMIT = 45 << 20
SOME = 512
# Neighbouring pixels are alike. The dictionary of the other holds two artifacts, which have most weights in common.
PIXELS = [{"id": lzma.FILTER_DELTA, "dist": 1}, {"id": lzma.FILTER_LZMA2, "preset": 9}]
FILES = [{"id": lzma.FILTER_LZMA2, "preset": 9}]


def write(archive, files, filters):
    """Writes an archive of files by their names in it."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with lzma.open(archive, "w", filters=filters) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for name, path in files.items():
            # Equal files make equal archives: no owner, no time.
            entry = tarfile.TarInfo(str(name))
            entry.size = path.stat().st_size
            entry.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
            with path.open("rb") as file:
                tar.addfile(entry, file)
    print(f"{archive}: {archive.stat().st_size / 2**20:.1f} MiB", flush=True)


def first(path, count):
    """A safetensors file with only the first so many rows of each tensor."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header, body, rows = json.loads(data[8:start]), b"", {}
    for name, tensor in header.items():
        if name == "__metadata__":
            rows[name] = tensor
            continue
        begin, end = tensor["data_offsets"]
        length = (end - begin) // tensor["shape"][0] * count
        rows[name] = tensor | {"shape": [count, *tensor["shape"][1:]], "data_offsets": [len(body), len(body) + length]}
        body += data[start + begin : start + begin + length]
    text = json.dumps(rows).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + body


def sets(shared, *names):
    """Files of images by their names in a pack."""
    return {SETS / f"{name}.safetensors": shared / "data" / "sets" / f"{name}.safetensors" for name in names}


def equality(pack, shared, artifacts, programs):
    """Artifacts, the program that runs them on both back ends, and all test images."""
    files = {f"bin/{name}": programs / name for name in PROGRAMS}
    files |= {f"artifacts/{name}.ncx": artifacts / f"{name}.ncx" for name in ARTIFACTS}
    write(pack / "files.tar.xz", files, FILES)
    write(pack / "images.tar.xz", sets(shared, "cifar10_jpeg_test"), PIXELS)


def spikingjelly(pack, shared, wheels):
    """The checkpoint, calibration images, some test images, and what a machine with PyTorch lacks."""
    names = ("nets.py", "resnet_option_a.py", f"{NETWORK}.json", f"{NETWORK}.safetensors")
    files = {MODELS / name: shared / "data" / "models" / name for name in names}
    files |= {f"wheels/{path.name}": path for path in sorted(wheels.glob("*.whl"))}
    write(pack / "files.tar.xz", files, FILES)
    some = pack / "some.safetensors"
    some.write_bytes(first(*sets(shared, "cifar10_jpeg_test").values(), SOME))
    images = sets(shared, "cifar10_jpeg_calib1000") | {SETS / f"cifar10_jpeg_test{SOME}.safetensors": some}
    write(pack / "images.tar.xz", images, PIXELS)
    some.unlink()


def unpack(packs, folder):
    """Unpacks all packs that are there."""
    for archive in sorted(packs.glob("*/*.tar.xz")):
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")


def main(arguments):
    what, packs, *paths = arguments
    packs, paths = Path(packs), [Path(path) for path in paths]
    if what == "unpack":
        unpack(packs, *paths)
        return 0
    pack = packs / what
    {"equality": equality, "spikingjelly": spikingjelly}[what](pack, Path("../shared"), *paths)
    size = sum(archive.stat().st_size for archive in pack.glob("*.tar.xz"))
    print(f"{pack}: {size / 2**20:.1f} MiB")
    if size > LIMIT:
        print(f"{pack}: more than {LIMIT >> 20} MiB, which is too much to be carried", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
