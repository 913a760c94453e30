"""Flipped and swapped components of V1 of a DTI: found, mended in what was read, or written as a mended copy, undone.

A file of directions can be wrong in a way that no frame explains: somebody flipped y, or wrote z, y, x. The mend is
about the three components AS THE FILE HOLDS THEM, so that it moves and negates its numbers and rounds none, whatever
the frame and however oblique the grid. It is never applied by itself, and never over the file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.core.provenance import file_hash, now, versions
from napari_sti.io.directions import save_directions
from napari_sti.io.nifti import read_volume
from napari_sti.io.sidecars import own_sidecar
from napari_sti.maps.coherence import coherence_table
from napari_sti.maps.dti import DtiReference, fa_floor, frame_of, is_directions, mends_of, read_dti, transform_words
from napari_sti.maps.flips import MENDS, FlipFinding, mend_text, net_matrix, net_mend, parse_mend
from napari_sti.maps.mend_files import AUTO, UNDO, Mended


def find_flip_of_dti(dti: DtiReference) -> FlipFinding:
    """Find the flip or swap of the components of V1 as written after which the directions run along the bundles best.

    `DtiReference.frame` and the affine have to be those of the file: look before the directions are reordered.
    """
    axes = frames.between(dti.frame, "voxel", dti.affine)
    floor = fa_floor(dti.fa)
    size = frames.voxel_size(dti.affine)
    table = coherence_table(dti.directions, dti.fa, voxel_size=size, threshold=floor, axes=axes)
    return FlipFinding(table, floor, int(((dti.fa > floor) & dti.mask).sum()))


def dti_mend_words(found: FlipFinding) -> str:
    """What was found about V1, in one sentence."""
    if not found.clear:
        return (
            f"No flip or swap of V1 stands out (the best index is {found.stands_out:.3f} times the second): its "
            "directions cannot tell whether their axes are right."
        )
    if not found.needed:
        return "The directions of V1 run along their own bundles best as they are."
    return (
        f"The directions of V1 run along their own bundles less well as stored (index {found.share_of_best:.2f} of the "
        f"best) than after {transform_words(found.mend)} of the components in the file."
    )


def check_mend(text: str) -> str:
    """Return a mend as it is written in jobs: ``auto``, ``undo``, ``x,-y,z`` or nothing.

    Raises
    ------
    InputError
        If it is none of these.
    """
    word = str(text).strip().lower()
    return word if word in ("", AUTO, UNDO) else mend_text(parse_mend(word))


def mended_dti(dti: DtiReference, mend: str, *, source: Mapping[str, Any] | None = None) -> DtiReference:
    """Return the directions with mended components; what was done is added to `DtiReference.mends`.

    Parameters
    ----------
    dti : DtiReference
        As it was read, in the order of its file.
    mend : str
        ``"auto"`` for what the fibre coherence index proposes (nothing, where it proposes none), ``"undo"`` to take
        back the mends of earlier, or one in words such as ``"x,-y,z"``; empty for none.
    source : mapping, optional
        Path and hash of the file.

    Raises
    ------
    InputError
        If the mend cannot be read, or there is nothing to undo.
    """
    word = check_mend(mend)
    if not word:
        return dti
    if word == AUTO and not (found := find_flip_of_dti(dti)).needed:
        return replace(dti, remarks=(*dti.remarks, f"V1 was not mended. {dti_mend_words(found)}"))
    matrix, why = _which(word, dti.mends, dti)
    turn = frames.between(dti.frame, "voxel", dti.affine)
    directions = frames.rotate_vectors(dti.directions, turn @ matrix @ turn.T)
    table = coherence_table(directions, dti.fa, voxel_size=frames.voxel_size(dti.affine), threshold=fa_floor(dti.fa))
    record = mend_record(matrix, dti.frame, why, source)
    return replace(dti, directions=directions, coherence=table, mends=(*dti.mends, record))


def net_words(dti: DtiReference) -> str:
    """What all mends together did to V1, as ``x,-y,z``; empty if nothing."""
    net = mend_text(net_mend(list(dti.mends)))
    return "" if net == "x,y,z" else net


def mend_record(matrix: ArrayLike, frame: str, why: str, source: Mapping[str, Any] | None) -> dict[str, Any]:
    """What is told about a mend of V1."""
    p = np.asarray(matrix, np.float64)
    return {
        "mend": mend_text(p),
        "inverse": mend_text(p.T),
        "axes": f"components of the file ({frame})",
        "words": transform_words(p),
        "why": why,
        "of": dict(source or {}),
        "time": now(),
        "versions": versions(),
    }


def is_v1(path: str | Path) -> bool:
    """Whether a path is a NIfTI file of directions, and no result."""
    path = Path(path)
    return path.is_file() and path.name.endswith((".nii", ".nii.gz")) and is_directions(path)


def write_mended_dti(
    v1: str | Path,
    fa: str | Path | None,
    mend: str,
    target: str | Path,
    *,
    frame: str | None = None,
    overwrite: bool = False,
) -> Mended:
    """Write a copy of V1 with flipped or swapped components, and a record beside it; the file itself is not touched.

    Parameters
    ----------
    v1, fa, frame
        As for `napari_sti.maps.dti.read_dti`; the FA is needed for ``"auto"`` only.
    mend : str
        ``"auto"``, ``"undo"``, or one in words such as ``"x,-y,z"``.
    target : path
        The copy, which ends in .nii or .nii.gz. Its record, of the same name but .json, states the frame, what was
        done, why, when, to which file (with its hash), and the inverse.
    overwrite : bool
        Whether an earlier copy may be replaced.

    Returns
    -------
    Mended
        With the path of the copy.

    Raises
    ------
    InputError
        If there is nothing to mend or to undo, the frame is stated nowhere, or the copy would replace V1 or FA.
    """
    v1, target = Path(v1), Path(target)
    for path in (v1, *([] if fa is None else [Path(fa)])):
        if target.resolve() == path.resolve() or own_sidecar(target).resolve() == own_sidecar(path).resolve():
            raise InputError("the mended copy would replace this file", file=path, mend="choose another name or folder")
    given, earlier = frame_of(v1, frame), mends_of(v1)
    matrix, why = _which(check_mend(mend), earlier, None if fa is None else read_dti(v1, fa, frame=given))
    volume = read_volume(v1, dims=4, what="V1")
    if volume.data.shape[3] != 3:
        raise InputError(f"the file has {volume.data.shape[3]} volumes and directions have 3", file=v1, mend="give V1")
    source = {"path": str(v1.absolute()), "sha256": file_hash(v1)}
    records = [*earlier, mend_record(matrix, given, why, source)]
    provenance = {MENDS: records, "inputs": [{"role": "V1", **source}]}
    turned = permuted(volume.data, matrix)
    target.parent.mkdir(parents=True, exist_ok=True)
    path = save_directions(turned, volume.affine, target, frame=given, provenance=provenance, overwrite=overwrite)
    words = f"{transform_words(matrix)} of the components in the file ({mend_text(matrix)})"
    return Mended(path, matrix, f"V1 mended by {words}; the file itself is as it was.")


def permuted(vectors: NDArray[np.float32], mend: ArrayLike) -> NDArray[np.float32]:
    """Flip and swap components (..., 3) without any rounding; NaN stays NaN."""
    p = np.asarray(mend)
    order = np.abs(p).argmax(1)
    return np.asarray(vectors[..., order] * p[range(3), order].astype(np.float32))


def _which(
    word: str, earlier: Sequence[Mapping[str, Any]], dti: DtiReference | None
) -> tuple[NDArray[np.float64], str]:
    """The matrix in the components of the file, and why."""
    if not word:
        raise InputError("no mend of V1 was stated", mend="give auto, undo, or one such as x,-y,z")
    if word == UNDO:
        if not earlier:
            raise InputError("no mend was applied to this V1, so that none can be undone", mend="leave the undo out")
        return net_matrix(list(earlier)).T, "takes back the mends before it"
    if word != AUTO:
        return parse_mend(word), "stated"
    if dti is None:
        raise InputError("the FA tells which directions count, and is missing", mend="give the FA of the same fit")
    found = find_flip_of_dti(dti)
    if not found.needed:
        raise InputError(
            f"there is nothing to mend ({dti_mend_words(found).rstrip('.')})", mend="state a mend such as x,-y,z"
        )
    return found.mend, dti_mend_words(found)
