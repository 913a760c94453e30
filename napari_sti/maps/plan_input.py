"""Directions and grid for a plan: from a study's headers, or from bare text files; no image is ever read."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_sti.core import frames
from napari_sti.core.acquisition import check_directions
from napari_sti.core.errors import InputError
from napari_sti.core.frames import Frame
from napari_sti.io.b0 import TEXT_FRAME, read_directions
from napari_sti.io.nifti import Header, read_header
from napari_sti.io.problems import other_files, world_direction
from napari_sti.io.study_model import Orientation, Study
from napari_sti.maps.orientation_worth import ASSUMED_GRID, KGrid

Vector = tuple[float, float, float]

STUDY_ENDINGS = (".yaml", ".yml", ".json")


@dataclass(frozen=True)
class PlanInput:
    """What a plan starts from.

    Parameters
    ----------
    name : str
        Of the study or the file.
    directions : tuple of unit vectors or None
        B0 of each orientation in RAS; None where it cannot be told.
    grid : KGrid
        With its axes in RAS.
    grid_known : bool
        Whether the grid is that of the images, or only assumed.
    faults : tuple of str
        Why directions are None, one sentence for each of them.
    warnings : tuple of str
        Sentences for the person.
    """

    name: str
    directions: tuple[Vector | None, ...]
    grid: KGrid
    grid_known: bool
    faults: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def known(self) -> NDArray[np.float64]:
        """The directions that can be told, (N, 3)."""
        return np.array([d for d in self.directions if d is not None], np.float64).reshape(-1, 3)


def from_study(study: Study) -> PlanInput:
    """Read the headers and text files of a study; what cannot be read becomes a fault."""
    headers = [_header(o.field) for o in study.orientations]
    others = (_header(path) for _, path, _ in other_files(study))
    grid = next((h for h in (*headers, *others) if h is not None), None)
    directions: list[Vector | None] = []
    faults: list[str] = []
    warnings: list[str] = []
    for index, orientation in enumerate(study.orientations):
        try:
            vector, warning = _direction(orientation, index, headers[index] or grid)
        except InputError as error:
            directions.append(None)
            faults.append(str(error))
            continue
        directions.append(vector)
        warnings += [warning] if warning else []
    known = KGrid.from_affine(grid.shape, grid.affine) if grid is not None else ASSUMED_GRID
    return PlanInput(study.name, tuple(directions), known, grid is not None, tuple(faults), tuple(warnings))


def _header(path: Path | None) -> Header | None:
    try:
        return None if path is None else read_header(path)
    except (InputError, OSError):
        return None


def _direction(orientation: Orientation, index: int, header: Header | None) -> tuple[Vector, str | None]:
    vector, warning = world_direction(orientation, index, header)
    if header is None:  # then the vector is still in its own frame
        frame: Frame = orientation.frame or (TEXT_FRAME if isinstance(orientation.b0_dir, Path) else "ras")
        vector = _to_world(np.array([vector]), frame, f"B0 direction of orientation {index + 1}")[0].tolist()
    x, y, z = (float(v) for v in np.asarray(vector) / np.linalg.norm(vector))
    return (x, y, z), warning


def _to_world(directions: NDArray[np.float64], frame: Frame, what: str) -> NDArray[np.float64]:
    if frame in ("voxel", "fsl"):
        raise InputError(
            f"the {what} is in {frame} axes, and there is no image that says where they point",
            mend="state it in ras or lps, or give a study with images",
        )
    return frames.rotate_vectors(directions, frames.to_ras(frame, np.eye(4)))


def from_texts(
    paths: list[Path], *, frame: Frame | None = None, voxel_size: tuple[float, float, float] | None = None
) -> PlanInput:
    """Read bare text files of B0 directions.

    Parameters
    ----------
    paths : list of paths
        Each with one direction or several, as `napari_sti.io.b0.read_directions` takes them.
    frame : {"ras", "lps"}
        Of the numbers; LPS by default, as everywhere for text files.
    voxel_size : three floats, optional
        In mm along the axes of the world; 1 mm by default.

    Raises
    ------
    InputError
        If a file is missing, holds anything else, or the frame needs an image.
    """
    found: list[Vector | None] = []
    warnings: list[str] = []
    for path in paths:
        try:
            units, more = check_directions(read_directions(path))
            world = _to_world(units, frame or TEXT_FRAME, "B0 direction")
        except InputError as error:
            raise InputError(error.what, file=path, mend=error.mend) from None
        found += [(float(x), float(y), float(z)) for x, y, z in world]
        warnings += more
    if frame is None:
        warnings.append("The directions are read as LPS (+x left, +y back, +z top); --frame states other axes.")
    grid = ASSUMED_GRID if voxel_size is None else KGrid(_brain_in(voxel_size), voxel_size)
    name = paths[0].stem if len(paths) == 1 else f"{len(paths)} files"
    return PlanInput(name, tuple(found), grid, False, (), tuple(warnings))


def _brain_in(voxel_size: tuple[float, float, float]) -> tuple[int, int, int]:
    """As many voxels as cover the assumed grid."""
    if not (np.isfinite(voxel_size).all() and min(voxel_size) > 0):
        raise InputError("a voxel size is not positive", mend="give three edge lengths in mm")
    x, y, z = (max(1, round(n / edge)) for n, edge in zip(ASSUMED_GRID.shape, voxel_size, strict=True))
    return x, y, z


def is_study(path: Path) -> bool:
    """Whether a path is to be read as a study, not as a text file of directions."""
    return path.is_dir() or path.name.partition("#")[0].lower().endswith(STUDY_ENDINGS)
