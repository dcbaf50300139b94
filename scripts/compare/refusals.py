"""What SpikingJelly says to the ResNet-20 that others trained, whose activations are functions and not modules."""
import re

import torch
from torch import fx, nn

from . import spiking_jelly


def with_relu_modules(model):
    """The same network with a ReLU module for each call of `F.relu`: what SpikingJelly's documentation asks of a model."""
    traced = fx.symbolic_trace(model)
    calls = [node for node in traced.graph.nodes if node.op == "call_function" and node.target is nn.functional.relu]
    for number, node in enumerate(calls):
        traced.add_submodule(f"relu_{number}", nn.ReLU())
        node.op, node.target, node.args, node.kwargs = "call_module", f"relu_{number}", node.args[:1], {}
    traced.recompile()
    return traced.eval()


def attempt(model, setting, images):
    """What a conversion ends with: the numbers of neuron layers and of ReLUs left, or the error."""
    try:
        with torch.no_grad():
            network = setting.convert(model, images)
    except Exception as error:  # Whatever it raises is the answer.
        return {"error": f"{type(error).__name__}: {re.sub(' at 0x[0-9a-f]+', '', str(error))}"}
    return {"neuron_layers": spiking_jelly.neurons(network), "relus_left": spiking_jelly.relus(network)}


def attempts(checkpoint):
    """One attempt with each recipe, on the network as it is and with ReLU modules."""
    images, _ = checkpoint.images(checkpoint.calibration, 0, 200)
    by_recipe = {setting.recipe.__name__: setting for setting in reversed(spiking_jelly.SETTINGS)}
    versions = {"as it is": checkpoint.model, "with ReLU modules": lambda: with_relu_modules(checkpoint.model())}
    return [
        {"network": name, "setting": setting.name, "call": setting.described(), **attempt(make(), setting, images)}
        for name, make in versions.items()
        for setting in by_recipe.values()
    ]
