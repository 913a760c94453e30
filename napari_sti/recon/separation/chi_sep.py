"""Two scalar sources from field maps and R2' at once, in the manner of chi-separation."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.params import param
from napari_sti.core.progress import Progress, silent
from napari_sti.core.separated import SeparatedField
from napari_sti.core.separation import Form, SeparationInput, SeparationMethod


@dataclass(frozen=True)
class ChiSepParams:
    """What can be chosen."""

    beta: float = param(
        0.15,
        label="Smoothness β",
        unit="mm",
        help="Weight of the gradient of each source, in ppm per mm, against the misfit in ppm, away from edges.",
        low=0.0,
        high=100.0,
    )
    rate_weight: float = param(
        0.3,
        label="Weight of R2'",
        help="Of the squared misfit of R2'/Dr+ against that of the field maps, both in ppm².",
        low=1e-6,
        high=1e6,
    )
    edges: str = param(
        "auto",
        label="Edges from",
        choices=("auto", "magnitude", "qsm", "cosmos", "edge_qsm", "tkd"),
        help="Image whose edges are not smoothed; auto takes the magnitude, else the study's susceptibility, else a "
        "susceptibility found first.",
    )
    share: float = param(
        0.3,
        label="Share of edges",
        help="Share of the differences between neighbours that count as edges, the steepest ones (0.3 is in use with "
        "MEDI).",
        low=0.0,
        high=1.0,
    )
    smooth_mm: float = param(
        1.0,
        label="Smoothing of edges",
        unit="mm",
        help="Standard deviation of the Gaussian with which the image is smoothed before its edges are found.",
        low=0.0,
        high=20.0,
        advanced=True,
    )
    max_iterations: int = param(150, label="Iterations", help="At most so many.", low=1, high=10000)
    tol: float = param(
        2e-3,
        label="Tolerance",
        help="Stop when a step changes the sources by less than this fraction.",
        low=0.0,
        high=0.1,
        advanced=True,
    )


class ChiSep(SeparationMethod):
    """Field maps and R2' together, no susceptibility needed beforehand.

    minimise ½ Σ_i ‖M (d_i * (x+ + x-)) − δ_i‖² + ½ w ‖x+ − (Dr-/Dr+) x- − R2'/Dr+‖² + ½ β² (‖w_G ∇x+‖² + ‖w_G ∇x-‖²)
    subject to x+ >= 0 >= x-, both 0 outside the mask; ∇ are forward differences per mm, w_G is 0 at edges of an image
    and 1 elsewhere. This is the model of chi-separation (Shin 2021) with a linear field term and a quadratic edge-
    weighted regulariser. The weights of the published toolbox are not public; these were chosen on simulated brains.
    Solved by accelerated proximal gradient.
    """

    id: ClassVar[str] = "chi_sep"
    title: ClassVar[str] = "chi-separation (fields and R2', edge-weighted)"
    summary: ClassVar[str] = (
        "Finds both sources from field maps and R2' at once, smooth except at the edges of an image; no ready "
        "susceptibility is needed."
    )
    formula: ClassVar[str] = (
        "min over x₊ ≥ 0 ≥ x₋:  ½ Σᵢ ‖M dᵢ∗(x₊+x₋) − δᵢ‖² + ½ w ‖x₊ − (Dr₋/Dr₊) x₋ − R2′/Dr₊‖² + "
        "½ β² (‖w_G ⊙ ∇x₊‖² + ‖w_G ⊙ ∇x₋‖²)"
    )
    reference: ClassVar[str] = "after Shin et al., NeuroImage 240:118371 (2021)"
    Params: ClassVar[type] = ChiSepParams
    starts_from = "field"

    def run(
        self, given: SeparationInput, params: ChiSepParams, progress: Progress = silent, *, device: str = "cpu"
    ) -> SeparatedField:
        """Separate; see `SeparationMethod.run`."""
        import torch

        from napari_sti.recon.morphology import edge_weights
        from napari_sti.recon.solvers.fista import fista
        from napari_sti.recon.sources.joint import Allowed, JointOperator

        self.check(given)
        acquisition = given.acquisition
        image, source = _edge_image(given, params.edges, device)
        edges = edge_weights(
            image, acquisition.mask, acquisition.voxel_size, share=params.share, smooth_mm=params.smooth_mm
        )
        operator = JointOperator(given, edges, rate_weight=params.rate_weight, beta=params.beta, device=device)

        def preview(x: torch.Tensor) -> NDArray[np.float32]:
            return np.ascontiguousarray(np.moveaxis(x.cpu().numpy(), 0, -1))

        found = fista(
            operator,
            operator.data(given),
            Allowed(operator.field.mask),
            operator.curvature,
            tol=params.tol,
            max_iterations=params.max_iterations,
            progress=progress,
            preview=preview,
        )
        pos, neg = found.x.cpu().numpy()
        remark = f"Edges were taken from {source}."
        return SeparatedField(
            chi_pos=pos,
            chi_neg=-neg,
            affine=acquisition.affine,
            mask=acquisition.mask,
            relaxation=given.relaxation,
            provenance={"iterations": found.iterations, "stopped": found.stopped, "remarks": (remark,)},
            name=f"{acquisition.name} {self.id}",
        )

    def memory_bytes(self, shape: tuple[int, int, int], orientations: int, params: ChiSepParams, form: Form) -> int:
        """Estimate the peak memory of a run in bytes, without computing anything."""
        x, y, z = shape
        rows = orientations + 7
        operator = 3 * orientations + 1 + 3 + 6  # kernels twice, spectra, mask, weights, what is in between
        return 4 * x * y * z * (3 * rows + 3 * 2 + operator + 18) + 32_000_000


def _edge_image(given: SeparationInput, source: str, device: str) -> tuple[NDArray[np.float32], str]:
    """Image (X, Y, Z) whose edges are wanted, and what it is called."""
    from napari_sti.core.errors import InputError
    from napari_sti.recon.morphology import morphology_of

    acquisition = given.acquisition
    if source in ("auto", "magnitude") and acquisition.magnitude is not None:
        return acquisition.magnitude.mean(0, dtype=np.float32), "the magnitude"
    if source == "magnitude":
        raise InputError(
            "edges are wanted from the magnitude and the study has none", mend="add one, or use edges = auto"
        )
    image, name = morphology_of(acquisition, source, device=device)
    return image, f"the susceptibility ({name})"
