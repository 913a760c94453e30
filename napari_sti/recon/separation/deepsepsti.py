"""DeepSepSTI: iron and myelin from field maps and R2' at once, with a trained network between least squares."""

from dataclasses import dataclass
from typing import ClassVar

from napari_sti.core.params import param, param_again
from napari_sti.core.progress import Progress, silent
from napari_sti.core.separated import SeparatedField
from napari_sti.core.separation import Form, SeparationInput, SeparationMethod
from napari_sti.recon.budget import operator_bytes, volume_bytes
from napari_sti.recon.methods.deepsti import DeepStiParams
from napari_sti.recon.separation.wavesep import WaveSepParams
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
    precision: str = param_again(DeepStiParams, "precision")
    chunk: str = param_again(
        DeepStiParams,
        "chunk",
        help="auto, whole, or the number of voxels that the network is evaluated at, at a time; the result is the "
        "same.",
    )
    level: str = param(
        "one",
        label="Level",
        choices=("one", "always", "never"),
        help="When the constant of the total susceptibility, which field maps hardly see, is set by the signs of the "
        "sources: with one orientation alone, always, or never.",
        advanced=True,
    )
    r2_typical: float = param_again(WaveSepParams, "r2_typical")
    r2_weight: float = param_again(
        WaveSepParams,
        "r2_weight",
        help="Weight of ½ ((R2 − typical) / Dr)² against the misfit of R2*, where R2 is found as well.",
    )
    r2_rounds: int = param(
        1,
        label="Turns",
        help="How often R2 is found anew, where R2 is found as well; the network is asked once more than that.",
        low=1,
        high=20,
        advanced=True,
    )


class DeepSepSti(SeparationMethod):
    """Joint estimation of chi+ and of the tensor X- from field maps and R2', by a learned correction.

    Least squares of both measurements give a first estimate; a network that was trained on simulated brains with iron
    and myelin as separate sources corrects it; least squares around the correction bring it back to the data; the
    level of both is set by R2' and, with one orientation, by the signs; the nearest sources with chi+ >= 0 and X-
    negative semi-definite are the result. The network sees R2'/Dr in ppm, so one training serves any Dr, and one that
    is wrong misleads it. With R2* and no R2, R2 is found in turns with the sources
    and taken away before the network, which knows R2' only. Our design after DeepSTI (Fang 2023) and WaveSep (Fang
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
    finds_r2: ClassVar[bool] = True
    takes_unequal_dr: ClassVar[tuple[Form, ...]] = ()

    def run(
        self, given: SeparationInput, params: DeepSepStiParams, progress: Progress = silent, *, device: str = "cpu"
    ) -> SeparatedField:
        """Separate; see `SeparationMethod.run`."""
        self.check(given)
        weights = find_weights(params.weights)
        from napari_sti.recon.sources.found_r2 import TypicalR2, separate_with_r2
        from napari_sti.recon.unrolled.separating_inference import infer_sources

        def infer(given: SeparationInput, progress: Progress) -> SeparatedField:
            return infer_sources(
                given,
                weights,
                precision=params.precision,
                chunk=params.chunk,
                level=params.level,
                progress=progress,
                device=device,
                name=f"{given.acquisition.name} {self.id}",
            )

        if not given.rates_hold_r2:
            return infer(given, progress)
        typical = TypicalR2(params.r2_typical, params.r2_weight, params.r2_rounds)
        return separate_with_r2(infer, given, typical, progress)

    def remarks(self, given: SeparationInput) -> tuple[str, ...]:
        """Say what is not measured; see `SeparationMethod.remarks`."""
        if not given.rates_hold_r2:
            return ()
        return (
            "R2 was not measured, and the network has only ever seen R2': R2 was found in turns with the sources and "
            "taken from R2* before the network. It lies near its typical value wherever the signs of the sources do "
            "not speak against it.",
        )

    def memory_bytes(self, shape: tuple[int, int, int], orientations: int, params: DeepSepStiParams, form: Form) -> int:
        """Estimate the peak memory of a run in bytes, without computing anything."""
        x, y, z = (-(-n // 8) * 8 for n in shape)
        grid = (x, y, z)
        solver = (49 // 2 + 7 * 8 + 23 + 3 * orientations) * volume_bytes(grid)  # preconditioner, iterations, inputs
        features = (8 if params.chunk == "whole" else 4) * WIDTH * volume_bytes(grid) // 8
        return operator_bytes(shape, orientations, components=6) + solver + features + 300_000_000
