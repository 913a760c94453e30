"""Every reconstruction method: time per iteration, against what it cannot do without and what one would write first.

    python -m benchmarks.methods [--shape 128 144 112] [--orientations 6] [--iterations 8] [--threads 2] [--markdown]
    python -m benchmarks.methods --alone           # lets all other programs wait meanwhile (see `benchmarks.alone`)
    python -m benchmarks.methods --full            # 182x218x182, six orientations: time and memory alone
    python -m benchmarks.methods --precondition    # iterations and time to one tolerance with and without

*operator* is the time that an iteration spends inside the forward operator and its adjoint, clocked in the same run,
so that what else the machine does hits both alike; the ratio is of medians over the iterations, the first left out.
Edge-weighted QSM has no such calls, since its unknown lives in k-space: there it is one forward and one adjoint on
volumes, as many transforms as its iteration takes, timed in turns with its iterations. With a learned prior all the
time is the network's, and there is no ratio.
*bare* is the time of the real transforms of an iteration without anything else, *literal* that of one iteration as
the formulas are written (`benchmarks.literal`). Peak memory is that of a fresh process over what was there before
the run, beside what the method states beforehand. With one thread processor time is taken. Rows for a GPU follow
where there is one. The data are noise in an ellipsoid: nothing here depends on what they show.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch

from benchmarks.alone import take_the_cores
from benchmarks.literal import (
    GradientRows,
    LiteralOperator,
    Rows,
    TissueRows,
    conjugate_gradients,
    proximal_gradient,
)
from benchmarks.operator import bare, directions, in_turns
from napari_sti.core.acquisition import Acquisition
from napari_sti.core.method import Method
from napari_sti.core.params import describe
from napari_sti.core.progress import Step
from napari_sti.recon.reconstruct import reconstruct
from napari_sti.recon.registry import get_method, methods
from napari_sti.recon.scalar import ScalarOperator
from napari_sti.recon.solvers.imagespace import ImageOperator
from napari_sti.recon.solvers.kspace import KSpaceOperator
from napari_sti.recon.wavelet_filters import decomposition_filter, padded_shape

OPERATORS = (KSpaceOperator, ImageOperator, ScalarOperator)
LIMIT = 1.6
"""Times the operator calls that an iteration may take at most."""
FULL = (182, 218, 182)
FULL_LIMIT = 6e9
"""Bytes that a full brain with six orientations may take at most."""


def study(shape: tuple[int, ...], orientations: int) -> Acquisition:
    """Noise within an ellipsoid, with tissue masks and an image with edges."""
    rng = np.random.default_rng(0)
    place = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij", sparse=False))
    radius = (place**2).sum(0)
    mask = radius < 0.8
    field = rng.normal(0, 0.01, (orientations, *shape)).astype(np.float32) * mask
    return Acquisition(
        field,
        directions(orientations),
        mask,
        np.eye(4),
        wm_mask=mask & (np.abs(np.sin(6 * radius)) > 0.5),
        csf_mask=radius < 0.05,
    )


def is_iterative(method: Method) -> bool:
    return any(p.name == "max_iterations" for p in describe(method.Params))


def few(method: Method, iterations: int) -> dict[str, Any]:
    """Parameters with which a method takes so many iterations; exact stopping would end noise early."""
    known = {p.name for p in describe(method.Params)}
    return {name: value for name, value in (("max_iterations", iterations), ("tol", 0.0)) if name in known}


# ---- time -------------------------------------------------------------------------------------------------------


class Clock:
    """Clocks iterations, and within them the calls of the operators; or beside them whatever `beside` computes."""

    def __init__(self, device: str, beside: Callable[[], object] | None = None) -> None:
        self._device, self._beside, self.inside = device, beside, 0.0
        self._begun = (self.now(device), 0.0)
        self.steps: list[tuple[float, float]] = []

    @staticmethod
    def now(device: str) -> float:
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        return time.process_time() if device == "cpu" and torch.get_num_threads() == 1 else time.perf_counter()

    def step(self, step: Step) -> None:
        now = self.now(self._device)
        if step.iteration:
            taken = now - self._begun[0]
            if self._beside is not None:
                self._beside()
                self.inside += self.now(self._device) - now
            self.steps.append((taken, self.inside - self._begun[1]))
        self._begun = (self.now(self._device), self.inside)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Clock every forward and adjoint meanwhile."""
        kept = [(cls, name, getattr(cls, name)) for cls in OPERATORS for name in ("forward", "adjoint")]
        for cls, name, plain in kept:
            setattr(cls, name, self._clocked(plain))
        try:
            yield
        finally:
            for cls, name, plain in kept:
                setattr(cls, name, plain)

    def _clocked(self, plain: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        def call(*args: Any, **more: Any) -> torch.Tensor:
            start = self.now(self._device)
            out = plain(*args, **more)
            self.inside += self.now(self._device) - start
            return out

        return call

    def medians(self) -> tuple[float, float]:
        """Milliseconds of an iteration, and of the operator calls in it or beside it."""
        ms = 1e3 * np.array(self.steps[2:])
        return float(np.median(ms[:, 0])), float(np.median(ms[:, 1]))


def timed(method: Method, given: Acquisition, options: argparse.Namespace, device: str) -> dict[str, float]:
    """Run a method for a few iterations: milliseconds."""
    alone = method.id == "edge_qsm"
    clock = Clock(device, on_volumes(given, device) if alone else None)
    start = clock.now(device)
    with nullcontext() if alone else clock.watching():
        params = few(method, options.iterations)
        reconstruct(given, method.id, device=device, progress=clock.step, **params)
    row = {"total": 1e3 * (clock.now(device) - start)}
    if is_iterative(method):
        row["iteration"], row["operator"] = clock.medians()
    return row


def on_volumes(given: Acquisition, device: str) -> Callable[[], object]:
    """A forward and an adjoint of one scalar volume and one orientation."""
    operator = ScalarOperator(given.shape, given.voxel_size, given.b0_dirs[:1], given.mask, device=device)
    x, y = operator.empty_volumes(1).normal_(), operator.empty_volumes(1)
    return lambda: operator.adjoint(operator.forward(x, out=y), out=x)


def transforms(method: Method, orientations: int) -> int:
    """Real transforms of one iteration, half of them in each direction."""
    scalar = {"cosmos": 2 + 2 * orientations, "edge_qsm": 2 + 2}  # one orientation, and the penalty
    if method.id in scalar:
        return scalar[method.id]
    in_images = {"mmsr": 6, "wavelet_sti": 6, "asti_plus": 9}
    return 2 * orientations + 2 * in_images.get(method.id, 0)


def literal(method: Method, given: Acquisition) -> Callable[[], None] | None:
    """One iteration of the method as it is written down, without preconditioner."""
    components = {"stiimag": 6, "mmsr": 6, "wavelet_sti": 6, "asti": 9, "asti_plus": 9, "cosmos": 1, "edge_qsm": 1}
    if method.id not in components:
        return None
    count = components[method.id]
    dirs, field = given.b0_dirs, torch.tensor(given.field)
    if method.id == "edge_qsm":
        dirs, field = dirs[:1], field[:1]
    mask = torch.tensor(given.mask, dtype=torch.float32)
    if method.id == "wavelet_sti":
        further = [(0, to - n) for n, to in zip(given.shape, padded_shape(given.shape, 3), strict=True)]
        mask = torch.tensor(np.pad(given.mask, further), dtype=torch.float32)
        field = torch.tensor(np.pad(np.asarray(given.field), [(0, 0), *further]))
    operator = LiteralOperator(tuple(mask.shape), dirs, mask, count)
    if method.id == "wavelet_sti":
        return proximal_gradient(operator, field, decomposition_filter("db4").copy(), 1e-4)
    rows: Rows | None = GradientRows(mask) if method.id == "edge_qsm" else None
    if method.id in ("mmsr", "asti_plus"):
        rows = TissueRows(count, 1 - mask, 1 - mask if method.id == "mmsr" else None, mask)
    iterate: Callable[[], None] = conjugate_gradients(operator, field, rows)
    return iterate


# ---- memory -----------------------------------------------------------------------------------------------------


def peak(method: str, shape: tuple[int, ...], orientations: int) -> int:
    """Peak memory in bytes of two iterations over what was there before, in this process."""
    chosen = get_method(method)
    reconstruct(study((16, 16, 16), orientations), method, device="cpu", **few(chosen, 2))  # loads what is loaded late
    given = study(shape, orientations)
    before = psutil.Process().memory_info().rss
    reconstruct(given, method, device="cpu", **few(chosen, 2))
    lines = Path("/proc/self/status").read_text().splitlines()  # of this program alone
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024 - before


def peak_elsewhere(method: str, options: argparse.Namespace) -> float | None:
    if not sys.platform.startswith("linux"):
        return None
    command = [sys.executable, "-m", "benchmarks.methods", "--peak", method, "--threads", str(options.threads)]
    command += ["--orientations", str(options.orientations), "--shape", *map(str, options.shape)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout.splitlines()[-1]))


