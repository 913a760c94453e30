"""``napari-sti train``."""

import argparse
import sys
from pathlib import Path

from napari_sti.cli.command import DEVICES, Meter, add_overwrite, add_parameters, assignments, span, word
from napari_sti.core.errors import Cancelled
from napari_sti.core.params import describe

NAME = "train"
HELP = "train a network; the same command takes up a training that was stopped"
ORDER = 60


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("task", metavar="TASK", nargs="?", help="what to train; without it, all tasks are listed")
    add_parameters(parser)
    parser.add_argument("--minutes", type=float, metavar="M", help="stop after so many, to be gone on with later")
    parser.add_argument("--device", choices=DEVICES, default="auto")
    several = parser.add_argument_group("several devices (options of PyTorch Lightning)")
    several.add_argument("--devices", type=int, default=1, metavar="N", help="devices on each machine (default: 1)")
    several.add_argument("--nodes", type=int, default=1, metavar="N", help="machines (default: 1)")
    several.add_argument("--strategy", default="auto", help="how they work together, such as ddp (default: auto)")
    parser.add_argument("-o", "--out", type=Path, metavar="DIR", help="folder of the training")
    add_overwrite(parser)


def run(options: argparse.Namespace) -> int:
    """Do it; see ``HELP``."""
    from napari_sti.core.errors import InputError
    from napari_sti.learn.registry import get_task

    if options.task is None:
        return _list()
    task = get_task(options.task)
    given = assignments(options.param)
    if options.out is None:
        raise InputError("no folder was given for the training", mend="write -o DIR")
    from napari_sti.learn.engine import train

    try:
        with Meter(task.title) as meter:
            folder = train(
                task.id,
                given,
                options.out,
                progress=meter,
                device=options.device,
                minutes=options.minutes,
                overwrite=options.overwrite,
                devices=options.devices,
                nodes=options.nodes,
                strategy=options.strategy,
            )
    except Cancelled:
        print("napari-sti: stopped; the state is saved, and the same command goes on from it", file=sys.stderr)
        return 130
    return _say(folder)


def _say(folder: Path) -> int:
    from napari_sti.learn.folder import read_training

    training = read_training(folder)
    if training is None:
        return 1
    more = "" if training.state == "done" else "; the same command goes on from here"
    print(f"{training.step} steps in {training.seconds:.0f} s; weights in {folder / training.weights}{more}")
    return 0


def _list() -> int:
    from napari_sti.learn.registry import tasks

    for task in tasks().values():
        print(f"{task.id}: {task.title}. {task.summary}")
        for p in describe(task.Params):
            unit = f" {p.unit}" if p.unit else ""
            print(f"    {p.name} = {word(p.default)}{unit}  {span(p)}{p.help}")
    return 0
