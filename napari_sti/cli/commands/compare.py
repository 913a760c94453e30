"""``napari-sti compare``."""

import argparse
import sys
from pathlib import Path

from napari_sti.cli.command import Meter, add_out
from napari_sti.core.frames import FRAMES

NAME = "compare"
HELP = "results beside a reference: table, angle-error maps, figure"
ORDER = 55


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "results", nargs="+", type=Path, metavar="RESULT", help="result folders, or tensor files of six volumes"
    )
    parser.add_argument(
        "--reference",
        type=Path,
        metavar="FOLDER|CHI|V1",
        help="a result folder, a tensor file, or V1 of a DTI (default: the first RESULT)",
    )
    parser.add_argument("--fa", type=Path, metavar="FA", help="FA of the same DTI, with V1")
    parser.add_argument("--frame", choices=FRAMES, help="axes of V1 or of tensor files, where no sidecar tells them")
    parser.add_argument("--labels", type=Path, metavar="FILE", help="regions, whole numbers: a table for each")
    parser.add_argument("--mask", type=Path, metavar="FILE", help="compare only there")
    parser.add_argument("--white", type=Path, metavar="FILE", help="white matter: count angles only there")
    add_out(parser)


def run(options: argparse.Namespace) -> int:
    """Do it; see ``HELP``."""
    from napari_sti.core.errors import InputError
    from napari_sti.evaluate.beside import figure_of
    from napari_sti.evaluate.figures import save_figure
    from napari_sti.io.nifti import read_volume
    from napari_sti.io.results import check_folder
    from napari_sti.maps.comparison import compare
    from napari_sti.maps.comparison_files import FIGURE_FILE, angle_files, comparison_markdown, write_comparison
    from napari_sti.maps.references import open_reference, open_result, short_names

    check_folder(options.out, overwrite=options.overwrite)
    paths = list(options.results)
    reference_path = options.reference if options.reference is not None else paths.pop(0)
    if not paths:
        raise InputError("one result alone cannot be compared", mend="give a second one, or --reference")
    *names, reference_name = short_names([*paths, reference_path])
    angle_files(dict.fromkeys(names))
    results = {name: open_result(path, frame=options.frame) for name, path in zip(names, paths, strict=True)}
    reference = open_reference(reference_path, fa=options.fa, frame=options.frame)
    mask, white, labels = (
        None if path is None else read_volume(path, what=what)
        for what, path in (("mask", options.mask), ("white matter mask", options.white), ("regions", options.labels))
    )
    with Meter("compare") as meter:
        comparison = compare(
            results,
            reference,
            reference_name=reference_name,
            mask=mask,
            white=white,
            labels=labels,
            progress=meter,
        )
    for note in comparison.notes:
        print(f"note: {note}", file=sys.stderr)
    write_comparison(comparison, results, options.out, overwrite=options.overwrite)
    save_figure(figure_of(comparison), options.out / FIGURE_FILE, overwrite=options.overwrite)
    print(comparison_markdown(comparison))
    print(f"compared with {reference_name}; table, angle maps and figure in {options.out}")
    return 0
