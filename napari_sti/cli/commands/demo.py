"""``napari-sti demo``."""

import argparse
from pathlib import Path

from napari_sti.cli.command import add_overwrite

NAME = "demo"
HELP = "the sample brain: simulated scan, reconstruction, overlay, screenshots"
ORDER = 10


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--out", type=Path, help="folder for maps and screenshots (with --headless: demo-output)")
    parser.add_argument(
        "--headless", action="store_true", help="no window stays: write maps and screenshots, then leave"
    )
    add_overwrite(parser)


def run(options: argparse.Namespace) -> int:
    """Do it; see ``HELP``."""
    from napari_sti.io.results import check_folder
    from napari_sti.widgets.screen import check_screen, has_screen, on_virtual_screen

    out = options.out
    if out is None and options.headless:
        out = Path("demo-output")
    if out is not None:
        check_folder(out, overwrite=options.overwrite)
    if options.headless and not has_screen():
        again = ["--overwrite"] if options.overwrite else []
        return on_virtual_screen(["demo", "--headless", "--out", str(out), *again])
    check_screen()
    from napari_sti.widgets.demo import demo

    return demo(out, headless=options.headless)
