"""What stands beside the files of a result: their format, frame, units and hashes, and how they were made."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.core.frames import Frame, parse_frame
from napari_sti.core.provenance import file_hash

SIDECAR = "result.json"
FORMAT, VERSION = "napari-sti result", 1

UNITS = {"chi": "ppm", "mms": "ppm", "msa": "ppm", "pev": "unit vector", "mask": "1 inside"}


def plain(value: Any) -> Any:
    """Reduce a value to what JSON can hold; NaN and infinity become null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.generic | np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | bool | int) else str(value)


def sidecar_frame(path: str | Path) -> Frame | None:
    """Return the frame that a tensor's sidecar states, or None if it has none."""
    frame = sidecar_of(Path(path)).get("frame")
    return None if frame is None else parse_frame(str(frame))


def sidecar_provenance(path: str | Path) -> dict[str, Any]:
    """Return how a file was made, as its sidecar states it; empty if it has none."""
    return dict(sidecar_of(Path(path)).get("provenance") or {})


def own_sidecar(path: Path) -> Path:
    """Where the sidecar of a single file stands."""
    return path.with_name(path.name.removesuffix(".gz").removesuffix(".nii") + ".json")


def sidecar_of(path: Path) -> dict[str, Any]:
    """Return what the sidecar of a tensor states: its own .json, or the result.json that lists the file."""
    for sidecar in (own_sidecar(path), path.with_name(SIDECAR)):
        if not sidecar.is_file():
            continue
        content = read_sidecar(sidecar, strict=False)
        listed = [entry.get("file") for entry in content.get("files", {}).values() if isinstance(entry, dict)]
        if content.get("format") == FORMAT and path.name in listed:
            return content
    return {}


def read_sidecar(path: Path, *, strict: bool = True) -> dict[str, Any]:
    """Read a sidecar.

    Raises
    ------
    InputError
        If it cannot be read or states what this program never writes; without `strict`, what is no sidecar is empty.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict) or not isinstance(content.get("files", {}), dict):
            raise ValueError
    except (OSError, ValueError, RecursionError):
        if not strict:
            return {}
        raise InputError("this is broken JSON", file=path, mend="run the reconstruction again") from None
    wrong = _wrong_entry(content) if content.get("format") == FORMAT else None
    if wrong is not None:
        raise InputError(f"the value of {wrong!r} is not right", file=path, mend="run the reconstruction again")
    if content.get("format") == FORMAT and content.get("version", 0) > VERSION:
        raise InputError(
            f"this result is of format version {content['version']:.6g}, newer than this program knows",
            file=path,
            mend="update napari-sti",
        )
    if strict and content.get("format") != FORMAT:
        raise InputError("this is not the sidecar of a result", file=path, mend="choose a folder that recon wrote")
    return content


def _wrong_entry(content: Mapping[str, Any]) -> str | None:
    """Return the first key of a sidecar whose value is of a kind that this program never writes."""
    version, frame = content.get("version", 0), content.get("frame")
    provenance, files = content.get("provenance") or {}, content.get("files", {})
    if not isinstance(version, int) or version > 1 << 53:
        return "version"
    if frame is not None and str(frame).strip().lower() not in frames.FRAMES:
        return "frame"
    if not isinstance(provenance, dict):
        return "provenance"
    if not isinstance(provenance.get("remarks", []), list):
        return "remarks"
    for entry in files.values():
        name = entry.get("file", "") if isinstance(entry, dict) else None
        if not isinstance(name, str) or len(name) > 255 or "\0" in name:
            return "files"
    return None


def changed(path: Path, sidecar: Mapping[str, Any]) -> bool:
    """Whether a file is another one than its sidecar was written for."""
    hashes = {e.get("file"): e.get("sha256") for e in sidecar.get("files", {}).values() if isinstance(e, dict)}
    return hashes.get(path.name) not in (None, file_hash(path))
