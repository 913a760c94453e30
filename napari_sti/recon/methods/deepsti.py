"""DeepSTI: a few steps of proximal gradient in which a trained network stands for the regulariser."""

from dataclasses import dataclass, replace
from typing import ClassVar

from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import InputError
from napari_sti.core.method import Method, Needs
from napari_sti.core.params import param
from napari_sti.core.progress import Progress, silent
from napari_sti.core.tensor_field import TensorField
from napari_sti.recon.budget import operator_bytes, volume_bytes
from napari_sti.recon.weights import find_weights


@dataclass(frozen=True)
class DeepStiParams:
    """What can be chosen."""

    weights: str = param(
        "deepsti-compact",
        label="Weights",
        help="Name of weights that come with the package, or a file: .safetensors as written by a training, or a "
        "checkpoint of the published program (.pkl, .pt, .pth, .ckpt).",
        path="file",
    )
    iterations: int = param(
        0,
        label="Iterations",
        help="0 for as many as the weights were trained with, which is best.",
        low=0,
        high=50,
        advanced=True,
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
        "same, since statistics are those of the whole volume.",
        advanced=True,
    )


class DeepSti(Method):
    """Unrolled proximal gradient with a trained network (Fang 2023), or a member of our own family of such models.

    The published family does x ← f(x − α Aᵀ(A x − y)), K times from x = 0, with the same network f each time and a
    learned step α; for ours see `napari_sti.recon.unrolled.compact`. The formula shown holds for both. What the
    weights are, where they come from and what they saw is said by their card; where a study lies outside of that, the
    result says so.
    """

    id: ClassVar[str] = "deepsti"
    title: ClassVar[str] = "DeepSTI (trained network)"
    summary: ClassVar[str] = (
        "A network trained on simulated brains takes the place of the regulariser in a few steps of an iteration that "
        "fits the field maps; meant for one to five orientations."
    )
    formula: ClassVar[str] = "χ ← f_θ(χ, Aᵀ(A χ − δ)),  (A χ)ᵢ = M F⁻¹ Σ_c d_ic F χ_c"
    reference: ClassVar[str] = "Fang, Lai, van Zijl, Li and Sulam, Medical Image Analysis 87:102829 (2023)"
    needs: ClassVar[Needs] = Needs(orientations=1, determined_from=6, weights=True)
    Params: ClassVar[type] = DeepStiParams
    keeps_iterates: ClassVar[bool] = True

    def run(
        self,
        acquisition: Acquisition,
        params: DeepStiParams,
        progress: Progress = silent,
        *,
        device: str = "cpu",
        home: str = "",
        start: TensorField | None = None,
    ) -> TensorField:
        """Reconstruct; see `Method.run`."""
        weights = find_weights(params.weights)
        from napari_sti.recon.unrolled.inference import infer

        self.check(acquisition)
        tensor = infer(
            acquisition,
            weights,
            iterations=params.iterations,
            precision=params.precision,
            chunk=params.chunk,
            progress=progress,
            device=device,
            home="" if home == device else home,
        )
        return replace(tensor, name=f"{acquisition.name} {self.id}")

    def memory_bytes(self, shape: tuple[int, int, int], orientations: int, params: DeepStiParams) -> int:
        """Estimate the peak memory of a run in bytes, without computing anything."""
        grid = _padded(shape)
        volumes = 8 if params.chunk == "whole" else 4
        features = volumes * _width(params.weights) * volume_bytes(grid)
        if params.precision != "float32" and params.chunk != "whole":
            features //= 2
        return self.device_bytes(shape, orientations, params) + features

    def device_bytes(self, shape: tuple[int, int, int], orientations: int, params: DeepStiParams) -> int:
        """Peak memory on the device when `home` is another: the operator, and slabs of the features."""
        grid = _padded(shape)
        slabs = 4 * 32 * 4 * _width(params.weights) * grid[1] * grid[2]
        return operator_bytes(shape, orientations, components=6) + 8 * 6 * volume_bytes(grid) + slabs + 300_000_000


def _padded(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    x, y, z = (-(-n // 32) * 32 for n in shape)
    return x, y, z


def _width(weights: str) -> int:
    """Channels of the finest grid, as far as the file says it."""
    try:
        header = find_weights(weights).header
    except InputError:
        header = None
    features = [] if header is None else header.config.get("features", [])
    return int(features[0]) if isinstance(features, list) and features else 32
