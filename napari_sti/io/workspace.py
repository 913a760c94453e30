"""A workspace as one JSON file: which runs, study and files were open and how they were looked at; never their data."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_sti.core.errors import InputError
from napari_sti.io.atomic import write_text
from napari_sti.io.sidecars import plain

SUFFIX = ".sti-workspace.json"
FORMAT, VERSION = "napari-sti workspace", 1

_KINDS: dict[str, type | tuple[type, ...]] = {
    "study": (str, type(None)),
    "runs": list,
    "separations": list,
    "priors": list,
    "layers": list,
    "tracts": list,
    "files": list,
    "order": list,
    "active": str,
    "view": dict,
    "slab": (int, float),
    "dims": dict,
    "camera": dict,
    "window": dict,
    "theme": str,
    "figure": dict,
}
"""What stands in it, and of which kind; anything may be missing."""

_ENTRIES = {
    "runs": ("name", "folder"),
    "separations": ("name", "folder"),
    "priors": ("name", "folder"),
    "layers": ("name",),
    "tracts": ("file",),
    "files": ("path",),
}
"""Texts without which an entry of a list means nothing."""


def is_workspace(path: str | Path) -> bool:
    """Whether a file is called like a workspace."""
    return Path(path).name.lower().endswith(SUFFIX)


def with_suffix(path: str | Path) -> Path:
    """Return the path with the ending of workspaces, put in the place of a bare .json where there is one."""
    path = Path(path)
    if is_workspace(path):
        return path
    return path.with_name(path.name.removesuffix(".json") + SUFFIX)


def write_workspace(content: Mapping[str, Any], path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a workspace.

    Paths inside its folder are written relative to it, so that a folder with data and workspace can be moved.

    Raises
    ------
    InputError
        If the file exists (unless `overwrite`) or cannot be written.
    """
    path = Path(path)
    relative = _each_path(plain(content), lambda one: _relative(one, path.absolute().parent))
    whole = {"format": FORMAT, "version": VERSION, **relative}
    write_text(path, json.dumps(whole, indent=2, ensure_ascii=False) + "\n", overwrite=overwrite)
    return path


def read_workspace(path: str | Path) -> dict[str, Any]:
    """Read a workspace; its paths become absolute.

    Raises
    ------
    InputError
        If it is missing, no workspace, of a newer version, or holds values of another kind.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"the file cannot be read ({error.strerror})", file=path, mend="check the path") from error
    except (ValueError, RecursionError):
        raise InputError("this is broken JSON", file=path, mend="save the workspace again") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError("this is no workspace of napari-sti", file=path, mend="choose another file")
    version = content.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise InputError(
            "this workspace is of a version that this program does not know", file=path, mend="update napari-sti"
        )
    wrong = _wrong(content)
    if wrong:
        raise InputError(f"the value of {wrong!r} is not right", file=path, mend="save the workspace again")
    folder = path.absolute().parent
    known = {key: value for key, value in content.items() if key in _KINDS}
    found: dict[str, Any] = _each_path(known, lambda one: str(folder / one))
    return found


def _wrong(content: Mapping[str, Any]) -> str:
    """Return the first key whose value is of a kind that this program never writes; empty if there is none."""
    for key, kind in _KINDS.items():
        if key in content and (not isinstance(content[key], kind) or isinstance(content[key], bool)):
            return key
    for key, needed in _ENTRIES.items():
        for entry in content.get(key, ()):
            if not isinstance(entry, dict) or any(not isinstance(entry.get(name), str) for name in needed):
                return key
    return ""


_PATHS = ("study", "folder", "file", "path", "source", "tracts", "fa")


def _each_path(value: Any, change: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _each_path(item, change, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_each_path(item, change) for item in value]
    return change(value) if isinstance(value, str) and value and key in _PATHS else value


def _relative(path: str, folder: Path) -> str:
    full = Path(path).absolute()
    return str(full.relative_to(folder)) if full.is_relative_to(folder) else str(full)


def numbers(value: Any, count: int) -> tuple[float, ...] | None:
    """Return so many finite numbers from a list of a file, or None if it holds anything else."""
    if not isinstance(value, list) or len(value) != count:
        return None
    good = all(isinstance(x, int | float) and not isinstance(x, bool) and math.isfinite(x) for x in value)
    return tuple(float(x) for x in value) if good else None
