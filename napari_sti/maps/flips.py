"""Flipped and swapped axes of directions: found from the directions themselves, mended on request, and undone again.

Directions in wrong axes still make a plausible picture. What gives them away is that they no longer run along the
bundles: the fibre coherence index (Schilling et al., Magn Reson Imaging 58:82, 2019) is computed for the directions as
they are and after each of the 24 flips and swaps that are different to a line, and the largest names the mend.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.core.frames import FRAMES
from napari_sti.core.provenance import now, versions
from napari_sti.core.tensor_field import TensorField
from napari_sti.maps.coherence import CoherenceTable, coherence_index, coherence_table
from napari_sti.maps.dti import DtiReference, transform_words
from napari_sti.maps.metrics import ECSE_THRESHOLD

CLEAR = 1.02
"""The best index has to exceed the second best by this factor before a mend is proposed.

Directions without bundles (noise, a symmetric phantom) give 24 indices within a per cent of each other.
"""

_FEWEST = 500
"""Voxels above the usual threshold, or 2 % of the mask; with fewer, its most anisotropic quarter counts."""

MENDS = "mends"
"""Where a result's provenance keeps the mends that were applied, the first first."""


_SAID = "were mended after the reconstruction"


@dataclass(frozen=True, eq=False)
class FlipFinding:
    """Which flip or swap of the voxel axes makes directions run along the bundles.

    Parameters
    ----------
    table : CoherenceTable
        Index of all 24.
    floor : float
        Anisotropy above which voxels counted.
    voxels : int
        Number of voxels that counted.
    """

    table: CoherenceTable
    floor: float
    voxels: int

    @property
    def mend(self) -> NDArray[np.float64]:
        """Signed permutation (3, 3) of the voxel axes that mends the directions; the identity if all is well."""
        return self.table.best if self.needed else np.eye(3)

    @property
    def stands_out(self) -> float:
        """Largest index over the second largest."""
        second, best = np.sort(self.table.index)[-2:]
        return float(best / second) if second > 0 else 1.0

    @property
    def clear(self) -> bool:
        """Whether one of the 24 stands out, so that something can be said at all."""
        return self.stands_out >= CLEAR

    @property
    def needed(self) -> bool:
        """Whether a mend is proposed."""
        return self.clear and not self.table.as_stored_is_best

    @property
    def share_of_best(self) -> float:
        """Index of the directions as stored over the largest."""
        best = float(self.table.index.max())
        return float(self.table.index[0] / best) if best > 0 else 1.0

    @property
    def sentence(self) -> str:
        """What was found, in one sentence."""
        if not self.clear:
            return (
                "No flip or swap stands out (the best index is "
                f"{self.stands_out:.3f} times the second): the directions cannot tell whether their axes are right."
            )
        if not self.needed:
            return (
                "The directions run along the bundles best as they are stored; the next best of the 24 flips and "
                f"swaps has {1 / self.stands_out:.2f} of the index."
            )
        return (
            f"The directions run along the bundles less well as stored (index {self.share_of_best:.2f} of the best) "
            f"than after {transform_words(self.mend)} of the voxel axes."
        )


def find_flip(
    directions: NDArray[np.floating],
    anisotropy: NDArray[np.floating],
    *,
    voxel_size: ArrayLike = (1, 1, 1),
    floor: float = 0.0,
) -> FlipFinding:
    """Find the flip or swap after which directions run along the bundles best.

    Parameters
    ----------
    directions : (X, Y, Z, 3) array
        In VOXEL axes, of either sign and any length; zero or NaN where there is none.
    anisotropy : (X, Y, Z) array
        FA or MSA, the weight of each voxel.
    voxel_size : three numbers
        In mm.
    floor : float
        Voxels whose anisotropy is not above it do not count.

    Raises
    ------
    InputError
        If no voxel counts.
    """
    table = coherence_table(directions, anisotropy, voxel_size=voxel_size, threshold=floor)
    counted = (np.nan_to_num(anisotropy) > max(floor, 0)) & np.nan_to_num(directions).any(-1)
    return FlipFinding(table, floor, int(counted.sum()))


def find_flip_of_tensor(tensor: TensorField) -> FlipFinding:
    """Find it for the principal eigenvectors of a tensor, where its anisotropy exceeds `direction_floor`."""
    stored = tensor.in_frame("voxel")
    return find_flip(stored.pev, stored.msa, voxel_size=stored.voxel_size, floor=direction_floor(stored))


