"""Repeats every quoted figure: compiles each run of the table in scripts/results/runs.py and validates it over its whole
test set.

usage: python3 scripts/results.py [--background] [--list] [--table] [--only TEXT] [--shard I/N] [--again]
                                  [--neurocudac FILE]

    (nothing)          do all runs that are not done, one after the other, cheap ones first
    --background       the same in a process of its own; called again, says how far it is
    --list             print the runs and how far each is
    --table            write docs/results.md again from the recorded runs, run nothing
    --only TEXT        only runs with TEXT in their name
    --shard I/N        of each run only every N-th part of the test set, from the I-th on (1-based): for several machines.
                       What they count is in target/results/<run>/parts-*; once all of it is in one place, the same
                       command without --shard merges it there
    --again            count the selected runs anew, also those that are done
    --neurocudac FILE  use this binary and build none

Each run leaves docs/results/<run>.json: the time and memory of the compilation, and the report of `neurocudac validate`
but for its raster; the report as a page is target/results/<run>/report.html. A run is done when that file names the artifact that this compiler makes and the files that are here; so a
stopped `make results` goes on where it was, and a changed compiler does over again what it compiles differently. Exit
codes: 0 all selected runs passed (a missed goal is no failure), 1 one did not, 2 usage or a failed build, 130 interrupted.
"""
import argparse
import re
import subprocess
import sys
from pathlib import Path

from results import page, paths, work
from results.runs import RUNS


def background(arguments):
    """Starts this script in a session of its own, unless it is at work already; says which."""
    paths.WORK.mkdir(parents=True, exist_ok=True)
    log, lock = paths.WORK / "log.txt", paths.WORK / "pid"
    try:
        pid = int(lock.read_text())
        at_work = "results.py" in Path(f"/proc/{pid}/cmdline").read_text()
    except (OSError, ValueError):
        at_work = False
    if not at_work:
        with open(log, "a") as out:
            child = subprocess.Popen(
                [sys.executable, __file__, *arguments], cwd=paths.ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True,
            )
        lock.write_text(str(child.pid))
    print("at work already" if at_work else "started in the background", f"; follow it with: tail -f {paths.shown(log)}", sep="")


def overview(runs, compiler):
    """Prints how far each run is."""
    states = [work.state(run, compiler) for run in runs]
    for run, state in zip(runs, states):
        print(f"{state:14} {run.name}")
    print(f"{states.count('done')} of {len(runs)} runs are done")
    if "recorded" in states:
        print("recorded: there are figures, but this compiler's artifact was not compared with theirs yet")


def all_runs(runs, compiler, options):
    """Does the runs one after the other; returns the exit code."""
    code = 0
    for number, run in enumerate(runs, 1):
        print(f"[{number} of {len(runs)}] {run.name}", flush=True)
        if missing := run.missing():
            print(f"{run.name}: skipped, not here: {', '.join(missing)}", flush=True)
            continue
        try:
            record = work.perform(run, compiler, options.shard, options.again)
        except work.Failed as failure:
            print(failure, flush=True)
            code = 1
            continue
        if record is not None:
            code = max(code, 0 if record["report"]["passed"] else 1)
            page.write()
    return code


def shard(text):
    """`I/N` with 1 <= I <= N."""
    found = re.fullmatch(r"([1-9]\d*)/([1-9]\d*)", text)
    if not found or int(found[1]) > int(found[2]):
        raise argparse.ArgumentTypeError(f"{text}: expected I/N with I from 1 to N")
    return int(found[1]), int(found[2])


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    for flag in ("--background", "--list", "--table", "--again"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--shard", default=(1, 1), type=shard)
    parser.add_argument("--neurocudac", type=Path)
    options = parser.parse_args()
    runs = [run for run in RUNS if options.only in run.name]
    if not runs:
        parser.error(f"no run has {options.only!r} in its name")
    if options.table:
        print(f"{paths.shown(paths.PAGE)}: {page.write()} of {len(RUNS)} runs")
        return 0
    if options.background:
        background([argument for argument in sys.argv[1:] if argument != "--background"])
    if options.background or options.list:
        binary = options.neurocudac or paths.TARGET / "release" / "neurocudac"
        overview(runs, work.Compiler(binary.resolve()) if binary.is_file() else None)
        return 0
    binary = options.neurocudac or work.build()
    if binary is None:
        return 2
    try:
        return all_runs(runs, work.Compiler(binary.resolve()), options)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", flush=True)
        return 130


if __name__ == "__main__":
    sys.exit(main())
