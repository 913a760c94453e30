"""``napari-sti quality``."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sti.cli.command import Meter, add_out
from napari_sti.core.errors import InputError
from napari_sti.core.frames import FRAMES

if TYPE_CHECKING:
    from napari_sti.jobs.quality import QualityInput

NAME = "quality"
HELP = "one page about the quality of a result: axes, fit to the data, values, streaks, mask, angle to a DTI"
ORDER = 52


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "result", type=Path, metavar="RESULT", help="result folder, tensor file of six volumes, or (with --mend) V1"
    )
    parser.add_argument("--study", type=Path, metavar="STUDY", help="study it was made from: for the fit to the data")
    parser.add_argument(
        "--dti", type=Path, nargs=2, metavar=("V1", "FA"), help="directions and FA of a DTI on the same grid"
    )
    parser.add_argument("--dti-frame", choices=FRAMES, help="axes of V1: FSL's dtifit writes fsl, MRtrix ras")
    parser.add_argument(
        "--dti-mend",
        metavar="auto|undo|x,-y,z",
        help="flip or swap the components of V1 before it is compared; the file is not touched",
    )
    parser.add_argument("--frame", choices=FRAMES, help="axes of a tensor file, or of V1, that no sidecar tells")
    parser.add_argument("--fa", type=Path, metavar="FA", help="with --mend of V1: FA of the same fit")
    parser.add_argument("--white", type=Path, metavar="FILE", help="white matter: count angles only there")
    parser.add_argument(
        "--mend",
        metavar="auto|undo|x,-y,z",
        help="write the result, or V1, with mended axes to DIR instead of a page; the old one is not touched",
    )
    add_out(parser)


def run(options: argparse.Namespace) -> int:
    """Do it; see ``HELP``."""
    from napari_sti.io.results import check_folder

    check_folder(options.out, overwrite=options.overwrite)
    return _mend(options) if options.mend is not None else _page(options)


def _mend(options: argparse.Namespace) -> int:
    from napari_sti.maps.dti_mends import is_v1, write_mended_dti
    from napari_sti.maps.mend_files import write_mended

    if options.dti or options.study or options.white:
        raise InputError("--mend needs the result alone", mend="leave --study, --dti and --white out")
    if is_v1(options.result):
        done = write_mended_dti(
            options.result,
            options.fa,
            options.mend,
            options.out / options.result.name,
            frame=options.frame,
            overwrite=options.overwrite,
        )
        print(f"{done.sentence} Copy with its record in {done.path}")
        return 0
    if options.fa is not None:
        raise InputError("--fa goes with --mend of V1, and this is a result", mend="leave it out")
    done = write_mended(options.result, options.mend, options.out, frame=options.frame, overwrite=options.overwrite)
    print(f"{done.sentence} New result in {options.out}")
    return 0


def _page(options: argparse.Namespace) -> int:
    from napari_sti.io import atomic
    from napari_sti.jobs.quality import PAGE, look, refuse_inputs, write_quality
    from napari_sti.maps.quality_lines import SECTIONS, TITLES, quality_lines

    given = _given(options)
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


def _given(options: argparse.Namespace) -> "QualityInput":
    from napari_sti.jobs.quality import check_quality
    from napari_sti.maps.dti_mends import is_v1

    v1, fa = options.dti or (None, None)
    for name in ("dti_frame", "dti_mend"):
        if v1 is None and getattr(options, name):
            raise InputError(f"--{name.replace('_', '-')} goes with --dti", mend="give V1 and FA as well")
    if options.fa is not None:
        raise InputError("--fa goes with --mend of V1", mend="compare with a DTI by --dti V1 FA")
    if is_v1(options.result):
        raise InputError(
            "this is V1 of a DTI and no tensor", file=options.result, mend="mend it by --mend, or compare with --dti"
        )
    words = {"result": str(options.result), "frame": options.frame, "v1": _text(v1), "fa": _text(fa)}
    words |= {"dti_frame": options.dti_frame, "white": _text(options.white), "dti_mend": options.dti_mend}
    return check_quality({name: word for name, word in words.items() if word})


def _text(path: Path | None) -> str:
    return "" if path is None else str(path)
