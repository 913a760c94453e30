"""The figure of an answer of a prior, for papers and pages: images and violins along a way, curves along a line."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.evaluate.figures import save_figure
from napari_sti.io.nifti import read_volume

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK, _FILL = "#3a55b4", "#1b7f79"
_LIMITS = (1, 99.5)


def draw_answer(folder: str | Path, path: str | Path, *, overwrite: bool = False) -> Path:
    """Draw what ``napari-sti prior`` left in a folder: perturbations, a comparison, or a cut.

    Raises
    ------
    InputError
        If the folder holds no answer, or one that has no curves, or the figure cannot be written.
    """
    folder = Path(folder)
    try:
        record = json.loads((folder / "prior.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError("the folder holds no answer of a prior", file=folder, mend="choose another") from error
    if "cut" in record:
        return save_figure(_cut_figure(record), path, overwrite=overwrite)
    if record.get("curves"):
        return save_figure(_curve_figure(record, folder), path, overwrite=overwrite)
    raise InputError(
        "values and checks have no figure", file=folder, mend="perturb, compare or cut; maps are shown in the viewer"
    )


def _figure(width: float, height: float) -> "Figure":
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _curve_figure(record: dict[str, Any], folder: Path) -> "Figure":
    """A row for each way: the images with R above them, and beside them the violins or the curve."""
    curves = record["curves"]
    found = [_pictures(folder, curve["name"]) for curve in curves]
    most = max((len(images) for images, _ in found), default=0)
    figure = _figure(3.6 + 1.15 * most, 2.5 * len(curves))
    grid = figure.add_gridspec(len(curves), most + 1, width_ratios=[*[1.0] * most, 3.1])
    for row, (curve, (images, aspect)) in enumerate(zip(curves, found, strict=True)):
        values = [np.nan if v is None else v for v in curve["values"]]
        least = np.nanmin(values) if np.isfinite(values).any() else 0.0
        low, high = np.nanpercentile(images[0], _LIMITS) if len(images) else (0, 1)
        for column, image in enumerate(images):
            axes = figure.add_subplot(grid[row, column])
            axes.imshow(image, cmap="gray", vmin=low, vmax=high, interpolation="nearest", aspect=aspect)
            axes.set_axis_off()
            value = values[column]
            said = "no value" if np.isnan(value) else f"{value - least:.3g}"
            axes.set_title(f"{curve['levels'][column]:g}\nR {said}", fontsize=7)
        _draw_curve(figure.add_subplot(grid[row, most]), curve, least)
    figure.suptitle(f"{record['model']['title']}: R up to a constant", fontsize=9)
    return figure


def _pictures(folder: Path, way: str) -> tuple[list[Any], float]:
    """The slice at each level as it is looked at, the person's left at the left, and the height of a voxel by width."""
    file = folder / f"perturbed_{way}.nii.gz"
    if not file.is_file():
        return [], 1.0
    volume = read_volume(file, dims=4)
    turn = frames.canonical_orientation(volume.affine)
    data = frames.reorder_volume(volume.data, turn)
    size = frames.voxel_size(frames.reorder_affine(volume.affine, turn, volume.data.shape[:3]))
    across = int(np.argmin(data.shape[:3]))
    wide, high = (axis for axis in range(3) if axis != across)
    levels = np.moveaxis(np.take(data, 0, axis=across), -1, 0)
    return [np.rot90(level) for level in levels], size[high] / size[wide]


def _draw_curve(axes: "Axes", curve: dict[str, Any], least: float) -> None:
    places = np.arange(len(curve["levels"]))
    samples = [[v for v in row if v is not None] for row in curve.get("samples") or ()]
    if any(len(row) > 2 for row in samples):
        low = min(v for row in samples for v in row)
        rows = [(x, np.array(row) - low) for x, row in zip(places, samples, strict=True) if len(row) > 2]
        drawn = axes.violinplot([row for _, row in rows], [x for x, _ in rows], widths=0.8, showextrema=False)
        for body in drawn["bodies"]:  # type: ignore[attr-defined]
            body.set(facecolor=_FILL, alpha=0.45, edgecolor=_FILL)
        axes.plot([x for x, _ in rows], [np.median(row) for _, row in rows], "o-", color=_INK, markersize=3)
        axes.set_ylabel(f"R of each {curve['sample']}", fontsize=7)
    else:
        values = [np.nan if v is None else v - least for v in curve["values"]]
        axes.plot(places, values, "o-", color=_INK, markersize=3)
        axes.set_ylabel("R from its least value", fontsize=7)
    axes.set_xticks(places, [f"{level:g}" for level in curve["levels"]], fontsize=7)
    axes.set_xlabel(f"{curve['name']}, {curve['unit']}", fontsize=7)
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)


def _cut_figure(record: dict[str, Any]) -> "Figure":
    """Three panels beside each other, as the paper has them."""
    cut = record["cut"]
    figure = _figure(8.4, 2.6)
    titles = {"f": "prox f", "psi": "potential ψ", "r": "prior R"}
    for axes, (name, title) in zip(figure.subplots(1, 3), titles.items(), strict=True):
        values = [np.nan if v is None else v for v in cut[name]]
        if name == "f":
            axes.axline((0, 0), slope=1, color="#999999", linewidth=0.8, linestyle="--")
            axes.set_ylim(np.nanmin(values) - 0.05, np.nanmax(values) + 0.05)
        axes.plot(cut["t"], values, color=_INK)
        axes.set_title(title, fontsize=9)
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    figure.supxlabel(f"{record['model']['title']}, along {cut['along']}", fontsize=7)
    return figure
