"""Separation of the simulated brain: closed form against WaveSep and the others, as a table for the documentation.

    python -m benchmarks.separation_scores [--voxel-size 3] [--orientations 1 4] [--seeds 1]

Everything is simulated. chi is the true tensor (or its mean) with white noise, so that the split alone is scored and
not the reconstruction before it; R2' has noise of 10 dB, and what falls below zero is set to zero.
"""

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np

from napari_sti.core.acquisition import Acquisition
from napari_sti.maps.separation_scores import SourceScores, source_scores
from napari_sti.recon.separate import separate
from napari_sti.simulate.sources import SourceParams, Sources, simulate_separation

NOISE = 0.01
"""ppm, standard deviation in every entry of chi."""
CONDITIONS = (
    ("one Dr, known", dict(rates="consistent", dr=114.0), "114"),
    ("one Dr, another assumed", dict(rates="consistent", dr=137.0), "114"),
    ("two Dr by angle, 114 assumed", dict(rates="theory"), "114"),
    ("two Dr by angle, theory assumed", dict(rates="theory"), "theory"),
)
METHODS: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("tensor", "closed form, free", "closed_form", dict(signs=False)),
    ("tensor", "closed form, signs", "closed_form", {}),
    ("tensor", "wavesep", "wavesep", {}),
    ("tensor", "wavesep, exact", "wavesep", dict(scheme="exact")),
    ("scalar", "closed form, free", "closed_form", dict(signs=False)),
    ("scalar", "closed form, signs", "closed_form", {}),
    ("scalar", "wavesep", "wavesep", {}),
    ("scalar", "kernel_map", "kernel_map", {}),
    ("fields", "chi_sep", "chi_sep", {}),
)


def noisy_chi(acquisition: Acquisition, seed: int) -> np.ndarray:
    """The true tensor (X, Y, Z, 6) with noise in every entry inside the mask."""
    assert acquisition.reference_tensor is not None
    chi = acquisition.reference_tensor.chi
    noise = NOISE * np.random.default_rng([seed, 9]).standard_normal(chi.shape)
    return (chi + noise * acquisition.mask[..., None]).astype(np.float32)


def scores(
    acquisition: Acquisition, truth: Sources, dr: str, seed: int
) -> Iterator[tuple[str, str, SourceScores, SourceScores]]:
    chi = noisy_chi(acquisition, seed)
    for form, title, method, params in METHODS:
        given: dict[str, Any] = {"tensor": {"chi": chi}, "scalar": {"chi": chi[..., [0, 3, 5]].mean(-1)}}.get(form, {})
        found = separate(acquisition, method, dr=dr, **given, **params)
        pos = source_scores(found.chi_pos, truth.pos, truth.mask)
        yield form, title, pos, source_scores(found.negative, truth.neg_mean, truth.mask)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--voxel-size", default="3")
    parser.add_argument("--orientations", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--conditions", type=int, nargs="+", default=list(range(len(CONDITIONS))))
    options = parser.parse_args()
    print("| R2' and Dr | chi | N | method | chi+ PSNR | NRMSE | corr. | chi- PSNR | NRMSE | corr. |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for index in options.conditions:
        name, simulated, dr = CONDITIONS[index]
        for count in options.orientations:
            rows: dict[tuple[str, str], list[list[float]]] = {}
            for seed in range(options.seeds):
                wanted = SourceParams(orientations=count, voxel_size=options.voxel_size, seed=seed, **simulated)
                acquisition, truth = simulate_separation(wanted)
                for form, title, pos, neg in scores(acquisition, truth, dr, seed):
                    values = [v for s in (pos, neg) for v in (s.psnr, s.nrmse, s.correlation)]
                    rows.setdefault((form, title), []).append(values)
            for (form, title), found in rows.items():
                a, b, c, d, e, f = np.mean(found, 0)
                line = f"| {name} | {form} | {count} | {title} | {a:.1f} | {b:.2f} | {c:.3f} "
                print(f"{line}| {d:.1f} | {e:.2f} | {f:.3f} |", flush=True)


if __name__ == "__main__":
    main()
