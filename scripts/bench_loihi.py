"""The simulator of Loihi 2 beside a NumPy statement of the same cores, on the same network and images.

usage: scripts/bench_loihi.py [--neurocudac FILE] [--images N] [--rounds N]

    --neurocudac FILE  the binary (default target/release/neurocudac)
    --images N         images that NumPy runs (default 20); the simulator runs a hundred times as many
    --rounds N         times that both are measured, in turn (default 5); medians count

Compiles the MNIST MLP of ../shared/data for Loihi 2 and reads programs, tables and cores from the artifact. NumPy does what Lava's
processes do in a step, one image at a time and with their types: `weights.dot(spikes)` in int32 for each table, and the update of all
neurons of a population as whole-array operations on int32. Both use one thread. Every spike count and logit must be the same before a
time is printed. Prints the ratio of the times and neuron updates a second; needs numpy and safetensors."""
import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

# One thread each.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "../shared/data"


def arguments():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--neurocudac", default=str(ROOT / "target/release/neurocudac"))
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


class Cores:
    """The chip program of an artifact of dense layers and `st_bif` neurons, as arrays."""

    def __init__(self, path):
        with safe_open(path, "numpy") as file:
            self.manifest = json.loads(file.metadata()["neurocuda.manifest"])
        tensors = load_file(path)
        chips, ops = self.manifest["chips"], {op["name"]: op for op in self.manifest["program"]["ops"]}
        encoder = ops[chips["populations"][0]["op"]]
        self.encoder = {key: tensors[encoder[key]] for key in ("multiplier", "offset", "minimum", "maximum")}
        self.encoder |= {key: encoder[key] for key in ("scale", "low", "high")}
        self.layers = []
        for population in chips["populations"][1:]:
            (synapses,) = population["synapses"]
            neurons = population["neurons"]
            rows = dict(zip(neurons["parameter_names"], tensors[neurons["parameters"]].astype(np.int32)))
            assert synapses["table"]["kind"] == "dense" and neurons["program"] in ("st_bif", "readout")
            weights = tensors[synapses["table"]["weight"]].astype(np.int32)
            self.layers.append((neurons["program"], weights, synapses["exponent"], rows))

    def codes(self, image):
        """Integer codes of an image."""
        e = self.encoder
        real = np.clip(image.reshape(-1).astype(np.float64) * e["multiplier"].repeat(image.size // len(e["multiplier"]))
                       + e["offset"].repeat(image.size // len(e["offset"])), e["minimum"].max(), e["maximum"].min())
        return np.clip(np.floor(real / e["scale"] + 0.5), e["low"], e["high"]).astype(np.int32)

    def run(self, image):
        """Logits and spikes of an image, and steps until nothing is sent."""
        sent = [self.codes(image)] + [np.zeros(len(weights), np.int32) for _, weights, _, _ in self.layers]
        states = [[rows["initial"].copy(), np.zeros(len(weights), np.int32)] for _, weights, _, rows in self.layers]
        spikes, steps = 0, 0
        while True:
            arriving = [layer.copy() for layer in sent]
            for index, (program, weights, exponent, rows) in enumerate(self.layers):
                charge = weights.dot(arriving[index])
                charge = charge << exponent if exponent > 0 else charge >> -exponent
                state = states[index]
                state[0] += charge
                if program == "readout":
                    continue
                up = (state[0] >= rows["threshold"]) & (state[1] < rows["high"])
                down = (state[0] < 0) & (state[1] > rows["low"])
                fires = up.astype(np.int32) - down.astype(np.int32)
                state[0] -= fires * rows["threshold"]
                state[1] += fires
                sent[index + 1] = fires
                spikes += int(np.abs(fires).sum())
            sent[0] = np.zeros_like(sent[0])
            steps += 1
            if not any(layer.any() for layer in sent):
                return states[-1][0], spikes, steps


def simulate(binary, artifact, data, count, output):
    """Seconds of the simulator for so many images."""
    command = [binary, "run", artifact, "--data", data, "--limit", str(count), "--threads", "1", "-o", str(output)]
    start = time.perf_counter()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def main():
    options = arguments()
    test = load_file(DATA / "sets/mnist_test.safetensors")["images"]
    with tempfile.TemporaryDirectory() as folder:
        artifact, output, report = (str(Path(folder) / name) for name in ("net.ncx", "out.safetensors", "report.json"))
        model = [str(ROOT / "tests/models/mlp_mnist.ncg"), "--weights", str(DATA / "models/mlp_mnist.safetensors")]
        calibrate = ["--calibrate", str(DATA / "sets/mnist_calib1000.safetensors"), "--levels", "15", "--target", "loihi"]
        subprocess.run([options.neurocudac, "compile", *model, *calibrate, "-o", artifact], check=True, stdout=subprocess.DEVNULL)
        cores, count = Cores(artifact), 100 * options.images
        data = str(Path(folder) / "images.safetensors")
        save_file({"images": test[:count]}, data)
        name = cores.manifest["outputs"][0]["name"]
        found = [cores.run(image) for image in test[: options.images]]
        simulate(options.neurocudac, artifact, data, options.images, output)
        subprocess.run([options.neurocudac, "loihi", "report", artifact, "--data", data, "--limit", str(options.images),
                        "--report", report], check=True, stdout=subprocess.DEVNULL)
        own = json.loads(Path(report).read_text())
        logits = np.stack([logits for logits, _, _ in found])
        if not (logits == load_file(output)[f"{name}.int"]).all():
            raise SystemExit("the logits differ")
        if round(own["per_image"]["spikes"] * options.images) != sum(spikes for _, spikes, _ in found):
            raise SystemExit("the numbers of spikes differ")
        numpy_times, own_times = [], []
        for _ in range(options.rounds):
            start = time.perf_counter()
            for image in test[: options.images]:
                cores.run(image)
            numpy_times.append((time.perf_counter() - start) / options.images)
            # Starting and loading cancel out.
            few, many = (simulate(options.neurocudac, artifact, data, n, output) for n in (count // 10, count))
            own_times.append((many - few) / (count - count // 10))
        theirs, ours = statistics.median(numpy_times), statistics.median(own_times)
        updates = own["per_image"]["updates"]
        print(f"{options.images} images: {logits.size} logits and {sum(s for _, s, _ in found)} spikes are the same")
        print(f"NumPy {1e6 * theirs:.0f} us an image, the simulator {1e6 * ours:.1f} us: {theirs / ours:.0f} times as fast (medians of {options.rounds})")
        print(f"{updates / ours / 1e6:.0f} million neuron updates a second on one thread, {len(own['cores'])} cores simulated")


if __name__ == "__main__":
    main()
