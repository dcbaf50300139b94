"""Puts together what scripts/gpu/test_gpu.sh has measured.

usage: python3 scripts/gpu/record.py WORK OUT.json

WORK holds what the parts have left, of which some may be missing: check.json of neurocuda-gpu-check, ceilings.json, artifacts/, and
spikingjelly.json. Exit code 1 if there is neither check.json nor spikingjelly.json.
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


def add_work(artifact, path):
    """Adds to what was measured with an artifact which one it was, and what each launch had to do at least."""
    manifest, tensors = work.read(path)
    batch = min(artifact["throughput"][-1]["batch"], artifact["images"])
    least = work.Work(manifest, tensors, batch, artifact["steps_of_chunk"]).launches()
    launches = zip(manifest["gpu"]["chunk"], artifact["kernels"], least, strict=bool(artifact["kernels"]))
    for launch, kernel, of_kernel in launches:
        if launch["op"] != kernel["op"]:
            raise ValueError(f"{path}: it is not the artifact that was run: `{launch['op']}` is launched for `{kernel['op']}`")
        kernel |= of_kernel
    artifact |= {"artifact": path.stem, "digest": hashlib.sha256(path.read_bytes()).hexdigest()[:16]}
    artifact |= {"levels": manifest.get("levels"), "arch": manifest["gpu"]["arch"], "batch_of_kernels": batch}
    artifact["steps"] = manifest["program"]["steps"]


def read(path):
    return json.loads(path.read_text()) if path.is_file() else None


def main(arguments):
    folder, output = Path(arguments[0]), Path(arguments[1])
    checked, jelly = read(folder / "check.json"), read(folder / "spikingjelly.json")
    record = {"date": datetime.now(timezone.utc).date().isoformat(), "card": card(), "ceilings": read(folder / "ceilings.json")}
    if checked:
        # It runs them in this order, and one that it did not get to is not there.
        for path, artifact in zip(sorted((folder / "artifacts").glob("*.ncx")), checked["artifacts"]):
            add_work(artifact, path)
        record |= checked
    if jelly:
        record["spikingjelly"] = jelly
    if not checked and not jelly:
        print(f"record: nothing was measured: there is no check.json in {folder}", file=sys.stderr)
        return 1
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(record, indent=1) + "\n")
    print(output)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
