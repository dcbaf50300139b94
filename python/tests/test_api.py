"""The way of a PyTorch model through the package."""

import json
import pickle
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import neurocuda

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

QUIET = {"progress": False}


def seeded(model):
    """The model with weights that are the same each time, in training mode."""
    generator = torch.Generator().manual_seed(3)
    for parameter in model.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * 0.3
    return model.train()


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.drop, self.fc = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.Linear(144, 3)

    def forward(self, x):
        return self.fc(self.drop(torch.relu(self.norm(self.conv(x)))).flatten(1))


class Two(nn.Module):
    """A dense output and a vector."""

    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(1, 2, 3, padding=1), nn.Linear(128, 1)

    def forward(self, x):
        maps = torch.relu(self.conv(x))
        return {"mask": self.conv(maps[:, :1]), "value": self.fc(maps.flatten(1))}


class Bytes(nn.Module):
    """Takes bytes and converts them itself."""

    def __init__(self):
        super().__init__()
        self.inner = Small()

    def forward(self, x):
        return self.inner(x.float() * 0.004 + 0.1)


IMAGES = torch.rand(64, 1, 8, 8, generator=torch.Generator().manual_seed(1))
LABELS = torch.arange(64) % 3


@pytest.fixture(scope="module")
def small():
    return seeded(Small())


@pytest.fixture(scope="module")
def snn(small):
    return neurocuda.convert(small, DataLoader(TensorDataset(IMAGES, LABELS), batch_size=16, shuffle=True), **QUIET)


def test_a_network_for_loihi_runs_on_its_cores(tmp_path):
    model, data = seeded(Small()).eval(), torch.rand(40, 1, 8, 8)
    chip = tmp_path / "chip.toml"
    chip.write_text('name = "small"\n[core]\nneurons = 64\n[widths]\nstate_bits = 32\n')
    snn = neurocuda.convert(model, data, levels=15, target="loihi", chip=chip, **QUIET)
    chips = snn.inspect()["chips"]
    assert chips["chip"]["name"] == "small" and len(chips["cores"]) > 2
    report = neurocuda.validate(snn, data, max_drop=100, **QUIET)
    assert report.exact and len(report.to_dict()["chips"]["cores"]) == len(chips["cores"])
    with pytest.raises(neurocuda.CompileFailed, match="chip-width"):
        neurocuda.convert(model, data, levels=32767, target="loihi", **QUIET)


def test_three_calls(small, snn, tmp_path):
    drawn = torch.get_rng_state()
    report = neurocuda.validate(snn, DataLoader(TensorDataset(IMAGES, LABELS), batch_size=10, shuffle=True), max_drop=100, **QUIET)
    assert torch.equal(torch.get_rng_state(), drawn) and small.training
    assert report.passed and report.exact and report.images == 64
    with torch.no_grad():
        reference = small.eval()(IMAGES)
        small.train()
    assert report.ann_accuracy == pytest.approx((reference.argmax(1) == LABELS).float().mean().item())
    logits = snn(IMAGES)
    assert isinstance(logits, torch.Tensor) and logits.dtype == torch.float32 and logits.shape == (64, 3)
    assert (logits - reference).abs().max() < 0.2 * reference.abs().max()
    array = snn(IMAGES.numpy())
    assert isinstance(array, np.ndarray) and np.array_equal(array, logits.numpy())
    assert torch.equal(snn(IMAGES.double()), logits) and snn(IMAGES[:0]).shape == (0, 3)
    with pytest.raises(neurocuda.BadData, match=r"x\[None\]"):
        snn(IMAGES[0])


def test_saved_and_loaded_it_is_the_same(small, snn, tmp_path):
    path = tmp_path / "net.ncx"
    snn.save(path)
    loaded = neurocuda.load(path)
    assert np.array_equal(loaded(IMAGES.numpy()), snn(IMAGES.numpy()))
    assert loaded.summary() == snn.summary() and loaded.inspect() == snn.inspect() and "Small" in repr(loaded)
    graph, weights = tmp_path / "net.ncg", tmp_path / "net.safetensors"
    neurocuda.export(small, IMAGES, graph, weights)
    for model in (small, (graph, weights)):
        report = neurocuda.validate(loaded, (IMAGES, LABELS), model=model, max_drop=100, **QUIET)
        assert report.exact and report.ann_accuracy is not None
    sent = pickle.loads(pickle.dumps(snn))
    assert neurocuda.validate(sent, IMAGES, **QUIET).exact
    with pytest.raises(neurocuda.CompileFailed, match="artifact-io"):
        neurocuda.load(tmp_path / "nothing.ncx")


def test_several_outputs_come_as_a_tuple():
    snn = neurocuda.convert(seeded(Two()), IMAGES, **QUIET)
    outputs = snn(IMAGES[:5])
    assert isinstance(outputs, tuple) and [tuple(output.shape) for output in outputs] == [(5, 2, 8, 8), (5, 1)]
    assert len(snn.outputs) == 2
    report = neurocuda.validate(snn, [(IMAGES, torch.rand(64, 1))], **QUIET)
    assert report.passed and report.ann_accuracy is None and len(report.outputs) == 2
    assert all(output["error"] < 0.2 for output in report.outputs)
    repr(report), report._repr_html_()