# ---- tables -----------------------------------------------------------------------------------------------------


HEAD = (
    "method",
    "ms/iteration",
    "operator",
    "ratio",
    "bare",
    "to bare",
    "literal",
    "faster",
    "total s",
    "peak",
    "said",
)


def report(options: argparse.Namespace) -> None:
    shape, chosen = tuple(options.shape), options.methods or list(methods())
    # First, since a process is charged with the size that its parent had when it was started.
    memory = {} if options.no_memory else {name: peak_elsewhere(name, options) for name in chosen}
    given = study(shape, options.orientations)
    size = "x".join(map(str, shape))
    print(f"{size}, {options.orientations} orientations, float32, {options.threads} threads, medians\n")
    table = Table(HEAD, options.markdown)
    slow = []
    for device in ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]:
        for name in chosen:
            method = get_method(name)
            row = timed(method, given, options, device)
            if device == "cpu" and not options.full and not options.no_literal:
                row |= compared(method, given)
            row["said"] = float(method.memory_bytes(given.shape, options.orientations, method.Params()))
            table.print(
                name if device == "cpu" else f"{name} (GPU)", row, memory.get(name) if device == "cpu" else None
            )
            if row.get("operator") and row["iteration"] > LIMIT * row["operator"]:
                slow.append(f"{name} ({device})")
    print(f"\nabove {LIMIT} times the operator: {', '.join(slow) or 'none'}")
    if options.full:
        large = [name for name, size in memory.items() if size and size > FULL_LIMIT]
        print(f"above {FULL_LIMIT / 1e9:g} GB: {', '.join(large) or 'none'}")


