"""Layers of studies and runs: made in the background, added one by one, found again by what they say of themselves."""

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_sti.core.acquisition import Acquisition
from napari_sti.io.results import load_further, load_result
from napari_sti.jobs.sentences import sentence_for
from napari_sti.viz import _compat
from napari_sti.viz.display import layer_info, tell_path
from napari_sti.viz.layers import acquisition_layers
from napari_sti.viz.spreads import result_layers
from napari_sti.widgets.background import Background
from napari_sti.widgets.session.run import Run


class LayerSession(QObject):
    """Adds what was computed or read to the viewer; what is there already stays.

    Parameters
    ----------
    viewer : napari.Viewer or ViewerModel
        Where the layers go.
    """

    first = Signal()
    """The first of our layers is about to be added."""
    begun = Signal()
    """The first of our layers is there."""
    added = Signal(str)
    """All layers of this run or study are there."""
    failed = Signal(str)
    runs_changed = Signal()
    """Layers of a run came or went."""
    study_dropped = Signal(object)
    """Path of a study whose layers came into the viewer from elsewhere (a reader)."""

    def __init__(self, viewer: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self._queue: deque[tuple[str, Any, bool]] = deque()
        self._ours = False
        self._begun = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._add_next)
        self._foreign: list[str] = []
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._settle)
        self._makers: list[Background] = []
        viewer.layers.events.inserted.connect(self._inserted)
        viewer.layers.events.removed.connect(self._removed)

    def close(self) -> None:
        """Leave the viewer alone."""
        self._timer.stop()
        self._later.stop()
        self._queue.clear()
        for maker in self._makers:
            maker.close()
        self.viewer.layers.events.inserted.disconnect(self._inserted)
        self.viewer.layers.events.removed.disconnect(self._removed)

    def add_acquisition(self, acquisition: Acquisition) -> None:
        """Add the layers of an acquisition, made in the background."""
        self._make(acquisition_layers, acquisition)

    def add_run(self, run: Run) -> None:
        """Add the layers of a run, read and made in the background, unless they are there already."""
        if self.of_run(run.name):
            self.added.emit(run.name)
        elif run.result is not None:
            self._make(_read_and_make, run)

    def add_made(self, layers: list[Any]) -> None:
        """Add layers that were made already, one by one; `added` names what their metadata call their run."""
        self._have_made(layers)

    def add_ours(self, layer: Any) -> Any:
        """Add a layer that this window has made itself."""
        first, self._begun = not self._begun, True
        if first:
            self.first.emit()
        self._ours = True
        try:
            self.viewer.add_layer(layer)
        finally:
            self._ours = False
        if first:
            self.begun.emit()
        return layer

    def take_out(self, layers: list[Any]) -> list[tuple[int, Any]]:
        """Remove layers from the viewer; return them with their places, from the bottom to the top."""
        places = sorted(((self.viewer.layers.index(layer), layer) for layer in layers), key=lambda pair: pair[0])
        with _compat.batched(self.viewer):  # else napari collects garbage after each of them, a fifth of a second
            for _, layer in reversed(places):
                self.viewer.layers.remove(layer)
        return places

    def put_back(self, places: list[tuple[int, Any]]) -> None:
        """Bring layers back to where they were."""
        self._ours = True
        try:
            for place, layer in places:
                self.viewer.layers.insert(min(place, len(self.viewer.layers)), layer)
        finally:
            self._ours = False
        self.runs_changed.emit()

    def of_run(self, name: str) -> list[Any]:
        """Layers of a run, from the bottom to the top."""
        return [layer for layer in self.viewer.layers if _run_name(layer) == name and _kind(layer) in MAP_KINDS]

    def find(self, name: str, kind: str) -> Any | None:
        """One layer of a run, by its kind (`MAP_KINDS`)."""
        return next((layer for layer in self.of_run(name) if _kind(layer) == kind), None)

    def kinds(self, name: str) -> set[str]:
        """Maps that a run has layers of."""
        return {_kind(layer) for layer in self.of_run(name)}

    def coming(self, name: str) -> bool:
        """Whether some layers of a run are still to be added."""
        return any(run == name for run, _, _ in self._queue)

    @property
    def busy(self) -> bool:
        """Whether layers are being made, or are still to be added."""
        return bool(self._queue) or any(maker.busy for maker in self._makers)

    def finish(self) -> None:
        """Add at once what is still to be added."""
        while self._queue:
            self._add_next()

    def ours(self) -> list[Any]:
        """Every layer that this package made."""
        return [layer for layer in self.viewer.layers if layer_info(layer.metadata) is not None]

    def show_alone(self, *shown: Any) -> None:
        """Show these layers, and no other image of ours; lines, labels and points stay as they are."""
        from napari.layers import Image

        for layer in self.ours():
            if layer.visible and layer not in shown and isinstance(layer, Image):
                layer.visible = False
        for layer in shown:
            layer.visible = True

    def uncover(self, shown: Any) -> None:
        """Hide the images that lie above a layer, whoever made them; those of its own run stay."""
        from napari.layers import Image

        above = list(self.viewer.layers)[self.viewer.layers.index(shown) + 1 :]
        own = self.of_run(_run_name(shown))
        for layer in above:
            if isinstance(layer, Image) and layer.visible and layer not in own:
                layer.visible = False

    def of_study(self, name: str) -> list[Any]:
        """Layers of a study, from the bottom to the top."""
        return [layer for layer in self.ours() if _run_name(layer) == name and _kind(layer) not in MAP_KINDS]

    def fields(self) -> list[Any]:
        """Layers with field maps."""
        return [layer for layer in self.viewer.layers if _kind(layer) == "field"]

    def run_names(self) -> list[str]:
        """Runs that have layers, newest first."""
        names = [_run_name(layer) for layer in self.viewer.layers if _kind(layer) in MAP_KINDS]
        return list(dict.fromkeys(reversed(names)))

    def _make(self, function: Callable[..., list[Any]], *args: Any) -> None:
        maker = Background(self)
        maker.done.connect(self._have_made)
        maker.failed.connect(self._have_failed)
        self._makers.append(maker)
        maker.start(function, *args)

    def _have_made(self, layers: list[Any]) -> None:
        for number, data in enumerate(layers):
            name = data[1]["metadata"]["napari_sti"]["run"]
            self._queue.append((name, data, number == len(layers) - 1))
        self._makers = [maker for maker in self._makers if maker.busy]
        self._timer.start(0)

    def _have_failed(self, error: Exception) -> None:
        self._makers = [maker for maker in self._makers if maker.busy]
        self.failed.emit(sentence_for(error))

    def _add_next(self) -> None:
        """Add one layer and give the window a moment before the next: together they would take too long."""
        if not self._queue:
            return
        from napari.layers import Layer

        name, data, last = self._queue.popleft()
        layer = Layer.create(*data)
        if not self._replace(layer):
            self.add_ours(layer)
        if last:
            self.added.emit(name)
            self.runs_changed.emit()
        if self._queue:
            self._timer.start(10)

    def _replace(self, layer: Any) -> bool:
        """Give what is shown the values of a layer of the same study that was read again; False where there is none."""
        if _kind(layer) in MAP_KINDS:
            return False
        for old in self.of_study(_run_name(layer)):
            same = old.name == layer.name and _kind(old) == _kind(layer) and old.data.shape == layer.data.shape
            if same and np.allclose((*old.scale, *old.translate), (*layer.scale, *layer.translate)):
                # Labels may be under the brush: what was painted there is not replaced.
                if old.data.dtype.kind == "f":
                    old.data, old.metadata, old.visible = layer.data, layer.metadata, layer.visible
                    return True
                return bool(np.array_equal(old.data, layer.data))
        return False

    def adopt(self) -> None:
        """Take over what a reader has put into the viewer before the workbench was there."""
        for layer in self.viewer.layers:
            self._take_over(layer)

    def _inserted(self, event: Any) -> None:
        if not self._ours:
            self._take_over(event.value)

    def _take_over(self, layer: Any) -> None:
        info = layer_info(layer.metadata)
        if info is None:
            return
        study = info.get("study")
        self._foreign.append(str(info.get("run", "")) if study or _kind(layer) in MAP_KINDS else "")
        if isinstance(study, str | Path) and study:
            self.study_dropped.emit(Path(study))
        self._later.start(0)  # when a reader has added all of its layers

    def _settle(self) -> None:
        if not self._begun:
            self._begun = True
            self.first.emit()
            self.begun.emit()
        names, self._foreign = list(dict.fromkeys(self._foreign)), []
        for name in names:
            if name and (self.of_run(name) or self.of_study(name)):
                self.added.emit(name)
        self.runs_changed.emit()

    def _removed(self, event: Any) -> None:
        if _kind(event.value) in MAP_KINDS:
            self.runs_changed.emit()


MAP_KINDS = (
    *("mms", "msa", "pev_colour", "pev_spread", "msa_spread", "mms_spread"),
    *("pev_glyphs", "pev_lines"),
)
"""Kinds of layers that a run has, from the bottom to the top."""


def _read_and_make(run: Run) -> list[Any]:
    assert run.result is not None
    folder = run.result.parent
    layers = result_layers(load_result(folder), load_further(folder), run=run.name)
    tell_path(layers, folder)
    return list(layers)


def _kind(layer: Any) -> str:
    return str((layer_info(layer.metadata) or {}).get("kind", ""))


def _run_name(layer: Any) -> str:
    return str((layer_info(layer.metadata) or {}).get("run", ""))
