"""The forward operator for unknowns that live in k-space, which spares a solver twelve transforms per iteration."""

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sti.recon import fourier
from napari_sti.recon.halfspace import spectrum_shape
from napari_sti.recon.operator import StiOperator
from napari_sti.recon.solvers.cgls import squared_norm
from napari_sti.recon.solvers.imagespace import SYMMETRIC


class KSpaceOperator:
    """y = M F⁻¹ Σ_c d_ic z_c of the transform z = F χ of a tensor.

    F is unitary, so least squares in z and in χ are the same problem, and conjugate gradients take the same steps in
    both: one iteration needs 2 N transforms instead of 12 + 2 N. That holds as long as nothing is asked of χ in
    image space. Only the half of k-space is kept that real volumes need; inner products count the missing half.

    Unknowns are real tensors (C, X, Y, 2 (Z//2 + 1)): real and imaginary parts side by side, since arithmetic on
    them is faster than on complex numbers.

    Parameters
    ----------
    operator : StiOperator
        With six components or nine.
    home : device, optional
        Where unknowns and data live, if not on the operator's device.
    """

    def __init__(self, operator: StiOperator, home: str | torch.device = "") -> None:
        self.operator = operator
        self.home = torch.device(home) if home else operator.device
        self._hat = operator.empty_spectra(operator.orientations)

    def forward(self, x: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """Field maps (N, X, Y, Z), 0 outside the mask."""
        op = self.operator
        y = out if out is not None and self._is_near else op.empty_volumes(op.orientations)
        op.kernel.forward(_complex(x.to(op.device)), self._hat)
        fourier.to_images(self._hat, y, op.mask)
        return self._bring(y, out)

    def adjoint(self, y: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """Adjoint of field maps (N, X, Y, Z), for the inner product of whole spectra."""
        op = self.operator
        x = out if out is not None and self._is_near else self._empty(op.device)
        fourier.to_spectra(y.to(op.device), self._hat, op.mask)
        op.kernel.adjoint(self._hat, _complex(x))
        return self._bring(x, out)

    def squared_norm(self, x: torch.Tensor) -> float:
        """Sum of squares over all of k-space, which is that of the volumes."""
        # Planes with a mirror image in the missing half count twice: all but k_z = 0 and, on even axes, the last.
        total = 2 * squared_norm(x) - squared_norm(x[..., :2])
        return total - squared_norm(x[..., -2:]) if self.operator.shape[2] % 2 == 0 else total

    def from_tensor(self, chi: NDArray[np.floating]) -> torch.Tensor:
        """Unknown of a tensor (X, Y, Z, 6)."""
        op = self.operator
        x = self._empty(self.home)
        for c, places in enumerate(SYMMETRIC[op.components]):
            volume = torch.from_numpy(np.ascontiguousarray(chi[..., c])).to(op.device, op.dtype)
            for place in places:
                _complex(x)[place] = torch.fft.rfftn(volume, norm="ortho")
        return x

    def to_tensor(self, x: torch.Tensor) -> NDArray[np.float32]:
        """Symmetric part (X, Y, Z, 6) of an unknown, 0 outside the mask, as a numpy array on the host."""
        op = self.operator
        chi = np.empty((*op.shape, 6), np.float32)
        volume = op.empty_volumes(1)
        for c, places in enumerate(SYMMETRIC[op.components]):
            spectrum = _complex(x)[list(places)].mean(0) if len(places) > 1 else _complex(x)[places[0]]
            fourier.to_images(spectrum[None].to(op.device), volume, op.mask)
            chi[..., c] = volume[0].cpu().numpy()
        return chi

    @property
    def _is_near(self) -> bool:
        return self.home == self.operator.device

    def _empty(self, device: torch.device) -> torch.Tensor:
        op = self.operator
        a, b, c = spectrum_shape(op.shape)
        return fourier.empty(op.components, a, b, 2 * c, device=device, dtype=op.dtype)

    def _bring(self, there: torch.Tensor, out: torch.Tensor | None) -> torch.Tensor:
        if out is None:
            return there.to(self.home)
        return out if out is there else out.copy_(there)


def _complex(x: torch.Tensor) -> torch.Tensor:
    return torch.view_as_complex(x.view(*x.shape[:3], -1, 2))
