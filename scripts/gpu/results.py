"""Writes docs/src/gpu-results.md from what was measured on a GPU: equality with the CPU engine, throughput beside SpikingJelly on
the same card, what each kernel reaches of the card's ceilings, and what has not been measured.

usage: python3 scripts/gpu/results.py

It takes the newest of docs/results/gpu.*.json, which are records of scripts/gpu/test_gpu.sh; without one the page says so.
"""
import json
import math
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "docs/results"
PAGE = ROOT / "docs/src/gpu-results.md"
NETWORK = "resnet18_cifar10"
HEAD = ["# The GPU back end, measured", ""]
NOTHING = [
    "Not measured yet: no record of a GPU is in `docs/results`. `make gpu-pack` prepares what a machine with a card needs,",
    "`make test-gpu` measures there, and `python3 scripts/gpu/results.py` writes this page from its record.",
]
NOT_MEASURED = [
    "- Other cards than the one named above. `ptxas` takes the kernels for sm_80 and sm_90 (`docs/results/ptxas.json`); on sm_80 none has run.",
    "- Several cards in one machine. That they share the batches of a run is tested with interpreters in the place of cards.",
    "- Other networks than ResNet-18 on a card. Those are compared with the CPU engine in the interpreter.",
    "- Energy.",
]


def newest(records):
    """Path and content of the record that was made last; None if there is none."""
    read = [(path, json.loads(path.read_text())) for path in sorted(records)]
    return max(read, key=lambda one: one[1]["date"], default=None)


def name(artifact):
    """How a column or a table is called."""
    # Of an exact schedule the steps are only a bound.
    way = f"T = {artifact['steps']}" if artifact["schedule"] == "rate" else f"L = {artifact['levels']}"
    return f"`{artifact['schedule']}`, {way}"


def equality(record):
    """The table of what equals the CPU engine's."""
    yield "| schedule | images | logits equal | spike counts equal | outcomes equal |"
    yield "|---|---:|---:|---:|---:|"
    for artifact in record["artifacts"]:
        found = artifact["compared"]
        cells = [f"{found[f'{what}_equal']:,} of {found[what]:,}" for what in ("logits", "spike_counts")]
        cells.append(f"{found['outcomes_equal']:,} of {found['images']:,}")
        yield f"| {name(artifact)} | {found['images']:,} | {' | '.join(cells)} |"


def differs(record):
    """Whether anything is not equal."""
    rows = [artifact["compared"] for artifact in record["artifacts"]]
    return any(row["logits_equal"] != row["logits"] or row["outcomes_equal"] != row["images"] for row in rows)


def throughput(record):
    """The table of images a second: a row for each batch size, our artifacts first, then each way in which SpikingJelly was run."""
    columns = {}
    for artifact in record.get("artifacts", []):
        rows = artifact["throughput"]
        if artifact["schedule"] == "rate" and "rate_beside_spikingjelly" in record:
            rows = record["rate_beside_spikingjelly"]["throughput"]
        columns[f"NeuroCUDA {name(artifact)}"] = {row["batch"]: row["images_per_second"] for row in rows}
    for row in record.get("spikingjelly", {}).get("throughput", []):
        if "batch" in row:
            column = f"SpikingJelly, T = {row['timesteps']}, {row['mode']}"
            columns.setdefault(column, {})[row["batch"]] = row["images_per_second"]
    yield f"| batch | {' | '.join(columns)} |"
    yield "|---:|" + "---:|" * len(columns)
    for batch in sorted({batch for rates in columns.values() for batch in rates}):
        cells = [f"{rates[batch]:,.0f}" if batch in rates else "–" for rates in columns.values()]
        yield f"| {batch} | {' | '.join(cells)} |"


def kernels(artifact, ceilings):
    """The table of kernels: time, and fractions of both ceilings."""
    yield "| layer | ms | of the int8 ceiling | of the memory's |"
    yield "|---|---:|---:|---:|"
    for kernel in artifact["kernels"]:
        seconds = kernel["milliseconds"] / 1e3
        if not kernel["op"] or not seconds:
            continue

        def share(done, ceiling):
            return f"{100 * done / seconds / ceilings[ceiling]:.0f} %" if done else "–"

        products = share(2 * kernel["macs"], "int8_operations_per_second")
        yield f"| `{kernel['op']}` | {kernel['milliseconds']:.3f} | {products} | {share(kernel['bytes'], 'copy_bytes_per_second')} |"


def reached(record):
    """What kernels reach."""
    ceilings = record.get("ceilings") or {"missing": "no ceilings were measured"}
    if "missing" in ceilings:
        return [f"Not measured: {ceilings['missing']}."]
    lines = [
        f"Ceilings measured on the card: {ceilings['int8_operations_per_second'] / 1e12:.0f} tera-operations of int8 a second "
        f"(`torch._int_mm`, two operations for each multiply-accumulate), {ceilings['copy_bytes_per_second'] / 1e12:.2f} TB/s read "
        "and written by a copy on the device. Both what a kernel has to multiply and what it has to move are computed from the "
        "artifact (`scripts/gpu/work.py`): all products of its layer, whether or not there is a spike and without what tiles are "
        "padded with; events in and out, weights and tables once, states read and written once a chunk.",
        "",
        "A kernel far below both ceilings is held up by something else: by what it computes beside products, or by loads from the caches. "
        "That was not looked into with hardware counters.",
        "",
    ]
    for artifact in record["artifacts"]:
        batch, steps = artifact["batch_of_kernels"], artifact["steps_of_chunk"]
        lines += [f"{name(artifact)}, batch {batch}, a chunk of {steps} steps:", "", *kernels(artifact, ceilings), ""]
    return lines[:-1]


