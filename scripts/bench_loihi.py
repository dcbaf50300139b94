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
import statistics
import tempfile
import time
from pathlib import Path

from loihi_bench import DATA, ROOT, mlp, report, run, seconds_an_image

import numpy as np
from safetensors.numpy import load_file, save_file


def arguments():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--neurocudac", default=str(ROOT / "target/release/neurocudac"))
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


def numpy_run(artifact, image):
    """Logits and spikes of an image, and steps until nothing is sent."""
    layers = artifact.layers
    sent = [artifact.codes(image)] + [np.zeros(len(layer.weights), np.int32) for layer in layers]
    states = [[layer.parameters["initial"].copy(), np.zeros(len(layer.weights), np.int32)] for layer in layers]
    spikes, steps = 0, 0
    while True:
        arriving = [layer.copy() for layer in sent]
        for index, layer in enumerate(layers):
            rows = layer.parameters
            charge = layer.weights.dot(arriving[index])
            charge = charge << layer.exponent if layer.exponent > 0 else charge >> -layer.exponent
            state = states[index]
            state[0] += charge
            if layer.program == "readout":
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


def main():
    options = arguments()
    binary, count = options.neurocudac, 100 * options.images
    test = load_file(DATA / "sets/mnist_test.safetensors")["images"]
    with tempfile.TemporaryDirectory() as folder:
        path, output, written, data = (str(Path(folder) / name) for name in ("net.ncx", "out.safetensors", "report.json", "images.safetensors"))
        artifact = mlp(binary, path, "--levels", "15")
        assert all(layer.program in ("st_bif", "readout") for layer in artifact.layers)
        save_file({"images": test[:count]}, data)
        name = artifact.manifest["outputs"][0]["name"]
        found = [numpy_run(artifact, image) for image in test[: options.images]]
        run(binary, path, data, options.images, output)
        own = report(binary, path, data, options.images, written)
        logits = np.stack([logits for logits, _, _ in found])
        if not (logits == load_file(output)[f"{name}.int"]).all():
            raise SystemExit("the logits differ")
        if round(own["per_image"]["spikes"] * options.images) != sum(spikes for _, spikes, _ in found):
            raise SystemExit("the numbers of spikes differ")
        numpy_times, own_times = [], []
        for _ in range(options.rounds):
            start = time.perf_counter()
            for image in test[: options.images]:
                numpy_run(artifact, image)
            numpy_times.append((time.perf_counter() - start) / options.images)
            own_times.append(seconds_an_image(binary, path, data, count, output))
        theirs, ours = statistics.median(numpy_times), statistics.median(own_times)
        updates = own["per_image"]["updates"]
        print(f"{options.images} images: {logits.size} logits and {sum(s for _, s, _ in found)} spikes are the same")
        print(f"NumPy {1e6 * theirs:.0f} us an image, the simulator {1e6 * ours:.1f} us: {theirs / ours:.0f} times as fast (medians of {options.rounds})")
        print(f"{updates / ours / 1e6:.0f} million neuron updates a second on one thread, {len(own['cores'])} cores simulated")


if __name__ == "__main__":
    main()
