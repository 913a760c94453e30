"""Tracts of one window: tracking in a thread, tracts that follow the cursor, files of them, comparing two sets."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_sti.core.errors import Cancelled, InputError
from napari_sti.io.tracts import save_tracts
from napari_sti.jobs.sentences import sentence_for
from napari_sti.maps.tract_scores import TractOverlap, overlap
from napari_sti.viz.display import grid_of, layer_info
from napari_sti.viz.tract_density import density_layer
from napari_sti.viz.tracts import set_file, set_slab, tract_layer, tract_layers, tracts_of
from napari_sti.widgets.background import Background
from napari_sti.widgets.session.compare import CompareSession
from napari_sti.widgets.session.compare_sources import Canceller, free_name
from napari_sti.widgets.session.layers import LayerSession
from napari_sti.widgets.session.live_tracts import LiveTracts, is_live
from napari_sti.widgets.session.tract_sources import Fields, Tracked, TractChoice, called, labels_of, make_tracts
from napari_sti.widgets.session.tract_sources import open_tracts as read_tracts


class TractSession(QObject):
    """Tracks, and keeps what was tracked as layers.

    Parameters
    ----------
    layers : LayerSession
        Where the layers go.
    compare : CompareSession
        Knows the results of the window.

    Attributes
    ----------
    live : LiveTracts
        Those that follow the cursor.
    slab : float
        Depth around a slice in mm within which tracts are shown.
    """

    sources_changed = Signal()
    """Other results can be tracked on."""
    busy_changed = Signal(str)
    """What is being done, or nothing."""
    tracked = Signal(object)
    """The layer that is new."""
    noted = Signal(str)
    """What the person should know of what was tracked on or read."""
    saved = Signal(str)
    compared = Signal(object)
    """A `TractOverlap`."""
    sets_changed = Signal()
    failed = Signal(str)
    _said = Signal(str)

    def __init__(self, layers: LayerSession, compare: CompareSession, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.viewer, self._layers, self._compare = layers.viewer, layers, compare
        self.slab = 2.0
        self._fields = Fields()
        self._progress: Canceller | None = None
        self._saving: Any = None
        self.live = LiveTracts(self.viewer, Fields(), self._candidates, self._add, self)
        self.live.noted.connect(self.noted)
        self.live.failed.connect(self.failed)
        self._maker, self._files, self._mapper = Background(self), Background(self), Background(self)
        self._maker.done.connect(self._have_made)
        self._files.done.connect(self._have_files)
        self._mapper.done.connect(self._have_density)
        for background in (self._maker, self._files, self._mapper):
            background.failed.connect(self._have_failed)
        self._said.connect(self._say)
        compare.candidates_changed.connect(self.sources_changed)
        self.viewer.layers.events.inserted.connect(self._layers_changed)
        self.viewer.layers.events.removed.connect(self._layers_changed)

    @property
    def candidates(self) -> dict[str, Any]:
        """Results that can be tracked on, by name."""
        return self._compare.candidates

    def _candidates(self) -> dict[str, Any]:
        return dict(self.candidates)

    def close(self) -> None:
        """Drop what is being done."""
        self.cancel()
        self.live.close()
        for background in (self._maker, self._files, self._mapper):
            background.close()
        self.viewer.layers.events.inserted.disconnect(self._layers_changed)
        self.viewer.layers.events.removed.disconnect(self._layers_changed)

    # ---- tracking ----

    def start(self, choice: TractChoice) -> None:
        """Track from a region, and add the tracts as a layer."""
        try:
            labels = labels_of(choice, self.viewer.layers)
        except InputError as error:
            self.failed.emit(str(error))
            return
        self.live.stop()
        self.cancel()
        self._progress = Canceller(self._said.emit)
        self.busy_changed.emit("reading")
        kind = "probabilistic tracts" if choice.probabilistic else "tracts"
        name = self._free(f"{called(choice)} - {kind}")
        self._maker.start(make_tracts, choice, self._fields, self._candidates(), labels, None, name, self._progress)

    def cancel(self) -> None:
        """Stop what is being tracked."""
        if self._progress is not None:
            self._progress.cancelled = True

    def keep_live(self) -> None:
        """Keep the tracts at the cursor as a layer of their own."""
        found = self.live.now()
        if found is not None:
            kind = "probabilistic tracts" if "replicates" in found.tracts.provenance else "tracts"
            name = self._free(f"{found.run} - {kind}")
            self.tracked.emit(self._add(replace(found, tracts=replace(found.tracts, name=name))))

    def _say(self, text: str) -> None:
        if self._maker.busy:
            self.busy_changed.emit(text)

    def _have_made(self, found: Tracked) -> None:
        self._progress = None
        self.busy_changed.emit("")
        if found.notes:
            self.noted.emit(" ".join(found.notes))
        if not len(found.tracts):
            least = f"{found.tracts.provenance['params']['min_length']:g} mm"
            self.failed.emit(f"No streamline is as long as {least}; lower that, or the floor, or seed elsewhere.")
            return
        self.tracked.emit(self._add(found))

    def _add(self, found: Tracked) -> Any:
        layer = tract_layer(found.tracts, found.drawn, found.grid, run=found.run)
        active = self.viewer.layers.selection.active
        self._layers.add_ours(layer)
        if active is not None:  # what is looked at keeps its controls and its values under the cursor
            self.viewer.layers.selection.active = active
        self.set_slab(self.slab)
        return layer

    def _have_failed(self, error: Exception) -> None:
        self._progress = None
        self.busy_changed.emit("")
        if not isinstance(error, Cancelled):
            self.failed.emit(sentence_for(error))

    # ---- what was tracked ----

    def sets(self) -> list[Any]:
        """Layers of streamlines that are kept, the topmost first."""
        return [layer for layer in tract_layers(self.viewer) if not is_live(layer)]

    def _layers_changed(self, event: Any) -> None:
        if tracts_of(event.value) is not None:
            self.sets_changed.emit()

    def set_slab(self, thickness: float) -> None:
        """Show the tracts within so many mm around the slice."""
        self.slab = thickness
        if self.viewer.dims.ndim >= 3:
            set_slab(self.viewer, thickness)

    def save(self, layer: Any, path: Path) -> None:
        """Write a set; a dialog has asked about overwriting already."""
        tracts = tracts_of(layer)
        if tracts is not None:
            self._saving = layer
            self._files.start(_write, tracts, path)

    def open(self, path: Path) -> None:
        """Read a file of streamlines and show it."""
        shown = next((g for layer in self._layers.ours() if (g := grid_of(layer_info(layer.metadata)))), None)
        self._files.start(read_tracts, path, shown)

    def compare_sets(self, first: Any, second: Any) -> None:
        """Find out how far two sets overlap, by the voxels of the grid on which the first is shown."""
        a, b = tracts_of(first), tracts_of(second)
        grid = grid_of(layer_info(first.metadata))
        if a is not None and b is not None and grid is not None:
            self._files.start(overlap, a, b, grid.affine, grid.shape)

    def map_density(self, layer: Any) -> None:
        """Add the map of the share of the streamlines of a set that pass each voxel."""
        tracts, info = tracts_of(layer), layer_info(layer.metadata)
        grid = grid_of(info)
        if tracts is not None and info is not None and grid is not None:
            shown = replace(tracts, name=layer.name)
            self._mapper.start(density_layer, shown, grid, str(info.get("run", "")))

    def _have_density(self, found: Any) -> None:
        from napari.layers import Layer

        data, keywords, kind = found
        layer = Layer.create(data, keywords | {"name": self._free(keywords["name"])}, kind)
        self._layers.add_ours(layer)
        self.saved.emit(f"Added: {layer.name}. File > Save writes it as NIfTI.")

    def _free(self, name: str) -> str:
        return free_name(name, [layer.name for layer in self.viewer.layers])

    def _have_files(self, answer: Any) -> None:
        if isinstance(answer, TractOverlap):
            self.compared.emit(answer)
        elif isinstance(answer, Path):
            set_file(self._saving, answer)
            self._saving = None
            self.saved.emit(f"Written: {answer}")
        else:
            found = replace(answer, tracts=replace(answer.tracts, name=self._free(answer.tracts.name)))
            self.tracked.emit(self._add(found))
            if found.notes:
                self.noted.emit(" ".join(found.notes))


def _write(tracts: Any, path: Path) -> Path:
    return save_tracts(tracts, path, overwrite=True)
