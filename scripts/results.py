"""Repeats every quoted figure: compiles each run of the table below and validates it over its whole test set.

usage: python3 scripts/results.py [--background] [--list] [--table] [--only TEXT] [--shard I/N]

    (nothing)      do all runs that are not done, one after the other
    --background   the same in a process of its own; called again, says how far it is
    --list         print the runs and which of them are done
    --table        write docs/results.md again from the recorded runs, run nothing
    --only TEXT    only runs with TEXT in their name
    --shard I/N    only every N-th run, from the I-th on (1-based): for several machines

Each run leaves docs/results/<run>.json: the command lines, the time and memory of the compilation, and the report of
`neurocudac validate` as it stands. A run is done when that file names the compiler sources and the input files that are
here; so a stopped `make results` goes on where it was, and a changed compiler starts over. Exit codes: 0 all selected
runs passed, 1 one did not, 2 usage or a failed build.
"""
import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
RESULTS = ROOT / "docs" / "results"
WORK = TARGET / "results"
SHARED = Path("../shared/data")


def shared(checkpoint, test_set, calibration):
    """Weights, test set and calibration images of a checkpoint of ../shared/data."""
    return (
        f"{SHARED}/models/{checkpoint}.safetensors",
        f"{SHARED}/sets/{test_set}.safetensors",
        f"{SHARED}/sets/{calibration}.safetensors",
    )


# The shipped network comes from tests/data so that its figures can be repeated without ../shared.
INPUTS = {
    "vgg_fashion": (
        "tests/data/vgg_fashion.safetensors",
        "tests/data/fashion_mnist_test.safetensors",
        "tests/data/fashion_mnist_calib1000.safetensors",
    ),
    "mlp_mnist": shared("mlp_mnist", "mnist_test", "mnist_calib1000"),
    "cnn3_mnist": shared("cnn3_mnist", "mnist_test", "mnist_calib1000"),
    "cnn3_nmnist_sim": shared("cnn3_nmnist_sim", "nmnist_sim_test", "nmnist_sim_calib1000"),
    "resnet20_cifar10": shared("resnet20_cifar10", "cifar10_lossless_test1017", "cifar10_lossless_calib1000"),
}

# (checkpoint, schedule, levels, timesteps or None, allowed drop in percentage points). The paired standard error that a
# gate adds to the drop is computed by `validate`.
RUNS = [
    *(
        (checkpoint, schedule, levels, None, 0.2 if levels == 31 else 1.0)
        for checkpoint in ("vgg_fashion", "mlp_mnist", "cnn3_mnist")
        for schedule in ("st-bif", "hold-and-fire")
        for levels in (31, 15)
    ),
    ("mlp_mnist", "rate", 32, 32, 0.3),
    ("cnn3_nmnist_sim", "st-bif", 31, None, 0.2),
    ("resnet20_cifar10", "st-bif", 31, None, 0.2),
]


class Run:
    """One row of the table."""

    def __init__(self, checkpoint, schedule, levels, timesteps, max_drop):
        self.checkpoint, self.schedule, self.levels, self.timesteps = checkpoint, schedule, levels, timesteps
        self.name = f"{checkpoint}.{schedule}.L{levels}" + (f".T{timesteps}" if timesteps else "")
        self.model = f"tests/models/{checkpoint}.ncg"
        self.weights, self.data, self.calibration = INPUTS[checkpoint]
        self.artifact = WORK / f"{self.name}.ncx"
        self.report = WORK / f"{self.name}.report.json"
        self.record = RESULTS / f"{self.name}.json"
        steps = ["--timesteps", str(timesteps)] if timesteps else []
        # The quoted time of a compilation includes its calibration.
        self.compile = ["compile", self.model, "--weights", self.weights, "--calibrate", self.calibration]
        self.compile += ["--schedule", schedule, "--levels", str(levels), *steps, "--no-cache", "-o", shown(self.artifact)]
        self.validate = ["validate", shown(self.artifact), "--model", self.model, "--weights", self.weights]
        self.validate += ["--data", self.data, "--max-drop", str(max_drop), "--cache-dir", shown(WORK / "cache")]
        self.validate += ["--report", shown(self.report)]

    def missing(self):
        """Input files that are not here."""
        return [f for f in (self.model, self.weights, self.data, self.calibration) if not (ROOT / f).is_file()]

    def recorded(self):
        """What an earlier call recorded, or None."""
        try:
            return json.loads(self.record.read_text())
        except (OSError, ValueError):
            return None

    def done(self, made_by):
        """Whether the record is there and was made by the same compiler from the same files."""
        record = self.recorded()
        return record is not None and record["made_by"] == made_by


def shown(path):
    """The path as a person in the repository's root would write it."""
    return os.path.relpath(path, ROOT)


