"""``napari-sti view``."""

import argparse
import os
from pathlib import Path

from napari_sti.core.errors import InputError

NAME = "view"
HELP = "the viewer with the workbench open"
ORDER = 20


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "paths",
        nargs="*",
        type=Path,
        metavar="STUDY-or-FILES",
        help="study, results, images, tracts or a workspace",
    )


def run(options: argparse.Namespace) -> int:
    """Do it; see ``HELP``."""
    from napari_sti.widgets.screen import check_screen

    for path in options.paths:
        if not os.path.exists(path):  # Path.exists raises for names that are too long
            raise InputError("there is no such file", file=path, mend="check the path")
    check_screen()
    from napari_sti.widgets.app import view

    return view(options.paths)
