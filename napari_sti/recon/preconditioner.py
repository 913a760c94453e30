"""What makes conjugate gradients forget the tissue weights, which are far stronger than the data."""

import torch

from napari_sti.recon.penalties import TissuePenalty
from napari_sti.recon.threads import share, slabs

DATA_CURVATURE = 0.04
"""Mean curvature of the misfit for one component and one orientation: the mean over all directions of k of the squared
kernels, Σ_c d_c², is about 0.24 (between 7/45 and 14/45, depending on how B0 lies to the voxel axes), for all six."""

_SLAB = 1 << 17


class TissuePreconditioner:
    """Inverse of c + K in every voxel, without the smoothness of the mean.

    K is that of `TissuePenalty`: in every voxel it multiplies the off-diagonals by a, the deviatoric part of the
    diagonals by 3 a, and the diagonals by e. c is the mean curvature of the misfit. For weights of α² = 9 to 100
    against a curvature below 1 this takes two to three times fewer iterations (``benchmarks/methods.py`` measures).
    """

    def __init__(self, penalty: TissuePenalty, orientations: int) -> None:
        self.diagonal, self.off_diagonal = penalty.diagonal, penalty.off_diagonal
        c = DATA_CURVATURE * orientations
        base = c if penalty.empty is None else penalty.empty + c
        self._off = torch.reciprocal(penalty.isotropic + c)
        self._deviatoric = torch.reciprocal(3 * penalty.isotropic + base)
        self._mean = torch.reciprocal(torch.as_tensor(base, dtype=self._off.dtype)).expand_as(self._off)

    def apply(self, s: torch.Tensor, out: torch.Tensor) -> float:
        """Write P s to `out`, and return <s, P s>."""
        length = s.shape[1]
        thickness = length if s.device.type != "cpu" else max(1, _SLAB // (s.shape[2] * s.shape[3]))
        parts = slabs(length, thickness)
        values: dict[int, float] = {}

        def one(part: slice) -> None:
            values[part.start] = self._slab(s[:, part], out[:, part], part)

        share(one, parts)
        return sum(values[part.start] for part in parts)

    def _slab(self, s: torch.Tensor, out: torch.Tensor, part: slice) -> float:
        for i in self.off_diagonal:
            torch.mul(s[i], self._off[part], out=out[i])
        a, b, c = self.diagonal
        mean = (s[a] + s[b] + s[c]) / 3
        lifted = mean * (self._mean[part] - self._deviatoric[part])
        for i in self.diagonal:
            torch.addcmul(lifted, s[i], self._deviatoric[part], out=out[i])
        return sum(float(torch.dot(s[i].reshape(-1), out[i].reshape(-1))) for i in range(len(s)))
