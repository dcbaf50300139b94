"""A model that torch.export cannot trace: one exception that lists everything, with module path, line and remedy."""

import inspect
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
import neurocuda
from neurocuda._export import trace
from neurocuda._files import Folder
from torch import nn


class Gate(nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            return x * 2
        return x


class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(4, 4), Gate())
        self.memory = nn.LSTM(4, 4)
        self.norm: nn.Module = nn.LayerNorm(4)

    def forward(self, x):
        x = self.inner(x)
        for _ in range(int(x.abs().sum().item()) % 3):
            x = x + 1
        return torch.einsum("ij,kj->ik", self.norm(x), x)


class Broken(nn.Module):
    def forward(self, x):
        return x @ torch.ones(3, 3)


def line(of, text):
    lines, start = inspect.getsourcelines(of)
    return start + next(number for number, line in enumerate(lines) if text in line)


def refused(model, example):
    with Folder() as folder, pytest.raises(neurocuda.UnsupportedModel) as caught:
        trace(model, example, folder)
    return caught.value


def test_every_reason_is_listed():
    error = refused(Branching(), torch.rand(2, 4))
    places = {(f.id, f.layer, Path(f.file).name, f.line) for f in error.findings}
    here = Path(__file__).name
    assert ("data-dependent", "inner.1", here, line(Gate, "if x.sum()")) in places
    assert ("data-dependent", "", here, line(Branching, "in range(int")) in places
    assert ("unsupported-op", "memory", here, line(Branching, "nn.LSTM")) in places
    assert ("unsupported-op", "norm", here, line(Branching, "nn.LayerNorm(4)")) in places
    assert all(finding.remedy for finding in error.findings)
    text = str(error)
    for finding in error.findings:
        assert finding.message in text and finding.remedy in text and f"{finding.file}:{finding.line}" in text
    assert len(error.findings) == len({(f.id, f.file, f.line, f.layer) for f in error.findings})


def test_an_error_of_the_model_itself_is_shown_where_it_is():
    error = refused(Broken(), torch.rand(2, 4))
    (finding,) = error.findings
    assert finding.id == "export-failed" and finding.line == line(Broken, "return x @")
    assert "torch.export.export" in finding.remedy


def test_a_second_input_is_missing():
    class Two(nn.Module):
        def forward(self, x, y):
            return x + y

    assert "y" in str(refused(Two(), torch.rand(2, 4)))


def test_no_tracing_log_is_left_behind(tmp_path):
    import tempfile

    refused(Branching(), torch.rand(2, 4))
    assert list(Path(tempfile.gettempdir()).iterdir()) == []


def test_without_torch_the_way_out_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"pip install 'neurocuda\[torch\]'") as caught:
        neurocuda.convert(object(), [torch.rand(2, 4).numpy()], progress=False)
    assert isinstance(caught.value, neurocuda.MissingTorch) and caught.value.id == "torch-missing"


def test_what_is_no_module_is_refused():
    with pytest.raises(TypeError, match="torch.nn.Module"):
        neurocuda.convert(lambda x: x, [torch.rand(2, 4)], progress=False)


class Scalar(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))

    def forward(self, x):
        return self.body(x).squeeze(-1)


def test_an_output_of_one_number_needs_its_axis():
    with pytest.raises(neurocuda.UnsupportedModel) as caught:
        neurocuda.convert(Scalar(), [torch.rand(2, 4)], progress=False)
    (finding,) = caught.value.findings
    assert (finding.id, finding.line) == ("unsupported-op", line(Scalar, "squeeze(-1)"))
    assert "[N, 1]" in finding.remedy
