"""Comparisons of one window: what can be compared, comparing it in a thread, and keeping it as files."""

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_sti.core.errors import Cancelled, InputError
from napari_sti.io.atomic import write_text
from napari_sti.io.sidecars import SIDECAR
from napari_sti.jobs.sentences import sentence_for
from napari_sti.maps.comparison import Comparison
from napari_sti.maps.comparison_files import comparison_csv
from napari_sti.viz.compare_layers import MapKind, ShownComparison
from napari_sti.viz.compare_regions import take_labels
from napari_sti.viz.views import NORMAL
from napari_sti.widgets.background import Background
from napari_sti.widgets.session.compare_grid import CompareGrid
from napari_sti.widgets.session.compare_sources import (
    Canceller,
    Candidate,
    Choice,
    Source,
    look_at,
    make_comparison,
)
from napari_sti.widgets.session.layers import LayerSession
from napari_sti.widgets.session.runs import RunSession
from napari_sti.widgets.session.view import ViewSession

_CALM = 100
"""Milliseconds after the last change in the runs before their headers are read again."""


class CompareSession(QObject):
    """Compares runs with a reference.

    Parameters
    ----------
    runs, layers, view
        Sessions of the window.

    Attributes
    ----------
    candidates : dict of str to Candidate
        What can be compared.
    comparison : Comparison or None
        The last one.
    grid : CompareGrid
        Shows it side by side.
    """

    candidates_changed = Signal()
    busy_changed = Signal(str)
    """What is being done, or nothing."""
    compared = Signal(object)
    """A `Comparison` is ready."""
    saved = Signal(str)
    """One sentence about a file that was written."""
    failed = Signal(str)
    _said = Signal(str)

    def __init__(
        self, runs: RunSession, layers: LayerSession, view: ViewSession, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.candidates: dict[str, Candidate] = {}
        self.grid = CompareGrid(layers, view, self)
        self.grid.failed.connect(self.failed)
        self._viewer, self._runs, self._view = layers.viewer, runs, view
        self._folders: list[Path] = []
        self._map: MapKind = "pev_colour"
        self._progress: Canceller | None = None
        self._surveyor, self._maker, self._writer = Background(self), Background(self), Background(self)
        self._surveyor.done.connect(self._have_surveyed)
        self._maker.done.connect(self._have_made)
        self._maker.failed.connect(self._have_failed)
        self._writer.done.connect(self._have_written)
        self._writer.failed.connect(self._have_failed)
        self._calm = QTimer(self)
        self._calm.setSingleShot(True)
        self._calm.setInterval(_CALM)
        self._calm.timeout.connect(self._survey)
        self._said.connect(self._say)
        runs.finished.connect(self.refresh)
        runs.listed.connect(self.refresh)

    @property
    def comparison(self) -> Comparison | None:
        """The last comparison."""
        return None if self.grid.what is None else self.grid.what.comparison

    @property
    def busy(self) -> bool:
        """Whether a comparison is being made."""
        return self._maker.busy

    def close(self) -> None:
        """Drop what is being done."""
        self.cancel()
        self._calm.stop()
        for background in (self._surveyor, self._maker, self._writer):
            background.close()
        self.grid.close()

    # ---- what can be compared ----

    def refresh(self, *_: object) -> None:
        """Look again at what can be compared, in the background."""
        self._calm.start()

    def add_folder(self, folder: Path) -> None:
        """Take a result folder into the list."""
        if not (folder / SIDECAR).is_file():
            self.failed.emit(str(InputError("the folder holds no finished result", file=folder, mend="choose another")))
        elif folder not in self._folders:
            self._folders.append(folder)
            self.refresh()

    def _survey(self) -> None:
        runs = [run for run in self._runs.runs if run.job.kind == "recon" and run.state == "done"]
        sources = [Source(run.name, run.result.parent, run.job.study, run.about) for run in runs if run.result]
        sources += [Source(folder.name, folder) for folder in self._folders]
        self._surveyor.start(look_at, sources)

    def _have_surveyed(self, candidates: list[Candidate]) -> None:
        before = [(name, one.folder) for name, one in self.candidates.items()]
        self.candidates = {one.name: one for one in candidates}
        if before != [(one.name, one.folder) for one in candidates]:
            self.candidates_changed.emit()

    # ---- comparing ----

    def start(self, choice: Choice) -> None:
        """Compare, and show the result side by side."""
        try:
            drawn = {
                what: take_labels(self._labels(name))
                for what, name in (("regions", choice.regions), ("white", choice.white))
                if name
            }
        except InputError as error:
            self.failed.emit(str(error))
            return
        self.cancel()
        self._map = choice.map
        self._progress = Canceller(self._said.emit)
        self.busy_changed.emit("reading")
        self._maker.start(make_comparison, choice, dict(self.candidates), drawn, self._progress)

    def _labels(self, name: str) -> Any:
        if name not in self._viewer.layers:
            raise InputError(f"the layer {name!r} is not there any more", mend="choose another one")
        return self._viewer.layers[name]

    def cancel(self) -> None:
        """Stop what is being compared."""
        if self._progress is not None:
            self._progress.cancelled = True

    def set_map(self, kind: MapKind) -> None:
        """Show another map of the tensors."""
        self._map = kind
        if self.grid.shown:
            self.grid.show(kind)

    def set_shown(self, on: bool) -> None:
        """Show the last comparison side by side, or show what was there before."""
        if not on:
            self.grid.end()
        elif not self.grid.shown:
            self.grid.show(self._map)

    def _say(self, text: str) -> None:
        if self._maker.busy:
            self.busy_changed.emit(text)

    def _have_made(self, shown: ShownComparison) -> None:
        self._progress = None
        self.grid.end()
        self.grid.what = shown
        self.busy_changed.emit("")
        self.compared.emit(shown.comparison)
        self.set_shown(True)

    def _have_failed(self, error: Exception) -> None:
        self._progress = None
        self.busy_changed.emit("")
        if not isinstance(error, Cancelled):
            self.failed.emit(sentence_for(error))

    # ---- as files ----

    def save_table(self, path: Path) -> None:
        """Write the scores as CSV; a dialog has asked about overwriting already."""
        if self.comparison is not None:
            self._write(_write_table, self.comparison, path)

    def save_figure(self, path: Path) -> None:
        """Draw the slice that is looked at, in the windows of the comparison; a dialog has asked about overwriting."""
        shown = self.grid.what
        if shown is None:
            return
        view = self._view.value()
        axis = NORMAL[view.plane]
        at = None if view.solid else float(self._viewer.dims.point[self._viewer.dims.ndim - 3 + axis])
        options = {
            "axis": view.plane,
            "slice_mm": at,
            "limits": shown.windows,
            "convention": "radiological" if view.radiological else "neurological",
        }
        self._write(_write_figure, shown.comparison, options, path)

    def _write(self, function: Callable[..., Path], *args: Any) -> None:
        self.busy_changed.emit("writing")
        self._writer.start(function, *args)

    def _have_written(self, path: Path) -> None:
        self.busy_changed.emit("")
        self.saved.emit(f"Written: {path}")


def _write_table(comparison: Comparison, path: Path) -> Path:
    write_text(path, comparison_csv(comparison), overwrite=True)
    return path


def _write_figure(comparison: Comparison, options: dict[str, Any], path: Path) -> Path:
    from napari_sti.evaluate.beside import figure_of
    from napari_sti.evaluate.figures import save_figure

    return save_figure(figure_of(comparison, **options), path, overwrite=True)


def choice_command(choice: Choice, candidates: Mapping[str, Candidate], out: str = "comparison") -> str:
    """Write ``napari-sti compare ...`` for a complete choice; files of drawn labels are placeholders."""
    words = ["napari-sti", "compare", *(str(candidates[name].folder) for name in choice.compared())]
    kind, _, which = choice.reference.partition(":")
    if kind == "run":
        words += ["--reference", str(candidates[which].folder)]
    elif kind == "truth":
        words += ["--reference", which]
    else:
        words += ["--reference", str(choice.v1), "--fa", str(choice.fa), "--frame", choice.frame]
    for option, name in (("--labels", choice.regions), ("--white", choice.white)):
        words += [option, f"{name}.nii.gz"] if name else []
    return shlex.join([*words, "-o", out])
