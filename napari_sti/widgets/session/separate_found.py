"""What separations have found: read when they are done, as layers, numbers in regions, and a brush on the image."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal

from napari_sti.core.errors import InputError
from napari_sti.core.separated import SeparatedField
from napari_sti.io.separations import load_separation
from napari_sti.jobs.sentences import sentence_for
from napari_sti.maps.joint_histogram import JointHistogram, Span, brushed, joint_histogram
from napari_sti.maps.separation_regions import Box, region_boxes
from napari_sti.viz.compare_regions import Drawn, take_labels
from napari_sti.viz.display import METADATA_KEY, DisplayGrid, layer_info
from napari_sti.viz.layers import LayerData
from napari_sti.viz.separation_layers import KINDS, ShownSeparations, brush_layer, separation_layers
from napari_sti.widgets.background import Background
from napari_sti.widgets.session.layers import LayerSession
from napari_sti.widgets.session.run import Run
from napari_sti.widgets.session.separate_grid import SeparationGrid
from napari_sti.widgets.session.view import ViewSession


@dataclass(frozen=True, eq=False)
class Separation:
    """A finished run with what it found, ready to be looked at.

    Parameters
    ----------
    run : Run
        Which one.
    found : SeparatedField
        Both sources, with the closed form beside them.
    histogram : JointHistogram
        Of both.
    layers : list
        For the viewer.
    """

    run: Run
    found: SeparatedField
    histogram: JointHistogram
    layers: list[LayerData]


class FoundSeparations(QObject):
    """Keeps the separations that were read, with what is shown of them.

    Parameters
    ----------
    layers, view
        Sessions of the window.

    Attributes
    ----------
    results : dict of Separation
        By the names of their runs, in the order in which they came.
    grid : SeparationGrid
        Shows them side by side.
    """

    arrived = Signal(str)
    """A separation was read and its layers are there."""
    left = Signal(str)
    """A separation was taken away."""
    boxes_ready = Signal(object)
    """A tuple of `Box`."""
    brushed = Signal(str)
    """What was brushed, in words; empty for nothing."""
    failed = Signal(str)

    def __init__(self, layers: LayerSession, view: ViewSession, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.layers = layers
        self.results: dict[str, Separation] = {}
        self._brush: Any = None
        self._highlight: LayerData | None = None
        self.grid = SeparationGrid(layers, view, self)
        self._reader, self._boxer, self._brusher = Background(self), Background(self), Background(self)
        self._waiting: list[Run] = []
        self._coming: dict[str, str] = {}
        layers.added.connect(self._layers_there)
        self.grid.shown_changed.connect(self._cells_changed)
        self._reader.done.connect(self._have_read)
        self._reader.failed.connect(self._have_failed)
        self._boxer.done.connect(self.boxes_ready)
        self._boxer.failed.connect(self._have_failed)
        self._brusher.done.connect(self._have_brushed)
        self._brusher.failed.connect(self._have_failed)

    def close(self) -> None:
        """Drop what is still being read."""
        self.grid.close()
        for background in (self._reader, self._boxer, self._brusher):
            background.close()

    def show(self, run: Run) -> None:
        """Read the result of a run and add its layers, unless they are there."""
        if run.name in self.results and (there := self._layers_of(run.name)):
            if not self.grid.shown:
                kinds = {(layer_info(layer.metadata) or {}).get("kind"): layer for layer in there}
                self.layers.show_alone(kinds.get("separation_pos", there[0]))
            self.arrived.emit(run.name)
        elif run.result is not None and run not in self._waiting:
            self._waiting.append(run)
            self._read_next()

    def remove(self, run: Run) -> None:
        """Take a separation away with its layers."""
        if self.results.pop(run.name, None) is None:
            return
        self.clear_brush()
        if self.grid.shown:
            self.grid.end()
        for layer in self._layers_of(run.name):
            self.layers.viewer.layers.remove(layer)
        self.left.emit(run.name)

    def _layers_of(self, name: str) -> list[Any]:
        """Layers of a separation that are in the viewer, but for those side by side."""
        kept = []
        for layer in self.layers.viewer.layers:
            info = layer_info(layer.metadata) or {}
            if info.get("separation") == name and info.get("kind") in KINDS:
                kept.append(layer)
        return kept

    def _read_next(self) -> None:
        if self._waiting and not self._reader.busy:
            self._reader.start(_read, self._waiting[0])

    def _have_read(self, separation: Separation) -> None:
        name = separation.run.name
        self.results[name] = separation
        self._waiting.pop(0)
        self._coming[separation.layers[-1][1]["metadata"][METADATA_KEY]["run"]] = name
        self.layers.add_made(separation.layers)
        self._read_next()

    def _layers_there(self, run: str) -> None:
        """What is shown side by side has to lie above all other layers: it waits for them."""
        name = self._coming.pop(run, "")
        if name:
            self.arrived.emit(name)

    def _have_failed(self, error: Exception) -> None:
        if self._waiting and self.sender() is self._reader:
            self._waiting.pop(0)
        self.failed.emit(sentence_for(error))
        self._read_next()

    # ---- what came out ---------------------------------------------------------------------------------------------

    def beside(self, names: tuple[str, ...]) -> ShownSeparations | None:
        """These separations, with the closed form that belongs to the first, as far as they share a grid."""
        found = {name: self.results[name].found for name in names if name in self.results}
        if not found:
            return None
        first = next(iter(found.values()))
        same = {name: one for name, one in found.items() if one.shape == first.shape}
        return ShownSeparations(same, first.closed_form)

    def sum_up(self, names: tuple[str, ...], labels: str) -> None:
        """Make the boxes of a Labels layer in the background."""
        shown = self.beside(names)
        layer = next((one for one in self.layers.viewer.layers if one.name == labels), None)
        if shown is None or layer is None:
            self.boxes_ready.emit(())
            return
        try:
            drawn = take_labels(layer)
        except InputError as error:
            self.failed.emit(str(error))
            return
        self._boxer.start(_boxes, shown, drawn)

    def brush(self, name: str, pos: Span, neg: Span) -> None:
        """Highlight the voxels of a rectangle of the joint histogram on the image."""
        separation = self.results.get(name)
        if separation is not None:
            self._brusher.start(_brush, separation, pos, neg)

    def clear_brush(self) -> None:
        """Take the highlight away."""
        self._highlight = None
        self.grid.cover(None)
        self._drop_brush()
        self.brushed.emit("")

    def _have_brushed(self, made: tuple[LayerData, str]) -> None:
        self._highlight, said = made
        if self.grid.shown:
            self.grid.cover(self._highlight)
        else:
            self._show_brush(self._highlight)
        self.brushed.emit(said)

    def _cells_changed(self, shown: bool) -> None:
        """Carry the highlight over into the cells, or back to the image."""
        if self._highlight is None:
            return
        if shown:
            self._drop_brush()
            self.grid.cover(self._highlight)
        else:
            self._show_brush(self._highlight)

    def _show_brush(self, highlight: LayerData) -> None:
        """One layer over the image; the one that is there gets other voxels."""
        from napari.layers import Layer

        data, keywords, kind = highlight
        viewer, old = self.layers.viewer, self._brush
        if old is not None and old in viewer.layers and old.data.shape == data.shape:
            old.data, old.metadata, old.name = data, keywords["metadata"], keywords["name"]
            return
        self._drop_brush()
        before = viewer.layers.selection.active
        self._brush = self.layers.add_ours(Layer.create(data, keywords, kind))
        if before in viewer.layers:
            viewer.layers.selection.active = before  # the status line goes on to say its values

    def _drop_brush(self) -> None:
        layer, self._brush = self._brush, None
        if layer is not None and layer in self.layers.viewer.layers:
            self.layers.viewer.layers.remove(layer)


def _read(run: Run) -> Separation:
    assert run.result is not None
    found = load_separation(run.result.parent)
    return Separation(run, found, joint_histogram(found), separation_layers(found, run=run.name))


def _boxes(shown: ShownSeparations, drawn: Drawn) -> tuple[Box, ...]:
    first = next(iter(shown.found.values()))
    grid = DisplayGrid(first.affine, first.shape)
    labels = grid.to_stored(np.rint(drawn.on_grid(grid).data).astype(np.int32))
    results = dict(shown.found) | ({} if shown.floor is None else {"closed form": shown.floor})
    return region_boxes(results, labels)


def _brush(separation: Separation, pos: Span, neg: Span) -> tuple[LayerData, str]:
    found = separation.found
    chosen = brushed(found, pos, neg, shown=separation.histogram)
    number, share = int(chosen.sum()), 100 * float(chosen.sum()) / max(1, int(np.asarray(found.mask).sum()))
    shown = separation.histogram
    span = f"χ+ {span_words(pos, shown.pos_edges)}, |χ−| {span_words(neg, shown.neg_edges)}"
    layer = brush_layer(found, chosen, run=separation.run.name, said=span)
    return layer, f"{number} voxels ({share:.1f} % of the mask): {span}"


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
