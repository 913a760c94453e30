"""Wavelet STI: least squares with a sparse wavelet transform of every tensor component."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.acquisition import Acquisition
from napari_sti.core.method import Method, Needs
from napari_sti.core.params import param
from napari_sti.core.progress import Progress, silent
from napari_sti.core.tensor_field import TensorField
from napari_sti.recon.budget import BASE, operator_bytes, volume_bytes
from napari_sti.recon.wavelet_filters import WAVELETS, padded_shape


@dataclass(frozen=True)
class WaveletStiParams:
    """What can be chosen."""

    lam: float = param(
        5e-5,
        label="Weight λ",
        unit="ppm",
        help="Of the absolute wavelet coefficients; about a sixth of the standard deviation of the noise is best.",
        low=0.0,
        high=10.0,
    )
    wavelet: str = param(
        "db4",
        label="Wavelet",
        choices=WAVELETS,
        help="Daubechies' wavelets; the number is that of vanishing moments.",
    )
    levels: int = param(
        3,
        label="Levels",
        help="How many times the volume is halved.",
        low=1,
        high=6,
        advanced=True,
    )
    max_iterations: int = param(200, label="Iterations", help="At most so many.", low=1, high=10000)
    tol: float = param(
        3e-4,
        label="Tolerance",
        help="Stop when a step changes the tensor by less than this fraction.",
        low=0.0,
        high=0.1,
        advanced=True,
    )


class WaveletSti(Method):
    """Least squares with an L1 penalty on wavelet coefficients, by accelerated proximal gradient.

    minimise ½ Σ_i ‖M F⁻¹ Σ_c d_ic F χ_c − δ_i‖² + λ Σ_c ‖W χ_c‖₁ over tensors on the whole grid.

    W is the orthonormal wavelet transform of `napari_sti.recon.wavelets`. The averages of its coarsest level count as
    well: left free, components that few head orientations hardly see grow without bound (on real fibres from one
    tilted orientation the error of the MSA was twelve times the MSA). The sum runs over the six stored components, so
    that off-diagonals, which stand twice in the tensor, count once. Settings of the published method (Bilgic 2016) are
    not known; defaults were chosen on the simulated sample brain.

    Wavelets need sizes that can be halved `levels` times and know one end of an axis from the other: fields and mask
    are brought to the nearest RAS order, zeros are added at the far ends, which lie outside the mask, and the result
    is cropped and brought back. So everything is exact on any size, and does not depend on the storage order. Axes of
    one voxel are left alone.
    """

    id: ClassVar[str] = "wavelet_sti"
    title: ClassVar[str] = "Wavelet STI (sparse wavelet coefficients)"
    summary: ClassVar[str] = (
        "Fits the tensor to the field maps and prefers tensors whose components have few large wavelet coefficients, "
        "which takes away noise and keeps edges."
    )
    formula: ClassVar[str] = "min over χ:  ½ Σᵢ ‖M F⁻¹ Σ_c d_ic F χ_c − δᵢ‖² + λ Σ_c ‖W χ_c‖₁"
    reference: ClassVar[str] = (
        "Bilgic et al. (2016), wavelet regularisation; Beck and Teboulle, SIAM J Imaging Sci 2:183 (2009)"
    )
    needs: ClassVar[Needs] = Needs(orientations=1, determined_from=6)
    Params: ClassVar[type] = WaveletStiParams
    takes_start: ClassVar[bool] = True

    def run(
        self,
        acquisition: Acquisition,
        params: WaveletStiParams,
        progress: Progress = silent,
        *,
        device: str = "cpu",
        home: str = "",
        start: TensorField | None = None,
    ) -> TensorField:
        """Reconstruct; see `Method.run`."""
        import torch

        from napari_sti.recon.canonical import CanonicalGrid
        from napari_sti.recon.curvature import component_curvature
        from napari_sti.recon.operator import StiOperator
        from napari_sti.recon.solvers.fista import fista
        from napari_sti.recon.solvers.imagespace import ImageOperator
        from napari_sti.recon.wavelets import SparseWavelets

        self.check(acquisition)
        assert acquisition.field is not None
        grid = CanonicalGrid(acquisition, lambda shape: padded_shape(shape, params.levels))
        operator = ImageOperator(StiOperator(grid.shape, grid.voxel_size, grid.b0_dirs, grid.mask, device=device), home)

        def tensor(x: torch.Tensor) -> NDArray[np.float32]:
            return grid.take_tensor(volume.cpu().numpy() for volume in x)

        found = fista(
            operator,
            torch.from_numpy(grid.place_volumes(acquisition.field)).to(operator.home),
            SparseWavelets(grid.shape, params.lam, params.wavelet, params.levels, device=device),
            component_curvature(grid.b0_dirs).tolist(),
            start=None if start is None else torch.from_numpy(grid.place_tensor(start.chi)).to(operator.home),
            tol=params.tol,
            max_iterations=params.max_iterations,
            progress=progress,
            preview=tensor,
        )
        return TensorField(
            tensor(found.x),
            acquisition.affine,
            mask=acquisition.mask,
            provenance={"iterations": found.iterations, "stopped": found.stopped},
            name=f"{acquisition.name} {self.id}",
        )

    def memory_bytes(self, shape: tuple[int, int, int], orientations: int, params: WaveletStiParams) -> int:
        """Estimate the peak memory of a run in bytes, without computing anything."""
        volume = volume_bytes(padded_shape(shape, params.levels))
        tensors = 3 + 1  # two estimates, gradient, spectra
        fields = 3 + 1  # two residuals, data, spectra
        fixed = 3 + 1 + 12  # directions of k, mask, what two threads need for transforms of both kinds
        return volume * (6 * tensors + fields * orientations + fixed) + BASE

    def device_bytes(self, shape: tuple[int, int, int], orientations: int, params: WaveletStiParams) -> int:
        """Peak memory on the device when `home` is another."""
        x, y, z = padded_shape(shape, params.levels)
        return operator_bytes((x, y, z), orientations, components=6) + 3 * 4 * x * y * z  # a row and its coefficients
