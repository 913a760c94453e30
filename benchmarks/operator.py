"""Normal operator against the bare transforms it cannot do without and against a literal implementation.

    python benchmarks/operator.py [--shape 128 144 112] [--orientations 4] [--repeats 9] [--threads 2]

Everything is timed in turns within one run, so that what else the machine does hits all alike. Peak memory is that
of a fresh process each, over what was there before the operator was made; the tensor that goes in is not counted.
With one thread processor time is taken, which does not depend on what else the machine does.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import psutil
import scipy.fft
import torch

from napari_sti.recon.halfspace import spectrum_shape
from napari_sti.recon.operator import StiOperator
from napari_sti.recon.threads import share_volumes


def directions(count: int) -> np.ndarray:
    """Unit vectors up to 40 degrees from the third axis."""
    rng = np.random.default_rng(0)
    tilt, turn = np.radians(rng.uniform(0, 40, count)), rng.uniform(0, 2 * np.pi, count)
    return np.stack([np.sin(tilt) * np.cos(turn), np.sin(tilt) * np.sin(turn), np.cos(tilt)], -1)


class Literal:
    """The formula as it is written: six kernels stored for each orientation, whole complex transforms, batched."""

    def __init__(self, shape: tuple[int, ...], b0_dirs: np.ndarray, mask: torch.Tensor) -> None:
        self.mask = mask
        k = torch.meshgrid(*(torch.fft.fftfreq(n, dtype=torch.float32) for n in shape), indexing="ij")
        k2 = k[0] ** 2 + k[1] ** 2 + k[2] ** 2
        k2[0, 0, 0] = 1
        kernels = []
        for h in b0_dirs.tolist():
            b = (h[0] * k[0] + h[1] * k[1] + h[2] * k[2]) / k2
            for i, j in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)):
                if i == j:
                    kernels.append(h[i] * h[i] / 3 - b * k[i] * h[i])
                else:
                    kernels.append(2 * h[i] * h[j] / 3 - b * (k[i] * h[j] + k[j] * h[i]))
        self.kernels = torch.stack(kernels).reshape(len(b0_dirs), 6, *shape)
        self.kernels[:, :, 0, 0, 0] = 0

    def normal(self, chi: torch.Tensor) -> torch.Tensor:
        axes = (-3, -2, -1)
        spectrum = torch.fft.fftn(chi, dim=axes, norm="ortho")
        field = torch.fft.ifftn((self.kernels * spectrum).sum(1), dim=axes, norm="ortho").real * self.mask
        spectrum = torch.fft.fftn(field, dim=axes, norm="ortho")
        return torch.fft.ifftn((self.kernels * spectrum[:, None]).sum(0), dim=axes, norm="ortho").real


def bare(shape: tuple[int, ...], way: str, count: int) -> Callable[[], None]:
    """`count` real transforms in each direction, without anything else."""
    volumes = torch.randn(count, *shape)
    spectra = torch.stack([torch.fft.rfftn(volume) for volume in volumes])
    threads = torch.get_num_threads()

    def torch_one_by_one() -> None:
        for volume in volumes:
            torch.fft.rfftn(volume, norm="ortho")
        for spectrum in spectra:
            torch.fft.irfftn(spectrum, s=shape, norm="ortho")

    def scipy_one_by_one() -> None:
        for volume in volumes:
            scipy.fft.rfftn(volume.numpy(), norm="ortho", workers=threads)
        for spectrum in spectra:
            scipy.fft.irfftn(spectrum.numpy(), s=shape, norm="ortho", workers=threads)

    def as_ours() -> None:
        share_volumes(lambda i, _: torch.fft.rfftn(volumes[i], norm="ortho"), count)
        share_volumes(lambda i, n: scipy.fft.irfftn(spectra[i].numpy(), s=shape, norm="ortho", workers=n), count)

    return {"torch": torch_one_by_one, "scipy": scipy_one_by_one, "ours": as_ours}[way]


def in_turns(jobs: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median milliseconds of each job, called in turns; processor time instead where one thread is used."""
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for turn in range(repeats + 1):
        for name, job in jobs.items():
            start = clock()
            job()
            if turn:  # the first turn warms up
                times[name].append((clock() - start) * 1e3)
    return {name: float(np.median(values)) for name, values in times.items()}


