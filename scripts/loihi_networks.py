"""Repeats the figures of whole networks on the cores of Loihi 2: equal to the CPU engine, to the interpreter and to the integer network.

usage: python3 scripts/loihi_networks.py [--only TEXT] [--again] [--table] [--neurocudac FILE]

    (nothing)          do all rows that are not done, cheap ones first
    --only TEXT        only rows with TEXT in their name
    --again            do the selected rows anew
    --table            write the page again from what is recorded, run nothing
    --neurocudac FILE  use this binary and build none

A row compiles a network with --target loihi and has its cores simulated: `loihi compare` counts every value of every neuron in every
step beside the CPU engine and beside the reference interpreter, `validate` the logits beside the integer network. A row whose chips
are too few has to be refused. Writes docs/results/loihi.networks.json and docs/loihi_networks.md. A row is done when its record names
the artifact that this compiler makes. Exit codes: 0 nothing differs, 1 something does, 2 usage or a failed build."""
import argparse
import subprocess
import sys
from dataclasses import dataclass

from results.paths import RECORDS, ROOT, TARGET, digest, read_json, shown, write_json
from results.runs import NETWORKS
from results.work import build

WORK = TARGET / "loihi_networks"
RECORD = RECORDS / "loihi.networks.json"
PAGE = ROOT / "docs" / "loihi_networks.md"
BY_NAME = {network.name: network for network in NETWORKS}


@dataclass(frozen=True)
class Row:
    """A network, how it is compiled, and on how many images it is compared with what."""

    network: str
    options: tuple
    cpu: int = 0
    interpreter: int = 0
    integer: int = 0
    chips: int = 1
    refused: bool = False

    @property
    def name(self):
        return ".".join([self.network, *(option.lstrip("-") for option in self.options), f"chips-{self.chips}"])


ROWS = [
    Row("resnet18_cifar10", ("--levels", "15"), refused=True),
    Row("mlp_mnist", ("--levels", "15"), cpu=1000, interpreter=1000, integer=1000),
    Row("cnn3_mnist", ("--levels", "15"), cpu=50, interpreter=5, integer=1000),
    Row("resnet20_cifar10", ("--levels", "31"), cpu=10, interpreter=2),
    Row("resnet20_cifar10", ("--levels", "15"), cpu=2, integer=1000),
    Row("resnet18_cifar10", ("--levels", "15"), cpu=2, integer=50, chips=3),
]


def run(binary, *words):
    """Exit code and error text of the compiler."""
    words = [str(word) for word in words]
    print("$ neurocudac", *words, flush=True)
    done = subprocess.run([str(binary), *words], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    return done.returncode, done.stderr.strip()


def compiled(binary, row):
    """The artifact of a row, and what the compiler said; None for a network that it refuses."""
    folder = WORK / row.name
    folder.mkdir(parents=True, exist_ok=True)
    chip, artifact, network = folder / "chip.toml", folder / "out.ncx", BY_NAME[row.network]
    chip.write_text(f'name = "loihi2 x {row.chips}"\nchips = {row.chips}\n' if row.chips > 1 else 'name = "loihi2"\n')
    artifact.unlink(missing_ok=True)
    model = [network.model, "--weights", network.weights, "--calibrate", network.calibration]
    cache = ["--cache-dir", shown(TARGET / "results" / "cache")]
    code, said = run(binary, "compile", *model, *row.options, "--target", "loihi", "--chip", shown(chip), *cache, "-o", shown(artifact))
    if (code != 0) != row.refused:
        raise SystemExit(f"{row.name}: compile ended with exit code {code}: {said}")
    return (None if row.refused else artifact), said


def measured(binary, row, artifact):
    """The record of a row."""
    network, report = BY_NAME[row.network], WORK / row.name / "report.json"
    data, found = ["--data", network.test], {}
    for name, images in (("cpu", row.cpu), ("interpreter", row.interpreter)):
        if images:
            code, said = run(binary, "loihi", "compare", shown(artifact), *data, "--limit", images, "--with", name, "--report", shown(report))
            if code not in (0, 1):
                raise SystemExit(f"{row.name}: compare ended with exit code {code}: {said}")
            counts = read_json(report)
            found[name] = {key: counts[key] for key in ("images", "spikes", "logits", "different")}
    if row.integer:
        model = ["--model", network.model, "--weights", network.weights, "--max-drop", 100]
        code, said = run(binary, "validate", shown(artifact), *model, *data, "--limit", row.integer, "--report", shown(report))
        if code not in (0, 1):
            raise SystemExit(f"{row.name}: validate ended with exit code {code}: {said}")
        counts = read_json(report)
        found["integer"] = {
            "images": counts["images"],
            "logits": counts["logits"],
            "settled_max": counts["steps"]["settled_max"],
            "per_image": counts["chips"]["per_image"],
            "cores": len(counts["chips"]["cores"]),
        }
    return found


def differs(record):
    """Whether any value of a record is another one than it should be."""
    found = record.get("found", {})
    logits = found.get("integer", {}).get("logits", {"compared": 0, "equal": 0})
    return any(found.get(name, {}).get("different", 0) for name in ("cpu", "interpreter")) or logits["compared"] != logits["equal"]


def page(records):
    """The figures as a Markdown table."""
    lines = [
        "| network | chips | cores | values of neurons beside the CPU engine | beside the interpreter | logits beside the integer network |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    number = "{:,}".format

    def compared(counts):
        if not counts:
            return "–"
        return f"{number(counts['spikes'])} of {counts['images']} images, {number(counts['different'])} differ"

    for row in ROWS:
        record = records.get(row.name)
        if record is None:
            continue
        name = f"{row.network}, `{' '.join(row.options)}`"
        if row.refused:
            lines.append(f"| {name} | {row.chips} | refused: {record['refused']} | | | |")
            continue
        found = record["found"]
        integer = found.get("integer")
        logits = integer and f"{number(integer['logits']['equal'])} of {number(integer['logits']['compared'])} equal"
        lines.append(
            f"| {name} | {row.chips} | {integer['cores'] if integer else '–'} | {compared(found.get('cpu'))} |"
            f" {compared(found.get('interpreter'))} | {logits or '–'} |"
        )
    lines += ["", "Written by `python3 scripts/loihi_networks.py`, which repeats every figure; the record is `docs/results/loihi.networks.json`."]
    return "\n".join(lines) + "\n"


def refusal(said):
    """What the compiler says of chips that are too few, without the layers."""
    start = said.index("chip-capacity: ") + len("chip-capacity: ")
    return said[start:].split(":")[0].replace("|", "/")


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--only", default="")
    for flag in ("--again", "--table"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--neurocudac")
    options = parser.parse_args()
    records = read_json(RECORD) or {}
    rows = [] if options.table else [row for row in ROWS if options.only in row.name]
    binary = options.neurocudac or (build() if rows else None)
    if rows and binary is None:
        return 2
    for row in rows:
        if missing := BY_NAME[row.network].missing():
            print(f"{row.name}: skipped, not here: {', '.join(missing)}")
            continue
        artifact, said = compiled(binary, row)
        if row.refused:
            records[row.name] = {"refused": refusal(said)}
        elif options.again or records.get(row.name, {}).get("artifact") != digest(artifact):
            records[row.name] = {"artifact": digest(artifact), "found": measured(binary, row, artifact)}
        else:
            print(f"{row.name}: done before, same artifact")
        write_json(RECORD, records)
    PAGE.write_text(page(records))
    wrong = [name for name, record in records.items() if differs(record)]
    for name in wrong:
        print(f"{name}: something differs")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
