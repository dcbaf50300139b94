"""Writes docs/src/comparison.md and prints the table."""

def percent(fraction):
    """A fraction as a percentage."""
    return f"{100 * fraction:.1f} %"


def best(row, length):
    """The better of the two readouts; None if the setting was not run at this length."""
    found = row["lengths"].get(length)
    return found and max(found["accuracy"], found["accuracy_delayed"])


def leader(record, length):
    """SpikingJelly's best setting at a length, of those that were run on all images."""
    rows = record["spikingjelly"]["settings"]
    rows = [row for row in rows if row["lengths"][length]["images"] == record["images"]]
    return max(rows, key=lambda row: best(row, length))


def verdict(record):
    """The comparison at each length as lines of a Markdown table, and whether we are ahead at every one."""
    lines = [
        "| T | SpikingJelly, best setting | accuracy | NeuroCUDA `rate` | ahead by | agreement: SpikingJelly | NeuroCUDA |",
        "|---:|---|---:|---:|---:|---:|---:|",
    ]
    ahead = True
    for length, ours in record["neurocuda"]["rate"].items():
        if ours["images"] != record["images"]:
            raise ValueError(f"T = {length}: our half was run on {ours['images']} images, the other on {record['images']}")
        row = leader(record, length)
        theirs, mine = best(row, length), ours["accuracy"]["snn"]
        ahead &= mine > theirs
        found = row["lengths"][length]
        # Of the readout whose accuracy counts.
        delayed = found["accuracy_delayed"] > found["accuracy"]
        agreement = found["agreement_delayed" if delayed else "agreement"]
        lines.append(
            f"| {length} | {row['setting']} | {percent(theirs)} | {percent(mine)} | {100 * (mine - theirs):.1f} points"
            f" | {percent(agreement)} | {percent(ours['agreement'])} |"
        )
    return lines, ahead


def settings_table(record):
    """Every setting at every length."""
    lengths = list(record["neurocuda"]["rate"])
    lines = ["| setting | " + " | ".join(f"T = {t}" for t in lengths) + " |", "|---|" + "---:|" * len(lengths)]
    for row in record["spikingjelly"]["settings"]:
        cells = [cell(row["lengths"][t], record["images"]) for t in lengths]
        lines.append(f"| {row['setting']} | " + " | ".join(cells) + " |")
    return lines


def cell(found, images):
    """Both readouts, and the number of images if it is not all."""
    few = "" if found["images"] == images else f" ({found['images']} images)"
    return f"{percent(found['accuracy'])}, {percent(found['accuracy_delayed'])}{few}"


def calls(record):
    """What stands behind the names of the settings."""
    return [f"- *{row['setting']}*: `{row['call']}`" for row in record["spikingjelly"]["settings"]]


def resnet20(record):
    """What the conversion of ResNet-20 ended with."""
    for attempt in record["spikingjelly"]["resnet20"]:
        end = attempt.get("error") or f"{attempt['neuron_layers']} neuron layers, {attempt['relus_left']} ReLUs left"
        yield f"- {attempt['network']}, {attempt['setting']}: `{end}`"


def costs(record):
    """Processor seconds of both."""
    longest = list(record["neurocuda"]["rate"])[-1]
    row, ours = leader(record, longest), record["neurocuda"]["rate"][longest]
    theirs = row["processor_seconds_per_image_and_step"] * int(longest)
    yield (
        f"Processor seconds for one image at T = {longest}: SpikingJelly {theirs:.2f} ({row['setting']}, batches of 25, "
        f"{record['threads']} threads of PyTorch), NeuroCUDA {ours['processor_seconds_per_image']:.2f} (`neurocudac run`)."
    )
    yield (
        f"Conversion, calibration included: {row['conversion']['processor_seconds']:.0f} and "
        f"{ours['conversion']['processor_seconds']:.0f} processor seconds."
    )


HEAD = """\
# Beside SpikingJelly

Written by `make compare` (`scripts/compare_spikingjelly.py`), which makes every figure of this page again; the record is
`docs/results/spikingjelly.resnet18_cifar10.json`.

The same trained network, an ordinary ReLU ResNet-18, is converted by SpikingJelly (PyPI, PyTorch on the CPU) and by NeuroCUDA,
with the same 1,000 calibration images, and run on the first 1,000 test images. **The checkpoint's float accuracy is 90.17 % on all
10,000 test images, and the test set is a JPEG copy of CIFAR-10** (quality 75).

At each length the best of SpikingJelly's settings counts, chosen on these very test images. *Agreement* is how often a network says
the class that the real one says: of a conversion it tells more than accuracy, which chance moves both ways, past the real network's too. NeuroCUDA's options are
`--schedule rate --timesteps T` and nothing else, and everything it fits is fitted on the calibration images.
"""

SETTINGS = """\
## Settings of SpikingJelly

Every recipe of `spikingjelly.activation_based.ann2snn` that converts a ReLU network to rates, with the settings of its examples
and a few more. Each is read in two ways: by the sum of all outputs, and by the sum from the step on that `estimate_delay_start`
gives for this length, which keeps the last four or five steps where the estimate is longer. All are run on 25 images; the best
eight at a length on 100, the best four on 300, and the best two on all: figures of fewer images say so.
"""

RESNET20 = """\
## ResNet-20 with functional activations

The ResNet-20 of [Results](results.md), trained by others, calls `F.relu` and pads its shortcuts with `F.pad`. SpikingJelly finds
activations by their module and refuses functions by name, so there is nothing to compare:
"""


def write(record, path):
    """Writes the page; without both halves, only what is compared and how."""
    if not {"spikingjelly", "neurocuda"} <= record.keys():
        path.write_text(f"{HEAD}\nNo comparison is recorded yet.\n")
        return
    theirs, ours = record["spikingjelly"], record["neurocuda"]
    exact = ours["exact"]
    prefix = "they are equal" if theirs["same_prefix"] else "**they were not**"
    lines = [
        HEAD,
        f"SpikingJelly {theirs['versions']['spikingjelly']} on PyTorch {theirs['versions']['torch']}; {ours['version']}. On these"
        f" {record['images']:,} images the float network is right on {percent(theirs['float_accuracy'])} in PyTorch, and on"
        f" {percent(exact['accuracy']['float'])} as NeuroCUDA imports it.",
        "",
        *verdict(record)[0],
        "",
        f"Not bound to a length, `--schedule st-bif --levels 31` is right on {percent(exact['accuracy']['snn'])}, with"
        f" {exact['logits']['equal']:,} of {exact['logits']['compared']:,} logits equal to the integer network's, after"
        f" {exact['steps']['settled_mean']:.1f} steps on average and {exact['steps']['settled_max']} at most.",
        "",
        SETTINGS,
        *settings_table(record),
        "",
        *calls(record),
        "",
        "One simulation of 64 steps is read at all lengths. A shorter one gives the same outputs bit for bit, which the script"
        f" checks: {prefix}.",
        "",
        RESNET20,
        *resnet20(record),
        "",
        "## Time",
        "",
        *costs(record),
    ]
    path.write_text("\n".join(lines) + "\n")