def peak(which: str, shape: tuple[int, ...], orientations: int) -> int:
    """Peak memory in bytes of making an operator and applying it once, in this process."""
    chi, mask = torch.randn(6, *shape), torch.ones(shape)
    small = (16, 16, 16)
    make(which, small, orientations, torch.ones(small)).normal(torch.randn(6, *small))  # loads what is loaded late
    before = psutil.Process().memory_info().rss
    make(which, shape, orientations, mask).normal(chi)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before


def make(which: str, shape: tuple[int, ...], orientations: int, mask: torch.Tensor) -> Literal | StiOperator:
    if which == "literal":
        return Literal(shape, directions(orientations), mask)
    return StiOperator((shape[0], shape[1], shape[2]), (1.0, 1.0, 1.0), directions(orientations), mask)


def peak_elsewhere(which: str, options: argparse.Namespace) -> int:
    command = [sys.executable, __file__, "--peak", which, "--orientations", str(options.orientations)]
    command += ["--threads", str(options.threads), "--shape", *map(str, options.shape)]
    return int(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def report(options: argparse.Namespace) -> None:
    shape, n = tuple(options.shape), options.orientations
    # First, since a process is charged with the size that its parent had when it was started.
    memory = {which: peak_elsewhere(which, options) for which in ("ours", "literal")}
    torch.manual_seed(0)
    chi, mask = torch.randn(6, *shape), (torch.rand(shape) < 0.5).float()
    ours, literal = make("ours", shape, n, mask), make("literal", shape, n, mask)
    a, b = ours.normal(chi), literal.normal(chi)
    difference = float((a - b).norm() / b.norm())
    count = 6 + n
    del a, b
    spectra = torch.randn(6, *spectrum_shape(shape), dtype=torch.complex64)
    field = torch.empty(n, *spectrum_shape(shape), dtype=torch.complex64)
    jobs: dict[str, Callable[[], object]] = {way: bare(shape, way, count) for way in ("torch", "scipy", "ours")}
    jobs["kernels"] = lambda: (ours.kernel.forward(spectra, field), ours.kernel.adjoint(field, spectra))
    jobs["normal"] = lambda: ours.normal(chi)
    jobs["literal"] = lambda: literal.normal(chi)
    times = in_turns(jobs, options.repeats)
    fastest = min(times["torch"], times["scipy"], times["ours"])
    size = "x".join(map(str, shape))
    print(f"normal operator, {size}, {n} orientations, float32, {options.threads} threads")
    print(f"{'median of ' + str(options.repeats):44s}{'time':>10s}{'ratio':>10s}{'peak memory':>14s}")
    rows = (
        (f"{2 * count} bare real transforms, torch, one by one", "torch", None),
        (f"{2 * count} bare real transforms, SciPy, one by one", "scipy", None),
        (f"{2 * count} bare real transforms, as called by ours", "ours", None),
        ("of ours: the kernels, there and back", "kernels", None),
        ("ours", "normal", memory["ours"]),
        ("literal", "literal", memory["literal"]),
    )
    for name, key, peak_bytes in rows:
        text = f"{peak_bytes / 1e6:.0f} MB" if peak_bytes else ""
        print(f"{name:44s}{times[key]:7.0f} ms{times[key] / fastest:10.2f}{text:>14s}")
    ratio, faster = times["normal"] / fastest, times["literal"] / times["normal"]
    print(f"ours / fastest bare = {ratio:.2f} (at most 1.4), literal / ours = {faster:.1f} (at least 8),")
    print(f"memory ours / literal = {memory['ours'] / memory['literal']:.2f} (at most 0.25)")
    print(f"relative difference of the results (Nyquist planes differ): {difference:.1e}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", type=int, nargs=3, default=(128, 144, 112))
    parser.add_argument("--orientations", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peak", choices=("ours", "literal"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.peak:
        print(json.dumps(peak(options.peak, tuple(options.shape), options.orientations)))
    else:
        report(options)


if __name__ == "__main__":
    main()
