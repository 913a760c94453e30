"""``napari-sti plan``."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sti.cli.command import add_overwrite
from napari_sti.core.errors import InputError

if TYPE_CHECKING:
    from napari_sti.maps.next_tilt import Plan
    from napari_sti.maps.plan_input import PlanInput

NAME = "plan"
HELP = "what the head orientations of a study are worth, and which tilt to add"
ORDER = 20


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "directions",
        type=Path,
        nargs="+",
        metavar="STUDY",
        help="study file or folder (only headers are read), or one or more text files of B0 directions",
    )
    parser.add_argument("--frame", choices=("ras", "lps"), help="axes of the numbers in bare text files (default: lps)")
    parser.add_argument(
        "--voxel-size", type=float, nargs=3, metavar="MM", help="voxel edges along R, A, S, for bare text files"
    )
    parser.add_argument("--max-tilt", type=float, default=40.0, metavar="DEGREES", help="largest tilt (default: 40)")
    parser.add_argument("--next", type=int, default=1, metavar="N", help="how many tilts to advise (default: 1)")
    parser.add_argument(
        "--noise", type=float, default=0.001, metavar="PPM", help="standard deviation of a field map (default: 0.001)"
    )
    parser.add_argument("--msa", type=float, default=0.015, metavar="PPM", help="MSA of a fibre (default: 0.015)")
    parser.add_argument("-o", "--out", type=Path, metavar="DIR", help="folder for plan.json, plan.csv and plan.png")
    add_overwrite(parser)


def run(options: argparse.Namespace) -> int:
    """Do it; see ``HELP``."""
    from napari_sti.io.results import check_folder
    from napari_sti.maps.next_tilt import plan

    given = _given(options)
    if options.out is not None:
        check_folder(options.out, overwrite=options.overwrite)
    for sentence in given.warnings:
        print(f"note: {sentence}", file=sys.stderr)
    found = plan(
        given.known,
        given.grid,
        noise=options.noise,
        msa=options.msa,
        max_tilt=options.max_tilt,
        steps=options.next,
    )
    print("\n".join(_lines(given, found)))
    if options.out is not None:
        _write(given, found, options.out, overwrite=options.overwrite)
        print(f"plan.json, plan.csv and plan.png in {options.out}")
    return 0


def _given(options: argparse.Namespace) -> "PlanInput":
    from napari_sti.io.study import read_study
    from napari_sti.maps.plan_input import from_study, from_texts, is_study

    first: Path = options.directions[0]
    if not any(is_study(path) for path in options.directions):
        size = None if options.voxel_size is None else tuple(options.voxel_size)
        return from_texts(options.directions, frame=options.frame, voxel_size=size)
    if len(options.directions) > 1:
        raise InputError("a study and other files were given together", mend="give one study, or only text files")
    if options.frame is not None or options.voxel_size is not None:
        raise InputError(
            "--frame and --voxel-size are for bare text files; a study states its own",
            file=first,
            mend="leave them out",
        )
    given = from_study(read_study(first))
    if given.faults:
        raise InputError(given.faults[0].rstrip("."))
    if not given.directions:
        raise InputError("the study has no orientations", file=first, mend="add field maps with their B0 directions")
    return given


def _lines(given: "PlanInput", found: "Plan") -> list[str]:
    from napari_sti.maps.plan_report import angle_sentence, condition_sentence, known_sentence, next_sentence

    worth, grid = found.worth, given.grid
    size = " x ".join(f"{edge:.3g}" for edge in grid.voxel_size)
    shape = " x ".join(map(str, grid.shape))
    where = "" if given.grid_known else ", assumed"
    lines = [f"{given.name}: {worth.orientations} orientations (grid {shape}, {size} mm{where})", *_orientations(found)]
    lines += ["", condition_sentence(worth), known_sentence(worth), "", *_table(found)]
    lines += ["", *filter(None, [angle_sentence(worth)])]
    before = worth
    for number, advised in enumerate(found.next_tilts, worth.orientations + 1):
        vector = " ".join(f"{v + 0.0:.3f}" for v in advised.b0_dir.round(3))
        lines += [
            f"Next, orientation {number}: {advised.words}",
            f"    B0 in the head (RAS): {vector}; tilt {advised.tilt:.0f}°",
            f"    {next_sentence(advised, before)}",
        ]
        before = advised.worth
    return lines


def _orientations(found: "Plan") -> list[str]:
    from napari_sti.maps.head_tilt import in_words, tilt

    return [
        f"{number:>4}  tilt {float(tilt(d)):4.1f}°  {in_words(d)}" for number, d in enumerate(found.worth.b0_dirs, 1)
    ]


def _table(found: "Plan") -> list[str]:
    from napari_sti.maps.plan_report import amplification_text, table
    from napari_sti.viz.numbers import susceptibility

    lines = [f"{'':6}  {'in the head (RAS)':24}{'noise':>10}{'error':>14}{'known':>8}"]
    for row in table(found.worth):
        undefined = row.amplification != row.amplification
        error = "\N{EN DASH}" if undefined else susceptibility(row.error)
        noise = "\N{EN DASH}" if undefined else f"x {amplification_text(row.amplification)}"
        lines.append(f"{row.name:6}  {row.title:24}{noise:>10}{error:>14}{100 * row.known:>6.0f} %")
    return lines


def _write(given: "PlanInput", found: "Plan", folder: Path, *, overwrite: bool) -> None:
    from napari_sti.io.atomic import write_text
    from napari_sti.maps.plan_figure import save_plan_figure
    from napari_sti.maps.plan_report import as_csv, as_mapping

    folder.mkdir(parents=True, exist_ok=True)
    content: dict[str, Any] = as_mapping(found, name=given.name, grid=given.grid, grid_known=given.grid_known)
    save_plan_figure(
        found, f"{given.name}: what its head orientations are worth", folder / "plan.png", overwrite=overwrite
    )
    write_text(folder / "plan.csv", as_csv(found), overwrite=overwrite)
    write_text(folder / "plan.json", json.dumps(content, indent=1) + "\n", overwrite=overwrite)
