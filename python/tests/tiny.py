"""A network that compiles in a moment; without pytest, so that it also serves where there is none."""

import subprocess
from pathlib import Path

import neurocuda
import numpy as np
from neurocuda._binary import binary
from safetensors.numpy import save_file

GRAPH = """graph @tiny(%x: f32[N, 2, 8, 8]) -> f32[N, 3] {
  %0 = normalize(%x, scale = 0.00392156862745098, mean = [0.5, 0.4], std = [0.3, 0.25])   # normalize
  %1 = conv2d(%0, weight = @conv.weight, bias = @conv.bias, stride = 2, padding = 1)      # conv
  %2 = relu(%1)                                                                           # relu
  %3 = flatten(%2)                                                                        # flatten
  %4 = linear(%3, weight = @fc.weight, bias = @fc.bias)                                   # fc
  return %4
}
"""


class Tiny:
    """Graph, weights and artifact of a small network with random weights, and images for it."""

    def __init__(self, folder: Path) -> None:
        random = np.random.default_rng(7)
        self.folder = folder
        self.graph, self.weights, self.artifact = (folder / f"tiny.{end}" for end in ("ncg", "safetensors", "ncx"))
        self.graph.write_text(GRAPH)
        shapes = {"conv.weight": (4, 2, 3, 3), "conv.bias": (4,), "fc.weight": (3, 64), "fc.bias": (3,)}
        save_file({k: random.normal(size=s).astype(np.float32) for k, s in shapes.items()}, self.weights)
        self.images = random.integers(0, 256, (620, 2, 8, 8), dtype=np.uint8)
        self.labels = random.integers(0, 3, 620)
        calibration = folder / "calibration.safetensors"
        save_file({"images": self.images[:50]}, calibration)
        command = [binary(), "compile", self.graph, "--weights", self.weights, "--calibrate", calibration]
        subprocess.run([*command, "--no-cache", "-o", self.artifact], check=True, capture_output=True)

    @property
    def model(self) -> tuple[Path, Path]:
        return self.graph, self.weights

    @property
    def snn(self) -> neurocuda.SNN:
        return neurocuda.load(self.artifact)
