"""Why a file cannot be read as NIfTI: told from its first bytes, with how to mend it."""

import gzip
import zlib
from pathlib import Path

from napari_sti.core.errors import InputError

_GZIP, _PNG, _DICOM = b"\x1f\x8b", b"\x89PNG", b"DICM"
_HEADERS = (348, 540)
"""Sizes of the headers of NIfTI-1 and NIfTI-2, which such a file begins with."""
_GIVE = "give a NIfTI image (.nii or .nii.gz)"


def check_readable(path: Path, what: str) -> bytes:
    """Return the first bytes of a file, or refuse one that holds none or may not be read.

    Raises
    ------
    InputError
        That names the file; `what` it is meant to be.
    """
    try:
        with open(path, "rb") as stream:
            first = stream.read(540)
    except PermissionError:
        raise InputError(
            f"you may not read the file of the {what}", file=path, mend="change its permissions (chmod u+r)"
        ) from None
    except OSError as error:
        raise InputError(f"the file cannot be read ({error.strerror})", file=path, mend="check the path") from None
    if not first:
        raise InputError(f"the file of the {what} is empty", file=path, mend="copy it again")
    return first


def fault(path: Path, first: bytes, what: str) -> InputError:
    """Say why a file that nobody could read as an image is none.

    Parameters
    ----------
    path : Path
        The file.
    first : bytes
        What it begins with.
    what : str
        What it is meant to be ("field").
    """
    if first.startswith(_GZIP):
        inside, whole = _unpacked(path)
        if _begins_like_nifti(inside) or (not whole and len(inside) < _HEADERS[0]):
            return _damaged(path, what, header=whole)
        return InputError(f"what is compressed in this file is {_kind(inside)}", file=path, mend=_GIVE)
    if path.name.lower().endswith(".gz"):
        if _begins_like_nifti(first):
            said = "the name ends in .gz, but the file is not compressed"
            return InputError(said, file=path, mend="rename it to end in .nii, or compress it with gzip")
        return InputError(f"the name ends in .gz, but this is {_kind(first)}", file=path, mend=_GIVE)
    if _begins_like_nifti(first):
        return _damaged(path, what, header=len(first) >= _HEADERS[0])
    mend = "convert it with dcm2niix" if first[128:132] == _DICOM else _GIVE
    return InputError(f"this is {_kind(first)}", file=path, mend=mend)


def _damaged(path: Path, what: str, *, header: bool) -> InputError:
    if header:
        return InputError(f"the header of the {what} is damaged", file=path, mend="copy the file again")
    return InputError(f"the {what} is cut short or damaged", file=path, mend="copy it again")


def _begins_like_nifti(first: bytes) -> bool:
    size = first[:4]
    return any(size == n.to_bytes(4, order) for n in _HEADERS for order in ("little", "big"))


def _unpacked(path: Path) -> tuple[bytes, bool]:
    """The first bytes of what is compressed, and whether it could be unpacked to its end."""
    inside = b""
    try:
        with gzip.open(path) as stream:
            inside = stream.read(_HEADERS[1])
            while stream.read(1 << 20):
                pass
    except (EOFError, OSError, zlib.error):
        return inside, False
    return inside, True


def _kind(first: bytes) -> str:
    """What a file is instead of an image, as far as its first bytes tell."""
    if first[128:132] == _DICOM:
        return "a DICOM file, not a NIfTI image"
    if first.startswith(_PNG):
        return "a PNG picture, not a NIfTI image"
    try:
        text = first.decode("utf-8")
    except UnicodeDecodeError as error:
        text = first[: error.start].decode("utf-8") if error.start > len(first) - 4 else "\0"  # a letter cut in two
    plain = bool(text) and all(sign.isprintable() or sign.isspace() for sign in text)
    return "a text file, not a NIfTI image" if plain else "no NIfTI image"
