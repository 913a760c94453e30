"""DeepSepSTI: iron and myelin from field maps and R2' at once, with a trained network between least squares."""

from dataclasses import dataclass
from typing import ClassVar

from napari_sti.core.params import param
from napari_sti.core.progress import Progress, silent
from napari_sti.core.separated import SeparatedField
from napari_sti.core.separation import Form, SeparationInput, SeparationMethod
from napari_sti.recon.budget import operator_bytes, volume_bytes
from napari_sti.recon.weights import find_weights

WIDTH = 48
"""Channels of the network at half resolution."""


@dataclass(frozen=True)
class DeepSepStiParams:
    """What can be chosen."""

    weights: str = param(
        "deepsepsti",
        label="Weights",
        help="Name of weights that come with the package, or a .safetensors file as written by a training.",
        path="file",
    )
    precision: str = param(
        "float32",
        label="Precision",
        choices=("float32", "bfloat16", "float16"),
        help="Of the features of the network: half of the memory, and on a GPU less time, for errors of some "
        "thousandths (bfloat16) or less (float16) of the range of the network's result.",
        advanced=True,
    )
    chunk: str = param(
        "auto",
        label="Chunks",
        help="auto, whole, or the number of voxels that the network is evaluated at, at a time; the result is the "
        "same.",
        advanced=True,
    )


class DeepSepSti(SeparationMethod):
    """Joint estimation of chi+ and of the tensor X- from field maps and R2', by a learned correction.

    Least squares of both measurements give a first estimate; a network that was trained on simulated brains with iron
    and myelin as separate sources corrects it; least squares around the correction bring it back to the data; the
    nearest sources with chi+ >= 0 and X- negative semi-definite are the result. The network sees R2'/Dr in ppm, so one
    training serves any Dr, and one that is wrong misleads it. Our design after DeepSTI (Fang 2023) and WaveSep (Fang
    2023); the published DeepSepSTI has neither code nor a described architecture.
    """

    id: ClassVar[str] = "deepsepsti"
    title: ClassVar[str] = "DeepSepSTI (trained network)"
    summary: ClassVar[str] = (
        "Finds iron and the tensor of myelin from field maps and R2' at once, by a network that was trained on "
        "simulated brains; no ready susceptibility is needed."
    )
    formula: ClassVar[str] = (
        "z = (x₊, X₋):  z ← argmin over z:  ½ Σᵢ ‖M(A(x₊I + X₋) − δ)ᵢ‖²/σ² + ½ Σᵢ ‖x₊ − hᵢᵀX₋hᵢ − R2′ᵢ/Dr‖²/ρ² + "
        "½ ‖z − f_θ(z)‖²/τ²,  x₊ ≥ 0, X₋ ⪯ 0"
    )
    reference: ClassVar[str] = "after Fang et al., DeepSTI, Medical Image Analysis 87:102829 (2023), and WaveSep (2023)"
    Params: ClassVar[type] = DeepSepStiParams
    forms: ClassVar[tuple[Form, ...]] = ("tensor",)
    starts_from = "field"
    takes_unequal_dr: ClassVar[tuple[Form, ...]] = ()

    def run(
        self, given: SeparationInput, params: DeepSepStiParams, progress: Progress = silent, *, device: str = "cpu"
    ) -> SeparatedField:
        """Separate; see `SeparationMethod.run`."""
        self.check(given)
        weights = find_weights(params.weights)
        from napari_sti.recon.unrolled.separating_inference import infer_sources

        return infer_sources(
            given,
            weights,
            precision=params.precision,
            chunk=params.chunk,
            progress=progress,
            device=device,
            name=f"{given.acquisition.name} {self.id}",
        )

    def memory_bytes(self, shape: tuple[int, int, int], orientations: int, params: DeepSepStiParams, form: Form) -> int:
        """Estimate the peak memory of a run in bytes, without computing anything."""
        x, y, z = (-(-n // 8) * 8 for n in shape)
        grid = (x, y, z)
        solver = (49 // 2 + 7 * 8 + 23 + 3 * orientations) * volume_bytes(grid)  # preconditioner, iterations, inputs
        features = (8 if params.chunk == "whole" else 4) * WIDTH * volume_bytes(grid) // 8
        return operator_bytes(shape, orientations, components=6) + solver + features + 300_000_000
