"""What a prior said of an image as layers: where the image lies, in the units of what they show."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sti.viz.display import METADATA_KEY, DisplayGrid
from napari_sti.viz.layers import MMS_COLORMAP, LayerData
from napari_sti.viz.numbers import Unit, nice_limit, susceptibility

# fmt: off
PRIOR_COLORS = (
    "#2166ac", "#4393c3", "#92c5de", "#d1e5f0", "#f7f7f7", "#fddbc7", "#f4a582", "#d6604d", "#b2182b",
)
# fmt: on
"""Blue is what the prior finds likely, red what it finds unlikely; alike for colour-blind eyes."""
PER_VOXEL = "R per voxel"
_OPACITY = (0.9, 0.75, 0.5, 0.2, 0.0, 0.2, 0.5, 0.75, 0.9)
"""Of these colours: what is usual hides nothing of the anatomy."""
_USUAL = 0.99
_ENOUGH = 0.05

Voxel = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Bound:
    """The image that a question was about, as it was when that was asked.

    Parameters
    ----------
    title : str
        What people call it.
    unit : str
        Of its values, if that is known.
    run : str
        Name of the run; begins the names of the layers.
    shape : (X, Y, Z)
        Of the whole file.
    grid : DisplayGrid or None
        Where the file is shown; None for an image of another origin, which says of itself where it lies.
    keywords : mapping
        Of the layer it came from, for an image of another origin.
    flat : bool
        Whether that is two-dimensional.
    axis, slice : int or None
        The slice that was taken.
    values : (X, Y, Z) array or None
        The image on the grid of the file, to be said under the cursor.
    limits : (float, float)
        Contrast limits of the image.
    simulated : bool
        Whether it is known not to be measured.
    """

    title: str
    unit: str
    run: str
    shape: tuple[int, ...]
    grid: DisplayGrid | None = None
    keywords: Mapping[str, Any] = field(default_factory=dict)
    flat: bool = False
    axis: int | None = None
    slice: int | None = None
    values: NDArray[Any] | None = None
    limits: tuple[float, float] = (0.0, 1.0)
    simulated: bool = False

    def whole(self, volume: NDArray[np.float32]) -> NDArray[np.float32]:
        """A slice in its place within the volume, NaN around it; anything else as it is."""
        if self.slice is None or self.axis is None or volume.shape[:3] == tuple(self.shape):
            return volume
        around = np.full((*self.shape, *volume.shape[3:]), np.nan, np.float32)
        at: list[Any] = [slice(None)] * 3
        at[self.axis] = slice(self.slice, self.slice + 1)
        around[tuple(at)] = volume
        return around

    def shown(self, volume: NDArray[np.float32]) -> NDArray[np.float32]:
        """A volume on the grid of the file, in the order of the screen."""
        whole = self.whole(volume)
        if self.grid is not None:
            return self.grid.to_shown(whole)
        return whole[..., 0] if self.flat else whole


@dataclass(frozen=True, eq=False)
class ShownPrior:
    """Values of the image, of its prox and of the prior as they are shown; answers for the status line."""

    maps: Mapping[str, NDArray[np.float32]]
    bound: Bound
    usual: float

    def __deepcopy__(self, memo: dict[int, Any]) -> "ShownPrior":
        return self  # immutable and large

    def words(self, voxel: Voxel, unit: Unit) -> str:
        """Say what lies in a voxel."""
        said = []
        for name, words in (("prior_map", "R"), ("prior_difference", "difference of R")):
            if name in self.maps:
                value = float(self.maps[name][voxel])
                usual = f" (usual {self.usual:.3g})" if name == "prior_map" else ""
                said.append(f"{words} {value:.3g}{usual}" if np.isfinite(value) else "not asked here")
        for name, words in (("image", "image"), ("prox", "prox"), ("inverse", "inverse")):
            if name in self.maps:
                value = float(self.maps[name][voxel])
                said += [f"{words} {self._written(value, unit)}"] if np.isfinite(value) else []
        return "    ".join(said) or "not asked here"

    def _written(self, value: float, unit: Unit) -> str:
        if self.bound.unit == "ppm":
            return susceptibility(value, unit)
        return f"{value:.4g} {self.bound.unit}".rstrip()


def prior_layers(volumes: Mapping[str, NDArray[np.float32]], bound: Bound) -> list[LayerData]:
    """Make the layers of an answer, from the bottom to the top; the topmost is what was asked for.

    Parameters
    ----------
    volumes : mapping of (X, Y, Z[, C]) arrays
        ``prox``, ``inverse``, ``prior_map``, ``prior_difference`` on the grid of the file, those that there are.
    bound : Bound
        The image it is about.
    """
    shown = {name: bound.shown(_one_channel(volume)) for name, volume in volumes.items()}
    if bound.values is not None:
        shown["image"] = bound.shown(np.asarray(bound.values, np.float32))
    if "image" in shown:  # nothing is said where the image says nothing
        known = np.isfinite(shown["image"])
        shown = {name: np.where(known, volume, np.float32(np.nan)) for name, volume in shown.items()}
    usual, reach = _around_usual(shown.get("prior_map"), shown.get("image"))
    maps = ShownPrior(shown, bound, usual)
    if not bound.flat and "image" in shown:
        shown = {**shown, **_without_air({name: shown[name] for name in _TERMS if name in shown}, shown["image"])}
    top = next(name for name in ("prior_map", "prior_difference", "prox") if name in shown)
    layers = []
    for name in ("inverse", "prox"):
        if name in shown:
            layers.append(_image_layer(shown[name], name, maps, visible=name == top))
    if "prior_map" in shown:
        said = "Local terms of the prior, which add up to R: blue is likelier and red less likely than their median, "
        said += f"{usual:.3g}, near which the image is seen."
        layers.append(_diverging(shown["prior_map"], "prior map", said, (usual - reach, usual + reach), maps))
    if "prior_difference" in shown:
        good = np.abs(shown["prior_difference"][np.isfinite(shown["prior_difference"])])
        limit = nice_limit(float(np.quantile(good, _USUAL))) if good.size else 1.0
        said = "Local terms of R of the other image less those of this one; red is where the other is less likely."
        layers.append(_diverging(shown["prior_difference"], "prior difference", said, (-limit, limit), maps))
    return layers


_TERMS = ("prior_map", "prior_difference")


def _without_air(terms: dict[str, NDArray[np.float32]], image: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """Show no terms where the image is 0 around its object: they say nothing of it, and would cover what lies below."""
    from scipy.ndimage import label

    parts, _ = label(image == 0)
    edges = [np.unique(np.take(parts, (0, -1), axis=axis)) for axis in range(parts.ndim) if parts.shape[axis] > 1]
    air = np.isin(parts, np.setdiff1d(np.concatenate(edges), 0)) if edges else np.zeros(image.shape, bool)
    return {name: np.where(air, np.float32(np.nan), term) for name, term in terms.items()}


def _one_channel(volume: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of a tensor its mean susceptibility, of other channels their mean."""
    if volume.ndim == 3:
        return volume
    mean: NDArray[np.float32] = volume[..., [0, 3, 5] if volume.shape[3] == 6 else slice(None)].mean(-1)
    return mean