def test_bytes_stay_bytes():
    images = (IMAGES * 255).to(torch.uint8)
    snn = neurocuda.convert(seeded(Bytes()), images, **QUIET)
    report = neurocuda.validate(snn, (images, LABELS), max_drop=100, **QUIET)
    assert report.exact and report.agreement > 0.8
    assert torch.equal(snn(images), snn(images.float()))


def test_the_cheapest_network_within_a_drop(small):
    snn = neurocuda.convert(small, torch.cat([IMAGES, IMAGES]), max_drop=100, **QUIET)
    # Anything is good enough: the fewest levels, or steps, that are tried.
    assert snn.summary()["levels"] in (3, 8)
    with pytest.raises(neurocuda.NeurocudaError, match="max-drop-samples"):
        neurocuda.convert(small, IMAGES, max_drop=1, **QUIET)


@pytest.mark.parametrize("schedule", ["hold-and-fire", "sigma-delta", "rate"])
def test_other_schedules(small, schedule):
    snn = neurocuda.convert(small, IMAGES, schedule=schedule, levels=15 if schedule != "rate" else None, **QUIET)
    assert snn.schedule == schedule
    assert neurocuda.validate(snn, IMAGES, **QUIET).exact is (None if schedule == "rate" else True)


def test_a_sweep_is_a_table(small):
    class Late:
        def submit(self, function, *arguments):
            self.arguments = function, arguments
            return self

        def result(self):
            function, arguments = self.arguments
            return function(*arguments)

        def cancel(self):
            pass

    sweep = neurocuda.sweep(small, IMAGES, (IMAGES, LABELS), [4, 16], executor=Late(), max_drop=100, **QUIET)
    assert [steps for steps, _ in sweep] == [4, 16] and len(sweep) == 2
    assert [report.to_dict()["steps"]["bound"] for _, report in sweep] == [4, 16]
    assert "timesteps" in repr(sweep) and "<table>" in sweep._repr_html_() and json.dumps(sweep.to_dict())
    exact = neurocuda.sweep(small, IMAGES, (IMAGES, LABELS), [2, 500], schedule="st-bif", max_drop=100, **QUIET)
    assert [report.passed for _, report in exact] == [False, True]
    with pytest.raises(TypeError, match="iterator"):
        neurocuda.sweep(small, IMAGES, iter([IMAGES]), [4], **QUIET)


class Unsupported(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Linear(64, 8), nn.LayerNorm(8)

    def forward(self, x):
        x = torch.relu(self.first(x.flatten(1)))
        return torch.einsum("ij,ij->ij", self.norm(x), x)


def test_every_reason_of_a_refusal_is_listed():
    with pytest.raises(neurocuda.UnsupportedModel) as caught:
        neurocuda.convert(Unsupported(), IMAGES, **QUIET)
    findings = {finding.layer: finding for finding in caught.value.findings if finding.severity == "error"}
    assert any(layer.startswith("norm") for layer in findings) and any("einsum" in layer for layer in findings), findings
    for finding in findings.values():
        assert finding.id and finding.line and finding.remedy and Path(finding.file).suffix == ".py"
        assert finding.message in str(caught.value)
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is neurocuda.UnsupportedModel and str(again) == str(caught.value) and again.findings


def test_a_refusal_of_a_pass_names_the_layer():
    linear = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    with pytest.raises(neurocuda.NeurocudaError) as caught:
        neurocuda.convert(linear, IMAGES, **QUIET)
    assert "no-neurons" in str(caught.value)


def test_nonsense_in_the_data_is_refused(small):
    for loader, message in (([], "no image"), (IMAGES[:, :, :5], "shape"), (torch.full_like(IMAGES, float("nan")), "NaN")):
        with pytest.raises(neurocuda.NeurocudaError, match=message):
            neurocuda.convert(small, loader, example=IMAGES, **QUIET)
    with pytest.raises(ValueError, match="samples"):
        neurocuda.convert(small, IMAGES, samples=0, **QUIET)


def test_nir_is_not_built_yet(snn, tmp_path):
    with pytest.raises(neurocuda.NotBuiltYet, match="not built yet") as caught:
        neurocuda.to_nir(snn, tmp_path / "net.nir")
    assert isinstance(caught.value, NotImplementedError) and not (tmp_path / "net.nir").exists()


@pytest.mark.parametrize("bar", [True, False])
def test_progress_goes_to_standard_error(small, capsys, monkeypatch, bar):
    neurocuda.convert(small, IMAGES, progress=False)
    assert capsys.readouterr() == ("", "")
    if bar:
        pytest.importorskip("tqdm", reason="tqdm is not installed")
    else:
        monkeypatch.setitem(sys.modules, "tqdm.auto", None)
        monkeypatch.setattr("neurocuda._progress._WORTH_A_LINE", 0)
    neurocuda.convert(small, IMAGES)
    out, err = capsys.readouterr()
    assert out == "" and "calibrate" in err and ("%" in err if bar else "neurocuda: reading 64 of 1000" in err)


def test_importing_takes_no_time_and_no_torch():
    code = "import sys, time; t = time.perf_counter(); import neurocuda; d = time.perf_counter() - t; print(d, 'torch' in sys.modules)"
    seconds, loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert float(seconds) < 1 and loaded == "False"
    assert time and set(neurocuda.__all__) <= set(dir(neurocuda))
    with pytest.raises(AttributeError):
        neurocuda.nothing  # noqa: B018
