"""``napari-sti maps``."""

import argparse
import sys
from pathlib import Path

from napari_sti.cli.command import add_out
from napari_sti.core.frames import FRAMES

NAME = "maps"
HELP = "mms, msa, pev and colour map of any six-volume tensor"
ORDER = 50


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("tensor", type=Path, metavar="CHI.nii.gz", help="components xx, xy, xz, yy, yz, zz in ppm")
    parser.add_argument("--frame", choices=FRAMES, help="axes of its components, where no sidecar tells them")
    parser.add_argument("--floor", type=float, metavar="PPM", help="MSA up to which the colour map is black")
    parser.add_argument("--ceiling", type=float, metavar="PPM", help="MSA from which on its colours are full")
    parser.add_argument("--even", action="store_true", help="colours in which every direction is equally light")
    parser.add_argument(
        "--leave-out",
        choices=("x", "y", "z"),
        nargs="+",
        default=[],
        metavar="x|y|z",
        help="world axes without a colour",
    )
    add_out(parser)


def run(options: argparse.Namespace) -> int:
    """Do it; see ``HELP``."""
    from napari_sti.io.results import check_folder
    from napari_sti.maps.files import ColourChoice, write_maps

    check_folder(options.out, overwrite=options.overwrite)
    x, y, z = (axis in options.leave_out for axis in "xyz")
    colours = ColourChoice(options.floor, options.ceiling, options.even, (x, y, z))
    for note in write_maps(
        options.tensor, options.out, frame=options.frame, overwrite=options.overwrite, colours=colours
    ):
        print(f"note: {note}", file=sys.stderr)
    print(f"maps in {options.out}")
    return 0
