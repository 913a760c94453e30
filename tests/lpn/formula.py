"""Weights by the formula that goes with the conformance data."""

import json
import zlib
from math import prod
from pathlib import Path

import numpy as np
import torch

from napari_sti.lpn.networks.published import Lpn1d, Lpn28, Lpn128

CONFORMANCE = Path(__file__).resolve().parents[1] / "conformance"
KINDS = {"lpn_1d": (Lpn1d, 0.22), "lpn_28": (Lpn28, 0.38), "lpn_128": (Lpn128, 0.42)}


def formula_state(shapes, scale):
    """A state dict for the names and shapes, with the non-negative weights scaled."""
    state = {}
    for key, shape in shapes.items():
        h = (zlib.crc32(key.encode()) % 1000) / 1000
        i = np.arange(prod(shape), dtype=np.float64)
        w = np.sin(0.7 * i + 12.9898 * h + 0.3 * (i // 7)).reshape(shape)
        w = w * np.sqrt(2 / prod(shape[1:])) if len(shape) > 1 else 0.05 * w
        if key.startswith("lin.") and key.endswith("weight") and key != "lin.0.weight":
            w = np.abs(w) * scale
        state[key] = torch.from_numpy(w.astype(np.float32))
    return state


def shapes_of(name):
    return json.loads((CONFORMANCE / f"{name}_state_dict.json").read_text())


def formula_network(name):
    """A published network with these weights, and its conformance data."""
    kind, scale = KINDS[name]
    network = kind(**json.loads((CONFORMANCE / "lpn_params.json").read_text())[name])
    network.load_state_dict(formula_state(shapes_of(name), scale))
    return network.eval().requires_grad_(False), dict(np.load(CONFORMANCE / f"{name}.npz"))
