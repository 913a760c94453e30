"""Tissue masks of a study as files: estimated and written with a sidecar, or looked at as they are."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.core.provenance import array_hash, file_hash, now, versions
from napari_sti.io import atomic
from napari_sti.io.grid import order_onto
from napari_sti.io.load import read_on_grid, study_grid
from napari_sti.io.mask_checks import mask_warnings
from napari_sti.io.nifti import Header, write_volume
from napari_sti.io.study import Study, write_study
from napari_sti.maps.tissue import Contrast, Settings, Tissue, estimate_tissue

Origin = Literal["file", "estimated", "drawn"]
TITLES = {"wm_mask": "white matter mask", "csf_mask": "CSF mask"}
"""Masks by the attribute of `Study` that holds them."""
SIDECAR = "masks.json"
STUDY_FILE = "study.yaml"


@dataclass(frozen=True, eq=False)
class Source:
    """The image that tissue is estimated from: files, or a volume that somebody holds.

    Parameters
    ----------
    name : str
        What the person calls it.
    files : tuple of Path
        Volumes on the grid of the study in any order of storage; several (or a fourth axis) are averaged.
    data : (X, Y, Z) or (X, Y, Z, C) array, optional
        Instead of files, with its `affine`.
    affine : (4, 4) array, optional
        Voxel indices of `data` to RAS mm.
    """

    name: str
    files: tuple[Path, ...] = ()
    data: NDArray[Any] | None = None
    affine: NDArray[np.float64] | None = None

    def on_grid(self, grid: Header) -> NDArray[np.float32]:
        """Return the image (X, Y, Z) in the storage order of a grid.

        Raises
        ------
        InputError
            If it lies on another grid of the world.
        """
        if self.data is None:
            volumes = [read_on_grid(path, grid, "image", (3, 4))[0] for path in self.files]
        else:
            volumes = [_reordered(self.data, self.affine, grid, f"the image {self.name!r}")]
        flat = [v if v.ndim == 3 else np.mean(v, axis=3) for v in volumes]
        return np.asarray(np.mean(flat, axis=0) if len(flat) > 1 else flat[0], np.float32)

    def as_json(self) -> list[dict[str, Any]]:
        """Files, or the layer, with their hashes."""
        if self.data is not None:
            return [{"layer": self.name, "sha256": array_hash(self.data)}]
        return [_file_entry(path) for path in self.files]


@dataclass(frozen=True, eq=False)
class MaskFacts:
    """What is known about one mask of a study.

    Attributes
    ----------
    path : Path
        Its file.
    origin : {"file", "estimated", "drawn"}
        How it was made, as its header says.
    ml : float
        Volume inside the brain.
    share : float
        That as a part of the brain.
    """

    path: Path
    origin: Origin
    ml: float
    share: float


@dataclass(frozen=True, eq=False)
class MaskReport:
    """What is known about the masks of a study: facts by attribute name, and sentences for the person."""

    facts: dict[str, MaskFacts]
    sentences: tuple[str, ...] = ()


def study_source(study: Study, file: Path | None = None) -> Source:
    """Return a given image, or else the magnitude images of the study, as the source of an estimate.

    Raises
    ------
    InputError
        If there is neither.
    """
    if file is not None:
        return Source(file.name, (file,))
    if not study.magnitude:
        raise InputError("the study has no magnitude image", file=study.path, mend="give a T1 or magnitude image")
    return Source("magnitude", study.magnitude)


def estimate_masks(
    study: Study, source: Source, contrast: Contrast, settings: Settings | None = None
) -> tuple[Tissue, Header]:
    """Estimate white matter and fluid of a study from an image on its grid.

    Returns
    -------
    Tissue
        Masks in the storage order of the study.
    Header
        Its grid.

    Raises
    ------
    InputError
        If there is no brain mask, the image lies on another grid, or it shows no tissues.
    """
    grid = study_grid(study)
    brain = _brain(study, grid)
    try:
        found = estimate_tissue(
            source.on_grid(grid),
            brain,
            contrast=contrast,
            voxel_size=frames.voxel_size(grid.affine),
            settings=settings,
        )
    except InputError as error:
        if error.file is not None or not source.files:
            raise
        raise InputError(error.what, file=source.files[0], mend=error.mend) from None
    return found, grid


def write_masks(
    folder: Path, tissue: Tissue, grid: Header, study: Study, source: Source, *, overwrite: bool = False
) -> dict[str, Path]:
    """Write ``wm_mask.nii.gz``, ``csf_mask.nii.gz`` and ``masks.json`` into a folder that exists.

    Returns
    -------
    dict
        Files of the two masks by attribute of `Study`.
    """
    written = {name: folder / f"{name}.nii.gz" for name in TITLES}
    for name, data in (("wm_mask", tissue.wm), ("csf_mask", tissue.csf)):
        about = f"{TITLES[name]}, estimated, {tissue.contrast}{', simulated' if study.simulated else ''}"
        write_volume(written[name], data, grid.affine, overwrite=overwrite, description=about)
    assert study.mask is not None  # the estimate has needed it
    content = {
        **tissue.description(),
        "masks": {name: _file_entry(path) for name, path in written.items()},
        "source": source.as_json(),
        "brain_mask": _file_entry(study.mask),
        "simulated": study.simulated,
        "finished": now(),
        "versions": versions() | {name: version(name) for name in ("scikit-image", "scipy")},
    }
    atomic.write_text(folder / SIDECAR, json.dumps(content, indent=2, ensure_ascii=False) + "\n", overwrite=overwrite)
    return written


def check_masks_folder(folder: Path, study: Study, files: Sequence[Path]) -> None:
    """Refuse a folder in which the new files would replace something that the study is made of.

    Raises
    ------
    InputError
        That names the file that would be lost.
    """
    new = {(folder / name).resolve() for name in (*(f"{name}.nii.gz" for name in TITLES), SIDECAR, STUDY_FILE)}
    own = [p for p in (study.path, study.mask, study.wm_mask, study.csf_mask, *files) if p is not None]
    for path in own:
        if path.resolve() in new:
            raise InputError("the new masks would replace this file", file=path, mend="choose another folder with -o")


def write_masked_study(folder: Path, study: Study, masks: dict[str, Path], *, overwrite: bool = False) -> Path:
    """Write a study file that is the given study with these masks; the given one is not touched."""
    file = folder / STUDY_FILE
    write_study(replace(study, **masks), file, overwrite=overwrite)  # type: ignore[arg-type]
    return file


def write_drawing(
    file: Path, data: NDArray[Any], affine: NDArray[np.float64], study: Study, name: str
) -> dict[str, Path]:
    """Write a drawn mask in the storage order of the study and with its affine.

    Parameters
    ----------
    file : Path
        Which must not exist yet.
    data : (X, Y, Z) array
        Not zero inside, in any order of storage.
    affine : (4, 4) array
        Of `data`.
    study : Study
        On whose grid it has to lie.
    name : {"wm_mask", "csf_mask"}
        Which mask it is.

    Raises
    ------
    InputError
        If nothing is drawn, or it lies on another grid.
    """
    grid = study_grid(study)
    stored = _reordered(np.asarray(data) > 0, affine, grid, f"the drawn {TITLES[name]}")
    if not stored.any():
        raise InputError(f"nothing is drawn yet in the {TITLES[name]}", mend="paint it, then take it")
    about = f"{TITLES[name]}, drawn{', simulated' if study.simulated else ''}"
    write_volume(file, stored, grid.affine, description=about)
    return {name: file}


def look_at_masks(study: Study) -> MaskReport:
    """Read the masks of a study and say what they are: origin, volume, and what is wrong with them.

    Raises
    ------
    InputError
        If a file cannot be read or lies on another grid.
    """
    grid = study_grid(study)
    brain = _brain(study, grid)
    ml = float(np.prod(frames.voxel_size(grid.affine))) / 1000
    facts, read = {}, {}
    for name, title in TITLES.items():
        path = getattr(study, name)
        if path is None:
            continue
        values, header = read_on_grid(path, grid, title)
        read[name] = values > 0.5
        voxels = int((read[name] & brain).sum())
        facts[name] = MaskFacts(path, origin_of(header), voxels * ml, voxels / int(brain.sum()))
    return MaskReport(facts, mask_warnings(brain, read.get("wm_mask"), read.get("csf_mask")))


def origin_of(header: Header) -> Origin:
    """How a mask was made, as its own header says."""
    words = header.description.split(", ")
    return "estimated" if "estimated" in words else "drawn" if "drawn" in words else "file"


def read_mask(study: Study, name: str) -> tuple[NDArray[np.bool_], Header]:
    """Read one mask of a study in its storage order, with the study's grid."""
    grid = study_grid(study)
    path: Path | None = getattr(study, name)
    if path is None:
        return np.zeros(grid.shape[:3], bool), grid
    return read_on_grid(path, grid, TITLES[name])[0] > 0.5, grid


def _brain(study: Study, grid: Header) -> NDArray[np.bool_]:
    if study.mask is None:
        raise InputError("the study has no brain mask", file=study.path, mend="add a mask that is 1 inside the brain")
    brain = read_on_grid(study.mask, grid, "mask")[0] > 0.5
    if not brain.any():
        raise InputError("the mask is empty", file=study.mask, mend="give a mask that is not zero inside the brain")
    return brain


def _reordered(data: NDArray[Any], affine: NDArray[np.float64] | None, grid: Header, what: str) -> NDArray[Any]:
    orientation = None if affine is None else order_onto(data.shape, affine, grid.shape, grid.affine)
    if orientation is None:
        raise InputError(
            f"{what} does not lie on the grid of {grid.path.name}", mend="resample it to the grid of the study first"
        )
    return np.ascontiguousarray(frames.reorder_volume(data, orientation))


def _file_entry(path: Path) -> dict[str, Any]:
    return {"path": str(path.absolute()), "sha256": file_hash(path)}
