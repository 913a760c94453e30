"""Tensors of one's own to train on: a folder with a list of NIfTI tensors and masks. Never imports torch.

``dataset.yaml``::

    frame: ras                          # axes of the components, for tensors whose sidecar does not state them
    order: [xx, xy, xz, yy, yz, zz]     # as they are stored, likewise; this is the default
    tensors:
      - tensor: sub01/chi.nii.gz
        mask: sub01/mask.nii.gz
        name: sub01                     # optional, as are frame and order of a single tensor
        use: train                      # or validation

or ``dataset.csv`` with the columns tensor, mask and, where needed, name, use, frame and order (``xx xy xz yy yz zz``).
Paths are relative to the list. Nothing is resampled: files are read in the order in which they are stored and only
their axes are permuted and flipped.
"""

import csv
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.core.frames import COMPONENTS, Frame
from napari_sti.core.values import check_values
from napari_sti.io.grid import check_grid
from napari_sti.io.nifti import Header, fit_dims, read_header, read_volume
from napari_sti.io.results import load_tensor
from napari_sti.io.sidecars import sidecar_frame
from napari_sti.io.text_data import parse_text, shown

LISTS = ("dataset.yaml", "dataset.yml", "dataset.json", "dataset.csv")
LARGEST_PPM = 20.0
"""No tissue, vein or bleeding reaches so far; what does is in ppb, or no susceptibility."""

Use = Literal["train", "validation"]
USES: tuple[Use, ...] = ("train", "validation")

_KEYS = ("tensors", "frame", "order")
_ENTRY_KEYS = ("tensor", "mask", "name", "use", "frame", "order")


@dataclass(frozen=True)
class Entry:
    """One tensor of a dataset, as its list states it.

    Parameters
    ----------
    tensor, mask : path
        NIfTI files.
    name : str
        What the person calls it.
    use : {"train", "validation"}
        What it is for.
    frame : {"voxel", "ras", "lps", "fsl"}
        Axes of its components.
    order : tuple of str or None
        Names of the components as they are stored; None where the sidecar or the header says it, else the default.
    shape : three ints
        Voxels, in the order of storage.
    voxel_size : three floats
        In mm, in RAS order.
    """

    tensor: Path
    mask: Path
    name: str
    use: Use
    frame: Frame
    order: tuple[str, ...] | None
    shape: tuple[int, int, int]
    voxel_size: tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class OwnTensor:
    """A tensor to simulate scans of.

    Parameters
    ----------
    chi : (6, X, Y, Z) float32 array
        In ppm, components xx, xy, xz, yy, yz, zz in the axes of this array, which are the nearest to RAS; 0 outside
        the mask.
    mask : (X, Y, Z) bool array
        Where it is known.
    voxel_size : three floats
        In mm.
    name : str
        As in the list.
    """

    chi: NDArray[np.float32]
    mask: NDArray[np.bool_]
    voxel_size: tuple[float, float, float]
    name: str


def read_dataset(path: str | Path) -> tuple[Entry, ...]:
    """Read the list of a dataset and check it against the headers of its files; no values are loaded.

    Parameters
    ----------
    path : path
        The folder, or the list itself.

    Raises
    ------
    InputError
        With one sentence that names the file and the entry.
    """
    listed = _list_in(Path(path))
    rows, common = _rows(listed)
    if not rows:
        raise InputError("the list names no tensors", file=listed, mend="add at least one with its mask")
    entries = tuple(_entry(row, common, listed, number) for number, row in enumerate(rows, start=1))
    names = [entry.name for entry in entries]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two tensors have the name {name!r}", file=listed, mend="give each a name of its own")
    if all(entry.use != "train" for entry in entries):
        raise InputError("no tensor is for training", file=listed, mend='give at least one the use "train"')
    return entries


def load_entry(entry: Entry) -> OwnTensor:
    """Load one tensor.

    Raises
    ------
    InputError
        If values in the mask are missing or cannot be susceptibilities in ppm, or the mask is empty.
    """
    tensor = load_tensor(entry.tensor, frame=entry.frame, order=entry.order)
    mask_file = read_volume(entry.mask, what="mask")
    order = check_grid(cast(Header, mask_file.header), read_header(entry.tensor, what="tensor"), "mask")
    mask = np.nan_to_num(frames.reorder_volume(mask_file.data, order)) > 0.5
    if not mask.any():
        raise InputError("the mask is empty", file=entry.mask, mend="mark the brain with 1")
    check_values(tensor.chi[mask], "the tensor", file=entry.tensor)
    largest = float(np.abs(tensor.chi[mask]).max())
    if largest > LARGEST_PPM:
        raise InputError(
            f"the tensor reaches {largest:.3g} ppm, more than any susceptibility in a head",
            file=entry.tensor,
            mend="give it in ppm (1 ppm is 1000 ppb)",
        )
    # The directions of a scan are drawn in the axes of the array, so that an oblique grid needs no rotation.
    to_ras = frames.canonical_orientation(tensor.affine)
    chi = frames.rotate_tensors(frames.reorder_volume(tensor.chi, to_ras), frames.reordering_matrix(to_ras))
    inside = frames.reorder_volume(mask, to_ras)
    chi = np.where(inside[..., None], chi, np.float32(0))
    return OwnTensor(
        np.ascontiguousarray(np.moveaxis(chi, -1, 0)), np.ascontiguousarray(inside), entry.voxel_size, entry.name
    )


def voxel_size_range(entries: Sequence[Entry]) -> tuple[float, float]:
    """Smallest and largest edge of a voxel in mm."""
    edges = [edge for entry in entries for edge in entry.voxel_size]
    return min(edges), max(edges)


