"""What a training does to the process that it runs in, and gives back afterwards."""

import difflib
import logging
import os
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from napari_sti.core.errors import InputError

if TYPE_CHECKING:
    from napari_sti.learn.keeper import Keeper


@dataclass(frozen=True)
class Places:
    """Where a training runs.

    Parameters
    ----------
    device : str
        Resolved: ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.
    devices, nodes : int
        So many of them on each of so many machines.
    strategy : str
        How they work together, in Lightning's words.
    """

    device: str
    devices: int = 1
    nodes: int = 1
    strategy: str = "auto"

    @classmethod
    def of(cls, device: str, devices: int, nodes: int, strategy: str) -> "Places":
        """Check what was asked for.

        Raises
        ------
        InputError
            If there is no such device or strategy, or a number is none.
        """
        from lightning.pytorch.strategies import StrategyRegistry

        from napari_sti.recon.devices import resolve

        where = resolve(device)
        for name, number in (("devices", devices), ("nodes", nodes)):
            if not 1 <= number <= 10_000:
                raise InputError(f"{name} = {number} is no number of {name}", mend="give 1 or more")
        if where.startswith("cuda") and devices > torch.cuda.device_count():
            raise InputError(
                f"there are {torch.cuda.device_count()} CUDA devices, not {devices}", mend="ask for fewer devices"
            )
        known = ["auto", *StrategyRegistry.available_strategies()]
        if strategy not in known:
            near = difflib.get_close_matches(strategy, known, n=3, cutoff=0.3) or ["auto", "ddp"]
            raise InputError(f"the strategy {strategy!r} is not known", mend=f"use {' or '.join(near)}")
        return cls(where, devices, nodes, strategy)

    def options(self) -> dict[str, Any]:
        """The same for Lightning's trainer."""
        kind, _, index = self.device.partition(":")
        return {
            "accelerator": kind,
            "devices": [int(index)] if index and self.devices == 1 else self.devices,
            "num_nodes": self.nodes,
            "strategy": self.strategy,
            "benchmark": kind == "cuda",
        }


def process_number() -> int:
    """Number of this process in a training by several, before Lightning has been set up."""
    for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID"):
        if os.environ.get(name, "").isdigit():
            return int(os.environ[name])
    return 0


@contextmanager
def heeding_signals(keeper: "Keeper") -> Iterator[None]:
    """Let SIGTERM and Ctrl+C end the training in a saved state; a second Ctrl+C ends it at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def heed(number: int, frame: object) -> None:
        if number == signal.SIGINT and keeper.request:
            raise KeyboardInterrupt
        keeper.request = keeper.request or "signal"

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def take() -> None:
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, heed)

    try:
        take()
        # Lightning's own handler of SIGTERM would talk to the other processes in the middle of whatever they do.
        keeper.take_signals = take
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


@contextmanager
def own_settings() -> Iterator[None]:
    """Keep Lightning quiet, and give back the process as it was."""
    log = logging.getLogger("lightning.pytorch")
    level, fabric = log.level, logging.getLogger("lightning.fabric")
    fabric_level, benchmark = fabric.level, torch.backends.cudnn.benchmark
    generator = torch.get_rng_state()
    log.setLevel(logging.ERROR)
    fabric.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            for text in ("does not have many workers", "dataloader is not resumable", "isinstance.*LeafSpec"):
                warnings.filterwarnings("ignore", message=f".*{text}.*")
            yield
    finally:
        log.setLevel(level)
        fabric.setLevel(fabric_level)
        torch.backends.cudnn.benchmark = benchmark
        torch.set_rng_state(generator)
