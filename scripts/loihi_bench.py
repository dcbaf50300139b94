"""What the benchmarks of the simulator of Loihi 2 share: the cores of an artifact as arrays, and how long the simulator takes.

To be imported before numpy: both sides use one thread."""
import json
import os
import subprocess
import time
from pathlib import Path

# One thread each.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "../shared/data"


class Layer:
    """A population of an artifact: its dense table of synapses, its program and its neurons' parameters."""

    def __init__(self, population, tensors):
        (synapses,) = population["synapses"]
        assert synapses["table"]["kind"] == "dense"
        self.weights = tensors[synapses["table"]["weight"]].astype(np.int32)
        self.exponent, self.sign = synapses["exponent"], synapses["sign_mode"]
        neurons = population["neurons"]
        self.program = neurons["program"]
        self.parameters = dict(zip(neurons["parameter_names"], tensors[neurons["parameters"]].astype(np.int32)))


class Artifact:
    """A compiled network of dense layers."""

    def __init__(self, path):
        with safe_open(path, "numpy") as file:
            self.manifest = json.loads(file.metadata()["neurocuda.manifest"])
        tensors = load_file(path)
        chips, ops = self.manifest["chips"], {op["name"]: op for op in self.manifest["program"]["ops"]}
        encoder = ops[chips["populations"][0]["op"]]
        self.encoder = {key: tensors[encoder[key]] for key in ("multiplier", "offset", "minimum", "maximum")}
        self.encoder |= {key: encoder[key] for key in ("scale", "low", "high")}
        self.layers = [Layer(population, tensors) for population in chips["populations"][1:]]

    def codes(self, image):
        """Integer codes of an image."""
        e = self.encoder
        times = image.size // len(e["multiplier"])
        real = image.reshape(-1).astype(np.float64) * e["multiplier"].repeat(times) + e["offset"].repeat(times)
        real = np.clip(real, e["minimum"].max(), e["maximum"].min())
        return np.clip(np.floor(real / e["scale"] + 0.5), e["low"], e["high"]).astype(np.int32)


def mlp(binary, path, *options):
    """The MNIST MLP, compiled for Loihi 2."""
    model = [str(ROOT / "tests/models/mlp_mnist.ncg"), "--weights", str(DATA / "models/mlp_mnist.safetensors")]
    calibrate = ["--calibrate", str(DATA / "sets/mnist_calib1000.safetensors"), "--target", "loihi"]
    subprocess.run([binary, "compile", *model, *calibrate, *options, "-o", str(path)], check=True, stdout=subprocess.DEVNULL)
    return Artifact(path)


def run(binary, artifact, data, count, output, *options):
    """Has the simulator run so many images on one thread; returns its seconds."""
    limit = ["--limit", str(count), "--threads", "1"]
    command = [binary, "run", str(artifact), "--data", data, *limit, *options, "-o", str(output)]
    start = time.perf_counter()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def seconds_an_image(binary, artifact, data, count, output):
    """The simulator's seconds for one of so many images; starting and loading cancel out."""
    few, many = (run(binary, artifact, data, n, output) for n in (count // 10, count))
    return (many - few) / (count - count // 10)


def report(binary, artifact, data, count, path):
    """What `loihi report` says of the first images."""
    limit = ["--limit", str(count), "--report", path]
    subprocess.run([binary, "loihi", "report", str(artifact), "--data", data, *limit], check=True, stdout=subprocess.DEVNULL)
    return json.loads(Path(path).read_text())
