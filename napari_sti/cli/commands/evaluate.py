"""``napari-sti evaluate``."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sti.cli.command import DEVICES, add_out
from napari_sti.cli.separation_options import add_separation_options, refuse_mixed, separation_design
from napari_sti.core.errors import Cancelled, InputError
from napari_sti.core.progress import Step

if TYPE_CHECKING:
    from napari_sti.evaluate.design import Design

NAME = "evaluate"
HELP = "methods x orientations x noise on simulated brains, of reconstruction or separation: table, curves, picture"
ORDER = 70

QUICK: dict[str, Any] = dict(orientations=(1, 4, 6, 12), snr=(30.0,), max_tilt=(40.0,), seeds=2, voxel_size=5.0)
FULL: dict[str, Any] = dict(
    orientations=(1, 2, 3, 4, 5, 6, 12), snr=(40.0, 20.0), max_tilt=(30.0, 60.0), seeds=3, voxel_size=3.0
)
"""What is run without ``--quick``: hours on a small machine; it can be stopped and goes on where it was."""


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--quick", action="store_true", help="coarse voxels and few conditions: a few minutes")
    several: dict[str, Any] = dict(nargs="+", metavar="VALUE")
    parser.add_argument("--methods", **several, help="ids of methods [all; with --quick those without trained weights]")
    parser.add_argument("--orientations", **several, help="numbers of orientations, such as 1-6 12" + _default(0))
    parser.add_argument("--snr", **several, help="noise levels in dB" + _default(1))
    parser.add_argument("--max-tilt", **several, help="largest tilts in degrees" + _default(2))
    parser.add_argument("--seeds", type=int, metavar="COUNT", help="repetitions" + _default(3))
    parser.add_argument(
        "--brains",
        **several,
        help="sample, dti (real fibres from a diffusion scan) [sample, and dti where it is found]",
    )
    parser.add_argument("--voxel-size", type=float, metavar="MM", help="edge of a voxel" + _default(4))
    parser.add_argument(
        "--same-grid",
        action="store_true",
        help="simulate the field on the grid of the reconstruction (an inverse crime) instead of a finer one",
    )
    parser.add_argument(
        "--real-data",
        type=Path,
        metavar="DIR",
        help="folder with dti_brain/FA.nii.gz, dti_brain/V1.nii.gz and, if there, b0_dirs/*.txt",
    )
    add_separation_options(parser)
    parser.add_argument("--device", default="auto", choices=DEVICES)
    add_out(parser)


def run(options: argparse.Namespace) -> int:
    """Do it; see ``HELP``."""
    refuse_mixed(options)
    if options.separation:
        return _evaluate_separations(options)
    from napari_sti.evaluate.report import write_report
    from napari_sti.evaluate.run import CSV, evaluate

    design = _design(options)
    _prepare(options.out, options.overwrite, CSV)
    try:
        with _Meter() as meter:
            outcome = evaluate(design, options.out, progress=meter)
    except (Cancelled, KeyboardInterrupt):
        print("napari-sti: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    for path in write_report(outcome):
        print(path)
    return 0


def _evaluate_separations(options: argparse.Namespace) -> int:
    from napari_sti.evaluate.separation_report import write_separation_report
    from napari_sti.evaluate.separation_run import CSV, evaluate_separations

    numbers = _whole_numbers(options.orientations)
    snr = _numbers(options.snr, "--snr")
    design = separation_design(options, _words(options.methods), _words(options.dr_cases), numbers, snr)
    _prepare(options.out, options.overwrite, CSV)
    try:
        with _Meter() as meter:
            outcome = evaluate_separations(design, options.out, progress=meter)
    except (Cancelled, KeyboardInterrupt):
        print("napari-sti: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    for path in write_separation_report(outcome):
        print(path)
    return 0


class _Meter:
    """Cells done on standard error: one line that renews itself on a terminal, one line for each cell elsewhere."""

    def __init__(self) -> None:
        self._live, self._last = sys.stderr.isatty(), ""

    def __enter__(self) -> "_Meter":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live and self._last:
            print(file=sys.stderr)

    def __call__(self, step: Step) -> None:
        """Say which cell is run."""
        cell = step.message.partition(", about")[0]
        if not self._live and cell == self._last:
            return
        self._last = cell
        line = f"evaluation: {step.iteration}/{step.total} {step.message}"
        print(f"\r{line:<110}" if self._live else line, end="" if self._live else "\n", file=sys.stderr, flush=True)


def _default(index: int) -> str:
    """Both defaults of an option in words."""
    name = list(FULL)[index]
    words = [
        " ".join(f"{v:g}" for v in value) if isinstance(value, tuple) else f"{value:g}"
        for value in (FULL[name], QUICK[name])
    ]
    return f" [{words[0]}; with --quick {words[1]}]"


def _design(options: argparse.Namespace) -> "Design":
    from napari_sti.evaluate.design import Design
    from napari_sti.simulate.real_fibres import find_real_data

    values: dict[str, Any] = dict(QUICK if options.quick else FULL)
    given = {
        "orientations": _whole_numbers(options.orientations),
        "snr": _numbers(options.snr, "--snr"),
        "max_tilt": _numbers(options.max_tilt, "--max-tilt"),
        "seeds": options.seeds,
        "voxel_size": options.voxel_size,
    }
    values |= {name: value for name, value in given.items() if value is not None}
    real = find_real_data(options.real_data)
    brains = _words(options.brains) or (["sample"] if real is None else ["sample", "dti"])
    return Design(
        methods=tuple(_words(options.methods) or _usual(options.quick)),
        brains=tuple(brains),
        finer=not options.same_grid,
        device=options.device,
        real_data=real,
        **values,
    )


def _usual(quick: bool) -> list[str]:
    """All methods; the coarse voxels of ``--quick`` are unlike anything that trained weights have seen."""
    from napari_sti.recon.registry import methods

    return [id_ for id_, method in methods().items() if not (quick and method.needs.weights)]


def _prepare(folder: Path, overwrite: bool, lines: str) -> None:
    """Make the folder, or take that of an earlier evaluation (with a file of its lines) to go on with it."""
    from napari_sti.io.atomic import check_folder, prepare_folder

    if overwrite:
        prepare_folder(folder, overwrite=True)
        (folder / lines).unlink(missing_ok=True)
    elif (folder / lines).is_file():
        check_folder(folder, overwrite=True)
    else:
        prepare_folder(folder, overwrite=False)


def _words(given: Sequence[str] | None) -> list[str]:
    """Words that are separated by spaces or commas."""
    return [word for text in given or () for word in text.split(",") if word]


def _numbers(given: Sequence[str] | None, option: str) -> tuple[float, ...] | None:
    try:
        return tuple(float(word) for word in _words(given)) or None
    except ValueError:
        raise InputError(f"{option} {' '.join(given or ())} is not a list of numbers", mend="write 40 20") from None


def _whole_numbers(given: Sequence[str] | None) -> tuple[int, ...] | None:
    """Numbers and ranges such as ``1-6``."""
    found: list[int] = []
    for word in _words(given):
        match = re.fullmatch(r"(\d{1,3})(?:-(\d{1,3}))?", word)
        if match is None:
            raise InputError(f"--orientations {word} is not a number", mend="write 1-6 12")
        low, high = int(match[1]), int(match[2] or match[1])
        found += range(low, high + 1)
    return tuple(found) or None
