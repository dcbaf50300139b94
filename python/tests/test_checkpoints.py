"""Networks that were trained for real, from PyTorch through the package; they are not part of the repository."""

import importlib
import sys
from pathlib import Path

import pytest
from safetensors.numpy import load_file

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
import neurocuda
from safetensors.torch import load_file as load_tensors

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="no ../shared/data beside the repository")


@pytest.mark.slow
def test_resnet20_of_others_is_exact_and_keeps_its_accuracy(monkeypatch):
    """Option-A shortcuts and `F.relu`; pixels are scaled and normalised by the loader, as its training did it."""
    monkeypatch.syspath_prepend(SHARED / "models")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    model = importlib.import_module("resnet_option_a").CifarResNet().eval()
    model.load_state_dict(load_tensors(SHARED / "models" / "resnet20_cifar10.safetensors"))

    def normalised(name):
        data = load_file(SHARED / "sets" / f"cifar10_lossless_{name}.safetensors")
        images = torch.from_numpy(data["images"]).float() / 255
        mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        return (images - mean.view(3, 1, 1)) / std.view(3, 1, 1), torch.from_numpy(data["labels"]).long()

    calibration, _ = normalised("calib1000")
    images, labels = normalised("test1017")
    with torch.no_grad():
        right = (torch.cat([model(part) for part in images.split(113)]).argmax(1) == labels).sum().item()

    snn = neurocuda.convert(model, calibration, levels=31, progress=False)
    report = neurocuda.validate(snn, zip(images.split(113), labels.split(113)), model=model, max_drop=0.3, progress=False)
    found = report.to_dict()
    assert report.passed and found["logits"]["equal"] == found["logits"]["compared"] == 10170
    assert report.ann_accuracy == pytest.approx(right / len(images))
    assert 100 * (report.ann_accuracy - report.snn_accuracy) <= 0.3
