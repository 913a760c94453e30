"""The data term in components of unit spread: mean susceptibility and five of the anisotropy, each on its own scale.

The mean varies by some 0.04 ppm over a brain and the anisotropic part by some 0.006 ppm. In the six components of the
tensor the first hides the second from a solver as from a network; here both are of order 1, and the ridge of the
least squares becomes a statement: how far each may be expected to be from zero.
"""

from collections.abc import Callable
from typing import Any

import torch

from napari_sti.recon import fourier
from napari_sti.recon.operator import StiOperator

ISO_PPM = 0.04
"""Spread of the mean susceptibility over a brain."""
ANISO_PPM = 0.006
"""Spread of each of the five components of the traceless part."""

NOISE_FLOOR = 2e-4
"""ppm; discretisation alone leaves as much."""
CONVERGED = 1e-12
"""Of the first squared residual; beyond it, single precision has nothing to add but errors."""
CAUTION = 4.0
"""The preconditioner knows of no mask, and what is hard to see without one is harder with it: its ridge is so many
times larger, as a length."""


def basis(dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Matrix (6, 6) from the six whitened components to xx, xy, xz, yy, yz, zz in ppm.

    The first is the mean susceptibility over `ISO_PPM`; the others are coordinates, over `ANISO_PPM`, in an
    orthonormal basis (for the Frobenius norm) of the traceless symmetric tensors.
    """
    half, sixth = 2**-0.5, 6**-0.5
    columns = [
        [1, 0, 0, 1, 0, 1],
        [half, 0, 0, -half, 0, 0],
        [-sixth, 0, 0, -sixth, 0, 2 * sixth],
        [0, half, 0, 0, 0, 0],
        [0, 0, half, 0, 0, 0],
        [0, 0, 0, 0, half, 0],
    ]
    scale = torch.tensor([ISO_PPM] + 5 * [ANISO_PPM], dtype=torch.float64)
    return (torch.tensor(columns, dtype=torch.float64) * scale[:, None]).T.to(dtype)


def to_tensor(w: torch.Tensor) -> torch.Tensor:
    """Tensor (6, X, Y, Z) in ppm of whitened components (6, X, Y, Z)."""
    return mix(basis().to(w), w)


def from_tensor(chi: torch.Tensor) -> torch.Tensor:
    """Whitened components (6, X, Y, Z) of a tensor (6, X, Y, Z) in ppm."""
    return mix(torch.linalg.inv(basis(torch.float64)).to(chi), chi)


def mix(matrix: torch.Tensor, volumes: torch.Tensor) -> torch.Tensor:
    """Combine six real volumes or spectra by a real matrix (6, 6)."""
    if volumes.is_complex():
        return torch.view_as_complex(mix(matrix, torch.view_as_real(volumes)))
    return (matrix @ volumes.reshape(6, -1)).view_as(volumes)


class WhitenedFit:
    """min over w:  ½ ‖M A B w − y‖² / σ² + ½ ‖w − v‖² / τ²  by preconditioned conjugate gradients in k-space.

    B is `basis`. Nothing is asked of w outside the mask M but to be near v (which is 0 there): so the unknown can
    stay in k-space, where an iteration needs 2 N transforms, and where the inverse of the same problem without a mask
    is a 6x6 matrix for every k, the preconditioner.

    Parameters
    ----------
    operator : StiOperator
        M A, in single precision.
    field : (N, X, Y, Z) tensor
        y in ppm.
    on_iteration : callable, optional
        Called before every iteration; may raise to leave.

    Attributes
    ----------
    noise : float
        σ in ppm, estimated from the field maps and at least `NOISE_FLOOR`.
    """

    def __init__(
        self, operator: StiOperator, field: torch.Tensor, on_iteration: Callable[[], None] | None = None
    ) -> None:
        self.operator, self._on_iteration = operator, on_iteration
        self.noise = max(estimate_noise(field, operator.mask), NOISE_FLOOR)
        self._matrix = basis().to(field)
        self._fields = operator.empty_spectra(operator.orientations)
        fourier.to_spectra(field, self._fields, operator.mask)
        self.backprojected = self._adjoint()
        self._preconditioner: tuple[float, torch.Tensor] | None = None

    def fit(self, prior: torch.Tensor | None, spread: float, iterations: int) -> torch.Tensor:
        """Take some iterations from `prior` (v; zero if None) towards the minimum.

        Differentiable in `prior`: the minimum depends on v linearly, through (N + ridge)⁻¹ ridge, and the gradient is
        taken by as many iterations of the same solver.

        Parameters
        ----------
        prior : (6, X, Y, Z) tensor, optional
            Whitened components, 0 outside the mask.
        spread : float
            τ, of order 1: how far w may be from v.
        iterations : int
            Few; what they leave out is what is hard to see in the data.

        Returns
        -------
        (6, X, Y, Z) tensor
            w, 0 outside the mask.
        """
        if prior is None:
            return self._images(self._solve(self.backprojected, (self.noise / spread) ** 2, iterations))
        fitted: torch.Tensor = _Fit.apply(prior, self, spread, iterations)  # type: ignore[no-untyped-call]
        return fitted

    def gradient(self, w: torch.Tensor) -> torch.Tensor:
        """Bᵀ Aᵀ (y − A B w) of whitened components (6, X, Y, Z), 0 outside the mask, without gradients."""
        with torch.no_grad():
            return self._images(self.backprojected - self._normal(self._spectra(w)))

    def backprojection(self) -> torch.Tensor:
        """Bᵀ Aᵀ y (6, X, Y, Z), 0 outside the mask."""
        return self._images(self.backprojected)

    def _solve(self, right: torch.Tensor, ridge: float, iterations: int) -> torch.Tensor:
        """Approximate (N + ridge)⁻¹ right, both spectra."""
        x, r = torch.zeros_like(right), right.clone()
        z = self._preconditioned(r, ridge)
        p, rz = z.clone(), self._dot(r, z)
        least = CONVERGED * rz
        for number in range(iterations):
            if self._on_iteration is not None:
                self._on_iteration()
            q = self._normal(p).add_(p, alpha=ridge)
            pq = self._dot(p, q)
            if rz <= least or pq <= 0:
                break
            step = rz / pq
            x.add_(p, alpha=step)
            if number + 1 < iterations:
                r.sub_(q, alpha=step)
                z = self._preconditioned(r, ridge)
                rz, before = self._dot(r, z), rz
                p.mul_(rz / before).add_(z)
        return x

    def _normal(self, spectra: torch.Tensor) -> torch.Tensor:
        self.operator.kernel.forward(mix(self._matrix, spectra), self._fields)
        fourier.mask_spectra(self._fields, self.operator.shape, self.operator.mask)
        return self._adjoint()

    def _adjoint(self) -> torch.Tensor:
        """Of the spectra of the masked fields."""
        out = self.operator.empty_spectra(6)
        self.operator.kernel.adjoint(self._fields, out)
        return mix(self._matrix.T, out)

    def _preconditioned(self, spectra: torch.Tensor, ridge: float) -> torch.Tensor:
        if self._preconditioner is None or self._preconditioner[0] != ridge:
            self._preconditioner = ridge, self._inverse(CAUTION**2 * ridge)
        inverse = self._preconditioner[1]
        out = torch.empty_like(spectra)
        real, there = torch.view_as_real(spectra), torch.view_as_real(out)
        for c in range(6):
            torch.mul(real[0], inverse[c, 0].unsqueeze(-1), out=there[c])
            for d in range(1, 6):
                there[c].addcmul_(real[d], inverse[c, d].unsqueeze(-1))
        return out

    def _inverse(self, ridge: float) -> torch.Tensor:
        """(Bᵀ Dᵀ D B + ridge)⁻¹ of every k, real (6, 6, X, Y, Z//2 + 1)."""
        columns = [column for pair in ((0, 1), (2, 3), (4, 5)) for column in self._columns(*pair)]
        # B on both sides is one matrix for all 36 numbers of a k.
        whiten = torch.kron(self._matrix.T.contiguous(), self._matrix.T.contiguous())
        together = torch.stack(columns)
        system = (whiten @ together.reshape(36, -1)).view_as(together)
        for c in range(6):
            system[c, c] += ridge
        return invert(system)

    def _columns(self, first: int, second: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Two columns (6, X, Y, Z//2 + 1) of Dᵀ D, which is real: one goes through as the imaginary part."""
        unit = self.operator.empty_spectra(6).zero_()
        unit.real[first], unit.imag[second] = 1, 1
        self.operator.kernel.forward(unit, self._fields)
        self.operator.kernel.adjoint(self._fields, unit)
        return unit.real, unit.imag

    def _spectra(self, w: torch.Tensor) -> torch.Tensor:
        out = self.operator.empty_spectra(6)
        fourier.to_spectra(w, out)
        return out

    def _images(self, spectra: torch.Tensor) -> torch.Tensor:
        out = self.operator.empty_volumes(6)
        fourier.to_images(spectra, out, self.operator.mask)
        return out

    def _dot(self, a: torch.Tensor, b: torch.Tensor) -> float:
        """Inner product of the volumes of two half spectra: planes that the other half mirrors count twice."""
        a, b = torch.view_as_real(a), torch.view_as_real(b)
        total = 2 * _sum(a, b) - _sum(a[..., 0, :], b[..., 0, :])
        return total - _sum(a[..., -1, :], b[..., -1, :]) if self.operator.shape[2] % 2 == 0 else total


class _Fit(torch.autograd.Function):
    """`WhitenedFit.fit` with a prior, and its gradient."""

    @staticmethod
    def forward(ctx: Any, prior: torch.Tensor, fit: WhitenedFit, spread: float, iterations: int) -> torch.Tensor:
        ctx.fit, ctx.ridge, ctx.iterations = fit, (fit.noise / spread) ** 2, iterations
        v = fit._spectra(prior)
        correction = fit._solve(fit.backprojected - fit._normal(v), ctx.ridge, iterations)
        return fit._images(v.add_(correction))

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        given = ctx.fit._spectra(gradients[0] * ctx.fit.operator.mask)
        moved = ctx.fit._solve(ctx.fit._normal(given), ctx.ridge, ctx.iterations)
        # The minimum moves with v by 1 - (N + ridge)⁻¹ N, which is symmetric.
        return ctx.fit._images(given.sub_(moved)), None, None, None


def invert(system: torch.Tensor) -> torch.Tensor:
    """Invert symmetric positive definite matrices (n, n, ...) by Gauss and Jordan, many at once, in place."""
    n = len(system)
    for k in range(n):
        pivot = system[k, k].reciprocal()
        system[k, k] = 1
        system[k] *= pivot
        for i in range(n):
            if i != k:
                factor = system[i, k].clone()
                system[i, k] = 0
                system[i].addcmul_(system[k], factor, value=-1)
    return system


def estimate_noise(field: torch.Tensor, mask: torch.Tensor) -> float:
    """Standard deviation of white noise in field maps (N, X, Y, Z), from their finest diagonal details.

    Differences along all three axes at once keep the variance of white noise and almost nothing of a smooth field;
    the median of their size is not moved by edges (Donoho and Johnstone 1994). 0 where the mask is too thin.
    """
    detail, inside = field, mask > 0.5
    for axis in (1, 2, 3):
        n = field.shape[axis] - 1
        detail = (detail.narrow(axis, 1, n) - detail.narrow(axis, 0, n)) / 2**0.5
        inside = inside.narrow(axis - 1, 1, n) & inside.narrow(axis - 1, 0, n)
    values = detail[:, inside].abs()
    return float(values.median()) / 0.6745 if values.numel() else 0.0


def _sum(a: torch.Tensor, b: torch.Tensor) -> float:
    return sum(float(torch.dot(u.reshape(-1), v.reshape(-1))) for u, v in zip(a, b, strict=True))
