"""``napari-sti trust``."""

import argparse
import sys
from pathlib import Path

from napari_sti.cli.command import DEVICES, Meter, add_out, add_parameters, assignments
from napari_sti.core.frames import FRAMES
from napari_sti.core.params import from_mapping

NAME = "trust"
HELP = "map what can be trusted: how far the result moves without any one orientation"
ORDER = 45


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("study", type=Path, metavar="STUDY", help="study file (YAML or JSON)")
    parser.add_argument("-m", "--method", required=True, help="see 'napari-sti methods'")
    add_parameters(parser)
    parser.add_argument("--device", choices=DEVICES, default="auto")
    parser.add_argument("--frame", choices=FRAMES, default="voxel", help="axes of the written tensor (default: voxel)")
    add_out(parser)


def run(options: argparse.Namespace) -> int:
    """Do it; see ``HELP``."""
    from napari_sti.core.memory import size_text
    from napari_sti.io.load import load_study
    from napari_sti.io.replicates import REPLICATES
    from napari_sti.io.results import check_folder, check_no_input
    from napari_sti.maps.trust import save_trust
    from napari_sti.recon.leave_one_out import SPREADS, leave_one_out
    from napari_sti.recon.registry import get_method

    method = get_method(options.method)
    params = assignments(options.param)
    from_mapping(method.Params, params)  # a wrong name or value is said before the study is read
    check_folder(options.out, overwrite=options.overwrite)
    acquisition = load_study(options.study)
    check_no_input(options.out, (entry.get("path") for entry in acquisition.inputs), further=(*SPREADS, "replicates"))
    with Meter(method.title) as meter:
        trust = leave_one_out(
            acquisition,
            options.method,
            device=options.device,
            progress=meter,
            **params,
        )
    for sentence in trust.full.provenance["remarks"]:
        print(f"note: {sentence}", file=sys.stderr)
    save_trust(trust, options.out, frame=options.frame, overwrite=options.overwrite)
    runs = acquisition.n_orientations + 1
    print(f"{method.title} ran {runs} times on {trust.full.provenance['device']}; maps in {options.out}")
    if trust.replicates is not None:
        size = size_text((options.out / REPLICATES).stat().st_size)
        print(f"{len(trust.replicates)} replicates for probabilistic tracts: {size} in {REPLICATES}")
    return 0
