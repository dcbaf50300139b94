"""The model and every random number generator are left as they were found, also after an error."""

import random

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from neurocuda._files import Folder
from neurocuda import UnsupportedModel
from neurocuda._export import trace
from torch import nn


class Restless(nn.Module):
    """Counts its calls in a buffer, in an attribute and in one that is new, and draws random numbers."""

    def __init__(self, fail=False):
        super().__init__()
        self.conv, self.norm, self.drop = nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.5)
        self.register_buffer("calls", torch.zeros(()))
        self.python_calls, self.fail = 0, fail

    def forward(self, x):
        self.calls.add_(1)
        self.python_calls += 1
        self.seen = x.shape
        random.random(), np.random.random()
        if self.fail:
            raise RuntimeError("as asked")
        return self.drop(torch.relu(self.norm(self.conv(x)))).flatten(1)


def state(model):
    """Everything that should stay."""
    return {
        "modes": [(name, module.training) for name, module in model.named_modules()],
        "tensors": {name: (id(value), value.clone()) for name, value in model.state_dict(keep_vars=True).items()},
        "flags": [(name, p.requires_grad, p.dtype, p.device, id(p.grad)) for name, p in model.named_parameters()],
        "attributes": {name: sorted(module.__dict__) for name, module in model.named_modules()},
        "calls": model.python_calls,
        "hooks": [list(module._forward_hooks) for module in model.modules()],
    }


def generators():
    return random.getstate(), np.random.get_state(), torch.get_rng_state()


def same(one, other):
    if isinstance(one, (torch.Tensor, np.ndarray)):
        return bool((one == other).all())
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


@pytest.mark.parametrize("fail", [False, True])
def test_the_model_and_the_generators_stay_as_they_were(fail):
    model = Restless(fail)
    model.train()
    model.drop.eval()
    model.conv.weight.requires_grad_(False)
    model.norm.weight.grad = torch.ones(2)
    called = []
    model.conv.register_forward_hook(lambda *_: called.append(1))
    example = torch.rand(3, 1, 5, 5)
    before, drawn = state(model), generators()
    with Folder() as folder:
        if fail:
            with pytest.raises(UnsupportedModel):
                trace(model, example, folder)
        else:
            assert trace(model, example.numpy(), folder).stat().st_size > 0
    assert called or fail
    assert same(state(model), before)
    assert same(generators(), drawn)


def test_the_probe_sees_what_changes():
    model = Restless()
    before, drawn = state(model), generators()
    model(torch.rand(2, 1, 5, 5))
    after = state(model)
    assert [key for key in before if not same(before[key], after[key])] == ["tensors", "attributes", "calls"]
    assert not any(map(same, generators(), drawn))


def test_gradients_stay_enabled():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    with Folder() as folder:
        trace(model, torch.rand(2, 4), folder)
    assert torch.is_grad_enabled()
    model(torch.rand(2, 4)).sum().backward()
    assert model[1].weight.grad is not None
