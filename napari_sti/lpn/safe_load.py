"""Read a checkpoint that somebody else made, without letting it run anything.

A PyTorch checkpoint is a pickle, and a pickle is a program. Here it is read by PyTorch's restricted reader
(``weights_only``), which knows tensors and plain containers and calls nothing else. Published checkpoints also hold
numpy scalars (a best score, the mean of the training data). For these the names that stand in the file are answered by
the functions below, which accept numbers alone, and not by those of numpy.
"""

import codecs
import re
import zipfile
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch

from napari_sti.core.errors import InputError

_NUMBERS = "biuf"  # kinds of numpy dtypes that are plain numbers


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a PyTorch checkpoint (.pkl, .pt, .pth, .ckpt) as data only, with its tensors on the CPU.

    Parameters
    ----------
    path : path
        What ``torch.save`` wrote: a dictionary of tensors, numbers, text and containers of them.

    Returns
    -------
    dict
        As saved; numpy scalars stay numpy scalars.

    Raises
    ------
    InputError
        If the file is missing, cut short or no checkpoint, holds anything but data, or is not a dictionary.
    """
    path = Path(path)
    _check_file(path)
    try:
        with torch.serialization.safe_globals(_allowed()):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, _NotNumbers) as error:
        raise _refusal(path, str(error)) from error
    except MemoryError as error:
        raise InputError("the checkpoint does not fit into memory", file=path) from error
    except Exception as error:  # a damaged pickle can raise anything
        raise _unreadable(path) from error
    if not isinstance(content, dict):
        raise InputError(
            f"the checkpoint holds a {type(content).__name__} where a dictionary of weights is expected",
            file=path,
            mend="give the file that the training wrote",
        )
    return content


def strip_prefix(state: dict[str, Any], prefix: str = "module.") -> dict[str, Any]:
    """Take a prefix off the names of parameters, as ``DataParallel`` puts it before all of them.

    A state in which any name lacks the prefix is returned as it is.
    """
    if state and all(name.startswith(prefix) for name in state):
        return {name.removeprefix(prefix): value for name, value in state.items()}
    return dict(state)


def _check_file(path: Path) -> None:
    try:
        is_file, empty = path.is_file(), path.is_file() and path.stat().st_size == 0
    except (OSError, ValueError):
        is_file, empty = False, False
    if not is_file:
        raise InputError("the weights are not a file that exists", file=path, mend="check the path")
    if empty:
        raise InputError("the file of the weights is empty", file=path, mend="copy it again")


class _NotNumbers(Exception):
    """Raised by the functions below where a file asks for more than numbers."""


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """Stand for ``_codecs.encode``, by which pickles of protocol 2 hold bytes."""
    if not isinstance(text, str) or codecs.lookup("latin1") != codecs.lookup(_plain(encoding)):
        raise _NotNumbers(f"_codecs.encode with {encoding!r}")
    return text.encode("latin1")


def _plain(encoding: object) -> str:
    # A look-up imports a module of that name, so no other name is ever looked up.
    return "latin1" if encoding in ("latin1", "latin-1") else "utf-8"


def _scalar(dtype: Any, data: Any) -> Any:
    """Stand for numpy's ``scalar``: one number from its bytes."""
    if not isinstance(dtype, np.dtype) or dtype.kind not in _NUMBERS or not isinstance(data, bytes):
        raise _NotNumbers("numpy scalar that is not a number")
    if len(data) != dtype.itemsize:
        raise _NotNumbers("numpy scalar of the wrong length")
    return np.frombuffer(data, dtype)[0]


def _dtype(name: Any, align: bool = False, copy: bool = True) -> np.dtype[Any]:
    """Stand for ``numpy.dtype``: dtypes of plain numbers."""
    if not isinstance(name, str) or len(name) > 4:
        raise _NotNumbers("numpy dtype that is not of numbers")
    found = np.dtype(name)
    if found.kind not in _NUMBERS:
        raise _NotNumbers(f"numpy dtype {name}")
    return found


def _allowed() -> list[Any]:
    """What a file may name, and what stands for it here."""
    classes = {type(np.dtype(code)) for code in "?bhilqBHILQefd"}
    scalars = [(_scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")]
    return [*scalars, (_dtype, "numpy.dtype"), (_encode, "_codecs.encode"), *classes]


def _refusal(path: Path, said: str) -> InputError:
    """Say that a file holds more than data, with the name that it asked for if PyTorch told it."""
    asked = re.search(r"(?:GLOBAL|function|class type|set state for|_codecs|numpy) ?([\w.]*)", said)
    if asked is None:
        return _unreadable(path)
    return InputError(
        f"the checkpoint holds more than weights ({asked[1] or 'objects of numpy'}), and reading that could run code",
        file=path,
        mend="save the weights alone (torch.save(model.state_dict(), ...)) or as safetensors",
    )


def _unreadable(path: Path) -> InputError:
    try:
        with path.open("rb") as stream:
            cut = stream.read(2) == b"PK" and not zipfile.is_zipfile(path)
    except OSError:
        cut = False
    return InputError(
        "the checkpoint is cut short" if cut else "this is not a readable PyTorch checkpoint",
        file=path,
        mend="copy it again" if cut else "give .pkl, .pt, .pth, .ckpt or .safetensors",
    )
