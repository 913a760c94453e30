"""The forward operator of an isotropic susceptibility: one scalar volume to the field maps of all orientations.

It is the tensor's operator for χ times the unit matrix, y_i = M F⁻¹ (1/3 − (h_i·n)²) F χ with n = k/|k|, and agrees
with it on every grid: 0 at k = 0, and averaged with its mirror image on the Nyquist planes of even axes.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from napari_sti.recon import fourier
from napari_sti.recon.halfspace import Shape, half_space, spectrum_shape
from napari_sti.recon.solvers.cgls import squared_norm
from napari_sti.recon.threads import share, slabs

SLAB_VALUES = 1 << 17
"""Values of one half spectrum in a slab on the CPU."""


class ScalarOperator:
    """The operator and its adjoint, for volumes (1, X, Y, Z) and field maps (N, X, Y, Z).

    The spectra of 1 + N volumes and the kernels, which take as much as N volumes, are kept from one call to the next;
    one operator is not for two threads at a time.

    Parameters
    ----------
    shape : (X, Y, Z)
        Number of voxels; odd, even or 1.
    voxel_size : three floats
        Edge lengths in mm.
    b0_dirs : (N, 3) array
        Unit vectors of the main field in voxel axes.
    mask : (X, Y, Z) array or None
        Where the field is measured; everywhere if None.
    confined : bool
        Whether the susceptibility is zero outside the mask, as it has to be where the field of everything outside was
        removed: y_i = M F⁻¹ d_i F M χ.
    """

    def __init__(
        self,
        shape: Shape,
        voxel_size: tuple[float, float, float],
        b0_dirs: ArrayLike,
        mask: ArrayLike | None = None,
        *,
        confined: bool = False,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        h = np.asarray(b0_dirs, np.float64)
        self.shape, self.orientations = shape, len(h)
        self.device, self.dtype = torch.device(device), dtype
        inside = np.ones(shape, bool) if mask is None else np.array(mask) != 0
        self.mask = torch.from_numpy(inside).to(self.device, dtype)
        self._support = self.mask if confined else None
        self.kernel = dipole_kernels(shape, voxel_size, h, device=self.device, dtype=dtype)
        self._fields = self.empty_spectra(self.orientations)
        self._image = self.empty_spectra(1)

    def forward(self, x: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """Field maps in ppm, 0 outside the mask, of a susceptibility in ppm."""
        fourier.to_spectra(x, self._image, self._support)
        return self.fields_of(torch.view_as_real(self._image[0]), out)

    def adjoint(self, y: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """Adjoint of field maps."""
        self.spectrum_of(y, torch.view_as_real(self._image[0]))
        x = self.empty_volumes(1) if out is None else out
        fourier.to_images(self._image, x, self._support)
        return x

    def closed_form(self, y: torch.Tensor, ridge: float) -> torch.Tensor:
        """Minimum of Σᵢ ‖F⁻¹ dᵢ F χ − M yᵢ‖² + ridge ‖χ‖², where the field is taken for zero outside the mask."""
        rows, least = torch.view_as_real(self._image[0]), torch.finfo(self.dtype).tiny
        self.spectrum_of(y, rows)

        def one(part: slice) -> None:
            energy = self.kernel[:, part].square().sum(0).add_(ridge).clamp_(min=least)
            rows[part].div_(energy)

        self._each(one)
        x = self.empty_volumes(1)
        fourier.to_images(self._image, x, self._support)
        return x

    def fields_of(self, image: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """`forward` of the half spectrum (X, Y, Z//2 + 1, 2) of a susceptibility."""
        fields = torch.view_as_real(self._fields)
        self._each(lambda part: torch.mul(self.kernel[:, part], image[part], out=fields[:, part]))
        y = self.empty_volumes(self.orientations) if out is None else out
        fourier.to_images(self._fields, y, self.mask)
        return y

    def spectrum_of(self, y: torch.Tensor, image: torch.Tensor) -> None:
        """Write the half spectrum (X, Y, Z//2 + 1, 2) of what `adjoint` gives if it is not confined."""
        fourier.to_spectra(y, self._fields, self.mask)
        fields = torch.view_as_real(self._fields)

        def one(part: slice) -> None:
            torch.mul(self.kernel[0, part], fields[0, part], out=image[part])
            for kernel, field in zip(self.kernel[1:, part], fields[1:, part], strict=True):
                image[part].addcmul_(kernel, field)

        self._each(one)

    def squared_norm(self, x: torch.Tensor) -> float:
        """Sum of squares of an unknown."""
        return squared_norm(x)

    def empty_volumes(self, count: int) -> torch.Tensor:
        """Uninitialised volumes (count, X, Y, Z)."""
        return fourier.empty(count, *self.shape, device=self.device, dtype=self.dtype)

    def empty_spectra(self, count: int) -> torch.Tensor:
        """Uninitialised half spectra (count, X, Y, Z//2 + 1)."""
        kind = fourier.complex_type(self.dtype)
        return fourier.empty(count, *spectrum_shape(self.shape), device=self.device, dtype=kind)

    def _each(self, one: Callable[[slice], object]) -> None:
        """Call a function with every slab, on all threads of the CPU; a GPU takes all in one."""
        length, values = self.shape[0], 2 * math.prod(spectrum_shape(self.shape)[1:])
        thickness = max(1, SLAB_VALUES // values) if self.device.type == "cpu" else length
        share(one, slabs(length, thickness))


def dipole_kernels(
    shape: Shape,
    voxel_size: tuple[float, float, float],
    b0_dirs: NDArray[np.float64],
    *,
    device: torch.device,
    dtype: torch.dtype,
) -> torch.Tensor:
    """Kernels (N, X, Y, Zh, 2); every value twice, beside the real and the imaginary part that it multiplies."""
    space = half_space(shape, voxel_size, device=device, dtype=dtype)
    kernels = fourier.empty(len(b0_dirs), *spectrum_shape(shape), 2, device=device, dtype=dtype)
    for h, out in zip(b0_dirs.tolist(), kernels, strict=True):
        cosine = h[0] * space.direction[0]
        cosine.add_(space.direction[1], alpha=h[1]).add_(space.direction[2], alpha=h[2])
        kernel = torch.rsub(cosine.square_(), 1 / 3)
        for product in space.nyquist:
            a, c = product.axes
            kernel[tuple(slice(None) if index is None else index for index in product.at)] -= (
                h[a] * h[c] * product.value
            )
        out.copy_(kernel[..., None].expand_as(out))
    kernels[:, 0, 0, 0] = 0
    return kernels
