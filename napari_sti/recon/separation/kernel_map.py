"""A decay kernel that differs from place to place, in the manner of APART-QSM."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.params import param
from napari_sti.core.progress import Progress, Step, silent
from napari_sti.core.separated import SeparatedField
from napari_sti.core.separation import Form, SeparationInput, SeparationMethod


@dataclass(frozen=True)
class KernelMapParams:
    """What can be chosen."""

    lam: float = param(
        0.02, label="Weight λ", unit="ppm", help="Of the wavelet coefficients of both sources.", low=0.0, high=10.0
    )
    smooth_mm: float = param(
        4.0,
        label="Smoothing of the kernel",
        unit="mm",
        help="Standard deviation of the Gaussian neighbourhood in which the kernel is found.",
        low=0.0,
        high=50.0,
    )
    trust: float = param(
        0.02,
        label="Trust in Dr",
        unit="ppm",
        help="Where the sources are weaker than this, the kernel stays near the stated Dr.",
        low=1e-6,
        high=10.0,
    )
    factor: float = param(
        4.0,
        label="Widest range",
        help="The kernel stays between Dr divided by this and Dr times this.",
        low=1.0,
        high=100.0,
        advanced=True,
    )
    rounds: int = param(10, label="Rounds", help="At most so many.", low=1, high=100)
    tol: float = param(
        0.05,
        label="Tolerance",
        help="Stop when a round changes the kernel by less than this fraction (0.3 in the published demonstrations).",
        low=0.0,
        high=1.0,
        advanced=True,
    )
    max_iterations: int = param(
        30, label="Iterations in a round", help="At most so many.", low=1, high=10000, advanced=True
    )


class KernelMap(SeparationMethod):
    """Alternates WaveSep with a kernel a(r) and the kernel with the sources.

    (i) WaveSep for a scalar with R2'/a(r) in the place of R2'/Dr; (ii) a(r), the least squares factor between |x+| +
    |x-| and R2' in a Gaussian neighbourhood, drawn to the stated Dr where there is little to go by. It begins at the
    stated Dr, of which the theory's (107.84 Hz/ppm per tesla) is the published choice. The objective of the published
    method is not public: this follows its description. What a free kernel explains is lost to the sources; where chi
    and R2' agree with one Dr, nothing changes. A kernel that is too small is never refuted, since pairs of sources that
    cancel take up what it leaves over: small values spread to their neighbourhood with every round, and large ones do
    not, which is why few rounds and some trust in Dr are wanted.
    """

    id: ClassVar[str] = "kernel_map"
    title: ClassVar[str] = "Decay kernel map (alternating)"
    summary: ClassVar[str] = (
        "Splits a given scalar susceptibility while the constant between sources and R2' is found for every place."
    )
    formula: ClassVar[str] = (
        "alternate:  (i) WaveSep with R2′/a(r);  (ii) a(r) = (G∗(R2′u) + κ²Dr) / (G∗u² + κ²),  u = |x₊| + |x₋|"
    )
    reference: ClassVar[str] = "after Li Z. et al., NeuroImage 274:120148 (2023)"
    Params: ClassVar[type] = KernelMapParams
    takes_unequal_dr: ClassVar[tuple[Form, ...]] = ()

    def run(
        self, given: SeparationInput, params: KernelMapParams, progress: Progress = silent, *, device: str = "cpu"
    ) -> SeparatedField:
        """Separate; see `SeparationMethod.run`."""
        from napari_sti.recon.sources.run import Posed, Sparsity
        from napari_sti.recon.sources.solver import threshold_and_project

        self.check(given)
        start = np.float32(given.relaxation.pos)
        rate = given.rates.mean(0, dtype=np.float32)
        kernel = np.full(rate.shape, start)
        records: list[dict[str, Any]] = []
        stopped, count = "iterations", 0
        for turn in range(1, params.rounds + 1):
            scaled = replace(given, rates=(rate * start / kernel)[None], b0_dirs=given.b0_dirs[:1])
            posed = Posed(scaled, Sparsity(params.lam, params.lam), device=device)
            found = threshold_and_project(posed.problem, 0.2, tol=1e-3, max_iterations=params.max_iterations)
            result = posed.separated(found.x)
            sources = result.chi_pos + result.chi_neg_magnitude
            before, kernel = kernel, _kernel(sources, rate, given, params)
            inside = given.acquisition.mask
            change = float(np.linalg.norm((kernel - before)[inside]) / np.linalg.norm(kernel[inside]))
            count += len(found.iterations)
            records.append(dict(iteration=turn, objective=found.iterations[-1]["objective"], change=change))
            progress(
                Step(
                    turn,
                    params.rounds,
                    objective=records[-1]["objective"],
                    convergence=change / params.tol if params.tol > 0 else None,
                    message="Kernel and sources in turn",
                    change=change,
                )
            )
            if change < params.tol:
                stopped = "tolerance"
                break
        provenance = {"iterations": records, "stopped": stopped, "inner_iterations": count}
        further = {"kernel": np.where(given.acquisition.mask, before, np.float32(0)).astype(np.float32)}
        return replace(result, further=further, provenance=provenance, name=f"{given.acquisition.name} {self.id}")

    def remarks(self, given: SeparationInput) -> tuple[str, ...]:
        """Say what is not measured; see `SeparationMethod.remarks`."""
        return ("Dr is that at which the kernel began; the kernel that was used is in the map kernel, in Hz/ppm.",)

    def memory_bytes(self, shape: tuple[int, int, int], orientations: int, params: KernelMapParams, form: Form) -> int:
        """Estimate the peak memory of a run in bytes, without computing anything."""
        from napari_sti.recon.wavelet_filters import padded_shape

        x, y, z = padded_shape(shape, 4)
        return 4 * x * y * z * (3 * 2 + 5 + 14) + 32_000_000


def _kernel(
    sources: NDArray[np.float32], rate: NDArray[np.float32], given: SeparationInput, params: KernelMapParams
) -> NDArray[np.float32]:
    """a(r) in Hz/ppm: regularised least squares in Gaussian neighbourhoods inside the mask."""
    from scipy.ndimage import gaussian_filter

    acquisition = given.acquisition
    width = [params.smooth_mm / size for size in acquisition.voxel_size]
    start, kappa = given.relaxation.pos, params.trust**2

    def near(volume: NDArray[np.float32]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = gaussian_filter(volume, width, mode="constant", truncate=3.0)
        return found

    around = np.maximum(near(acquisition.mask.astype(np.float32)), np.float32(1e-6))
    kernel = (near(rate * sources) / around + kappa * start) / (near(sources * sources) / around + kappa)
    return np.clip(kernel, start / params.factor, start * params.factor).astype(np.float32)
