"""Checkpoints of ../shared/data as PyTorch models, and their images as those models take them."""
import json
import os
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

# NEUROCUDA_SHARED names another place, such as that of a machine to which only the files for this were brought.
DATA = Path(os.environ.get("NEUROCUDA_SHARED", "../shared")) / "data"


class Checkpoint:
    """A trained network with its images; paths are relative to the repository's root."""

    def __init__(self, name, test_set, calibration_set):
        self.name = name
        self.graph = f"tests/models/{name}.ncg"
        self.weights = f"{DATA}/models/{name}.safetensors"
        self.test = f"{DATA}/sets/{test_set}.safetensors"
        self.calibration = f"{DATA}/sets/{calibration_set}.safetensors"
        self.about = json.loads((DATA / "models" / f"{name}.json").read_text())

    def model(self):
        """The network as its authors would load it, in evaluation mode."""
        folder = str(DATA / "models")
        if folder not in sys.path:
            sys.path.append(folder)
        import nets

        model = nets.build(self.about["net"], **self.about["kwargs"])
        model.load_state_dict(load_file(self.weights))
        return model.eval()

    def logits(self, images):
        """What the network says of normalised images, `[N, classes]`."""
        model = self.model()
        with torch.no_grad():
            return torch.cat([model(part) for part in images.split(100)]).numpy()

    def images(self, file, first=0, count=None):
        """Normalised images and their labels from a file of images."""
        data = load_file(file)
        end = None if count is None else first + count
        mean, std = (torch.tensor(self.about[key]).view(1, -1, 1, 1) for key in ("mean", "std"))
        return (data["images"][first:end].float() / 255 - mean) / std, data["labels"][first:end].long()


RESNET18 = ("resnet18_cifar10", "cifar10_jpeg_test", "cifar10_jpeg_calib1000")
RESNET20 = ("resnet20_cifar10", "cifar10_lossless_test1017", "cifar10_lossless_calib1000")
