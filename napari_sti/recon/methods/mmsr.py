"""MMSR-STI: anisotropy in white matter only, and a mean susceptibility that only jumps at edges."""

from dataclasses import dataclass, replace
from typing import ClassVar

from napari_sti.core.acquisition import Acquisition
from napari_sti.core.method import Method, Needs
from napari_sti.core.params import param
from napari_sti.core.progress import Progress, silent
from napari_sti.core.tensor_field import TensorField
from napari_sti.recon.budget import operator_bytes, tissue_bytes
from napari_sti.recon.edge_params import EdgeParams


@dataclass(frozen=True)
class MmsrParams(EdgeParams):
    """What can be chosen."""

    alpha: float = param(
        10.0,
        label="Isotropy α",
        help="Weight of anisotropy outside white matter and of anything outside the brain (10 in public code; that of "
        "the paper is not known).",
        low=0.0,
        high=1000.0,
    )
    beta: float = param(
        0.1,
        label="Smoothness β",
        help="Weight of the gradient of the trace off the edges (0.1 in public code; that of the paper is not known).",
        unit="mm",
        low=0.0,
        high=1000.0,
    )
    max_iterations: int = param(
        20,
        label="Iterations",
        help="At most so many; with few orientations stopping early keeps the anisotropy within bounds. 20 with the "
        "preconditioner come as far as 50 without it, at which public code stops.",
        low=1,
        high=10000,
    )
    tol: float = param(
        1e-3,
        label="Tolerance",
        help="Stop when the gradient of the functional has fallen to this fraction of its first value.",
        low=0.0,
        high=1.0,
    )
    smooth: float = param(
        0.0,
        label="Smooth before",
        help="Width (standard deviation) of the Gaussian that the map is smoothed with before its edges are found.",
        unit="mm",
        low=0.0,
        high=20.0,
        advanced=True,
    )
    precondition: bool = param(
        True,
        label="Preconditioner",
        help="Reach the same minimum in fewer iterations, by the inverse of the tissue weights in every voxel.",
        advanced=True,
    )


class Mmsr(Method):
    """Least squares for six components, with all row blocks of the published system.

    M is the brain and M_WM the white matter of the study, w_G is 0 at the edges of a susceptibility map and 1
    elsewhere. The weights of the gradient belong to pairs of neighbours and its unit is ppm per mm. Off-diagonals
    count once. Kernels are averaged with their mirror images at the Nyquist frequencies of even axes.
    """

    id: ClassVar[str] = "mmsr"
    title: ClassVar[str] = "MMSR-STI (anisotropy in white matter)"
    summary: ClassVar[str] = (
        "Limits anisotropy to white matter and lets the mean susceptibility jump only at edges; "
        "needs fewer orientations than an unconstrained fit."
    )
    formula: ClassVar[str] = (
        "min over χ:  ½ Σᵢ ‖M F⁻¹ Σ_c d_ic F χ_c − δᵢ‖² + ½ α² (Σ_a ‖(1 − M) χ_aa‖² + Σ_(a<b) ‖(1 − M_WM) χ_ab‖² "
        "+ Σ_(a<b) ‖(1 − M_WM) (χ_aa − χ_bb)‖²) + ½ β² ‖w_G ∇ tr χ‖²"
    )
    reference: ClassVar[str] = "Li and van Zijl, MRM 72:610 (2014)"
    needs: ClassVar[Needs] = Needs(orientations=1, determined_from=6, masks=("wm_mask",))
    Params: ClassVar[type] = MmsrParams
    takes_start: ClassVar[bool] = True

    def run(
        self,
        acquisition: Acquisition,
        params: MmsrParams,
        progress: Progress = silent,
        *,
        device: str = "cpu",
        home: str = "",
        start: TensorField | None = None,
    ) -> TensorField:
        """Reconstruct; see `Method.run`."""
        from napari_sti.recon.fit import fit_with_tissue
        from napari_sti.recon.tissue import anisotropic_white_matter

        self.check(acquisition)
        tissue, edges = anisotropic_white_matter(
            acquisition, params.alpha, params.beta, params, device=device, progress=progress
        )
        tensor = fit_with_tissue(
            acquisition,
            tissue,
            precondition=params.precondition,
            tol=params.tol,
            rule="gradient",
            max_iterations=params.max_iterations,
            progress=progress,
            device=device,
            home=home,
            start=start,
        )
        made = {**tensor.provenance, "edges_from": edges}
        return replace(tensor, name=f"{acquisition.name} {self.id}", provenance=made)

    def memory_bytes(self, shape: tuple[int, int, int], orientations: int, params: MmsrParams) -> int:
        """Estimate the peak memory of a run in bytes, without computing anything."""
        return tissue_bytes(shape, orientations, components=6, preconditioned=params.precondition)

    def device_bytes(self, shape: tuple[int, int, int], orientations: int, params: MmsrParams) -> int:
        """Peak memory on the device when `home` is another."""
        return operator_bytes(shape, orientations, components=6)