# ---- the list ---------------------------------------------------------------------------------------------------


def _list_in(path: Path) -> Path:
    if path.is_file():
        return path
    if not path.is_dir():
        raise InputError("there is no such folder of a dataset", file=path, mend="check the path")
    there = [path / name for name in LISTS if (path / name).is_file()]
    if len(there) > 1:
        raise InputError(
            f"the folder has two lists, {there[0].name} and {there[1].name}", file=path, mend="keep one of them"
        )
    if not there:
        raise InputError("the folder has no list of its tensors", file=path, mend="write dataset.yaml or dataset.csv")
    return there[0]


def _rows(listed: Path) -> tuple[list[Mapping[str, Any]], dict[str, Any]]:
    """Return the entries as stated, and what is stated for all of them."""
    if listed.suffix.lower() == ".csv":
        return list(_csv_rows(listed)), {}
    content = parse_text(listed)
    if not isinstance(content, dict) or not isinstance(content.get("tensors"), list):
        raise InputError(
            "the list has no 'tensors'", file=listed, mend="write tensors: and below it - tensor: FILE with mask: FILE"
        )
    _check_keys(content, _KEYS, listed, "the list")
    for number, row in enumerate(content["tensors"], start=1):
        if not isinstance(row, dict):
            raise InputError(f"entry {number} is no set of keys", file=listed, mend="write tensor: FILE and mask: FILE")
    return content["tensors"], {name: content[name] for name in ("frame", "order") if content.get(name) is not None}


def _csv_rows(listed: Path) -> list[dict[str, Any]]:
    try:
        text = listed.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise InputError("this is not a text file", file=listed, mend="write it as CSV in UTF-8") from None
    delimiter = ";" if ";" in text.partition("\n")[0] else ","
    reader = csv.DictReader(text.splitlines(), delimiter=delimiter, skipinitialspace=True)
    found = []
    for row in reader:
        if None in row or None in row.values():
            raise InputError(
                f"line {reader.line_num} has another number of columns than the first", file=listed, mend="correct it"
            )
        found.append({str(k).strip(): v.strip() for k, v in row.items() if v.strip()})
    return found


def _entry(row: Mapping[str, Any], common: Mapping[str, Any], listed: Path, number: int) -> Entry:
    _check_keys(row, _ENTRY_KEYS, listed, f"entry {number}")
    tensor, mask = (_file(row.get(key), key, listed, number) for key in ("tensor", "mask"))
    header = read_header(tensor, what="tensor")
    volumes = fit_dims(header, 4, "tensor")[3]
    if volumes != 6:
        raise InputError(
            f"the file has {volumes} volumes and a tensor has 6", file=tensor, mend="give xx, xy, xz, yy, yz, zz"
        )
    mask_header = read_header(mask, what="mask")
    fit_dims(mask_header, 3, "mask")
    check_grid(mask_header, header, "mask")
    use = str(row.get("use", "train")).strip().lower()
    if use not in USES:
        raise InputError(
            f"the use {shown(use)} of entry {number} is not known", file=listed, mend="train or validation"
        )
    size = frames.voxel_size(frames.reorder_affine(header.affine, _to_ras(header), header.shape))
    return Entry(
        tensor=tensor,
        mask=mask,
        name=str(row.get("name") or tensor.parent.name + "/" + tensor.name.removesuffix(".gz").removesuffix(".nii")),
        use=use,
        frame=_frame(row.get("frame", common.get("frame")), tensor, listed, number),
        order=_order(row.get("order", common.get("order")), listed, number),
        shape=cast(tuple[int, int, int], tuple(header.shape[:3])),
        voxel_size=size,
    )


def _to_ras(header: Header) -> NDArray[np.float64]:
    return frames.canonical_orientation(header.affine)


def _check_keys(given: Mapping[Any, Any], known: Sequence[str], listed: Path, where: str) -> None:
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(str(key)[:60], known, n=1, cutoff=0.4)
            mend = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            raise InputError(f"{where} has the unknown key {shown(key)}", file=listed, mend=mend)


def _file(given: Any, key: str, listed: Path, number: int) -> Path:
    if not isinstance(given, str) or not given.strip() or "\0" in given:
        raise InputError(f"entry {number} names no {key}", file=listed, mend=f"add {key}: FILE")
    path = listed.parent / Path(given.strip()).expanduser()
    if not path.is_file():
        raise InputError(f"the {key} of entry {number} is not there ({given})", file=listed, mend="check the path")
    return path


def _frame(stated: Any, tensor: Path, listed: Path, number: int) -> Frame:
    told = sidecar_frame(tensor)
    if stated is None and told is None:
        raise InputError(
            f"the frame of the components of entry {number} ({tensor.name}) is stated nowhere",
            file=listed,
            mend="add frame: voxel, ras, lps or fsl",
        )
    if stated is None:
        return cast(Frame, told)
    frame = frames.parse_frame(str(stated))
    if told is not None and told != frame:
        raise InputError(
            f"the list says that {tensor.name} is in the frame {frame}, and its sidecar that it is in {told}",
            file=listed,
            mend="correct the one that is wrong",
        )
    return frame


def _order(stated: Any, listed: Path, number: int) -> tuple[str, ...] | None:
    if stated is None:
        return None
    names = stated.replace(",", " ").split() if isinstance(stated, str) else stated
    if not isinstance(names, list) or sorted(map(str, names)) != sorted(COMPONENTS):
        raise InputError(
            f"the order {shown(stated)} of entry {number} is not the six components",
            file=listed,
            mend=f"write {' '.join(COMPONENTS)} in the order in which they are stored",
        )
    return tuple(map(str, names))
