"""``napari-sti figure``."""

import argparse
from itertools import product
from pathlib import Path
from typing import Any

from napari_sti.cli.command import add_overwrite
from napari_sti.core.errors import InputError
from napari_sti.core.frames import FRAMES

NAME = "figure"
HELP = "a publication figure: panels of results, maps, planes and slices as PNG or PDF"
ORDER = 58

MAPS = ("pev_colour", "msa", "mms", "fa", "pev_spread")
PLANES = ("axial", "coronal", "sagittal")


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "sources",
        nargs="+",
        type=Path,
        metavar="RESULT",
        help="result folders, tensor files or V1: a panel for each map and plane of each; or one figure file (.json)",
    )
    parser.add_argument("--map", nargs="+", choices=MAPS, default=["pev_colour"], help="default: pev_colour")
    parser.add_argument("--plane", nargs="+", choices=PLANES, default=["axial"], help="default: axial")
    parser.add_argument("--slice", type=float, nargs="+", metavar="MM", help="RAS mm, one for each plane")
    parser.add_argument("--tracts", type=Path, metavar="FILE", help="streamlines that are drawn over every panel")
    parser.add_argument("--fa", type=Path, metavar="FA", help="FA that goes with a V1")
    parser.add_argument("--frame", choices=FRAMES, help="axes of V1 or of a tensor file, where no sidecar tells them")
    parser.add_argument("--columns", type=int, metavar="N", help="panels beside each other")
    parser.add_argument("--panel-mm", type=float, metavar="MM", help="width of the widest panel (default: 55)")
    parser.add_argument("--dpi", type=int, metavar="N", help="pixels per inch (default: 300)")
    parser.add_argument("--title", metavar="TEXT", help="above everything")
    parser.add_argument("--radiological", action="store_true", help="the person's right on the left")
    for name in ("floor", "ceiling", "mms"):
        parser.add_argument(f"--{name}", type=float, metavar="PPM", help=f"{name} of the window, for all panels")
    for name, what in (("bars", "colour bars and key"), ("scale-bar", "scale"), ("letters", "letters of the sides")):
        parser.add_argument(f"--no-{name}", action="store_true", help=f"without {what}")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="FILE", help="ends in .png, .pdf, .svg, .tif")
    parser.add_argument("--save-file", type=Path, metavar="FILE", help="write the figure file (.json), too")
    add_overwrite(parser)


def run(options: argparse.Namespace) -> int:
    """Do it; see ``HELP``."""
    from dataclasses import replace

    from napari_sti.evaluate.figure_panels import save_panels
    from napari_sti.evaluate.figure_spec import FigureSpec, check_figure, read_figure, write_figure

    if options.out.exists() and not options.overwrite:
        raise InputError("this file exists already", file=options.out, mend="choose another name or allow --overwrite")
    first: Path = options.sources[0]
    if first.suffix.lower() == ".json" and first.name != "result.json":
        if len(options.sources) > 1:
            raise InputError("a figure file stands alone", file=first, mend="leave the other sources out")
        spec = read_figure(first)
    else:
        panels = _panels(options)
        columns = len(options.plane) if len(options.plane) > 1 else min(len(panels), 3)
        columns = len(options.map) * len(options.plane) if len(options.sources) > 1 else columns
        spec = FigureSpec(panels, columns=columns)
    spec = check_figure(replace(spec, **_given(options)))
    save_panels(spec, options.out, overwrite=options.overwrite)
    if options.save_file is not None:
        write_figure(spec, options.save_file, overwrite=options.overwrite)
    print(f"{len(spec.panels)} panels in {options.out}")
    return 0


def _panels(options: argparse.Namespace) -> Any:
    from napari_sti.evaluate.figure_spec import PanelSpec
    from napari_sti.maps.dti import is_directions

    slices = options.slice or [None] * len(options.plane)
    if len(slices) != len(options.plane):
        raise InputError(
            f"there are {len(slices)} slices and {len(options.plane)} planes", mend="give one slice for each plane"
        )
    panels = []
    for source, kind, (plane, at) in product(options.sources, options.map, zip(options.plane, slices, strict=True)):
        directions = source.is_file() and source.name.endswith((".nii", ".nii.gz")) and is_directions(source)
        panels.append(
            PanelSpec(
                str(source.absolute()),
                kind,
                plane,
                at,
                tracts="" if options.tracts is None else str(options.tracts.absolute()),
                fa=str(options.fa.absolute()) if directions and options.fa is not None else "",
                frame=options.frame or "",
            )
        )
    return tuple(panels)


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """What was said on the command line, and nothing else: a figure file keeps the rest."""
    names = ("columns", "panel_mm", "dpi", "title", "floor", "ceiling", "mms")
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    given |= {name: False for name in ("bars", "scale_bar", "letters") if getattr(options, f"no_{name}")}
    return given | ({"convention": "radiological"} if options.radiological else {})
