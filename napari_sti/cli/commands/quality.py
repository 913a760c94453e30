"""``napari-sti quality``."""

import argparse
import sys
from pathlib import Path

from napari_sti.cli.command import Meter, add_out
from napari_sti.core.errors import InputError
from napari_sti.core.frames import FRAMES

NAME = "quality"
HELP = "one page about the quality of a result: axes, fit to the data, values, streaks, mask, angle to a DTI"
ORDER = 52


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("result", type=Path, metavar="RESULT", help="result folder, or a tensor file of six volumes")
    parser.add_argument("--study", type=Path, metavar="STUDY", help="study it was made from: for the fit to the data")
    parser.add_argument(
        "--dti", type=Path, nargs=2, metavar=("V1", "FA"), help="directions and FA of a DTI on the same grid"
    )
    parser.add_argument("--dti-frame", choices=FRAMES, help="axes of V1: FSL's dtifit writes fsl, MRtrix ras")
    parser.add_argument("--frame", choices=FRAMES, help="axes of a tensor file that no sidecar tells")
    parser.add_argument("--white", type=Path, metavar="FILE", help="white matter: count angles only there")
    parser.add_argument(
        "--mend",
        metavar="auto|undo|x,-y,z",
        help="write the result with mended axes to DIR instead of a page; the old one is not touched",
    )
    add_out(parser)


def run(options: argparse.Namespace) -> int:
    """Do it; see ``HELP``."""
    from napari_sti.io.results import check_folder

    check_folder(options.out, overwrite=options.overwrite)
    return _mend(options) if options.mend is not None else _page(options)


def _mend(options: argparse.Namespace) -> int:
    from napari_sti.maps.mend_files import write_mended

    if options.dti or options.study or options.white:
        raise InputError("--mend needs the result alone", mend="leave --study, --dti and --white out")
    done = write_mended(options.result, options.mend, options.out, frame=options.frame, overwrite=options.overwrite)
    print(f"{done.sentence} New result in {options.out}")
    return 0


def _page(options: argparse.Namespace) -> int:
    from napari_sti.io import atomic
    from napari_sti.jobs.quality import PAGE, QualityInput, look, refuse_inputs, write_quality
    from napari_sti.maps.quality_lines import SECTIONS, TITLES, quality_lines

    v1, fa = options.dti or (None, None)
    if v1 is None and options.dti_frame:
        raise InputError("--dti-frame goes with --dti", mend="give V1 and FA as well")
    given = QualityInput(
        str(options.result), options.frame or "", _text(v1), _text(fa), options.dti_frame or "", _text(options.white)
    )
    refuse_inputs(options.out, given, options.study)
    with Meter("quality") as meter:
        quality = look(given, options.study, meter)
        atomic.prepare_folder(options.out, overwrite=options.overwrite)
        write_quality(quality, given, options.study, options.out, progress=meter, overwrite=options.overwrite)
    for note in quality.notes:
        print(f"note: {note}", file=sys.stderr)
    lines = quality_lines(quality)
    for section in SECTIONS:
        print(f"\n{TITLES[section]}")
        for line in (one for one in lines if one.section == section):
            mark = "  < outside of the rule of thumb" if line.outside else ""
            print(f"  {line.title}: {line.value}{mark}")
    print(f"\npage in {options.out / PAGE}")
    return 0


def _text(path: Path | None) -> str:
    return "" if path is None else str(path)
