"""From a study file to an acquisition in memory."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import InputError
from napari_sti.core.provenance import file_hash
from napari_sti.core.tensor_field import TensorField
from napari_sti.core.values import check_plausible, check_scanner_units, check_values
from napari_sti.io.field_checks import size_warning, wrap_warning
from napari_sti.io.grid import check_grid, reorder
from napari_sti.io.mask_checks import mask_warnings
from napari_sti.io.nifti import Header, read_header, read_volume
from napari_sti.io.problems import check_unit, world_direction
from napari_sti.io.results import load_tensor
from napari_sti.io.study import read_study
from napari_sti.io.study_model import Orientation, Study


def load_study(path: str | Path) -> Acquisition:
    """Read a study file and everything that it names.

    Parameters
    ----------
    path : path
        Study file as `napari_sti.io.study.read_study` takes it.

    Returns
    -------
    Acquisition
        Fields in ppm, directions in voxel axes of the first field map, in whose storage order everything is; files
        stored in another order on the same grid of the world are reordered.

    Raises
    ------
    InputError
        With one sentence that names the file.
    """
    return load(read_study(path))


def load(study: Study) -> Acquisition:
    """Read everything that a study names; see `load_study`."""
    problems = study.problems()
    if problems:
        raise problems[0].error()
    reader = _Reader(study, study_grid(study))
    mask = reader.mask()
    wm = reader.tissue(study.wm_mask, "white matter mask")
    csf = reader.tissue(study.csf_mask, "CSF mask")
    reader.warnings.extend(mask_warnings(mask, wm, csf))
    return Acquisition(
        field=reader.fields(mask),
        b0_dirs=reader.directions(),
        mask=mask,
        affine=reader.grid.affine,
        b0=study.tesla,
        units="ppm",
        frame="ras",
        name=study.name,
        wm_mask=wm,
        csf_mask=csf,
        magnitude=reader.stack(study.magnitude, "magnitude", (3, 4)),
        r2prime=reader.rates(study.r2prime, "R2'", mask),
        r2star=reader.rates(study.r2star, "R2*", mask),
        r2=reader.rates(() if study.r2 is None else (study.r2,), "R2", mask),
        qsm=reader.qsm(mask),
        reference_tensor=reader.tensor(mask),
        labels=tuple(_label(o, i) for i, o in enumerate(study.orientations)),
        inputs=(*reader.inputs, *_study_file(study)),
        simulated=study.simulated,
        # The reader's list is complete only now, after everything above has been read.
        warnings=tuple(dict.fromkeys((*study.warnings, *reader.warnings))),
    )


def _study_file(study: Study) -> list[dict[str, Any]]:
    if study.path is None or not study.path.is_file():
        return []
    return [{"role": "study", "path": str(study.path.absolute()), "sha256": file_hash(study.path)}]


def study_grid(study: Study) -> Header:
    """Return the header of the file on whose grid, and in whose order, everything of a study is held.

    Raises
    ------
    InputError
        If the study names no image yet, or that file cannot be read.
    """
    for orientation in study.orientations:
        if orientation.field is not None:
            return read_header(orientation.field)
    first = study.qsm or study.reference_tensor or study.mask
    if first is None:
        raise InputError("the study has no images yet", file=study.path, mend="add field maps and a brain mask")
    return read_header(first)


def read_on_grid(
    path: Path, grid: Header, what: str, dims: tuple[int, ...] = (3,)
) -> tuple[NDArray[np.float32], Header]:
    """Read a volume in the order of a grid, together with its own header.

    Raises
    ------
    InputError
        If it cannot be read, or lies on another grid of the world; `what` names it in the sentence.
    """
    volume = read_volume(path, dims=dims, what=what)
    assert volume.header is not None
    return reorder(volume.data, check_grid(volume.header, grid, what)), volume.header


def _label(orientation: Orientation, index: int) -> str:
    if orientation.label:
        return orientation.label
    if orientation.field is None:
        return f"orientation {index + 1}"
    return orientation.field.name.removesuffix(".gz").removesuffix(".nii")


@dataclass
class _Reader:
    """Reads the files of a study one after the other onto one grid and keeps the books."""

    study: Study
    grid: Header
    inputs: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def read(self, path: Path, role: str, what: str, dims: tuple[int, ...] = (3,)) -> NDArray[np.float32]:
        """Read one file in the order of the grid."""
        data, header = read_on_grid(path, self.grid, what, dims)
        self.warnings.extend(header.warnings)
        self.note(role, path)
        return data

    def note(self, role: str, path: Path) -> None:
        self.inputs.append({"role": role, "path": str(path.absolute()), "sha256": file_hash(path)})

    def mask(self) -> NDArray[np.bool_]:
        path = self.study.mask
        assert path is not None
        mask = self.tissue(path, "mask")
        assert mask is not None
        if not mask.any():
            raise InputError("the mask is empty", file=path, mend="give a mask that is not zero inside the brain")
        return mask

    def tissue(self, path: Path | None, what: str) -> NDArray[np.bool_] | None:
        """Read a mask; a map of probabilities is cut at one half."""
        if path is None:
            return None
        values = self.read(path, what, what)
        soft = (values > 0) & (values < 1)
        if soft.any():
            self.warnings.append(f"{path.name} holds fractions; the {what} is taken where they exceed 0.5.")
            return np.asarray(values > 0.5)
        return np.asarray(values > 0.5)  # also where something else than 0 marks the outside, such as -1 or NaN

    def fields(self, mask: NDArray[np.bool_]) -> NDArray[np.float32] | None:
        """Read the field maps, (N, X, Y, Z) in ppm."""
        if not self.study.has_fields:
            return None
        out = np.zeros((len(self.study.orientations), *mask.shape), np.float32)
        for i, orientation in enumerate(self.study.orientations):
            path = orientation.field
            assert path is not None and orientation.units is not None
            volume = self.read(path, f"field of orientation {i + 1}", "field")
            inside = volume[mask]
            check_values(inside, "the field", file=path)
            factor = check_unit(self.study, orientation)
            check_scanner_units(inside, orientation.units, file=path)
            if orientation.units == "rad":
                self.warnings.extend(wrap_warning(volume, mask, path))
            inside *= np.float32(factor)
            check_plausible(inside, orientation.units, file=path)
            self.warnings.extend(size_warning(inside, orientation.units, path))
            out[i][mask] = inside
        return out

    def directions(self) -> NDArray[np.float64]:
        """B0 directions (N, 3) in RAS."""
        found = []
        for i, orientation in enumerate(self.study.orientations):
            header = self.grid if orientation.field is None else read_header(orientation.field)
            direction, warning = world_direction(orientation, i, header)
            found.append(direction)
            self.warnings.extend([warning] if warning else [])
            if isinstance(orientation.b0_dir, Path):
                self.note(f"B0 direction of orientation {i + 1}", orientation.b0_dir)
        return np.array(found, np.float64)

    def stack(self, paths: Iterable[Path], what: str, dims: tuple[int, ...] = (3,)) -> NDArray[np.float32] | None:
        """Read volumes into (M, X, Y, Z); those with four dimensions count as several."""
        volumes: list[NDArray[np.float32]] = []
        for path in paths:
            data = self.read(path, what, what, dims)
            volumes.extend([data] if data.ndim == 3 else np.moveaxis(data, -1, 0))
        return np.stack(volumes) if volumes else None

    def rates(self, paths: tuple[Path, ...], name: str, mask: NDArray[np.bool_]) -> NDArray[np.float32] | None:
        """Read relaxation rates, (M, X, Y, Z) in Hz."""
        stack = self.stack(paths, f"{name} map")
        if stack is None:
            return None
        for volume, path in zip(stack, paths, strict=True):
            check_values(volume[mask], f"the {name} map", file=path)
            self.warnings.extend(size_warning(volume[mask], name, path))
        return stack

    def qsm(self, mask: NDArray[np.bool_]) -> NDArray[np.float32] | None:
        if self.study.qsm is None:
            return None
        values = self.read(self.study.qsm, "susceptibility map", "susceptibility map")
        check_values(values[mask], "the susceptibility map", file=self.study.qsm)
        return values

    def tensor(self, mask: NDArray[np.bool_]) -> TensorField | None:
        path = self.study.reference_tensor
        if path is None:
            return None
        tensor = load_tensor(path, frame=self.study.reference_frame)
        orientation = check_grid(read_header(path), self.grid, "tensor")
        self.note("reference tensor", path)
        tensor = tensor.reordered(orientation)
        # Rounding of the two headers apart, it is the same grid: from here on it is the same affine.
        return replace(tensor.in_frame("voxel"), affine=self.grid.affine, mask=mask)
