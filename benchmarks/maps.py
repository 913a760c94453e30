"""MMS, MSA and PEV side by side with `numpy.linalg.eigh` on the same array, and what else the viewer waits for.

    python benchmarks/maps.py [--shape 128 144 112] [--repeats 5]

Everything in one run and one process, taking turns, the best of the repeats; peak memory as numpy asked for it.
"""

import argparse
import time
import tracemalloc
from collections.abc import Callable, Sequence

import numpy as np

from napari_sti.core.eigen import eigen_system, principal
from napari_sti.core.frames import to_matrix
from napari_sti.maps.coherence import coherence_table
from napari_sti.maps.colour import msa_limits, pev_colour

CONTRACT = 8.0
"""How many times faster than LAPACK the maps have to be at 128x144x112 on two cores."""


def lapack_maps(matrices: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The maps in the plainest way."""
    values, vectors = np.linalg.eigh(matrices)
    return values.mean(-1), values[..., 2] - (values[..., 0] + values[..., 1]) / 2, vectors[..., 2]


def tensors(kind: str, shape: Sequence[int], rng: np.random.Generator) -> np.ndarray:
    """Fields (X, Y, Z, 6) float32 in ppm: noise, fibres, or flat tensors whose largest eigenvalues are equal."""
    noise = rng.normal(0, 0.03 if kind == "noise" else 1e-4, (*shape, 6))
    if kind != "noise":
        v = rng.standard_normal((*shape, 3))
        v /= np.linalg.norm(v, axis=-1, keepdims=True)
        rows, columns = np.triu_indices(3)
        noise += (0.03 if kind == "fibres" else -0.03) * v[..., rows] * v[..., columns]
    return noise.astype(np.float32)


def best_of(repeats: int, **calls: Callable[[], object]) -> dict[str, float]:
    """Seconds of each call, the best of the repeats; the calls take turns, so that other load hits all alike."""
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(repeats):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


def peak_mib(call: Callable[[], object]) -> float:
    """Most memory in MiB that numpy held during a call beyond what was there before."""
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", type=int, nargs=3, default=(128, 144, 112))
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    shape = tuple(options.shape)
    rng = np.random.default_rng(0)
    voxels = np.prod(shape)
    print(f"{'x'.join(map(str, shape))} voxels, best of {options.repeats}\n")

    print("field    eigh float32 eigh float64    ours   ratio to eigh (32 / 64)")
    for kind in ("noise", "fibres", "flat"):
        chi = tensors(kind, shape, rng)
        single, double = to_matrix(chi), to_matrix(chi).astype(np.float64)
        took = best_of(
            options.repeats,
            single=lambda m=single: np.linalg.eigh(m),
            double=lambda m=double: np.linalg.eigh(m),
            ours=lambda c=chi: principal(c),
        )
        ratios = took["single"] / took["ours"], took["double"] / took["ours"]
        verdict = "ok" if min(ratios) >= CONTRACT else f"BELOW {CONTRACT:g}"
        columns = (f"{took[name]:10.2f} s" for name in ("single", "double"))
        print(f"{kind:8}", *columns, f"{took['ours']:7.3f} s  {ratios[0]:6.1f} / {ratios[1]:.1f}   {verdict}")

    fortran = np.asfortranarray(chi)
    mask = np.zeros(shape, bool)
    mask[tuple(slice(n // 5, n - n // 5) for n in shape)] = True
    _, msa, pev = principal(chi)
    box = tuple(slice(0, min(n, 80)) for n in shape)
    print("\nelse                                    seconds")
    for name, seconds in best_of(
        options.repeats,
        **{
            "maps, stored first axis fastest": lambda: principal(fortran),
            f"maps, {mask.mean():.0%} inside the mask": lambda: principal(chi, mask=mask),
            "all eigenvalues and vectors": lambda: eigen_system(chi),
            "colours": lambda: pev_colour(pev, msa, 0.003, 0.03),
            "colours, per million voxels": lambda: pev_colour(pev, msa, 0.003, 0.03),
            "floor and ceiling": lambda: msa_limits(msa, mask),
            "coherence of 24 flips, at most 80^3": lambda: coherence_table(pev[box], msa[box]),
        },
    ).items():
        scale = 1e6 / voxels if "million" in name else 1
        print(f"{name:38} {seconds * scale:8.3f}")

    print("\npeak memory beyond the input           MiB")
    print(f"maps                                {peak_mib(lambda: principal(chi)):7.0f}")
    print(f"of these the results, 20 B a voxel  {20 * voxels / 2**20:7.0f}")
    print(f"eigh float32                        {peak_mib(lambda: np.linalg.eigh(single)):7.0f}")
    print(f"maps by eigh, with its matrices     {peak_mib(lambda: lapack_maps(to_matrix(chi))):7.0f}")


if __name__ == "__main__":
    main()
