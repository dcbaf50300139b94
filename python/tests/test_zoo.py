"""Every model of the zoo ends as its manifest says: exact and within its tolerance, or refused with the right findings.

With NEUROCUDAC_BLESS=1 (`make zoo`) the table in the documentation is written from what was measured; without, it must
agree with it.
"""

import os
import re
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("torchvision", reason="torchvision is not installed")
import neurocuda
from zoo import MANIFEST, Converts, Refused, table
from zoo.measure import Measured, interpret_kernels, measure

ROOT = Path(__file__).resolve().parents[2]
RECORDS: dict[str, Measured] = {}


def names(outcome, large=False):
    return [name for name, model in MANIFEST.items() if isinstance(model.outcome, outcome) and model.large == large]


def check_converts(name):
    model = MANIFEST[name]
    measured = RECORDS[name] = measure(model)
    assert not measured.refused, measured.message
    assert measured.passed and all(measured.gates.values()), measured.gates
    assert measured.gates["exact"] and measured.equal == measured.compared > 0
    assert measured.error <= measured.tolerance
    # The compiler's count may be larger, as it moves activations over pools; it must not miss one.
    assert measured.converted == measured.found >= measured.called > 0


@pytest.mark.parametrize("name", names(Converts))
def test_converts_exactly(name):
    check_converts(name)


@pytest.mark.parametrize("name", names(Converts))
def test_kernels_of_a_gpu_send_what_the_cpu_sends(name):
    interpret_kernels(MANIFEST[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", names(Converts, large=True))
def test_torchvision_converts_exactly(name):
    check_converts(name)


@pytest.mark.parametrize("name", names(Refused))
def test_refused_with_every_finding(name):
    model = MANIFEST[name]
    measured = RECORDS[name] = measure(model)
    left = list(measured.refused)
    for id, piece in model.outcome.findings:
        wanted = (id, *model.place(piece)) if piece else (id, "", 0)
        assert wanted in left, f"{wanted} is not among {left}:\n{measured.message}"
        left.remove(wanted)
    assert not left, f"beside the expected findings:\n{measured.message}"


def test_the_zoo_is_large_enough():
    assert len(MANIFEST) >= 44
    assert len(names(Converts)) >= 34


def test_every_op_stands_in_a_converting_model(tmp_path):
    """Every op of the graph language, as the reference lists them, is in the graph of a model that converts."""
    listed = set(re.findall(r"^## `(\w+)`", (ROOT / "docs/src/reference/ops.md").read_text(), re.MULTILINE))
    exported = set()
    for name in names(Converts):
        model, graph = MANIFEST[name], tmp_path / f"{name}.ncg"
        neurocuda.export(model.build(), model.test()[:1].float(), graph, graph.with_suffix(".safetensors"))
        exported.update(re.findall(r"= (\w+)\(", graph.read_text()))
    # Only a person writes these: the exporter drops or resolves what they stand for.
    by_hand = {"normalize", "dropout", "identity", "hardtanh", "relu6"}
    assert listed - exported <= by_hand, sorted(listed - exported - by_hand)
    assert exported <= listed


def test_the_table_shows_what_was_measured():
    """Last in this file: it reads what the tests before it have measured."""
    if os.environ.get("NEUROCUDAC_BLESS") == "1":
        assert RECORDS.keys() == MANIFEST.keys(), "the table is written from a run of every model"
        table.PAGE.write_text(table.page(RECORDS.values()))
    stale = table.stale(table.PAGE.read_text(), RECORDS.values())
    assert not stale, "run `make zoo`; docs/src/zoo.md lacks\n" + "\n".join(stale)
    listed = set(re.findall(r"^\| `(\w+)`", table.PAGE.read_text(), re.MULTILINE))
    assert listed == MANIFEST.keys()
