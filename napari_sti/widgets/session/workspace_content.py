"""What a workspace keeps of a window: which files lie behind its layers, and how they are shown."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from napari_sti.viz.display import layer_info
from napari_sti.viz.separation_layers import KINDS as SEPARATION_KINDS
from napari_sti.viz.tracts import tracts_of
from napari_sti.widgets.session.compare import CompareSession
from napari_sti.widgets.session.layers import MAP_KINDS, LayerSession
from napari_sti.widgets.session.prior import PriorSession
from napari_sti.widgets.session.separate_found import FoundSeparations
from napari_sti.widgets.session.studies import StudySession
from napari_sti.widgets.session.tract_sources import result_folder
from napari_sti.widgets.session.tracts import TractSession
from napari_sti.widgets.session.view import ViewSession
from napari_sti.widgets.session.workspace_looks import camera_state, layer_state
from napari_sti.widgets.session.workspace_priors import plain_bound

STUDY_KINDS = ("field", "mask", "magnitude", "r2prime", "qsm")


@dataclass(frozen=True, eq=False)
class Sessions:
    """Sessions of a window that a workspace is about."""

    studies: StudySession
    layers: LayerSession
    view: ViewSession
    compare: CompareSession
    tracts: TractSession
    found: FoundSeparations
    prior: PriorSession


def content_of(
    window: Sessions, figure: Mapping[str, Any], size: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Everything as plain values, and the names of layers and runs that no file holds.

    Parameters
    ----------
    window : Sessions
        What is open.
    figure, size
        Plain values of the figure that is being arranged, and of the window.
    """
    viewer, study = window.layers.viewer, window.studies.study.path
    runs, homeless = _runs(window)
    separations, priors = _separations(window), _priors(window)
    known = {run["name"] for run in runs}
    asked = {id(layer): answer.run.name for answer, layers in window.prior.shown() for layer in layers}
    content: dict[str, Any] = {
        "study": None if study is None else str(study),
        "runs": runs,
        "separations": separations,
        "priors": priors,
        "layers": [],
        "tracts": [],
        "files": [],
        "order": [],
    }
    lost = list(homeless)
    for layer in viewer.layers:
        info = layer_info(layer.metadata) or {}
        prior = asked.get(id(layer), "")
        ours = _is_of(info, known, {one["name"] for one in separations}, study is not None)
        if where := _entry(layer, info, ours, prior):
            key, entry = where
            content[key].append(entry)
            content["order"].append(layer.name)
        elif not (str(info.get("run")) in homeless or info.get("brush")):
            lost.append(layer.name)
    return content | _looks(window, figure, size), list(dict.fromkeys(lost))


def _looks(window: Sessions, figure: Mapping[str, Any], size: Mapping[str, Any]) -> dict[str, Any]:
    viewer = window.layers.viewer
    active = viewer.layers.selection.active
    return {
        "active": "" if active is None else str(active.name),
        "view": asdict(window.view.value()),
        "slab": window.tracts.slab,
        "dims": {"point": [float(x) for x in viewer.dims.point[-3:]]},
        "camera": camera_state(viewer),
        "window": dict(size),
        "theme": str(viewer.theme),
        "figure": dict(figure),
    }


def _is_of(info: Mapping[str, Any], runs: set[str], separations: set[str], study: bool) -> bool:
    """Whether a layer is made again from a run, a separation or the study."""
    kind = str(info.get("kind", ""))
    if kind in MAP_KINDS:
        return info.get("run") in runs
    if kind in SEPARATION_KINDS:
        return info.get("separation") in separations
    return study and kind in STUDY_KINDS and not info.get("brush")


def _entry(layer: Any, info: Mapping[str, Any], ours: bool, prior: str) -> tuple[str, dict[str, Any]] | None:
    """Key of the list where a layer stands, and what stands there; None for a layer that no file holds."""
    state, run = layer_state(layer), str(info.get("run", ""))
    found = tracts_of(layer)
    if found is not None:
        path = found.provenance.get("file")
        return ("tracts", {"file": str(path), "run": run, **state}) if path else None
    if ours or prior:
        return "layers", {"kind": str(info.get("kind", "")), "run": prior or run, **state}
    source = getattr(layer.source, "path", None)
    if source and info.get("run") is None:
        plugin = getattr(layer.source, "reader_plugin", None)
        return "files", {"path": str(source), "plugin": plugin or "", **state}
    return None


def folder_of(name: str, window: Sessions) -> Path | None:
    """Folder of a run whose layers are there; None where nothing is known of one."""
    folder = result_folder(name, window.compare.candidates, window.layers)
    if folder is not None:
        return folder
    for layer in window.layers.of_run(name):
        path = (layer_info(layer.metadata) or {}).get("path")
        if path:
            return Path(path) if Path(path).is_dir() else Path(path).parent
    return None


def _runs(window: Sessions) -> tuple[list[dict[str, str]], list[str]]:
    """Runs with their folders, the oldest first, and the names of those that have none."""
    found, homeless = [], []
    for name in reversed(window.layers.run_names()):
        folder = folder_of(name, window)
        if folder is None:
            homeless.append(name)
        else:
            found.append({"name": name, "folder": str(folder)})
    return found, homeless


def _separations(window: Sessions) -> list[dict[str, str]]:
    """Separations whose layers are there, with their folders, in the order in which they came."""
    found = []
    for name, separation in window.found.results.items():
        if separation.run.folder is not None and window.found.layers_of(name):
            found.append({"name": name, "folder": str(separation.run.folder)})
    return found


def _priors(window: Sessions) -> list[dict[str, Any]]:
    """Answers of priors whose maps are there, with their folders and what they are about."""
    found = []
    for answer, _ in window.prior.shown():
        if answer.run.folder is not None and answer.bound is not None:
            entry = {"name": answer.run.name, "folder": str(answer.run.folder), "bound": plain_bound(answer.bound)}
            found.append(entry)
    return found
