"""Deblur brain slices that were held back: learned prior against total variation and wavelets, all tuned alike.

    python -m benchmarks.deblur                      # writes a table in Markdown and the numbers in JSON

Published settings: a Gaussian kernel of 5 x 5 (sigma 1) or 7 x 7 (sigma 2), everything that it reaches is seen, noise
of 0.02 or 0.04; 20 iterations of ADMM. Every method has one weight, tuned for the best mean PSNR of each setting on
slices that no result is taken from: every third of the held-back ones tunes, the others are reported. Total variation
and the wavelet prior (translation-invariant, db4, three levels) are minimised by ADMM, too, to their end.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

from napari_sti.learn.lpn_sources import HELD_BACK
from napari_sti.lpn.checkpoint import load_lpn
from napari_sti.lpn.data_terms import blur_maps, blurring, gaussian_kernel
from napari_sti.lpn.plug_and_play import LpnPrior, Prior, reconstruct_image
from napari_sti.simulate.anatomy import read_template

SETTINGS = ((5, 1.0, 0.02), (5, 1.0, 0.04), (7, 2.0, 0.02), (7, 2.0, 0.04))
RHO = 0.3
"""Penalty of ADMM for total variation and wavelets, which changes how fast they come to the same end."""


def held_slices(count, edge):
    """Axial slices between the heights that no training has seen, 0 to 1; of each the middle of the head."""
    t1, affine = read_template("t1")
    heights = affine[2, 3] + np.arange(t1.shape[2]) * affine[2, 2]
    held = np.flatnonzero((heights > HELD_BACK[0]) & (heights < HELD_BACK[1]))
    chosen = held[np.linspace(0, len(held) - 1, count).round().astype(int)]
    head = np.argwhere(t1[..., chosen].max(-1) > 0.05)
    a, b = (head.min(0) + head.max(0) + 1 - edge) // 2
    images = np.moveaxis(t1[a : a + edge, b : b + edge][..., chosen], -1, 0)
    return torch.from_numpy(np.ascontiguousarray(images, dtype=np.float32))[:, None, None]


class TotalVariation(Prior):
    """lam * TV / weight, isotropic, its prox by Chambolle's projections; begun where the last ones ended."""

    def __init__(self, lam, weight, iterations=12):
        self.lam, self.iterations, self.dual = lam / weight, iterations, None

    def prox(self, v):
        """Return argmin of lam TV(x) + |x - v|^2 / 2."""
        p = torch.zeros(2, *v.shape) if self.dual is None else self.dual
        for _ in range(self.iterations):
            g = _gradient(_divergence(p) - v / self.lam)
            p = (p + 0.248 * g) / (1 + 0.248 * g.norm(dim=0))
        self.dual = p
        return v - self.lam * _divergence(p), None


def _gradient(x):
    g = x.new_zeros(2, *x.shape)
    g[0, ..., :-1, :] = x[..., 1:, :] - x[..., :-1, :]
    g[1, ..., :-1] = x[..., 1:] - x[..., :-1]
    return g


def _divergence(p):
    d = torch.zeros_like(p[0])
    d[..., 0, :] = p[0][..., 0, :]
    d[..., 1:-1, :] = p[0][..., 1:-1, :] - p[0][..., :-2, :]
    d[..., -1, :] = -p[0][..., -2, :]
    d[..., 0] += p[1][..., 0]
    d[..., 1:-1] += p[1][..., 1:-1] - p[1][..., :-2]
    d[..., -1] -= p[1][..., -2]
    return d


class Wavelets(Prior):
    """Soft threshold of the stationary wavelet transform: averages what all shifts of an orthonormal one make of it."""

    def __init__(self, lam, weight):
        self.threshold = lam / weight

    def prox(self, v):
        """Shrink."""
        import pywt

        image = v[0, 0].numpy()
        pads = [(0, -n % 8) for n in image.shape]
        levels = pywt.swt2(np.pad(image, pads, mode="reflect"), "db4", 3, trim_approx=True, norm=True)
        shrunk = [levels[0]] + [tuple(pywt.threshold(d, self.threshold, "soft") for d in level) for level in levels[1:]]
        x = pywt.iswt2(shrunk, "db4", norm=True)[: image.shape[0], : image.shape[1]]
        return torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32))[None, None], None


