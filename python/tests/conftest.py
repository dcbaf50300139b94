"""What several test files need: a network that compiles in a moment, and where the real data are."""

import gc
import tempfile
from pathlib import Path

import pytest
from tiny import Tiny

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Tiny:
    return Tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(autouse=True)
def nothing_is_left_behind(tmp_path, monkeypatch):
    """Temporary files go into a folder of the test's own, which must be empty once nothing of it is in use."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    gc.collect()
    left = [path.name for path in folder.iterdir() if path.name.startswith("neurocuda-")]
    assert not left, f"left behind: {left}"
