"""The inversion of a single field map with its unknown in k-space, which spares a solver two of six transforms.

F is unitary, so that conjugate gradients take the same steps for the spectrum of the susceptibility as for the
susceptibility. There the preconditioner is a product, and the direction need not be transformed for the operator: an
iteration takes one transform for the field of the direction, one for its residual, and two for the penalty, which is
asked for in image space and once only, since its gradient is linear and can be followed.

Unknowns are real tensors (1, X, Y, 2 (Z//2 + 1)), as in `napari_sti.recon.solvers.kspace`.
"""

import math

import torch

from napari_sti.recon import fourier
from napari_sti.recon.halfspace import Shape, spectrum_shape
from napari_sti.recon.scalar import ScalarOperator
from napari_sti.recon.scalar_penalty import GradientPenalty


class ScalarKSpaceOperator:
    """y = M F⁻¹ dᵢ z of the spectrum z = F χ.

    Parameters
    ----------
    operator : ScalarOperator
        That is not confined to its mask.
    """

    def __init__(self, operator: ScalarOperator) -> None:
        self.operator = operator

    def forward(self, x: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """Field maps (N, X, Y, Z), 0 outside the mask."""
        return self.operator.fields_of(_pairs(x), out)

    def adjoint(self, y: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """Adjoint of field maps (N, X, Y, Z), for the inner product of whole spectra."""
        x = torch.view_as_real(self.operator.empty_spectra(1)).flatten(3) if out is None else out
        self.operator.spectrum_of(y, _pairs(x))
        return x

    def squared_norm(self, x: torch.Tensor) -> float:
        """Sum of squares over all of k-space, which is that of the volume."""
        return inner(x, x, self.operator.shape)

    def from_image(self, chi: torch.Tensor) -> torch.Tensor:
        """Spectrum of a susceptibility (1, X, Y, Z)."""
        x = self.operator.empty_spectra(1)
        fourier.to_spectra(chi, x)
        return torch.view_as_real(x).flatten(3)

    def to_image(self, x: torch.Tensor) -> torch.Tensor:
        """Susceptibility (1, X, Y, Z) of a spectrum."""
        chi = self.operator.empty_volumes(1)
        fourier.to_images(_complex(x), chi)
        return chi


class KSpacePenalty:
    """½ <x, K x> + ½ λ ‖x‖² of the volume x of a spectrum; a `FollowedPenalty` for `cgls`.

    Parameters
    ----------
    penalty : GradientPenalty
        K.
    operator : ScalarOperator
        On the same grid.
    ridge : float
        λ.

    Attributes
    ----------
    largest : float
        No eigenvalue is above it.
    """

    def __init__(self, penalty: GradientPenalty, operator: ScalarOperator, ridge: float) -> None:
        self._penalty, self._ridge = penalty, ridge
        self.largest = penalty.largest + ridge
        self._spectrum = operator.empty_spectra(1)
        self._image, self._product, self._gradient = (operator.empty_volumes(1) for _ in range(3))
        self._own = self._total = 0.0
        self._followed = False

    def value(self, x: torch.Tensor) -> float:
        """<x, (K + λ) x>; both factors are kept for `move`."""
        fourier.to_images(_complex(x), self._image)
        torch.mul(self._image, -self._ridge, out=self._product)
        self._own = self._penalty.subtract_gradient(self._image, self._product)
        self._own += self._ridge * _dot(self._image, self._image)
        return self._own

    def move(self, alpha: float) -> None:
        """Follow the unknown, which has moved by alpha times what `value` was asked for last."""
        if not self._followed:
            self._start(0.0, 0.0)
        self._total += alpha * (alpha * self._own - 2 * _dot(self._image, self._gradient))
        self._gradient.add_(self._product, alpha=alpha)

    def subtract_gradient(self, x: torch.Tensor, out: torch.Tensor) -> float:
        """Take (K + λ) x from `out`, and return <x, (K + λ) x>; x is looked at the first time, and at k = 0."""
        if not self._followed:
            self._start(1.0, self.value(x))
        fourier.to_spectra(self._gradient, self._spectrum)
        gradient = torch.view_as_real(self._spectrum).flatten(3)
        # Differences have no mean. What rounding makes of it would be divided by λ, the only curvature there.
        gradient[..., 0, 0, :2] = -self._ridge * x[..., 0, 0, :2]
        out.add_(gradient)
        return self._total

    def _start(self, share: float, total: float) -> None:
        torch.mul(self._product, share, out=self._gradient)
        self._total, self._followed = total, True


class KSpacePreconditioner:
    """P = (d² ρ + β² κ g + λ)⁻¹: the inverse of the normal operator if mask and weights were their means.

    g is the symbol of the squared gradient. Where the sum vanishes, as it does at k = 0 without a ridge, it is kept
    from falling below a share of its largest value.

    Parameters
    ----------
    kernel : (1, X, Y, Zh, 2) tensor
        d, as `napari_sti.recon.scalar.dipole_kernels` gives it.
    penalty : GradientPenalty
        Its weights, whose means make β² κ.
    covered : float
        ρ, the share of the grid in which the field is known.
    ridge : float
        λ.
    """

    FLOOR = 1e-5

    def __init__(self, kernel: torch.Tensor, penalty: GradientPenalty, shape: Shape, covered: float, ridge: float):
        inverse = kernel[0, ..., 0].square().mul_(covered).add_(ridge)
        for axis, mean in enumerate(penalty.weights.mean((1, 2, 3)).tolist()):
            index = torch.arange(spectrum_shape(shape)[axis], dtype=torch.float64)
            symbol = mean * (2 - 2 * torch.cos(2 * math.pi * index / shape[axis]))
            view = [1, 1, 1]
            view[axis] = -1
            inverse += symbol.reshape(view).to(inverse)
        inverse.clamp_(min=self.FLOOR * float(inverse.max())).reciprocal_()
        self._inverse, self._shape = inverse.repeat_interleave(2, dim=-1), shape

    def apply(self, s: torch.Tensor, out: torch.Tensor) -> float:
        """Write P s to `out`, and return <s, P s>."""
        torch.mul(s[0], self._inverse, out=out[0])
        return inner(s, out, self._shape)


def inner(a: torch.Tensor, b: torch.Tensor, shape: Shape) -> float:
    """Inner product of the volumes of two spectra."""
    # Planes with a mirror image in the missing half count twice: all but k_z = 0 and, on even axes, the last.
    total = 2 * _dot(a, b) - _dot(a[..., :2], b[..., :2])
    return total - _dot(a[..., -2:], b[..., -2:]) if shape[2] % 2 == 0 else total


def _dot(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.dot(a.reshape(-1), b.reshape(-1)))


def _pairs(x: torch.Tensor) -> torch.Tensor:
    """Real and imaginary parts (X, Y, Z//2 + 1, 2) of an unknown."""
    return x.view(*x.shape[1:3], -1, 2)


def _complex(x: torch.Tensor) -> torch.Tensor:
    return torch.view_as_complex(x.view(*x.shape[:3], -1, 2))
