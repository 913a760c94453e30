"""WaveSep: susceptibility and R2' together, with sparse wavelet coefficients of both sources."""

from dataclasses import dataclass
from typing import ClassVar

from napari_sti.core.errors import InputError
from napari_sti.core.params import param
from napari_sti.core.progress import Progress, silent
from napari_sti.core.separated import SeparatedField
from napari_sti.core.separation import Form, SeparationInput, SeparationMethod
from napari_sti.recon.wavelet_filters import WAVELETS, padded_shape

PUBLISHED = {"scalar": (0.02, 0.02, 1e-3), "tensor": (1e-2, 1e-3, 5e-3)}
"""λ+, λ- and the tolerance of the published programs."""


@dataclass(frozen=True)
class WaveSepParams:
    """What can be chosen."""

    lam_pos: float | None = param(
        None,
        label="Weight λ+",
        unit="ppm",
        help="Of the wavelet coefficients of chi+. Nothing stated: as published, 0.02 for a scalar, 0.01 for a tensor.",
        low=0.0,
        high=10.0,
    )
    lam_neg: float | None = param(
        None,
        label="Weight λ-",
        unit="ppm",
        help="Of the wavelet coefficients of chi-. Nothing stated: as published, 0.02 for a scalar, 0.001 for a "
        "tensor.",
        low=0.0,
        high=10.0,
    )
    scheme: str = param(
        "published",
        label="Scheme",
        choices=("published", "exact"),
        help="published: threshold, mask and project one after the other, which ends near the minimum; exact: "
        "three-operator splitting, which ends at it.",
        advanced=True,
    )
    max_iterations: int = param(100, label="Iterations", help="At most so many.", low=1, high=10000, advanced=True)
    tol: float | None = param(
        None,
        label="Tolerance",
        help="Stop when the relative change is below it. Nothing stated: as published, 0.001 for a scalar, 0.005 for "
        "a tensor.",
        low=0.0,
        high=0.1,
        advanced=True,
    )
    step: float = param(
        0.2,
        label="Step α",
        help="Length of a gradient step (published: 0.2); 0 takes the longest that is safe.",
        low=0.0,
        high=10.0,
        advanced=True,
    )
    wavelet: str = param("db4", label="Wavelet", choices=WAVELETS, help="Daubechies' wavelets.", advanced=True)
    levels: int = param(
        0,
        label="Levels",
        help="How many times the volume is halved; 0 takes as many as the filter fits into, as PyWavelets does.",
        low=0,
        high=6,
        advanced=True,
    )
    r2_typical: float = param(
        13.0,
        label="Typical R2",
        unit="Hz",
        help="Where R2* is given without R2: the value about which R2 lies (13 Hz is in use at 3 T).",
        low=0.0,
        high=1000.0,
        advanced=True,
    )
    r2_weight: float = param(
        0.2,
        label="Trust in it",
        help="Weight of ½ ((R2 − typical) / Dr)² against the other terms, where R2 is found as well.",
        low=1e-6,
        high=1e6,
        advanced=True,
    )
    lam_r2: float = param(
        0.01,
        label="Weight λ of R2",
        unit="ppm",
        help="Of the wavelet coefficients of R2 / Dr, where R2 is found as well.",
        low=0.0,
        high=10.0,
        advanced=True,
    )


