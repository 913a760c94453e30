"""The data terms of field maps and of R2' together, in seven components of about unit spread.

The components are the six of `napari_sti.recon.unrolled.whitened` for the total susceptibility chi+ I + X- (its mean,
and the five of the traceless part, which X- has alone) and the strength of both sources together, chi+ plus |mean of
X-|. In them the two measurements hardly share an unknown: field maps see the first six, R2' the last one and, through
the directions, the traceless part.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sti.recon import fourier
from napari_sti.recon.operator import StiOperator
from napari_sti.recon.sources.definite import project_negative
from napari_sti.recon.unrolled.whitened import (
    CAUTION,
    ISO_PPM,
    WhitenedFit,
    basis,
    estimate_noise,
    from_tensor,
    invert,
    to_tensor,
)

STRENGTH_PPM = 0.04
"""Unit of the seventh component."""
RATE_NOISE_FLOOR = 2e-3
"""ppm: no constant Dr fits better than that."""

COMPONENTS = 7
ALIKE = (1.0,) * COMPONENTS


def to_sources(w: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """chi+ (X, Y, Z) and X- (6, X, Y, Z) in ppm of components (7, X, Y, Z), with the signs as they come."""
    mean, strength = w[0] * ISO_PPM, w[6] * STRENGTH_PPM
    pos = (mean + strength) / 2
    neg = to_tensor(w[:6])
    neg[[0, 3, 5]] -= pos
    return pos, neg


def from_sources(pos: torch.Tensor, neg: torch.Tensor) -> torch.Tensor:
    """Components (7, X, Y, Z) of chi+ (X, Y, Z) and X- (6, X, Y, Z) in ppm."""
    total = neg.clone()
    total[[0, 3, 5]] += pos
    six = from_tensor(total)
    strength = pos - neg[[0, 3, 5]].mean(0)
    return torch.cat([six, strength[None] / STRENGTH_PPM])


def with_signs(w: torch.Tensor) -> torch.Tensor:
    """The components of the nearest sources with chi+ >= 0 and X- negative semi-definite."""
    pos, neg = to_sources(w)
    flat = neg.reshape(6, -1)
    project_negative(flat)
    return from_sources(pos.clamp_min(0), flat.view_as(neg))


def rate_rows(b0_dirs: NDArray[np.float64]) -> torch.Tensor:
    """Rows (N, 7) that turn components into rates R2'_i / Dr = chi+ − h_i^T X- h_i in ppm."""
    rows = []
    for x, y, z in np.asarray(b0_dirs, float):
        along = torch.tensor([x * x, 2 * x * y, 2 * x * z, y * y, 2 * y * z, z * z], dtype=torch.float64)
        aniso = -(along @ basis(torch.float64))
        aniso[0] = 0  # the mean of chi+ I + X- leaves R2' as it is
        rows.append(torch.cat([aniso, torch.tensor([STRENGTH_PPM], dtype=torch.float64)]))
    return torch.stack(rows)


