"""COSMOS: the isotropic susceptibility that fits the field maps of several orientations."""

from dataclasses import dataclass
from typing import ClassVar

from napari_sti.core.acquisition import Acquisition
from napari_sti.core.frames import count_distinct
from napari_sti.core.method import Method, Needs
from napari_sti.core.params import param
from napari_sti.core.progress import Progress, silent
from napari_sti.core.tensor_field import TensorField
from napari_sti.recon.budget import volume_bytes

_CLOSED_FORM_RIDGE = 1e-3
"""Of the first estimate, for each orientation: keeps it from blowing up noise where all kernels are small."""


@dataclass(frozen=True)
class CosmosParams:
    """What can be chosen."""

    lam: float = param(
        0.0,
        label="Ridge λ",
        help="Weight of ‖χ‖² against the misfit, both in ppm²; 0 leaves stopping early as the only regularisation.",
        low=0.0,
        high=100.0,
    )
    max_iterations: int = param(
        50,
        label="Iterations",
        help="At most so many, from the closed-form solution that takes the field outside the mask for zero.",
        low=1,
        high=10000,
    )
    tol: float = param(
        1e-3,
        label="Tolerance",
        help="Stop when the gradient of the functional has fallen to this fraction of its value at χ = 0.",
        low=0.0,
        high=1.0,
        advanced=True,
    )


class Cosmos(Method):
    """Least squares for one scalar from several orientations, with the mask inside the operator.

    The susceptibility is zero outside the mask, too, since the field of everything outside was removed: that makes the
    minimum well determined and soon reached. On the Nyquist planes of even axes the kernel is averaged with its mirror
    image. The result is the scalar times the unit matrix, so that it can be compared with tensors.
    """

    id: ClassVar[str] = "cosmos"
    title: ClassVar[str] = "COSMOS (isotropic, several orientations)"
    summary: ClassVar[str] = (
        "Fits one isotropic susceptibility to the field maps of all orientations; the reference for the mean, without "
        "anisotropy or directions."
    )
    formula: ClassVar[str] = "min over χ = Mχ:  ½ Σᵢ ‖M F⁻¹ (1/3 − (hᵢ·n)²) F χ − δᵢ‖² + ½ λ ‖χ‖²;  tensor χ·I"
    reference: ClassVar[str] = "Liu, Spincemaille, de Rochefort, Kressler and Wang, MRM 61:196 (2009)"
    needs: ClassVar[Needs] = Needs(orientations=2, determined_from=3)
    Params: ClassVar[type] = CosmosParams
    isotropic: ClassVar[bool] = True
    takes_start: ClassVar[bool] = True

    def run(
        self,
        acquisition: Acquisition,
        params: CosmosParams,
        progress: Progress = silent,
        *,
        device: str = "cpu",
        home: str = "",
        start: TensorField | None = None,
    ) -> TensorField:
        """Reconstruct; see `Method.run`. Of a tensor to start from, the mean of the diagonal is taken."""
        import torch

        from napari_sti.recon.isotropic import isotropic_tensor, mean_susceptibility
        from napari_sti.recon.scalar import ScalarOperator
        from napari_sti.recon.solvers.cgls import cgls

        self.check(acquisition)
        shape, size, mask = acquisition.shape, acquisition.voxel_size, acquisition.mask
        operator = ScalarOperator(shape, size, acquisition.b0_dirs, mask, confined=True, device=device)
        field = torch.tensor(acquisition.field, device=device)
        if start is None:
            first = operator.closed_form(field, ridge=params.lam + _CLOSED_FORM_RIDGE * acquisition.n_orientations)
        else:
            first = torch.from_numpy(mean_susceptibility(start.chi) * mask)[None].to(device)
        found = cgls(
            operator,
            field,
            ridge=params.lam,
            start=first,
            tol=params.tol,
            max_iterations=params.max_iterations,
            progress=progress,
            preview=lambda x: isotropic_tensor(x[0].cpu().numpy()),
            overwrite_data=True,
        )
        return TensorField(
            isotropic_tensor(found.x[0].cpu().numpy()),
            acquisition.affine,
            mask=mask,
            provenance={"iterations": found.iterations, "stopped": found.stopped},
            name=f"{acquisition.name} {self.id}",
        )

    def remarks(self, acquisition: Acquisition) -> tuple[str, ...]:
        """Say what an isotropic result is, and whether the data determine it; see `Method.remarks`."""
        from napari_sti.recon.isotropic import isotropic_remark

        said = (isotropic_remark(self.title),)
        distinct = count_distinct(acquisition.b0_dirs)
        if distinct >= self.needs.determined_from:
            return said
        return (
            f"{distinct} different B0 direction{'s leave' if distinct > 1 else ' leaves'} the susceptibility "
            f"underdetermined where the kernels of all are small ({self.needs.determined_from} are needed).",
            *said,
        )

    def memory_bytes(self, shape: tuple[int, int, int], orientations: int, params: CosmosParams) -> int:
        """Estimate the peak memory of a run in bytes, without computing anything."""
        volume = volume_bytes(shape)
        kept = 3 * orientations + 2  # residual, spectra, kernels; spectrum, mask
        iterating = orientations + 3 + 2  # A p; unknown, direction, gradient; what two transforms take
        return volume * (kept + max(iterating, 20)) + 10_000_000  # at last the tensor, and what looks it over
