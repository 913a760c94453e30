"""The workspace of a window: what is open and how it is looked at, written to one file and opened again."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_sti.core.errors import InputError
from napari_sti.io.workspace import read_workspace, with_suffix, write_workspace
from napari_sti.jobs.sentences import sentence_for
from napari_sti.viz.tracts import tract_layer
from napari_sti.widgets.background import Background
from napari_sti.widgets.session.workspace_content import STUDY_KINDS, Sessions, content_of, folder_of
from napari_sti.widgets.session.workspace_looks import (
    find_layer,
    set_camera,
    set_layer_state,
    set_order,
    set_point,
    view_of,
)
from napari_sti.widgets.session.workspace_reading import Readings, read_all

_LOOK = 50
"""Milliseconds between two looks whether all layers are there."""


class WorkspaceSession(QObject):
    """Saves and opens workspaces.

    Parameters
    ----------
    window : Sessions
        Sessions of the window.
    """

    saved = Signal(str)
    opened = Signal(str)
    """One sentence, also about what could not be opened."""
    window_wanted = Signal(object)
    """Mapping with the ``size`` of the window, for whoever owns it."""
    figure_wanted = Signal(object)
    """Plain values of the figure that was being arranged."""
    failed = Signal(str)

    def __init__(self, window: Sessions, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._parts, self._viewer = window, window.layers.viewer
        self.figure: dict[str, Any] = {}
        self._content: dict[str, Any] = {}
        self._missing: list[str] = []
        self._reader = Background(self)
        self._reader.done.connect(self._have_read)
        self._reader.failed.connect(self._have_failed)
        self._wait = QTimer(self)
        self._wait.setInterval(_LOOK)
        self._wait.timeout.connect(self._are_all_there)

    def close(self) -> None:
        """Stop what is being opened."""
        self._wait.stop()
        self._reader.close()

    # ---- saving ----

    def save(self, path: Path, window: Mapping[str, Any]) -> None:
        """Write the workspace; a dialog has asked about overwriting already."""
        path, left = with_suffix(path), self._leave_cells()
        try:
            content, lost = self.content(window)
            write_workspace(content, path, overwrite=True)
        except InputError as error:
            self.failed.emit(str(error))
            return
        words = f" Not in it: {', '.join(lost)}; open again what files or folders of runs hold." if lost else ""
        words += " The view side by side was left, which no workspace keeps." if left else ""
        self.saved.emit(f"Written: {path}.{words}")

    def content(self, window: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """Everything as plain values, and the names of layers that no file holds."""
        return content_of(self._parts, self.figure, window)

    def _leave_cells(self) -> bool:
        """Show what was shown before any view side by side; return whether there was one."""
        grids = [grid for grid in (self._parts.compare.grid, self._parts.found.grid) if grid.shown]
        for grid in grids:
            grid.end()
        return bool(grids)

    # ---- opening ----

    def open(self, path: Path) -> None:
        """Open what the workspace names, beside what is there; then look at it as it was looked at."""
        try:
            content = read_workspace(path)
        except InputError as error:
            self.failed.emit(str(error))
            return
        self._wait.stop()
        self._leave_cells()
        self._content, self._missing = content, []
        self._open_study(content.get("study"))
        found, asked = self._parts.found, {answer.run.name: answer.run for answer, _ in self._parts.prior.shown()}
        there = {name: folder_of(name, self._parts) for name in self._parts.layers.run_names()}
        separated = {name: one.run.folder for name, one in found.results.items() if found.layers_of(name)}
        answered = {name: run.folder for name, run in asked.items()}
        self._reader.start(
            read_all,
            self._new(content.get("runs", ()), there),
            self._new(content.get("separations", ()), separated),
            self._new(content.get("priors", ()), answered),
            content.get("tracts", ()),
        )

    def _open_study(self, study: str | None) -> None:
        """Open the study, or only read its images again where some of them were taken away."""
        studies = self._parts.studies
        if not study:
            return
        if not Path(study).exists():
            self._missing.append(study)
        elif not studies.is_open(Path(study)):
            studies.open(Path(study))
        elif any(
            one.get("kind") in STUDY_KINDS and one["name"] not in self._viewer.layers
            for one in self._content.get("layers", ())
        ):
            studies.load()

    def _new(self, entries: Iterable[Mapping[str, Any]], there: Mapping[str, Path | None]) -> list[Mapping[str, Any]]:
        """What is not there yet; another run of the same name stays, and the one of the file is named as missing."""
        new = []
        for entry in entries:
            name, folder = entry["name"], Path(entry["folder"])
            if name not in there:
                new.append(entry)
            elif (mine := there[name]) is None or mine.resolve() != folder.resolve():
                self._missing.append(f"{folder} (another run is called {name})")
        return new

    def _have_read(self, read: Readings) -> None:
        parts = self._parts
        self._missing += read.missing
        for folder, layers in read.runs:
            parts.compare.add_folder(folder)
            parts.layers.add_made(layers)
        for separation in read.separations:
            parts.found.take(separation)
        for entry in self._content.get("files", ()):
            try:
                self._viewer.open(entry["path"], plugin=entry.get("plugin") or None)
            except Exception:  # of any reader; what cannot be read is named
                self._missing.append(entry["path"])
        for answer in read.answers:
            parts.prior.take(answer)
        for one in read.tracts:
            parts.layers.add_ours(tract_layer(one.tracts, one.drawn, one.grid, run=one.run))
        self._wait.start()

    def _are_all_there(self) -> None:
        parts = self._parts
        if not (parts.studies.busy or parts.layers.busy or parts.prior.adding):
            self._wait.stop()
            self._apply()

    def _apply(self) -> None:
        content, parts, viewer = self._content, self._parts, self._viewer
        parts.view.set(view_of(content.get("view", {}), parts.view.value()))
        for key in ("layers", "tracts", "files"):
            for entry in content.get(key, ()):
                layer = find_layer(viewer.layers, entry)
                if layer is not None:
                    layer.name = entry["name"]
                    set_layer_state(layer, entry)
        set_order(viewer, content.get("order", ()))
        parts.tracts.set_slab(float(content.get("slab", parts.tracts.slab)))
        set_point(viewer, content.get("dims", {}))
        set_camera(viewer, content.get("camera", {}))
        if content.get("active") in viewer.layers:
            viewer.layers.selection.active = viewer.layers[content["active"]]
        if content.get("theme") in ("dark", "light"):
            viewer.theme = content["theme"]
        if content.get("figure"):
            self.figure = dict(content["figure"])
            self.figure_wanted.emit(self.figure)
        self.window_wanted.emit(content.get("window", {}))
        missing = f" Not found: {', '.join(dict.fromkeys(self._missing))}." if self._missing else ""
        self.opened.emit(f"The workspace is open.{missing}")

    def _have_failed(self, error: Exception) -> None:
        self.failed.emit(sentence_for(error))
