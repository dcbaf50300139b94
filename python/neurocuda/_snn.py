"""A compiled spiking network."""

from __future__ import annotations

import json
import os
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from . import _binary
from ._errors import BadData
from ._files import Folder, Model, copy
from ._loaders import _images
from ._tensors import ImageWriter


class SNN:
    """A compiled spiking network: what `convert` and `load` give.

    Calling it runs it, step by step and spike by spike, on a batch `[N, …]` of NumPy arrays or PyTorch tensors, uint8 or
    floats, and gives the same kind back: float32 logits, as a tuple where the model has several outputs.

    Example:
        >>> logits = snn(images)
        >>> snn.save("net.ncx")
        >>> snn.summary()["steps"]
    """

    def __init__(self, artifact: Path, model: Model | None = None, folder: Folder | None = None) -> None:
        self._artifact = artifact
        self._model = model
        self._folder = folder

    @property
    def path(self) -> Path:
        """Where the artifact lies at present; `save` copies it to a place of your own."""
        return self._artifact

    @cached_property
    def _manifest(self) -> dict[str, Any]:
        manifest: dict[str, Any] = json.loads(_binary.run(["inspect", self._artifact, "--json"]).stdout)
        return manifest

    def inspect(self) -> dict[str, Any]:
        """The artifact's whole manifest: program, layers, bounds, provenance, what the compiler validated."""
        return dict(self._manifest)

    def summary(self) -> dict[str, Any]:
        """Name, schedule, levels, steps, shapes, and how many nonlinear elements became neurons."""
        manifest = self._manifest
        return {
            "network": manifest["network"],
            "schedule": self.schedule,
            "levels": manifest["levels"],
            "steps": manifest["program"]["steps"],
            "input": {manifest["input"]["name"]: list(self.input_shape)},
            "outputs": {output["name"]: output["shape"] for output in manifest["outputs"]},
            "neurons": dict(manifest["nonlinearities"]),
            "layers": [dict(layer) for layer in manifest["layers"]],
            "bytes": os.path.getsize(self._artifact),
        }

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one sample, without the batch."""
        return tuple(self._manifest["input"]["shape"])

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs, in the order in which a call gives them."""
        return tuple(output["name"] for output in self._manifest["outputs"])

    @property
    def schedule(self) -> str:
        """When neurons fire: `st-bif`, `hold-and-fire`, `sigma-delta` or `rate`."""
        return str(self._manifest["program"]["schedule"])

    def __call__(self, x: Any, *, timesteps: int | None = None, threads: int | None = None) -> Any:
        """Runs a batch; see the class.

        Args:
            x: Images `[N, …]`, as the model takes them.
            timesteps: Number of steps of a `rate` network. For an exact one a cap; an image that has not settled by then is an
                error.
            threads: Threads of the run; all cores if absent. Results do not depend on it.

        Raises:
            BadData: The batch is not what the network takes.
            CompileFailed: The run failed, for instance `not-settled`.
        """
        from safetensors.numpy import load_file

        images = _images(x)
        if images.shape[1:] != self.input_shape:
            hint = " (the batch axis comes first: x[None])" if images.shape == self.input_shape else ""
            raise BadData(
                "data-shape", f"the batch is {list(images.shape)}; the network takes [N, {', '.join(map(str, self.input_shape))}]{hint}"
            )
        if len(images) == 0:
            return self._like(x, [np.empty((0, *output["shape"]), np.float32) for output in self._manifest["outputs"]])
        with Folder() as folder:
            data, result = folder.path / "images.safetensors", folder.path / "outputs.safetensors"
            with ImageWriter(data) as writer:
                writer.add(images, None)
                writer.finish()
            steps = ["--timesteps", str(timesteps)] if timesteps is not None else []
            _binary.run(["run", self._artifact, "--data", data, "-o", result, *steps], threads=threads)
            outputs = load_file(result)
            return self._like(x, [outputs[name] for name in self.outputs])

    def _like(self, x: Any, outputs: list[np.ndarray]) -> Any:
        """The outputs as what `x` is, on the device of `x`."""
        if hasattr(x, "detach"):
            import torch

            values = tuple(torch.from_numpy(output).to(x.device) for output in outputs)
            return values[0] if len(values) == 1 else values
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the artifact, one file, which `neurocuda.load` and `neurocudac run` read.

        The float model is not in it: after `load`, `validate` wants `model=` for the figures of the float network.
        """
        copy(self._artifact, path)

    def __getstate__(self) -> dict[str, Any]:
        return {"artifact": self._artifact.read_bytes(), "model": self._model.contents() if self._model else None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        folder = Folder()
        artifact = folder.path / "net.ncx"
        artifact.write_bytes(state["artifact"])
        model = Model.of(state["model"], folder) if state["model"] else None
        self.__init__(artifact, model, folder)  # type: ignore[misc]

    def __repr__(self) -> str:
        neurons = self._manifest["nonlinearities"]
        return (
            f"<SNN {self._manifest['network']}: {self.schedule}, {self._manifest['levels']} levels, "
            f"{neurons['converted']} of {neurons['found']} nonlinear elements are neurons>"
        )
