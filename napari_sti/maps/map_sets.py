"""All scalar maps of a result, of whatever kind: reconstructions, what can be trusted of them, separations, one map."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.core.frames import Frame
from napari_sti.core.tensor_field import TensorField
from napari_sti.io.nifti import read_header, read_volume
from napari_sti.io.results import load_result, load_tensor
from napari_sti.io.sidecars import SIDECAR

_TITLES = {
    "mms": "MMS",
    "msa": "MSA",
    "chi_pos": "\N{GREEK SMALL LETTER CHI}+",
    "chi_neg": "|\N{GREEK SMALL LETTER CHI}\N{MINUS SIGN}|",
    "chi_total": "total \N{GREEK SMALL LETTER CHI}",
    "chi_neg_msa": "MSA of \N{GREEK SMALL LETTER CHI}\N{MINUS SIGN}",
    "closed_form_chi_pos": "\N{GREEK SMALL LETTER CHI}+ in closed form",
    "closed_form_chi_neg": "|\N{GREEK SMALL LETTER CHI}\N{MINUS SIGN}| in closed form",
    "r2": "R2",
    "pev_spread": "PEV spread",
    "msa_spread": "MSA spread",
    "mms_spread": "MMS spread",
}
_LEFT_OUT = ("mask", "chi", "pev", "chi_neg_tensor", "chi_neg_pev")
"""Files of a result that are no scalar maps."""


@dataclass(frozen=True, eq=False)
class ScalarMap:
    """One number for each voxel.

    Parameters
    ----------
    title, unit : str
        As shown; the unit is empty where it is not known.
    data : (X, Y, Z) array
        In the storage order of the file.
    """

    title: str
    unit: str
    data: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class MapSet:
    """The maps of one result.

    Parameters
    ----------
    name : str
        Of the result.
    affine : (4, 4) array
        Voxel indices to RAS mm.
    mask : (X, Y, Z) array of bool
        Where they are meant.
    maps : mapping of str to ScalarMap
        By their names in the sidecar.
    directions : (X, Y, Z, 3) array or None
        Principal eigenvectors in RAS, unit, sign free, zero where there is none.
    simulated : bool
        Whether the data were simulated.
    """

    name: str
    affine: NDArray[np.float64]
    mask: NDArray[np.bool_]
    maps: Mapping[str, ScalarMap]
    directions: NDArray[np.float32] | None = None
    simulated: bool = False


def open_maps(path: str | Path, name: str, *, frame: Frame | str | None = None) -> MapSet:
    """Read a result folder, a tensor file of six volumes, or one map.

    Parameters
    ----------
    path : path
        What to read.
    name : str
        What it is to be called.
    frame : {"voxel", "ras", "lps", "fsl"}, optional
        Axes of the components of a tensor file that no sidecar states.

    Raises
    ------
    InputError
        If it is none of these.
    """
    path = Path(path)
    if path.is_dir() or path.name == SIDECAR:
        return _of_folder(path.parent if path.name == SIDECAR else path, name)
    if len(read_header(path, what="map").shape) == 3:
        volume = read_volume(path, what="map")
        title = path.name.removesuffix(".gz").removesuffix(".nii")
        mask = np.isfinite(volume.data)
        return MapSet(name, volume.affine, mask, {title: ScalarMap(title, "", volume.data)})
    return _of_tensor(load_tensor(path, frame=frame), name)


def _of_folder(folder: Path, name: str) -> MapSet:
    sidecar = _sidecar(folder)
    files: dict[str, Any] = sidecar.get("files", {})
    if "chi" in files or not files:
        found = _of_tensor(load_result(folder), name)
        further = _scalars(folder, {key: one for key, one in files.items() if key not in ("mms", "msa")})
        return MapSet(name, found.affine, found.mask, {**found.maps, **further}, found.directions, found.simulated)
    maps = _scalars(folder, files)
    if not maps:
        raise InputError("this result holds no map", file=folder, mend="choose another folder")
    mask = next(iter(maps.values())).data != 0
    affine = read_header(folder / next(Path(str(one["file"])).name for key, one in files.items() if key in maps)).affine
    if "mask" in files:
        mask = read_volume(folder / Path(str(files["mask"]["file"])).name, what="mask").data > 0.5
    provenance = sidecar.get("provenance") or {}
    return MapSet(name, affine, mask, maps, simulated=bool(provenance.get("simulated")))


def _sidecar(folder: Path) -> dict[str, Any]:
    try:
        content = json.loads((folder / SIDECAR).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        content = None
    files = content.get("files") if isinstance(content, dict) else None
    if not isinstance(files, dict) or not all(isinstance(one, dict) and one.get("file") for one in files.values()):
        raise InputError(
            f"the folder holds no finished result ({SIDECAR} is missing or broken)",
            file=folder,
            mend="choose another folder",
        )
    return dict(content) if isinstance(content, dict) else {}


def _scalars(folder: Path, files: Mapping[str, Any]) -> dict[str, ScalarMap]:
    """Read the maps of one number a voxel that a sidecar lists."""
    return {
        str(key): ScalarMap(
            _TITLES.get(key, str(key)),
            _unit(str(one.get("units", ""))),
            read_volume(folder / Path(str(one["file"])).name, what=str(key)).data,
        )
        for key, one in files.items()
        if key not in _LEFT_OUT and len(read_header(folder / Path(str(one["file"])).name, what=str(key)).shape) == 3
    }


def _of_tensor(tensor: TensorField, name: str) -> MapSet:
    maps = {"mms": ScalarMap("MMS", "ppm", tensor.mms), "msa": ScalarMap("MSA", "ppm", tensor.msa)}
    directions = frames.rotate_vectors(tensor.pev, frames.between(tensor.frame, "ras", tensor.affine))
    mask = np.asarray(tensor.mask)
    return MapSet(name, tensor.affine, mask, maps, directions, bool(tensor.provenance.get("simulated")))


def _unit(stated: str) -> str:
    return "\N{DEGREE SIGN}" if stated in ("deg", "degrees") else stated
