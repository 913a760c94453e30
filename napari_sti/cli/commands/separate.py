"""``napari-sti separate``."""

import argparse
import sys
from pathlib import Path
from typing import Any

from napari_sti.cli.command import DEVICES, Meter, add_out, add_parameters, assignments
from napari_sti.core.frames import FRAMES
from napari_sti.core.params import from_mapping
from napari_sti.core.relaxometry import DEFAULT_DR, PRESETS, relaxation

NAME = "separate"
HELP = "separate susceptibility into its para- and diamagnetic part"
ORDER = 45


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("study", type=Path, metavar="STUDY", help="study file (YAML or JSON)")
    parser.add_argument("-m", "--method", required=True, help="see 'napari-sti methods --separation'")
    add_parameters(parser)
    parser.add_argument(
        "--chi", metavar="WHAT", help="susceptibility [ppm]: a file, the folder of a result, or qsm or tensor (default:"
        " the one that the study holds)"
    )  # fmt: skip
    parser.add_argument(
        "--chi-frame", choices=FRAMES, help="axes of a tensor's components, where no sidecar states them"
    )
    parser.add_argument(
        "--dr",
        default=DEFAULT_DR,
        metavar="HZ_PER_PPM",
        help=f"Dr of both parts, or one of {', '.join(PRESETS)} (default: {DEFAULT_DR})",
    )
    parser.add_argument("--dr-neg", metavar="HZ_PER_PPM", help="Dr of the diamagnetic part, if it is another")
    for name, what in (("r2prime", "R2' [Hz]"), ("r2star", "R2* [Hz]")):
        parser.add_argument(f"--{name}", nargs="+", type=Path, metavar="FILE", help=f"{what}, one or one for each")
    parser.add_argument("--r2", type=Path, metavar="FILE", help="R2 [Hz]")
    parser.add_argument("--constant-r2", type=float, metavar="HZ", help="one R2 for all voxels, in the place of a map")
    parser.add_argument(
        "--r2-orientation", type=int, metavar="N", help="orientation (from 1) in which a single map of R2' was measured"
    )
    parser.add_argument("--device", choices=DEVICES, default="auto")
    parser.add_argument("--frame", choices=FRAMES, default="voxel", help="axes of the written tensor (default: voxel)")
    parser.add_argument(
        "--naming",
        choices=("sti", "para-dia"),
        default="sti",
        help="para-dia: chi-para.nii.gz and chi-dia.nii.gz",
    )
    parser.add_argument(
        "--regions", type=Path, metavar="FILE", help="label image on the grid of the study: regions.csv says what both "
        "sources are in each of its labels, with the closed form beside them"
    )  # fmt: skip
    add_out(parser)


def run(options: argparse.Namespace) -> int:
    """Do it; see ``HELP``."""
    from napari_sti.io.load import load_study
    from napari_sti.io.results import check_folder
    from napari_sti.io.separations import check_separation_folder, save_separation
    from napari_sti.recon.separate import separate
    from napari_sti.recon.separation_registry import get_separation_method

    method = get_separation_method(options.method)
    params = assignments(options.param)
    from_mapping(method.Params, params)  # a wrong name or value is said before the study is read
    if options.dr not in PRESETS or not PRESETS[options.dr].per_tesla:
        relaxation(options.dr, options.dr_neg)
    check_folder(options.out, overwrite=options.overwrite)
    acquisition = load_study(options.study)
    paths = [entry.get("path") for entry in acquisition.inputs]
    labels = None if options.regions is None else _labels(options.regions, acquisition)
    paths += [options.chi, options.r2, options.regions, *(options.r2prime or ()), *(options.r2star or ())]
    check_separation_folder(options.out, paths, naming=options.naming)
    with Meter(method.title) as meter:
        result = separate(
            acquisition,
            method.id,
            chi=options.chi,
            frame=options.chi_frame,
            r2prime=options.r2prime,
            r2star=options.r2star,
            r2=options.r2,
            constant_r2=options.constant_r2,
            r2_orientation=options.r2_orientation,
            dr=options.dr,
            dr_neg=options.dr_neg,
            device=options.device,
            progress=meter,
            **params,
        )
    save_separation(result, options.out, frame=options.frame, naming=options.naming, overwrite=options.overwrite)
    if labels is not None:
        _write_regions(result, labels, options)
    _say(result.provenance, method.title, options.out)
    return 0


def _labels(path: Path, acquisition: Any) -> Any:
    """Labels on the grid of the study, read before anything is computed."""
    import numpy as np

    from napari_sti.io.load import read_on_grid
    from napari_sti.io.nifti import Header

    grid = Header(acquisition.shape, acquisition.affine, Path(acquisition.name))
    return np.rint(read_on_grid(path, grid, "label image")[0]).astype(np.int32)


def _write_regions(result: Any, labels: Any, options: argparse.Namespace) -> None:
    from napari_sti.io import atomic
    from napari_sti.maps.separation_regions import boxes_csv, region_boxes

    floor = {} if result.closed_form is None else {"closed form": result.closed_form}
    boxes = region_boxes({options.method: result, **floor}, labels)
    atomic.write_text(options.out / "regions.csv", boxes_csv(boxes), overwrite=options.overwrite)


def _say(provenance: Any, title: str, folder: Path) -> None:
    for sentence in provenance["remarks"]:
        print(f"note: {sentence}", file=sys.stderr)
    print(f"{title} took {provenance['seconds']:.1f} s on {provenance['device']}; maps in {folder}")
