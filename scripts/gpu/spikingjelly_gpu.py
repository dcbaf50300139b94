"""SpikingJelly on a GPU: the ResNet-18 of the comparison converted, all test images answered, and images a second.

usage: python3 scripts/gpu/spikingjelly_gpu.py -o OUT.json [--device cuda] [--images N] [--steps T] [--seconds S]

    --images N   only the first N test images; with fewer than 512 also for the throughput
    --steps T    steps of the throughput, 32; lengths beyond it are left out of the accuracy if it is given
    --seconds S  what has not begun after so long is left out and named in the record (default 240)

Settings and readouts are those that docs/results/spikingjelly.resnet18_cifar10.json chose at each length. Accuracy is in float32
without TF32. Throughput is that of T = 32, with images in the host's memory and the classes back there, at several precisions, step
by step as SpikingJelly's examples do, and as one CUDA graph of all steps. The record is written anew after each part, so that a run
that is stopped leaves what it has. Data is looked for in $NEUROCUDA_SHARED/data (default ../shared/data); where not all test images
are there, the first 512, in a file of their own, are taken for all.

Needs torch, numpy, scipy, safetensors, tqdm and packaging, which machines with PyTorch mostly have, and these wheels, which
scripts/gpu/pack.sh brings:

    pip download --no-deps --only-binary=:all: --python-version 3.12 --implementation cp -d WHEELS \\
        --platform manylinux_2_28_x86_64 --platform manylinux2014_x86_64 \\
        spikingjelly==2.0.0 loguru==0.7.3 SciencePlots==2.2.2 requests==2.34.2 charset-normalizer==3.5.3
    pip install --no-index --no-deps --target SITE WHEELS/*.whl; export PYTHONPATH=SITE
"""
import argparse
import copy
import json
import os
import sys
import time
from contextlib import contextmanager
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
# Where it was started from: paths of the command line, and of NEUROCUDA_SHARED.
START = Path.cwd()
if "NEUROCUDA_SHARED" in os.environ:
    os.environ["NEUROCUDA_SHARED"] = str(Path(os.environ["NEUROCUDA_SHARED"]).resolve())
os.chdir(ROOT)
os.environ.setdefault("TQDM_DISABLE", "1")

import torch  # noqa: E402
from compare import paired, spiking_jelly  # noqa: E402
from compare.case import LENGTHS  # noqa: E402
from compare.checkpoint import RESNET18, Checkpoint  # noqa: E402
from spikingjelly.activation_based import functional  # noqa: E402

CHOSEN = ROOT / "docs/results/spikingjelly.resnet18_cifar10.json"
BATCH = 500
BATCHES = (1, 64, 512)
TIMED = 512
# Without and with TF32 products, and in half precision.
MODES = ("fp32", "tf32", "half", "half, channels last")
TIMED_STEPS = 32
# A batch size is timed for no longer than this, however few images that is.
LIMIT = 4.0


def arguments():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--images", type=int)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seconds", type=float, default=240)
    return parser.parse_args()


def is_cuda(device):
    return torch.device(device).type == "cuda"


def wait(device):
    if is_cuda(device):
        torch.cuda.synchronize()


