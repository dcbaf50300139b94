"""Writes the archives of this folder: small networks with random weights, and PyTorch's outputs for four inputs.

Usage: `python make.py [FOLDER]`. One run of PyTorch 2.11 wrote all but those whose names end in a version: those are
`residual` of another release.
"""

import base64
import pathlib
import sys
import zipfile

import safetensors.torch
import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        y += x
        return F.relu(y)


class Residual(nn.Module):
    """Residual blocks, a shared block, functional forms, tied weights."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(2, 4, 3)
        self.layer1 = nn.Sequential(Block(4), nn.Dropout(0.1), Block(4))
        self.fc = nn.Linear(4, 5)
        self.tied = self.fc

    def forward(self, x):
        x = self.layer1(self.stem(x))
        x = self.layer1[0](x)
        x = F.max_pool2d(x, 2)
        x = F.adaptive_avg_pool2d(x, 1).view(x.size(0), -1)
        return self.tied(x)


class InPlace(nn.Module):
    """The value that an in-place op changed is read under its old name."""

    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(1, 2, 1)
        self.b = nn.Conv2d(2, 2, 1)

    def forward(self, x):
        x = self.a(x)
        y = x.detach()
        x.relu_()
        return {"changed": self.b(y).relu(), "same": torch.flatten(x, 1).relu()}


class Refused(nn.Module):
    """What is refused, each thing once."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(4, 3, batch_first=True)
        self.norm = nn.LayerNorm(4)
        self.gate = nn.Linear(4, 4)
        self.drop = nn.Dropout(0.5)
        self.register_buffer("count", torch.zeros(1))

    def forward(self, x):
        self.count.add_(1)
        x = self.norm(x)
        x = x * torch.sigmoid(self.gate(x))
        view = x[:, 1:]
        x.relu_()
        y = view.relu()
        z, _ = self.lstm(x)
        return F.dropout(z, training=True).relu(), y, x.sum()


def example(model, x):
    outputs = model(x)
    outputs = list(outputs.values()) if isinstance(outputs, dict) else [outputs]
    tensors = {"neurocuda.example.input.0": x.clone()}
    tensors |= {f"neurocuda.example.output.{i}": y.detach().clone() for i, y in enumerate(outputs)}
    return base64.b64encode(safetensors.torch.save(tensors)).decode()


def randomize(model):
    """Batch norms that do something."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    return model.eval()


def save(path, model, x, dynamic=True, decompose=False, record=True):
    extra = {"neurocuda/example.safetensors": example(model, x)} if record else {}
    shapes = ({0: torch.export.Dim("batch")},) if dynamic else None
    program = torch.export.export(model, (x,), dynamic_shapes=shapes)
    if decompose:
        program = program.run_decompositions()
    torch.export.save(program, path, extra_files=extra)
    hide_folders(path, pathlib.Path(__file__).resolve().parents[3], pathlib.Path(torch.__file__).parents[2])


def hide_folders(path, project, packages):
    """Takes out of the recorded stack traces where the project and Python's packages lie on this machine."""
    hidden = {f"{project}/".encode(): b"", f"{packages}/".encode(): b"/usr/lib/python3/"}
    with zipfile.ZipFile(path) as archive:
        entries = [(entry, archive.read(entry)) for entry in archive.infolist()]
    with zipfile.ZipFile(path, "w") as archive:
        for entry, content in entries:
            if entry.filename.endswith(".json"):
                for folder, instead in hidden.items():
                    content = content.replace(folder, instead)
            archive.writestr(entry, content)


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
    version = ".".join(torch.__version__.split(".")[:2])
    torch.manual_seed(0)
    residual = randomize(Residual())
    x = torch.randn(4, 2, 8, 8)
    if version != "2.11":
        save(folder / f"residual_{version}.pt2", residual, x)
        return
    save(folder / "residual.pt2", residual, x)
    save(folder / "residual_static.pt2", residual, x[:1], dynamic=False, record=False)
    save(folder / "residual_decomposed.pt2", residual, x, decompose=True)
    save(folder / "residual_half.pt2", residual.half().eval(), x.half(), record=False)
    save(folder / "in_place.pt2", randomize(InPlace()), torch.randn(4, 1, 3, 3))
    save(folder / "refused.pt2", Refused().eval(), torch.randn(4, 5, 4), record=False)


if __name__ == "__main__":
    main()
