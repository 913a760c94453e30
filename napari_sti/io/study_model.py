"""A study as it stands in its file: paths, directions and units, before anything is read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from napari_sti.core.errors import InputError
from napari_sti.core.frames import Frame
from napari_sti.core.units import FieldUnit

B0Direction = tuple[float, float, float] | Path | Literal["affine"] | None


@dataclass(frozen=True)
class Orientation:
    """One head orientation.

    Attributes
    ----------
    field : Path or None
        NIfTI file of the local field; None in studies that have no field maps (source separation).
    b0_dir : (3,) tuple of float, Path, "affine" or None
        Unit vector of the main field, or a text file that holds it, or "affine": computed from the affine of the
        field map, which must then be that of the scan.
    frame : {"voxel", "ras", "lps", "fsl"} or None
        Frame of `b0_dir`; None means LPS for text files and "not stated" for vectors. Voxel axes are those of the
        field map's file.
    units : {"ppm", "Hz", "rad"} or None
        Unit of the field; None is not stated.
    te : float or None
        Echo time in s, for fields in rad.
    label : str or None
        What the orientation is called; the name of its file by default.
    """

    field: Path | None = None
    b0_dir: B0Direction = None
    frame: Frame | None = None
    units: FieldUnit | None = None
    te: float | None = None
    label: str | None = None


@dataclass(frozen=True)
class Problem:
    """Something that keeps a study from being loaded.

    Attributes
    ----------
    text : str
        What is wrong, in lower case and without a full stop, with the name of the file.
    mend : str
        What the person can do about it.
    orientation : int or None
        Which orientation (from 0) it concerns.
    file : Path or None
        Which file it concerns.
    """

    text: str
    mend: str
    orientation: int | None = None
    file: Path | None = None

    def error(self) -> InputError:
        """Return the exception that states the problem, with the whole path of the file."""
        named = self.file is not None and self.text.startswith(f"{self.file.name}: ")
        text = self.text[len(f"{self.file.name}: ") :] if named and self.file else self.text
        return InputError(text, file=self.file, mend=self.mend or None)


@dataclass(frozen=True)
class Study:
    """Everything that a study file states.

    Attributes
    ----------
    name : str
        What the person calls the study.
    orientations : tuple of Orientation
        The head orientations in their order.
    mask : Path or None
        Brain mask.
    tesla : float or None
        Field strength in T.
    wm_mask, csf_mask : Path or None
        Tissue masks.
    magnitude : tuple of Path
        Magnitude images.
    r2prime : tuple of Path
        R2' in Hz, one file or one for each orientation.
    r2star : tuple of Path
        R2* in Hz, one file or one for each orientation.
    r2 : Path or None
        R2 in Hz.
    qsm : Path or None
        A given isotropic susceptibility in ppm.
    reference_tensor : Path or None
        A tensor in ppm with which to compare, or which is to be separated.
    reference_frame : {"voxel", "ras", "lps", "fsl"} or None
        Frame of the reference tensor's components, if its sidecar does not state it.
    simulated : bool
        Whether the data are simulated.
    path : Path or None
        The study file, if it was read from one.
    published : {"DeepSTI", "WaveSep"} or None
        The published program whose keys the file uses.
    more : tuple of (str, str)
        Keys of the published programs that are kept as they are (``params_fn``, ``gt_xp_fn``), paths made absolute.
    warnings : tuple of str
        Sentences for the person.
    """

    name: str = "study"
    orientations: tuple[Orientation, ...] = ()
    mask: Path | None = None
    tesla: float | None = None
    wm_mask: Path | None = None
    csf_mask: Path | None = None
    magnitude: tuple[Path, ...] = ()
    r2prime: tuple[Path, ...] = ()
    r2star: tuple[Path, ...] = ()
    r2: Path | None = None
    qsm: Path | None = None
    reference_tensor: Path | None = None
    reference_frame: Frame | None = None
    simulated: bool = False
    path: Path | None = None
    published: Literal["DeepSTI", "WaveSep"] | None = None
    more: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def has_fields(self) -> bool:
        """Whether it has field maps, or only maps for source separation."""
        return any(o.field is not None for o in self.orientations)

    @property
    def for_separation(self) -> bool:
        """Whether it is complete without field maps: R2' or R2*, and a given susceptibility or tensor."""
        return bool(self.r2prime or self.r2star) and (self.qsm is not None or self.reference_tensor is not None)

    def problems(self) -> tuple[Problem, ...]:
        """Return what keeps the study from being loaded; reads headers and text files only."""
        from napari_sti.io.problems import find_problems

        return find_problems(self)
