"""How well `stiimag` finds the directions of the simulated brain, and the picture of it in the README.

``python -m benchmarks.recovery`` prints the table; ``--picture FILE.png`` draws truth, reconstruction and error, too.
Seven orientations up to 60 degrees, noise of 40 dB, 2 mm, default parameters.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_sti import Acquisition, TensorField, reconstruct
from napari_sti.maps.colour import msa_limits, pev_colour
from napari_sti.maps.metrics import angle_summary, pev_angle
from napari_sti.simulate.study import SimulationParams, simulate

ANISOTROPIC = 0.015
"""ppm of true MSA from which on directions are scored, as in the published ECSE."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--picture", type=Path)
    options.add_argument("--seeds", type=int, default=3)
    given = options.parse_args()
    rows = []
    for seed in range(given.seeds):
        acquisition = simulate(SimulationParams(seed=seed))
        result = reconstruct(acquisition, "stiimag", device="cpu")
        rows.append(score(acquisition, result))
        if seed == 0 and given.picture is not None:
            draw(acquisition, result, given.picture, rows[0])
    print("| seed | iterations | seconds | mean PEV angle | under 15 | under 30 | MSA error | MMS error |")
    print("|---|---|---|---|---|---|---|---|")
    for seed, r in enumerate(rows):
        print(
            f"| {seed} | {r['iterations']:.0f} | {r['seconds']:.1f} | {r['angle']:.1f}° | {100 * r['under15']:.0f} % "
            f"| {100 * r['under30']:.0f} % | {r['msa']:.4f} ppm | {r['mms']:.4f} ppm |"
        )


def score(acquisition: Acquisition, result: TensorField) -> dict[str, float]:
    """Score against the truth: angles where it is anisotropic, root mean squares inside the mask."""
    truth = acquisition.reference_tensor
    where = acquisition.mask & (truth.msa > ANISOTROPIC)
    angles = pev_angle(result.pev, truth.pev)[where]
    summary = angle_summary(result.chi, truth.chi, acquisition.mask)
    return {
        "iterations": len(result.provenance["iterations"]),
        "seconds": result.provenance["seconds"],
        "angle": summary.mean,
        "under15": float((angles < 15).mean()),
        "under30": float((angles < 30).mean()),
        "msa": float(np.sqrt(np.mean((result.msa - truth.msa)[acquisition.mask] ** 2))),
        "mms": float(np.sqrt(np.mean(((result.mms - truth.mms) - _mean_difference(result, truth))[truth.mask] ** 2))),
    }


def _mean_difference(result: TensorField, truth: TensorField) -> float:
    """The field says nothing about a constant susceptibility, so it is taken off."""
    return float((result.mms - truth.mms)[truth.mask].mean())


# ---- the picture ------------------------------------------------------------------------------------------------

SCALE, GAP, TOP, LEFT = 3, 14, 58, 92


def draw(acquisition: Acquisition, result: TensorField, path: Path, numbers: dict[str, float]) -> None:
    """Draw three planes of truth, reconstruction and angle between them."""
    from PIL import Image, ImageDraw, ImageFont

    truth = acquisition.reference_tensor
    floor, ceiling = msa_limits(truth.msa, acquisition.mask)
    columns = {
        "true tensor (simulated)": pev_colour(truth.in_frame("ras").pev, truth.msa, floor, ceiling),
        "STIimag": pev_colour(result.in_frame("ras").pev, result.msa, floor, ceiling),
        "angle between them": angle_colours(acquisition, result),
    }
    centre = np.rint(np.linalg.solve(acquisition.affine, [0, -18, 12, 1])[:3]).astype(int)
    planes = [("axial", 2, centre[2]), ("coronal", 1, centre[1]), ("sagittal", 0, centre[0] + 12)]
    tiles = [[plane(volume, axis, index) for volume in columns.values()] for _, axis, index in planes]
    widest = max(tile.shape[1] for row in tiles for tile in row)
    width = LEFT + (widest + GAP) * 3
    height = TOP + sum(row[0].shape[0] + GAP for row in tiles) + 64
    page = Image.new("RGB", (width, height), (18, 18, 20))
    pen = ImageDraw.Draw(page)
    large, small = ImageFont.load_default(21), ImageFont.load_default(17)
    y = TOP
    for (name, _, _), row in zip(planes, tiles, strict=True):
        x = LEFT
        pen.text((12, y + row[0].shape[0] // 2), name, fill="white", font=small)
        for title, tile in zip(columns, row, strict=True):
            left = x + (widest - tile.shape[1]) // 2
            page.paste(Image.fromarray(tile), (left, y))
            if y == TOP:
                pen.text((x + widest / 2, 30), title, fill="white", font=large, anchor="mm")
            x += widest + GAP
        y += row[0].shape[0] + GAP
    lines = (
        f"Simulated: 7 orientations up to 60°, 40 dB, 2 mm. Mean angle {numbers['angle']:.1f}° where the true MSA "
        f"exceeds {ANISOTROPIC} ppm.",
        "Red left-right, green front-back, blue up-down; the person's left is on the left, the front on the right.",
    )
    for n, words in enumerate(lines):
        pen.text((12, height - 56 + 24 * n), words, fill=(200, 200, 205), font=ImageFont.load_default(15))
    _angle_bar(pen, width, height)
    path.parent.mkdir(parents=True, exist_ok=True)
    page.save(path, optimize=True)


def plane(volume: NDArray[np.uint8], axis: int, index: int) -> NDArray[np.uint8]:
    """Cut one plane out of a RAS volume (X, Y, Z, 3) as an image with the person's right on its right, up is up."""
    cut = np.take(volume, index, axis=axis)  # the two remaining axes, first of them along the screen
    image = np.flip(cut.swapaxes(0, 1), axis=0)
    return np.ascontiguousarray(image.repeat(SCALE, 0).repeat(SCALE, 1))


_STOPS = np.array([[13, 8, 60], [120, 28, 109], [222, 73, 104], [254, 159, 109], [252, 253, 191]], float)


def angle_colours(acquisition: Acquisition, result: TensorField) -> NDArray[np.uint8]:
    """Colours of the angle from 0 to 45 degrees where the truth is anisotropic, dark elsewhere."""
    truth = acquisition.reference_tensor
    share = np.clip(pev_angle(result.pev, truth.pev) / 45, 0, 1)
    colours = np.stack([np.interp(share, np.linspace(0, 1, len(_STOPS)), _STOPS[:, c]) for c in range(3)], -1)
    where = acquisition.mask & (truth.msa > ANISOTROPIC)
    outside = np.where(acquisition.mask[..., None], 42, 0)
    return np.where(where[..., None], colours, outside).astype(np.uint8)


def _angle_bar(pen: object, width: int, height: int) -> None:
    from PIL import ImageFont

    left, right, y = width - 210, width - 46, height - 22
    for x in range(left, right):
        share = (x - left) / (right - left)
        colour = tuple(int(np.interp(share, np.linspace(0, 1, len(_STOPS)), _STOPS[:, c])) for c in range(3))
        pen.line([(x, y - 6), (x, y + 4)], fill=colour)
    font = ImageFont.load_default(14)
    pen.text((left - 8, y), "0°", fill="white", font=font, anchor="rm")
    pen.text((right + 6, y), "45°", fill="white", font=font, anchor="lm")


if __name__ == "__main__":
    main()
