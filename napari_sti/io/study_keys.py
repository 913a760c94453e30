"""What the keys of a study file mean."""

import difflib
import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal, cast

from napari_sti.core.errors import InputError
from napari_sti.core.frames import Frame, parse_frame
from napari_sti.core.units import FieldUnit, parse_field_unit
from napari_sti.io.b0 import TEXT_FRAME, read_directions
from napari_sti.io.study_model import B0Direction, Orientation, Study
from napari_sti.io.text_data import shown

_OURS = (
    "name",
    "tesla",
    "units",
    "te",
    "frame",
    "orientations",
    "field",
    "b0_dirs",
    "mask",
    "wm_mask",
    "csf_mask",
    "magnitude",
    "r2prime",
    "r2star",
    "r2",
    "qsm",
    "reference_tensor",
    "reference_tensor_frame",
    "simulated",
)
_DEEPSTI = ("phase", "H0", "gt", "ani", "dk")
_WAVESEP = {
    "sti_fn": "reference_tensor",
    "qsm_fn": "qsm",
    "R2p_fn_list": "r2prime",
    "mask_fn": "mask",
    "H0_fn_list": "H0",
}
_KEPT_PATHS = ("ani", "params_fn", "gt_xp_fn", "gt_xn_fn", "gt_xn_sti_fn", "gt_xn_mms_fn", "output_folder")
_KNOWN = (*_OURS, *_DEEPSTI, *_WAVESEP, *_KEPT_PATHS)
_ORIENTATION_KEYS = ("field", "phase", "b0_dir", "H0", "frame", "units", "te", "label")
_SAME = (("field", "phase"), ("b0_dirs", "H0"), ("b0_dir", "H0"), ("reference_tensor", "gt"))


def parse_case(case: dict[Any, Any], path: Path) -> Study:
    """Make a study of the keys of one case.

    Parameters
    ----------
    case : dict
        Keys and plain values.
    path : Path
        The study file, for messages and relative paths.
    """
    given = {key: value for key, value in case.items() if value is not None}
    _check_keys(given, _KNOWN, path)
    published = _published(given)
    for theirs, ours in _WAVESEP.items():
        if theirs in given and ours in given:
            raise InputError(f"the keys {theirs!r} and {ours!r} mean the same", file=path, mend="write one of them")
    given = {_WAVESEP.get(key, key): value for key, value in given.items()}
    read = _Reader(path, published is not None, given)
    tensor = read.file("reference_tensor") or read.file("gt")
    stated = given.get("reference_tensor_frame")
    frame: Frame | None = read.frame(stated) if stated is not None else None
    if frame is None and tensor is not None and ("gt" in given or published == "WaveSep"):
        frame = "voxel"
    return Study(
        name=read.text("name", given.get("name", path.name.split(".")[0])),
        orientations=read.orientations(),
        mask=read.mask(),
        tesla=read.number("tesla", given.get("tesla")),
        wm_mask=read.file("wm_mask"),
        csf_mask=read.file("csf_mask"),
        magnitude=read.files("magnitude"),
        r2prime=read.files("r2prime"),
        r2star=read.files("r2star"),
        r2=read.file("r2"),
        qsm=read.file("qsm"),
        reference_tensor=tensor,
        reference_frame=frame,
        simulated=read.yes("simulated"),
        path=path,
        published=published,
        more=tuple((key, str(read.path(given[key], key))) for key in _KEPT_PATHS if key in given),
        warnings=("The dipole kernels (dk) of the file are not used.",) if "dk" in given else (),
    )


def _check_keys(given: dict[Any, Any], known: tuple[str, ...], path: Path) -> None:
    for key in given:
        if key not in known:
            lower = {name.lower(): name for name in known}
            near = difflib.get_close_matches(shown(key).strip("'").lower(), lower, n=1, cutoff=0.5)
            mend = f"did you mean {lower[near[0]]!r}?" if near else f"known are {', '.join(known)}"
            raise InputError(f"the key {shown(key)} is not known", file=path, mend=mend)
    for first, second in _SAME:
        if first in given and second in given:
            raise InputError(
                f"the keys {first!r} and {second!r} mean the same", file=path, mend=f"write {first!r} only"
            )


