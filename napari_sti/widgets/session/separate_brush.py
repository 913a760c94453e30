"""The brush of the joint histogram: which voxels it takes in, in a layer and in words."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_sti.maps.joint_histogram import Span, in_rectangle
from napari_sti.viz.display import DisplayGrid, layer_info
from napari_sti.viz.layers import LayerData
from napari_sti.viz.separation_layers import brush_layer

if TYPE_CHECKING:
    from napari_sti.widgets.session.separate_found import Separation


def brush_of(separation: "Separation", pos: Span, neg: Span) -> tuple[LayerData, str]:
    """Make the layer of the voxels in a rectangle of the joint histogram, and say which they are; for a thread."""
    found, shown = separation.found, separation.histogram
    inside, pos_values, neg_values = separation.pairs
    chosen = in_rectangle(pos_values, neg_values, pos, neg, shown=shown)
    voxels = np.zeros(DisplayGrid(found.affine, found.shape).shown_shape, np.uint8)
    voxels.reshape(-1)[inside] = chosen
    number = int(chosen.sum())
    span = f"χ+ {span_words(pos, shown.pos_edges)}, |χ−| {span_words(neg, shown.neg_edges)}"
    layer = brush_layer(found, voxels, run=separation.run.name, said=span)
    return layer, f"{number} voxels ({100 * number / max(1, len(inside)):.1f} % of the mask): {span}"


def span_words(span: Span, edges: NDArray[np.float64]) -> str:
    """A side of the brush in words: the last bin of the histogram holds what lies above it, the first what lies below.

    Parameters
    ----------
    span : (float, float)
        From and to, in ppm.
    edges : (B + 1,) array
        Of the bins of the histogram.
    """
    (low, high), above = span, span[1] >= edges[-1] - 1e-12
    if low <= 0:
        return "any" if above else f"up to {high:.3f} ppm"
    return f"{low:.3f} ppm and above" if above else f"{low:.3f} to {high:.3f} ppm"


def is_brush(layer: Any) -> bool:
    """Whether a layer is the highlight of the brush."""
    return bool((layer_info(layer.metadata) or {}).get("brush"))
