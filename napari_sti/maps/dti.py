"""Fibre directions of a diffusion tensor as a reference for the principal eigenvectors: V1 and FA of the same fit.

A file of directions does not say in which axes they are. FSL's dtifit writes the frame "fsl" (voxel axes, the first
component negated where the determinant of the affine is positive), MRtrix writes RAS. The frame has to be stated;
whether it can be true is seen from the fibre coherence index, which is largest when directions run along the bundles.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.core.frames import Frame
from napari_sti.io.grid import check_grid
from napari_sti.io.nifti import Volume, read_header, read_volume
from napari_sti.io.sidecars import sidecar_frame, sidecar_provenance
from napari_sti.maps.coherence import CoherenceTable, coherence_table

FA_THRESHOLD = 0.2
"""Fractional anisotropy above which a direction counts: the usual mark of white matter."""

FA_TOP = 1.2247449
"""Largest FA that noise can make of a fit with negative eigenvalues, sqrt(3/2); more is no FA."""


@dataclass(frozen=True, eq=False)
class DtiReference:
    """Directions and anisotropy of a diffusion tensor on a grid.

    Parameters
    ----------
    directions : (X, Y, Z, 3) float32 array
        Unit vectors in VOXEL axes, sign free; 0 where there is none.
    fa : (X, Y, Z) float32 array
        Fractional anisotropy, 0 to 1; 0 where there is none.
    affine : (4, 4) array
        Voxel indices to RAS mm.
    frame : {"voxel", "ras", "lps", "fsl"}
        Axes in which the file was said to be.
    coherence : CoherenceTable
        How well the directions run along the bundles as they are, and after flips and swaps.
    name : str
        What it is called where it is shown.
    remarks : tuple of str
        What was odd about the files, such as FA above 1.
    mends : tuple of mapping
        Flips and swaps of V1's components that were applied, in the file or after it was read, the first first; see
        `napari_sti.maps.dti_mends`.
    """

    directions: NDArray[np.float32]
    fa: NDArray[np.float32]
    affine: NDArray[np.float64]
    frame: Frame
    coherence: CoherenceTable
    name: str = "DTI"
    remarks: tuple[str, ...] = ()
    mends: tuple[Mapping[str, Any], ...] = ()

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along i, j, k."""
        x, y, z = self.fa.shape
        return x, y, z

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Where there is a direction."""
        return np.asarray(self.directions.any(-1))

    @property
    def share_of_best(self) -> float:
        """Coherence of the directions as they are, as a share of the best among flips and swaps; 1 if all is well."""
        return float(self.coherence.index[0] / self.coherence.index.max())

    @property
    def warning(self) -> str:
        """One sentence where a flip or swap would make the directions run along the bundles better; else empty."""
        if self.coherence.as_stored_is_best:
            return ""
        return (
            f"The directions of {self.name}, read as {self.frame}, run along the bundles less well (fibre coherence "
            f"{self.share_of_best:.2f} of the best) than after {transform_words(self.coherence.best)} of the voxel "
            "axes: its frame is probably another one, and the angles then mean nothing."
        )

    def reordered(self, orientation: NDArray[np.float64]) -> "DtiReference":
        """Return the same directions stored in another order of axes; every voxel keeps its place in the world."""
        turn = frames.reordering_matrix(orientation)
        directions = frames.rotate_vectors(frames.reorder_volume(self.directions, orientation), turn)
        return replace(
            self,
            directions=np.ascontiguousarray(directions),
            fa=np.ascontiguousarray(frames.reorder_volume(self.fa, orientation)),
            affine=frames.reorder_affine(self.affine, orientation, self.shape),
        )


def read_dti(v1: str | Path, fa: str | Path | None, *, frame: Frame | str | None = None) -> DtiReference:
    """Read the principal directions and the fractional anisotropy of a diffusion tensor.

    Parameters
    ----------
    v1 : path
        NIfTI file (X, Y, Z, 3) of unit vectors, such as ``dti_V1.nii.gz`` of FSL's dtifit.
    fa : path
        NIfTI file (X, Y, Z) of the same fit and grid, in any order of storage.
    frame : {"voxel", "ras", "lps", "fsl"}, optional
        Axes of the vectors, where no sidecar states them; FSL's dtifit writes "fsl".

    Raises
    ------
    InputError
        If the frame is stated nowhere, the FA is missing, the two do not fit together, or the values are no directions
        and no FA.
    """
    v1 = Path(v1)
    volume = read_volume(v1, dims=4, what="V1")
    if volume.data.shape[3] != 3:
        raise InputError(
            f"the file has {volume.data.shape[3]} volumes and directions have 3", file=v1, mend="give V1 of a DTI fit"
        )
    given = frame_of(v1, frame)
    if fa is None:
        raise InputError("directions alone do not tell where they mean something", file=v1, mend="give the FA as well")
    anisotropy, above_one = _fa(Path(fa), volume)
    directions = _unit(volume.data, v1)
    remarks = _remarks(volume.data, anisotropy, above_one, v1, Path(fa))
    anisotropy[~directions.any(-1)] = 0
    turned = frames.rotate_vectors(directions, frames.between(given, "voxel", volume.affine))
    table = coherence_table(
        turned, anisotropy, voxel_size=frames.voxel_size(volume.affine), threshold=fa_floor(anisotropy)
    )
    return DtiReference(turned, anisotropy, volume.affine, given, table, _name(v1), remarks, mends_of(v1))


def transform_words(matrix: NDArray[np.floating]) -> str:
    """Say a signed permutation of the components in words: ``"flipping x"``, ``"taking y, x, z for x, y, z"``.

    A matrix and its negative are the same to a field of directions; the one with fewer flips is said.
    """
    source = np.abs(matrix).argmax(1)
    signs = matrix[range(3), source]
    signs = -signs if (signs < 0).sum() > 1 else signs
    if (source == np.arange(3)).all():
        flipped = [letter for letter, sign in zip("xyz", signs, strict=True) if sign < 0]
        return f"flipping {' and '.join(flipped)}" if flipped else "no change"
    taken = ", ".join(("-" if sign < 0 else "") + "xyz"[axis] for axis, sign in zip(source, signs, strict=True))
    return f"taking {taken} for x, y, z"


def mends_of(v1: str | Path) -> tuple[Mapping[str, Any], ...]:
    """Flips and swaps that a mended copy of V1 records; none of any other file."""
    return tuple(one for one in sidecar_provenance(v1).get("mends") or () if isinstance(one, dict))


def frame_of(path: Path, frame: Frame | str | None) -> Frame:
    """The axes of directions: of their sidecar, or else as stated; refused where neither tells."""
    stated, told = sidecar_frame(path), None if frame is None else frames.parse_frame(frame)
    if stated is not None and told is not None and stated != told:
        raise InputError(
            f"its sidecar states the frame {stated} and not {told}", file=path, mend="leave it to the sidecar"
        )
    found = stated or told
    if found is None:
        raise InputError(
            "the axes of these directions are stated nowhere",
            file=path,
            mend="state the frame; FSL's dtifit writes fsl",
        )
    return found


def _fa(path: Path, v1: Volume) -> tuple[NDArray[np.float32], int]:
    """The FA in the order of V1, and in how many voxels it was above 1."""
    volume = read_volume(path, what="FA")
    if volume.header is None or v1.header is None:
        raise InputError("the file has no header", file=path, mend="give a NIfTI file")
    orientation = check_grid(volume.header, v1.header, "FA")
    values = np.nan_to_num(frames.reorder_volume(volume.data, orientation)).astype(np.float32)
    low, high = float(values.min()), float(values.max())
    if low < -1e-3 or high > FA_TOP or high <= 0:
        raise InputError(
            f"the values reach from {low:.3g} to {high:.3g}, which is no fractional anisotropy",
            file=path,
            mend="give the FA of the same fit, 0 to 1",
        )
    return np.clip(np.ascontiguousarray(values), 0, 1), int((values > 1 + 1e-3).sum())


def _remarks(
    vectors: NDArray[np.float32], fa: NDArray[np.float32], above_one: int, v1: Path, file: Path
) -> tuple[str, ...]:
    """What is odd about V1 and FA and was put up with: said, since it may be a sign of more."""
    said = []
    if above_one:
        said.append(
            f"{file.name} exceeds 1 in {above_one} voxels, where it was taken as 1: noise made negative eigenvalues."
        )
    counted = fa > FA_THRESHOLD
    length = np.linalg.norm(vectors, axis=-1)[counted]
    missing = int((~np.isfinite(length) | (length <= 1e-3)).sum())
    if missing:
        said.append(f"{v1.name} holds no direction in {missing} voxels with an FA above {FA_THRESHOLD:g}.")
    odd = int((np.abs(length[np.isfinite(length) & (length > 1e-3)] - 1) > 0.05).sum())
    if odd:
        said.append(f"The vectors of {v1.name} are not of length 1 in {odd} voxels, where they were scaled to it.")
    return tuple(said)


def _unit(vectors: NDArray[np.float32], path: Path) -> NDArray[np.float32]:
    vectors = np.nan_to_num(vectors)
    length = np.linalg.norm(vectors, axis=-1)
    there = length > 1e-3
    if not there.any():
        raise InputError("there is no direction in it", file=path, mend="give V1 of a DTI fit")
    middle = float(np.median(length[there]))
    if abs(middle - 1) > 0.1:
        raise InputError(
            f"its vectors have a length of {middle:.3g} instead of 1", file=path, mend="give V1, not V1 times FA"
        )
    out: NDArray[np.float32] = np.where(there[..., None], vectors / np.where(there, length, 1)[..., None], 0)
    return out.astype(np.float32)


def fa_floor(fa: NDArray[Any]) -> float:
    """FA above which directions count for the coherence, which noise dilutes; 0 where nothing exceeds the usual."""
    return FA_THRESHOLD if (fa > FA_THRESHOLD).any() else 0.0


def _name(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".nii")


def is_directions(path: str | Path) -> bool:
    """Whether a NIfTI file holds three values for each voxel, as directions do."""
    shape = read_header(path).shape
    return len(shape) == 4 and shape[3] == 3
