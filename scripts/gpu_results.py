"""Writes docs/src/gpu-results.md from the records of GPU runs in docs/results: equality with the CPU engine, throughput beside
SpikingJelly on the same card, and what each kernel reaches of the card's ceilings.

usage: python3 scripts/gpu_results.py

The records are what `neurocuda-gpu-check` and `scripts/gpu_spikingjelly.py` wrote on a machine with a GPU.
"""
import json
import math
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "docs/results"
PAGE = ROOT / "docs/src/gpu-results.md"
RECORD = "gpu.resnet18_cifar10.json"
CHECKPOINT = "resnet18_cifar10"
# What a layer of the network multiplies and moves, of one image in one step: input [C, H, W] of 3x3 convolutions, and output.
LAYERS = {
    "layer1": (64, 32), "layer2": (128, 16), "layer3": (256, 8), "layer4": (512, 4),
}


def work(op):
    """Multiply-accumulates by bytes, and bytes read and written at least, of a layer's neurons for one image in one step."""
    stage, _, name = op.partition(".")
    if stage not in LAYERS or not name.endswith(("relu1", "relu2")):
        return None
    channels, size = LAYERS[stage]
    first = name == "0.relu1" and stage != "layer1"
    inputs, size_in = (channels // 2, 2 * size) if first else (channels, size)
    macs = 9 * inputs * channels * size * size
    read = inputs * size_in * size_in
    if name.endswith("relu2"):
        # The residual: the value itself, or a 1x1 convolution of the block's input.
        shortcut = name == "0.relu2" and stage != "layer1"
        macs += (channels // 2) * channels * size * size if shortcut else 0
        read += (channels // 2) * (2 * size) ** 2 if shortcut else channels * size * size
    return macs, read + channels * size * size


def kernels(artifact, ceilings):
    """Rows of the table of kernels: time, and fractions of both ceilings."""
    batch, steps = artifact["throughput"][-1]["batch"], artifact["steps_of_chunk"]
    for kernel in artifact["kernels"]:
        found = work(kernel["op"])
        if found is None:
            continue
        macs, moved = found
        seconds = kernel["milliseconds"] / 1e3
        products = 2 * macs * batch * steps / seconds / ceilings["int8_operations_per_second"]
        memory = moved * batch * steps / seconds / ceilings["copy_bytes_per_second"]
        yield f"| `{kernel['op']}` | {kernel['milliseconds']:.3f} | {100 * products:.0f} % | {100 * memory:.0f} % |"


def page(record):
    """The whole page."""
    jelly, ceilings = record["spikingjelly"], record["spikingjelly"]["ceilings"]
    lines = [
        "# The GPU back end, measured", "",
        f"Written by `scripts/gpu_results.py` from `docs/results/{RECORD}`. Measured on {record['date']} on one card: {record['device']}.", "",
        "## The same as the CPU engine", "",
        "ResNet-18, all 10,000 test images: every logit, the spikes of every layer, and whole outcomes (operations, steps, certificate).", "",
        "| schedule | images | logits equal | spike counts equal | outcomes equal |", "|---|---:|---:|---:|---:|",
    ]
    for artifact in record["artifacts"]:
        compared = artifact["compared"]
        lines.append(
            f"| `{artifact['schedule']}` | {compared['images']:,} | {compared['logits_equal']:,} of {compared['logits']:,} "
            f"| {compared['spike_counts_equal']:,} of {compared['spike_counts']:,} | {compared['outcomes_equal']:,} of {compared['images']:,} |"
        )
    lines += [
        "", "## Throughput", "",
        "Images a second, with copies to and from the card. `st-bif` at 15 levels runs until every image has settled. SpikingJelly "
        f"{jelly['versions']['spikingjelly']} on PyTorch {jelly['versions']['torch']} runs the network that its own converter made of the same checkpoint, "
        "step by step as its examples do, on the same card in the same session.", "",
        "| batch | NeuroCUDA `st-bif`, L = 15 | NeuroCUDA `rate`, T = 32 | SpikingJelly, T = 32: fp32 | TF32 | half |", "|---:|---:|---:|---:|---:|---:|",
    ]
    rate = {row["batch"]: row["images_per_second"] for row in record["rate_beside_spikingjelly"]["throughput"]}
    exact = {row["batch"]: row["images_per_second"] for row in record["artifacts"][0]["throughput"]}
    other = {(row["mode"], row["batch"]): row["images_per_second"] for row in jelly["throughput"] if "batch" in row}
    for batch in sorted(rate):
        modes = " | ".join(f"{other[mode, batch]:,.0f}" for mode in ("fp32", "tf32", "half"))
        lines.append(f"| {batch} | {exact[batch]:,.0f} | {rate[batch]:,.0f} | {modes} |")
    lines += [
        "", "## What kernels reach", "",
        f"Ceilings measured on the card: {ceilings['int8_operations_per_second'] / 1e12:.0f} tera-operations of int8 a second "
        f"(`torch._int_mm`, 8192 cubed), {ceilings['copy_bytes_per_second'] / 1e12:.2f} TB/s read and written by a copy. "
        "A kernel's operations are those of its convolutions, done for every position whether or not there is a spike; its bytes are the "
        "least it has to move: events in and out, not counting states and weights.", "",
    ]
    for artifact in record["artifacts"]:
        lines += [
            f"`{artifact['schedule']}`, batch {artifact['throughput'][-1]['batch']}, a chunk of {artifact['steps_of_chunk']} steps:", "",
            "| layer | ms | of the int8 ceiling | of the memory's |", "|---|---:|---:|---:|", *kernels(artifact, ceilings), "",
        ]
    lines += ["## SpikingJelly on all test images", "", *accuracy(record)]
    return "\n".join(lines) + "\n"


def accuracy(record):
    """Accuracy at each length on all test images, beside what docs/results.md has of `rate`."""
    jelly = record["spikingjelly"]
    count = jelly["images"]
    yield (
        f"The settings and readouts of [Beside SpikingJelly](comparison.md), chosen there on calibration images, on all {count:,} test "
        f"images. The float network is right on {100 * jelly['float_accuracy']:.2f} %. The error of a difference is that of two "
        "independent proportions of disagreement with the float network; a conversion that loses nothing is right as often as it."
    )
    yield ""
    yield "| T | SpikingJelly | NeuroCUDA `rate` | ahead by | agreement: SpikingJelly | NeuroCUDA |"
    yield "|---:|---:|---:|---:|---:|---:|"
    for length, row in sorted(jelly["accuracy"].items(), key=lambda item: int(item[0])):
        chosen = row[row["chosen_readout"]]
        own = json.loads((RESULTS / f"{CHECKPOINT}.rate.T{length}.json").read_text())["report"]
        theirs, ours = chosen["right"] / count, own["accuracy"]["snn"]
        spread = math.sqrt((1 - chosen["agree"] / count) / count + (1 - own["agreement"]) / count)
        yield (
            f"| {length} | {100 * theirs:.2f} % | {100 * ours:.2f} % | {100 * (ours - theirs):.2f} ± {100 * spread:.2f} points "
            f"| {100 * chosen['agree'] / count:.2f} % | {100 * own['agreement']:.2f} % |"
        )


def main():
    """Writes the page."""
    path = RESULTS / RECORD
    if not path.is_file():
        print(f"{path} is missing: nothing was measured on a GPU yet", file=sys.stderr)
        return 1
    PAGE.write_text(page(json.loads(path.read_text())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
