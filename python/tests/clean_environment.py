"""What works with the wheel alone: no PyTorch, no LLVM, nothing but NumPy and safetensors. Run by scripts/test_python.sh."""

import importlib.metadata
import importlib.util
import subprocess
import sys
import tempfile
import time
from pathlib import Path

started = time.perf_counter()
import neurocuda

seconds = time.perf_counter() - started
assert seconds < 1, f"importing took {seconds:.2f} s"
assert Path(neurocuda.__file__).is_relative_to(sys.prefix), neurocuda.__file__
assert "torch" not in sys.modules and importlib.util.find_spec("torch") is None
installed = {distribution.metadata["Name"].lower() for distribution in importlib.metadata.distributions()}
assert installed <= {"neurocuda", "numpy", "safetensors", "pip", "setuptools"}, installed

import numpy as np
from neurocuda._binary import binary
from tiny import Tiny

with tempfile.TemporaryDirectory() as folder:
    tiny = Tiny(Path(folder))
    report = neurocuda.validate(tiny.snn, (tiny.images, tiny.labels), tiny.model, max_drop=100, progress=False)
    assert report.passed and report.exact, report
    logits = tiny.snn(tiny.images[:5])
    assert logits.shape == (5, 3) and logits.dtype == np.float32
try:
    neurocuda.convert(None, [tiny.images], progress=False)
except ImportError as error:
    assert "neurocuda[torch]" in str(error)
else:
    raise AssertionError("converted without PyTorch")
size = Path(binary()).stat().st_size
version = subprocess.run(["bin/neurocudac", "--version"], check=True, capture_output=True, text=True).stdout.strip()
assert version.split()[1] == importlib.metadata.version("neurocuda")
print(f"imported in {1000 * seconds:.0f} ms; {version}, {size / 1e6:.0f} MB")
