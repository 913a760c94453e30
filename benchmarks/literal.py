"""Every iteration as it is written in the formulas: stored kernels, whole complex transforms, one row block at a time.

What a reader of the papers would write first, with torch and without loops over voxels; `benchmarks.methods` times
it beside the methods of the package.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch

AXES = (-3, -2, -1)
SIX = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
NINE = tuple((a, b) for a in range(3) for b in range(3))


class LiteralOperator:
    """Stored kernels (N, C, X, Y, Z) for 1 (isotropic), 6 or 9 components, applied to whole complex spectra."""

    def __init__(self, shape: tuple[int, ...], b0_dirs: np.ndarray, mask: torch.Tensor, components: int = 6) -> None:
        self.mask = mask
        k = torch.meshgrid(*(torch.fft.fftfreq(n, dtype=torch.float32) for n in shape), indexing="ij")
        k2 = k[0] ** 2 + k[1] ** 2 + k[2] ** 2
        k2[0, 0, 0] = 1
        kernels = []
        for h in b0_dirs.tolist():
            b = (h[0] * k[0] + h[1] * k[1] + h[2] * k[2]) / k2
            full = {(i, j): h[i] * h[j] / 3 - b * k[i] * h[j] for i, j in NINE}
            if components == 1:
                kernels.append((full[0, 0] + full[1, 1] + full[2, 2])[None])
            elif components == 9:
                kernels.append(torch.stack([full[pair] for pair in NINE]))
            else:
                kernels.append(torch.stack([full[i, j] if i == j else full[i, j] + full[j, i] for i, j in SIX]))
        self.kernels = torch.stack(kernels)
        self.kernels[:, :, 0, 0, 0] = 0

    def forward(self, chi: torch.Tensor) -> torch.Tensor:
        spectrum = torch.fft.fftn(chi, dim=AXES, norm="ortho")
        return torch.fft.ifftn((self.kernels * spectrum).sum(1), dim=AXES, norm="ortho").real * self.mask

    def adjoint(self, field: torch.Tensor) -> torch.Tensor:
        spectrum = torch.fft.fftn(field * self.mask, dim=AXES, norm="ortho")
        return torch.fft.ifftn((self.kernels * spectrum[:, None]).sum(0), dim=AXES, norm="ortho").real


class TissueRows:
    """Further rows of the system: what is not isotropic in a mask, the diagonals in another, the trace's gradient."""

    def __init__(self, components: int, isotropic: torch.Tensor, empty: torch.Tensor | None, smooth: torch.Tensor):
        pairs = SIX if components == 6 else NINE
        self.diagonal = [pairs.index((a, a)) for a in range(3)]
        self.off = [i for i, (a, b) in enumerate(pairs) if a != b]
        self.isotropic, self.empty, self.smooth = isotropic, empty, smooth

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        a, b, c = (x[i] for i in self.diagonal)
        rows = [self.isotropic * x[i] for i in self.off]
        rows += [self.isotropic * (a - b), self.isotropic * (b - c), self.isotropic * (c - a)]
        if self.empty is not None:
            rows += [self.empty * x[i] for i in self.diagonal]
        return rows + [self.smooth * (torch.roll(a + b + c, -1, axis) - (a + b + c)) for axis in range(3)]

    def adjoint(self, rows: list[torch.Tensor]) -> torch.Tensor:
        left = iter(rows)
        out = self.isotropic.new_zeros(len(self.off) + 3, *self.isotropic.shape)
        for i in self.off:
            out[i] += self.isotropic * next(left)
        d, e, f = (self.isotropic * next(left) for _ in range(3))
        for i, change in zip(self.diagonal, (d - f, e - d, f - e), strict=True):
            out[i] += change
        if self.empty is not None:
            for i in self.diagonal:
                out[i] += self.empty * next(left)
        for axis in range(3):
            flux = self.smooth * next(left)
            for i in self.diagonal:
                out[i] += torch.roll(flux, 1, axis) - flux
        return out


