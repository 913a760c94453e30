"""An acquisition as files: everything that a study needs, in a folder that can be moved as a whole."""

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from napari_sti.core import frames
from napari_sti.core.acquisition import Acquisition
from napari_sti.io import atomic
from napari_sti.io.nifti import write_volume
from napari_sti.io.results import save_tensor
from napari_sti.io.study import write_study
from napari_sti.io.study_model import Orientation, Study

STUDY_FILE = "study.yaml"


def save_acquisition(acquisition: Acquisition, folder: str | Path, *, overwrite: bool = False) -> Path:
    """Write field maps [ppm], masks and everything else as NIfTI, and the study file that binds them.

    Parameters
    ----------
    acquisition : Acquisition
        What to write; arrays keep their storage order and affine. B0 directions are written in RAS, which still
        holds when another program reorders the files.
    folder : path
        Made if it is missing; must be empty unless `overwrite`.
    overwrite : bool
        Whether to write into a folder that holds something.

    Returns
    -------
    Path
        The study file, written last.

    Raises
    ------
    InputError
        If the folder is not empty or cannot be written.
    """
    folder = Path(folder)
    atomic.prepare_folder(folder, overwrite=overwrite)
    (folder / STUDY_FILE).unlink(missing_ok=True)
    fields = _several(acquisition, folder, "field", acquisition.field, "local field, ppm")
    world = frames.rotate_vectors(acquisition.b0_dirs, frames.between("voxel", "ras", acquisition.affine))
    orientations = tuple(
        Orientation(
            field=fields[i] if fields else None,
            b0_dir=(float(x), float(y), float(z)),
            frame="ras",
            units="ppm" if fields else None,
            label=acquisition.labels[i],
        )
        for i, (x, y, z) in enumerate(world)
    )
    study = Study(
        name=acquisition.name,
        orientations=orientations,
        mask=_one(acquisition, folder, "mask", acquisition.mask, "brain mask"),
        tesla=acquisition.b0,
        wm_mask=_one(acquisition, folder, "wm_mask", acquisition.wm_mask, "white matter mask"),
        csf_mask=_one(acquisition, folder, "csf_mask", acquisition.csf_mask, "CSF mask"),
        magnitude=_several(acquisition, folder, "magnitude", acquisition.magnitude, "magnitude"),
        r2prime=_several(acquisition, folder, "r2prime", acquisition.r2prime, "R2', Hz"),
        r2star=_several(acquisition, folder, "r2star", acquisition.r2star, "R2*, Hz"),
        r2=_one(acquisition, folder, "r2", acquisition.r2, "R2, Hz"),
        qsm=_one(acquisition, folder, "qsm", acquisition.qsm, "susceptibility, ppm"),
        reference_tensor=_tensor(acquisition, folder),
        simulated=acquisition.simulated,
    )
    write_study(study, folder / STUDY_FILE, overwrite=True)
    return folder / STUDY_FILE


def _one(acquisition: Acquisition, folder: Path, name: str, data: NDArray[Any] | None, what: str) -> Path | None:
    if data is None:
        return None
    path = folder / f"{name}.nii.gz"
    description = f"{what}{', simulated' if acquisition.simulated else ''}"
    write_volume(path, data, acquisition.affine, overwrite=True, description=description)
    return path


def _several(
    acquisition: Acquisition, folder: Path, name: str, data: NDArray[Any] | None, what: str
) -> tuple[Path, ...]:
    if data is None:
        return ()
    written = [_one(acquisition, folder, f"{name}_{i:02d}", volume, what) for i, volume in enumerate(data, 1)]
    return tuple(path for path in written if path is not None)


def _tensor(acquisition: Acquisition, folder: Path) -> Path | None:
    if acquisition.reference_tensor is None:
        return None
    tensor = acquisition.reference_tensor.in_frame("voxel")
    return save_tensor(tensor, folder / "reference_tensor.nii.gz", overwrite=True)
