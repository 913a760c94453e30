"""Files of questions to priors: images written for the worker, answers read and kept."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_sti.core.errors import InputError
from napari_sti.io.atomic import write_text
from napari_sti.io.nifti import read_volume, write_volume
from napari_sti.viz.prior_layers import Bound, prior_layers
from napari_sti.widgets.session.prior_sources import Taken, write_taken
from napari_sti.widgets.session.run import Run

_SHOWN = ("prox", "inverse", "prior_map", "prior_difference")


@dataclass(frozen=True, eq=False)
class PriorAnswer:
    """What came out of a question.

    Parameters
    ----------
    run : Run
        That found it; its folder holds everything.
    record : dict
        Content of ``prior.json``.
    bound : Bound or None
        The image that it is about.
    layers : tuple
        Layer data, from the bottom to the top.
    """

    run: Run
    record: dict[str, Any]
    bound: Bound | None
    layers: tuple[Any, ...] = ()


def short_name(key: str) -> str:
    """Name of a source without its unit."""
    return key.partition(":")[2].partition(" [")[0]


def name_of(taken: Taken, name: str) -> str:
    """Name of an image for the worker: that within the folder of the run, or its own whole path."""
    return name if taken.file is None else str(taken.file)


def check_place(image: Taken, other: Taken) -> None:
    """Refuse two images that do not lie on one grid.

    Raises
    ------
    InputError
        That names both.
    """
    if tuple(other.bound.shape) != tuple(image.bound.shape) or not np.allclose(image.affine, other.affine, atol=1e-3):
        raise InputError(
            f"{other.bound.title!r} does not lie on the grid of {image.bound.title!r}",
            mend="choose two images of one grid",
        )


def write_all(files: list[tuple[Taken, Path]]) -> None:
    """Write what is in no file yet."""
    for taken, path in files:
        write_taken(taken, path)


def export_image(taken: Taken, folder: Path) -> Path:
    """Write an image into a folder of its own, 0 where it holds no number; return the folder."""
    data = np.nan_to_num(np.asarray(taken.data, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    folder.mkdir(parents=True, exist_ok=True)
    write_volume(folder / "image.nii.gz", data, taken.affine, overwrite=True)
    return folder


def read_answer(run: Run, bound: Bound | None) -> PriorAnswer:
    """Read what a finished run left, and make its layers."""
    assert run.result is not None and run.folder is not None
    record = json.loads(run.result.read_text(encoding="utf-8"))
    volumes = {
        name: read_volume(path, dims=(3, 4)).data
        for name in _SHOWN
        if (path := run.folder / f"{name}.nii.gz").is_file()
    }
    layers = prior_layers(volumes, bound) if bound is not None and volumes else []
    return PriorAnswer(run, record, bound, tuple(layers))


def save_tables(folder: Path, path: Path) -> Path:
    """Write the tables of an answer into one CSV, an empty line between them; a dialog has asked about overwriting.

    Raises
    ------
    InputError
        If the answer has none.
    """
    from napari_sti.jobs.prior import TABLES

    texts = [file.read_text(encoding="utf-8") for name in TABLES if (file := folder / f"{name}.csv").is_file()]
    if not texts:
        raise InputError("there is no table to save", mend="perturb, compare, cut or check")
    write_text(path, "\n".join(texts), overwrite=True)
    return path


def save_figure(folder: Path, path: Path) -> Path:
    """Draw the answer in a folder; a dialog has asked about overwriting."""
    from napari_sti.evaluate.prior_figure import draw_answer

    return draw_answer(folder, path, overwrite=True)
