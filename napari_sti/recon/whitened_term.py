"""What a reconstruction with a learned prior knows of the field maps: data terms for `napari_sti.lpn.plug_and_play`.

A network that was taught to fill in what is missing makes tensors larger, so that its prior falls without end towards
large ones; where the data say nothing, only the ridge kappa of the data term keeps the minimum finite.

Both are in the whitened components of `napari_sti.recon.unrolled.whitened`, as images (1, 6, X, Y, Z) on the whole
grid. `WhitenedTerm` is D(w) = |M A B w - y|^2 / 2 sigma^2 + kappa |w|^2 / 2. `EnvelopeTerm` is its Moreau envelope

    D_tau(z) = min over w of  D(w) + |w - z|^2 / 2 tau^2,

whose slope (z - w) / tau^2 changes by less than 1 / tau^2 a unit, however hard the fit is. A step of tau^2 down that
slope leads from z to w, so that proximal gradient is: fit the data near z, apply f, and again; and the objective

    D(w) + |w - z|^2 / 2 tau^2 + R(z) / tau^2

never rises, for any tau, since each half of an iteration makes it smaller. Proximal gradient on D itself would ask for
a prior stronger than the bend of D, which is thousands of times that of what the data hardly see.
"""

import torch

from napari_sti.lpn.data_terms import DataTerm
from napari_sti.recon import fourier
from napari_sti.recon.operator import StiOperator
from napari_sti.recon.unrolled.whitened import ANISO_PPM, ISO_PPM, WhitenedFit, mix

_KEPT = 3


class WhitenedTerm(DataTerm):
    """D(w) = |M A B w - y|^2 / 2 sigma^2 + kappa |w|^2 / 2.

    Parameters
    ----------
    operator : StiOperator
        M A, in single precision.
    field : (N, X, Y, Z) tensor
        y in ppm.
    iterations : int
        Conjugate gradients in each `prox`.
    ridge : float
        kappa.
    """

    def __init__(self, operator: StiOperator, field: torch.Tensor, iterations: int, ridge: float = 0.0) -> None:
        self._fit, self._iterations, self._ridge = _Fit(operator, field), iterations, ridge
        self._operator, self._field = operator, field * operator.mask
        self.noise = self._fit.noise
        self.residual = float("nan")

    def start(self) -> torch.Tensor:
        """Zero."""
        return torch.zeros(1, 6, *self._operator.shape, device=self._field.device)

    def value(self, x: torch.Tensor) -> float:
        """D(x); leaves |M A B x - y| / |y| in `residual`."""
        off = float((self._fit.fields(x[0]) - self._field).double().square().sum())
        size = float(self._field.double().square().sum())
        self.residual = (off / size) ** 0.5 if size else 0.0
        return off / (2 * self.noise**2) + self._ridge / 2 * float(x.double().square().sum())

    def gradient(self, x: torch.Tensor) -> torch.Tensor:
        """Return B^T A^T (A B x - y) / sigma^2 + kappa x."""
        return self._fit.slope(x[0])[None] / self.noise**2 + self._ridge * x

    @property
    def lipschitz(self) -> float:
        """Bound: no k of one orientation bends more than 4/9 (ISO^2 + ANISO^2) / sigma^2, the value along B0."""
        return 4 / 9 * self._operator.orientations * (ISO_PPM**2 + ANISO_PPM**2) / self.noise**2 + self._ridge

    def prox(self, v: torch.Tensor, rho: float, start: torch.Tensor) -> torch.Tensor:
        """Go some conjugate gradients from `start` towards argmin of D(w) + rho / 2 |w - v|^2: never uphill."""
        both = rho + self._ridge  # rho |w - v|^2 + kappa |w|^2 = (rho + kappa) |w - rho v / (rho + kappa)|^2 + ...
        return self._fit.towards(v[0] * (rho / both), both * self.noise**2, start[0], self._iterations)[None]


class EnvelopeTerm(DataTerm):
    """The Moreau envelope of a `WhitenedTerm`; `fitted` is the w of the latest z.

    Fits are begun at the latest w and are never uphill, so the objective falls even where few iterations leave them
    unfinished. Those of the latest few z are kept, since an iteration may come back to one.

    Parameters
    ----------
    term : WhitenedTerm
        Of the field maps.
    spread : float
        tau.
    """

    def __init__(self, term: WhitenedTerm, spread: float) -> None:
        self.term, self._weight = term, 1 / spread**2
        self.fitted = term.start()
        self._known: list[tuple[torch.Tensor, torch.Tensor]] = []

    def start(self) -> torch.Tensor:
        """Zero."""
        return self.term.start()

    def value(self, x: torch.Tensor) -> float:
        """D(w) + |w - x|^2 / 2 tau^2."""
        w = self._fitted(x)
        return self.term.value(w) + self._weight / 2 * float((w - x).double().square().sum())

    def gradient(self, x: torch.Tensor) -> torch.Tensor:
        """(x - w) / tau^2."""
        return (x - self._fitted(x)) * self._weight

    @property
    def lipschitz(self) -> float:
        """L / (1 + L tau^2), with the bound L of the term itself."""
        bend = self.term.lipschitz
        return bend / (1 + bend / self._weight)

    def prox(self, v: torch.Tensor, rho: float, start: torch.Tensor) -> torch.Tensor:
        """Of the envelope, by that of the term: a share of the way from v to its fit with a wider spread."""
        both = 1 / (1 / rho + 1 / self._weight)
        w = self.term.prox(v, both, self.fitted)
        return v + (w - v) * (both / rho)

    def _fitted(self, x: torch.Tensor) -> torch.Tensor:
        known = next((w for z, w in self._known if z is x), None)
        if known is None:
            known = self.term.prox(x, self._weight, self.fitted)
            self._known = [*self._known[1 - _KEPT :], (x, known)]
        self.fitted = known
        return known


class _Fit(WhitenedFit):
    """The same least squares, begun anywhere, with what lies outside the mask kept."""

    def towards(self, v: torch.Tensor, ridge: float, start: torch.Tensor, iterations: int) -> torch.Tensor:
        """Iterations from `start` towards argmin |M A B w - y|^2 + ridge |w - v|^2, (6, X, Y, Z)."""
        begun = self._spectra(start)
        right = self.backprojected + ridge * (self._spectra(v) - begun) - self._normal(begun)
        return start + self._everywhere(self._solve(right, ridge, iterations))

    def slope(self, w: torch.Tensor) -> torch.Tensor:
        """B^T A^T (A B w - y)."""
        return self._everywhere(self._normal(self._spectra(w)) - self.backprojected)

    def fields(self, w: torch.Tensor) -> torch.Tensor:
        """M A B w (N, X, Y, Z)."""
        op = self.operator
        op.kernel.forward(mix(self._matrix, self._spectra(w)), self._fields)
        out = op.empty_volumes(op.orientations)
        fourier.to_images(self._fields, out, op.mask)
        return out

    def _everywhere(self, spectra: torch.Tensor) -> torch.Tensor:
        out = self.operator.empty_volumes(6)
        fourier.to_images(spectra, out)
        return out
