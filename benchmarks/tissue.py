"""How good the estimated masks are on the simulated brain, whose tissues are known: the table of docs/masks.md.

python -m benchmarks.tissue [VOXEL_SIZE_MM]
"""

import sys
import time

import numpy as np

from napari_sti.maps.tissue import estimate_tissue
from napari_sti.simulate.anatomy import read_template
from napari_sti.simulate.brain import brain_anatomy

NOISE = 0.03
ECHO_MS = 20
TISSUES = {"wm": (0.70, 53), "gm": (0.82, 60), "csf": (1.0, 400)}
"""Proton density and T2* [ms] at 3 T, from which the gradient echo is made."""


def main(size=2.0):
    """Print the table."""
    brain = brain_anatomy((size, size, size), 0.0)
    images = {"t1": brain.t1, "t2star": gradient_echo(brain)}
    print(f"| image, {size:g} mm | WM Dice | WM ml (true) | CSF Dice | CSF ml (true) | mostly fluid | time |")
    print("|---|---|---|---|---|---|---|")
    for contrast, image in images.items():
        for name, log_bias, noise in disturbances(image.shape):
            noisy = image * np.exp(log_bias)
            noisy += noise * image[brain.mask].mean() * np.random.default_rng(0).standard_normal(image.shape)
            spread = np.percentile(np.exp(log_bias[brain.mask]), (1, 99)) if log_bias.any() else None
            name += "" if spread is None else f" {spread[0]:.2f} to {spread[1]:.2f}"
            print(row(f"{contrast}, {name}", np.abs(noisy), contrast, brain, size))
    print(f"MNI152 T1 against its own white matter map at 1 mm: Dice {template():.3f}")


def gradient_echo(brain):
    """Magnitude at `ECHO_MS` of a brain of three tissues."""
    return sum(getattr(brain, t) * density * np.exp(-ECHO_MS / t2) for t, (density, t2) in TISSUES.items())


def disturbances(shape):
    """What the image is spoilt with: a name, the logarithm of a slow brightness, the noise."""
    i, j, k = np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij", sparse=True)
    still = np.zeros(shape)
    yield "clean", still, 0.0
    yield f"{NOISE:.0%} noise", still, NOISE
    yield "and brightness across the head", still + 0.2 * i + 0.1 * j, NOISE
    yield "and brightness towards the rim", still + 0.3 * (i**2 + j**2 + k**2), NOISE


def row(name, image, contrast, brain, size):
    """One line of the table."""
    start = time.perf_counter()
    found = estimate_tissue(image, brain.mask, contrast=contrast, voxel_size=(size,) * 3)
    seconds = time.perf_counter() - start
    wm, csf = brain.wm > 0.5, brain.csf > 0.8
    true = [mask.sum() * size**3 / 1000 for mask in (wm, csf)]
    fluid = (brain.csf[found.csf] > 0.5).mean()
    return (
        f"| {name} | {dice(found.wm, wm):.2f} | {found.wm_ml:.0f} ({true[0]:.0f}) | {dice(found.csf, csf):.2f} "
        f"| {found.csf_ml:.0f} ({true[1]:.0f}) | {fluid:.1%} | {seconds:.1f} s |"
    )


def template():
    """Dice of the white matter of the template's T1 with the template's own map."""
    t1, wm = (read_template(name)[0] for name in ("t1", "wm"))
    mask = t1 > 0.05
    return dice(estimate_tissue(t1, mask, contrast="t1", voxel_size=(1, 1, 1)).wm, mask & (wm > 0.5))


def dice(first, second):
    """Overlap of two masks, 1 where they are the same."""
    return 2 * (first & second).sum() / (first.sum() + second.sum())


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