def compared(method: Method, given: Acquisition) -> dict[str, float]:
    """What else an iteration is compared with, in ms: taken in turns, right after the method itself."""
    written = literal(method, given)
    if written is None:
        return {}
    pairs = transforms(method, given.n_orientations) // 2
    return in_turns({"bare": bare(given.shape, "ours", pairs), "literal": written}, 2)


class Table:
    """Prints rows as they come, for a terminal or for a Markdown file."""

    def __init__(self, head: tuple[str, ...], markdown: bool) -> None:
        self._markdown = markdown
        self._cells(*head)
        if markdown:
            print("|" + "---|" * len(head))

    def print(self, name: str, row: dict[str, float], peak_bytes: float | None) -> None:
        iteration = row.get("iteration")

        def ms(key: str) -> str:
            return f"{row[key]:.0f}" if key in row else ""

        def times(a: float | None, b: float | None) -> str:
            return f"{a / b:.2f}" if a and b else ""

        self._cells(
            name,
            ms("iteration"),
            ms("operator"),
            times(iteration, row.get("operator")),
            ms("bare"),
            times(iteration, row.get("bare")),
            ms("literal"),
            times(row.get("literal"), iteration),
            "" if iteration else f"{row['total'] / 1e3:.2f}",
            "" if peak_bytes is None else f"{peak_bytes / 1e6:.0f} MB",
            f"{row['said'] / 1e6:.0f} MB",
        )

    def _cells(self, *cells: str) -> None:
        if self._markdown:
            print("| " + " | ".join(cells) + " |", flush=True)
        else:
            print(f"{cells[0]:20s}" + "".join(f"{cell:>13s}" for cell in cells[1:]), flush=True)


def preconditioning(options: argparse.Namespace) -> None:
    """Iterations and seconds to the same tolerance with and without, on a simulated brain."""
    from napari_sti.simulate.study import SimulationParams, simulate

    given = simulate(SimulationParams(orientations=options.orientations, max_tilt=37, voxel_size=options.voxel_size))
    size = "x".join(map(str, given.shape))
    print(
        f"simulated brain, {options.voxel_size} mm, {size}, {options.orientations} orientations, default tolerances\n"
    )
    bar = "| " if options.markdown else ""
    print(bar + f"{'method':14s}{bar}{'preconditioned':>16s}{bar}{'iterations':>12s}{bar}{'seconds':>9s}{bar}")
    if options.markdown:
        print("|---|---|---|---|")
    for name in options.methods or list(methods()):
        if not any(p.name == "precondition" for p in describe(get_method(name).Params)):
            continue
        for wanted in (True, False):
            found = reconstruct(given, name, device="cpu", precondition=wanted, max_iterations=2000)
            records = found.provenance["iterations"]
            line = (
                f"{name:14s}",
                f"{'yes' if wanted else 'no':>16s}",
                f"{len(records):12d}",
                f"{records[-1]['seconds']:9.1f}",
            )
            print(bar + bar.join(line) + bar, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", type=int, nargs=3, default=(128, 144, 112))
    parser.add_argument("--orientations", type=int, default=6)
    parser.add_argument("--iterations", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--methods", nargs="*", choices=sorted(methods()), help="these alone")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--full", action="store_true", help="a whole brain at 1 mm; time and memory alone")
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--no-literal", action="store_true")
    parser.add_argument("--alone", action="store_true", help="let all other programs wait meanwhile")
    parser.add_argument("--precondition", action="store_true")
    parser.add_argument("--voxel-size", default="3", help="of the simulated brain in mm, with --precondition")
    parser.add_argument("--peak", choices=sorted(methods()), help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.alone:
        take_the_cores()
    if options.full:
        options.shape, options.orientations = FULL, 6
        options.iterations = min(options.iterations, 4)
    if options.peak:
        print(json.dumps(peak(options.peak, tuple(options.shape), options.orientations)))
    elif options.precondition:
        preconditioning(options)
    else:
        report(options)


if __name__ == "__main__":
    main()