def _around_usual(terms: NDArray[np.float32] | None, image: NDArray[np.float32] | None) -> tuple[float, float]:
    """Median of the terms where there is something in the image, and how far nearly all of them reach from it."""
    if terms is None:
        return 0.0, 1.0
    good = np.isfinite(terms)
    filled = good & (image != 0) if image is not None else good
    values = terms[filled if filled.sum() > _ENOUGH * good.sum() else good]
    if not values.size:
        return 0.0, 1.0
    usual = float(np.median(values))
    return usual, float(np.quantile(np.abs(values - usual), _USUAL)) or 1.0


def _diverging(
    shown: NDArray[np.float32], title: str, said: str, limits: tuple[float, float], maps: ShownPrior
) -> LayerData:
    keywords = _keywords(title, PER_VOXEL, said, maps, visible=True)
    keywords |= {
        "colormap": {"colors": _see_through(), "name": "prior"},
        "contrast_limits": limits,
    }
    return shown, keywords, "image"


def _see_through() -> list[tuple[float, ...]]:
    rgb = [tuple(int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)) for color in PRIOR_COLORS]
    return [(*color, opacity) for color, opacity in zip(rgb, _OPACITY, strict=True)]


def _image_layer(shown: NDArray[np.float32], name: str, maps: ShownPrior, *, visible: bool) -> LayerData:
    said = {
        "prox": "What the denoiser, which is the prox of the prior, makes of the image.",
        "inverse": "The image whose prox is this one.",
    }[name]
    keywords = _keywords(name, maps.bound.unit, said, maps, visible=visible)
    keywords |= {"colormap": MMS_COLORMAP, "contrast_limits": maps.bound.limits}
    return shown, keywords, "image"


def _keywords(title: str, unit: str, said: str, maps: ShownPrior, *, visible: bool) -> dict[str, Any]:
    bound = maps.bound
    name = f"{bound.run} - {title}" + (f" [{unit}]" if unit else "")
    keywords: dict[str, Any] = {
        "name": name,
        "visible": visible,
        "blending": "translucent_no_depth",
        "projection_mode": "none",
    }
    if bound.grid is None:
        return keywords | dict(bound.keywords)
    info = {
        **bound.grid.metadata(),
        "run": bound.run,
        "kind": title.replace(" ", "_"),
        "map": title,
        "unit": unit,
        "maps": maps,
        "description": said,
        "simulated": bound.simulated,
    }
    return keywords | {"metadata": {METADATA_KEY: info}, **bound.grid.layer_keywords()}
