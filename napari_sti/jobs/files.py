"""Small text files that appear whole or not at all."""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_sti.core.errors import InputError
from napari_sti.io import atomic

_PATIENCE = (0.01, 0.05, 0.2)
"""Pauses in s before a rename is tried again: on Windows a virus scanner or reader may hold the file for a moment."""


def replace_file(source: Path, target: Path) -> None:
    """Give a finished file its final name, in one step, replacing what was there."""
    for pause in _PATIENCE:
        try:
            os.replace(source, target)
            return
        except PermissionError:
            time.sleep(pause)
    os.replace(source, target)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file beside its final name and rename it, so that nobody ever reads half of it."""
    text = json.dumps(content, indent=2, allow_nan=False) + "\n"
    atomic.write_text(path, text, overwrite=True)


def read_json(path: Path, what: str) -> dict[str, Any]:
    """Read a JSON file that holds one object.

    Raises
    ------
    InputError
        If there is no such file, it is not JSON, or not an object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise InputError(f"there is no such {what}", file=path, mend="check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the {what} cannot be read ({error})", file=path, mend="check the path") from None
    except json.JSONDecodeError as error:
        raise InputError(
            f"the {what} is not valid JSON ({error.msg} in line {error.lineno})", file=path, mend="mend that line"
        ) from None
    except (ValueError, RecursionError):
        raise InputError(
            f"the {what} holds a number of thousands of digits, or too many brackets inside each other",
            file=path,
            mend="write plain values",
        ) from None
    if not isinstance(content, dict):
        raise InputError(f"the {what} holds no object", file=path, mend='write {"kind": "recon", ...}')
    return content


def make_folder(folder: Path) -> None:
    """Make a folder with its parents; it may exist already.

    Raises
    ------
    InputError
        If it cannot be made or not be written into.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"the folder cannot be made ({reason})", file=folder, mend="choose another output folder"
        ) from None
    try:
        atomic.try_writing(folder)
    except OSError:
        raise InputError("the folder is not writable", file=folder, mend="choose another output folder") from None
