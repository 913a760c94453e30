"""What is wrong with tensors from few orientations: errors for a tensor network to learn beside plain noise.

Least squares with a ridge leave in a tensor w of whitened components the error

    e = (N + ridge)^-1 (t ridge w - D^T n),    N = D^T D, ridge = (sigma / spread)^2,

for every k: what the orientations do not see is missing (a share t of it, if the rest is known from an iteration
before), and noise n of standard deviation sigma comes in where they see little.
"""

import math

import torch

from napari_sti.recon.unrolled.whitened import basis

ORIENTATIONS = (1, 6)
MOST_TILT_DEG = 40.0
NOISE_PPM = (5e-4, 3e-3)
SPREAD = 1.0
"""Of the whitened components, in the ridge."""


class Gaps:
    """Errors of least squares on cubes, as if the cubes repeated themselves without end and voxels were cubes.

    Parameters
    ----------
    edge : int
        Of the cubes in voxels.
    device : device
        Where they are.
    """

    def __init__(self, edge: int, device: torch.device | str = "cpu") -> None:
        full, half = torch.fft.fftfreq(edge, device=device), torch.fft.rfftfreq(edge, device=device)
        k = torch.stack([axis.flatten() for axis in torch.meshgrid(full, full, half, indexing="ij")])
        self._unit = k / k.norm(dim=0).clamp_min(1e-12)
        self._shape = (edge, edge, half.numel())
        self._edge = edge

    def error(self, w: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Draw a scan with its noise, and return w - e for a cube w of whitened components (6, E, E, E)."""
        low, high = ORIENTATIONS
        count = low + int(_uniform(generator, w) * (high - low + 1))
        sigma = math.exp(math.log(NOISE_PPM[0]) + _uniform(generator, w) * math.log(NOISE_PPM[1] / NOISE_PPM[0]))
        ridge, missing = (sigma / SPREAD) ** 2, _uniform(generator, w)
        rows = self._rows(_directions(count, generator, w))  # (N, 6, K)
        noise = sigma * torch.randn(count, *(self._edge,) * 3, generator=generator, device=w.device, dtype=w.dtype)
        right = missing * ridge * _spectrum(w) - torch.einsum("nck,nk->ck", rows.to(torch.complex64), _spectrum(noise))
        left = torch.einsum("nck,ndk->kcd", rows, rows) + ridge * torch.eye(6, device=w.device)
        parts = torch.view_as_real(right.T.contiguous())  # (K, 6, 2)
        found = torch.cholesky_solve(parts, torch.linalg.cholesky(left))
        found[0] = 0  # of the mean of a cube, which is no mean of a head, nothing is said
        spectrum = torch.view_as_complex(found.contiguous()).T.reshape(6, *self._shape)
        error: torch.Tensor = torch.fft.irfftn(spectrum, s=(self._edge,) * 3, dim=(1, 2, 3), norm="ortho")
        return w - error

    def _rows(self, directions: torch.Tensor) -> torch.Tensor:
        """Field at every k of a unit of each whitened component: h^T X h / 3 - (h n) (n^T X h)."""
        n, h = self._unit, directions[:, :, None]  # (3, K), (N, 3, 1)
        along = (h * n).sum(1)  # (N, K)
        pairs = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
        rows = []
        for a, b in pairs:
            twice = 1 if a == b else 2
            rows.append(twice * (h[:, a] * h[:, b] / 3 - along * (n[a] * h[:, b] + n[b] * h[:, a]) / 2))
        found: torch.Tensor = torch.einsum("nck,cd->ndk", torch.stack(rows, 1), basis().to(n))
        return found


def with_gaps(w: torch.Tensor, share: float, noise: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Give a share of a batch (B, 6, E, E, E) the errors of least squares and the others `noise`."""
    out = w + noise
    gaps = Gaps(w.shape[-1], w.device)
    for row in range(len(w)):
        if _uniform(generator, w) < share:
            out[row] = gaps.error(w[row], generator)
    return out


def _directions(count: int, generator: torch.Generator, like: torch.Tensor) -> torch.Tensor:
    """B0 directions (N, 3): the first one nearly upright, the others tilted."""
    drawn = torch.rand(count, 2, generator=generator, device=like.device, dtype=like.dtype)
    tilt = math.radians(MOST_TILT_DEG) * drawn[:, 0].sqrt()
    tilt[0] *= 0.3
    turn = 2 * math.pi * drawn[:, 1]
    return torch.stack([tilt.sin() * turn.cos(), tilt.sin() * turn.sin(), tilt.cos()], 1)


def _spectrum(volumes: torch.Tensor) -> torch.Tensor:
    spectra: torch.Tensor = torch.fft.rfftn(volumes, dim=(1, 2, 3), norm="ortho")
    return spectra.flatten(1)


def _uniform(generator: torch.Generator, like: torch.Tensor) -> float:
    return float(torch.rand(1, generator=generator, device=like.device))