class GradientRows:
    """Further rows for one component: its weighted differences along the three axes."""

    def __init__(self, smooth: torch.Tensor) -> None:
        self.smooth = smooth

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [self.smooth * (torch.roll(x, -1, axis) - x) for axis in (1, 2, 3)]

    def adjoint(self, rows: list[torch.Tensor]) -> torch.Tensor:
        flux = [self.smooth * row for row in rows]
        return sum(torch.roll(f, 1, axis) - f for axis, f in zip((1, 2, 3), flux, strict=True))


Rows = TissueRows | GradientRows


def conjugate_gradients(operator: LiteralOperator, data: torch.Tensor, rows: Rows | None = None) -> Callable:
    """Make a function that takes one iteration of CGLS on the stacked system."""
    state = {"x": operator.adjoint(torch.zeros_like(data)), "r": data.clone()}
    state["s"] = operator.adjoint(data)
    state["p"] = state["s"].clone()
    extra = None if rows is None else [torch.zeros_like(row) for row in rows.forward(state["x"])]

    def iterate() -> None:
        p = state["p"]
        q = operator.forward(p)
        more = [] if rows is None else rows.forward(p)
        gamma = (state["s"] ** 2).sum()
        alpha = gamma / ((q**2).sum() + sum((row**2).sum() for row in more))
        state["x"] = state["x"] + alpha * p
        state["r"] = state["r"] - alpha * q
        s = operator.adjoint(state["r"])
        if rows is not None and extra is not None:
            for row, change in zip(extra, more, strict=True):
                row -= alpha * change
            s = s + rows.adjoint(extra)
        state["p"] = s + (s**2).sum() / gamma * p
        state["s"] = s

    return iterate


def proximal_gradient(operator: LiteralOperator, data: torch.Tensor, low: np.ndarray, weight: float) -> Callable:
    """Make a function that takes one iteration of FISTA with a wavelet transform of three levels."""
    x = operator.adjoint(torch.zeros_like(data))
    state = {"x": x, "z": x, "t": 1.0}

    def iterate() -> None:
        z, before, t = state["z"], state["x"], state["t"]
        v = z - operator.adjoint(operator.forward(z) - data) / 3
        x = torch.stack([_shrunk(volume, low, weight / 3) for volume in v])
        state["t"] = (1 + (1 + 4 * t**2) ** 0.5) / 2
        state["z"] = x + (t - 1) / state["t"] * (x - before)
        state["x"] = x

    return iterate


def _shrunk(volume: torch.Tensor, low: np.ndarray, threshold: float, levels: int = 3) -> torch.Tensor:
    """Wavelet coefficients by strided sums over the taps, thresholded, and back."""
    high = low[::-1] * np.where(np.arange(len(low)) % 2 == 0, -1.0, 1.0)
    parts = [volume]
    for axis in range(3):
        parts = [_halve(part, taps, axis) for part in parts for taps in (low, high)]
    average = parts[0] if levels == 1 else _shrunk(parts[0], low, threshold, levels - 1)
    parts = [average] + [torch.sign(part) * (part.abs() - threshold).clamp(min=0) for part in parts[1:]]
    for axis in (2, 1, 0):
        parts = [_double(a, low, axis) + _double(b, high, axis) for a, b in zip(parts[::2], parts[1::2], strict=True)]
    return parts[0]


def _halve(volume: torch.Tensor, taps: Sequence[float], axis: int) -> torch.Tensor:
    out = sum(torch.roll(volume, j - len(taps) // 2, axis) * tap for j, tap in enumerate(np.asarray(taps).tolist()))
    even = [slice(None)] * 3
    even[axis] = slice(0, None, 2)
    return out[tuple(even)]


def _double(volume: torch.Tensor, taps: Sequence[float], axis: int) -> torch.Tensor:
    even = [slice(None)] * 3
    even[axis] = slice(0, None, 2)
    shape = list(volume.shape)
    shape[axis] *= 2
    wide = volume.new_zeros(shape)
    wide[tuple(even)] = volume
    return sum(torch.roll(wide, len(taps) // 2 - j, axis) * tap for j, tap in enumerate(np.asarray(taps).tolist()))
