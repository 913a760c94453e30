"""What finished runs say of themselves in their sidecars: remarks, and which of them lie on the grid of a study."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_sti.core.errors import InputError
from napari_sti.io.grid import order_onto
from napari_sti.io.nifti import read_header
from napari_sti.io.study import Study
from napari_sti.widgets.background import Background
from napari_sti.widgets.session.run import Run
from napari_sti.widgets.session.runs import RunSession
from napari_sti.widgets.session.studies import StudySession

_CALM = 100
"""Milliseconds after the last change before sidecars are read again."""


@dataclass(frozen=True)
class StartingPoint:
    """A finished run that another one can begin at.

    Parameters
    ----------
    folder : path
        Of its result.
    title : str
        Its name, and what it was run on.
    """

    folder: Path
    title: str


class StartingPoints(QObject):
    """Keeps the list of finished runs on the grid of the study; files are read in the background."""

    changed = Signal()

    def __init__(self, runs: RunSession, studies: StudySession, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.points: tuple[StartingPoint, ...] = ()
        self._runs, self._studies = runs, studies
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_CALM)
        self._timer.timeout.connect(self._look)
        self._finder = Background(self)
        self._finder.done.connect(self._have)
        studies.checked.connect(self._timer.start)
        runs.listed.connect(self._timer.start)
        runs.finished.connect(self._due)

    def close(self) -> None:
        """Drop what is still being read."""
        self._timer.stop()
        self._finder.close()

    def _due(self, _: Run) -> None:
        self._timer.start()

    def _look(self) -> None:
        done = [
            (run.folder, f"{run.name}   {run.about}")
            for run in self._runs.runs
            if run.folder is not None and run.job.makes_tensor
        ]
        self._finder.start(on_grid, self._studies.study, done)

    def _have(self, points: tuple[StartingPoint, ...]) -> None:
        if points != self.points:
            self.points = points
            self.changed.emit()


def on_grid(study: Study, done: Sequence[tuple[Path, str]]) -> tuple[StartingPoint, ...]:
    """Return those of the finished runs, given as folder and title, that lie on the grid of a study."""
    first = next((o.field for o in study.orientations if o.field is not None), study.mask)
    try:
        header = None if first is None else read_header(first)
    except (InputError, OSError):
        header = None
    if header is None:
        return ()
    return tuple(StartingPoint(folder, title) for folder, title in done if _is_on(sidecar(folder), header))


def _is_on(content: dict[str, Any], header: Any) -> bool:
    try:
        shape, affine = tuple(int(n) for n in content["shape"]), np.array(content["affine"], float)
        return affine.shape == (4, 4) and order_onto(shape, affine, header.shape[:3], header.affine) is not None
    except (KeyError, TypeError, ValueError):
        return False


def sidecar(folder: Path) -> dict[str, Any]:
    """Content of the ``result.json`` of a folder; empty if it has none that makes sense."""
    try:
        content = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def remarks_of(folder: Path) -> tuple[str, ...]:
    """Return what a result says that belongs beside it."""
    said = (sidecar(folder).get("provenance") or {}).get("remarks") or ()
    return tuple(str(text) for text in said)
