"""Directions of the main field: as numbers, as text files, or from the affine of a scan.

Text files of the published programs (``H0``) hold three numbers, one per line: the unit vector of B0 in the frame
of the head, in LPS (+x to the left, +y to the back, +z to the top). Those programs use the numbers along the stored
axes of images that are stored in LPS order and do not look at the affine. Here they are read as vectors in the LPS
world of the file's affine. For images stored along the axes of the world in LPS order the two are the same; for
other storage orders only the second is right; for oblique images they differ by the obliquity, and then a warning
asks for the frame to be stated (``voxel`` is what the published programs do with images in LPS order).
"""

import os
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.acquisition import NOT_UNIT_TOLERANCE
from napari_sti.core.errors import InputError
from napari_sti.core.frames import Frame

TEXT_FRAME: Frame = "lps"
"""Frame of text files for which none is stated."""

_LARGEST = 1 << 20


def read_directions(path: str | Path) -> NDArray[np.float64]:
    """Read B0 directions from a text file.

    Parameters
    ----------
    path : path
        Three numbers, on one line or on three; or for several orientations N lines of three numbers or three lines
        of N. Spaces, tabs, commas and semicolons separate; ``#`` starts a comment; a last line without an end is fine.

    Returns
    -------
    (N, 3) ndarray
        As written, not normalised.

    Raises
    ------
    InputError
        If the file is missing, is no text, or holds anything else; also if three directions could be read by rows
        as well as by columns.
    """
    path = Path(path)
    rows = _numbers(path)
    widths = {len(row) for row in rows}
    mend = "write three numbers (x, y, z) for each orientation"
    if not rows:
        raise InputError("the file of the B0 direction is empty", file=path, mend=mend)
    if len(widths) != 1:
        raise InputError("the lines hold different numbers of values", file=path, mend=mend)
    table = np.array(rows, np.float64)
    if table.shape in ((3, 1), (1, 3)):
        return table.reshape(1, 3)
    if table.shape == (3, 3):
        return _three_by_three(table, path)
    if table.shape[1] == 3:
        return table
    if table.shape[0] == 3:
        return np.ascontiguousarray(table.T)
    raise InputError(
        f"the file holds {table.size} numbers on {table.shape[0]} lines, which are no B0 directions",
        file=path,
        mend=mend,
    )


def read_direction(path: str | Path) -> tuple[float, float, float]:
    """Read the one B0 direction that a text file holds.

    Raises
    ------
    InputError
        As `read_directions`, and if there are several.
    """
    found = read_directions(path)
    if len(found) != 1:
        raise InputError(
            f"the file holds {len(found)} B0 directions where one is expected",
            file=path,
            mend="give one file per orientation, or this file alone for all of them",
        )
    x, y, z = map(float, found[0])
    return x, y, z


def _numbers(path: Path) -> list[list[float]]:
    if not os.path.exists(path):
        raise InputError("the file of the B0 direction does not exist", file=path, mend="check the path")
    try:
        if path.stat().st_size > _LARGEST:
            raise UnicodeError
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeError):
        raise InputError(
            "this is no text file with B0 directions", file=path, mend="give three numbers as text"
        ) from None
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        words = [word for word in re.split(r"[\s,;\[\]()]+", line.split("#")[0]) if word]
        try:
            row = [float(word) for word in words]
        except ValueError:
            raise InputError(
                f"line {number} ({line.strip()[:40]!r}) is not made of numbers",
                file=path,
                mend="write three numbers (x, y, z) for each orientation",
            ) from None
        if row:
            rows.append(row)
    return rows


def _three_by_three(table: NDArray[np.float64], path: Path) -> NDArray[np.float64]:
    rows, columns = (
        bool(np.all(np.abs(np.linalg.norm(t, axis=1) - 1) <= NOT_UNIT_TOLERANCE)) for t in (table, table.T)
    )
    if rows and columns and not np.allclose(table, table.T, atol=1e-6):
        raise InputError(
            "three B0 directions stand here by rows or by columns, and both are possible",
            file=path,
            mend="give one file per orientation, or write the vectors into the study file",
        )
    return np.ascontiguousarray(table.T) if columns and not rows else table
