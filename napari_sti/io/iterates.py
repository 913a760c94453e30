"""The iterates of a run as files: the tensor after every iteration, beside the result that it ended with.

``iterates/chi_01.nii.gz`` ... and ``iterates/iterates.json``, which is written anew after every one of them, so that
it never names a file that is not whole.
"""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.errors import InputError
from napari_sti.core.frames import Frame, parse_frame
from napari_sti.core.tensor_field import TensorField
from napari_sti.io import atomic
from napari_sti.io.nifti import read_volume, write_volume

FOLDER = "iterates"
"""Where they lie in the folder of a run."""

INDEX = "iterates.json"
FORMAT, VERSION = "napari-sti iterates", 1


@dataclass(frozen=True)
class Iterate:
    """One iterate of a run.

    Parameters
    ----------
    number : int
        Which iteration, from 1.
    file : str
        Name of its file.
    residual : float or None
        Relative data residual, norm(A x - y) / norm(y).
    step : float or None
        Relative length of the step that led to it, norm(x_k - x_{k-1}) / norm(x_k).
    """

    number: int
    file: str
    residual: float | None = None
    step: float | None = None


@dataclass(frozen=True)
class Iterates:
    """The iterates of a run, in their order.

    Parameters
    ----------
    folder : path
        Where the files lie.
    total : int
        Iterations that the run was to take.
    frame : {"voxel", "ras", "lps", "fsl"}
        Axes of the components.
    entries : tuple of Iterate
        Those that are there.
    """

    folder: Path
    total: int = 0
    frame: Frame = "voxel"
    entries: tuple[Iterate, ...] = ()


def add_iterate(
    run: str | Path,
    tensor: TensorField,
    number: int,
    total: int,
    *,
    residual: float | None = None,
    step: float | None = None,
) -> Path:
    """Write one iterate into the folder of its run, and add it to the list.

    Parameters
    ----------
    run : path
        Folder of the run.
    tensor : TensorField
        The estimate after this iteration; all of a run are in one frame.
    number, total : int
        Which iteration of how many.
    residual, step : float, optional
        See `Iterate`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    folder = Path(run) / FOLDER
    folder.mkdir(exist_ok=True)
    path = folder / f"chi_{number:02d}.nii.gz"
    title = f"susceptibility tensor xx xy xz yy yz zz, ppm, axes {tensor.frame}, iteration {number} of {total}"
    write_volume(path, tensor.chi, tensor.affine, overwrite=True, description=title)
    before = [entry for entry in read_iterates(run).entries if entry.number < number]
    entries = [*before, Iterate(number, path.name, _number(residual), _number(step))]
    content = {
        "format": FORMAT,
        "version": VERSION,
        "total": total,
        "units": "ppm",
        "frame": tensor.frame,
        "iterates": [asdict(entry) for entry in entries],
    }
    atomic.write_text(folder / INDEX, json.dumps(content, indent=2, allow_nan=False) + "\n", overwrite=True)
    return path


def read_iterates(run: str | Path) -> Iterates:
    """Read the list of the iterates in the folder of a run; it is empty for runs that keep none.

    Raises
    ------
    InputError
        If there is a list and it makes no sense.
    """
    folder = Path(run) / FOLDER
    try:
        content: dict[str, Any] = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return Iterates(folder)
    except (OSError, ValueError, RecursionError) as error:
        raise _senseless(folder) from error
    try:
        entries = tuple(_entry(one) for one in content["iterates"])
        return Iterates(folder, int(content["total"]), parse_frame(content["frame"]), entries)
    except (AttributeError, KeyError, TypeError, ValueError, InputError) as error:
        raise _senseless(folder) from error


def load_iterate(iterates: Iterates, entry: Iterate, mask: NDArray[np.bool_]) -> TensorField:
    """Read the tensor of one iterate.

    Parameters
    ----------
    iterates : Iterates
        The list that it is in.
    entry : Iterate
        Which one.
    mask : (X, Y, Z) bool array
        That of the result, in the storage order of the files.

    Raises
    ------
    InputError
        If the file is missing, or lies on another grid than the mask.
    """
    path = iterates.folder / entry.file
    volume = read_volume(path, dims=4, what="iterate")
    if volume.data.shape != (*mask.shape, 6):
        raise InputError("the iterate lies on another grid than the result", file=path, mend="run it again")
    return TensorField(volume.data, volume.affine, mask, frame=iterates.frame, name=f"iteration {entry.number}")


def _entry(given: dict[str, Any]) -> Iterate:
    file = str(given["file"])
    if Path(file).name != file:  # it must not lead out of its folder
        raise ValueError(file)
    return Iterate(int(given["number"]), file, _number(given.get("residual")), _number(given.get("step")))


def _number(value: Any) -> float | None:
    """A finite number, or None: JSON knows no other."""
    return float(value) if value is not None and math.isfinite(value) else None


def _senseless(folder: Path) -> InputError:
    return InputError("the list of the iterates cannot be read", file=folder / INDEX, mend="run it again")
