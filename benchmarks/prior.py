"""How fast the prior of a learned proximal network is found, against doing it as published; and what f costs.

    python -m benchmarks.prior                    # the 28 x 28 network with 64 channels
    python -m benchmarks.prior --network lpn_128 --channels 64
    python -m benchmarks.prior --only map         # prior map of 128 x 144 x 112 voxels

The published way is SciPy's conjugate gradients, one image after the other, value and gradient each by a pass of their
own, both stopped at the same relative residual of 5e-4. Untrained weights would make it a problem that nobody has, so
the network is trained for a while on smooth random pictures first (or take ``--weights``).
"""

import argparse
import json
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import fmin_cg
from torch.nn.functional import interpolate

from napari_sti.lpn.checkpoint import load_lpn
from napari_sti.lpn.inversion import invert
from napari_sti.lpn.matching import L1, Stage, loss
from napari_sti.lpn.networks import get_network
from napari_sti.lpn.paths import gaussian
from napari_sti.lpn.prior import prior, prior_map

RESIDUAL = 5e-4
CLOCK = [time.perf_counter]
"""Wall time, or the time of the processor where others use it, too."""
CONFIGS = {"lpn_28": dict(beta=10, alpha=0.01), "lpn_128": dict(beta=100, alpha=1e-6)}


class _Done(Exception):
    pass


def pictures(count, edge, seed, spatial=2, channels=1):
    """Smooth bodies with edges, 0 to 1."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(count, channels, *(edge,) * spatial, generator=generator)
    smooth = gaussian(noise, edge / 12)
    smooth = smooth / smooth.flatten(2).std(2).reshape(count, channels, *(1,) * spatial)
    return (0.5 + 0.3 * smooth + 0.3 * torch.sign(smooth - 0.3)).clamp(0, 1)


def trained(network, steps, batch, noise=0.1):
    """Train with l1 for a while."""
    optimiser = torch.optim.Adam(network.parameters(), 1e-3)
    edge = network.image_shape[0]
    for step in range(steps):
        x = pictures(batch, edge, step)
        found = loss(Stage(L1, 1, 0.0), network.prox(x + noise * torch.randn_like(x)), x)
        optimiser.zero_grad()
        found.backward()
        optimiser.step()
        network.project()
    return network.eval().requires_grad_(False)


def literal_psi(network, y):
    """psi of the 2-D networks as it is published, by PyTorch's own layers."""
    edge, act = y.shape[-1], torch.nn.Softplus(network.config["beta"])
    z = act(network.lin[0](y))
    pairs = list(zip(network.lin[1:-1], network.res, strict=True))
    for layer, skip in pairs[:-1]:
        z = act(layer(z) + skip(interpolate(y, (edge, edge), mode="bilinear")))
        edge = z.shape[-1]
    layer, skip = pairs[-1]
    small = interpolate(y, (edge, edge), mode="bilinear")
    flat = isinstance(layer, torch.nn.Linear)
    z = act(layer(z.flatten(1)) + skip(small.flatten(1)) if flat else (layer(z) + skip(small)).flatten(1))
    return network.lin[-1](z)[:, 0] + network.alpha * y.flatten(1).square().sum(1)


def one_by_one(network, x):
    """SciPy's conjugate gradients from x on, as the published program calls it; the parameters want no gradient."""
    found, norm = [], []
    for image in x:
        target, size = image[None], float(image.norm())

        def value(flat, target=target):
            y = torch.from_numpy(flat.astype(np.float32)).reshape(target.shape)
            with torch.no_grad():
                return float(literal_psi(network, y)) - float((y.double() * target.double()).sum())

        def slope(flat, target=target):
            y = torch.from_numpy(flat.astype(np.float32)).reshape(target.shape).requires_grad_()
            (literal_psi(network, y).sum() - (y * target).sum()).backward()
            return y.grad.double().numpy().ravel()

        last = []

        def stop(flat, last=last, target=target, size=size):
            last[:] = [flat.copy(), np.linalg.norm(slope(flat)) / size]
            if last[1] <= RESIDUAL:
                raise _Done

        with suppress(_Done):
            fmin_cg(value, image.double().numpy().ravel(), fprime=slope, disp=0, callback=stop, gtol=0, maxiter=2000)
        found.append(torch.from_numpy(last[0].astype(np.float32)).reshape(image.shape))
        norm.append(last[1])
    return torch.stack(found), np.array(norm)


