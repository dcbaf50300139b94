"""A network that was trained for real gives the same figures through the package as through the command line."""

import importlib
import json
import subprocess
import sys

import pytest
from conftest import ROOT, SHARED
from safetensors.numpy import load_file, save_file

import neurocuda
from neurocuda._binary import binary

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from torch.utils.data import DataLoader, TensorDataset

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="no ../shared/data beside the repository")

#: Enough for shards, few enough for every test run.
CALIBRATION, TEST = 300, 750


def run(*arguments):
    subprocess.run([binary(), *map(str, arguments)], check=True, capture_output=True)


def test_mnist_cnn_as_the_command_line_has_it(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(SHARED / "models")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    model = importlib.import_module("nets").CNN3()
    weights = SHARED / "models" / "cnn3_mnist.safetensors"
    model.load_state_dict({name: torch.from_numpy(value) for name, value in load_file(weights).items()})
    facts = json.loads((SHARED / "models" / "cnn3_mnist.json").read_text())

    def loader(name, count, **more):
        data = {key: torch.from_numpy(value[:count]) for key, value in load_file(SHARED / "sets" / f"mnist_{name}.safetensors").items()}
        images = (data["images"].float() / 255 - facts["mean"][0]) / facts["std"][0]
        return DataLoader(TensorDataset(images, data["labels"].long()), batch_size=64, **more), images, data["labels"]

    calibration, calibration_images, _ = loader("calib1000", CALIBRATION)
    test, images, labels = loader("test", TEST)
    snn = neurocuda.convert(model, calibration, progress=False)
    report = neurocuda.validate(snn, test, progress=False)
    with torch.no_grad():
        right = (torch.cat([model.eval()(part) for part in images.split(250)]).argmax(1) == labels).sum().item()
    assert report.passed and report.exact and report.ann_accuracy == pytest.approx(right / TEST)
    assert report.drop <= 0.5 + report.drop_error

    # The same data, and the graph as a person wrote it, without the normalisation that the loader does here.
    graph, data = tmp_path / "net.ncg", {name: tmp_path / f"{name}.safetensors" for name in ("calibration", "test")}
    lines = (ROOT / "tests" / "models" / "cnn3_mnist.ncg").read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if "normalize(" in line)
    del lines[start : start + 2]
    graph.write_text("\n".join(lines).replace("conv2d(%0,", "conv2d(%x,"))
    save_file({"images": calibration_images.numpy()}, data["calibration"])
    save_file({"images": images.numpy(), "labels": labels.numpy()}, data["test"])
    artifact, written = tmp_path / "net.ncx", tmp_path / "report.json"
    run("compile", graph, "--weights", weights, "--calibrate", data["calibration"], "--no-cache", "-o", artifact)
    run("validate", artifact, "--model", graph, "--weights", weights, "--data", data["test"], "--no-cache", "--report", written)
    of_command_line = neurocuda.Report(json.loads(written.read_text()))
    for figure in ("ann_accuracy", "integer_accuracy", "snn_accuracy", "agreement", "drop", "drop_error", "images", "exact"):
        assert getattr(report, figure) == getattr(of_command_line, figure), figure
    for field in ("logits", "spikes_per_image", "sops_per_image", "steps", "neurons"):
        assert report.to_dict()[field] == of_command_line.to_dict()[field], field
    assert [layer["error"] for layer in report.layers] == [layer["error"] for layer in of_command_line.layers]
