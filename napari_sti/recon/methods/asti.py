"""aSTI: least squares for all nine components of a tensor that is not taken to be symmetric."""

from dataclasses import dataclass, replace
from typing import ClassVar

from napari_sti.core.acquisition import Acquisition
from napari_sti.core.method import Method, Needs
from napari_sti.core.params import param
from napari_sti.core.progress import Progress, silent
from napari_sti.core.tensor_field import TensorField
from napari_sti.recon.budget import kspace_bytes, operator_bytes


@dataclass(frozen=True)
class AstiParams:
    """What can be chosen."""

    max_iterations: int = param(
        100,
        label="Iterations",
        help="At most so many; the published tolerance is reached in 20 to 50.",
        low=1,
        high=10000,
    )
    tol: float = param(
        5e-3,
        label="Tolerance",
        help="Stop by the criteria of LSQR with this tolerance (0.005 in vivo and 0.001 at 1 % noise with aSTI+).",
        low=0.0,
        high=1.0,
    )


class Asti(Method):
    """Nine components by least squares, then the symmetric part; the antisymmetric part takes up noise and streaks.

    One equation for each orientation determines at most six of the nine at any k; among all tensors that fit, the one
    of smallest norm is approached from zero. The kernels are a_ij = h_i h_j / 3 − (h·k) k_i h_j / |k|², averaged with
    their mirror images at the Nyquist frequencies of even axes.
    """

    id: ClassVar[str] = "asti"
    title: ClassVar[str] = "aSTI (asymmetric tensor)"
    summary: ClassVar[str] = (
        "Fits all nine components without the constraint of symmetry and keeps the symmetric part; "
        "what is not symmetric takes up noise and streaks."
    )
    formula: ClassVar[str] = "min over X (nine components):  ½ Σᵢ ‖M F⁻¹ Σ_c a_ic F X_c − δᵢ‖²,   χ = ½ (X + Xᵀ)"
    reference: ClassVar[str] = "Cao, Wei, Chen and Liu, MRM 86(4) (2021)"
    needs: ClassVar[Needs] = Needs(orientations=1, determined_from=6)
    Params: ClassVar[type] = AstiParams
    takes_start: ClassVar[bool] = True

    def run(
        self,
        acquisition: Acquisition,
        params: AstiParams,
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
            components=9,
            tol=params.tol,
            rule="lsqr",
            max_iterations=params.max_iterations,
            progress=progress,
            device=device,
            home=home,
            start=start,
        )
        return replace(tensor, name=f"{acquisition.name} {self.id}")

    def memory_bytes(self, shape: tuple[int, int, int], orientations: int, params: AstiParams) -> int:
        """Estimate the peak memory of a run in bytes, without computing anything."""
        return kspace_bytes(shape, orientations, components=9)

    def device_bytes(self, shape: tuple[int, int, int], orientations: int, params: AstiParams) -> int:
        """Peak memory on the device when `home` is another."""
        return operator_bytes(shape, orientations, components=9)
