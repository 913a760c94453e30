"""Directions alone as a file, in a stated frame, with what was done to them beside it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.frames import Frame
from napari_sti.core.provenance import file_hash
from napari_sti.io import atomic
from napari_sti.io.nifti import write_volume
from napari_sti.io.sidecars import FORMAT, UNITS, VERSION, own_sidecar, plain


def save_directions(
    vectors: NDArray[np.float32],
    affine: NDArray[np.float64],
    path: str | Path,
    *,
    frame: Frame,
    provenance: Mapping[str, Any],
    overwrite: bool = False,
) -> Path:
    """Write directions (X, Y, Z, 3) as they are, in a stated frame, with a sidecar of the same name that ends in .json.

    Raises
    ------
    InputError
        If one of the two files exists (unless `overwrite`) or cannot be written.
    """
    path = Path(path)
    title = f"principal eigenvector, unit, sign free, axes {frame}"
    write_volume(path, vectors, affine, overwrite=overwrite, description=title)
    content = {
        "format": FORMAT,
        "version": VERSION,
        "name": path.name.removesuffix(".gz").removesuffix(".nii"),
        "frame": frame,
        "files": {"pev": {"file": path.name, "units": UNITS["pev"], "sha256": file_hash(path)}},
        "provenance": plain(provenance),
    }
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    atomic.write_text(own_sidecar(path), text, overwrite=overwrite)
    return path
