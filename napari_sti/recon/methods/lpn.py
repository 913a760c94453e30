"""LPN: least squares with a learned prior whose prox is a network and whose value is known."""

from dataclasses import dataclass
from typing import ClassVar

from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import InputError
from napari_sti.core.method import Method, Needs
from napari_sti.core.params import param
from napari_sti.core.progress import Progress, silent
from napari_sti.core.tensor_field import TensorField
from napari_sti.recon.budget import operator_bytes, volume_bytes
from napari_sti.recon.weights import find_weights


@dataclass(frozen=True)
class LpnParams:
    """What can be chosen."""

    weights: str = param(
        "lpn-tensor",
        label="Weights",
        help="Name of weights that come with the package, or a .safetensors of tensors as written by napari-sti train "
        "lpn.",
        path="file",
    )
    spread: float = param(
        1.0,
        label="Spread τ",
        help="How far the tensor may be from what the prior makes of it, in units of 0.04 ppm for the mean "
        "susceptibility and of 0.006 ppm for the anisotropy; the smaller, the stronger the prior.",
        low=1e-3,
        high=1e3,
    )
    ridge: float = param(
        1.0,
        label="Ridge κ",
        help="Of the tensor in these units: keeps what neither data nor prior limit from growing without end.",
        low=0.0,
        high=1e3,
    )
    algorithm: str = param(
        "accelerated",
        label="Algorithm",
        choices=("gradient", "accelerated", "admm"),
        help="Proximal gradient and its accelerated form converge for any spread; for ADMM that is not promised.",
    )
    max_iterations: int = param(20, label="Iterations", help="At most so many.", low=1, high=10000)
    tol: float = param(
        3e-3,
        label="Tolerance",
        help="Stop when an iteration changes the tensor by less than this fraction.",
        low=0.0,
        high=0.1,
        advanced=True,
    )
    fit_iterations: int = param(
        4,
        label="Iterations of a fit",
        help="Conjugate gradients by which the field maps are fitted in each iteration; they go on from the last ones.",
        low=1,
        high=1000,
        advanced=True,
    )
    strict: bool = param(
        False,
        label="Only if it converges",
        help="Refuse a run of which theory does not promise that it converges.",
        advanced=True,
    )


class LpnMethod(Method):
    """Least squares and a learned prior R of tensors, a minimum of both sought with the prox f of R.

    minimise over w, z:  ½ ‖M A B w − δ‖² / σ² + κ ½ ‖w‖² + ½ ‖w − z‖² / τ² + R(z) / τ²

    B brings components of unit spread (mean susceptibility over 0.04 ppm, five of the traceless part over 0.006 ppm)
    to ppm, σ is the noise estimated from the field maps. Minimising over w first leaves the Moreau envelope of the data
    term, whose slope bends less than 1 / τ², so that proximal gradient with the step τ², which is
    z ← f(w), w ← fit near z, makes the objective smaller in every iteration, whatever τ is; see
    `napari_sti.recon.whitened_term`. ADMM splits the data term itself and converges for certain only where 1 / τ² is
    above its bend. R is known at every z = f(w) for nothing, up to a constant by which it is 0 for what the network
    makes of nothing. The result is w.
    """

    id: ClassVar[str] = "lpn"
    title: ClassVar[str] = "LPN (learned prior)"
    summary: ClassVar[str] = (
        "Least squares with a prior learned from simulated brains. The network is exactly the prox of the prior, so "
        "the objective is known at every iteration and falls."
    )
    formula: ClassVar[str] = (
        "min over χ = B w, z:  Σᵢ ‖M F⁻¹ Σ_c d_ic F χ_c − δᵢ‖² / 2σ² + κ ½ ‖w‖² + (½ ‖w − z‖² + R_θ(z)) / τ²"
    )
    reference: ClassVar[str] = (
        "Fang, Buchanan and Sulam, ICLR 2024 (arXiv 2310.14344); the tensor network and the splitting are our own"
    )
    needs: ClassVar[Needs] = Needs(orientations=1, determined_from=6, weights=True)
    Params: ClassVar[type] = LpnParams

    def run(
        self,
        acquisition: Acquisition,
        params: LpnParams,
        progress: Progress = silent,
        *,
        device: str = "cpu",
        home: str = "",
        start: TensorField | None = None,
    ) -> TensorField:
        """Reconstruct; see `Method.run`."""
        weights = find_weights(params.weights)
        self.check(acquisition)
        from napari_sti.recon.learned_prior import reconstruct_with_prior

        return reconstruct_with_prior(acquisition, weights, params, progress, device)

    def memory_bytes(self, shape: tuple[int, int, int], orientations: int, params: LpnParams) -> int:
        """Estimate the peak memory of a run in bytes, without computing anything."""
        tensors = 12  # estimates, fits of the latest of them, what a step is made of
        spectra = 8  # of conjugate gradients
        preconditioner = 3 * 36 // 2
        kept = (6 * (tensors + spectra) + preconditioner + orientations) * volume_bytes(shape)
        return operator_bytes(shape, orientations, components=6) + kept + features_bytes(shape, _width(params.weights))


TILE = 112
"""Edge in voxels of the tiles of volumes that are too large to be evaluated whole."""
WHOLE = 3_000_000
"""Voxels up to which a volume is evaluated whole."""


def features_bytes(shape: tuple[int, int, int], width: int) -> int:
    """What the network holds at a time: features, slopes and scratch of the finest level, and a half for the others."""
    x, y, z = shape
    voxels = min(x * y * z, WHOLE) if x * y * z <= WHOLE else (TILE + 48) ** 3
    return int(9 * 4 * width * voxels)


def _width(weights: str) -> int:
    """Features of the finest level, as far as the file says it."""
    try:
        header = find_weights(weights).header
    except InputError:
        header = None
    widths = [] if header is None else header.config.get("widths", [])
    return int(widths[0]) if isinstance(widths, list) and widths else 16
