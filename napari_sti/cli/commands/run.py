"""``napari-sti run``."""

import argparse
import sys
from pathlib import Path

from napari_sti.cli.command import Meter, add_overwrite
from napari_sti.core.errors import Cancelled

NAME = "run"
HELP = "run a job file, such as the window leaves beside every result"
ORDER = 70


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("job", type=Path, metavar="job.json")
    add_overwrite(parser)


def run(options: argparse.Namespace) -> int:
    """Do it; see ``HELP``."""
    from napari_sti.jobs.job import read_job
    from napari_sti.jobs.run import run_job

    job = read_job(options.job)
    try:
        with Meter(job.name or job.kind) as meter:
            result = run_job(job, meter, overwrite=options.overwrite)
    except Cancelled:
        if job.kind != "train":
            raise
        print("napari-sti: stopped; the state is saved, and the same command goes on from it", file=sys.stderr)
        return 130
    print(f"result in {result}")
    return 0
