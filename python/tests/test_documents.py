"""The reference page is written from the docstrings."""

import subprocess
import sys

import pytest
from conftest import ROOT

SCRIPT = ROOT / "scripts" / "python_reference.py"


@pytest.mark.skipif(not SCRIPT.is_file(), reason="no sources beside the tests")
def test_the_reference_page_is_up_to_date():
    result = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
