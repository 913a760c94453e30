"""Writers for napari: layers as NIfTI, in the order and with the affine that the data came with.

A layer that this package has shown goes back to the storage order of its file, with the true affine. Any other layer
is written with what its scale, translation, rotation and affine say, its first axis taken to run to the right, the
second to the front and the third to the top.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.io import atomic
from napari_sti.io.nifti import write_volume
from napari_sti.viz.display import DisplayGrid, grid_of, layer_info
from napari_sti.viz.shown_maps import ShownMaps

_MM_PER = {"millimeter": 1.0, "mm": 1.0, "pixel": 1.0, "meter": 1e3, "m": 1e3, "centimeter": 10.0, "cm": 10.0}
_MM_PER |= {"micrometer": 1e-3, "um": 1e-3, "micron": 1e-3, "µm": 1e-3, "nanometer": 1e-6, "nm": 1e-6}


class SaveError(RuntimeError):
    """Why a layer cannot be saved, in one sentence (napari swallows the ValueErrors of writers)."""


def write_image(path: str | os.PathLike[str], data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Write an image layer: numbers as float32, colours as RGB24.

    Parameters
    ----------
    path : path
        Ends in .nii or .nii.gz; an existing file is replaced, since napari has asked before.
    data : array
        (X, Y, Z), (C, X, Y, Z), or (X, Y, Z, 3 or 4) for colours.
    attributes : mapping
        What napari says about the layer.

    Returns
    -------
    list of str
        The file.

    Raises
    ------
    SaveError
        If it cannot be represented, or the file cannot be written.
    """
    return _write(path, data, attributes, labels=False)


