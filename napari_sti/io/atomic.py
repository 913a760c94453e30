"""Write files so that a killed job leaves either the whole file or none."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from napari_sti.core.errors import InputError


@contextmanager
def replacing(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield a temporary path beside `path`, which takes its place when the block ends without an error.

    Raises
    ------
    InputError
        If the file exists and must not be overwritten, or if its folder cannot be written.
    """
    if os.path.exists(path) and not overwrite:
        raise InputError("this file exists already", file=path, mend="choose another name or allow overwriting")
    if os.path.isdir(path):
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
        if os.path.lexists(temporary):
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str, *, overwrite: bool) -> None:
    """Write a UTF-8 text file in one piece."""
    with replacing(path, overwrite=overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8")


def check_folder(folder: str | Path, *, overwrite: bool = False) -> None:
    """Refuse an output folder that could not be used; it is tried out, and nothing of that is left.

    Raises
    ------
    InputError
        If it exists and is not empty (unless `overwrite`), is a file, or cannot be made or written.
    """
    folder = Path(folder)
    existing = next((p for p in (folder, *folder.absolute().parents) if os.path.lexists(p)), folder)
    if not existing.is_dir():
        raise InputError(f"{existing.name} is a file, not a folder", file=folder, mend="choose another output folder")
    try:
        full = existing == folder and not overwrite and any(folder.iterdir())
        if not full:
            try_writing(folder)
    except (OSError, ValueError) as error:
        raise _unwritable(folder, getattr(error, "strerror", None) or str(error)) from error
    if full:
        raise InputError(
            "the output folder exists already and is not empty",
            file=folder,
            mend="choose another folder or allow overwriting (--overwrite)",
        )


def try_writing(folder: Path) -> None:
    """Make a folder and a file in it, and remove both again; permissions alone do not tell what the root user may do.

    Raises
    ------
    OSError
        If it does not work.
    """
    folder = folder.absolute()
    made: list[Path] = []
    probe = folder / f".{os.getpid()}.tmp.probe"
    try:
        for part in reversed((folder, *folder.parents)):
            if not os.path.isdir(part):
                part.mkdir()
                made.append(part)
        probe.write_bytes(b"\n")
    finally:
        with suppress(OSError):
            probe.unlink()
        for part in reversed(made):
            with suppress(OSError):  # somebody else has put something there in the meantime
                part.rmdir()


def prepare_folder(folder: Path, *, overwrite: bool) -> None:
    """Make a folder for output, or refuse it as `check_folder` does."""
    check_folder(folder, overwrite=overwrite)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error.strerror or str(error)) from error
    if overwrite:
        remove_stale(folder)


def remove_stale(folder: Path) -> None:
    """Remove the temporary files of runs that were killed: those whose process is no more."""
    for path in folder.glob(".*.tmp.*"):
        number = path.name.split(".")[1]
        # At most as many digits as any process number has.
        if number.isascii() and number.isdigit() and len(number) < 10 and not psutil.pid_exists(int(number)):
            with suppress(OSError):
                path.unlink()


def _unwritable(folder: Path, why: str) -> InputError:
    return InputError(
        f"the output folder cannot be written ({why})", file=folder, mend="choose a folder in which you may write"
    )
