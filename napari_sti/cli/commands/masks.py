"""``napari-sti masks``."""

import argparse
import sys
from pathlib import Path

from napari_sti.cli.command import add_overwrite
from napari_sti.core.errors import InputError

NAME = "masks"
HELP = "white matter and CSF masks of a study, estimated from a T1 or a magnitude image"
ORDER = 35


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("study", type=Path, metavar="STUDY", help="study file (YAML or JSON)")
    parser.add_argument(
        "--image", type=Path, metavar="FILE", help="on the study's grid, in any storage order [its magnitude]"
    )
    parser.add_argument(
        "--contrast", help="t1: CSF dark, white matter bright; t2star: CSF bright, white matter dark (never guessed)"
    )
    parser.add_argument("-o", "--out", type=Path, metavar="DIR", help="[a folder 'masks' beside the study file]")
    add_overwrite(parser)


def run(options: argparse.Namespace) -> int:
    """Do it; see ``HELP``."""
    from napari_sti.io.atomic import prepare_folder
    from napari_sti.io.results import check_folder
    from napari_sti.io.study import read_study
    from napari_sti.maps import tissue_files as files
    from napari_sti.maps.tissue import CONTRASTS

    if options.contrast not in CONTRASTS:
        said = "is not stated" if options.contrast is None else f"{options.contrast!r} is not known"
        raise InputError(
            f"the contrast of the image {said}",
            mend="write --contrast t1 (CSF dark, white matter bright) or --contrast t2star (CSF bright)",
        )
    study = read_study(options.study)
    source = files.study_source(study, options.image)
    out = options.out or (study.path or options.study).parent / "masks"
    check_folder(out, overwrite=options.overwrite)
    files.check_masks_folder(out, study, source.files)
    tissue, grid = files.estimate_masks(study, source, options.contrast)
    prepare_folder(out, overwrite=options.overwrite)
    masks = files.write_masks(out, tissue, grid, study, source, overwrite=options.overwrite)
    written = files.write_masked_study(out, study, masks, overwrite=options.overwrite)
    for name, title in files.TITLES.items():
        if getattr(study, name) is not None:
            print(f"note: the new study has this {title} instead of {getattr(study, name)}.", file=sys.stderr)
    for sentence in (*study.warnings, *tissue.remarks):
        print(f"note: {sentence}", file=sys.stderr)
    print(f"white matter {tissue.wm_ml:.0f} ml, CSF {tissue.csf_ml:.1f} ml; look at them before you use them")
    print(f"study with masks in {written}")
    return 0
