"""Small PyTorch models, and beforehand what becomes of each: converted within a tolerance, or refused with which findings."""

from . import activations, code_shapes, convolutions, heads, movement, pools, refused, vision
from .manifest import MANIFEST, Converts, Model, Refused

__all__ = ["MANIFEST", "Converts", "Model", "Refused"]

# Importing the rooms fills the manifest.
_ROOMS = (activations, code_shapes, convolutions, heads, movement, pools, refused, vision)
