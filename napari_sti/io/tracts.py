"""Streamlines as files: TrackVis .trk, MRtrix .tck and the open .trx, all in RAS mm, and a sidecar that says how.

The three formats hold the same points. A .trk and a .trx also hold the grid; a .tck does not. How the streamlines were
made stands in ``FILE.json`` beside them.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.core.provenance import file_hash, now, versions
from napari_sti.core.tracts import Tracts
from napari_sti.io.atomic import replacing, write_text
from napari_sti.io.sidecars import plain

SUFFIXES = (".trk", ".tck", ".trx")
FORMAT, VERSION = "napari-sti tracts", 1

MOST_POINTS = 200_000_000
"""More than any set of a brain has; a file that announces more is taken for broken."""


def is_tracts(path: str | Path) -> bool:
    """Whether a file is called like one of streamlines."""
    return Path(path).suffix.lower() in SUFFIXES


def save_tracts(tracts: Tracts, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write streamlines and their sidecar; the suffix says as what.

    Parameters
    ----------
    tracts : Tracts
        A .trk or .trx needs the grid that they were tracked on.
    path : path
        Ends in .trk, .tck or .trx.
    overwrite : bool
        Whether both files may be replaced.

    Raises
    ------
    InputError
        If the suffix is none of these, the format needs a grid that is not known, a file exists, or it cannot be
        written.
    """
    path = Path(path)
    suffix = _suffix(path)
    if suffix != ".tck" and (tracts.affine is None or tracts.shape is None):
        raise InputError(f"a {suffix} file states a grid, and these streamlines have none", mend="write a .tck")
    sidecar = sidecar_of(path)
    if sidecar.exists() and not overwrite:
        raise InputError("this file exists already", file=sidecar, mend="choose another name or allow overwriting")
    with replacing(path, overwrite=overwrite) as temporary:
        _WRITERS[suffix](tracts, temporary)
    content = {
        "format": FORMAT,
        "version": VERSION,
        "name": tracts.name,
        "file": path.name,
        "sha256": file_hash(path),
        "count": len(tracts),
        "points": len(tracts.points),
        "space": "RAS mm",
        "written": now(),
        "versions": versions(),
        "provenance": plain(tracts.provenance),
    }
    write_text(sidecar, json.dumps(content, indent=2, ensure_ascii=False) + "\n", overwrite=overwrite)
    return path


def check_target(path: str | Path, *, overwrite: bool = False) -> None:
    """Refuse a file that `save_tracts` would refuse, before anything is tracked.

    Raises
    ------
    InputError
        For its suffix, because it or its sidecar exists, or because its folder does not.
    """
    path = Path(path)
    _suffix(path)
    for one in (path, sidecar_of(path)):
        if one.exists() and not overwrite:
            raise InputError("this file exists already", file=one, mend="choose another name or allow --overwrite")
    if not path.absolute().parent.is_dir():
        raise InputError("its folder does not exist", file=path, mend="make it first")


def sidecar_of(path: Path) -> Path:
    """Where it stands how a file of streamlines was made."""
    return path.with_name(f"{path.name}.json")


def load_tracts(path: str | Path) -> Tracts:
    """Read streamlines of any program; points in RAS mm, grid and provenance where the files state them.

    Raises
    ------
    InputError
        If the file is missing, of another kind or broken, or its points are not finite.
    """
    path = Path(path)
    suffix = _suffix(path)
    if not path.is_file():
        raise InputError("there is no such file", file=path, mend="check the path")
    try:
        found = _READERS[suffix](path)
    except InputError:
        raise
    except Exception as error:  # three libraries, each with errors of its own for files that are cut off
        raise InputError(
            f"the streamlines cannot be read ({type(error).__name__})", file=path, mend="write the file again"
        ) from error
    points, offsets, affine, shape = found
    if not np.isfinite(points).all():
        raise InputError("some points of the streamlines are not finite", file=path, mend="write the file again")
    told = _told(path)
    name = str(told.get("name") or path.stem)
    return Tracts(points, offsets, affine, shape, name, {**told.get("provenance", {}), "file": str(path.absolute())})


