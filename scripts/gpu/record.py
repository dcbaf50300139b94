"""Puts together what scripts/gpu/test_gpu.sh has measured.

usage: python3 scripts/gpu/record.py WORK OUT.json

WORK holds check.json of neurocuda-gpu-check, ceilings.json, and artifacts/. Exit code 1 if there is no check.json.
"""
import hashlib
import json
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from gpu import work  # noqa: E402

ASKED = ("name", "driver_version", "memory.total", "power.limit", "clocks.max.sm", "clocks.max.memory")


def card():
    """What nvidia-smi says of the first GPU."""
    command = ["nvidia-smi", f"--query-gpu={','.join(ASKED)}", "--format=csv,noheader", "--id=0"]
    answer = subprocess.run(command, capture_output=True, text=True)
    values = [value.strip() for value in answer.stdout.strip().split(",")]
    return dict(zip(ASKED, values)) if len(values) == len(ASKED) else {"missing": (answer.stderr or answer.stdout).strip()}


def read(path):
    return json.loads(path.read_text()) if path.is_file() else None


def main(arguments):
    folder, output = Path(arguments[0]), Path(arguments[1])
    checked = read(folder / "check.json")
    if checked is None:
        print(f"record: {folder / 'check.json'} was not written: the check has not got so far", file=sys.stderr)
        return 1
    for path, artifact in zip(sorted((folder / "artifacts").glob("*.ncx")), checked["artifacts"]):
        manifest, tensors = work.read(path)
        batch = min(artifact["throughput"][-1]["batch"], artifact["images"])
        least = work.Work(manifest, tensors, batch, artifact["steps_of_chunk"]).launches()
        for kernel, of_kernel in zip(artifact["kernels"], least):
            kernel |= of_kernel
        levels = manifest.get("levels")
        artifact |= {"artifact": path.stem, "digest": hashlib.sha256(path.read_bytes()).hexdigest()[:16], "levels": levels}
        artifact |= {"batch_of_kernels": batch, "arch": manifest["gpu"]["arch"]}
        artifact["steps"] = manifest["program"]["steps"]
    record = {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "card": card(),
        "device": checked["device"],
        "ceilings": read(folder / "ceilings.json"),
        "artifacts": checked["artifacts"],
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(record, indent=1) + "\n")
    print(output)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
