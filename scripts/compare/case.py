"""One setting of SpikingJelly on one checkpoint: its converted network and its outputs, all kept in a folder."""
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


class Case:
    """What is finished is read again: the network, and the outputs on each chunk of images."""

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
        """What was found when the network was converted, and the first step of the delayed readout at each length."""
        self.network()
        about = json.loads((self.folder / "network.json").read_text())
        return about, {int(length): start for length, start in about.pop("delays").items()}

    def outputs(self, images, count, steps):
        """Outputs of so many steps for the first images, `[steps, count, classes]`, and processor seconds a step and image."""
        parts = [self._chunk(images, first, min(CHUNK, count - first), steps) for first in range(0, count, CHUNK)]
        seconds = sum(float(part["seconds"][0]) for part in parts)
        simulated = sum(part["outputs"].shape[0] * part["outputs"].shape[1] for part in parts)
        return np.concatenate([part["outputs"][:steps] for part in parts], axis=1), seconds / simulated

    def _chunk(self, images, first, count, steps):
        named = self.folder / f"{images.kept_as}{first:05}.{count}"
        files = {length: named.with_name(f"{named.name}.T{length}.safetensors") for length in LENGTHS}
        kept = [file for length, file in files.items() if length >= steps and file.is_file()]
        if kept:
            return load_file(kept[0])
        pixels, _ = self.checkpoint.images(images.file, first, count)
        start = time.monotonic()
        outputs, seconds = spiking_jelly.simulate(self.network(), pixels, steps)
        result = {"outputs": outputs, "seconds": np.array([seconds])}
        save_file(result, files[steps].with_suffix(".tmp"))
        files[steps].with_suffix(".tmp").rename(files[steps])
        passed = time.monotonic() - start
        at = f"{images.name} images {first} to {first + count - 1}"
        print(f"  {self.setting.name}: {at}, {steps} steps in {passed:.0f} s", flush=True)
        return result
