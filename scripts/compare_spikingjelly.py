"""Converts the same trained ResNet-18 with SpikingJelly and with NeuroCUDA, and compares them on the same test images.

usage: scripts/compare.sh [--images N] [--threads N] [--neurocudac FILE] [--only spikingjelly|neurocudac|page]

    --images N         the first N test images (default 1000; another number is a trial and written to target/compare)
    --threads N        threads of PyTorch (default 2)
    --neurocudac FILE  our binary (default target/release/neurocudac)
    --only HALF        one half and no verdict; `page` writes the page from what is recorded

Both get the checkpoint ../shared/data/models/resnet18_cifar10 and its 1,000 calibration images. SpikingJelly is run with
every setting of scripts/compare/spiking_jelly.py, each read at once and after the delay that it estimates. That counts at each
length which agrees best with the float network on calibration images; the best of all on the test images is recorded too, as
an upper limit. What is finished is kept in target/compare: a stopped run goes on where it was. Writes
docs/results/spikingjelly.resnet18_cifar10.json and docs/src/comparison.md. Exit codes: 0 our accuracy is ahead at every length,
1 it is not, 2 usage.
"""
import argparse
import json
import os
import sys
from importlib.metadata import version
from pathlib import Path

# Waiting threads would take the processor from others, and count as processor seconds.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
ROOT = Path(__file__).resolve().parent.parent
# Relative to the repository's root, as the paths of checkpoints are.
RECORD = Path("docs/results/spikingjelly.resnet18_cifar10.json")
PAGE = Path("docs/src/comparison.md")
CACHE = Path("target/compare")
IMAGES = 1000
# So many calibration images choose the setting of SpikingJelly.
CHOICE = 300


def arguments():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--neurocudac", default="target/release/neurocudac")
    parser.add_argument("--only", choices=("spikingjelly", "neurocudac", "page"))
    return parser.parse_args()


def spikingjelly_half(checkpoint, count):
    """Everything measured with SpikingJelly."""
    from compare import checkpoint as checkpoints
    from compare import refusals, sweep
    from compare.spiking_jelly import SETTINGS

    calibration = sweep.calibration_images(checkpoint, min(CHOICE, count))
    test = sweep.test_images(checkpoint, count)
    choice = sweep.sweep(checkpoint, SETTINGS, calibration, CACHE)
    chosen = sweep.leaders(choice, calibration)
    rows = sweep.sweep(checkpoint, SETTINGS, test, CACHE)
    sweep.answer(checkpoint, SETTINGS, chosen, test, rows, CACHE)
    best = sweep.leaders(rows, test)
    sweep.answer(checkpoint, SETTINGS, best, test, rows, CACHE)
    used = {found["setting"] for found in (*chosen.values(), *best.values())}
    return {
        "versions": {name: version(name) for name in ("spikingjelly", "torch", "numpy")},
        "float_accuracy": test.figures["accuracy"](checkpoint.logits(checkpoint.images(checkpoint.test, 0, count)[0])),
        "chosen": chosen,
        "best": best,
        "calibration": {"images": calibration.count, "settings": choice},
        "settings": rows,
        "same_prefix": all(sweep.same_prefix(checkpoint, setting, CACHE) for setting in SETTINGS if setting.name in used),
        "resnet20": refusals.attempts(checkpoints.Checkpoint(*checkpoints.RESNET20)),
    }


def neurocuda_half(checkpoint, count, binary):
    """Everything measured with NeuroCUDA."""
    from compare import neurocuda
    from compare.sweep import LENGTHS

    rate = {t: ["--schedule", "rate", "--timesteps", str(t)] for t in LENGTHS}
    exact = ["--schedule", "st-bif", "--levels", "31"]
    return {
        "version": neurocuda.version(binary),
        "rate": {t: neurocuda.measure(binary, checkpoint, options, count, CACHE) for t, options in rate.items()},
        "exact": neurocuda.measure(binary, checkpoint, exact, count, CACHE),
    }


def main():
    options = arguments()
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT / "scripts"))
    from compare import page, paired

    trial = options.images != IMAGES
    file, written = (CACHE / RECORD.name, CACHE / PAGE.name) if trial else (RECORD, PAGE)
    record = json.loads(file.read_text()) if file.is_file() else {}
    if options.only != "page":
        import torch
        from compare.checkpoint import RESNET18, Checkpoint

        torch.set_num_threads(options.threads)
        checkpoint = Checkpoint(*RESNET18)
        record |= {
            "checkpoint": checkpoint.name,
            "float_accuracy_of_all_10000": checkpoint.about["test_accuracy_f32"],
            "images": options.images,
            "labels": paired.digits(checkpoint.images(checkpoint.test, 0, options.images)[1]),
            "calibration_images": len(checkpoint.images(checkpoint.calibration)[1]),
            "threads": options.threads,
        }
        if options.only in (None, "spikingjelly"):
            record["spikingjelly"] = spikingjelly_half(checkpoint, options.images)
        if options.only in (None, "neurocudac"):
            record["neurocuda"] = neurocuda_half(checkpoint, options.images, options.neurocudac)
    # As it is read again: lengths as text.
    record = json.loads(json.dumps(record))
    both = {"spikingjelly", "neurocuda"} <= record.keys()
    if both:
        rate, theirs = record["neurocuda"]["rate"], record["spikingjelly"]
        record["paired"] = {which: paired.compare(record["labels"], rate, theirs[which]) for which in ("chosen", "best")}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(record, indent=1) + "\n")
    page.write(record, written)
    if not both:
        return 0
    lines, ahead = page.verdict(record)
    print(*lines, sep="\n")
    return 0 if options.only or ahead else 1


if __name__ == "__main__":
    sys.exit(main())