def accuracy(record, results):
    """Accuracy at each length on all images of the record, beside what docs/results has of `rate`."""
    jelly = record["spikingjelly"]
    count = jelly["images"]
    yield (
        f"The settings and readouts of [Beside SpikingJelly](comparison.md), chosen there on calibration images, on {count:,} test "
        f"images. The float network is right on {100 * jelly['float_accuracy']:.2f} %. The two differ in being right only on images "
        "on which one of them disagrees with the float network, so that the standard error of the difference is at most what stands "
        "behind it."
    )
    yield ""
    yield "| T | SpikingJelly | NeuroCUDA `rate` | ahead by | agreement: SpikingJelly | NeuroCUDA |"
    yield "|---:|---:|---:|---:|---:|---:|"
    for length, row in sorted(jelly["accuracy"].items(), key=lambda item: int(item[0])):
        chosen, path = row[row["chosen_readout"]], results / f"{NETWORK}.rate.T{length}.json"
        theirs, agree = chosen["right"] / count, chosen["agree"] / count
        own = json.loads(path.read_text())["report"] if path.is_file() else None
        if own is None or own["images"] != count:
            yield f"| {length} | {100 * theirs:.2f} % | – | – | {100 * agree:.2f} % | – |"
            continue
        ours = own["accuracy"]["snn"]
        spread = math.sqrt((1 - agree + 1 - own["agreement"]) / count)
        yield (
            f"| {length} | {100 * theirs:.2f} % | {100 * ours:.2f} % | {100 * (ours - theirs):.2f} ± {100 * spread:.2f} points "
            f"| {100 * agree:.2f} % | {100 * own['agreement']:.2f} % |"
        )


def not_measured(record):
    """What this record does not hold."""
    jelly = record.get("spikingjelly")
    if "artifacts" not in record:
        yield "- Whether the card computes what the CPU engine does, and how fast: the record is of SpikingJelly alone."
    if jelly is None:
        yield "- SpikingJelly on this card."
    elif not any("CUDA graph" in row["mode"] for row in jelly["throughput"]):
        yield (
            "- SpikingJelly with its steps captured as one CUDA graph, which would spare it most of what it loses to launches at small "
            "batches, and with its networks rewritten to multi-step layers. `scripts/gpu/spikingjelly_gpu.py` measures the former."
        )
    for part, why in (jelly or {}).get("left_out", {}).items():
        yield f"- SpikingJelly, {part}: {why}."
    yield from NOT_MEASURED


def page(found, results=RESULTS):
    """The whole page, of a path and a record, or of None."""
    if found is None:
        return "\n".join([*HEAD, *NOTHING, "", "In particular, nobody has measured:", "", *NOT_MEASURED]) + "\n"
    path, record = found
    device = record.get("device") or record["spikingjelly"]["device"]
    lines = [
        *HEAD,
        f"Written by `scripts/gpu/results.py` from `docs/results/{path.name}`. Measured on {record['date']} on one card: {device}.",
    ]
    if "artifacts" in record:
        about = "ResNet-18 on test images: every logit, the spikes of every layer, and whole outcomes (operations, steps, certificate)."
        verdict = "**They are not the same.**" if differs(record) else "All are the same."
        lines += ["", "## The same as the CPU engine", "", f"{about} {verdict}", "", *equality(record)]
    lines += ["", "## Throughput", "", "Images a second, with copies to and from the card. `st-bif` runs until every image has settled."]
    if jelly := record.get("spikingjelly"):
        versions = jelly["versions"]
        lines[-1] += (
            f" SpikingJelly {versions['spikingjelly']} on PyTorch {versions['torch']} runs the network that its own converter made of "
            "the same checkpoint, step by step as its examples do, on the same card"
            + (", in one session with the column of `rate`" if "rate_beside_spikingjelly" in record else "")
            + "; `fp32` is without TF32."
        )
    lines += ["", *throughput(record)]
    if "artifacts" in record:
        lines += ["", "## What kernels reach", "", *reached(record)]
    if "spikingjelly" in record:
        lines += ["", "## SpikingJelly on all test images", "", *accuracy(record, results)]
    return "\n".join([*lines, "", "## Not measured", "", *not_measured(record)]) + "\n"


def main():
    """Writes the page."""
    found = newest(RESULTS.glob("gpu.*.json"))
    PAGE.write_text(page(found))
    print(PAGE.relative_to(ROOT), "from", found[0].relative_to(ROOT) if found else "nothing")
    return 0


if __name__ == "__main__":
    sys.exit(main())
