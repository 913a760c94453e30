"""STIimag: the susceptibility tensor as the least-squares fit to all field maps."""

from dataclasses import dataclass, replace
from typing import ClassVar

from napari_sti.core.acquisition import Acquisition
from napari_sti.core.method import Method, Needs
from napari_sti.core.params import param
from napari_sti.core.progress import Progress, silent
from napari_sti.core.tensor_field import TensorField
from napari_sti.recon.budget import kspace_bytes, operator_bytes


@dataclass(frozen=True)
class StiImagParams:
    """What can be chosen."""

    lam: float = param(
        0.0,
        label="Ridge λ",
        help="Weight of ‖χ‖² against the misfit, both in ppm²; 0 leaves stopping early as the only regularisation.",
        low=0.0,
        high=100.0,
    )
    max_iterations: int = param(
        100,
        label="Iterations",
        help="At most so many; directions keep improving for about a hundred when there is little noise.",
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


class StiImag(Method):
    """Unconstrained least squares over the whole grid, with the mask inside the operator."""

    id: ClassVar[str] = "stiimag"
    title: ClassVar[str] = "STIimag (image-space least squares)"
    summary: ClassVar[str] = (
        "Fits all six tensor components to the field inside the mask by conjugate gradients (the steps of LSQR); "
        "no prior knowledge, so six or more well spread orientations are needed."
    )
    formula: ClassVar[str] = "min over χ:  ½ Σᵢ ‖M F⁻¹ Σ_c d_ic F χ_c − δᵢ‖² + ½ λ ‖χ‖²"
    reference: ClassVar[str] = "C. Liu, MRM 63:1471 (2010); Li, Liu, Duong, van Zijl and Li, NMR Biomed 30:e3540 (2017)"
    needs: ClassVar[Needs] = Needs(orientations=1, determined_from=6)
    Params: ClassVar[type] = StiImagParams

    takes_start: ClassVar[bool] = True

    def run(
        self,
        acquisition: Acquisition,
        params: StiImagParams,
        progress: Progress = silent,
        *,
        device: str = "cpu",
        home: str = "",
        start: TensorField | None = None,
    ) -> TensorField:
        """Reconstruct; see `Method.run`."""
        from napari_sti.recon.fit import fit_in_kspace

        self.check(acquisition)
        tensor = fit_in_kspace(
            acquisition,
            ridge=params.lam,
            tol=params.tol,
            max_iterations=params.max_iterations,
            progress=progress,
            device=device,
            home=home,
            start=start,
        )
        return replace(tensor, name=f"{acquisition.name} {self.id}")

    def memory_bytes(self, shape: tuple[int, int, int], orientations: int, params: StiImagParams) -> int:
        """Estimate the peak memory of a run in bytes, without computing anything."""
        return kspace_bytes(shape, orientations, components=6)

    def device_bytes(self, shape: tuple[int, int, int], orientations: int, params: StiImagParams) -> int:
        """Peak memory on the device when `home` is another."""
        return operator_bytes(shape, orientations, components=6)