class JointFit(WhitenedFit):
    """min over w:  ½ ‖M A B w − y‖² / σ² + ½ ‖R w − r‖² / ρ² + ½ Σ_c ‖w_c − v_c‖² / τ_c².

    A B are the field maps of the first six components, R the rates of `rate_rows`. Outside the mask there are no
    sources, so the rates are 0 there and count as measured; that makes Rᵀ R one matrix for all k.

    Parameters
    ----------
    operator : StiOperator
        M A, in single precision.
    field : (N, X, Y, Z) tensor
        y in ppm.
    rates : (K, X, Y, Z) tensor
        r = R2' / Dr in ppm, 0 outside the mask.
    rate_dirs : (K, 3) array
        Unit vectors of the main field, in voxel axes, of the rates.
    spread : seven floats
        τ in units of the components.

    Attributes
    ----------
    rate_noise : float
        ρ in ppm, estimated from the rates and at least `RATE_NOISE_FLOOR`.
    """

    def __init__(
        self,
        operator: StiOperator,
        field: torch.Tensor,
        rates: torch.Tensor,
        rate_dirs: NDArray[np.float64],
        spread: Sequence[float] = ALIKE,
    ) -> None:
        super().__init__(operator, field)
        self.rate_noise = max(estimate_noise(rates, operator.mask), RATE_NOISE_FLOOR)
        rows = rate_rows(rate_dirs).to(field)
        self._whitened_fields = self.backprojected
        self._scale = torch.ones(COMPONENTS).to(field)
        self._weight = (self.noise / self.rate_noise) ** 2
        # Rᵀ r is what the rates say of every component, before it is known how far each may go.
        self.rates_backprojected = mixed(rows.T, rates)
        self._rows = rows
        self._spread_by(spread)

    def respread(self, spread: Sequence[float]) -> "JointFit":
        """The same data with other τ."""
        other = object.__new__(JointFit)
        other.__dict__.update(self.__dict__)
        other._spread_by(spread)
        return other

    def fitted(self, prior: torch.Tensor | None, iterations: int) -> torch.Tensor:
        """Take some iterations from `prior` (7, X, Y, Z), zero if None, towards the minimum; see `WhitenedFit.fit`."""
        units = self._scale[:, None, None, None]
        return units * self.fit(None if prior is None else prior / units, 1.0, iterations)

    def field_gradient(self, w: torch.Tensor | None) -> torch.Tensor:
        """Bᵀ Aᵀ (y − A B w) (6, X, Y, Z) of the field maps alone; of w = 0 if None. Without gradients."""
        with torch.no_grad():
            left = self._whitened_fields
            if w is not None:
                plain = self.respread(ALIKE)
                left = left - WhitenedFit._normal(plain, self._spectra(w[:6].contiguous()))
            return self._images(left)

    def _spread_by(self, spread: Sequence[float]) -> None:
        """Count every component in units of its τ, so that the ridge is one number."""
        scale = torch.tensor([float(s) for s in spread]).to(self._rows)
        self._scale = scale
        self._matrix = basis().to(self._rows) * scale[:6]
        gram = (self._rows * scale).T @ (self._rows * scale)
        self._gram = self._weight * gram
        self._preconditioner = None
        seven = self.operator.empty_spectra(COMPONENTS)
        from_rates = self._spectra(self.rates_backprojected)
        units = scale[:, None, None, None]
        torch.mul(from_rates, self._weight * units, out=seven)
        seven[:6] += self._whitened_fields * units[:6]
        self.backprojected = seven

    def _normal(self, spectra: torch.Tensor) -> torch.Tensor:
        out = mixed(self._gram, spectra)
        out[:6] += super()._normal(spectra[:6])
        return out

    def _preconditioned(self, spectra: torch.Tensor, ridge: float) -> torch.Tensor:
        if self._preconditioner is None or self._preconditioner[0] != ridge:
            self._preconditioner = ridge, self._inverse(ridge)
        inverse = self._preconditioner[1]
        real, out = torch.view_as_real(spectra), torch.empty_like(spectra)
        there = torch.view_as_real(out)
        for c in range(COMPONENTS):
            torch.mul(real[0], inverse[c, 0].unsqueeze(-1), out=there[c])
            for d in range(1, COMPONENTS):
                there[c].addcmul_(real[d], inverse[c, d].unsqueeze(-1))
        return out

    def _inverse(self, ridge: float) -> torch.Tensor:
        """The inverse of the same problem without a mask, real (7, 7, X, Y, Z//2 + 1)."""
        system = self._gram[:, :, None, None, None].repeat(1, 1, *self._whitened_fields.shape[1:])
        columns = [column for pair in ((0, 1), (2, 3), (4, 5)) for column in self._columns(*pair)]
        whiten = torch.kron(self._matrix.T.contiguous(), self._matrix.T.contiguous())
        together = torch.stack(columns)
        system[:6, :6] += (whiten @ together.reshape(36, -1)).view_as(together)
        caution = torch.full((COMPONENTS,), ridge).to(self._gram)
        caution[:6] *= CAUTION**2
        for c in range(COMPONENTS):
            system[c, c] += caution[c]
        return invert(system)

    def _spectra(self, w: torch.Tensor) -> torch.Tensor:
        out = self.operator.empty_spectra(len(w))
        fourier.to_spectra(w, out)
        return out

    def _images(self, spectra: torch.Tensor) -> torch.Tensor:
        out = self.operator.empty_volumes(len(spectra))
        fourier.to_images(spectra, out, self.operator.mask)
        return out


def mixed(matrix: torch.Tensor, volumes: torch.Tensor) -> torch.Tensor:
    """Combine real volumes or spectra (Q, ...) by a real matrix (P, Q)."""
    if volumes.is_complex():
        return torch.view_as_complex(mixed(matrix, torch.view_as_real(volumes)))
    return (matrix @ volumes.reshape(len(volumes), -1)).view(len(matrix), *volumes.shape[1:])
