"""A reconstructed (or simulated, or loaded) susceptibility tensor on a grid."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from napari_sti.core import eigen, frames
from napari_sti.core.errors import InputError, shape_text
from napari_sti.core.frames import COMPONENTS, Frame


@dataclass(frozen=True, eq=False)
class TensorField:
    """Symmetric susceptibility tensor of every voxel, with frame, order and origin.

    Parameters
    ----------
    chi : (X, Y, Z, 6) array
        Tensor in ppm, components xx, xy, xz, yy, yz, zz in `frame`. Held as float32, NaN and infinity kept.
    affine : (4, 4) array
        Voxel indices to RAS mm.
    mask : (X, Y, Z) array, optional
        Where the tensor is meant; everywhere by default.
    frame : {"voxel", "ras", "lps", "fsl"}
        Axes in which the components are given.
    provenance : mapping
        How it was made, plain JSON-able values.
    name : str
        What the person calls it.

    Attributes
    ----------
    mms, msa : (X, Y, Z) float32 arrays
        Mean magnetic susceptibility (l1 + l2 + l3)/3 and anisotropy l1 - (l2 + l3)/2 in ppm; 0 outside the mask.
    pev : (X, Y, Z, 3) float32 array
        Unit principal eigenvector (of the largest eigenvalue) in `frame`, sign free; 0 outside the mask.
    """

    chi: NDArray[np.float32]
    affine: NDArray[np.float64]
    mask: NDArray[np.bool_] | None = None
    frame: Frame = "voxel"
    provenance: Mapping[str, Any] = field(default_factory=dict)
    name: str = "tensor"

    order = COMPONENTS

    def __post_init__(self) -> None:
        given = np.asarray(self.chi)
        if given.dtype.kind not in "biuf":
            raise InputError("the tensor is not made of real numbers", mend="give six real components in ppm")
        chi = np.array(given, dtype=np.float32)
        if chi.ndim != 4 or chi.shape[-1] != 6:
            raise InputError(
                f"a tensor of shape {shape_text(chi.shape)} does not have six components per voxel",
                mend="give (x, y, z, 6) in the order xx, xy, xz, yy, yz, zz",
            )
        mask = np.ones(chi.shape[:3], bool) if self.mask is None else np.nan_to_num(self.mask) > 0.5
        if mask.shape != chi.shape[:3]:
            raise InputError(
                f"the mask has the shape {mask.shape} and the tensor {chi.shape[:3]}",
                mend="bring both to one grid",
            )
        affine = frames.check_affine(self.affine)
        for name, value in (("chi", chi), ("mask", mask), ("affine", affine)):
            value.setflags(write=False)
            object.__setattr__(self, name, value)
        object.__setattr__(self, "frame", frames.parse_frame(self.frame))
        object.__setattr__(self, "provenance", dict(self.provenance))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along i, j, k."""
        return cast(tuple[int, int, int], self.chi.shape[:3])

    @property
    def voxel_size(self) -> tuple[float, float, float]:
        """Edge lengths of a voxel in mm along i, j, k."""
        return frames.voxel_size(self.affine)

    @cached_property
    def _maps(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        maps = eigen.principal(self.chi, mask=self.mask)
        for array in maps:
            array.setflags(write=False)
        return maps

    @property
    def mms(self) -> NDArray[np.float32]:
        """Mean magnetic susceptibility, (X, Y, Z) in ppm."""
        return self._maps[0]

    @property
    def msa(self) -> NDArray[np.float32]:
        """Magnetic susceptibility anisotropy l1 - (l2 + l3)/2, (X, Y, Z) in ppm."""
        return self._maps[1]

    @property
    def pev(self) -> NDArray[np.float32]:
        """Principal eigenvector, (X, Y, Z, 3) unit vectors in `frame`, sign free."""
        return self._maps[2]

    def in_frame(self, frame: Frame) -> "TensorField":
        """Return the same tensor with its components in another frame."""
        target = frames.parse_frame(frame)
        if target == self.frame:
            return self
        chi = frames.rotate_tensors(self.chi, frames.between(self.frame, target, self.affine))
        return replace(self, chi=chi, frame=target)

    def reordered(self, orientation: NDArray[np.float64]) -> "TensorField":
        """Return the same tensor field stored in another order of axes; every voxel keeps its place in the world."""
        voxel = self.in_frame("voxel")
        rotation = frames.reordering_matrix(orientation)
        moved = replace(
            voxel,
            chi=frames.rotate_tensors(frames.reorder_volume(voxel.chi, orientation), rotation),
            mask=frames.reorder_volume(cast(NDArray[np.bool_], voxel.mask), orientation),
            affine=frames.reorder_affine(self.affine, orientation, self.shape),
        )
        return moved.in_frame(self.frame)

    def canonical(self) -> "TensorField":
        """Return the same tensor field stored in the nearest RAS order."""
        return self.reordered(frames.canonical_orientation(self.affine))
