"""WaveSep against a literal NumPy and PyWavelets implementation of ours: time per iteration and peak memory.

    python -m benchmarks.separation [--shape 96 112 80] [--rounds 9] [--threads 2] [--alone]
    python -m benchmarks.separation --full       # a tensor at 182x218x182, whole run with the closed form beside it

Both compute the same iterations from the same data, in turns within one run, so that what else the machine does hits
both alike; medians are compared, and the results as well. Where other programs use the cores as well, two threads are
hit harder than one, which is why the shortest iterations of both and processor time are given beside that; ``--alone``
makes them wait (see `benchmarks.alone`).

The literal implementation (`literal_separation`) uses double precision, one volume at a time, and `numpy.linalg.eigh`
for every voxel. Peak memory is that of a fresh process over what was there before the first iteration, with the inputs
in place.
"""

import argparse
import ctypes
import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import psutil
import torch

from benchmarks.alone import take_the_cores
from benchmarks.literal_separation import scalar_step, tensor_step
from benchmarks.operator import directions
from napari_sti.core.acquisition import Acquisition
from napari_sti.core.relaxometry import relaxation
from napari_sti.core.separation import Form, SeparationInput
from napari_sti.recon.sources.run import Posed, Sparsity, deepest
from napari_sti.recon.sources.solver import threshold_and_project

STEP, DR = 0.2, 114.0
LAM = {"scalar": (0.02, 0.02), "tensor": (0.01, 0.001)}
TARGETS = {"scalar": 8.0, "tensor": 10.0}
SHARE_OF_MEMORY = 1 / 3
FULL = (182, 218, 182)
SMALL = (16, 16, 16)
ORIENTATIONS = 4


def problem(shape: tuple[int, ...], form: Form) -> SeparationInput:
    """Two sources with noise in an ellipsoid: iron in blobs, tensors along bent fibres."""
    rng = np.random.default_rng(0)
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n, dtype=np.float32) for n in shape), indexing="ij", sparse=True)
    mask = x**2 + y**2 + z**2 < 0.8
    pos = 0.06 * (np.sin(9 * x) * np.cos(7 * y) * np.sin(5 * z) > 0.4) + np.float32(0.005)
    v = np.stack(np.broadcast_arrays(np.cos(2 * y), np.sin(2 * y), 0.5 * np.sin(3 * x) + 0 * z), -1)
    v /= np.linalg.norm(v, axis=-1, keepdims=True)
    pairs = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
    neg = np.stack([0.03 * v[..., a] * v[..., b] - 0.05 * (a == b) for a, b in pairs], -1) + 0 * pos[..., None]
    h = directions(ORIENTATIONS)
    along = [np.array([p[a] * p[b] * (1 if a == b else 2) for a, b in pairs]) for p in h]
    rates = np.stack([DR * (pos - neg @ a) + rng.normal(0, 1, shape) for a in along]) * mask
    chi = (
        neg + pos[..., None] * np.array([1, 0, 0, 1, 0, 1]) if form == "tensor" else pos + neg[..., [0, 3, 5]].mean(-1)
    )
    chi = (chi + rng.normal(0, 0.005, chi.shape)) * (mask[..., None] if form == "tensor" else mask)
    acquisition = Acquisition(None, h, mask, np.eye(4), name="benchmark")
    return SeparationInput(acquisition, np.maximum(rates, 0).astype(np.float32), h, relaxation(DR), chi.astype("f4"))


def literal(given: SeparationInput) -> Callable[[np.ndarray], np.ndarray]:
    """One iteration as written, with its inputs in double precision."""
    mask, rates = given.acquisition.mask, given.rates.astype(np.float64)
    levels = deepest(mask.shape, "db4")
    lam = LAM[given.form]
    if given.form == "scalar":
        chi = given.chi.astype(np.float64)
        return lambda x: scalar_step(x, chi, rates, mask, (DR, DR), STEP, lam[0], "db4", levels)
    chi = np.ascontiguousarray(np.moveaxis(given.chi, -1, 0), np.float64)
    return lambda x: tensor_step(x, chi, rates, mask, given.b0_dirs, DR, STEP, lam, "db4", levels)


