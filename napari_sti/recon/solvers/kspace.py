"""The forward operator for unknowns that live in k-space, which spares a solver twelve transforms per iteration."""

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sti.recon import fourier
from napari_sti.recon.halfspace import spectrum_shape
from napari_sti.recon.operator import StiOperator
from napari_sti.recon.solvers.cgls import squared_norm


class KSpaceOperator:
    """y = M F⁻¹ Σ_c d_ic z_c of the transform z = F χ of a tensor.

    F is unitary, so least squares in z and in χ are the same problem, and conjugate gradients take the same steps in
    both: one iteration needs 2 N transforms instead of 12 + 2 N. That holds as long as nothing is asked of χ in
    image space. Only the half of k-space is kept that real volumes need; inner products count the missing half.

    Unknowns are real tensors (6, X, Y, 2 (Z//2 + 1)): real and imaginary parts side by side, since arithmetic on
    them is faster than on complex numbers.
    """

    def __init__(self, operator: StiOperator) -> None:
        self.operator = operator
        self._hat = operator.empty_spectra(operator.orientations)

    def forward(self, x: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """Field maps (N, X, Y, Z), 0 outside the mask."""
        op = self.operator
        y = op.empty_volumes(op.orientations) if out is None else out
        op.kernel.forward(_complex(x), self._hat)
        fourier.to_images(self._hat, y, op.mask)
        return y

    def adjoint(self, y: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """Adjoint of field maps (N, X, Y, Z), for the inner product of whole spectra."""
        op = self.operator
        x = self.empty() if out is None else out
        fourier.to_spectra(y, self._hat, op.mask)
        op.kernel.adjoint(self._hat, _complex(x))
        return x

    def squared_norm(self, x: torch.Tensor) -> float:
        """Sum of squares over all of k-space, which is that of the volumes."""
        # Planes with a mirror image in the missing half count twice: all but k_z = 0 and, on even axes, the last.
        total = 2 * squared_norm(x) - squared_norm(x[..., :2])
        return total - squared_norm(x[..., -2:]) if self.operator.shape[2] % 2 == 0 else total

    def empty(self) -> torch.Tensor:
        """Uninitialised unknown."""
        op = self.operator
        a, b, c = spectrum_shape(op.shape)
        return fourier.empty(6, a, b, 2 * c, device=op.device, dtype=op.dtype)

    def from_images(self, chi: torch.Tensor) -> torch.Tensor:
        """Unknown of a tensor (6, X, Y, Z)."""
        x = self.empty()
        fourier.to_spectra(chi, _complex(x))
        return x

    def to_tensor(self, x: torch.Tensor) -> NDArray[np.float32]:
        """Tensor (X, Y, Z, 6) of an unknown, 0 outside the mask, as a numpy array on the host."""
        op = self.operator
        chi = np.empty((*op.shape, 6), np.float32)
        volume = op.empty_volumes(1)
        for c, spectrum in enumerate(_complex(x)):
            fourier.to_images(spectrum[None], volume, op.mask)
            chi[..., c] = volume[0].cpu().numpy()
        return chi


def _complex(x: torch.Tensor) -> torch.Tensor:
    return torch.view_as_complex(x.view(*x.shape[:3], -1, 2))
