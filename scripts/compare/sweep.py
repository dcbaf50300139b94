"""Runs the settings of SpikingJelly over the test images, keeping every finished part, and reads their accuracies."""
import hashlib
import json
import re
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

from . import spiking_jelly

LENGTHS = (8, 16, 32, 64)
CHUNK = 25
# (images, settings): beyond so many images, only so many of the best settings at each length are simulated further (successive
# halving: Jamieson & Talwalkar 2016, "Non-stochastic best arm identification and hyperparameter optimization").
STAGES = ((25, 8), (100, 4), (300, 2))


class Case:
    """One setting on one checkpoint: its converted network, its outputs on chunks of images, all kept in a folder."""

    def __init__(self, checkpoint, setting, root):
        self.checkpoint, self.setting = checkpoint, setting
        key = f"{checkpoint.name} {setting.described()} {version('spikingjelly')} {version('torch')}"
        name = re.sub(r"[^a-z0-9]+", "-", setting.name.lower()).strip("-")
        self.folder = Path(root) / checkpoint.name / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._network = None

    def network(self):
        """The converted network."""
        file, about = self.folder / "network.pt", self.folder / "network.json"
        if self._network is None and file.is_file():
            self._network = torch.load(file, weights_only=False)
        if self._network is None:
            images, _ = self.checkpoint.images(self.checkpoint.calibration)
            start, processor = time.monotonic(), time.process_time()
            self._network = self.setting.convert(self.checkpoint.model(), images)
            found = {
                "seconds": round(time.monotonic() - start, 1),
                "processor_seconds": round(time.process_time() - processor, 1),
                "neuron_layers": spiking_jelly.neurons(self._network),
                "relus_left": spiking_jelly.relus(self._network),
                "delays": spiking_jelly.delays(self._network, images, LENGTHS),
            }
            about.write_text(json.dumps(found))
            torch.save(self._network, file.with_suffix(".tmp"))
            file.with_suffix(".tmp").rename(file)
        return self._network

    def about(self):
        """What was found when the network was converted."""
        self.network()
        return json.loads((self.folder / "network.json").read_text())

    def outputs(self, count, steps):
        """Outputs of so many steps for the first images, `[steps, count, classes]`, and processor seconds a step and image."""
        parts = [self._chunk(first, min(CHUNK, count - first), steps) for first in range(0, count, CHUNK)]
        seconds = sum(float(part["seconds"][0]) for part in parts)
        simulated = sum(part["outputs"].shape[0] * part["outputs"].shape[1] for part in parts)
        return np.concatenate([part["outputs"][:steps] for part in parts], axis=1), seconds / simulated

    def _chunk(self, first, count, steps):
        kept = [file for length in LENGTHS if length >= steps and (file := self._file(first, count, length)).is_file()]
        if kept:
            return load_file(kept[0])
        images, _ = self.checkpoint.images(self.checkpoint.test, first, count)
        start = time.monotonic()
        outputs, seconds = spiking_jelly.simulate(self.network(), images, steps)
        result = {"outputs": outputs, "seconds": np.array([seconds])}
        file = self._file(first, count, steps)
        save_file(result, file.with_suffix(".tmp"))
        file.with_suffix(".tmp").rename(file)
        passed = time.monotonic() - start
        print(f"  {self.setting.name}: images {first} to {first + count - 1}, {steps} steps in {passed:.0f} s", flush=True)
        return result

    def _file(self, first, count, steps):
        return self.folder / f"{first:05}.{count}.T{steps}.safetensors"

    def measure(self, labels, said, steps, row):
        """Adds to a row the accuracies on the first `len(labels)` images at the lengths up to `steps`, for both readouts, and how often
        the classes are those that the real network said."""
        outputs, seconds = self.outputs(len(labels), steps)
        about = self.about()
        delays = {int(length): start for length, start in about.pop("delays").items()}
        row |= {"setting": self.setting.name, "call": self.setting.described(), "conversion": about}
        row["processor_seconds_per_image_and_step"] = round(seconds, 5)
        for length in (length for length in LENGTHS if length <= steps):
            read = [spiking_jelly.predictions(outputs, length, start) for start in (0, delays[length])]
            accuracies = [float(np.mean(classes == labels)) for classes in read]
            agreements = [float(np.mean(classes == said)) for classes in read]
            row.setdefault("lengths", {})[length] = {
                "images": len(labels),
                "accuracy": accuracies[0],
                "accuracy_delayed": accuracies[1],
                "agreement": agreements[0],
                "agreement_delayed": agreements[1],
                "delay": delays[length],
            }
        return row


def answers(model, images):
    """Classes that the PyTorch model says."""
    with torch.no_grad():
        return np.concatenate([model(part).argmax(1).numpy() for part in images.split(100)])


def best(row, length):
    """The better readout of one setting at a length."""
    return max(row["lengths"][length]["accuracy"], row["lengths"][length]["accuracy_delayed"])


def leaders(rows, images):
    """The best setting at each length, of those that were run on so many images."""
    run = {t: [row for row in rows if row["lengths"][t]["images"] == images] for t in LENGTHS}
    return {t: max(run[t], key=lambda row: best(row, t)) for t in LENGTHS}


def reach(row, rows, images, keep):
    """Largest length at which a setting is among the `keep` best of those run on so many images; 0 if there is none."""

    def goes_on(length):
        run = [row for row in rows if row["lengths"][length]["images"] == images]
        return row in sorted(run, key=lambda row: -best(row, length))[:keep]

    return max((t for t in row["lengths"] if goes_on(t)), default=0)


def sweep(checkpoint, settings, images, root):
    """Measures all settings, each on as many images and steps as its rank deserves; returns one row for each."""
    pixels, labels = checkpoint.images(checkpoint.test, 0, images)
    labels = labels.numpy()
    said = answers(checkpoint.model(), pixels)
    rows = {setting.name: {} for setting in settings}
    steps = {setting.name: LENGTHS[-1] for setting in settings}
    for count, keep in (*(stage for stage in STAGES if stage[0] < images), (images, None)):
        going = [setting for setting in settings if steps[setting.name] > 0]
        print(f"{checkpoint.name}: {len(going)} settings on {count} images", flush=True)
        for setting in going:
            row = Case(checkpoint, setting, root).measure(labels[:count], said[:count], steps[setting.name], rows[setting.name])
            lengths = (t for t in LENGTHS if t <= steps[setting.name])
            print(f"  {setting.name}: " + ", ".join(f"T={t} {100 * best(row, t):.1f} %" for t in lengths), flush=True)
        if keep is not None:
            done = list(rows.values())
            steps = {setting.name: reach(rows[setting.name], done, count, keep) for setting in going}
            steps |= {setting.name: 0 for setting in settings if setting not in going}
    return list(rows.values())


def same_prefix(checkpoint, setting, root):
    """Whether a run of the shortest length gives the outputs of the first steps of the longest, bit for bit."""
    network = Case(checkpoint, setting, root).network()
    images, _ = checkpoint.images(checkpoint.test, 0, 5)
    short, _ = spiking_jelly.simulate(network, images, LENGTHS[0])
    long, _ = spiking_jelly.simulate(network, images, LENGTHS[0] * 2)
    return bool((short == long[: LENGTHS[0]]).all())
