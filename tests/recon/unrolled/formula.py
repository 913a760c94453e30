"""The published network with the weights of the formula that goes with the conformance data, and small ones."""

import json
import zlib
from math import prod
from pathlib import Path

import numpy as np
import torch

from napari_sti.recon.unrolled.published import PublishedModel

CONFORMANCE = Path(__file__).resolve().parents[2] / "conformance"

CARD = {
    "name": "tiny",
    "title": "Tiny (random weights)",
    "family": "resunet",
    "domain": {
        "voxel_size_mm": [0.9, 3.0],
        "b0_t": None,
        "orientations": [1, 6],
        "max_tilt_deg": 90,
        "field_ppm": [-0.15, 0.15],
        "snr_db": [10, 40],
    },
    "disclaimer": "Random weights; not for diagnosis.",
}


def published_shapes() -> dict[str, list[int]]:
    """Names and shapes of the published checkpoint's parameters."""
    found: dict[str, list[int]] = json.loads((CONFORMANCE / "deepsti_state_dict.json").read_text())
    return found


def formula_weights(key: str, shape: list[int]) -> torch.Tensor:
    """Weights of one parameter."""
    h = (zlib.crc32(key.encode()) % 1000) / 1000
    i = np.arange(prod(shape), dtype=np.float64)
    w = np.sin(0.7 * i + 12.9898 * h + 0.3 * (i // 7)).reshape(shape)
    if len(shape) > 1:
        w = w * np.sqrt(2 / prod(shape[1:]))
    elif key.endswith("groupnorm.weight"):
        w = 1 + 0.1 * w
    elif key.endswith("alpha"):
        w = np.full(shape, 0.5)
    else:
        w = 0.05 * w
    return torch.from_numpy(w.astype(np.float32))


def published_model(iterations: int = 2) -> PublishedModel:
    """The published model with the weights of the formula."""
    with torch.device("meta"):
        model = PublishedModel(iterations)
    state = {key: formula_weights(key, shape) for key, shape in published_shapes().items()}
    model.load_state_dict(state, assign=True)
    return model.eval().requires_grad_(False)


def tiny_model(iterations: int = 3, features: tuple[int, ...] = (8, 16)) -> PublishedModel:
    """A small member of the published family, with random weights."""
    torch.manual_seed(0)
    return PublishedModel(iterations, features).eval()
