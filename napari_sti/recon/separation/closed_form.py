"""The split without any regularisation: what susceptibility and R2' say by themselves."""

from dataclasses import dataclass
from typing import ClassVar

from napari_sti.core.params import param
from napari_sti.core.progress import Progress, silent
from napari_sti.core.separated import SeparatedField
from napari_sti.core.separation import Form, SeparationInput, SeparationMethod
from napari_sti.recon.wavelet_filters import padded_shape


@dataclass(frozen=True)
class ClosedFormParams:
    """What can be chosen."""

    signs: bool = param(
        True,
        label="Keep the signs",
        help="Whether chi+ >= 0 >= chi- is demanded; without it the sources of noise come out with either sign.",
    )
    max_iterations: int = param(
        100,
        label="Iterations",
        help="At most so many, where signs have to be found step by step.",
        low=1,
        high=10000,
        advanced=True,
    )
    tol: float = param(
        1e-3, label="Tolerance", help="Stop when the relative change is below it.", low=0.0, high=0.1, advanced=True
    )


class ClosedForm(SeparationMethod):
    """Least squares in every voxel on its own; the floor that every other method has to rise above.

    For a scalar with one Dr: x± = (χ ± R2'/Dr) / 2. With signs demanded, it is the nearest point that they allow, in
    the same least squares. For a tensor: the minimum of ½ ‖x+ I + X- − χ‖² + mean_i ½ ‖x+ − h_i^T X- h_i − R2'_i/Dr‖²,
    by one matrix for all voxels, or with X- negative semi-definite, for which there is no closed form, by accelerated
    projected gradient.
    """

    id: ClassVar[str] = "closed_form"
    title: ClassVar[str] = "Closed form (no regularisation)"
    summary: ClassVar[str] = (
        "Splits every voxel on its own, from susceptibility and R2' alone: the floor to compare all others with."
    )
    formula: ClassVar[str] = "min over x₊ ≥ 0, X₋ ⪯ 0:  ½ ‖x₊I + X₋ − χ‖² + 1/N Σᵢ ½ ‖x₊ − hᵢᵀX₋hᵢ − R2′ᵢ/Dr‖²"
    reference: ClassVar[str] = "Shin et al., NeuroImage 240:118371 (2021), the model; least squares"
    Params: ClassVar[type] = ClosedFormParams
    forms: ClassVar[tuple[Form, ...]] = ("scalar", "tensor")

    def run(
        self, given: SeparationInput, params: ClosedFormParams, progress: Progress = silent, *, device: str = "cpu"
    ) -> SeparatedField:
        """Separate; see `SeparationMethod.run`."""
        import torch

        from napari_sti.recon.sources.run import Posed, Sparsity
        from napari_sti.recon.sources.solver import fit
        from napari_sti.recon.stages import Stages

        self.check(given)
        posed = Posed(given, Sparsity(0.0, 0.0, levels=1), device=device)
        name = f"{given.acquisition.name} {self.id}"
        if params.signs:
            found = fit(
                posed.problem,
                tol=params.tol,
                max_iterations=params.max_iterations,
                progress=progress,
                preview=posed.preview,
            )
            return posed.result(found, name=name)
        stages = Stages(2, progress)
        stages.done("Putting the equations together")
        inverse = torch.linalg.inv(posed.problem.hessian.double()).to(posed.problem.b)
        x = (inverse @ posed.problem.b.flatten(1)).view_as(posed.problem.b)
        stages.done("Solving them")
        remark = "Signs were not demanded: where noise outweighs a source, it has the wrong sign."
        provenance = {"iterations": stages.records, "stopped": "solved", "remarks": (remark,)}
        return posed.separated(x, signed=False, provenance=provenance, name=name)

    def memory_bytes(self, shape: tuple[int, int, int], orientations: int, params: ClosedFormParams, form: Form) -> int:
        """Estimate the peak memory of a run in bytes, without computing anything."""
        x, y, z = padded_shape(shape, 1)
        return 4 * x * y * z * (3 * (7 if form == "tensor" else 2) + 3) + 32_000_000
