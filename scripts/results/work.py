"""One run from beginning to end: compile, count parts of the test set, merge, record."""
import os
import shutil
import subprocess
import time
from pathlib import Path

from .parts import count, cut, of_shard, parts
from .paths import ROOT, TARGET, WORK, digest, read_json, shown, write_json


def build():
    """Path of the release binary, built from what is here; None if that failed."""
    command = ["cargo", "build", "--release", "--locked", "-p", "neurocudac"]
    built = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL).returncode == 0
    return TARGET / "release" / "neurocudac" if built else None


class Compiler:
    """A binary of neurocudac."""

    def __init__(self, path):
        self.path = str(path)
        self.version = subprocess.run([self.path, "--version"], capture_output=True, text=True, check=True).stdout.strip()

    def call(self, arguments):
        """Runs one command; returns its exit code, seconds and peak memory in MB."""
        print("$ neurocudac", *arguments, flush=True)
        start = time.monotonic()
        child = subprocess.Popen([self.path, *arguments], cwd=ROOT, stdin=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        return child.returncode, time.monotonic() - start, usage.ru_maxrss / 1024


class Failed(Exception):
    """A command ended as it should not have."""


def compiled(run, compiler, only_look=False, again=False):
    """What is known of the artifact that this compiler makes of these files; compiles it if it is not known.

    With `only_look` nothing is run and None says that it is not known; with `again` it is compiled, known or not."""
    memory = run.folder / "compiled.json"
    inputs = {file: digest(file) for file in (run.network.model, run.network.weights, run.network.calibration)}
    key = {"compiler": digest(compiler.path), "inputs": inputs, "options": run.options()}
    known = read_json(memory)
    if not again and known and known["key"] == key and run.artifact.is_file() and known["artifact"] == digest(run.artifact):
        return known
    if only_look:
        return None
    run.folder.mkdir(parents=True, exist_ok=True)
    code, seconds, peak = compiler.call(run.compile())
    if code != 0:
        raise Failed(f"{run.name}: compile ended with exit code {code}")
    known = {
        "key": key,
        "artifact": digest(run.artifact),
        "seconds": round(seconds, 2),
        "peak_memory_mb": round(peak),
        "artifact_bytes": run.artifact.stat().st_size,
        "search": searched(read_json(run.compile_report)),
    }
    write_json(memory, known)
    return known


def searched(report):
    """What `compile --max-drop` says of the network that it chose; None of other compilations."""
    search = (report or {}).get("search")
    if not search:
        return None
    chosen = search["candidates"][search["chosen"]]
    return {
        "schedule": chosen["schedule"],
        "levels": chosen["levels"],
        "reason": search["reason"],
        "drop_at_most": search["drop_at_most"],
        "margin": search["margin"],
    }


def made_by(run, artifact, version):
    """What the figures of a run follow from. Compiling is deterministic, so the artifact stands for the whole compiler; what
    else it takes is the engine, told by its version, the float network, the images, and what is asked of them."""
    inputs = {file: digest(file) for file in run.inputs}
    return {"artifact": artifact, "version": version, "inputs": inputs, "allowed_drop": run.allowed}


def is_done(run, key):
    """Whether the record is there and follows from the same artifact and files."""
    record = read_json(run.record)
    return record is not None and record.get("made_by") == key


def counted(run, artifact):
    """Folder of the counts of an artifact: those of another one must not be merged with them."""
    return run.folder / f"parts-{artifact}"


def part_file(run, artifact, first, number):
    """Where the counts of one part are kept."""
    return counted(run, artifact) / f"{first:06}.{number}.json"


def progress(run, artifact):
    """(parts counted, parts in all)."""
    every = parts(count(run.network.test))
    return sum(part_file(run, artifact, *part).is_file() for part in every), len(every)


def count_parts(run, compiler, artifact, shard):
    """Counts the parts of this machine's shard that are not counted yet."""
    every = parts(count(run.network.test))
    mine = [part for part in of_shard(every, *shard) if not part_file(run, artifact, *part).is_file()]
    for first, number in mine:
        file = part_file(run, artifact, first, number)
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_suffix(".tmp")
        network = run.network
        command = ["validate", shown(run.artifact), "--model", network.model, "--weights", network.weights]
        command += ["--data", shown(cut(network.test, first, number)), "--first", str(first)]
        command += ["--tallies", shown(temporary), "--cache-dir", shown(WORK / "cache")]
        code, seconds, _ = compiler.call(command)
        if code != 0 or not temporary.is_file():
            raise Failed(f"{run.name}: validate ended with exit code {code}")
        temporary.rename(file)
        done, total = progress(run, artifact)
        print(f"{run.name}: part {done} of {total}, {number} images in {seconds:.0f} s", flush=True)


def merge(run, compiler, artifact, search):
    """The report of all parts."""
    report = run.folder / "report.json"
    report.unlink(missing_ok=True)
    files = [shown(part_file(run, artifact, *part)) for part in parts(count(run.network.test))]
    outputs = ["--report", shown(report), "--html", shown(report.with_suffix(".html"))]
    code, _, _ = compiler.call(["merge", shown(run.artifact), *files, *run.max_drop(search), *outputs])
    if code not in (0, 1) or not report.is_file():
        raise Failed(f"{run.name}: merge ended with exit code {code}")
    return read_json(report)


def state(run, compiler):
    """What `--list` says of a run; runs nothing. Without a compiler only records are known."""
    if run.missing():
        return "input missing"
    known = compiled(run, compiler, only_look=True) if compiler else None
    if known is None:
        return "recorded" if run.record.is_file() else "to do"
    if is_done(run, made_by(run, known["artifact"], compiler.version)):
        return "done"
    done, total = progress(run, known["artifact"])
    return f"{done}/{total} parts" if done else "to do"


def perform(run, compiler, shard=(1, 1), again=False):
    """Does what is left to do for a run; returns its record, or None while parts of other machines are missing."""
    known = compiled(run, compiler, again=again)
    artifact = known["artifact"]
    key = made_by(run, artifact, compiler.version)
    if again:
        shutil.rmtree(counted(run, artifact), ignore_errors=True)
    elif is_done(run, key):
        print(f"{run.name}: done before, same artifact", flush=True)
        return read_json(run.record)
    count_parts(run, compiler, artifact, shard)
    done, total = progress(run, artifact)
    if done < total:
        print(f"{run.name}: {done} of {total} parts are here; the others belong into {shown(counted(run, artifact))}", flush=True)
        return None
    report = merge(run, compiler, artifact, known.get("search"))
    # Spikes of single neurons are for the page beside it, not for a record of figures.
    report.pop("raster", None)
    record = {
        "run": run.name,
        "passed": report["passed"],
        "goal": goal(run, report),
        "compile": {name: known.get(name) for name in ("seconds", "peak_memory_mb", "artifact_bytes", "search")},
        "machine": {"cores": os.cpu_count(), "processor": processor()},
        "commit": commit(),
        "made_by": key,
        "report": report,
    }
    write_json(run.record, record)
    for old in run.folder.glob("parts-*"):
        if old != counted(run, artifact):
            shutil.rmtree(old)
    return record


def goal(run, report):
    """A goal for the drop and whether it was met, with the paired standard error that a gate would allow too."""
    if run.goal is None or not report["accuracy"]:
        return None
    accuracy = report["accuracy"]
    met = accuracy["drop_points"] <= run.goal + accuracy["drop_standard_error"]
    return {"drop_points": run.goal, "met": met}


def commit():
    """The commit that is checked out; with a plus sign if files differ from it."""
    try:
        head = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
        changed = subprocess.run(["git", "status", "--porcelain", "-uno"], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    # Records of other runs are no reason: they are what this writes.
    files = [line[3:] for line in changed.stdout.splitlines()]
    return head.stdout.strip() + ("+" if any(not file.startswith("docs/results") for file in files) else "")


def processor():
    """The processor's name as Linux states it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")
    except OSError:
        return "unknown"
