"""``napari-sti probe``."""

import argparse
import json
import re
import sys
from pathlib import Path

from napari_sti.cli.command import add_overwrite
from napari_sti.core.frames import FRAMES

NAME = "probe"
HELP = "tensor, eigenvalues, direction and fields of results in one place"
ORDER = 56


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    # "-12,3,8" is a place, not an option; argparse takes only single negative numbers for values.
    parser._negative_number_matcher = re.compile(r"^-[\d.]")
    parser.add_argument("results", type=Path, nargs="+", metavar="RESULT", help="result folders, or tensor files")
    parser.add_argument(
        *("--at", "-a"),
        dest="places",
        action="append",
        required=True,
        metavar="R,A,S",
        help="place in RAS mm, such as 12,-34.5,8 or 'R 12 P 34.5 S 8'; may be given several times",
    )
    parser.add_argument("--study", type=Path, metavar="FILE", help="study of the results, if not the one they state")
    parser.add_argument("--frame", choices=FRAMES, help="axes of tensor files, where no sidecar tells them")
    parser.add_argument("--json", action="store_true", help="write JSON instead of text")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write a table, too")
    add_overwrite(parser)


def run(options: argparse.Namespace) -> int:
    """Do it; see ``HELP``."""
    from napari_sti.io.atomic import write_text
    from napari_sti.maps.probe import open_probeable, parse_place, probe_places, with_fields
    from napari_sti.maps.probe_files import probe_text, probe_values, probes_csv
    from napari_sti.maps.references import short_names

    places = [parse_place(text) for text in options.places]
    results = []
    for path, name in zip(options.results, short_names(options.results), strict=True):
        one = with_fields(open_probeable(path, name, frame=options.frame), options.study)
        if one.remark:
            print(f"note: {name}: {one.remark}", file=sys.stderr)
        results.append(one)
    probes = probe_places(results, places)
    if options.csv is not None:
        write_text(options.csv, probes_csv(probes), overwrite=options.overwrite)
    if options.json:
        print(json.dumps([probe_values(probe) for row in probes for probe in row], indent=2, ensure_ascii=False))
    else:
        print("\n\n".join(probe_text(probe) for row in probes for probe in row))
    return 0
