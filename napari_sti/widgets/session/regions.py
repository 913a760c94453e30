"""Regions of one window: which results, in which labels, measured in a thread and kept as files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_sti.core.errors import Cancelled, InputError
from napari_sti.io.atomic import write_text
from napari_sti.io.sidecars import SIDECAR
from napari_sti.jobs.sentences import sentence_for
from napari_sti.maps.region_files import histograms_csv, regions_csv
from napari_sti.maps.region_labels import OtherGridError
from napari_sti.maps.regions import Regions
from napari_sti.viz.display import layer_info
from napari_sti.viz.masks import mask_of
from napari_sti.viz.region_layers import take_regions
from napari_sti.widgets.background import Background
from napari_sti.widgets.session.compare_sources import Canceller, Candidate, Source
from napari_sti.widgets.session.layers import LayerSession
from napari_sti.widgets.session.region_sources import (
    RegionChoice,
    look_at_results,
    measure_regions,
    read_regions,
    regions_command,
)
from napari_sti.widgets.session.runs import RunSession

_KINDS = ("recon", "trust", "separate")
"""Kinds of jobs whose results hold maps."""
_CALM = 100
"""Milliseconds after the last change in runs or layers before headers are read again."""


class RegionSession(QObject):
    """Measures results in regions.

    Parameters
    ----------
    runs, layers
        Sessions of the window.

    Attributes
    ----------
    candidates : dict of str to Candidate
        What can be measured.
    found : Regions or None
        The last numbers.
    """

    candidates_changed = Signal()
    labels_changed = Signal()
    """Labels layers came, went, or were renamed."""
    busy_changed = Signal(str)
    """What is being done, or nothing."""
    measured = Signal(object)
    """`Regions` are ready."""
    asked = Signal(str)
    """The labels lie on another grid: whether they may be resampled."""
    opened = Signal(str)
    """Name of the layer of a segmentation that was opened."""
    saved = Signal(str)
    failed = Signal(str)
    _said = Signal(str)

    def __init__(self, runs: RunSession, layers: LayerSession, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.candidates: dict[str, Candidate] = {}
        self.found: Regions | None = None
        self._runs, self._layers, self.viewer = runs, layers, layers.viewer
        self._folders: list[Path] = []
        self._listed: list[tuple[str, Path, bool]] = []
        self._progress: Canceller | None = None
        self._surveyor, self._maker = Background(self), Background(self)
        self._opener, self._writer = Background(self), Background(self)
        self._surveyor.done.connect(self._have_surveyed)
        self._maker.done.connect(self._have_measured)
        self._opener.done.connect(self._have_opened)
        self._writer.done.connect(self._have_written)
        for background in (self._maker, self._opener, self._writer):
            background.failed.connect(self._have_failed)
        self._calm = QTimer(self)
        self._calm.setSingleShot(True)
        self._calm.setInterval(_CALM)
        self._calm.timeout.connect(self._survey)
        self._said.connect(self._say)
        for signal in (runs.finished, runs.listed, layers.runs_changed, layers.added):
            signal.connect(self.refresh)
        self.viewer.layers.events.inserted.connect(self._layers_changed)
        self.viewer.layers.events.removed.connect(self._layers_changed)

    def close(self) -> None:
        """Leave the viewer alone and drop what is being done."""
        self.cancel()
        self._calm.stop()
        for background in (self._surveyor, self._maker, self._opener, self._writer):
            background.close()
        self.viewer.layers.events.inserted.disconnect(self._layers_changed)
        self.viewer.layers.events.removed.disconnect(self._layers_changed)

    # ---- what can be measured ----

    def refresh(self, *_: object) -> None:
        """Look again at what can be measured, in the background."""
        self._calm.start()

    def add_folder(self, folder: Path) -> None:
        """Take a result folder into the list."""
        if not (folder / SIDECAR).is_file():
            self.failed.emit(str(InputError("the folder holds no finished result", file=folder, mend="choose another")))
        elif folder not in self._folders:
            self._folders.append(folder)
            self.refresh()

    def shown(self) -> list[str]:
        """Candidates whose layers are in the viewer."""
        names = set(self._layers.run_names())
        return [name for name in self.candidates if name in names]

    def label_layers(self) -> list[str]:
        """Names of the Labels layers, the topmost first, masks of a study last."""
        found = [layer for layer in reversed(self.viewer.layers) if type(layer).__name__ == "Labels"]
        return [layer.name for layer in sorted(found, key=lambda layer: bool(mask_of(layer)))]

    def open_labels(self, path: Path) -> None:
        """Read a segmentation in the background and add it as a Labels layer."""
        self.busy_changed.emit("reading the segmentation")
        self._opener.start(read_regions, path)

    def _layers_changed(self, event: Any) -> None:
        if type(event.value).__name__ == "Labels":
            self.labels_changed.emit()

    def _survey(self) -> None:
        runs = [run for run in self._runs.runs if run.job.kind in _KINDS and run.state == "done" and run.result]
        sources = [Source(run.name, run.result.parent, None, run.about) for run in runs if run.result]
        for name in self._layers.run_names():
            infos = (layer_info(layer.metadata) or {} for layer in self._layers.of_run(name))
            paths = [str(info["path"]) for info in infos if info.get("path") and info.get("maps") is not None]
            sources += [Source(name, Path(path)) for path in paths[:1]]
        sources += [Source(folder.name, folder) for folder in self._folders]
        self._surveyor.start(look_at_results, sources)

    def _have_surveyed(self, candidates: list[Candidate]) -> None:
        self.candidates = {one.name: one for one in candidates}
        # A run is finished before its layers are there, so that both are looked at.
        listed = [(one.name, one.folder, one.name in self.shown()) for one in candidates]
        if listed != self._listed:
            self._listed = listed
            self.candidates_changed.emit()

    def _have_opened(self, answer: Any) -> None:
        from napari.layers import Layer

        labels, layer_data = answer
        active = self.viewer.layers.selection.active
        layer = self._layers.add_ours(Layer.create(*layer_data))
        if active is not None:  # its values and its controls stay in sight
            self.viewer.layers.selection.active = active
        self.busy_changed.emit("")
        self.opened.emit(layer.name)
        if labels.notes:
            self.saved.emit(" ".join(labels.notes))

    # ---- measuring ----

    def start(self, choice: RegionChoice) -> None:
        """Measure; what is drawn is taken as it is now."""
        try:
            if choice.labels not in self.viewer.layers:
                raise InputError(f"the layer {choice.labels!r} is not there any more", mend="choose another one")
            labels = take_regions(self.viewer.layers[choice.labels])
        except InputError as error:
            self.failed.emit(str(error))
            return
        self.cancel()
        self._progress = Canceller(self._said.emit)
        self.busy_changed.emit("reading")
        self._maker.start(measure_regions, choice, dict(self.candidates), labels, self._progress)

    def cancel(self) -> None:
        """Stop what is being measured."""
        if self._progress is not None:
            self._progress.cancelled = True

    def command(self, choice: RegionChoice) -> str:
        """Write the command line that measures the same."""
        named = [layer for layer in self.viewer.layers if layer.name == choice.labels]
        files = [str((layer_info(layer.metadata) or {}).get("path", "")) for layer in named]
        return regions_command(choice, self.candidates, next(iter(files), "") or f"{choice.labels}.nii.gz")

    def _say(self, text: str) -> None:
        if self._maker.busy:
            self.busy_changed.emit(text)

    def _have_measured(self, found: Regions) -> None:
        self._progress = None
        self.found = found
        self.busy_changed.emit("")
        self.measured.emit(found)

    def _have_failed(self, error: Exception) -> None:
        self._progress = None
        self.busy_changed.emit("")
        if isinstance(error, OtherGridError):
            self.asked.emit(error.what)
        elif not isinstance(error, Cancelled):
            self.failed.emit(sentence_for(error))

    # ---- as files ----

    def save_table(self, path: Path) -> None:
        """Write all numbers as CSV; a dialog has asked about overwriting already, as for the others."""
        self._write(_write_text, regions_csv, self.found, path)

    def save_histograms(self, path: Path) -> None:
        """Write all histograms as CSV."""
        self._write(_write_text, histograms_csv, self.found, path)

    def save_figure(self, path: Path) -> None:
        """Draw the box plots of all maps."""
        self._write(_write_figure, self.found, path)

    def _write(self, function: Callable[..., Path], *args: Any) -> None:
        if self.found is not None:
            self.busy_changed.emit("writing")
            self._writer.start(function, *args)

    def _have_written(self, path: Path) -> None:
        self.busy_changed.emit("")
        self.saved.emit(f"Written: {path}")


def _write_text(make: Callable[[Regions], str], found: Regions, path: Path) -> Path:
    write_text(path, make(found), overwrite=True)
    return path


def _write_figure(found: Regions, path: Path) -> Path:
    from napari_sti.maps.region_figure import save_boxes

    return save_boxes(found, path, overwrite=True)
