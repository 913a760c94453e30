"""Results and references from whatever a person points at: a result folder, a tensor file, V1 and FA of a DTI fit."""

from collections.abc import Iterable
from pathlib import Path

from napari_sti.core.errors import InputError
from napari_sti.core.frames import Frame
from napari_sti.core.tensor_field import TensorField
from napari_sti.io.results import load_result, load_tensor
from napari_sti.io.sidecars import SIDECAR
from napari_sti.maps.dti import is_directions, read_dti
from napari_sti.maps.one_grid import Reference


def open_result(path: str | Path, *, frame: Frame | str | None = None) -> TensorField:
    """Read a result folder (or its ``result.json``), or a tensor file of six volumes.

    Parameters
    ----------
    path : path
        What to read.
    frame : {"voxel", "ras", "lps", "fsl"}, optional
        Axes of the components of a tensor file that no sidecar states.

    Raises
    ------
    InputError
        If it is neither.
    """
    path = Path(path)
    if path.is_dir() or path.name == SIDECAR:
        return load_result(path)
    return load_tensor(path, frame=frame)


def open_reference(path: str | Path, *, fa: str | Path | None = None, frame: Frame | str | None = None) -> Reference:
    """Read what others are compared with: as `open_result` does, or three volumes of directions with their FA.

    Raises
    ------
    InputError
        If it is none of these, or an FA is given with a tensor.
    """
    path = Path(path)
    if path.is_file() and path.name != SIDECAR and is_directions(path):
        return read_dti(path, fa, frame=frame)
    if fa is not None:
        raise InputError("an FA goes with directions (V1), and this is a tensor", file=path, mend="leave the FA out")
    return open_result(path, frame=frame)


def short_names(paths: Iterable[str | Path]) -> list[str]:
    """Name results by their folders or files, with as many parents as it takes to tell them apart.

    Raises
    ------
    InputError
        If one of them is given twice.
    """
    full = [_parts(Path(path)) for path in paths]
    for parts in full:
        if full.count(parts) > 1:
            raise InputError("the same result was given twice", file=Path(*parts), mend="give it once")
    for depth in range(1, max(map(len, full), default=1) + 1):
        names = ["/".join(parts[-depth:]) for parts in full]
        if len(set(names)) == len(names):
            return names
    return ["/".join(parts) for parts in full]


def _parts(path: Path) -> tuple[str, ...]:
    path = path.resolve()
    path = path.parent if path.name == SIDECAR else path
    *folders, last = path.parts
    return (*folders, last.removesuffix(".gz").removesuffix(".nii"))
