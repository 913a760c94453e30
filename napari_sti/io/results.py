"""Results as files: the maps as NIfTI, and beside them what they are and how they were made.

``result.json`` is written last: a folder without it holds no finished result. It states the format and its version,
the frame and order of the tensor's components, units, the grid, the hash of every file, and the provenance.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.core.frames import COMPONENTS, Frame, parse_frame
from napari_sti.core.provenance import file_hash
from napari_sti.core.replicates import Replicates
from napari_sti.core.tensor_field import TensorField
from napari_sti.io import atomic
from napari_sti.io.nifti import SYMMATRIX, read_volume, write_volume
from napari_sti.io.replicates import REPLICATES, write_replicates
from napari_sti.io.sidecars import (
    FORMAT,
    SIDECAR,
    UNITS,
    VERSION,
    changed,
    own_sidecar,
    plain,
    read_sidecar,
    sidecar_of,
)

_TITLES = {
    "chi": "susceptibility tensor xx xy xz yy yz zz, ppm, axes {frame}",
    "mms": "mean magnetic susceptibility, ppm",
    "msa": "magnetic susceptibility anisotropy, ppm",
    "pev": "principal eigenvector, unit, sign free, axes {frame}",
    "mask": "mask of the tensor",
}
_LOWER_TRIANGLE = (0, 1, 3, 2, 4, 5)
"""Where xx, xy, xz, yy, yz, zz stand in NIfTI's symmetric matrices (xx, yx, yy, zx, zy, zz)."""

check_folder = atomic.check_folder

MAPS = ("chi", "mms", "msa", "pev", "mask")
"""Names of the files of a result, without their ending."""


@dataclass(frozen=True, eq=False)
class FurtherMap:
    """A scalar map that belongs to a result, such as how far it can be trusted.

    Parameters
    ----------
    data : (X, Y, Z) array
        On the grid of the tensor.
    units : str
        Such as ``"ppm"`` or ``"degrees"``.
    title : str
        What it is, for the header and the sidecar.
    """

    data: NDArray[np.float32]
    units: str
    title: str


def check_no_input(folder: str | Path, inputs: Iterable[str | Path | None], *, further: Iterable[str] = ()) -> None:
    """Refuse a folder in which a result would replace what it is made from, even with leave to overwrite.

    Raises
    ------
    InputError
        That names the file that would be lost.
    """
    refuse_to_replace(folder, (*MAPS, "colour", *further), inputs)


def refuse_to_replace(folder: str | Path, names: Iterable[str], inputs: Iterable[str | Path | None]) -> None:
    """Refuse if a file ``<name>.nii.gz`` in a folder is one of the inputs.

    Raises
    ------
    InputError
        That names it.
    """
    written = {(Path(folder) / f"{name}.nii.gz").resolve() for name in names}
    for path in inputs:
        if path is not None and Path(path).resolve() in written:
            raise InputError(
                "the result would replace this file, from which it is made", file=path, mend="choose another folder"
            )


