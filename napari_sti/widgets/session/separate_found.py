"""What separations have found: read when they are done, as layers, numbers in regions, and a brush on the image."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal

from napari_sti.core.errors import InputError
from napari_sti.core.separated import SeparatedField
from napari_sti.io.separations import load_separation
from napari_sti.jobs.sentences import sentence_for
from napari_sti.maps.joint_histogram import JointHistogram, Span, joint_histogram
from napari_sti.maps.separation_regions import Box, region_boxes
from napari_sti.viz.compare_regions import Drawn, take_labels
from napari_sti.viz.display import METADATA_KEY, DisplayGrid, layer_info
from napari_sti.viz.layers import LayerData
from napari_sti.viz.separation_layers import KINDS, ShownSeparations, other_voxels, separation_layers
from napari_sti.widgets.background import Background
from napari_sti.widgets.session.layers import LayerSession
from napari_sti.widgets.session.run import Run
from napari_sti.widgets.session.separate_brush import brush_of
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

    @cached_property
    def pairs(self) -> tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.float32]]:
        """Flat indices, in the order that is shown, of the voxels of the mask; their chi+ and |chi-|."""
        found = self.found
        to_shown = DisplayGrid(found.affine, found.shape).to_shown
        inside = np.flatnonzero(to_shown(np.asarray(found.mask)))
        pos, neg = (to_shown(part).reshape(-1)[inside] for part in (found.chi_pos, found.chi_neg_magnitude))
        return inside, pos, neg


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
        self._wanted: tuple[str, Span, Span] | None = None
        self._stale = False
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
        if run.name in self.results and (there := self.layers_of(run.name)):
            if not self.grid.shown:
                kinds = {(layer_info(layer.metadata) or {}).get("kind"): layer for layer in there}
                self.layers.show_alone(kinds.get("separation_pos", there[0]))
            self.arrived.emit(run.name)
        elif run.result is not None and run not in self._waiting:
            self._waiting.append(run)
            self._read_next()

    def leave(self, name: str) -> None:
        """Show no brush and no cells any more, since a separation is going to be taken away."""
        if name in self.results:
            self.clear_brush()
            if self.grid.shown:
                self.grid.end()

    def forget(self, name: str) -> None:
        """Let go of a separation whose layers were taken away."""
        if self.results.pop(name, None) is not None:
            self.left.emit(name)

    def put_back(self, separation: Separation) -> None:
        """Keep a separation again whose layers were brought back."""
        self.results[separation.run.name] = separation
        self.arrived.emit(separation.run.name)

    def layers_of(self, name: str) -> list[Any]:
        """Layers of a separation that are in the viewer, but for those side by side."""
        kept = []
        for layer in self.layers.viewer.layers:
            info = layer_info(layer.metadata) or {}
            if info.get("separation") == name and info.get("kind") in KINDS:
                kept.append(layer)
        return kept

    def _read_next(self) -> None:
        if self._waiting and not self._reader.busy:
            self._reader.start(read_separation, self._waiting[0])

    def _have_read(self, separation: Separation) -> None:
        self._waiting.pop(0)
        self.take(separation)
        self._read_next()

    def take(self, separation: Separation) -> None:
        """Keep a separation that was read, and add its layers."""
        name = separation.run.name
        self.results[name] = separation
        self._coming[separation.layers[-1][1]["metadata"][METADATA_KEY]["run"]] = name
        self.layers.add_made(separation.layers)

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
        """Highlight the voxels of a rectangle of the joint histogram on the image.

        May be called with every movement of the mouse: what is overtaken meanwhile is left out.
        """
        self._wanted = (name, pos, neg)
        self._brush_next()

    def clear_brush(self) -> None:
        """Take the highlight away."""
        self._highlight, self._wanted, self._stale = None, None, self._brusher.busy
        self.grid.cover(None)
        self._drop_brush()
        self.brushed.emit("")

    def _brush_next(self) -> None:
        if self._wanted is None or self._brusher.busy:
            return
        (name, pos, neg), self._wanted = self._wanted, None
        if name in self.results:
            self._brusher.start(brush_of, self.results[name], pos, neg)

    def _have_brushed(self, made: tuple[LayerData, str]) -> None:
        stale, self._stale = self._stale, False
        if not stale:
            self._highlight, said = made
            if self.grid.shown:
                self.grid.cover(self._highlight)
            else:
                self._show_brush(self._highlight)
            self.brushed.emit(said)
        self._brush_next()

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
            other_voxels([old], data, keywords["metadata"])
            if old.name != keywords["name"]:
                old.name = keywords["name"]
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


def read_separation(run: Run) -> Separation:
    """Read the result of a run and make its layers; for a thread."""
    assert run.result is not None
    found = load_separation(run.result.parent)
    return Separation(run, found, joint_histogram(found), separation_layers(found, run=run.name))


def _boxes(shown: ShownSeparations, drawn: Drawn) -> tuple[Box, ...]:
    first = next(iter(shown.found.values()))
    grid = DisplayGrid(first.affine, first.shape)
    labels = grid.to_stored(np.rint(drawn.on_grid(grid).data).astype(np.int32))
    results = dict(shown.found) | ({} if shown.floor is None else {"closed form": shown.floor})
    return region_boxes(results, labels)
