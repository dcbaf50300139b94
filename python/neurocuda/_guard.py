"""Leaves things as they were found: random number generators, and every part of a model that a look at it may touch."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch


@contextmanager
def random_state() -> Iterator[None]:
    """Puts the generators of Python, NumPy and, where it is loaded, PyTorch back to where they were."""
    python, numpy = random.getstate(), np.random.get_state()
    torch = sys.modules.get("torch")
    states = _torch_states(torch) if torch is not None else None
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        if torch is not None and states is not None:
            torch.set_rng_state(states[0])
            for device, state in enumerate(states[1]):
                torch.cuda.set_rng_state(state, device)


def _torch_states(torch: Any) -> tuple[Any, list[Any]]:
    # A generator of a device that nobody has used yet need not be kept, and asking would start the device.
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() and torch.cuda.is_initialized() else []
    return torch.get_rng_state(), cuda


@contextmanager
def evaluation(model: torch.nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients. Afterwards every module has its own mode, attributes, hooks and buffers again."""
    import torch

    kept = [_Kept(module) for module in model.modules()]
    tensors = {id(tensor): tensor for tensor in (*model.buffers(), *model.parameters())}
    # Parameters are only watched: a forward pass that changes one is rare, and they may be large.
    buffers = [(buffer, buffer.detach().clone()) for buffer in model.buffers()]
    gradients = [(tensor, tensor.requires_grad, tensor.grad) for tensor in tensors.values()]
    try:
        model.eval()
        with torch.no_grad():
            yield
    finally:
        for module in kept:
            module.restore()
        with torch.no_grad():
            for buffer, before in buffers:
                if not torch.equal(buffer, before):
                    buffer.copy_(before)
        for tensor, requires, gradient in gradients:
            if tensor.requires_grad != requires:
                tensor.requires_grad_(requires)
            if tensor.grad is not gradient:
                tensor.grad = gradient


class _Kept:
    """The attributes of one module, dictionaries among them (parameters, buffers, hooks) with their entries."""

    def __init__(self, module: torch.nn.Module) -> None:
        self._module = module
        self._attributes = dict(module.__dict__)
        self._entries = {name: dict(value) for name, value in self._attributes.items() if isinstance(value, dict)}

    def restore(self) -> None:
        now = self._module.__dict__
        for name in [name for name in now if name not in self._attributes]:
            del now[name]
        now.update(self._attributes)
        for name, entries in self._entries.items():
            dictionary = self._attributes[name]
            if not _same(dictionary, entries):
                dictionary.clear()
                dictionary.update(entries)


def _same(one: dict[Any, Any], other: dict[Any, Any]) -> bool:
    """Whether the entries are the same objects in the same order; tensors have no truth value to compare."""
    return list(one) == list(other) and all(one[key] is other[key] for key in one)