def _published(given: dict[Any, Any]) -> Literal["DeepSTI", "WaveSep"] | None:
    if any(key in _WAVESEP for key in given):
        return "WaveSep"
    return "DeepSTI" if "phase" in given and "H0" in given else None


@dataclass(frozen=True)
class _Reader:
    """Values of the right kind, or a sentence that names file and key."""

    source: Path
    published: bool
    given: dict[str, Any]

    def wrong(self, key: str, mend: str) -> InputError:
        return InputError(f"the value of {key!r} is not right", file=self.source, mend=mend)

    # ---- single values ----

    def number(self, key: str, value: Any) -> float | None:
        if value is None:
            return None
        try:
            if isinstance(value, bool):
                raise ValueError
            return float(value)
        except (TypeError, ValueError, OverflowError):
            raise self.wrong(key, f"give a number instead of {shown(value)}") from None

    def text(self, key: str, value: Any) -> str:
        if not isinstance(value, str | int | float | date):
            raise self.wrong(key, f"give a text instead of {shown(value)}")
        return value if isinstance(value, str) else shown(value) if isinstance(value, int) else str(value)

    def yes(self, key: str) -> bool:
        value = self.given.get(key, False)
        if not isinstance(value, bool):
            raise self.wrong(key, "write true or false")
        return value

    def frame(self, value: Any) -> Frame:
        self._word("frame", value, "use one of voxel, ras, lps, fsl")
        try:
            return parse_frame(value)
        except InputError as error:
            raise InputError(error.what, file=self.source, mend=error.mend) from None

    def unit(self, value: Any) -> FieldUnit:
        self._word("units", value, "use one of ppm, Hz or rad")
        try:
            return parse_field_unit(value)
        except InputError as error:
            raise InputError(error.what, file=self.source, mend=error.mend) from None

    def _word(self, key: str, value: Any, mend: str) -> None:
        if not isinstance(value, str) or len(value) > 40:
            raise self.wrong(key, f"{mend} instead of {shown(value)}")

    # ---- paths ----

    def path(self, value: Any, key: str) -> Path:
        if not isinstance(value, str) or not value.strip() or "\0" in value:
            raise self.wrong(key, "give the path of a file")
        try:
            stated = Path(value.strip()).expanduser()
        except RuntimeError:
            raise self.wrong(key, f"no home folder is known for {shown(value)}, give the whole path") from None
        if stated.is_absolute():
            return stated
        folder = self.source.absolute().parent
        if self.published:
            # The published programs look from the folder in which they are started, which no file states.
            for base in (folder, *folder.parents, Path.cwd()):
                if os.path.exists(base / stated):
                    return base / stated
        return _collapse(folder / stated)

    def file(self, key: str) -> Path | None:
        value = self.given.get(key)
        return None if value is None else self.path(value, key)

    def files(self, key: str) -> tuple[Path, ...]:
        value = self.given.get(key)
        if value is None:
            return ()
        return tuple(self.path(item, key) for item in (value if isinstance(value, list) else [value]))

    def mask(self) -> Path | None:
        masks = set(self.files("mask"))
        if len(masks) > 1:
            raise InputError(
                f"{len(masks)} different brain masks are given", file=self.source, mend="give one for all orientations"
            )
        return masks.pop() if masks else None

    # ---- orientations ----

    def orientations(self) -> tuple[Orientation, ...]:
        if "orientations" in self.given:
            return self._listed()
        key = "phase" if "phase" in self.given else "field"
        fields = self.files(key)
        directions, text = self._directions("H0" if "H0" in self.given else "b0_dirs", len(fields))
        count = max(len(fields), len(directions))
        if fields and directions and len(fields) != len(directions):
            raise InputError(
                f"{_plural(len(fields), 'field map')} but {_plural(len(directions), 'B0 direction')}",
                file=self.source,
                mend="give one direction for each field map",
            )
        units = self._each("units", count)
        frames = [TEXT_FRAME if stated is None and text else stated for stated in self._each("frame", count)]
        times = self._each("te", count)
        return tuple(
            self._orientation(
                fields[i] if fields else None,
                directions[i] if directions else None,
                frames[i],
                units[i] if units[i] is not None or key == "field" else "Hz",
                times[i],
            )
            for i in range(count)
        )

    def _listed(self) -> tuple[Orientation, ...]:
        entries = self.given["orientations"]
        for key in ("field", "phase", "b0_dirs", "H0"):
            if key in self.given:
                raise InputError(
                    f"both 'orientations' and {key!r} are given", file=self.source, mend="write one of them"
                )
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise self.wrong("orientations", "give a list of field, b0_dir, ...")
        found = []
        shared = {key: self._each(key, len(entries)) for key in ("units", "frame", "te")}
        for i, entry in enumerate(entries):
            _check_keys(entry, _ORIENTATION_KEYS, self.source)
            key = "phase" if "phase" in entry else "field"
            field = None if entry.get(key) is None else self.path(entry[key], key)
            direction = entry.get("b0_dir", entry.get("H0"))
            own = {name: entry.get(name) if entry.get(name) is not None else shared[name][i] for name in shared}
            if own["units"] is None and key == "phase":
                own["units"] = "Hz"
            b0 = None if direction is None else self._direction(direction, "b0_dir")
            label = None if entry.get("label") is None else self.text("label", entry["label"])
            found.append(self._orientation(field, b0, own["frame"], own["units"], own["te"], label))
        return tuple(found)

    def _orientation(
        self, field: Path | None, b0: B0Direction, frame: Any, unit: Any, te: Any, label: str | None = None
    ) -> Orientation:
        return Orientation(
            field=field,
            b0_dir=b0,
            frame=None if frame is None else self.frame(frame),
            units=None if unit is None else self.unit(unit),
            te=self.number("te", te),
            label=label,
        )

    def _each(self, key: str, count: int) -> list[Any]:
        value = self.given.get(key)
        if not isinstance(value, list):
            return [value] * count
        if len(value) != count:
            raise InputError(
                f"{key!r} has {_plural(len(value), 'value')} for {_plural(count, 'orientation')}",
                file=self.source,
                mend="give one value for all, or one for each",
            )
        return value

    def _directions(self, key: str, count: int) -> tuple[list[B0Direction], bool]:
        """Return the directions, and whether they were read from one text file for all."""
        value = self.given.get(key)
        if value is None:
            return [], False
        if isinstance(value, list) and not all(_is_number(item) for item in value):
            return [self._direction(item, key, f" of orientation {i}") for i, item in enumerate(value, 1)], False
        one = self._direction(value, key)
        if count > 1 and one == "affine":
            return [one] * count, False
        if count > 1 and isinstance(one, Path):
            return [cast(B0Direction, tuple(map(float, row))) for row in read_directions(one)], True
        return [one], False

    def _direction(self, value: Any, key: str, which: str = "") -> B0Direction:
        if isinstance(value, str):
            return "affine" if value.strip().lower() == "affine" else self.path(value, key)
        if not isinstance(value, list) or not all(_is_number(item) for item in value):
            raise self.wrong(key, "give three numbers (x, y, z), a text file, or affine for each orientation")
        if len(value) != 3:
            raise InputError(
                f"the B0 direction{which} has {_plural(len(value), 'number')} instead of 3",
                file=self.source,
                mend="give x, y and z",
            )
        x, y, z = map(float, value)
        return x, y, z


def _is_number(value: Any) -> bool:
    """Whether it is a number; YAML 1.1 leaves 1e-3 a text."""
    try:
        return not isinstance(value, bool) and float(value) is not None
    except (TypeError, ValueError, OverflowError):
        return False


def _plural(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _collapse(path: Path) -> Path:
    """Remove ``..`` without following links, so that messages name the file as the person knows it."""
    return Path(os.path.normpath(path))