def in_turns(given: SeparationInput, rounds: int) -> dict[str, Any]:
    """Seconds of an iteration of both, and how far their results are from each other."""
    from napari_sti.recon.sources.solver import _Published

    step, posed = literal(given), Posed(given, Sparsity(*LAM[given.form]))
    x, state = np.zeros((posed.model.channels, *given.acquisition.shape)), _Published(posed.problem, STEP)
    times: dict[str, list[float]] = {name: [] for name in ("literal", "ours", "literal cpu", "ours cpu")}
    for _ in range(rounds):
        start, start_cpu = time.perf_counter(), time.process_time()
        x = step(x)
        middle, middle_cpu = time.perf_counter(), time.process_time()
        state.advance()
        times["literal"].append(middle - start)
        times["ours"].append(time.perf_counter() - middle)
        times["literal cpu"].append(middle_cpu - start_cpu)
        times["ours cpu"].append(time.process_time() - middle_cpu)
    inside = tuple(slice(0, n) for n in given.acquisition.shape)
    error = np.abs(state.x.numpy()[(slice(None), *inside)] - x).max() / np.ptp(x)
    medians = {name: float(np.median(values[1:])) for name, values in times.items()}
    least = {f"{name} least": float(min(values[1:])) for name, values in times.items()}
    return {**medians, **least, "error": float(error)}


def peak(which: str, shape: tuple[int, ...], form: Form) -> float:
    """Bytes that two iterations take beyond the inputs, in this process."""
    if shape != SMALL:
        peak(which, SMALL, form)  # libraries and their threads take memory of their own, once
    given = problem(shape, form)
    process = psutil.Process()
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what was freed must not be found again as if it were new
    with open("/proc/self/clear_refs", "w") as reset:
        reset.write("5")  # what making the problem took does not count
    if which == "ours":
        before = process.memory_info().rss
        posed = Posed(given, Sparsity(*LAM[form]))
        threshold_and_project(posed.problem, STEP, tol=0.0, max_iterations=2)
    else:
        before = process.memory_info().rss
        step = literal(given)
        step(step(np.zeros((2 if form == "scalar" else 7, *shape))))
    with open("/proc/self/status") as status:
        high = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    return 1024 * high - before


def in_fresh_process(*words: str) -> float:
    command = [sys.executable, "-m", "benchmarks.separation", "--peak", *words]
    return float(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))


def full(threads: int) -> None:
    from napari_sti.recon.separate import separate

    given = problem(FULL, "tensor")
    start = time.perf_counter()
    found = separate(given.acquisition, "wavesep", chi=given.chi, r2prime=given.rates, device="auto")
    seconds = found.provenance["seconds"]
    count = len(found.provenance["iterations"])
    print(
        f"tensor {'x'.join(map(str, FULL))}, {ORIENTATIONS} orientations, {found.provenance['device']}, {threads} "
        f"threads: {seconds:.1f} s for {count} iterations, {time.perf_counter() - start:.1f} s with the closed form"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", type=int, nargs=3, default=(96, 112, 80))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--forms", nargs="+", default=["scalar", "tensor"])
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--alone", action="store_true", help="let all other programs wait meanwhile")
    parser.add_argument("--peak", nargs=2, metavar=("WHICH", "FORM"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    shape = tuple(options.shape)
    if options.peak:
        print(json.dumps(peak(options.peak[0], shape, options.peak[1])))
        return
    if options.alone:
        take_the_cores()
    if options.full:
        full(options.threads)
        return
    for form in options.forms:
        row = in_turns(problem(shape, form), options.rounds)
        sizes = ["--shape", *map(str, shape)]
        bytes_ = {which: in_fresh_process(which, form, *sizes) for which in ("literal", "ours")}
        share = bytes_["ours"] / bytes_["literal"]
        print(f"{form} {'x'.join(map(str, shape))}, {options.threads} threads")
        for name, end in (("medians", ""), ("shortest", " least"), ("medians of processor time", " cpu")):
            literally, ours = row[f"literal{end}"], row[f"ours{end}"]
            print(
                f"  {name}: literal {1e3 * literally:.0f} ms, ours {1e3 * ours:.1f} ms an iteration, "
                f"{literally / ours:.1f} times (wanted {TARGETS[form]:.0f})"
            )
        print(
            f"  memory {bytes_['literal'] / 1e6:.0f} and {bytes_['ours'] / 1e6:.0f} MB, {share:.2f} (wanted "
            f"{SHARE_OF_MEMORY:.2f}); results differ by {row['error']:.1e} of the range"
        )


if __name__ == "__main__":
    main()