@contextmanager
def tf32(allowed):
    """Whether float32 products may be made of TF32 ones."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


class Record:
    """What is written, and how much time is left."""

    def __init__(self, path, seconds):
        self.path, self.end = path, time.monotonic() + seconds
        self.value = {"left_out": {}}

    def write(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(self.value, indent=1) + "\n")

    def part(self, name, do):
        """Does a part if there is time for it; whatever it raises is written down and stops nothing else."""
        if time.monotonic() > self.end:
            self.value["left_out"][name] = "there was no time left"
        else:
            start = time.monotonic()
            try:
                do()
            except Exception as error:  # A part that this machine cannot do must not lose the others.
                self.value["left_out"][name] = f"{type(error).__name__}: {error}"[:500]
            print(f"{name}: {time.monotonic() - start:.1f} s", flush=True)
        if name in self.value["left_out"]:
            print(f"{name}: left out: {self.value['left_out'][name]}", flush=True)
        self.write()


@torch.no_grad()
def all_outputs(network, images, steps, device):
    """Outputs of each step for all images, `[steps, N, classes]`."""
    parts = []
    for batch in images.split(BATCH):
        functional.reset_net(network)
        batch = batch.to(device)
        parts.append(torch.stack([network(batch).float() for _ in range(steps)]).cpu())
    return torch.cat(parts, dim=1).numpy()


@torch.no_grad()
def answer(network, batch, start, steps):
    """Classes by the sum of outputs from step `start` on; everything stays on the device."""
    functional.reset_net(network)
    total = None
    for step in range(steps):
        output = network(batch)
        if step >= start:
            total = output if total is None else total + output
    return total.argmax(1)


class Captured:
    """The same for batches of one size, all steps as one CUDA graph."""

    def __init__(self, network, batch, start, steps):
        self.batch = batch.clone()
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(2):
                answer(network, self.batch, start, steps)
        torch.cuda.current_stream().wait_stream(stream)
        torch.cuda.synchronize()
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.classes = answer(network, self.batch, start, steps)

    def __call__(self, batch):
        self.batch.copy_(batch, non_blocking=True)
        self.graph.replay()
        return self.classes


def rate(classify, images, batch, prepare, device):
    """Images a second from host to host, in whole batches, and the classes found."""
    parts = [part for part in images.split(batch) if len(part) == batch]
    if not parts:
        return None
    classes, start = [], time.monotonic()
    for part in parts:
        classes.append(classify(prepare(part)).cpu())
        if time.monotonic() - start > LIMIT:
            break
    wait(device)
    seconds = time.monotonic() - start
    count = len(classes) * batch
    found = {"batch": batch, "images": count, "seconds": round(seconds, 4), "images_per_second": round(count / seconds, 2)}
    return found, torch.cat(classes)


def throughput(network, images, start, steps, mode, captured, device, wanted):
    """Rows of images a second at each batch size. The network itself is changed to the precision."""
    dtype = torch.float16 if mode.startswith("half") else torch.float32
    layout = torch.channels_last if "channels last" in mode else torch.contiguous_format
    network = network.to(dtype=dtype)
    if layout is torch.channels_last:
        network = network.to(memory_format=layout)
    host = images.to(dtype).contiguous(memory_format=layout)
    host = host.pin_memory() if is_cuda(device) else host

    def prepare(part):
        return part.to(device, non_blocking=True)

    rows = []
    for batch in BATCHES:
        if batch > len(host):
            continue
        first = prepare(host[:batch])
        if captured:
            classify = Captured(network, first, start, steps)
        else:
            for _ in range(2):
                answer(network, first, start, steps)

            def classify(part):
                return answer(network, part, start, steps)

        wait(device)
        row, classes = rate(classify, host, batch, prepare, device)
        # What half precision does to the answers is part of what it is worth.
        row["same_class_as_fp32"] = float((classes.numpy() == wanted[: len(classes)]).mean())
        rows.append({"mode": named(mode, captured), "timesteps": steps} | row)
        print(f"  {rows[-1]}", flush=True)
        del classify
    return rows


def named(mode, captured):
    return f"{mode}, CUDA graph" if captured else mode


class Networks:
    """The networks that the settings make, one at a time on the device."""

    def __init__(self, checkpoint, device):
        self.device = device
        self.model = checkpoint.model
        self.calibration, _ = checkpoint.images(checkpoint.calibration)
        self.settings = {setting.name: setting for setting in spiking_jelly.SETTINGS}
        self.name = self.network = self.delays = None

    def get(self, name, steps):
        """The network of a setting, and the first step of the delayed readout at each length up to `steps`."""
        if self.name != name:
            self.network = self.settings[name].convert(self.model().to(self.device), self.calibration, self.device)
            self.network = self.network.to(self.device).eval()
            self.delays = spiking_jelly.delays(self.network, self.calibration, [*LENGTHS, steps], self.device)
            self.name = name
        return self.network, self.delays


def main():
    options = arguments()
    device = options.device
    checkpoint = Checkpoint(*RESNET18)
    if not Path(checkpoint.test).is_file():
        checkpoint.test = checkpoint.test.replace("_test.", f"_test{TIMED}.")
    chosen = json.loads(CHOSEN.read_text())["spikingjelly"]["chosen"]
    record = Record(START / options.output, options.seconds)
    images, labels = checkpoint.images(checkpoint.test, 0, options.images)
    lengths = [length for length in LENGTHS if options.steps is None or length <= options.steps] or [options.steps]
    timed_steps = options.steps or TIMED_STEPS
    networks = Networks(checkpoint, device)
    record.value |= {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "device": torch.cuda.get_device_name() if is_cuda(device) else "cpu",
        "versions": {name: version(name) for name in ("spikingjelly", "torch", "numpy")} | {"cuda": torch.version.cuda},
        "checkpoint": checkpoint.name,
        "images": len(images),
        "labels": paired.digits(labels),
        "accuracy": {},
        "throughput": [],
    }

    @torch.no_grad()
    def float_network():
        model = checkpoint.model().to(device)
        logits = torch.cat([model(batch.to(device)).cpu() for batch in images.split(BATCH)])
        record.value["float_classes"] = paired.digits(logits.argmax(1))
        record.value["float_accuracy"] = float((logits.argmax(1) == labels).float().mean())

    def answers(classes):
        """How often they are right and what the float network says, and the classes themselves."""

        def same(others):
            return sum(found == other for found, other in zip(classes, others))

        return {"right": same(record.value["labels"]), "agree": same(record.value["float_classes"]), "classes": classes}

    def accuracy():
        """One simulation for each setting, of its longest length, answers at all its lengths."""
        recorded = {length: chosen.get(str(length), chosen["32"]) for length in lengths}
        rows = record.value["accuracy"]
        names = [found["setting"] for found in recorded.values()]
        # The last one is that of the throughput, and stays.
        for name in sorted(set(names), key=names.index):
            mine = [length for length in lengths if recorded[length]["setting"] == name]
            network, delays = networks.get(name, max(lengths))
            start = time.monotonic()
            outputs = all_outputs(network, images, max(mine), device)
            seconds = time.monotonic() - start
            for length in mine:
                readout = recorded[length]["readout"]
                rows[length] = {"setting": name, "chosen_readout": readout, "delay": delays[length], "seconds": round(seconds, 2)}
                for way, sums in spiking_jelly.sums(outputs, length, delays[length]).items():
                    rows[length][way] = answers(paired.digits(sums.argmax(1)))
                print(f"  T={length}, {name}: {rows[length][readout]['right']} of {len(images)} right", flush=True)
            record.write()

    def timed(mode, captured):
        said = chosen["32"]
        network, delays = networks.get(said["setting"], timed_steps)
        start = delays[timed_steps] if said["readout"] == "delayed" else 0
        some = images[:TIMED]
        if "wanted" not in known:
            outputs = all_outputs(network, some, timed_steps, device)
            known["wanted"] = outputs[start:].sum(axis=0).argmax(1)
        functional.reset_net(network)
        with tf32(mode != "fp32"):
            rows = throughput(copy.deepcopy(network), some, start, timed_steps, mode, captured, device, known["wanted"])
        record.value["throughput"] += rows

    known = {}
    torch.backends.cudnn.benchmark = True
    with tf32(False):
        record.part("float network", float_network)
        record.part("accuracy", accuracy)
        for mode in MODES:
            record.part(f"throughput, {mode}", lambda: timed(mode, False))
        # Last, as an error while a graph is captured may leave the device in no state for more.
        for mode in MODES[1:] if is_cuda(device) else ():
            record.part(f"throughput, {named(mode, True)}", lambda: timed(mode, True))
    print(f"{record.path}: {len(images)} images on {record.value['device']}")
    return 0 if record.value["accuracy"] and record.value["throughput"] else 1


if __name__ == "__main__":
    sys.exit(main())