class WaveSep(SeparationMethod):
    """Proximal gradient with sparse wavelets and constraints on the signs.

    For a scalar: minimise ½ ‖x+ + x- − χ‖² + mean_i ½ ‖x+ − (Dr-/Dr+) x- − R2'_i/Dr+‖² + λ+ ‖W x+‖₁ + λ- ‖W x-‖₁
    subject to x+ >= 0 >= x-, both 0 outside the mask. For a tensor: ½ ‖x+ I + X- − χ‖² + mean_i ½ ‖x+ − h_i^T X- h_i −
    R2'_i/Dr‖² + λ+ ‖W x+‖₁ + λ- Σ ‖W X-‖₁ over all nine entries, with X- negative semi-definite.

    W is the orthonormal wavelet transform; the averages count as well. From zero, a gradient step of length α is
    followed by thresholding at α λ, the mask and the projection. That is the published iteration; the scheme "exact"
    ends at the minimum. Any size: zeros are added at the far ends up to what can be halved, and taken away again.

    With R2* and no R2, the rate term gets R2/Dr >= 0 as a further unknown, with ½ w (R2/Dr − typical/Dr)² and sparse
    wavelets of its own. How R2 and the sources share R2* is then set by these two and not by the data of one
    orientation.
    """

    id: ClassVar[str] = "wavesep"
    title: ClassVar[str] = "WaveSep (sparse wavelets)"
    summary: ClassVar[str] = (
        "Splits a given susceptibility, scalar or tensor, by R2' and prefers sources with few large wavelet "
        "coefficients."
    )
    formula: ClassVar[str] = (
        "min over x₊ ≥ 0, X₋ ⪯ 0:  ½ ‖x₊I + X₋ − χ‖² + 1/N Σᵢ ½ ‖x₊ − hᵢᵀX₋hᵢ − R2′ᵢ/Dr‖² + λ₊‖Wx₊‖₁ + λ₋‖WX₋‖₁"
    )
    reference: ClassVar[str] = "Fang, Shin, van Zijl, Li, Sulam, MLCN at MICCAI, LNCS 14312 (2023)"
    Params: ClassVar[type] = WaveSepParams
    forms: ClassVar[tuple[Form, ...]] = ("scalar", "tensor")
    finds_r2: ClassVar[bool] = True

    def run(
        self, given: SeparationInput, params: WaveSepParams, progress: Progress = silent, *, device: str = "cpu"
    ) -> SeparatedField:
        """Separate; see `SeparationMethod.run`."""
        from napari_sti.recon.sources.model import PriorR2
        from napari_sti.recon.sources.run import Posed, Sparsity
        from napari_sti.recon.sources.solver import split, threshold_and_project

        self.check(given)
        pos, neg, tol = (
            stated if stated is not None else usual
            for stated, usual in zip((params.lam_pos, params.lam_neg, params.tol), PUBLISHED[given.form], strict=True)
        )
        prior = PriorR2(params.r2_typical, params.r2_weight) if given.rates_hold_r2 else None
        posed = Posed(
            given,
            Sparsity(pos, neg, params.lam_r2, params.wavelet, params.levels or None),
            prior=prior,
            device=device,
        )
        exact = params.scheme == "exact"
        found = (split if exact else threshold_and_project)(
            posed.problem,
            safe_step(params.step, posed.problem.curvature),
            tol=tol,
            max_iterations=params.max_iterations,
            progress=progress,
            preview=posed.preview,
        )
        used = {"lam_pos": pos, "lam_neg": neg, "tol": tol, "levels": posed.levels}
        return posed.result(found, provenance={"used": used}, name=f"{given.acquisition.name} {self.id}")

    def remarks(self, given: SeparationInput) -> tuple[str, ...]:
        """Say what is not measured; see `SeparationMethod.remarks`."""
        if not given.rates_hold_r2:
            return ()
        return (
            "R2 was not measured: it was found from R2* together with the sources, and lies near its typical value "
            "wherever the data do not speak against it.",
        )

    def memory_bytes(self, shape: tuple[int, int, int], orientations: int, params: WaveSepParams, form: Form) -> int:
        """Estimate the peak memory of a run in bytes, without computing anything."""
        x, y, z = padded_shape(shape, params.levels or 4)
        unknowns = 7 if form == "tensor" else 2
        sets = 4 if params.scheme == "exact" else 3  # estimate, step, data
        return 4 * x * y * z * (sets * unknowns + 1 + 2 + 2) + 32_000_000


def safe_step(step: float, curvature: float) -> float:
    """The step as stated, or the longest that surely converges for 0.

    Raises
    ------
    InputError
        If the stated step is too long for these constants.
    """
    if step == 0:
        return 1.8 / curvature
    if step >= 2 / curvature:
        raise InputError(
            f"with these constants a step of {step:g} diverges",
            mend=f"set step below {2 / curvature:.3g}, or to 0 for one that is safe",
        )
    return step
