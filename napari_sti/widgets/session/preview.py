"""The current estimate of a running method as one layer, for those who want to watch it; off unless asked for."""

from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QObject

from napari_sti.core.tensor_field import TensorField
from napari_sti.io.nifti import read_header
from napari_sti.io.study import read_study
from napari_sti.viz.display import METADATA_KEY
from napari_sti.viz.layers import tensor_layers
from napari_sti.widgets.background import Background
from napari_sti.widgets.session.layers import LayerSession
from napari_sti.widgets.session.run import Run
from napari_sti.widgets.session.runs import RunSession

KIND = "preview"


class PreviewSession(QObject):
    """Shows what the worker writes of its current estimate, at the pace at which it can be drawn.

    The map is the one that is looked at in the View panel when the first estimate comes (PEV colour, MSA or MMS).
    """

    def __init__(self, runs: RunSession, layers: LayerSession, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.on = False
        self.map = "pev_colour"
        self._runs, self._layers = runs, layers
        self._layer: Any = None
        self._run: Run | None = None
        self._maker = Background(self)
        self._maker.done.connect(self._show)
        runs.changed.connect(self._changed)
        runs.preview.connect(self._have)
        runs.finished.connect(self._finished)

    def set_on(self, on: bool) -> None:
        """Begin or stop to watch."""
        self.on = on
        self._run = self._runs.active if on else None
        if self._runs.active is not None:
            self._runs.show_preview(self._runs.active, on)
        if not on:
            self._remove()

    def close(self) -> None:
        """Drop what is still being made."""
        self._maker.close()

    def _changed(self, run: Run) -> None:
        if self.on and run.state == "running" and run is not self._run:
            self._run = run
            self._runs.show_preview(run, True)

    def _have(self, run: Run, path: Path) -> None:
        # An estimate that comes while the last one is still being drawn is left out.
        if self.on and run.active and run.job.study is not None and not self._maker.busy:
            self._maker.start(_make, run.job.study, path, run.name, self.map)

    def _show(self, made: Any) -> None:
        if made is None or not self.on or self._runs.active is None:
            return
        data, keywords, kind = made
        info = keywords["metadata"][METADATA_KEY]
        info["map"] += f" of iteration {self._runs.active.iteration}"
        if self._layer is not None and self._layer in self._layers.viewer.layers:
            self._layer.data, self._layer.metadata = data, keywords["metadata"]
            return
        from napari.layers import Layer

        self._layer = self._layers.add_ours(Layer.create(data, keywords, kind))

    def _finished(self, run: Run) -> None:
        if self._run is run:
            self._run = None
            self._remove()

    def _remove(self) -> None:
        layer, self._layer = self._layer, None
        if layer is not None and layer in self._layers.viewer.layers:
            self._layers.viewer.layers.remove(layer)


def _make(study: Path, path: Path, name: str, kind: str) -> Any:
    """Make the layer of an estimate; None if it has gone already or lies on another grid."""
    try:
        chi = np.load(path)
    except (OSError, ValueError):
        return None
    field = read_study(study).orientations[0].field
    if field is None:
        return None
    header = read_header(field)
    if tuple(header.shape[:3]) != chi.shape[:3]:
        return None
    tensor = TensorField(chi, header.affine, (chi != 0).any(axis=-1), name=name)
    for data, keywords, layer_type in tensor_layers(tensor, run=name):
        info = keywords["metadata"][METADATA_KEY]
        if info["kind"] == kind:
            info |= {"kind": KIND, "map": f"{info['map']}, preview"}
            keywords |= {"name": f"{name} - {info['map']}", "visible": True}
            return data, keywords, layer_type
    return None