def save_result(
    tensor: TensorField,
    folder: str | Path,
    *,
    frame: Frame = "voxel",
    overwrite: bool = False,
    further: Mapping[str, FurtherMap] | None = None,
    replicates: Replicates | None = None,
) -> Path:
    """Write chi, mms, msa, pev and mask (.nii.gz) with the tensor's affine, and ``result.json``.

    Parameters
    ----------
    tensor : TensorField
        The result.
    folder : path
        Made if it is missing; must be empty unless `overwrite`.
    frame : {"voxel", "ras", "lps", "fsl"}
        Axes in which the components of chi and pev are written; the storage order stays.
    overwrite : bool
        Whether to write into a folder that holds something.
    further : mapping of FurtherMap, optional
        Scalar maps to write beside them, by the names of their files.
    replicates : Replicates, optional
        Directions of the runs without one orientation each; see `napari_sti.io.replicates`.

    Returns
    -------
    Path
        ``result.json``.

    Raises
    ------
    InputError
        If the folder is not empty or cannot be written.
    """
    folder, further = Path(folder), dict(further or {})
    names = (*further, "replicates")
    check_no_input(folder, (entry.get("path") for entry in tensor.provenance.get("inputs", ())), further=names)
    written = tensor.in_frame(parse_frame(frame))
    atomic.prepare_folder(folder, overwrite=overwrite)
    (folder / SIDECAR).unlink(missing_ok=True)  # an old one must not stand beside new maps
    maps: dict[str, Any] = {name: getattr(written, name) for name in MAPS}
    files = {}
    for name, data in maps.items():
        path = folder / f"{name}.nii.gz"
        write_volume(path, data, tensor.affine, overwrite=True, description=_TITLES[name].format(frame=written.frame))
        files[name] = {"file": path.name, "units": UNITS[name], "sha256": file_hash(path)}
    for name, one in further.items():
        path = folder / f"{name}.nii.gz"
        write_volume(path, one.data, tensor.affine, overwrite=True, description=one.title)
        files[name] = {"file": path.name, "units": one.units, "sha256": file_hash(path), "title": one.title}
    (folder / REPLICATES).unlink(missing_ok=True)  # those of an earlier result
    more = {} if replicates is None else {"replicates": write_replicates(replicates, folder)}
    return _write_sidecar(folder / SIDECAR, written, files, more)


