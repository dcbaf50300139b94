"""Assembles the kernels of networks with NVIDIA's ptxas for sm_80 and sm_90: everything is accepted, nothing spills, and no kernel has more
registers than the manifest says. What each kernel takes is compared with docs/results/ptxas.json.

usage: python3 scripts/ptxas_check.py NEUROCUDAC [--bless]

ptxas comes from PyPI into target/ptxas-env. Networks whose checkpoint is absent are named and left out.
"""
import json
import re
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / "docs/results/ptxas.json"
ENVIRONMENT = ROOT / "target/ptxas-env"
REQUIREMENTS = ROOT / "scripts/requirements-ptxas.txt"
SHARED = ROOT / "../shared/data"
NETWORKS = {
    "vgg_fashion": (ROOT / "tests/data/vgg_fashion.safetensors", ROOT / "tests/data/fashion_mnist_calib1000.safetensors"),
    **{
        name: (SHARED / f"models/{name}.safetensors", SHARED / f"sets/{calibration}.safetensors")
        for name, calibration in {
            "cnn3_mnist": "mnist_calib1000",
            "resnet20_cifar10": "cifar10_lossless_calib1000",
            "resnet18_cifar10": "cifar10_jpeg_calib1000",
        }.items()
    },
}
SCHEDULES = {"st-bif": ["--levels", "15"], "rate": ["--schedule", "rate", "--timesteps", "32"]}


def ptxas():
    """The assembler, installed where it is not yet."""
    installed = ENVIRONMENT / "requirements.installed"
    if not installed.is_file() or installed.read_text() != REQUIREMENTS.read_text():
        subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
        pip = [ENVIRONMENT / "bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*pip, "-r", REQUIREMENTS], check=True, stdin=subprocess.DEVNULL)
        installed.write_text(REQUIREMENTS.read_text())
    return next(ENVIRONMENT.glob("lib/python*/site-packages/nvidia/*/bin/ptxas"))


def kernels(artifact):
    """The PTX text of an artifact, and what its manifest says of each kernel."""
    data = artifact.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    gpu = json.loads(header["__metadata__"]["neurocuda.manifest"])["gpu"]
    start, end = header[gpu["ptx"]]["data_offsets"]
    return data[8 + length + start : 8 + length + end], gpu["kernels"]


def assembled(assembler, ptx, arch, folder):
    """Registers, bytes of shared memory and bytes spilled of each kernel."""
    source = folder / "kernels.ptx"
    source.write_bytes(ptx)
    command = [assembler, f"-arch={arch}", "-v", source, "-o", folder / "kernels.cubin"]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    if said.returncode != 0:
        raise SystemExit(f"ptxas refuses the kernels for {arch}:\n{said.stderr}")
    found, name = {}, None
    for line in said.stderr.splitlines():
        if entry := re.search(r"Compiling entry function '(\w+)'", line):
            name = entry[1]
        elif spilled := re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", line):
            found[name] = [0, 0, int(spilled[1]) + int(spilled[2])]
        elif used := re.search(r"Used (\d+) registers", line):
            shared = re.search(r"(\d+) bytes smem", line)
            found[name][:2] = [int(used[1]), int(shared[1]) if shared else 0]
    return found


def check(assembler, neurocudac, name, schedule, folder):
    """What a network's kernels take on both architectures; names what is wrong."""
    weights, calibration = NETWORKS[name]
    artifact = folder / "net.ncx"
    command = [neurocudac, "compile", ROOT / f"tests/models/{name}.ncg", "--weights", weights, "--calibrate", calibration]
    options = ["--samples", "16", "--no-cache", "--target", "ptx", *SCHEDULES[schedule], "-o", artifact]
    subprocess.run([*command, *options], check=True, capture_output=True)
    ptx, stated = kernels(artifact)
    taken, wrong = {}, []
    for arch in ("sm_80", "sm_90"):
        found = assembled(assembler, ptx, arch, folder)
        for kernel in stated:
            registers, shared, spilled = found[kernel["name"]]
            taken.setdefault(kernel["name"], {})[arch] = registers
            if spilled or registers > kernel["registers"] or shared > kernel["shared"]:
                wrong.append(f"{name} {schedule} {arch}: {kernel['name']} takes {registers} registers, spills {spilled} bytes")
    return taken, wrong


def main(arguments):
    """Checks, or writes the record anew."""
    neurocudac = Path(arguments[0]).resolve()
    assembler, record, wrong = ptxas(), {}, []
    for name, (weights, _) in NETWORKS.items():
        if not weights.is_file():
            print(f"skipped: {name}: {weights} is absent")
            continue
        for schedule in SCHEDULES:
            with tempfile.TemporaryDirectory() as folder:
                taken, found = check(assembler, neurocudac, name, schedule, Path(folder))
            record[f"{name} {schedule}"] = taken
            wrong += found
            print(f"{name} {schedule}: {len(taken)} kernels for sm_80 and sm_90, at most {max(max(t.values()) for t in taken.values())} registers")
    if "--bless" in arguments:
        RECORD.write_text(json.dumps(record, indent=1) + "\n")
    known = json.loads(RECORD.read_text())
    wrong += [f"{network}: registers are not those of {RECORD.name}: run with --bless" for network in record if record[network] != known.get(network)]
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