def write_labels(path: str | os.PathLike[str], data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Write a labels layer as integers; see `write_image`."""
    return _write(path, data, attributes, labels=True)


def write_directions(path: str | os.PathLike[str], data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Write the directions of a layer of PEV lines as (X, Y, Z, 3) unit vectors in voxel axes, all voxels of the mask.

    Raises
    ------
    SaveError
        For vectors that are not the lines of a tensor.
    """
    info = layer_info(attributes.get("metadata") or {}) or {}
    maps = info.get("maps")
    if not isinstance(maps, ShownMaps):
        raise SaveError("Only the PEV lines of a tensor can be saved as NIfTI; save these vectors as .csv.")
    to_voxel = frames.between("ras", "voxel", maps.grid.affine)
    stored = maps.grid.to_stored(frames.rotate_vectors(np.where(maps.mask[..., None], maps.pev, 0), to_voxel))
    description = "principal eigenvector, unit, sign free, axes voxel"
    try:
        write_volume(Path(path), stored, maps.grid.affine, overwrite=True, description=description)
    except InputError as error:
        raise SaveError(str(error)) from error
    return [str(path)]


def _write(path: str | os.PathLike[str], data: Any, attributes: Mapping[str, Any], *, labels: bool) -> list[str]:
    try:
        volume, affine, description = stored_volume(data, attributes, labels=labels)
        if volume.dtype.names:
            _write_colours(Path(path), volume, affine, description)
        else:
            write_volume(Path(path), volume, affine, overwrite=True, description=description)
    except InputError as error:
        raise SaveError(str(error)) from error
    return [str(path)]


def stored_volume(
    data: Any, attributes: Mapping[str, Any], *, labels: bool
) -> tuple[NDArray[Any], NDArray[np.float64], str]:
    """Bring a layer's data to (X, Y, Z) or (X, Y, Z, C) in its file's order, with the affine of that, and its name.

    Raises
    ------
    InputError
        If NIfTI files of this program do not hold such a layer.
    """
    name = str(attributes.get("name", "layer"))
    if not hasattr(data, "ndim") and isinstance(data, list | tuple):
        raise InputError(f"the layer {name!r} has several resolutions", mend="save one of them as its own layer")
    rgb = bool(attributes.get("rgb", False))
    array = np.asarray(data)
    spatial = array.ndim - int(rgb)
    if spatial not in (3, 4) or (rgb and spatial != 3):
        raise InputError(
            f"the layer {name!r} has {spatial} axes{' of colours' if rgb else ''}, which NIfTI files of this "
            "program do not hold",
            mend="save a layer of three axes" + ("" if rgb else ", or four with the volumes first"),
        )
    array = _numbers(array, labels=labels, rgb=rgb, name=name)
    info = layer_info(attributes.get("metadata") or {})
    grid = grid_of(info)
    leading = spatial - 3
    array = _whole(array, info)
    if grid is not None and _is_where_it_was(grid, attributes, array.shape[leading : leading + 3]):
        stored, affine = grid.to_stored(array, first_axis=leading), grid.affine
        if info is not None and info.get("kind") not in ("image", "magnitude") and stored.dtype.kind == "f":
            stored = np.nan_to_num(stored, nan=0.0)  # NaN stands for "outside the mask" on the screen only
    else:
        stored, affine = array, _generic_affine(attributes, leading, name)
    return (np.moveaxis(stored, 0, -1) if leading else stored), affine, name


def _whole(array: NDArray[Any], info: Mapping[str, Any] | None) -> NDArray[Any]:
    """A spread without the holes that only the screen has, where there is little anisotropy."""
    maps = None if info is None else info.get("maps")
    if info is None or not isinstance(maps, ShownMaps) or info.get("kind") not in maps.spreads:
        return array
    values = maps.spreads[info["kind"]]
    return np.where(np.isnan(array) & maps.mask, values, array) if values.shape == array.shape else array


def _numbers(array: NDArray[Any], *, labels: bool, rgb: bool, name: str) -> NDArray[Any]:
    if rgb:
        if array.dtype.kind == "f":
            array = np.rint(np.clip(np.nan_to_num(array), 0, 1) * 255)
        elif array.dtype != np.uint8:
            raise InputError(f"the colours of {name!r} are of the type {array.dtype}", mend="give 8 bits per colour")
        colours = np.ascontiguousarray(array[..., :3].astype(np.uint8))
        fields = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
        return colours.view(fields)[..., 0]
    if array.dtype.kind == "c":
        raise InputError(f"the layer {name!r} holds complex values", mend="save its real part, or magnitude and phase")
    if array.dtype.kind not in "biuf":
        raise InputError(f"the layer {name!r} does not hold numbers but {array.dtype}", mend="save numbers")
    if not labels:
        return array.astype(np.float32) if array.dtype.kind != "b" else array
    if array.dtype.kind == "b" or array.size == 0:
        return array.astype(np.uint8)
    low, high = int(array.min()), int(array.max())
    for kind in (np.uint8, np.int16, np.int32):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return array.astype(kind)
    raise InputError(f"the labels of {name!r} reach {high}, more than 32 bits hold", mend="number them anew")


def _is_where_it_was(grid: DisplayGrid, attributes: Mapping[str, Any], shape: tuple[int, ...]) -> bool:
    """Whether a layer still lies where this package has put it: same shape, not moved by hand."""
    if tuple(shape) != grid.shown_shape:
        return False
    expected = np.eye(4)
    expected[:3, :3] = np.diag(grid.scale)
    expected[:3, 3] = grid.translate
    placed = _placement(attributes)
    return placed is not None and bool(np.allclose(placed, expected, atol=1e-4))


def _placement(attributes: Mapping[str, Any]) -> NDArray[np.float64] | None:
    """Matrix (4, 4) of the last three axes: affine x translation x rotation x shear x scale, as napari composes."""
    n = len(attributes.get("scale", (1, 1, 1)))
    affine = np.asarray(attributes.get("affine", np.eye(n + 1)), float)
    if affine.shape != (n + 1, n + 1):
        return None
    linear = np.diag(np.asarray(attributes.get("scale", np.ones(n)), float))
    for key in ("shear", "rotate"):
        given = np.asarray(attributes.get(key, np.eye(n)), float)
        if given.shape == (n, n):
            linear = given @ linear
        elif given.size and given.any():
            return None
    inner = np.eye(n + 1)
    inner[:n, :n] = linear
    inner[:n, n] = np.asarray(attributes.get("translate", np.zeros(n)), float)
    whole = affine @ inner
    keep = [n - 3, n - 2, n - 1, n]
    return np.asarray(whole[np.ix_(keep, keep)])


def _generic_affine(attributes: Mapping[str, Any], leading: int, name: str) -> NDArray[np.float64]:
    placed = _placement(attributes)
    if placed is None:
        raise InputError(f"the place of the layer {name!r} is not an affine transform", mend="reset its transform")
    units = [str(unit) for unit in attributes.get("units", ("mm",) * (3 + leading))][leading:]
    factors = [_MM_PER.get(unit) for unit in units]
    if None in factors:
        wrong = units[factors.index(None)]
        raise InputError(f"the layer {name!r} is measured in {wrong}, which is no length", mend="set its units to mm")
    return np.diag([*(float(f) for f in factors if f is not None), 1.0]) @ placed


def _write_colours(path: Path, volume: NDArray[Any], affine: NDArray[np.float64], description: str) -> None:
    import nibabel

    image = nibabel.Nifti1Image(volume, None)
    grid = frames.check_affine(affine, file=path)
    image.set_sform(grid, code=1)
    image.set_qform(grid, code=1)
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = description.encode("ascii", "replace")[:79]
    with atomic.replacing(path, overwrite=True) as temporary:
        image.to_filename(temporary)
