"""Trained models: network time against the bare convolutions, and the share of everything that is not the network.

    python -m benchmarks.deepsti [--family compact] [--shape 128 144 112] [--orientations 4] [--repeats 3] [--threads 2]

Weights are random, which changes nothing about time. Bare convolutions are those of the network, called by torch on
whole volumes of their sizes, each in whichever of its two layouts is faster, and without anything in between. With one
thread processor time is taken, which does not depend on what else the machine does. On a GPU (`--device cuda`), ours
is compared with a literal implementation of the published forward pass as well: six stored kernels for each
orientation, complex transforms in batches, the network called as it is.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional

from benchmarks.literal import LiteralOperator
from napari_sti.recon.operator import StiOperator
from napari_sti.recon.unrolled.chunked import Chunked
from napari_sti.recon.unrolled.inference import Whole
from napari_sti.recon.unrolled.layers import Convolution, Transposed
from napari_sti.recon.unrolled.model import Evaluation, UnrolledModel, get_family
from napari_sti.recon.unrolled.plan import make_plan

Job = Callable[[], object]


def directions(count: int) -> np.ndarray:
    """Unit vectors up to 40 degrees from the third axis."""
    rng = np.random.default_rng(0)
    tilt, turn = np.radians(rng.uniform(0, 40, count)), rng.uniform(0, 2 * np.pi, count)
    return np.stack([np.sin(tilt) * np.cos(turn), np.sin(tilt) * np.sin(turn), np.cos(tilt)], -1)


class Clock:
    """Seconds: of the processor with one thread, of the wall otherwise; a GPU is waited for."""

    def __init__(self, device: str) -> None:
        self.cuda = device.startswith("cuda")
        self.read = time.process_time if torch.get_num_threads() == 1 and not self.cuda else time.perf_counter

    def __call__(self) -> float:
        if self.cuda:
            torch.cuda.synchronize()
        return self.read()

    def best(self, job: Job, repeats: int) -> float:
        """Shortest time of a job, the first call not counted."""
        times = []
        for turn in range(repeats + 1):
            start = self()
            job()
            if turn:
                times.append(self() - start)
        return min(times)


class Asked:
    """An evaluation that keeps the last network and volumes that it was called with, and adds up its time."""

    def __init__(self, evaluation: Evaluation, clock: Clock) -> None:
        self.evaluation, self.clock, self.seconds, self.calls = evaluation, clock, 0.0, 0
        self.last: tuple[torch.nn.Module, torch.Tensor] | None = None

    def __call__(self, network: torch.nn.Module, volumes: torch.Tensor) -> torch.Tensor:
        self.last = network, volumes
        start = self.clock()
        out = self.evaluation(network, volumes)
        self.seconds += self.clock() - start
        self.calls += 1
        return out


def bare_convolutions(network: torch.nn.Module, volumes: torch.Tensor, clock: Clock, repeats: int) -> float:
    """Seconds of all convolutions of a network by themselves, each in the faster of its layouts."""
    plan = make_plan(network)
    _, c, x, y, z = volumes.shape
    shapes = plan.shapes((c, x, y, z))
    kept: dict[tuple[object, ...], float] = {}
    total = 0.0
    for one in plan.passes:
        if not isinstance(one.layer, Convolution | Transposed):
            continue
        m = one.layer.module
        given = shapes[one.sources[0]]
        key = type(m), given, m.out_channels, m.kernel_size, m.stride
        if key not in kept:
            kept[key] = min(_bare(m, given, volumes.device, layout, clock, repeats) for layout in _LAYOUTS)
        total += kept[key]
    return total


_LAYOUTS = (torch.contiguous_format, torch.channels_last_3d)


def _bare(
    m: torch.nn.Module,
    shape: tuple[int, ...],
    device: torch.device,
    layout: torch.memory_format,
    clock: Clock,
    repeats: int,
) -> float:
    x = torch.randn(1, *shape, device=device).to(memory_format=layout)
    w = m.weight.detach().to(memory_format=layout)
    if isinstance(m, torch.nn.ConvTranspose3d):
        return clock.best(
            lambda: functional.conv_transpose3d(x, w, None, m.stride, m.padding, m.output_padding), repeats
        )
    return clock.best(lambda: functional.conv3d(x, w, None, m.stride, m.padding), repeats)


class LiteralForward:
    """The published forward pass as it is written: stored kernels, complex transforms, the network called whole."""

    def __init__(self, model: UnrolledModel, shape: tuple[int, int, int], h: np.ndarray, mask: torch.Tensor) -> None:
        self.model, self.operator, self.mask = model, LiteralOperator(shape, h, mask), mask
        self.operator.kernels = self.operator.kernels.to(mask.device)

    def __call__(self, field: torch.Tensor) -> torch.Tensor:
        model, operator = self.model, self.operator
        x = field.new_zeros(6, *field.shape[1:])
        for _ in range(model.iterations):
            z = x - model.alpha * operator.adjoint(operator.forward(x) - field)
            x = model.regularised(z, self.mask)
        return x


def report(options: argparse.Namespace) -> None:
    """Measure and print."""
    shape, clock = tuple(options.shape), Clock(options.device)
    torch.manual_seed(0)
    model = get_family(options.family)().to(options.device).eval().requires_grad_(False)
    h = directions(options.orientations)
    mask = torch.ones(shape, device=options.device)
    operator = StiOperator(shape, (1.0, 1.0, 1.0), h, mask, device=options.device)
    field = 0.02 * torch.randn(options.orientations, *shape, device=options.device)
    ours = Asked(Chunked() if options.device == "cpu" else Whole(torch.float32), clock)
    model.evaluation = ours
    name = "CPU" if options.device == "cpu" else torch.cuda.get_device_name()
    kind = "processor time" if clock.read is time.process_time else "wall time"
    size, threads = "x".join(map(str, shape)), torch.get_num_threads()
    print(f"{options.family}, {size}, {len(h)} orientations, {name}, {threads} threads, {kind}")
    with torch.inference_mode():
        model.estimate(operator, field)
        ours.seconds, ours.calls = 0.0, 0
        start = clock()
        model.estimate(operator, field)
        total = clock() - start
        network, volumes = ours.last  # type: ignore[misc]
        bare = bare_convolutions(network, volumes, clock, options.repeats)
        whole = clock.best(lambda: network(volumes), options.repeats)
        rows = [
            ("bare convolutions of one evaluation", bare),
            ("network, called as it is", whole),
            ("network, ours", clock.best(lambda: ours.evaluation(network, volumes), options.repeats)),
            (f"reconstruction, {model.iterations} iterations", total),
        ]
        if options.family == "resunet" and options.literal:
            model.evaluation = lambda network, volumes: network(volumes)
            literal = LiteralForward(model, shape, h, mask)
            rows.append(("reconstruction, literal", clock.best(lambda: literal(field), 1)))
    for text, seconds in rows:
        print(f"{text:44s}{seconds * 1e3:12.0f} ms{seconds / bare:9.2f} x bare")
    print(f"share of everything but the network: {1 - ours.seconds / total:.1%}")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", default="compact", choices=("compact", "resunet"))
    parser.add_argument("--shape", type=int, nargs=3, default=(128, 144, 112))
    parser.add_argument("--orientations", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--literal", action="store_true", help="also the literal forward pass (published network)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    report(options)


if __name__ == "__main__":
    main()
