"""Write files so that a killed job leaves either the whole file or none."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_sti.core.errors import InputError


@contextmanager
def replacing(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield a temporary path beside `path`, which takes its place when the block ends without an error.

    Raises
    ------
    InputError
        If the file exists and must not be overwritten, or if its folder cannot be written.
    """
    if path.exists() and not overwrite:
        raise InputError("this file exists already", file=path, mend="choose another name or allow overwriting")
    if path.is_dir():
        raise InputError("this is a folder, not a file", file=path, mend="give the name of a file")
    # The suffix stays last: writers choose the compression by it.
    temporary = path.with_name(f".{os.getpid()}.tmp.{path.name}")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(
            f"the file cannot be written ({error.strerror or error})",
            file=path,
            mend="choose a folder that exists, may be written and has space",
        ) from error
    finally:
        if path.parent.is_dir():
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str, *, overwrite: bool) -> None:
    """Write a UTF-8 text file in one piece."""
    with replacing(path, overwrite=overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8")


def check_folder(folder: str | Path, *, overwrite: bool = False) -> None:
    """Refuse an output folder that could not be used, without making it.

    Raises
    ------
    InputError
        If it exists and is not empty (unless `overwrite`), is a file, or cannot be made or written.
    """
    folder = Path(folder)
    existing = next((p for p in (folder, *folder.absolute().parents) if os.path.lexists(p)), folder)
    if not existing.is_dir():
        raise InputError(f"{existing.name} is a file, not a folder", file=folder, mend="choose another output folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise _unwritable(folder, "Permission denied")
    try:
        if existing == folder and not overwrite and any(folder.iterdir()):
            raise InputError(
                "the output folder exists already and is not empty",
                file=folder,
                mend="choose another folder or allow overwriting (--overwrite)",
            )
    except OSError as error:
        raise _unwritable(folder, error.strerror or str(error)) from error


def prepare_folder(folder: Path, *, overwrite: bool) -> None:
    """Make a folder for output, or refuse it as `check_folder` does."""
    check_folder(folder, overwrite=overwrite)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error.strerror or str(error)) from error


def _unwritable(folder: Path, why: str) -> InputError:
    return InputError(
        f"the output folder cannot be written ({why})", file=folder, mend="choose a folder in which you may write"
    )
