"""Reading what a workspace names, in a thread: results, separations, answers of priors, streamlines."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from napari_sti.core.errors import InputError
from napari_sti.io.results import load_further, load_result
from napari_sti.jobs.prior import RECORD
from napari_sti.viz.display import tell_path
from napari_sti.viz.spreads import result_layers
from napari_sti.widgets.session.prior_files import PriorAnswer, read_answer
from napari_sti.widgets.session.run import run_of_folder
from napari_sti.widgets.session.separate_found import Separation, read_separation
from napari_sti.widgets.session.tract_sources import open_tracts
from napari_sti.widgets.session.workspace_priors import read_bound

Entries = Iterable[Mapping[str, Any]]


@dataclass
class Readings:
    """What was read, ready to be shown; `missing` names folders and files that could not be."""

    runs: list[tuple[Path, list[Any]]] = field(default_factory=list)
    separations: list[Separation] = field(default_factory=list)
    answers: list[PriorAnswer] = field(default_factory=list)
    tracts: list[Any] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def read_all(runs: Entries, separations: Entries, priors: Entries, tracts: Entries) -> Readings:
    """Read everything that entries of a workspace name; for a thread."""
    read = Readings()
    for entries, reader, path in (
        (runs, _read_run, "folder"),
        (separations, _read_separation, "folder"),
        (priors, _read_answer, "folder"),
        (tracts, _read_tracts, "file"),
    ):
        for entry in entries:
            try:
                reader(read, entry)
            except (InputError, OSError, ValueError):
                read.missing.append(str(entry[path]))
    return read


def _read_run(read: Readings, entry: Mapping[str, Any]) -> None:
    folder = Path(entry["folder"])
    layers = list(result_layers(load_result(folder), load_further(folder), run=str(entry["name"])))
    tell_path(layers, folder)
    read.runs.append((folder, layers))


def _read_separation(read: Readings, entry: Mapping[str, Any]) -> None:
    run = run_of_folder(Path(entry["folder"]), "separate", str(entry["name"]))
    read.separations.append(read_separation(run))


def _read_answer(read: Readings, entry: Mapping[str, Any]) -> None:
    folder = Path(entry["folder"])
    bound = read_bound(entry, folder)
    read.answers.append(read_answer(run_of_folder(folder, "prior", str(entry["name"]), result=RECORD), bound))


def _read_tracts(read: Readings, entry: Mapping[str, Any]) -> None:
    one = open_tracts(Path(entry["file"]), None)
    called = replace(one.tracts, name=str(entry.get("name") or one.tracts.name))
    read.tracts.append(replace(one, tracts=called, run=str(entry.get("run", ""))))
