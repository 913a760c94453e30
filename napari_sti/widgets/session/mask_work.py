"""What the window does with masks away from its thread: reading, estimating and writing; no widget is touched here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from napari_sti.core.errors import InputError
from napari_sti.io.study import Study
from napari_sti.jobs.history import new_run_folder
from napari_sti.jobs.sentences import sentence_for
from napari_sti.maps.tissue import Contrast, Tissue
from napari_sti.maps.tissue_files import (
    MaskReport,
    Source,
    estimate_masks,
    look_at_masks,
    read_mask,
    write_drawing,
    write_masks,
)
from napari_sti.viz.display import METADATA_KEY, DisplayGrid
from napari_sti.viz.masks import MASK_TITLES, mask_layer, run_of_study
from napari_sti.viz.writer import stored_volume

LayerData = tuple[Any, dict[str, Any], str]


@dataclass(frozen=True, eq=False)
class Made:
    """Masks that were made for a study.

    Parameters
    ----------
    study : Study
        For which; it may be another one by now.
    paths : dict
        Their files by attribute of `Study`.
    layers : tuple of (data, keywords, type)
        How they are shown.
    tissue : Tissue, optional
        The estimate they come from.
    """

    study: Study
    paths: Mapping[str, Path]
    layers: tuple[LayerData, ...] = ()
    tissue: Tissue | None = None


def read_layers(study: Study, names: Sequence[str]) -> tuple[LayerData, ...]:
    """Read masks of a study and make their layers; one that is not there yet is empty."""
    made = []
    for name in names:
        mask, grid = read_mask(study, name)
        path = getattr(study, name)
        shape = (grid.shape[0], grid.shape[1], grid.shape[2])
        info = {
            "run": run_of_study(study.name, study.simulated),
            "simulated": study.simulated,
            "file": "" if path is None else str(path),
        }
        made.append(mask_layer(DisplayGrid(grid.affine, shape), mask, name, info, visible=True))
    return tuple(made)


def chosen(study: Study, name: str, path: Path) -> Made:
    """Take a file as a mask, after it was read and found to lie on the study's grid."""
    with_it: Study = replace(study, **{name: path})  # type: ignore[arg-type]
    return Made(study, {name: path}, read_layers(with_it, (name,)))


def estimated(study: Study, source: Source, contrast: Contrast, names: Sequence[str]) -> Made:
    """Estimate masks and write them into a folder of their own beside the runs; `names` are the wanted ones."""
    tissue, grid = estimate_masks(study, source, contrast)
    written = write_masks(new_run_folder("masks estimated"), tissue, grid, study, source)
    paths = {name: written[name] for name in names}
    return Made(study, paths, read_layers(replace(study, **paths), names), tissue)  # type: ignore[arg-type]


def drawn(study: Study, name: str, data: Any, attributes: Mapping[str, Any]) -> Made:
    """Write what was drawn, in the storage order of the study."""
    volume, affine, _ = stored_volume(data, attributes, labels=True)
    folder = new_run_folder(f"{MASK_TITLES[name]} drawn")
    try:
        return Made(study, write_drawing(folder / f"{name}.nii.gz", volume, affine, study, name))
    finally:
        if not any(folder.iterdir()):  # refused
            folder.rmdir()


def layer_source(name: str, data: Any, attributes: Mapping[str, Any]) -> Source:
    """The image of a layer, in the order and with the affine of the file it came from, to estimate from."""
    volume, affine, _ = stored_volume(data, attributes, labels=False)
    return Source(name, data=volume, affine=affine)


def file_of(layer_data: LayerData) -> str:
    """The file that a layer made here shows."""
    return str(layer_data[1]["metadata"][METADATA_KEY].get("file", ""))


def looked_at(study: Study) -> tuple[Any, ...]:
    """What a report depends on: the field maps (the grid), the brain mask, and the tissue masks, in this order."""
    fields = tuple(orientation.field for orientation in study.orientations)
    return fields, study.mask, study.wm_mask, study.csf_mask


def look(study: Study) -> tuple[tuple[Any, ...], MaskReport]:
    """Look at the masks of a study; what keeps a mask from being read is a sentence of the report."""
    about = looked_at(study)
    try:
        return about, look_at_masks(study)
    except (InputError, OSError) as error:
        # Without masks it is about the study itself, and the Data panel says it.
        masks = study.wm_mask is not None or study.csf_mask is not None
        return about, MaskReport({}, (sentence_for(error),) if masks else ())
