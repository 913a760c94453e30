"""A result with mended axes as a new result, beside the old one, which is left alone."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.errors import InputError
from napari_sti.core.frames import parse_frame
from napari_sti.core.provenance import file_hash
from napari_sti.core.replicates import Replicates
from napari_sti.core.tensor_field import TensorField
from napari_sti.io.replicates import count_replicates, read_replicates
from napari_sti.io.results import FurtherMap, check_no_input, load_further, save_result
from napari_sti.io.sidecars import SIDECAR, sidecar_frame
from napari_sti.maps.dti import transform_words
from napari_sti.maps.flips import find_flip_of_tensor, mend_text, mended, parse_mend, undoing
from napari_sti.maps.references import open_result

AUTO, UNDO = "auto", "undo"


@dataclass(frozen=True, eq=False)
class Mended:
    """What was written.

    Parameters
    ----------
    path : Path
        ``result.json`` of the new folder.
    mend : (3, 3) array
        What was done to the voxel axes.
    sentence : str
        For the person.
    """

    path: Path
    mend: NDArray[np.float64]
    sentence: str


def write_mended(
    result: str | Path, mend: str, folder: str | Path, *, frame: str | None = None, overwrite: bool = False
) -> Mended:
    """Write a result anew with its voxel axes flipped or swapped; the old one is not touched.

    Parameters
    ----------
    result : path
        Folder of a result, or a tensor file.
    mend : str
        ``"auto"`` for what the fibre coherence index proposes, ``"undo"`` to take back all mends of earlier, or one
        in words such as ``"x,-y,z"``.
    folder : path
        For the new result; its sidecar records what was done, to which file, and how it is undone.
    frame : str, optional
        Axes of the components where no sidecar tells them.
    overwrite : bool
        Whether to write into a folder that holds something.

    Raises
    ------
    InputError
        If there is nothing to mend or to undo, or the folder is that of the old result.
    """
    source = _tensor_file(Path(result))
    check_no_input(folder, [source])
    tensor = open_result(result, frame=frame)
    matrix, why = _which(tensor, mend)
    done = mended(tensor, matrix, why=why, source={"path": str(source.absolute()), "sha256": file_hash(source)})
    further = _further(Path(result))
    stated = sidecar_frame(source) or frame or "voxel"
    kept = _replicates(Path(result))
    turned = None if kept is None else kept.mended(matrix)
    path = save_result(done, folder, frame=parse_frame(stated), overwrite=overwrite, further=further, replicates=turned)
    words = transform_words(matrix)
    return Mended(
        path, matrix, f"Mended by {words} of the voxel axes ({mend_text(matrix)}); the old result is as it was."
    )


def _which(tensor: TensorField, mend: str) -> tuple[NDArray[np.float64], str]:
    """The matrix, and why."""
    if mend == UNDO:
        return undoing(tensor), "takes back the mends before it"
    if mend != AUTO:
        return parse_mend(mend), "stated"
    found = find_flip_of_tensor(tensor)
    if not found.needed:
        raise InputError(f"there is nothing to mend ({found.sentence.rstrip('.')})", mend="state a mend such as x,-y,z")
    return found.mend, found.sentence


def _tensor_file(result: Path) -> Path:
    if result.name == SIDECAR:
        result = result.parent
    return result / "chi.nii.gz" if result.is_dir() else result


def _further(result: Path) -> dict[str, FurtherMap]:
    """Spreads and the like, which no flip or swap changes."""
    folder = result.parent if result.name == SIDECAR else result
    return load_further(folder) if (folder / SIDECAR).is_file() else {}


def _replicates(result: Path) -> Replicates | None:
    """Directions of the runs without one orientation each, which turn as those of the result do."""
    folder = result.parent if result.name == SIDECAR else result
    return read_replicates(folder) if folder.is_dir() and count_replicates(folder) else None
