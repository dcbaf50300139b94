"""The simulator of Loihi 2 beside Lava's own fixed-point processes, on the same network and images.

usage: scripts/bench_lava.sh [--neurocudac FILE] [--images N] [--rounds N] [--record FILE]

    --neurocudac FILE  the binary (default target/release/neurocudac)
    --images N         images that Lava runs (default 5); the simulator runs two hundred times as many
    --rounds N         times that both are measured, in turn (default 3); medians count
    --record FILE      where figures go (default docs/results/loihi.lava.json)

Compiles the MNIST MLP of ../shared/data as a rate network for Loihi 2 and attaches Lava's LIF neuron to its hidden layers: the
built-in program `lif`, with the whole current in one step and no leak. The tables of synapses, exponents, thresholds and biases of the
artifact make the same network of Lava's processes `RingBuffer`, `Dense` and `LIF`, which Lava runs in its fixed-point models
(`Loihi2SimCfg(select_tag="fixed_pt")`). Every spike of every neuron and step must be the same before a time is printed. The simulator
uses one thread; Lava starts a process for each of its own. Lava 0.10.0 asks for Python 3.10; under newer ones `lava_on_newer_python`
mends the one thing that stops it."""
import argparse
import dataclasses
import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from loihi_bench import DATA, ROOT, mlp, report, run, seconds_an_image

import numpy as np
from safetensors.numpy import load_file, save_file

STEPS = 16
HIDDEN = ("net.2", "net.4")


def lava_on_newer_python():
    """Python 3.11 refuses dataclass defaults that cannot be hashed; Lava has one of a class that only compares by value."""
    check = dataclasses._get_field

    def get_field(cls, name, kind, keyword_only):
        default = getattr(cls, name, None)
        if type(default).__hash__ is None and type(default).__module__.startswith("lava."):
            type(default).__hash__ = object.__hash__
        return check(cls, name, kind, keyword_only)

    dataclasses._get_field = get_field


lava_on_newer_python()
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.dense.process import Dense
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.io.source import RingBuffer as Source
from lava.proc.lif.process import LIF
from lava.utils.weightutils import SignMode


