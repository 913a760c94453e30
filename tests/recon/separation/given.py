"""What separations are tried on: small, simulated, odd and oblique."""

import numpy as np

from napari_sti.core import frames
from napari_sti.core.acquisition import Acquisition
from napari_sti.core.relaxometry import relaxation
from napari_sti.core.separation import SeparationInput

SHAPE = (9, 7, 11)


def directions(count: int) -> np.ndarray:
    rng = np.random.default_rng(count)
    h = rng.normal(size=(count, 3)) * 0.4 + [0, 0, 1]
    return h / np.linalg.norm(h, axis=1, keepdims=True)


def ellipsoid(shape: tuple[int, ...]) -> np.ndarray:
    place = np.meshgrid(*(np.linspace(-1, 1, n) * (n - 1) / n for n in shape), indexing="ij")
    return sum(p**2 for p in place) < 0.9


def sources(shape: tuple[int, ...] = SHAPE) -> tuple[np.ndarray, np.ndarray]:
    """chi+ (X, Y, Z) and X- (X, Y, Z, 6), in ppm: blocks of iron, and fibres in changing directions."""
    rng = np.random.default_rng(7)
    mask = ellipsoid(shape)
    pos = np.where(rng.random(shape) < 0.3, 0.08, 0.01) * mask
    v = rng.normal(size=(*shape, 3))
    v /= np.linalg.norm(v, axis=-1, keepdims=True)
    outer = frames.from_matrix(v[..., :, None] * v[..., None, :])
    neg = 0.03 * outer
    neg[..., [0, 3, 5]] -= 0.05
    return pos.astype(np.float32), (neg * mask[..., None]).astype(np.float32)


def rates_of(pos: np.ndarray, neg: np.ndarray, b0_dirs: np.ndarray, dr: float = 114.0) -> np.ndarray:
    """R2' (N, X, Y, Z) in Hz: Dr (chi+ − h^T X- h)."""
    rates = []
    for x, y, z in b0_dirs:
        along = np.array([x * x, 2 * x * y, 2 * x * z, y * y, 2 * y * z, z * z])
        rates.append(dr * (pos - neg @ along))
    return np.stack(rates).astype(np.float32)


def tensor_input(
    orientations: int = 3, *, shape: tuple[int, ...] = SHAPE, noise: float = 0.0, dr: float = 114.0
) -> SeparationInput:
    pos, neg = sources(shape)
    rng = np.random.default_rng(1)
    mask, h = ellipsoid(shape), directions(orientations)
    acquisition = Acquisition(None, h, mask, np.diag([1, 1.4, 2, 1.0]), name="tiny", simulated=True)
    chi = neg.copy()
    chi[..., [0, 3, 5]] += pos[..., None]
    chi += noise * rng.normal(size=chi.shape).astype(np.float32) * mask[..., None]
    rates = rates_of(pos, neg, h, dr) + 114 * noise * rng.normal(size=(orientations, *shape)).astype(np.float32)
    return SeparationInput(acquisition, (rates * mask).astype(np.float32), h, relaxation(dr), chi)


def scalar_input(
    orientations: int = 1,
    *,
    shape: tuple[int, ...] = SHAPE,
    noise: float = 0.0,
    dr: tuple[float, float] = (114.0, 114.0),
) -> SeparationInput:
    pos, tensor = sources(shape)
    neg = tensor[..., [0, 3, 5]].mean(-1)
    rng = np.random.default_rng(2)
    mask, h = ellipsoid(shape), directions(orientations)
    acquisition = Acquisition(None, h, mask, np.diag([1, 1.4, 2, 1.0]), name="tiny", simulated=True)
    chi = pos + neg + noise * rng.normal(size=shape) * mask
    rates = np.stack([dr[0] * pos - dr[1] * neg] * orientations) + 114 * noise * rng.normal(size=(orientations, *shape))
    constants = relaxation(dr[0], None if dr[0] == dr[1] else dr[1])
    return SeparationInput(acquisition, (rates * mask).astype(np.float32), h, constants, chi.astype(np.float32))
