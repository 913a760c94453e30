"""aSTI+: nine components, isotropic in the fluid, with a mean that only jumps at edges in white matter."""

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
class AstiPlusParams(EdgeParams):
    """What can be chosen."""

    alpha: float = param(
        3.0,
        label="Isotropy α",
        help="Weight of what is not isotropic in CSF, against the misfit (published: 3).",
        low=0.0,
        high=1000.0,
    )
    beta: float = param(
        1.0,
        label="Smoothness β",
        help="Weight of the gradient of the trace in white matter off the edges (published: 1, at voxels of 1 mm).",
        unit="mm",
        low=0.0,
        high=1000.0,
    )
    max_iterations: int = param(1000, label="Iterations", help="At most so many (published: 1000).", low=1, high=10000)
    tol: float = param(
        5e-3,
        label="Tolerance",
        help="Stop by the criteria of LSQR (published: 0.005 in vivo and at 5 % noise, 0.001 at 1 %).",
        low=0.0,
        high=1.0,
    )
    symmetric: bool = param(
        False,
        label="Symmetric tensor",
        help="Fit six components instead of the published nine, to see what the asymmetric part is worth.",
        advanced=True,
    )


class AstiPlus(Method):
    """aSTI with what the tissue tells: isotropy in CSF, and a smooth trace in white matter except at edges.

    M_CSF and M_WM are the masks of the study, w_G is 0 at the edges of a susceptibility map and 1 elsewhere. The
    weights of the gradient belong to pairs of neighbours (both in white matter) and its unit is ppm per mm, so that
    neither the order of storage nor the size of the voxels changes the meaning; on voxels of 1 mm this is the
    published functional. Kernels are averaged with their mirror images at the Nyquist frequencies of even axes.
    """

    id: ClassVar[str] = "asti_plus"
    title: ClassVar[str] = "aSTI+ (asymmetric, with tissue)"
    summary: ClassVar[str] = (
        "aSTI that is told where there is fluid, which is isotropic, and where the mean susceptibility of white matter "
        "may jump."
    )
    formula: ClassVar[str] = (
        "min over X (nine components):  ½ Σᵢ ‖M F⁻¹ Σ_c a_ic F X_c − δᵢ‖² "
        "+ ½ α² (Σ_(a≠b) ‖M_CSF X_ab‖² + Σ_(a<b) ‖M_CSF (X_aa − X_bb)‖²) + ½ β² ‖M_WM w_G ∇ tr X‖²,   χ = ½ (X + Xᵀ)"
    )
    reference: ClassVar[str] = "Shi et al., IEEE J Biomed Health Inform 26(9):4508 (2022)"
    needs: ClassVar[Needs] = Needs(orientations=1, determined_from=6, masks=("wm_mask", "csf_mask"))
    Params: ClassVar[type] = AstiPlusParams
    takes_start: ClassVar[bool] = True

    def run(
        self,
        acquisition: Acquisition,
        params: AstiPlusParams,
        progress: Progress = silent,
        *,
        device: str = "cpu",
        home: str = "",
        start: TensorField | None = None,
    ) -> TensorField:
        """Reconstruct; see `Method.run`."""
        from napari_sti.recon.fit import fit_with_tissue
        from napari_sti.recon.tissue import isotropic_fluid

        self.check(acquisition)
        tissue, edges = isotropic_fluid(
            acquisition, params.alpha, params.beta, params, device=device, progress=progress
        )
        tensor = fit_with_tissue(
            acquisition,
            tissue,
            components=6 if params.symmetric else 9,
            tol=params.tol,
            rule="lsqr",
            max_iterations=params.max_iterations,
            progress=progress,
            device=device,
            home=home,
            start=start,
        )
        made = {**tensor.provenance, "edges_from": edges}
        return replace(tensor, name=f"{acquisition.name} {self.id}", provenance=made)

    def memory_bytes(self, shape: tuple[int, int, int], orientations: int, params: AstiPlusParams) -> int:
        """Estimate the peak memory of a run in bytes, without computing anything."""
        return tissue_bytes(shape, orientations, components=6 if params.symmetric else 9, preconditioned=False)

    def device_bytes(self, shape: tuple[int, int, int], orientations: int, params: AstiPlusParams) -> int:
        """Peak memory on the device when `home` is another."""
        return operator_bytes(shape, orientations, components=6 if params.symmetric else 9)
