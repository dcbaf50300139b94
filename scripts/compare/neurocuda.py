"""Our half of the comparison: compiles a checkpoint for each length and validates it on the same images."""
import hashlib
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

from . import paired


def digest(path):
    """Start of a file's SHA-256."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]


def call(command, output=subprocess.DEVNULL):
    """Runs a command, its standard output into a file; returns its exit code, seconds and processor seconds."""
    print("$", *command, flush=True)
    start = time.monotonic()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode, time.monotonic() - start, usage.ru_utime + usage.ru_stime


def run(binary, artifact, checkpoint, images):
    """Classes that the spiking network says of the first images, one digit each, and the processor seconds of one image."""
    with tempfile.TemporaryFile("w+") as said:
        limit = ["--limit", str(images)]
        code, _, processor = call([binary, "run", str(artifact), "--data", checkpoint.test, *limit], said)
        if code != 0:
            raise SystemExit(f"run ended with exit code {code}")
        said.seek(0)
        return paired.digits(said), round(processor / images, 4)


def measure(binary, checkpoint, options, images, root):
    """One row: the report on the first images; validates again only if the artifact is another one than before.

    The processor seconds of an image are those of `run`, which runs the spiking network alone, as SpikingJelly does."""
    name = "-".join(option.lstrip("-") for option in options)
    folder = Path(root) / checkpoint.name / "neurocuda" / name
    folder.mkdir(parents=True, exist_ok=True)
    artifact, report, kept = folder / "out.ncx", folder / "report.json", folder / f"measured.{images}.json"
    files = [checkpoint.graph, "--weights", checkpoint.weights]
    compile_options = ["--calibrate", checkpoint.calibration, *options, "--no-cache", "-o", str(artifact)]
    code, seconds, processor = call([binary, "compile", *files, *compile_options])
    if code != 0:
        raise SystemExit(f"compile ended with exit code {code}")
    conversion = {"seconds": round(seconds, 1), "processor_seconds": round(processor, 1)}
    if kept.is_file() and json.loads(kept.read_text())["artifact"] == digest(artifact):
        return json.loads(kept.read_text()) | {"conversion": conversion}
    # Gates on the drop are for `make results`; here it is compared.
    inputs = ["--model", *files, "--data", checkpoint.test, "--limit", str(images), "--max-drop", "100"]
    # Float and integer network answer once for all lengths.
    answers = ["--cache-dir", str(Path(root) / "answers")]
    code, _, _ = call([binary, "validate", str(artifact), *inputs, *answers, "--report", str(report)])
    if code not in (0, 1):
        raise SystemExit(f"validate ended with exit code {code}")
    classes, processor = run(binary, artifact, checkpoint, images)
    found = json.loads(report.read_text())
    row = {
        "options": " ".join(options),
        "artifact": digest(artifact),
        "images": found["images"],
        "accuracy": found["accuracy"],
        "agreement": found["agreement"],
        "logits": found["logits"],
        "steps": found["steps"],
        "conversion": conversion,
        "processor_seconds_per_image": processor,
        "classes": classes,
    }
    kept.write_text(json.dumps(row, indent=1))
    return row


def version(binary):
    """Version of the binary."""
    return subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout.strip()
