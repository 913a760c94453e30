"""What the files in ``commands/`` hold, and what several of them share.

Each has a ``NAME``, a ``HELP`` (one line), an ``ORDER`` (place in the list), ``add(parser)``, which adds its arguments,
and ``run(options)``, which does the work and returns the exit status. Heavy imports belong inside ``run``.
"""

import argparse
import importlib
import pkgutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_sti.cli import commands as _folder
from napari_sti.core.errors import InputError
from napari_sti.core.params import Parameter
from napari_sti.core.progress import Step
from napari_sti.jobs.reporter import TimeLeft

DEVICES = ("auto", "cpu", "cuda", "mps")


def all_commands() -> list[Any]:
    """Modules of all commands, in the order of the work."""
    found = [
        importlib.import_module(f"{_folder.__name__}.{info.name}") for info in pkgutil.iter_modules(_folder.__path__)
    ]
    return sorted(found, key=lambda module: (module.ORDER, module.NAME))


def add_out(parser: argparse.ArgumentParser) -> None:
    """Add the folder for what is written, and ``--overwrite``."""
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="DIR")
    add_overwrite(parser)


def add_overwrite(parser: argparse.ArgumentParser) -> None:
    """Add ``--overwrite``; without it nothing is ever replaced."""
    parser.add_argument("--overwrite", action="store_true", help="replace what an earlier run left in the folder")


def add_parameters(parser: argparse.ArgumentParser) -> None:
    """Add ``-p NAME=VALUE``, to be read by `assignments`."""
    parser.add_argument("-p", "--param", action="append", default=[], metavar="NAME=VALUE", help="set a parameter")


def assignments(words: Sequence[str]) -> dict[str, str]:
    """Names and values of ``NAME=VALUE`` words."""
    values = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.strip():
            raise InputError(f"-p {word} is not an assignment", mend="write -p NAME=VALUE, for example -p lam=0.001")
        values[name.strip()] = value.strip()
    return values


def word(value: object) -> str:
    """A value as it would be typed."""
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)


def span(p: Parameter) -> str:
    """Range or choices of a parameter, with a space behind it; empty if there are none."""
    if p.choices:
        return f"({', '.join(p.choices)}) "
    low = "" if p.low is None else f"from {p.low:g}"
    high = "" if p.high is None else f"to {p.high:g}"
    words = " ".join(w for w in (low, high) if w)
    return f"({words}) " if words else ""


class Meter:
    """Progress on standard error: one line that renews itself on a terminal, one line in ten per cent elsewhere."""

    def __init__(self, title: str) -> None:
        self._title, self._live, self._last = title, sys.stderr.isatty(), -1.0
        self._left = TimeLeft()

    def __enter__(self) -> "Meter":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live and self._last >= 0:
            print(file=sys.stderr)

    def __call__(self, step: Step) -> None:
        """Say where the work is."""
        left = self._left.update(step, time.monotonic())
        share = step.iteration / step.total if step.total else 0.0
        if not self._live and share < self._last + 0.1 and step.iteration != step.total:
            return
        self._last = share
        words = [
            f"{self._title}:",
            step.message or "iteration",
            *([f"{step.iteration}/{step.total or '?'}"] if step.iteration or step.total else []),
        ]
        if step.residual is not None:
            words.append(f"residual {step.residual:.3g}")
        if left is not None:
            words.append(f"{left:.0f} s left")
        line = " ".join(words)
        print(f"\r{line:<100}" if self._live else line, end="" if self._live else "\n", file=sys.stderr, flush=True)
