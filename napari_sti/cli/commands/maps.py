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
    add_out(parser)


def run(options: argparse.Namespace) -> int:
    """Do it; see ``HELP``."""
    from napari_sti.io.results import check_folder
    from napari_sti.maps.files import write_maps

    check_folder(options.out, overwrite=options.overwrite)
    for note in write_maps(options.tensor, options.out, frame=options.frame, overwrite=options.overwrite):
        print(f"note: {note}", file=sys.stderr)
    print(f"maps in {options.out}")
    return 0
