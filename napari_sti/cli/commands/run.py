"""``napari-sti run``."""

import argparse
from pathlib import Path

from napari_sti.cli.command import Meter, add_overwrite

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
    with Meter(job.name or job.kind) as meter:
        result = run_job(job, meter, overwrite=options.overwrite)
    print(f"result in {result}")
    return 0