def arguments():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--neurocudac", default=str(ROOT / "target/release/neurocudac"))
    parser.add_argument("--images", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--record", type=Path, default=ROOT / "docs/results/loihi.lava.json")
    return parser.parse_args()


def dense(layer, message_bits):
    """Lava's process of a layer's synapses."""
    mode = {"mixed": SignMode.MIXED, "excitatory": SignMode.EXCITATORY, "inhibitory": SignMode.INHIBITORY}[layer.sign]
    return Dense(weights=layer.weights, weight_exp=layer.exponent, num_weight_bits=8, sign_mode=mode, num_message_bits=message_bits)


class Lava:
    """The network of an artifact as Lava's processes."""

    def __init__(self, artifact, thresholds, image, steps, with_sinks):
        codes = artifact.codes(image)
        source = Source(data=np.repeat(codes[:, None], steps, axis=1))
        self.neurons, self.sinks, sends, bits = [], [], source.s_out, 24
        for layer, threshold in zip(artifact.layers, [*thresholds, 131071]):
            synapses = dense(layer, bits)
            bias = layer.parameters["bias"]
            last = len(self.neurons) == len(thresholds)
            assert last or np.abs(bias).max() < 4096, "Lava's biases have 13 bits"
            mantissa = np.zeros(len(bias), int) if last else bias
            # In Lava's first step nothing has come through the first synapses yet: the bias that it adds is taken back.
            neurons = LIF(shape=(len(bias),), du=4095, dv=0, vth=threshold, v=-(mantissa << 6), bias_mant=mantissa,
                          bias_exp=np.full(len(bias), 6))
            sends.connect(synapses.s_in)
            synapses.a_out.connect(neurons.a_in)
            self.neurons.append(neurons)
            sends, bits = neurons.s_out, 0
            if with_sinks and not last:
                sink = Sink(shape=(len(bias),), buffer=steps)
                sends.connect(sink.a_in)
                self.sinks.append(sink)

    def run(self, steps):
        """Seconds of so many steps."""
        start = time.perf_counter()
        self.neurons[-1].run(condition=RunSteps(num_steps=steps), run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
        return time.perf_counter() - start

    def stop(self):
        self.neurons[-1].stop()


def lif(binary, name, threshold):
    """Text of Lava's LIF as a program whose bias is the layer's."""
    text = subprocess.run([binary, "loihi", "check", "lif"], check=True, capture_output=True, text=True).stdout
    changes = {
        "program lif\n": f"program {name}\n",
        "shared du\n": "shared du = 4095\n",
        "shared dv\n": "shared dv = 0\n",
        "shared vth\n": f"shared vth = {threshold}\n",
        "param bias_mant = 0\nparam bias_exp = 0\n": "param bias = 0\n",
        "let bias = bias_mant << bias_exp\n": "let scaled = bias << 6\n",
        "add v, v, bias\n": "add v, v, scaled\n",
    }
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def compiled(binary, folder):
    """The artifact with Lava's neurons, and their thresholds: of each layer the median of its own."""
    # Lava's ports carry 16 bits.
    chip, narrow = folder / "chip.toml", ["--input-levels", "15", "--weight-bits", "4"]
    chip.write_text('name = "loihi2, wide states"\n[widths]\nstate_bits = 32\n')
    rate = ["--schedule", "rate", "--timesteps", str(STEPS), *narrow, "--chip", str(chip)]
    plain = mlp(binary, folder / "plain.ncx", *rate)
    thresholds = [int(np.median(layer.parameters["threshold"])) for layer in plain.layers[: len(HIDDEN)]]
    options = []
    for number, (layer, threshold) in enumerate(zip(HIDDEN, thresholds)):
        program = folder / f"lif{number}.ncm"
        program.write_text(lif(binary, f"lif{number}", threshold))
        options += ["--neuron-program", f"{layer}={program}"]
    return mlp(binary, folder / "net.ncx", *rate, *options), thresholds, folder / "net.ncx"


def equal(binary, artifact, thresholds, path, data, images, output):
    """Number of values compared and of spikes among them; ends the program where one differs."""
    run(binary, path, data, len(images), output, "--trace")
    ours = load_file(output)
    values = spikes = 0
    for number, image in enumerate(images):
        # Synapses hand on in the next step what they got, the first ones too.
        lava = Lava(artifact, thresholds, image, STEPS + 1, with_sinks=True)
        lava.run(STEPS + 1)
        for layer, sink in zip(HIDDEN, lava.sinks):
            theirs, mine = sink.data.get().T[1:].astype(np.int64), ours[f"spikes.{layer}"][number]
            different = int((theirs != mine).sum())
            if different:
                raise SystemExit(f"image {number}, layer {layer}: {different} of {mine.size} spikes differ from Lava's")
            values, spikes = values + mine.size, spikes + int(mine.sum())
        lava.stop()
    return values, spikes


def main():
    options = arguments()
    test = load_file(DATA / "sets/mnist_test.safetensors")
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        artifact, thresholds, path = compiled(options.neurocudac, folder)
        count = 200 * options.images
        data, output, written = (str(folder / name) for name in ("images.safetensors", "out.safetensors", "report.json"))
        save_file({"images": test["images"][:count]}, data)
        images = test["images"][: options.images]
        values, spikes = equal(options.neurocudac, artifact, thresholds, path, data, images, output)
        print(f"{len(images)} images: {values} values of neurons, {spikes} spikes among them, all equal to Lava's")
        own = report(options.neurocudac, path, data, options.images, written)
        theirs, ours = [], []
        lava = Lava(artifact, thresholds, images[0], STEPS * len(images), with_sinks=False)
        lava.run(1)  # Starts its processes.
        for _ in range(options.rounds):
            theirs.append(lava.run(STEPS * len(images)) / len(images))
            ours.append(seconds_an_image(options.neurocudac, path, data, count, output))
        lava.stop()
        theirs, ours, updates = statistics.median(theirs), statistics.median(ours), own["per_image"]["updates"]
    found = {
        "network": f"mlp_mnist, rate, {STEPS} steps, Lava's LIF in the hidden layers",
        "images": len(images),
        "values_compared": values,
        "spikes": spikes,
        "values_different": 0,
        "lava": {"version": "0.10.0", "ms_per_image": round(1e3 * theirs, 3)},
        "simulator": {"ms_per_image": round(1e3 * ours, 4), "threads": 1, "cores_simulated": len(own["cores"])},
        "times_as_fast": round(theirs / ours, 1),
        "neuron_updates_per_second": round(updates / ours),
        "neuron_updates_per_second_and_core": round(updates / ours / len(own["cores"])),
    }
    options.record.parent.mkdir(parents=True, exist_ok=True)
    options.record.write_text(json.dumps(found, indent=1) + "\n")
    print(f"Lava {1e3 * theirs:.2f} ms an image, the simulator {1e3 * ours:.3f} ms on one thread: {theirs / ours:.0f} times as fast "
          f"(medians of {options.rounds})")
    print(f"{updates / ours / 1e6:.1f} million neuron updates a second, {updates / ours / len(own['cores']) / 1e6:.1f} million for each "
          f"of {len(own['cores'])} simulated cores")


if __name__ == "__main__":
    main()
