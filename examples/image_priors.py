"""See what a learned prior thinks of images that get worse: noise, blur, and blends with another image.

Three experiments. ``digits`` trains a small network on the 8 x 8 digits of scikit-learn and looks at digits that it has
not seen. ``slices`` takes the prior of sharp brain slices that comes with the package, and slices of the MNI152
template that were held back from its training, sharpened in the same way. ``contrasts`` takes the other prior of brain
slices, which has seen many contrasts of the blurred template itself, and held-back slices of that. R grows with noise,
and bulges between two images, since a prior of images that are one thing or another is not convex. With blur R of
digits and of sharp slices grows; for many contrasts it falls: docs/prior.md says why.

    python examples/image_priors.py --out priors                    # some minutes
    python examples/image_priors.py --out priors --share 0.01       # to see that it runs

Source: Fang, Buchanan and Sulam, ICLR 2024, section 4.2, which has the digits of MNIST and 28 x 28 pixels.
"""

import argparse
import itertools
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch  # noqa: TID253

from napari_sti.learn.lpn_sources import SharpSlices, TemplateSlices
from napari_sti.lpn import paths
from napari_sti.lpn.checkpoint import load_lpn
from napari_sti.lpn.matching import loss, published_schedule, stage_at
from napari_sti.lpn.networks.base import Lpn
from napari_sti.lpn.networks.local import LocalLpn
from napari_sti.lpn.prior import Curve, prior_along

DIGIT_NOISE = 0.1
STEPS = 4000
TOLERANCE = 5e-4
"""Relative residual of the inversions, as published."""
DIGIT_BLUR = (0.0, 0.5, 0.7, 0.9, 8 * 4 / 28)
"""In pixels: up to the widest published blur, 4 of 28 pixels, as the same share of a digit of 8."""
SLICES = {
    "slices": (SharpSlices, "lpn-brain-sharp", "Prior of sharp brain slices"),
    "contrasts": (TemplateSlices, "lpn-brain", "Prior of brain slices in many contrasts"),
}
TITLES = {
    "noise": "noise, standard deviation",
    "blur": "blur, standard deviation in pixels",
    "blend": "share of another image",
}


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """Return 1497 digits to train on and 300 that are held back, (n, 1, 8, 8), 0 to 1."""
    from sklearn.datasets import load_digits

    images = torch.from_numpy(load_digits().images.astype(np.float32) / 16)[:, None]
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    return images[order[300:]], images[order[:300]]


def train_on_digits(images: torch.Tensor, steps: int, seed: int) -> LocalLpn:
    """Train with the published schedule, at its number of steps or fewer."""
    torch.manual_seed(seed)
    network = LocalLpn(dims=2, widths=(16, 32, 32), beta=20.0)
    stages = published_schedule(max(steps, 8), 64, first_rate=2e-3, rate=3e-4)
    optimiser = torch.optim.Adam(network.parameters())
    for step in range(sum(stage.steps for stage in stages)):
        stage = stage_at(stages, step)
        x = images[torch.randint(len(images), (32,))]
        for group in optimiser.param_groups:
            group["lr"] = stage.learning_rate
        optimiser.zero_grad()
        loss(stage, network.prox(x + DIGIT_NOISE * torch.randn_like(x)), x).backward()
        optimiser.step()
        network.project()
    return network.eval().requires_grad_(False)  # type: ignore[return-value]


def slices(kind: type[TemplateSlices], count: int, edge: int) -> torch.Tensor:
    """Patches of slices that no training of the shipped weights has seen, (n, 1, edge, edge), mostly of the brain."""
    source = kind(edge, 0)
    made = (source.example((1 << 40) + number) for number in itertools.count())
    return torch.stack(list(itertools.islice((x for x in made if (x > 0.05).float().mean() > 0.5), count)))


def curves(network: Lpn, images: torch.Tensor, blurs: tuple[float, ...] = paths.BLUR) -> dict[str, Curve]:
    """R along the three ways, of all images at once."""
    others = images.roll(1, 0)
    ways = {
        "noise": (paths.noise(images, limits=(0.0, 1.0)), paths.NOISE),
        "blur": (paths.blur(images), blurs),
        "blend": (paths.blend(images, others), paths.BLEND),
    }
    return {
        name: prior_along(network, path, levels, name=name, tolerance=TOLERANCE)
        for name, (path, levels) in ways.items()
    }