def seconds(function, repeats=3):
    """Best of a few, after one that does not count."""
    function()
    best = float("inf")
    for _ in range(repeats):
        start = CLOCK[0]()
        function()
        best = min(best, CLOCK[0]() - start)
    return best


def compare(network, count, alone):
    """Invert `count` images at once, and `alone` of them as published."""
    clean = pictures(count, network.image_shape[0], 10_000)
    x = network.prox(clean + 0.1 * torch.randn_like(clean))
    start = CLOCK[0]()
    found = invert(network, x, tolerance=RESIDUAL, iterations=500)
    ours = (CLOCK[0]() - start) / count
    start = CLOCK[0]()
    _, residuals = one_by_one(network, x[:alone])
    theirs = (CLOCK[0]() - start) / alone
    return {
        "images": count,
        "one_by_one": alone,
        "ms_each": round(1e3 * ours, 2),
        "ms_each_published": round(1e3 * theirs, 2),
        "times_faster": round(theirs / ours, 2),
        "worst_residual": float(found.residual.max()),
        "worst_residual_published": float(residuals.max()),
        "iterations": found.iterations,
        "evaluations": found.evaluations,
    }


def cost_of_f(network, x):
    """Seconds of psi's forward pass and of f, and their ratio."""
    with torch.no_grad():
        forward, both = seconds(lambda: network.psi(x)), seconds(lambda: network.prox(x))
    return {"psi": round(forward, 4), "f": round(both, 4), "ratio": round(both / forward, 2)}


def time_map(network, shape):
    """Prior value and map of one volume."""
    generator = torch.Generator().manual_seed(1)
    x = gaussian(torch.randn(1, network.channels, *shape, generator=generator), 3.0)
    x = network.prox(x / x.std() * 0.3)
    start = CLOCK[0]()
    found = prior(network, x, tolerance=RESIDUAL)
    local = prior_map(network, x, found.inversion.y)
    took = CLOCK[0]() - start
    off = abs(float(local.sum() - found.value[0])) / abs(float(found.value[0]))
    return {
        "shape": "x".join(map(str, shape)),
        "seconds": round(took, 1),
        "evaluations": found.inversion.evaluations,
        "residual": float(found.inversion.residual[0]),
        "map_adds_up_to": off,
    }


def main():
    """Measure, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", choices=tuple(CONFIGS), default="lpn_28")
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--volume-weights", type=str, help="network for the map; an untrained one if not given")
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--alone", type=int, default=10, help="images that are inverted the published way")
    parser.add_argument("--steps", type=int, default=200, help="of training")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--shape", type=int, nargs=3, default=(128, 144, 112))
    parser.add_argument("--only", choices=("inversion", "map"))
    parser.add_argument("--cpu-time", action="store_true", help="for a busy machine: processor time of one thread")
    options = parser.parse_args()
    if options.cpu_time:
        CLOCK[0], options.threads = time.process_time, 1
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    result = {"threads": options.threads, "clock": "processor" if options.cpu_time else "wall"}
    if options.only != "map":
        network = get_network(options.network, dict(in_dim=1, hidden=options.channels, **CONFIGS[options.network]))
        if options.weights:
            network = load_lpn(options.weights)[0]
        else:
            network = trained(network, options.steps, 16 if options.network == "lpn_28" else 2)
        result[options.network] = compare(network, options.images, options.alone)
        result["f"] = cost_of_f(network, torch.rand(16, 1, *network.image_shape))
    if options.only != "inversion":
        volume = load_lpn(options.volume_weights)[0] if options.volume_weights else get_network("local", {}).eval()
        volume = volume.requires_grad_(False)
        result["map"] = time_map(volume, tuple(options.shape))
        result["f_3d"] = cost_of_f(volume, torch.rand(1, volume.channels, 64, 72, 56))
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
