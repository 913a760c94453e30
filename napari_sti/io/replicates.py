"""Replicates of a result as one file beside it: whole numbers of two bytes, three volumes for each run."""

import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from napari_sti.core.errors import InputError
from napari_sti.core.provenance import file_hash
from napari_sti.core.replicates import LARGEST, Replicates, from_volume
from napari_sti.io.nifti import read_header, write_volume

REPLICATES = "replicates.nii.gz"
TITLE = "MSA times PEV of each run without one orientation, ppm, axes voxel"


def write_replicates(replicates: Replicates, folder: Path) -> dict[str, Any]:
    """Write `REPLICATES` into a folder, and return what its ``result.json`` states of it."""
    path = folder / REPLICATES
    write_volume(
        path, replicates.volume(), replicates.affine, overwrite=True, description=TITLE, slope=replicates.slope
    )
    return {
        "file": path.name,
        "count": len(replicates),
        "without": list(replicates.labels),
        "units": "ppm",
        "frame": "voxel",
        "longest_ppm": LARGEST * replicates.slope,
        "title": TITLE,
        "bytes": path.stat().st_size,
        "sha256": file_hash(path),
    }


def count_replicates(folder: Path) -> int:
    """How many replicates a result folder says to hold; 0 where it holds none, or no result."""
    return len(_entry(folder).get("without") or ())


def read_replicates(folder: Path) -> Replicates:
    """Read the replicates of a result folder.

    Raises
    ------
    InputError
        If there are none, or the file is not what ``result.json`` says.
    """
    entry = _entry(folder)
    path = folder / REPLICATES
    if not entry:
        raise InputError(
            "this result keeps no replicates", file=folder, mend="make it with 'napari-sti trust', which keeps them"
        )
    header = read_header(path, what="replicates")
    if file_hash(path) != entry.get("sha256"):
        raise InputError("the replicates were changed after they were written", file=path, mend="run it again")
    data = nibabel.Nifti1Image.from_filename(str(path)).dataobj
    raw = np.asarray(data.get_unscaled())
    if raw.dtype.newbyteorder("=") != np.int16:
        raise InputError("the replicates are no whole numbers of two bytes", file=path, mend="run it again")
    try:
        return from_volume(raw, float(data.slope), header.affine, [str(one) for one in entry["without"]])
    except InputError as error:
        raise InputError(error.what, file=path, mend=error.mend) from None


def _entry(folder: Path) -> dict[str, Any]:
    try:
        content = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        entry = content.get("replicates")
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}
    good = isinstance(entry, dict) and entry.get("file") == REPLICATES and isinstance(entry.get("without"), list)
    return entry if good else {}