def summary(found: dict[str, Curve]) -> dict[str, object]:
    """Medians from the least of each way, and how many images do as expected."""
    told: dict[str, object] = {}
    for name, curve in found.items():
        values = curve.values
        median = values.nanmedian(1).values
        bulges, grows = values[2] > (values[0] + values[-1]) / 2, (values[1:] > values[:-1]).all(0)
        as_expected = bulges if name == "blend" else grows
        told[name] = {
            "levels": list(curve.levels),
            "median": [round(float(v), 3) for v in median - median.min()],
            "as_expected": round(float(as_expected.double().mean()), 3),
            "out_of_range": int(values.isnan().sum()),
        }
    return told


def draw(found: dict[str, Curve], images: torch.Tensor, title: str, path: Path) -> None:
    """Draw one image along each way with its R, and violins of R over all images."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.4, 5.4), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(3, 7, width_ratios=[1, 1, 1, 1, 1, 0.1, 3.2])
    shown = {
        "noise": paths.noise(images, limits=(0.0, 1.0)),
        "blur": paths.blur(images),
        "blend": paths.blend(images, images.roll(1, 0)),
    }
    for row, (name, curve) in enumerate(found.items()):
        values = curve.values.numpy()
        for column, level in enumerate(curve.levels):
            axes = figure.add_subplot(grid[row, column])
            picture = shown[name](level)[0, 0].numpy()
            axes.imshow(np.rot90(picture) if picture.shape[0] > 8 else picture, cmap="gray", vmin=0, vmax=1)
            axes.set_axis_off()
            axes.set_title(f"{level:.3g}\nR {values[column, 0] - values.min(0)[0]:.3g}", fontsize=7)
        axes = figure.add_subplot(grid[row, 6])
        rows = [line[np.isfinite(line)] for line in values - np.nanmin(values)]
        if all(len(line) > 2 and np.ptp(line) > 0 for line in rows):
            for body in axes.violinplot(rows, widths=0.8, showextrema=False)["bodies"]:  # type: ignore[attr-defined]
                body.set(facecolor="#1b7f79", edgecolor="#1b7f79", alpha=0.45)
        axes.plot(range(1, len(rows) + 1), [np.median(line) for line in rows], "o-", color="#3a55b4", markersize=3)
        axes.set_xticks(range(1, len(rows) + 1), [f"{level:.3g}" for level in curve.levels])
        axes.set_xlabel(TITLES[name], fontsize=8)
        axes.set_ylabel(f"R of {values.shape[1]} images", fontsize=8)
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, fontsize=10)
    figure.savefig(path, dpi=130)


def main(*words: str) -> dict[str, object]:
    """Do both experiments; return how often R did as expected."""
    parser = argparse.ArgumentParser(description="See what a learned prior thinks of images that get worse.")
    parser.add_argument("--out", type=Path, default=Path("priors"))
    parser.add_argument("--share", type=float, default=1.0, help="of training steps and images")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weights", default="", help="another prior of slices: a name or a file")
    parser.add_argument("--only", choices=("digits", *SLICES))
    options = parser.parse_args(words)
    options.out.mkdir(parents=True, exist_ok=True)
    told: dict[str, object] = {}
    if options.only in (None, "digits"):
        start = time.perf_counter()
        known, held = digits()
        network: Lpn = train_on_digits(known, round(options.share * STEPS), options.seed)
        took = time.perf_counter() - start
        held = held[: max(4, round(100 * options.share))]
        found = curves(network, held, DIGIT_BLUR)
        draw(found, held, f"Prior of 8 × 8 digits, {len(held)} that were held back", options.out / "prior-digits.png")
        told["digits"] = summary(found)
        print(f"trained on digits in {took:.0f} s")
    for name, (kind, weights, title) in SLICES.items():
        if options.only not in (None, name):
            continue
        network, _ = load_lpn(options.weights or weights)
        held = slices(kind, max(3, round(30 * options.share)), 96 if options.share > 0.1 else 24)
        found = curves(network, held)
        draw(found, held, f"{title}, {len(held)} patches held back", options.out / f"prior-{name}.png")
        told[name] = summary(found)
    (options.out / "priors.json").write_text(json.dumps(told, indent=1))
    for name, lines in told.items():
        for way, line in lines.items():  # type: ignore[attr-defined]
            print(f"{name:9s} {way:6s} R {line['median']}, as expected in {100 * line['as_expected']:.0f} %")
    return told


if __name__ == "__main__":
    main(*sys.argv[1:])
