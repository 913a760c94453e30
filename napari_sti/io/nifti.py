"""Read and write NIfTI-1 and NIfTI-2 volumes: any storage order, scaled integers, oblique affines.

What a file must state: real numbers and a grid with orthogonal axes. Where sform and qform are both set they must
agree, since nobody can know which one is meant. Where neither is set the axes are taken as nibabel takes them (i
to the left, j to the front, k to the top, the origin in the middle), `Header.oriented` is False and a warning goes
along, because left and right are then not certain.
"""

import gzip
import os
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import nibabel
import numpy as np
from nibabel import imageglobals
from nibabel.filebasedimages import ImageFileError
from nibabel.openers import ImageOpener
from nibabel.spatialimages import HeaderDataError
from numpy.typing import ArrayLike, NDArray

from napari_sti.core import frames
from napari_sti.core.errors import InputError, shape_text
from napari_sti.io import atomic
from napari_sti.io.grid import corner_distance, same_affine
from napari_sti.io.nifti_faults import check_readable, fault

SYMMATRIX = 1005
"""NIfTI's intent code of symmetric matrices, stored as the rows of the lower triangle."""

_MM = {"unknown": 1.0, "mm": 1.0, "meter": 1e3, "micron": 1e-3}
_MOST_COMPRESSED = 1100  # deflate never makes a file smaller than 1/1032

