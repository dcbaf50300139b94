"""Writes docs/src/comparison.md and says who is ahead. Needs no PyTorch."""
from .choice import READOUTS, stages


def percent(fraction):
    """A fraction as a percentage."""
    return f"{100 * fraction:.1f} %"


def lengths(record):
    """The lengths that are compared, as the record names them."""
    return list(record["neurocuda"]["rate"])


def verdict(record, which="chosen"):
    """The comparison at each length as lines of a Markdown table, and whether we are ahead at every one.

    `chosen` is what SpikingJelly's settings come to when calibration images choose among them, `best` when the test images do."""
    lines = [
        "| T | SpikingJelly: setting, readout | accuracy | NeuroCUDA `rate` | ahead by | only one right: NeuroCUDA, SpikingJelly; p"
        " | agreement: SpikingJelly | NeuroCUDA |",
        "|---:|---|---:|---:|---:|---|---:|---:|",
    ]
    ahead = True
    for length, ours in record["neurocuda"]["rate"].items():
        theirs, paired = record["spikingjelly"][which][length], record["paired"][which][length]
        points = ours["accuracy"]["snn"] - theirs["accuracy"]
        ahead &= points > 0
        lines.append(
            f"| {length} | {theirs['setting']}, {theirs['readout']} | {percent(theirs['accuracy'])}"
            f" | {percent(ours['accuracy']['snn'])} | {100 * points:.1f} points"
            f" | {paired['only_ours']}, {paired['only_theirs']}; {paired['p']:.2g}"
            f" | {percent(theirs['agreement'])} | {percent(ours['agreement'])} |"
        )
    return lines, ahead


def settings_table(record, rows, images, by):
    """Every setting at every length, read in both ways, and the number of images if it is not all."""

    def cell(found):
        few = "" if found["images"] == images else f" ({found['images']} images)"
        return ", ".join(percent(found[readout][by]) for readout in READOUTS) + few

    lines = [
        "| setting | " + " | ".join(f"T = {length}" for length in lengths(record)) + " |",
        "|---|" + "---:|" * len(lengths(record)),
    ]
    for row in rows:
        lines.append(f"| {row['setting']} | " + " | ".join(cell(row["lengths"][length]) for length in lengths(record)) + " |")
    return lines


def halving(images):
    """How many settings are run on how many images."""
    (first, keep), *further = stages(images)
    text = f"All are run on {first} images"
    for count, next_keep in further:
        text += f", the best {keep} at a length on {count}"
        keep = next_keep
    return f"{text}; figures of fewer than {images} say so."


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
    longest = lengths(record)[-1]
    chosen, ours = record["spikingjelly"]["chosen"][longest], record["neurocuda"]["rate"][longest]
    row = next(row for row in record["spikingjelly"]["settings"] if row["setting"] == chosen["setting"])
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

Every choice is made on calibration images and without labels. Of SpikingJelly's settings and readouts that counts at each length
which most often says the class of the float network there. They are training images, of which many settings say every class
as it does: of equals that counts whose sums correlate best with its logits. What NeuroCUDA fits it fits there too; its options
are `--schedule rate --timesteps T` and nothing else.

*Agreement* is how often a network says the class that the float one says: of a
conversion it tells more than accuracy, which chance moves both ways, past the float network's too. *Only one right* counts the
images that only one of the two gets right; p is that of the exact McNemar test, two-sided.
"""

CHOICE = """\
## Settings of SpikingJelly

Every recipe of `spikingjelly.activation_based.ann2snn` that converts a ReLU network to rates, with the settings of its examples
and a few more. Each is read in two ways: by the sum of all outputs (*sum*), and by the sum from the step on that
`estimate_delay_start` gives for this length (*delayed*), which keeps the last four or five steps where the estimate is longer.
"""

UPPER = """\
## The best of all settings on these test images

An upper limit, which nobody can choose who does not know the test images: the settings and readouts whose accuracy on them is best.
p is no test here, because the same images chose.
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
        CHOICE,
        *calls(record),
        "",
        f"Agreement on calibration images. {halving(theirs['calibration']['images'])}",
        "",
        *settings_table(record, theirs["calibration"]["settings"], theirs["calibration"]["images"], "agreement"),
        "",
        UPPER,
        *verdict(record, "best")[0],
        "",
        f"Accuracy on test images. {halving(record['images'])} Those chosen on calibration images are run on all.",
        "",
        *settings_table(record, theirs["settings"], record["images"], "accuracy"),
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