def direction_floor(tensor: TensorField) -> float:
    """MSA in ppm above which a direction counts: 0.015 as in the published ECSE, less where hardly a voxel has that."""
    inside = tensor.msa[np.asarray(tensor.mask, bool)]
    inside = inside[np.isfinite(inside)]
    if np.count_nonzero(inside > ECSE_THRESHOLD) >= min(_FEWEST, max(1, inside.size // 50)):
        return ECSE_THRESHOLD
    return float(np.percentile(inside, 75)) if inside.size else 0.0


def fitting_frame(dti: DtiReference) -> tuple[str, float]:
    """Name the frame in which the numbers of a DTI file would run along the bundles best, and that index over this one.

    Several frames are often the same on a grid; the one that was stated is named first where it is among the best.
    """
    floor = 0.2 if (dti.fa > 0.2).any() else 0.0
    size = frames.voxel_size(dti.affine)
    found: dict[str, float] = {}
    for name in sorted(FRAMES, key=lambda frame: frame != dti.frame):
        read = frames.between("voxel", dti.frame, dti.affine)  # back to the numbers of the file
        turned = frames.rotate_vectors(
            dti.directions, frames.between(frames.parse_frame(name), "voxel", dti.affine) @ read
        )
        found[name] = coherence_index(turned, dti.fa, voxel_size=size, threshold=floor)
    best = max(found, key=lambda frame: found[frame])
    if found[best] <= CLEAR * found[dti.frame]:
        best = dti.frame
    return best, found[best] / max(found[dti.frame], 1e-30)


# ---- mends ------------------------------------------------------------------------------------------------------


def mend_text(mend: ArrayLike) -> str:
    """Write a signed permutation as what the new x, y and z are taken from: ``"x,-y,z"``."""
    m = np.asarray(mend)
    source = np.abs(m).argmax(1)
    return ",".join(("-" if m[row, axis] < 0 else "") + "xyz"[axis] for row, axis in enumerate(source))


def parse_mend(text: str) -> NDArray[np.float64]:
    """Read what `mend_text` writes.

    Raises
    ------
    InputError
        If it does not name x, y and z once each.
    """
    parts = [part.strip().lower() for part in str(text).split(",")]
    letters = [part.lstrip("+-") for part in parts]
    if sorted(letters) != ["x", "y", "z"] or not all(re.fullmatch(r"[+-]?[xyz]", part) for part in parts):
        raise InputError(
            f"the mend {text!r} does not name each of the axes x, y, z once", mend="write it like x,-y,z or y,x,z"
        )
    matrix = np.zeros((3, 3))
    for row, part in enumerate(parts):
        matrix[row, "xyz".index(part[-1])] = -1.0 if part.startswith("-") else 1.0
    return matrix


def mended(
    tensor: TensorField, mend: ArrayLike, *, why: str = "", source: Mapping[str, Any] | None = None
) -> TensorField:
    """Return the tensor with its voxel axes flipped or swapped; what was done is in its provenance.

    Voxels stay where they are, their tensors turn: X -> P X P^T, without any rounding, so that the inverse brings
    every bit back.

    Parameters
    ----------
    tensor : TensorField
        Any frame; the mend is about the voxel axes.
    mend : (3, 3) array
        Signed permutation.
    why : str
        For the record.
    source : mapping, optional
        Path and hash of what was mended.
    """
    p = np.asarray(mend, np.float64)
    stored = tensor.in_frame("voxel")
    record = {
        "mend": mend_text(p),
        "inverse": mend_text(p.T),
        "axes": "voxel",
        "words": transform_words(p),
        "why": why,
        "of": dict(source or {}),
        "time": now(),
        "versions": versions(),
    }
    earlier = list(stored.provenance.get(MENDS) or ())
    net = net_mend(earlier, p)
    remarks = [text for text in stored.provenance.get("remarks") or () if _SAID not in str(text)]
    if not np.array_equal(net, np.eye(3)):
        remarks.append(f"The axes of the directions {_SAID}: {transform_words(net)} of the voxel axes.")
    provenance = {**stored.provenance, MENDS: [*earlier, record], "remarks": remarks}
    return replace(stored, chi=frames.permute_tensors(stored.chi, p), provenance=provenance)


def net_matrix(records: list[Any], last: ArrayLike | None = None) -> NDArray[np.float64]:
    """The product of all mends of a provenance, and of one more."""
    product = np.eye(3)
    for record in records:
        product = parse_mend(str(record.get("mend", "x,y,z"))) @ product
    return product if last is None else np.asarray(last, np.float64) @ product


def net_mend(records: list[Any], last: ArrayLike | None = None) -> NDArray[np.float64]:
    """The same as `net_matrix`, of the two signs that mean the same to a tensor the one with fewer flips."""
    product = net_matrix(records, last)
    return -product if (product.sum(1) < 0).sum() > 1 else product


def undoing(tensor: TensorField) -> NDArray[np.float64]:
    """The mend that brings the tensor back to how it was before any.

    Raises
    ------
    InputError
        If none was applied.
    """
    records = list(tensor.provenance.get(MENDS) or ())
    if not records:
        raise InputError("no mend was applied to this result, so that none can be undone", mend="leave --mend undo out")
    return net_matrix(records).T
