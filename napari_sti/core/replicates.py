"""Directions and anisotropy of several runs of one study, kept small: three whole numbers in each voxel and run.

A replicate keeps MSA times PEV as one vector, since an eigenvector has no sign and its length is free to say the
anisotropy. Two bytes for each component are enough where a susceptibility tensor can be meant: where MSA is a twentieth
of its 99th percentile, the direction is rounded by 0.12 degrees at most.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.core.tensor_field import TensorField

LARGEST = 32767
HEADROOM = 4.0
"""Longest vector that is kept, over the 99th percentile of MSA; longer ones are shortened and keep their direction."""

VOXEL_BYTES = 6
"""In each voxel of the mask, for each replicate."""


@dataclass(frozen=True, eq=False)
class Replicates:
    """What the runs without one orientation each said of direction and anisotropy.

    Parameters
    ----------
    vectors : (N, V, 3) int16 array
        MSA times PEV in VOXEL axes over `slope`, sign free, in the V voxels of the mask (C order); 0 where a run gave
        no direction.
    slope : float
        Of one step, ppm.
    mask : (X, Y, Z) bool array
        In the storage order of the result.
    affine : (4, 4) array
        Voxel indices to RAS mm.
    labels : tuple of str
        Orientation that each run did without.
    """

    vectors: NDArray[np.int16]
    slope: float
    mask: NDArray[np.bool_]
    affine: NDArray[np.float64]
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def nbytes(self) -> int:
        """Memory that they take."""
        return int(self.vectors.nbytes)

    def unpacked(self, number: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Unit directions (V, 3), 0 where there is none, and MSA (V,) in ppm of one replicate."""
        vectors = self.vectors[number].astype(np.float32)
        length = np.sqrt(np.einsum("nc,nc->n", vectors, vectors))
        return vectors / np.maximum(length, 1)[:, None], length * np.float32(self.slope)

    def volume(self) -> NDArray[np.int16]:
        """All of them as (X, Y, Z, 3 N), three volumes for each run."""
        found = np.zeros((*self.mask.shape, 3 * len(self)), np.int16)
        found[self.mask] = np.moveaxis(self.vectors, 0, 1).reshape(self.vectors.shape[1], -1)
        return found

    def mended(self, mend: NDArray[np.floating]) -> "Replicates":
        """The same with voxel axes flipped or swapped by a signed permutation, without any rounding."""
        turned = np.einsum("ij,nvj->nvi", np.rint(mend).astype(np.int16), self.vectors)
        return Replicates(turned, self.slope, self.mask, self.affine, self.labels)


class Keeper:
    """Takes runs one after the other and keeps of each what `Replicates` holds.

    Parameters
    ----------
    full : TensorField
        Result of all orientations; the mask and the steps of the numbers are its.
    count : int
        How many runs will come.
    """

    def __init__(self, full: TensorField, count: int) -> None:
        self._mask = np.asarray(full.mask, bool)
        self._affine = full.affine
        known = full.msa[self._mask]
        known = known[np.isfinite(known)]
        top = float(np.percentile(known, 99)) if known.size else 0.0
        self.slope = float(np.float32(HEADROOM * top / LARGEST))
        voxels = int(self._mask.sum()) if self.slope > 0 else 0
        self._vectors = np.zeros((count, voxels, 3), np.int16)
        self._labels: list[str] = []

    def add(self, tensor: TensorField, label: str) -> None:
        """Keep another run, in the storage order of the full one; what is not finite is kept as no direction."""
        if self.slope > 0:
            voxel = tensor.in_frame("voxel")
            steps = voxel.msa[self._mask].astype(np.float64) / self.slope
            steps = np.minimum(np.nan_to_num(steps, nan=0.0, posinf=0.0, neginf=0.0), LARGEST)
            self._vectors[len(self._labels)] = np.rint(np.nan_to_num(voxel.pev[self._mask]) * steps[:, None])
        self._labels.append(label)

    def kept(self) -> Replicates | None:
        """All of them; None of an isotropic result, which has no directions."""
        if not self.slope > 0:
            return None
        return Replicates(self._vectors, self.slope, self._mask, self._affine, tuple(self._labels))


def from_volume(
    volume: NDArray[np.int16], slope: float, affine: NDArray[np.float64], labels: Sequence[str]
) -> Replicates:
    """Read back `Replicates.volume`; voxels in which no run gave a direction are outside the mask then.

    Raises
    ------
    InputError
        If the numbers of volumes and labels do not belong together.
    """
    if volume.ndim != 4 or not len(labels) or volume.shape[3] != 3 * len(labels):
        raise InputError(
            f"{len(labels)} replicates have {3 * len(labels)} volumes, and the file has {volume.shape[3:]}",
            mend="run 'napari-sti trust' again",
        )
    mask: NDArray[np.bool_] = np.asarray(volume.any(-1))
    vectors = volume[mask].reshape(-1, len(labels), 3)
    grid = frames.check_affine(affine)
    return Replicates(np.ascontiguousarray(np.moveaxis(vectors, 1, 0)), slope, mask, grid, tuple(labels))
