"""STI in k-space: six unknowns solved at every frequency on its own."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import InputError
from napari_sti.core.method import Method, Needs
from napari_sti.core.params import param
from napari_sti.core.progress import Progress, silent
from napari_sti.core.tensor_field import TensorField
from napari_sti.recon.budget import volume_bytes


@dataclass(frozen=True)
class StiKSpaceParams:
    """What can be chosen."""

    lam: float = param(
        0.0,
        label="Ridge λ",
        help="Weight of ‖χ‖² against the misfit, both in ppm²; 0 meets the field of six orientations exactly, with its "
        "noise.",
        low=0.0,
        high=100.0,
    )


class StiKSpace(Method):
    """Least squares for the six components at every frequency, with a ridge.

    ½ Σᵢ ‖F⁻¹ Σ_c d_ic F χ_c − δᵢ‖² + ½ λ ‖χ‖² over the whole volume, with the field zero outside the mask (no mask in
    the operator, which is what makes frequencies independent) and χ zero at k = 0 and on the Nyquist planes of even
    axes. Computed as `napari_sti.recon.directsolve` describes; the result is set to zero outside the mask.
    """

    id: ClassVar[str] = "sti_kspace"
    title: ClassVar[str] = "STI in k-space (direct)"
    summary: ClassVar[str] = (
        "Solves for the six tensor components at every frequency on its own, in one pass of seconds; needs six or more "
        "well spread orientations, and takes the field outside the mask for zero."
    )
    formula: ClassVar[str] = "min over χ(k):  ½ Σᵢ |Σ_c d_ic χ_c − δᵢ|² + ½ λ |χ|²   at every k; 0 at k = 0, Nyquist"
    reference: ClassVar[str] = "C. Liu, MRM 63:1471 (2010)"
    needs: ClassVar[Needs] = Needs(orientations=6, determined_from=6)
    Params: ClassVar[type] = StiKSpaceParams

    def check(self, acquisition: Acquisition) -> None:
        """Refuse directions that leave the system at every frequency singular; see `Method.check`."""
        from napari_sti.recon.design import rank

        n = acquisition.n_orientations
        if acquisition.field is not None and n < 6:
            raise InputError(
                f"{self.title} needs at least 6 orientations, one for each of the six unknowns at every frequency, and "
                f"the study has {n}",
                mend="add orientations or choose another method",
            )
        super().check(acquisition)
        known = rank(acquisition.b0_dirs)
        if known < 6:
            raise InputError(
                f"{self.title} needs B0 directions that tell six components apart, and these {n} tell only {known}: "
                "some are the same, or all lie on one cone",
                mend="add orientations that are tilted otherwise, or choose another method",
            )

    def run(
        self,
        acquisition: Acquisition,
        params: StiKSpaceParams,
        progress: Progress = silent,
        *,
        device: str = "cpu",
        home: str = "",
        start: TensorField | None = None,
    ) -> TensorField:
        """Reconstruct; see `Method.run`. Parts of the transforms and of the frequencies count as iterations."""
        from napari_sti.recon.directsolve import DirectSolve, solve_directly

        self.check(acquisition)
        solver = DirectSolve(acquisition.shape, acquisition.voxel_size, acquisition.b0_dirs, params.lam, device=device)
        chi, iterations = solve_directly(solver, np.asarray(acquisition.field), acquisition.mask, progress)
        return TensorField(
            chi,
            acquisition.affine,
            mask=acquisition.mask,
            provenance={"iterations": iterations, "stopped": "solved"},
            name=f"{acquisition.name} {self.id}",
        )

    def memory_bytes(self, shape: tuple[int, int, int], orientations: int, params: StiKSpaceParams) -> int:
        """Estimate the peak memory of a run in bytes, without computing anything."""
        volume = volume_bytes(shape)
        # Combinations, their spectra, directions of k, what two transforms take; then the tensor twice, directions.
        return volume * (6 + 6 + 2 + 3) + 14_000_000
