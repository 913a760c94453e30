"""``napari-sti recon``."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_sti.cli.command import DEVICES, Meter, add_out, add_parameters, assignments
from napari_sti.core.errors import InputError
from napari_sti.core.frames import FRAMES
from napari_sti.core.method import Method
from napari_sti.core.params import from_mapping

NAME = "recon"
HELP = "reconstruct the susceptibility tensor of a study"
ORDER = 40


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("study", type=Path, metavar="STUDY", help="study file (YAML or JSON)")
    parser.add_argument("-m", "--method", required=True, help="see 'napari-sti methods'")
    add_parameters(parser)
    parser.add_argument(
        "--weights", metavar="FILE", help="trained weights, for methods that need them: a file, or a name that is known"
    )
    parser.add_argument("--start", type=Path, metavar="DIR", help="begin at the result in this folder")
    parser.add_argument("--device", choices=DEVICES, default="auto")
    parser.add_argument("--frame", choices=FRAMES, default="voxel", help="axes of the written tensor (default: voxel)")
    add_out(parser)


def run(options: argparse.Namespace) -> int:
    """Do it; see ``HELP``."""
    from napari_sti.io.load import load_study
    from napari_sti.io.results import check_folder, check_no_input, save_result
    from napari_sti.recon.reconstruct import reconstruct
    from napari_sti.recon.registry import get_method
    from napari_sti.recon.start import check_start, load_start
    from napari_sti.recon.weights import domain_remarks, find_weights

    method = get_method(options.method)
    params = assignments(options.param)
    if options.weights is not None:
        params = _with_weights(method, params, options.weights)
    checked: Any = from_mapping(method.Params, params)  # a wrong name or value is said before the study is read
    weights = find_weights(checked.weights) if method.needs.weights else None
    check_start(method, options.start)
    check_folder(options.out, overwrite=options.overwrite)
    start = None if options.start is None else load_start(options.start)
    acquisition = load_study(options.study)
    check_no_input(options.out, (entry.get("path") for entry in acquisition.inputs))
    method.check(acquisition)  # a refusal comes before what would be said of the result
    unlike = () if weights is None else domain_remarks(weights, acquisition)
    for sentence in (*acquisition.warnings, *method.remarks(acquisition), *unlike):
        print(f"note: {sentence}", file=sys.stderr)
    with Meter(method.title) as meter:
        tensor = reconstruct(
            acquisition,
            options.method,
            device=options.device,
            progress=meter,
            start=None if start is None else start.tensor,
            **params,
        )
    tensor = tensor if start is None else start.told(tensor)
    save_result(tensor, options.out, frame=options.frame, overwrite=options.overwrite)
    seconds, device = tensor.provenance["seconds"], tensor.provenance["device"]
    print(f"{method.title} took {seconds:.1f} s on {device}; maps in {options.out}")
    return 0


def _with_weights(method: Method, params: Mapping[str, str], weights: str) -> dict[str, str]:
    if not method.needs.weights:
        raise InputError(f"{method.title} uses no weights", mend="leave --weights out")
    if "weights" in params:
        raise InputError("the weights are given twice", mend="leave --weights or -p weights=... out")
    return {**params, "weights": weights}
