"""The maps of a tensor file, as files."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_sti.core.errors import InputError
from napari_sti.core.frames import FRAMES, Frame, parse_frame, to_ras
from napari_sti.core.tensor_field import TensorField
from napari_sti.io.nifti import write_volume
from napari_sti.io.results import check_no_input, load_tensor, save_result
from napari_sti.io.sidecars import sidecar_frame
from napari_sti.maps.colour import NO_AXIS, Axes, pev_colour

SAME_COLOURS_DEGREES = 1.0
"""Without a stated frame, colours are written only where all frames agree on them to this angle."""


@dataclass(frozen=True)
class ColourChoice:
    """How the colour map is painted: MSA floor and ceiling in ppm (automatic by default), as in `pev_colour`."""

    floor: float | None = None
    ceiling: float | None = None
    even: bool = False
    suppress: Axes = NO_AXIS


def write_maps(
    path: Path,
    folder: Path,
    *,
    frame: str | None = None,
    overwrite: bool = False,
    colours: ColourChoice | None = None,
) -> tuple[str, ...]:
    """Write chi, mms, msa, pev and the colour map of a six-volume tensor.

    Parameters
    ----------
    path : path
        NIfTI file of shape (X, Y, Z, 6) or (X, Y, Z, 1, 6), components xx, xy, xz, yy, yz, zz in ppm.
    folder : path
        Where ``chi.nii.gz``, ``mms.nii.gz``, ``msa.nii.gz``, ``pev.nii.gz``, ``colour.nii.gz`` (red, green, blue from
        0 to 255 along the last axis) and ``result.json`` go; directions keep the frame of the input.
    frame : {"voxel", "ras", "lps", "fsl"}, optional
        Axes of the components where no sidecar tells them.
    colours : ColourChoice, optional
        How the colour map is painted.

    Returns
    -------
    tuple of str
        What the person should know, such as that a frame was not stated.

    Raises
    ------
    InputError
        If the file is not a tensor, its frame is stated twice and differently, or the floor lies above the ceiling.
    """
    colours = colours or ColourChoice()
    if colours.floor is not None and colours.ceiling is not None and colours.floor > colours.ceiling:
        raise InputError(
            f"the floor {colours.floor:g} ppm lies above the ceiling {colours.ceiling:g} ppm", mend="swap them"
        )
    check_no_input(folder, [path])
    stated = sidecar_frame(path)
    if frame is not None and stated is not None and frame != stated:
        raise InputError(
            f"its sidecar states the frame {stated}, the command line {frame}", file=path, mend="leave --frame out"
        )
    notes: list[str] = []
    chosen = stated or frame
    components_in = parse_frame(chosen or "voxel")
    tensor = load_tensor(path, frame=components_in)
    ambiguous = chosen is None and not _frames_agree(tensor)
    if chosen is None:
        notes.append(
            "the frame of the tensor is stated nowhere; directions are taken in voxel axes, and --frame states another"
        )
    save_result(tensor, folder, frame=components_in, overwrite=overwrite)
    if ambiguous:
        notes.append("no colour map was written, since on this rotated grid its colours depend on the frame")
    else:
        _write_colour(tensor, folder, overwrite, colours)
    return tuple(notes)


def _frames_agree(tensor: TensorField) -> bool:
    """Whether |x|, |y| and |z| of a direction are the same whatever frame the components are in."""
    frames: list[Frame] = [parse_frame(name) for name in FRAMES]
    limit = np.cos(np.radians(SAME_COLOURS_DEGREES))
    return all(np.diag(np.abs(to_ras(frame, tensor.affine))).min() >= limit for frame in frames)


def _write_colour(tensor: TensorField, folder: Path, overwrite: bool, how: ColourChoice) -> None:
    world = tensor.in_frame("ras")
    colour = pev_colour(world.pev, world.msa, how.floor, how.ceiling, even=how.even, suppress=how.suppress)
    write_volume(
        folder / "colour.nii.gz",
        colour,
        tensor.affine,
        overwrite=overwrite,
        description="PEV: red left-right, green front-back, blue up-down; brightness MSA",
    )
