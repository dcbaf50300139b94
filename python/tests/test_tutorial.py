"""Runs the code of docs/src/pytorch.md as it stands there, in order, on the images of tests/data."""

import os
import re
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("torchvision", reason="torchvision is not installed")

from neurocuda._binary import binary

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "src" / "pytorch.md"
# Blocks in other languages show output, or commands that CI has done in its own way.
BLOCK = re.compile(r"^```(python|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def write_idx(path, array):
    """An array of bytes in the format of the MNIST files, where torchvision looks for them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(header + np.ascontiguousarray(array).tobytes())


def place_images(folder):
    """Fashion-MNIST where `download=True` would put it: the calibration images are training images."""
    for ours, theirs in (("calib1000", "train"), ("test", "t10k")):
        data = load_file(ROOT / "tests" / "data" / f"fashion_mnist_{ours}.safetensors")
        raw = folder / "data" / "FashionMNIST" / "raw"
        write_idx(raw / f"{theirs}-images-idx3-ubyte", data["images"][:, 0])
        write_idx(raw / f"{theirs}-labels-idx1-ubyte", data["labels"])


def test_the_tutorial_runs_as_written(tmp_path, monkeypatch):
    place_images(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(binary()).resolve().parent}{os.pathsep}{os.environ['PATH']}")
    text, names = PAGE.read_text(), {"__name__": "__main__"}
    blocks = list(BLOCK.finditer(text))
    assert len(blocks) >= 9
    for block in blocks:
        language, code = block.groups()
        line = text.count("\n", 0, block.start(2))
        if language == "sh":
            done = subprocess.run(["bash", "-euo", "pipefail", "-c", code], capture_output=True, text=True)
            print(done.stdout)
            assert done.returncode == 0, f"{PAGE.name}:{line + 1}: {done.stderr}"
        else:
            # Blank lines in front keep the numbers of the page's lines in tracebacks and locations.
            exec(compile("\n" * line + code, str(PAGE), "exec"), names)