def _told(path: Path) -> dict[str, Any]:
    """What the sidecar states; nothing where there is none, or where it is about another file."""
    try:
        content = json.loads(sidecar_of(path).read_text(encoding="utf-8"))
        good = content["format"] == FORMAT and content["sha256"] == file_hash(path)
        return content if good and isinstance(content.get("provenance"), dict) else {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(
            f"streamlines are not kept as {suffix or 'a file without a suffix'}",
            file=path,
            mend="use .trk, .tck or .trx",
        )
    return suffix


# ---- the three formats ----

_Found = tuple[Any, Any, Any, Any]


def _sequence(tracts: Tracts) -> Any:
    from nibabel.streamlines import ArraySequence

    lines = ArraySequence()
    lines._data = tracts.points
    lines._offsets, lines._lengths = tracts.offsets[:-1], np.diff(tracts.offsets)
    return lines


def _tractogram(tracts: Tracts) -> Any:
    from nibabel.streamlines import Tractogram

    return Tractogram(_sequence(tracts), affine_to_rasmm=np.eye(4))


def _write_tck(tracts: Tracts, path: Path) -> None:
    from nibabel.streamlines import TckFile

    TckFile(_tractogram(tracts)).save(str(path))


def _write_trk(tracts: Tracts, path: Path) -> None:
    from nibabel.streamlines import TrkFile

    header = TrkFile.create_empty_header()
    header["voxel_to_rasmm"] = tracts.affine
    header["voxel_sizes"] = frames.voxel_size(np.asarray(tracts.affine))
    header["dimensions"] = tracts.shape
    header["voxel_order"] = frames.axis_codes(np.asarray(tracts.affine))
    TrkFile(_tractogram(tracts), header).save(str(path))


def _write_trx(tracts: Tracts, path: Path) -> None:
    from nibabel import Nifti1Image
    from trx import trx_file_memmap as trx

    if not len(tracts):
        raise InputError("there are no streamlines to write", file=path, mend="write a .tck or a .trk, or track others")
    grid = Nifti1Image(np.broadcast_to(np.uint8(0), tuple(tracts.shape or ())), tracts.affine)
    types = {"positions": np.float32, "offsets": np.uint64, "dpv": {}, "dps": {}, "dpg": {}, "groups": {}}
    whole = trx.TrxFile.from_tractogram(_tractogram(tracts), grid, types)
    try:
        trx.save(whole, str(path))
    finally:
        whole.close()


def _read_nibabel(path: Path) -> _Found:
    import nibabel

    read = nibabel.streamlines.load(str(path))
    lines, header = read.tractogram.streamlines, read.header
    affine = shape = None
    if path.suffix.lower() == ".trk":
        affine = np.asarray(header["voxel_to_rasmm"], np.float64)
        shape = tuple(int(n) for n in header["dimensions"])
    return (*_parts(lines, path), affine, shape)


def _read_trx(path: Path) -> _Found:
    from trx import trx_file_memmap as trx

    whole = trx.load(str(path))
    try:
        points, offsets = _parts(whole.streamlines, path)
        affine = np.array(whole.header["VOXEL_TO_RASMM"], np.float64)
        return points, offsets, affine, tuple(int(n) for n in whole.header["DIMENSIONS"])
    finally:
        whole.close()


def _parts(lines: Any, path: Path) -> tuple[Any, Any]:
    """Points and offsets of what a library has read, copied, without lines of no point."""
    if lines.total_nb_rows > MOST_POINTS:
        raise InputError("the file announces more points than a brain has", file=path, mend="write it again")
    lengths = np.asarray(lines._lengths, np.int64)
    points = np.array(lines.get_data(), np.float32).reshape(-1, 3)
    return points, np.concatenate([[0], np.cumsum(lengths[lengths > 0])]).astype(np.int64)


_WRITERS: dict[str, Callable[[Tracts, Path], None]] = {".trk": _write_trk, ".tck": _write_tck, ".trx": _write_trx}
_READERS: dict[str, Callable[[Path], _Found]] = {".trk": _read_nibabel, ".tck": _read_nibabel, ".trx": _read_trx}
