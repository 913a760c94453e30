"""The forward operator of susceptibility tensor imaging: tensor to field maps, with adjoint and normal operator."""

from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from napari_sti.core.acquisition import check_directions
from napari_sti.core.errors import InputError, shape_text
from napari_sti.recon import fourier
from napari_sti.recon.dipole import DipoleKernel
from napari_sti.recon.halfspace import Shape, spectrum_shape


class StiOperator:
    """y_i = M F⁻¹ Σ_c d_ic F χ_c for every orientation i.

    M is the mask, F the orthonormal Fourier transform, d_ic the dipole kernel of component c (Liu 2010). Kernels are
    averaged with their mirror images on the Nyquist planes of even axes and are zero at k = 0. All transforms are
    real, one volume at a time; no kernels are stored (see `napari_sti.recon.dipole` and `fourier`).

    The three maps are linear and differentiable any number of times; the gradient of each is computed by its
    adjoint, so that no intermediate volumes are kept for it. The spectra of 6 + N volumes are kept from one call to
    the next, since fresh memory is slow; one operator is not for two threads at a time.

    Parameters
    ----------
    shape : (X, Y, Z)
        Number of voxels; odd, even or 1.
    voxel_size : three floats
        Edge lengths in mm along i, j, k.
    b0_dirs : (N, 3) array
        Unit vectors of the main field in voxel axes.
    mask : (X, Y, Z) array or None
        Where the field is measured; everywhere if None.
    device : str
        ``"cpu"``, ``"cuda"`` or ``"mps"``.
    dtype : torch.float32 or torch.float64
    components : {6, 9}
        Of the tensor: six of a symmetric one, or all nine, row by row (xx, xy, xz, yx, ...), of one that is not taken
        to be symmetric (Cao 2021). Shapes below are given for six.

    Raises
    ------
    InputError
        If the mask has another shape, a voxel size is not positive, or a direction is not a unit vector.
    """

    def __init__(
        self,
        shape: Shape,
        voxel_size: tuple[float, float, float],
        b0_dirs: ArrayLike,
        mask: ArrayLike | torch.Tensor | None = None,
        *,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
        components: int = 6,
    ) -> None:
        self.components = components
        self.shape: Shape = _three(shape, "shape", int)
        self.voxel_size: tuple[float, float, float] = _three(voxel_size, "voxel size", float)
        self.b0_dirs, _ = check_directions(b0_dirs)
        self.device, self.dtype = torch.device(device), dtype
        self.mask = self._take_mask(mask)
        self.kernel = DipoleKernel(
            self.shape, self.voxel_size, self.b0_dirs, device=self.device, dtype=dtype, components=components
        )

    def _take_mask(self, mask: ArrayLike | torch.Tensor | None) -> torch.Tensor:
        if mask is None:
            return torch.ones(self.shape, device=self.device, dtype=self.dtype)
        given = mask if isinstance(mask, torch.Tensor) else torch.from_numpy(np.asarray(mask) != 0)
        if given.shape != self.shape:
            raise InputError(
                f"the mask is {shape_text(given.shape)} voxels and the grid {shape_text(self.shape)}",
                mend="bring both to the same grid",
            )
        return (given != 0).to(self.device, self.dtype)

    @property
    def orientations(self) -> int:
        """Number of orientations, N."""
        return len(self.b0_dirs)

    def forward(self, chi: torch.Tensor) -> torch.Tensor:
        """Field maps (N, X, Y, Z) of a tensor (6, X, Y, Z); both in ppm, 0 outside the mask."""
        return _apply(self, chi, "forward")

    def adjoint(self, field: torch.Tensor) -> torch.Tensor:
        """Adjoint (6, X, Y, Z) of field maps (N, X, Y, Z), for the plain inner product of the six components."""
        return _apply(self, field, "adjoint")

    def normal(self, chi: torch.Tensor) -> torch.Tensor:
        """``adjoint(forward(chi))`` in less memory; symmetric."""
        return _apply(self, chi, "normal")

    def empty_spectra(self, count: int) -> torch.Tensor:
        """Uninitialised half spectra (count, X, Y, Z//2 + 1)."""
        kind = fourier.complex_type(self.dtype)
        return fourier.empty(count, *spectrum_shape(self.shape), device=self.device, dtype=kind)

    def empty_volumes(self, count: int) -> torch.Tensor:
        """Uninitialised volumes (count, X, Y, Z)."""
        return fourier.empty(count, *self.shape, device=self.device, dtype=self.dtype)

    # ---- without gradients, for `_Linear` ---------------------------------------------------------------------------

    @cached_property
    def _tensor_spectra(self) -> torch.Tensor:
        return self.empty_spectra(self.components)

    @cached_property
    def _field_spectra(self) -> torch.Tensor:
        return self.empty_spectra(self.orientations)

    def write_forward(self, chi: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
        """`forward` without gradients, written to `out`."""
        fourier.to_spectra(chi, self._tensor_spectra)
        self.kernel.forward(self._tensor_spectra, self._field_spectra)
        fourier.to_images(self._field_spectra, out, self.mask)
        return out

    def write_adjoint(self, field: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
        """`adjoint` without gradients, written to `out`."""
        fourier.to_spectra(field, self._field_spectra, self.mask)
        return self._from_field_spectra(out)

    def _forward(self, chi: torch.Tensor) -> torch.Tensor:
        return self.write_forward(chi, self.empty_volumes(self.orientations))

    def _adjoint(self, field: torch.Tensor) -> torch.Tensor:
        return self.write_adjoint(field, self.empty_volumes(self.components))

    def _normal(self, chi: torch.Tensor) -> torch.Tensor:
        fourier.to_spectra(chi, self._tensor_spectra)
        self.kernel.forward(self._tensor_spectra, self._field_spectra)
        fourier.mask_spectra(self._field_spectra, self.shape, self.mask)
        return self._from_field_spectra(self.empty_volumes(self.components))

    def _from_field_spectra(self, out: torch.Tensor) -> torch.Tensor:
        self.kernel.adjoint(self._field_spectra, self._tensor_spectra)
        fourier.to_images(self._tensor_spectra, out)
        return out


_TRANSPOSE = {"forward": "adjoint", "adjoint": "forward", "normal": "normal"}


def _apply(operator: StiOperator, volumes: torch.Tensor, which: str) -> torch.Tensor:
    """Check the shape and apply one of the three maps, with gradients if they are asked for."""
    count = operator.orientations if which == "adjoint" else operator.components
    if volumes.shape != (count, *operator.shape):
        raise InputError(
            f"the operator's {which} takes {shape_text((count, *operator.shape))} values and was given "
            f"{shape_text(volumes.shape)}",
            mend="put the components or orientations first",
        )
    given = volumes.to(operator.device, operator.dtype)
    out: torch.Tensor = _Linear.apply(given, operator, which)  # type: ignore[no-untyped-call]
    return out


class _Linear(torch.autograd.Function):
    """One of the operator's maps; its gradient is the transposed map, which is differentiable in turn."""

    @staticmethod
    def forward(ctx: Any, volumes: torch.Tensor, operator: StiOperator, which: str) -> torch.Tensor:
        ctx.operator, ctx.which = operator, which
        out: torch.Tensor = getattr(operator, f"_{which}")(volumes.contiguous())
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        return _apply(ctx.operator, gradients[0], _TRANSPOSE[ctx.which]), None, None


def _three(values: Any, what: str, kind: type) -> Any:
    try:
        three = tuple(kind(v) for v in values)
    except (TypeError, ValueError):
        three = ()
    if len(three) != 3 or not all(np.isfinite(v) and v > 0 for v in three):
        raise InputError(f"the {what} {values!r} is not three positive numbers", mend=f"give the {what} along i, j, k")
    return three
