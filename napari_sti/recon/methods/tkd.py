"""TKD: division of one field map by the dipole kernel, truncated where the kernel is small."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from napari_sti.core.acquisition import Acquisition
from napari_sti.core.method import Method, Needs
from napari_sti.core.params import param
from napari_sti.core.progress import Progress, silent
from napari_sti.core.tensor_field import TensorField
from napari_sti.recon.budget import volume_bytes


@dataclass(frozen=True)
class TkdParams:
    """What can be chosen."""

    threshold: float = param(
        0.19,
        label="Threshold",
        help="Where the kernel d is smaller than this, it is replaced by this with the sign of d; larger means fewer "
        "streaks and less contrast.",
        low=0.001,
        high=0.66,
    )
    orientation: int = param(
        0,
        label="Orientation",
        help="Number of the field map to use, from 1; 0 takes the one whose B0 is nearest to the foot-head axis.",
        low=0,
        high=1000,
    )
    correct_scale: bool = param(
        False,
        label="Correct the scale",
        help="Divide by the share of a point source that survives the truncation (Schweser et al., MRM 69:1582, 2013); "
        "noise is scaled, too.",
    )


class Tkd(Method):
    """Truncated k-space division of one field map.

    χ = F⁻¹ [F δ / d_t] with d = 1/3 − (h·n)², d_t = d where |d| > t and t·sign(d) elsewhere; 0 where d = 0, as at
    k = 0. On the Nyquist planes of even axes d is averaged with its mirror image.
    """

    id: ClassVar[str] = "tkd"
    title: ClassVar[str] = "TKD (isotropic, one orientation)"
    summary: ClassVar[str] = (
        "Divides one field map by the dipole kernel in k-space, truncated where the kernel is small: quick but streaky."
    )
    formula: ClassVar[str] = "χ = F⁻¹ [F δ / d_t],  d = 1/3 − (h·n)²,  d_t = d if |d| > t, else t·sign(d);  tensor χ·I"
    reference: ClassVar[str] = "Shmueli, de Zwart, van Gelderen, Li, Dodd and Duyn, MRM 62:1510 (2009)"
    needs: ClassVar[Needs] = Needs(orientations=1, determined_from=1)
    Params: ClassVar[type] = TkdParams
    isotropic: ClassVar[bool] = True

    def run(
        self,
        acquisition: Acquisition,
        params: TkdParams,
        progress: Progress = silent,
        *,
        device: str = "cpu",
        home: str = "",
        start: TensorField | None = None,
    ) -> TensorField:
        """Reconstruct; see `Method.run`. The three stages count as iterations."""
        import torch

        from napari_sti.recon import truncated
        from napari_sti.recon.isotropic import isotropic_tensor, one_orientation
        from napari_sti.recon.scalar import ScalarOperator
        from napari_sti.recon.stages import Stages

        self.check(acquisition)
        stages = Stages(3, progress)
        index, which = one_orientation(acquisition, params.orientation)
        b0_dir = acquisition.b0_dirs[index : index + 1]
        operator = ScalarOperator(acquisition.shape, acquisition.voxel_size, b0_dir, acquisition.mask, device=device)
        field = torch.tensor(np.asarray(acquisition.field)[index : index + 1], device=device)
        stages.done("Preparing the kernel")
        chi = truncated.divide(operator, field, params.threshold, params.correct_scale)
        stages.done("Dividing")
        misfit = operator.forward(chi).sub_(field)
        norm = float(torch.linalg.vector_norm(field))
        stages.done("Comparing", residual=float(torch.linalg.vector_norm(misfit)) / norm if norm else 0.0)
        return TensorField(
            isotropic_tensor(chi[0].cpu().numpy()),
            acquisition.affine,
            mask=acquisition.mask,
            provenance={"iterations": stages.records, "stopped": "solved", "remarks": (which,) if which else ()},
            name=f"{acquisition.name} {self.id}",
        )

    def remarks(self, acquisition: Acquisition) -> tuple[str, ...]:
        """Say what is not measured; see `Method.remarks`."""
        from napari_sti.recon.isotropic import isotropic_remark

        return (
            "Frequencies near the magic angle are not measured by one orientation: there the truncation sets the "
            "susceptibility, which shows as streaks.",
            isotropic_remark(self.title),
        )

    def memory_bytes(self, shape: tuple[int, int, int], orientations: int, params: TkdParams) -> int:
        """Estimate the peak memory of a run in bytes, without computing anything."""
        volume = volume_bytes(shape)
        kept = 6  # kernel, two spectra of the operator, spectrum, mask, field
        return volume * (kept + 16) + 6_000_000  # the tensor, and what looks it over; measured at 1 mm