_reading = threading.local()
imageglobals.logger.addFilter(lambda record: not getattr(_reading, "quiet", False))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep nibabel from printing about headers that are refused here with a sentence (in this thread alone)."""
    _reading.quiet = True
    try:
        yield
    finally:
        _reading.quiet = False


@dataclass(frozen=True, eq=False)
class Header:
    """What the header of a NIfTI file says.

    Attributes
    ----------
    shape : tuple of int
        As stored, without trailing axes of length one (at least three axes).
    affine : (4, 4) array
        Voxel indices to RAS mm.
    path : Path
        The file.
    oriented : bool
        Whether sform or qform is set.
    intent : int
        NIfTI intent code.
    warnings : tuple of str
        Sentences for the person.
    description : str
        What the file says about itself.
    """

    shape: tuple[int, ...]
    affine: NDArray[np.float64]
    path: Path
    oriented: bool = True
    intent: int = 0
    warnings: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True, eq=False)
class Volume:
    """Values of a NIfTI file in its storage order.

    Attributes
    ----------
    data : (X, Y, Z) or (X, Y, Z, C) float32 array
        With slope and intercept applied.
    affine : (4, 4) array
        Voxel indices to RAS mm.
    path : Path
        The file.
    header : Header, optional
        What the header said.
    """

    data: NDArray[np.float32]
    affine: NDArray[np.float64]
    path: Path
    header: Header | None = field(default=None, repr=False)


def read_header(path: str | Path, *, what: str = "image") -> Header:
    """Read the header of a NIfTI file and check it, without reading the values; `what` is for messages.

    Raises
    ------
    InputError
        If the file is missing or no NIfTI, holds complex or RGB values, is sheared, or states two affines that
        disagree.
    """
    return _header(_open(Path(path), what), Path(path), what)


def read_volume(path: str | Path, *, dims: int | Sequence[int] = 3, what: str = "image") -> Volume:
    """Read a NIfTI volume as float32 in its storage order.

    Parameters
    ----------
    path : path
        A NIfTI-1 or NIfTI-2 file (.nii, .nii.gz, .hdr/.img).
    dims : int or sequence of int
        How many dimensions it may have. Trailing axes of length one are dropped first; for four dimensions
        (X, Y, Z, 1, C) is read as (X, Y, Z, C).
    what : str
        What the file is meant to be, for messages ("mask").

    Returns
    -------
    Volume

    Raises
    ------
    InputError
        With one sentence that names the file.
    """
    path = Path(path)
    image = _open(path, what)
    header = _header(image, path, what)
    shape = fit_dims(header, dims, what)
    data = _values(image, path, what).reshape(shape, order="F")
    return Volume(data, header.affine, path, header)


def check_volume(path: str | Path, *, dims: int | Sequence[int] = 3, what: str = "image") -> Header:
    """Check that a volume can be read to its end, without keeping its values; see `read_volume`.

    Raises
    ------
    InputError
        With the sentence of `read_volume`.
    """
    path = Path(path)
    image = _open(path, what)
    header = _header(image, path, what)
    fit_dims(header, dims, what)
    _read_to_the_end(image, path, what)
    return header


def fit_dims(header: Header, dims: int | Sequence[int], what: str = "image") -> tuple[int, ...]:
    """Return the shape of a file as one of the allowed numbers of dimensions, or refuse it; see `read_volume`."""
    allowed = (dims,) if isinstance(dims, int) else tuple(dims)
    shape = header.shape
    if len(shape) in allowed:
        return shape
    if len(shape) == 5 and shape[3] == 1 and 4 in allowed:
        return (*shape[:3], shape[4])
    raise InputError(
        f"the {what} has {len(shape)} dimensions ({shape_text(shape)}) where "
        f"{' or '.join(map(str, allowed))} are expected",
        file=header.path,
        mend="give one volume per file" if allowed == (3,) else "give the right file",
    )


def write_volume(
    path: str | Path,
    data: ArrayLike,
    affine: ArrayLike,
    *,
    overwrite: bool = False,
    description: str = "",
    slope: float = 1,
) -> None:
    """Write a NIfTI-1 file in one piece: float32 (masks uint8), both affines set, mm.

    The same values give the same bytes, whenever they are written.

    Parameters
    ----------
    path : path
        Ends in .nii or .nii.gz.
    data : (X, Y, Z) or (X, Y, Z, C) array
        Values in storage order.
    affine : (4, 4) array
        Voxel indices to RAS mm.
    overwrite : bool
        Whether an existing file may be replaced.
    description : str
        Up to 79 characters for the header.
    slope : float
        What whole numbers are to be multiplied by, as the header then states; 1 scales nothing.

    Raises
    ------
    InputError
        If the file exists, or its folder is missing or not writable.
    """
    path = Path(path)
    if not path.name.lower().endswith((".nii", ".nii.gz")):
        raise InputError("the name does not end in .nii or .nii.gz", file=path, mend="add the ending")
    image = nibabel.Nifti1Image(_storable(np.asarray(data)), None)
    grid = frames.check_affine(affine, file=path)
    image.set_sform(grid, code=1)
    image.set_qform(grid, code=1)
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = description.encode("ascii", "replace")[:79]
    image.header.set_slope_inter(slope, 0)
    with atomic.replacing(path, overwrite=overwrite) as temporary:
        if path.suffix.lower() != ".gz":
            image.to_filename(temporary)
            return
        # No name and no time in the gzip header, so that equal volumes have equal hashes.
        with open(temporary, "wb") as raw, gzip.GzipFile("", "wb", 4, raw, mtime=0) as stream:
            image.to_stream(stream)


def _storable(data: NDArray[Any]) -> NDArray[Any]:
    if data.dtype.kind == "b":
        return data.astype(np.uint8)
    if data.dtype.kind in "iu" and data.dtype.itemsize <= 4:
        return data
    return data.astype(np.float32, copy=False)


def _open(path: Path, what: str = "image") -> Any:
    if not os.path.exists(path):  # unlike the method it takes names that no file can have
        raise InputError(f"the file of the {what} does not exist", file=path, mend="check the path")
    if path.is_dir():
        raise InputError(f"the {what} is a folder, not a file", file=path, mend="give a NIfTI file")
    first = check_readable(path, what)
    try:
        with _quiet():
            image = nibabel.load(path)
    except (ImageFileError, HeaderDataError, OSError, EOFError, ValueError, ArithmeticError, zlib.error) as error:
        raise fault(path, first, what) from error
    if not isinstance(image, nibabel.Nifti1Pair):
        raise InputError(
            f"this is not a NIfTI file but {type(image).__name__.removesuffix('Image')}",
            file=path,
            mend="convert it to .nii.gz",
        )
    return image


def _header(image: Any, path: Path, what: str = "image") -> Header:
    dtype = image.get_data_dtype()
    if dtype.kind == "c":
        raise InputError(
            f"the {what} holds complex values", file=path, mend="give real values (of phase data: the unwrapped phase)"
        )
    if dtype.kind not in "iuf":
        raise InputError(f"the {what} holds RGB colours", file=path, mend="give numbers, one per voxel")
    shape = tuple(int(n) for n in image.shape)
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) < 3:
        raise InputError(
            f"the {what} has {len(shape)} dimensions ({shape_text(shape)}) where 3 are expected",
            file=path,
            mend="give a volume, not a slice",
        )
    if min(shape) <= 0:
        raise InputError(f"the {what} has no voxels ({shape_text(shape)})", file=path, mend="give the right file")
    affine, oriented, warnings = _affine(image, shape, path)
    about = bytes(image.header["descrip"].item()).decode("latin-1").strip("\0 ")
    return Header(shape, affine, path, oriented, int(image.header["intent_code"]), warnings, about)


def _affine(image: Any, shape: tuple[int, ...], path: Path) -> tuple[NDArray[np.float64], bool, tuple[str, ...]]:
    header, warnings = image.header, []
    try:
        length = header.get_xyzt_units()[0]
    except KeyError:  # a code that NIfTI does not know
        length = "unknown"
    sform = header.get_sform(coded=True)[0]
    try:
        qform = header.get_qform(coded=True)[0]
    except (HeaderDataError, ValueError):
        qform = None
        if sform is None:
            raise InputError("the qform is not a rotation", file=path, mend="rewrite the header") from None
        warnings.append(f"{path.name}: the qform is broken; the sform is used.")
    scale = np.diag([_MM.get(length, 1.0)] * 3 + [1.0])
    if not np.isfinite(image.affine).all():
        raise InputError(
            "the affine in the header holds NaN or infinite numbers",
            file=path,
            mend="copy that of a good image of the same scan over it (for example with fslcpgeom)",
        )
    affine = frames.check_affine(scale @ image.affine, file=path)
    if sform is not None and qform is not None and not same_affine(shape, sform, qform):
        raise InputError(
            f"sform and qform are two affines that disagree (by up to {corner_distance(shape, sform, qform):.3g} mm)",
            file=path,
            mend="copy the right one over the other (for example with fslorient -copysform2qform)",
        )
    oriented = sform is not None or qform is not None
    if not oriented:
        warnings.append(
            f"{path.name} does not state its orientation (sform and qform codes are 0): its axes are taken as "
            f"{frames.axis_codes(affine)}, and left and right are not certain."
        )
    return affine, oriented, tuple(warnings)


def _values(image: Any, path: Path, what: str) -> NDArray[np.float32]:
    proxy = image.dataobj
    raw = np.empty(_promised(image, path, what), proxy.dtype)
    _read_to_the_end(image, path, what, raw.view(np.uint8).data)
    # What float32 cannot hold becomes infinite, and is refused where it matters: inside the mask.
    with np.errstate(over="ignore", invalid="ignore"):
        data = raw.astype(np.float32, copy=False)
        if (proxy.slope, proxy.inter) != (1.0, 0.0):
            data = data * np.float32(proxy.slope) + np.float32(proxy.inter)
    return cast(NDArray[np.float32], data.reshape(proxy.shape, order="F"))


def _cut(path: Path, what: str) -> InputError:
    return InputError(f"the {what} is cut short or damaged", file=path, mend="copy it again")


def _promised(image: Any, path: Path, what: str) -> int:
    """How many values the header promises; no more than a file of this size can hold."""
    proxy, file = image.dataobj, image.file_map["image"].filename
    number = float(np.prod(proxy.shape, dtype=np.float64))
    try:
        if number * proxy.dtype.itemsize > Path(file).stat().st_size * _MOST_COMPRESSED:
            raise _cut(path, what)
    except OSError as error:
        raise _cut(path, what) from error
    return int(np.prod(proxy.shape))


def _read_to_the_end(image: Any, path: Path, what: str, buffer: memoryview | None = None) -> None:
    """Read all values, into a buffer if one is given, and on to the checksum: damaged values would pass otherwise."""
    proxy = image.dataobj
    wanted = _promised(image, path, what) * proxy.dtype.itemsize
    try:
        with ImageOpener(image.file_map["image"].filename) as stream:
            stream.seek(proxy.offset)
            done = _fill(stream, buffer) if buffer is not None else 0
            while part := stream.read(1 << 22):
                done += len(part)
    except (OSError, EOFError, ValueError, OverflowError, zlib.error) as error:
        raise _cut(path, what) from error
    if done < wanted:
        raise _cut(path, what)


def _fill(stream: Any, buffer: memoryview) -> int:
    """Read until the buffer is full or the stream ends; return the number of bytes."""
    done = 0
    while done < len(buffer):
        part = stream.read(min(len(buffer) - done, 1 << 22))
        if not part:
            break
        buffer[done : done + len(part)] = part
        done += len(part)
    return done