def save_tensor(tensor: TensorField, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write the tensor alone, in its frame, with a sidecar of the same name that ends in .json.

    Raises
    ------
    InputError
        If the file exists (unless `overwrite`) or cannot be written.
    """
    path = Path(path)
    title = _TITLES["chi"].format(frame=tensor.frame)
    write_volume(path, tensor.chi, tensor.affine, overwrite=overwrite, description=title)
    files = {"chi": {"file": path.name, "units": UNITS["chi"], "sha256": file_hash(path)}}
    _write_sidecar(own_sidecar(path), tensor, files)
    return path


def _write_sidecar(
    path: Path, tensor: TensorField, files: Mapping[str, Any], more: Mapping[str, Any] | None = None
) -> Path:
    content = {
        "format": FORMAT,
        "version": VERSION,
        "name": tensor.name,
        "frame": tensor.frame,
        "order": list(COMPONENTS),
        "units": {name: entry["units"] for name, entry in files.items()},
        "shape": list(tensor.shape),
        "voxel_size_mm": [round(size, 6) for size in tensor.voxel_size],
        "orientation": frames.axis_codes(tensor.affine),
        "affine": tensor.affine.tolist(),
        "files": dict(files),
        **(more or {}),
        "provenance": plain(tensor.provenance),
    }
    atomic.write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n", overwrite=True)
    return path


def load_result(folder: str | Path) -> TensorField:
    """Read back what `save_result` wrote, with components in voxel axes.

    Parameters
    ----------
    folder : path
        The folder, or the ``result.json`` in it.

    Raises
    ------
    InputError
        If it holds no finished result, or its files do not fit together.
    """
    folder = Path(folder)
    folder = folder.parent if folder.name == SIDECAR else folder
    sidecar = folder / SIDECAR
    if not sidecar.is_file():
        raise InputError(
            f"the folder holds no finished result ({SIDECAR} is missing)", file=folder, mend="choose another folder"
        )
    content = read_sidecar(sidecar)
    entry = content.get("files", {}).get("chi", {})
    tensor = load_tensor(folder / str(entry.get("file", "chi.nii.gz")))
    mask_file = folder / str(content.get("files", {}).get("mask", {}).get("file", "mask.nii.gz"))
    mask = np.any(np.nan_to_num(tensor.chi) != 0, axis=-1)
    if mask_file.is_file():
        mask = read_volume(mask_file, what="mask").data > 0.5
    return TensorField(
        tensor.chi, tensor.affine, mask=mask, frame="voxel", provenance=tensor.provenance, name=tensor.name
    )


def load_further(folder: str | Path) -> dict[str, FurtherMap]:
    """Read the further maps of a result, such as those of its spread; none if it has none.

    Raises
    ------
    InputError
        If one that the sidecar lists cannot be read.
    """
    folder = Path(folder)
    folder = folder.parent if folder.name == SIDECAR else folder
    files = read_sidecar(folder / SIDECAR).get("files", {})
    return {
        str(name): FurtherMap(
            read_volume(folder / str(entry["file"]), what=str(name)).data,
            str(entry.get("units", "")),
            str(entry.get("title", name)),
        )
        for name, entry in files.items()
        if name not in MAPS and isinstance(entry, dict) and entry.get("file")
    }


def load_tensor(
    path: str | Path, *, frame: Frame | str | None = None, order: Sequence[str] | None = None
) -> TensorField:
    """Read a tensor from any NIfTI file of six volumes, with components in voxel axes.

    Parameters
    ----------
    path : path
        (X, Y, Z, 6) or (X, Y, Z, 1, 6) in ppm. The order is xx, xy, xz, yy, yz, zz; of the sidecar, if there is one;
        or, where the header states the intent of a symmetric matrix, that of NIfTI (xx, yx, yy, zx, zy, zz).
    frame : {"voxel", "ras", "lps", "fsl"}, optional
        Axes of the components, where no sidecar states them.
    order : sequence of str, optional
        Names of the components as they are stored, where no sidecar states them.

    Returns
    -------
    TensorField
        In the frame "voxel"; the mask is where any component is not zero.

    Raises
    ------
    InputError
        If the file is not such a tensor, or its frame is stated nowhere.
    """
    path = Path(path)
    volume = read_volume(path, dims=4, what="tensor")
    chi = volume.data
    if chi.shape[3] != 6:
        raise InputError(
            f"the file has {chi.shape[3]} volumes and a tensor has 6", file=path, mend="give xx, xy, xz, yy, yz, zz"
        )
    sidecar = sidecar_of(path)
    stated = sidecar.get("frame") or frame
    if stated is None:
        raise InputError(
            "the frame of the tensor's components is not stated",
            file=path,
            mend="state it: voxel, ras, lps or fsl (--frame)",
        )
    given = parse_frame(str(stated))
    if volume.header is not None and not volume.header.oriented and given in ("ras", "lps"):
        raise InputError(
            f"the header states no orientation, so that components in {given} have no meaning",
            file=path,
            mend="set the sform",
        )
    intent = volume.header.intent if volume.header is not None else 0
    told = sidecar.get("order")
    if order is not None and told not in (None, list(order)):
        raise InputError(
            f"the order of the components is stated as {' '.join(order)}, and the sidecar states another one",
            file=path,
            mend="correct the one that is wrong",
        )
    chi = _ordered(chi, list(order) if told is None and order is not None else told, intent, path)
    mask = np.any(np.nan_to_num(chi) != 0, axis=-1)
    name = str(sidecar.get("name") or path.name.removesuffix(".gz").removesuffix(".nii"))
    provenance = dict(sidecar.get("provenance") or {})
    if not sidecar:
        provenance["inputs"] = [{"role": "tensor", "path": str(path.absolute()), "sha256": file_hash(path)}]
    elif changed(path, sidecar):
        note = f"{path.name} was changed after it was written."
        provenance["remarks"] = [*provenance.get("remarks", []), note]
    tensor = TensorField(chi, volume.affine, mask=mask, frame=given, provenance=provenance, name=name)
    return tensor.in_frame("voxel")


def _ordered(chi: NDArray[np.float32], order: Any, intent: int, path: Path) -> NDArray[np.float32]:
    """Bring the components into the order of `COMPONENTS`."""
    if order is None:
        return chi[..., _LOWER_TRIANGLE] if intent == SYMMATRIX else chi
    names = [str(name) for name in order] if isinstance(order, list) else []
    if sorted(names) != sorted(COMPONENTS):
        raise InputError(f"the order {order} of the components is not known", file=path, mend="correct its sidecar")
    if names == list(COMPONENTS):
        return chi
    return chi[..., [names.index(name) for name in COMPONENTS]]