def deblur(blurred, kernel, method, weight, network):
    """Reconstruct a slice; `weight` is that of the method's prior."""
    data = blurring(blurred, kernel, full=True)
    if method == "lpn":
        return reconstruct_image(
            data, LpnPrior(network), algorithm="admm", weight=weight, iterations=20, tolerance=1e-9
        ).x
    prior = (TotalVariation if method == "tv" else Wavelets)(weight, RHO)
    return reconstruct_image(data, prior, algorithm="admm", weight=RHO, iterations=50, tolerance=5e-4).x


GRIDS = {
    "lpn": (0.06, 0.12, 0.24, 0.48, 0.96),
    "tv": (1.5e-3, 3e-3, 6e-3, 1.2e-2, 2.4e-2),
    "wavelets": (7e-4, 1.5e-3, 3e-3, 6e-3, 1.2e-2),
}
TITLES = {"blurred": "blurred and noisy", "tv": "total variation", "wavelets": "wavelets", "lpn": "LPN, ADMM"}


def scores(x, truth):
    """PSNR in dB and SSIM."""
    from skimage.metrics import structural_similarity

    estimate, image = x[0, 0].clamp(0, 1).numpy(), truth[0, 0].numpy()
    psnr = -10 * np.log10(np.mean((estimate - image) ** 2))
    return psnr, structural_similarity(estimate, image, data_range=1)


def mean_psnr(pairs, kernel, method, weight, network):
    """Over some slices."""
    return np.mean([scores(deblur(y, kernel, method, weight, network), x)[0] for x, y in pairs])


def setting(images, edge, sigma, noise, network):
    """All methods at one setting: means and spreads over the reported slices."""
    kernel = gaussian_kernel(edge, sigma)
    forward, _ = blur_maps(kernel, 1, full=True)
    generator = torch.Generator().manual_seed(round(1000 * noise + 10 * sigma))
    blurred = [forward(x) for x in images]
    noisy = [y + noise * torch.randn(y.shape, generator=generator) for y in blurred]
    pairs = list(zip(images, noisy, strict=True))
    tune, report = pairs[::3], [pair for number, pair in enumerate(pairs) if number % 3]
    half = edge // 2
    found = {"blurred": np.array([scores(y[..., half:-half, half:-half], x) for x, y in report])}
    weights, seconds = {}, {}
    for method, grid in GRIDS.items():
        tried = [mean_psnr(tune, kernel, method, weight, network) for weight in grid]
        weights[method] = grid[int(np.argmax(tried))]
        start = time.process_time()
        found[method] = np.array([scores(deblur(y, kernel, method, weights[method], network), x) for x, y in report])
        seconds[method] = round((time.process_time() - start) / len(report), 2)
    return {
        "blur": sigma,
        "noise": noise,
        "weights": weights,
        "seconds": seconds,
        "psnr": {m: [round(float(v), 2) for v in (f[:, 0].mean(), f[:, 0].std())] for m, f in found.items()},
        "ssim": {m: [round(float(v), 3) for v in (f[:, 1].mean(), f[:, 1].std())] for m, f in found.items()},
    }


def table(results):
    """Markdown."""
    heads = [f"blur {r['blur']:g}, noise {r['noise']:g}" for r in results]
    lines = ["| PSNR in dB / SSIM | " + " | ".join(heads) + " |", "| :-- |" + " --: |" * len(heads)]
    for method, title in TITLES.items():
        cells = [
            f"{r['psnr'][method][0]:.2f} ± {r['psnr'][method][1]:.2f} / {r['ssim'][method][0]:.3f}" for r in results
        ]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main():
    """Measure, write and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default="lpn-brain")
    parser.add_argument("--slices", type=int, default=6)
    parser.add_argument("--edge", type=int, default=112, help="of the part of a slice")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    network, _ = load_lpn(options.weights)
    images = held_slices(options.slices, options.edge)
    results = []
    for edge, sigma, noise in SETTINGS:
        results.append(setting(images, edge, sigma, noise, network))
        print(json.dumps(results[-1]), flush=True)
    print(table(results))
    if options.out:
        options.out.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
