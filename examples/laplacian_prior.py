"""Learn the prior of a Laplacian variable from samples alone, and find |x| again.

A variable x with density exp(-|x|) / 2 is seen through noise of standard deviation 1. The network that recovers it
best by its mean squared or absolute error is no prox of anything useful; trained by proximal matching, it becomes the
soft threshold, and the prior that it is the prox of can be read out of it: |x|, which nobody told it.

    python examples/laplacian_prior.py --out laplacian            # all of it: a few minutes
    python examples/laplacian_prior.py --out laplacian --share 0.1

Source: Fang, Buchanan and Sulam, ICLR 2024, section 4.1.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch  # noqa: TID253

from napari_sti.lpn.matching import L1, L2, MATCHING, Stage, laplacian_schedule, loss, stage_at
from napari_sti.lpn.networks.published import Lpn1d
from napari_sti.lpn.prior import prior

BATCH = 2000
GRID = torch.linspace(-3.4, 3.4, 201)[:, None]
TITLES = {"l2": "squared error", "l1": "absolute error", "matching": "proximal matching"}


def train(network: Lpn1d, stages: tuple[Stage, ...], seed: int) -> Lpn1d:
    """Train on fresh samples; the network is changed."""
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(network.parameters())
    for step in range(sum(stage.steps for stage in stages)):
        stage = stage_at(stages, step)
        x = torch.empty(BATCH, 1).exponential_(generator=generator)
        x = torch.where(torch.rand(BATCH, 1, generator=generator) < 0.5, x, -x)
        noisy = x + torch.randn(BATCH, 1, generator=generator)
        for group in optimiser.param_groups:
            group["lr"] = stage.learning_rate
        optimiser.zero_grad()
        loss(stage, network.prox(noisy), x).backward()
        optimiser.step()
        network.project()
    return network


def train_with(name: str, share: float, seed: int, begin: Lpn1d | None = None) -> Lpn1d:
    """Train with one of the losses, a share of the published number of steps; matching begins where l1 has led."""
    torch.manual_seed(seed)
    network = Lpn1d()
    if begin is not None:
        network.load_state_dict(begin.state_dict())
        return train(network, laplacian_schedule(share), seed + 1)
    steps = max(1, round(10_000 * share))
    return train(network, (Stage(name, steps, 1e-3), Stage(name, steps, 1e-4)), seed)


def evaluate(networks: dict[str, Lpn1d]) -> dict[str, dict[str, np.ndarray]]:
    """Potential, prox and prior of each network on the grid, the lowest value of potential and prior set to 0."""
    found = {}
    for name, network in networks.items():
        with torch.no_grad():
            potential, prox = network.psi_and_prox(GRID)
        r = prior(network, GRID, iterations=500).value.numpy()
        psi = potential.numpy()
        found[name] = {"prox": prox[:, 0].numpy(), "potential": psi - psi.min(), "prior": r - np.nanmin(r)}
    return found


def deviations(curves: dict[str, np.ndarray]) -> dict[str, float]:
    """Largest deviations from |x| and from the soft threshold on the grid; infinite where the prior has no value."""
    x = GRID[:, 0].numpy()
    soft = np.sign(x) * np.maximum(np.abs(x) - 1, 0)
    off = curves["prior"] - np.abs(x)
    return {
        "prior": float(np.abs(off).max()) if np.isfinite(off).all() else float("inf"),
        "prox": float(np.abs(curves["prox"] - soft).max()),
    }


def draw(found: dict[str, dict[str, np.ndarray]], path: Path) -> None:
    """Draw prox, potential and prior beside the truth."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    x = GRID[:, 0].numpy()
    truth = {
        "prox": np.sign(x) * np.maximum(np.abs(x) - 1, 0),
        "potential": np.maximum(np.abs(x) - 1, 0) ** 2 / 2,
        "prior": np.abs(x),
    }
    labels = {"prox": "f(y)", "potential": "ψ(y)", "prior": "R(x)"}
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
    for axis, (quantity, label) in zip(axes, labels.items(), strict=True):
        axis.plot(x, truth[quantity], color="0.65", lw=5, label="truth")
        for name, style in (("l2", ":"), ("l1", "--"), ("matching", "-")):
            axis.plot(x, found[name][quantity], style, label=TITLES[name])
        axis.set(xlabel="x" if quantity == "prior" else "y", ylabel=label, title=quantity)
    axes[0].legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def save(network: Lpn1d, path: Path) -> None:
    """Write a network as the published program does, with its config beside it."""
    torch.save({"model_state_dict": network.state_dict()}, path)
    path.with_suffix(".json").write_text(json.dumps({"model": "lpn_1d", "params": network.config}))


def main(*words: str) -> float:
    """Train, evaluate, write figure and numbers; return how far the matched prior is from |x| at most."""
    parser = argparse.ArgumentParser(description="Learn the prior of a Laplacian variable and find |x| again.")
    parser.add_argument("--out", type=Path, default=Path("laplacian"))
    parser.add_argument("--share", type=float, default=1.0, help="of the published number of steps")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(words)
    options.out.mkdir(parents=True, exist_ok=True)
    networks: dict[str, Lpn1d] = {}
    start = time.perf_counter()
    for name in (L1, MATCHING, L2):
        networks[name] = train_with(name, options.share, options.seed, networks[L1] if name == MATCHING else None)
        save(networks[name], options.out / f"{name}.pt")
    seconds = time.perf_counter() - start
    found = evaluate(networks)
    numbers = {name: deviations(curves) for name, curves in found.items()}
    draw(found, options.out / "laplacian.png")
    for name, off in numbers.items():
        print(f"{TITLES[name]:18s} off |x| by {off['prior']:.3f}, off the soft threshold by {off['prox']:.3f}")
    record = {"seconds": round(seconds), "share": options.share, "seed": options.seed, **numbers}
    (options.out / "numbers.json").write_text(json.dumps(record, indent=1))
    print(f"trained in {seconds:.0f} s; figure in {options.out}")
    return numbers[MATCHING]["prior"]


if __name__ == "__main__":
    main(*sys.argv[1:])
