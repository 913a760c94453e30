"""The workspace of a window: what is open and how it is looked at, written to one file and opened again."""

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_sti.core.errors import InputError
from napari_sti.io.results import load_further, load_result
from napari_sti.io.workspace import numbers, read_workspace, with_suffix, write_workspace
from napari_sti.jobs.sentences import sentence_for
from napari_sti.viz import _compat
from napari_sti.viz.display import layer_info
from napari_sti.viz.layers import set_window
from napari_sti.viz.spreads import result_layers
from napari_sti.viz.tracts import tract_layer, tracts_of
from napari_sti.widgets.background import Background
from napari_sti.widgets.session.compare import CompareSession
from napari_sti.widgets.session.layers import LayerSession
from napari_sti.widgets.session.studies import StudySession
from napari_sti.widgets.session.tract_sources import open_tracts, result_folder
from napari_sti.widgets.session.tracts import TractSession
from napari_sti.widgets.session.view import View, ViewSession

_LOOK, _LONGEST = 100, 600
"""Milliseconds between two looks whether all layers are there, and how many looks at most."""


class WorkspaceSession(QObject):
    """Saves and opens workspaces.

    Parameters
    ----------
    studies, layers, view, compare, tracts
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

    def __init__(
        self,
        studies: StudySession,
        layers: LayerSession,
        view: ViewSession,
        compare: CompareSession,
        tracts: TractSession,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._studies, self._layers, self._view = studies, layers, view
        self._compare, self._tracts, self._viewer = compare, tracts, layers.viewer
        self.figure: dict[str, Any] = {}
        self._content: dict[str, Any] = {}
        self._missing: list[str] = []
        self._looks = 0
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
        path = with_suffix(path)
        try:
            content, lost = self.content(window)
            write_workspace(content, path, overwrite=True)
        except InputError as error:
            self.failed.emit(str(error))
            return
        words = f" Not in it: {', '.join(lost)}; open again what files or folders of runs hold." if lost else ""
        self.saved.emit(f"Written: {path}.{words}")

    def content(self, window: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """Everything as plain values, and the names of layers that no file holds."""
        runs, layers, tracts, files, lost = [], [], [], [], []
        for name in reversed(self._layers.run_names()):
            folder = result_folder(name, self._compare.candidates, self._layers)
            if folder is None:
                lost.append(name)
            else:
                runs.append({"name": name, "folder": str(folder)})
        known = {run["name"] for run in runs}
        for layer in self._viewer.layers:
            info, state = layer_info(layer.metadata) or {}, _state(layer)
            found = tracts_of(layer)
            path = None if found is None else found.provenance.get("file")
            source = getattr(layer.source, "path", None)
            if found is not None and path:
                tracts.append({"file": str(path), "run": str(info.get("run", "")), **state})
            elif found is None and (info.get("run") in known or self._of_study(info)):
                layers.append({"kind": str(info.get("kind", "")), "run": str(info.get("run", "")), **state})
            elif found is None and source and info.get("run") is None:
                plugin = getattr(layer.source, "reader_plugin", None)
                files.append({"path": str(source), "plugin": plugin or "", **state})
            elif info.get("run") not in lost:
                lost.append(layer.name)
        study = self._studies.study.path
        content = {
            "study": None if study is None else str(study),
            "runs": runs,
            "layers": layers,
            "tracts": tracts,
            "files": files,
            "view": asdict(self._view.value()),
            "slab": self._tracts.slab,
            "dims": {"point": [float(x) for x in self._viewer.dims.point[-3:]]},
            "camera": _camera(self._viewer),
            "window": dict(window),
            "theme": str(self._viewer.theme),
            "figure": dict(self.figure),
        }
        return content, list(dict.fromkeys(lost))

    def _of_study(self, info: Mapping[str, Any]) -> bool:
        return self._studies.study.path is not None and info.get("kind") in _STUDY_KINDS

    # ---- opening ----

    def open(self, path: Path) -> None:
        """Open what the workspace names, beside what is there; then look at it as it was looked at."""
        try:
            content = read_workspace(path)
        except InputError as error:
            self.failed.emit(str(error))
            return
        self._wait.stop()
        self._content, self._missing, self._looks = content, [], 0
        study = content.get("study")
        if study and Path(study).exists():
            if not self._studies.is_open(Path(study)):
                self._studies.open(Path(study))
        elif study:
            self._missing.append(study)
        there = set(self._layers.run_names())
        runs = [run for run in content.get("runs", ()) if run["name"] not in there]
        self._reader.start(_read, runs, content.get("tracts", ()))

    def _have_read(self, answer: Any) -> None:
        made, found, missing = answer
        self._missing += missing
        for folder, layers in made:
            self._compare.add_folder(folder)
            self._layers.add_made(layers)
        for one in found:
            layer = tract_layer(one.tracts, one.drawn, one.grid, run=one.run)
            self._layers.add_ours(layer)
        for entry in self._content.get("files", ()):
            try:
                self._viewer.open(entry["path"], plugin=entry.get("plugin") or None)
            except Exception:  # of any reader; what cannot be read is named
                self._missing.append(entry["path"])
        self._wait.start()

    def _are_all_there(self) -> None:
        self._looks += 1
        names = [layer.name for layer in self._viewer.layers]
        wanted = [entry["name"] for key in ("layers", "tracts", "files") for entry in self._content.get(key, ())]
        gone = any(self._missing)
        if all(name in names for name in wanted) or self._looks > (20 if gone else _LONGEST):
            self._wait.stop()
            self._apply()

    def _apply(self) -> None:
        content = self._content
        self._view.set(_view_of(content.get("view", {}), self._view.value()))
        for key in ("layers", "tracts", "files"):
            for entry in content.get(key, ()):
                if entry["name"] in self._viewer.layers:
                    _set_state(self._viewer.layers[entry["name"]], entry)
        self._tracts.set_slab(float(content.get("slab", self._tracts.slab)))
        point = numbers(content.get("dims", {}).get("point"), 3)
        if point is not None and self._viewer.dims.ndim >= 3:
            for axis, value in enumerate(point):
                self._viewer.dims.set_point(self._viewer.dims.ndim - 3 + axis, value)
        _set_camera(self._viewer, content.get("camera", {}))
        if content.get("theme") in ("dark", "light"):
            self._viewer.theme = content["theme"]
        if content.get("figure"):
            self.figure = dict(content["figure"])
            self.figure_wanted.emit(self.figure)
        self.window_wanted.emit(content.get("window", {}))
        missing = f" Not found: {', '.join(dict.fromkeys(self._missing))}." if self._missing else ""
        self.opened.emit(f"The workspace is open.{missing}")

    def _have_failed(self, error: Exception) -> None:
        self.failed.emit(sentence_for(error))


_STUDY_KINDS = ("field", "mask", "magnitude", "r2prime", "qsm")
_STATE = ("visible", "opacity", "gamma", "blending", "edge_width")


def _state(layer: Any) -> dict[str, Any]:
    """How a layer is shown, as plain values."""
    found: dict[str, Any] = {"name": str(layer.name)}
    for name in _STATE:
        value = getattr(layer, name, None)
        if isinstance(value, str | bool | int | float):
            found[name] = value if isinstance(value, bool | int | float) else str(value)
    if hasattr(layer, "contrast_limits") and not getattr(layer, "rgb", False):
        found["limits"] = [float(x) for x in layer.contrast_limits]
        found["colormap"] = str(layer.colormap.name)
    info = layer_info(layer.metadata) or {}
    if info.get("kind") in ("pev_colour", "pev_lines"):
        found |= {"floor": float(info["floor"]), "ceiling": float(info["ceiling"])}
    return found


def _set_state(layer: Any, state: Mapping[str, Any]) -> None:
    """Show a layer as the file says; a value that the layer refuses is left as it is."""
    floor, ceiling = state.get("floor"), state.get("ceiling")
    if isinstance(floor, int | float) and isinstance(ceiling, int | float) and ceiling > 0:
        set_window(layer, float(floor), float(ceiling))
    limits = numbers(state.get("limits"), 2)
    for name, value in (("contrast_limits", limits), ("colormap", state.get("colormap"))):
        if value is not None:
            _try(layer, name, value)
    for name in _STATE:
        if name in state:
            _try(layer, name, state[name])


def _try(thing: Any, name: str, value: Any) -> None:
    try:
        setattr(thing, name, value)
    except (ValueError, TypeError, KeyError, AttributeError):
        return


def _camera(viewer: Any) -> dict[str, Any]:
    camera = _compat.camera(viewer)
    return {
        "center": [float(x) for x in camera.center],
        "zoom": float(camera.zoom),
        "angles": [float(x) for x in camera.angles],
        "perspective": float(camera.perspective),
    }


def _set_camera(viewer: Any, state: Mapping[str, Any]) -> None:
    camera = _compat.camera(viewer)
    for name in ("center", "angles"):
        value = numbers(state.get(name), 3)
        if value is not None:
            _try(camera, name, value)
    for name in ("zoom", "perspective"):
        value = numbers([state.get(name)], 1)
        if value is not None:
            _try(camera, name, value[0])


def _view_of(state: Mapping[str, Any], now: View) -> View:
    """The view that a file states; keys and kinds that this version does not know are left out."""
    known = {one.name for one in fields(View)}
    good: dict[str, Any] = {}
    for name, value in state.items():
        before = getattr(now, name) if name in known else None
        if isinstance(value, list) and isinstance(before, tuple):
            value = tuple(value)
            if [type(x) for x in value] != [type(x) for x in before]:
                continue
        if name in known and type(value) is type(before):
            good[name] = value
    return replace(now, **good)


def _read(runs: list[Mapping[str, Any]], tracts: list[Mapping[str, Any]]) -> tuple[list[Any], list[Any], list[str]]:
    """Read results and streamlines; what cannot be read is named. For a thread."""
    made, found, missing = [], [], []
    grid = None
    for run in runs:
        folder = Path(run["folder"])
        try:
            layers = list(result_layers(load_result(folder), load_further(folder), run=run["name"]))
            made.append((folder, layers))
        except (InputError, OSError):
            missing.append(str(folder))
    for entry in tracts:
        try:
            one = open_tracts(Path(entry["file"]), grid)
            called = replace(one.tracts, name=str(entry.get("name") or one.tracts.name))
            found.append(replace(one, tracts=called, run=str(entry.get("run", ""))))
        except (InputError, OSError):
            missing.append(str(entry["file"]))
    return made, found, missing
