"""What a publication figure shows: panels of any result, map, plane and slice, as plain values in a JSON file."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from napari_sti.core.errors import InputError
from napari_sti.core.frames import FRAMES
from napari_sti.evaluate.slices import AXES
from napari_sti.io.atomic import write_text

FORMAT, VERSION = "napari-sti figure", 1

MAPS = {
    "pev_colour": "PEV colour",
    "msa": "MSA",
    "mms": "MMS",
    "fa": "FA",
    "pev_spread": "PEV spread",
    "picture": "picture",
}
"""What a panel can show, and what that is called; a picture is a file of its own, such as a view in 3-D."""

MOST_PANELS = 60


@dataclass(frozen=True)
class PanelSpec:
    """One panel.

    Parameters
    ----------
    source : str
        Result folder, tensor file or V1; for a picture its file.
    map : str
        One of `MAPS`.
    plane : {"axial", "coronal", "sagittal"}
        Kind of slice.
    slice_mm : float, optional
        World coordinate (RAS mm) along its axis; by default the slice with most anisotropy.
    title : str
        Above the panel; by default name and map.
    tracts : str
        File of streamlines that are drawn over it; empty for none.
    fa, frame : str
        FA that goes with V1, and axes of V1 or of a tensor file without a sidecar.
    """

    source: str
    map: str = "pev_colour"
    plane: str = "axial"
    slice_mm: float | None = None
    title: str = ""
    tracts: str = ""
    fa: str = ""
    frame: str = ""


@dataclass(frozen=True)
class FigureSpec:
    """A whole figure.

    Parameters
    ----------
    panels : tuple of PanelSpec
        From the top left, row by row.
    columns : int
        Panels beside each other.
    panel_mm : float
        Width of the widest panel on paper, mm; all slices have the same scale.
    dpi : int
        Pixels per inch of a PNG, and of the pictures within a PDF.
    convention : {"neurological", "radiological"}
        On which side the person's right is; the figure says it.
    floor, ceiling, mms : float, optional
        Windows in ppm, the same for all panels; by default those that suit the data.
    title : str
        Above everything.
    bars, scale_bar, letters : bool
        Whether colour bars and key, a scale, and the letters of the sides are drawn.
    slab_mm : float
        Depth within which streamlines are drawn.
    """

    panels: tuple[PanelSpec, ...] = ()
    columns: int = 3
    panel_mm: float = 55.0
    dpi: int = 300
    convention: str = "neurological"
    floor: float | None = None
    ceiling: float | None = None
    mms: float | None = None
    title: str = ""
    bars: bool = True
    scale_bar: bool = True
    letters: bool = True
    slab_mm: float = 4.0
    notes: str = field(default="")


_LIMITS = {"columns": (1, 12), "panel_mm": (10, 400), "dpi": (30, 1200), "slab_mm": (0, 200)}


def check_figure(spec: FigureSpec, *, file: str | Path | None = None) -> FigureSpec:
    """Return a figure that can be drawn.

    Raises
    ------
    InputError
        If there is no panel or far too many, a word is not known or a number out of range.
    """
    if not spec.panels:
        raise InputError("the figure has no panel", file=file, mend="add one")
    if len(spec.panels) > MOST_PANELS:
        raise InputError(f"the figure has {len(spec.panels)} panels", file=file, mend=f"give at most {MOST_PANELS}")
    for name, (low, high) in _LIMITS.items():
        value = getattr(spec, name)
        if not low <= value <= high:
            raise InputError(f"{name} = {value:g} is out of range", file=file, mend=f"give {low:g} to {high:g}")
    _one_of("convention", spec.convention, ("neurological", "radiological"), file)
    if spec.floor is not None and spec.ceiling is not None and spec.ceiling <= spec.floor:
        raise InputError("the ceiling is not above the floor", file=file, mend="give a higher one")
    for panel in spec.panels:
        _one_of("map", panel.map, tuple(MAPS), file)
        _one_of("plane", panel.plane, AXES, file)
        if panel.frame:
            _one_of("frame", panel.frame, FRAMES, file)
    return spec


def _one_of(name: str, value: str, known: tuple[str, ...], file: str | Path | None) -> None:
    if value not in known:
        raise InputError(f"the {name} {value!r} is not known", file=file, mend=f"use one of {', '.join(known)}")


def figure_mapping(spec: FigureSpec) -> dict[str, Any]:
    """Plain values of a figure, without what is as by default."""
    content = {name: value for name, value in asdict(spec).items() if value != getattr(FigureSpec(), name)}
    default = PanelSpec("")
    content["panels"] = [
        {name: value for name, value in asdict(panel).items() if name == "source" or value != getattr(default, name)}
        for panel in spec.panels
    ]
    return content


def figure_from(content: Any, *, file: str | Path | None = None) -> FigureSpec:
    """Read the plain values of a figure.

    Raises
    ------
    InputError
        If a key is not known or its value of another kind.
    """
    given = _typed(FigureSpec, content, file, without=("panels",))
    panels = content.get("panels", [])
    if not isinstance(panels, list):
        raise InputError("'panels' is not a list", file=file, mend="write one mapping for each panel")
    if any(not isinstance(one, Mapping) or not isinstance(one.get("source"), str) for one in panels):
        raise InputError("a panel states no source", file=file, mend="give the result folder or file that it shows")
    return FigureSpec(**given, panels=tuple(PanelSpec(**_typed(PanelSpec, one, file)) for one in panels))


def _typed(kind: type, content: Any, file: str | Path | None, without: tuple[str, ...] = ()) -> dict[str, Any]:
    if not isinstance(content, Mapping):
        raise InputError("a figure is a mapping of names and values", file=file, mend="see docs/figures.md")
    known = {one.name: str(one.type) for one in fields(kind)}
    found: dict[str, Any] = {}
    for name, value in content.items():
        if name in without or name in ("format", "version"):
            continue
        if name not in known:
            raise InputError(f"{name!r} is not known", file=file, mend=f"known are {', '.join(known)}")
        found[name] = _value(name, value, known[name], file)
    return found


def _value(name: str, value: Any, kind: str, file: str | Path | None) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9
    if value is None and "None" in kind:
        return None
    if "bool" in kind and isinstance(value, bool):
        return value
    if "float" in kind and number:
        return float(value)
    if "int" in kind and number and value == int(value):
        return int(value)
    if "str" in kind and isinstance(value, str):
        return value
    raise InputError(f"the value of {name!r} is not right", file=file, mend="see docs/figures.md")


def read_figure(path: str | Path) -> FigureSpec:
    """Read a figure file; paths in it are relative to its folder.

    Raises
    ------
    InputError
        If it is missing or no such file.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"the file cannot be read ({error.strerror})", file=path, mend="check the path") from error
    except (ValueError, RecursionError):
        raise InputError("this is broken JSON", file=path, mend="write it again") from None
    if not isinstance(content, Mapping) or content.get("format") != FORMAT:
        raise InputError("this is no figure of napari-sti", file=path, mend=f'it has to state "format": "{FORMAT}"')
    spec = figure_from(content, file=path)
    folder = path.absolute().parent
    return check_figure(replace(spec, panels=tuple(_with_paths(panel, folder) for panel in spec.panels)), file=path)


def _with_paths(panel: PanelSpec, folder: Path) -> PanelSpec:
    full: dict[str, Any] = {
        name: str(folder / getattr(panel, name)) for name in ("source", "tracts", "fa") if getattr(panel, name)
    }
    return replace(panel, **full)


def write_figure(spec: FigureSpec, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a figure file, paths as they are (give absolute ones)."""
    path = Path(path)
    content = {"format": FORMAT, "version": VERSION, **figure_mapping(spec)}
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n", overwrite=overwrite)
    return path