def digest(path):
    """Start of a file's SHA-256."""
    with open(ROOT / path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def made_by(run):
    """What a record depends on; sources and not the binary, which differs from one machine to the next."""
    tree = hashlib.sha256()
    folders = ("compiler", "dialects", "runtime")
    sources = [p for folder in folders for p in (ROOT / folder).rglob("*") if p.suffix in (".rs", ".pest", ".mlir")]
    for path in sorted([*sources, ROOT / "Cargo.lock"]):
        tree.update(f"{shown(path)} {digest(path)}\n".encode())
    inputs = {path: digest(path) for path in (run.model, run.weights, run.data, run.calibration)}
    return {"sources": tree.hexdigest()[:16], "inputs": inputs, "commands": [run.compile, run.validate]}


def call(neurocudac, arguments):
    """Runs one command; returns its exit code, seconds and peak memory in MB."""
    print("$ neurocudac", *arguments, flush=True)
    start = time.monotonic()
    child = subprocess.Popen([neurocudac, *arguments], cwd=ROOT, stdin=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode, time.monotonic() - start, usage.ru_maxrss / 1024


def perform(run, neurocudac):
    """Compiles, validates and records one run; returns whether it passed its gates."""
    key = made_by(run)
    run.report.unlink(missing_ok=True)
    code, seconds, memory = call(neurocudac, run.compile)
    if code != 0:
        print(f"{run.name}: compile ended with exit code {code}", flush=True)
        return False
    code, _, _ = call(neurocudac, run.validate)
    if code not in (0, 1) or not run.report.is_file():
        print(f"{run.name}: validate ended with exit code {code}", flush=True)
        return False
    record = {
        "run": run.name,
        "compile": {
            "seconds": round(seconds, 2),
            "peak_memory_mb": round(memory),
            "artifact_bytes": run.artifact.stat().st_size,
        },
        "machine": {"cores": os.cpu_count(), "processor": processor()},
        "made_by": key,
        "report": json.loads(run.report.read_text()),
    }
    temporary = run.record.with_suffix(".tmp")
    temporary.write_text(json.dumps(record, indent=1) + "\n")
    temporary.rename(run.record)
    return record["report"]["passed"]


def processor():
    """The processor's name as Linux states it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")
    except OSError:
        return "unknown"


def percent(fraction):
    """A fraction as a percentage, or a dash."""
    return "–" if fraction is None else f"{100 * fraction:.2f} %"


def table():
    """Writes docs/results.md from what is recorded."""
    lines = [
        "# Results",
        "",
        "Written by `python3 scripts/results.py --table` from `docs/results/*.json`; `make results` makes those again.",
        "Accuracy is over the whole test set named in the record. *Logits* counts those that are equal in the spiking and",
        "the integer network. *Steps*: the last one in which any image still changed, and the proved bound.",
        "",
        "| run | images | float | integer | SNN | agreement | logits equal | spikes/image | SOPs/image | steps (bound) "
        "| compile | validate | passed |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    count = 0
    for run in (Run(*row) for row in RUNS):
        if (record := run.recorded()) is None:
            continue
        count += 1
        report, compiled = record["report"], record["compile"]
        accuracy, logits, steps = report["accuracy"] or {}, report["logits"], report["steps"]
        # `rate` compares no logits and has no settling; its bound is the length of a run.
        equal = f"{logits['equal']:,} of {logits['compared']:,}" if logits["compared"] else "–"
        settled = f"{steps['settled_max']} ({steps['bound']})" if steps["settled_max"] else f"{steps['bound']}"
        cells = [f"`{run.name}`", f"{report['images']:,}", *(percent(accuracy.get(k)) for k in ("float", "integer", "snn"))]
        cells += [percent(report["agreement"]), equal, f"{report['spikes_per_image']:,.0f}"]
        cells += [f"{report['sops_per_image']:,.0f}", settled]
        cells += [f"{compiled['seconds']:.1f} s, {compiled['peak_memory_mb']} MB"]
        cells += [f"{report['seconds']:.0f} s, {report['peak_memory_mb'] or 0:.0f} MB"]
        cells += ["yes" if report["passed"] else "**no**"]
        lines.append("| " + " | ".join(cells) + " |")
    if count == 0:
        lines[-2:] = ["No run is recorded yet."]
    (ROOT / "docs" / "results.md").write_text("\n".join(lines) + "\n")
    print(f"docs/results.md: {count} of {len(RUNS)} runs")


def background(arguments):
    """Starts this script in a session of its own, unless it is at work already; says how far it is."""
    WORK.mkdir(parents=True, exist_ok=True)
    log, lock = WORK / "log.txt", WORK / "pid"
    try:
        pid = int(lock.read_text())
        at_work = "results.py" in Path(f"/proc/{pid}/cmdline").read_text()
    except (OSError, ValueError):
        at_work = False
    if not at_work:
        with open(log, "a") as out:
            child = subprocess.Popen(
                [sys.executable, __file__, *arguments], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True,
            )
        lock.write_text(str(child.pid))
    print("at work already" if at_work else "started in the background", f"; follow it with: tail -f {shown(log)}", sep="")


def selected(options):
    """The runs that the command line asks for."""
    index, count = (int(part) for part in options.shard.split("/"))
    runs = [Run(*row) for row in RUNS]
    return [run for run in runs[index - 1 :: count] if options.only in run.name]


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    for flag in ("--background", "--list", "--table"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--shard", default="1/1")
    options = parser.parse_args()
    runs = selected(options)
    RESULTS.mkdir(parents=True, exist_ok=True)
    if options.table:
        return table()
    if options.background:
        background([argument for argument in sys.argv[1:] if argument != "--background"])
    if options.background or options.list:
        for run in runs:
            state = "input missing" if run.missing() else "done" if run.done(made_by(run)) else "to do"
            print(f"{state:14} {run.name}")
        return 0
    WORK.mkdir(parents=True, exist_ok=True)
    build = ["cargo", "build", "--release", "--locked", "-p", "neurocudac"]
    if subprocess.run(build, cwd=ROOT, stdin=subprocess.DEVNULL).returncode != 0:
        return 2
    code = 0
    for run in runs:
        if missing := run.missing():
            print(f"{run.name}: skipped, not here: {', '.join(missing)}", flush=True)
        elif run.done(made_by(run)):
            print(f"{run.name}: done before", flush=True)
            code = max(code, 0 if run.recorded()["report"]["passed"] else 1)
        elif not perform(run, str(TARGET / "release" / "neurocudac")):
            code = 1
        table()
    return code


if __name__ == "__main__":
    sys.exit(main())
