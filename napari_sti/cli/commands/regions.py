"""``napari-sti regions``."""

import argparse
import sys
from pathlib import Path

from napari_sti.cli.command import Meter, add_out
from napari_sti.core.frames import FRAMES

NAME = "regions"
HELP = "mean, spread, percentiles and histogram of every map of results in the regions of a segmentation"
ORDER = 57


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("results", type=Path, nargs="+", metavar="RESULT", help="result folders, tensor files or maps")
    parser.add_argument("--labels", type=Path, required=True, metavar="FILE", help="regions: whole numbers, 0 for none")
    parser.add_argument("--names", type=Path, metavar="FILE", help="table of names, if not the one beside the labels")
    parser.add_argument("--resample", action="store_true", help="bring labels on another grid to that of each result")
    parser.add_argument("--frame", choices=FRAMES, help="axes of tensor files, where no sidecar tells them")
    add_out(parser)


def run(options: argparse.Namespace) -> int:
    """Do it; see ``HELP``."""
    from napari_sti.core.errors import InputError
    from napari_sti.io.results import check_folder
    from napari_sti.maps.map_sets import open_maps
    from napari_sti.maps.references import short_names
    from napari_sti.maps.region_files import regions_markdown, write_regions
    from napari_sti.maps.region_labels import OtherGridError, read_labels
    from napari_sti.maps.regions import measure

    check_folder(options.out, overwrite=options.overwrite)
    names = short_names(options.results)
    labels = read_labels(options.labels, options.names)
    results = [open_maps(path, name, frame=options.frame) for path, name in zip(options.results, names, strict=True)]
    try:
        with Meter("regions") as meter:
            found = measure(results, labels, resample=options.resample, progress=meter)
    except OtherGridError as error:
        raise InputError(error.what, mend="pass --resample to take the nearest voxel") from None
    for note in found.notes:
        print(f"note: {note}", file=sys.stderr)
    write_regions(found, options.out, overwrite=options.overwrite)
    print(regions_markdown(found))
    print(f"tables, histograms and box plots in {options.out}")
    return 0
