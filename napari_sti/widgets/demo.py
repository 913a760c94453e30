"""The demonstration: the sample brain, a simulated scan, a reconstruction, its colours on the brain, pictures."""

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QApplication

from napari_sti.io.results import load_result, save_result
from napari_sti.jobs.history import RUNS_VARIABLE
from napari_sti.viz.views import Plane
from napari_sti.widgets.app import open_viewer
from napari_sti.widgets.session.run import Run
from napari_sti.widgets.workbench import Workbench

SETTLE = 400
"""Milliseconds between a change of the view and its picture."""

VIEWS: tuple[tuple[str, Plane, str], ...] = (
    ("workbench", "axial", "pev_colour"),
    ("coronal", "coronal", "pev_colour"),
    ("sagittal", "sagittal", "pev_colour"),
    ("anisotropy", "axial", "msa"),
    ("mean-susceptibility", "axial", "mms"),
)
"""Pictures taken: file name, plane and map."""


def demo(out: Path | None, *, headless: bool = False) -> int:
    """Open the sample brain in the window, reconstruct it, and show what came out.

    Parameters
    ----------
    out : path or None
        Folder for the NIfTI maps and the pictures; nothing is written elsewhere than in the list of runs if None.
    headless : bool
        Leave when everything is written, instead of staying open.

    Returns
    -------
    int
        Exit status: 0, or 1 if a step failed (its sentence is on standard error).
    """
    if not headless:
        return _show(out, leave=False)
    with tempfile.TemporaryDirectory(prefix="napari-sti-demo-") as runs:
        # Nobody sees the list of runs, and the pictures look the same every time.
        os.environ[RUNS_VARIABLE] = runs
        return _show(out, leave=True)


def _show(out: Path | None, *, leave: bool) -> int:
    import napari

    viewer, workbench = open_viewer()
    show = Demonstration(viewer, workbench, out, leave=leave)
    show.start()
    napari.run()
    return show.status


class Demonstration(QObject):
    """Walks through the workbench the way a person does, one step when the one before is done."""

    def __init__(self, viewer: Any, workbench: Workbench, out: Path | None, *, leave: bool) -> None:
        super().__init__(workbench)
        self.viewer, self.workbench, self.out, self.leave = viewer, workbench, out, leave
        self.status = 1 if leave else 0
        self._run: Run | None = None
        controller = workbench.controller
        controller.message.connect(self._failed)
        controller.studies.loaded.connect(self._reconstruct)
        controller.runs.finished.connect(self._finished)
        controller.layers.added.connect(self._added)

    def start(self) -> None:
        """Begin with the sample brain."""
        self._say("making the simulated sample brain")
        self.workbench.controller.open_sample()

    def _reconstruct(self, acquisition: Any) -> None:
        if self._run is None:
            self._say(f"reconstructing {acquisition.n_orientations} simulated orientations with STIimag")
            self.workbench.show_panel("reconstruct")
            self._run = self.workbench.controller.reconstruct("stiimag", {})

    def _finished(self, run: Run) -> None:
        if run.state != "done":
            self._failed(run.sentence or f"{run.name} was {run.word}")

    def _added(self, name: str) -> None:
        if self._run is None or name != self._run.name:
            return
        self._say(f"{self._run.name} took {self._run.seconds or 0:.0f} s")
        if self.out is not None:
            assert self._run.result is not None
            save_result(load_result(self._run.result.parent), self.out, overwrite=True)
            self._later(self._pictures)
        else:
            self.status = 0

    def _pictures(self, left: tuple[tuple[str, Plane, str], ...] = VIEWS) -> None:
        """Take the pictures one after the other, each when the canvas has settled."""
        if not left:
            self._done()
            return
        (name, plane, kind), rest = left[0], left[1:]
        self.workbench.controller.view.change(plane=plane, map=kind)

        def take() -> None:
            assert self.out is not None
            self.viewer.window.screenshot(str(self.out / f"{name}.png"), flash=False, canvas_only=False)
            self._pictures(rest)

        self._later(take)

    def _done(self) -> None:
        self.workbench.controller.view.change(plane="axial", map="pev_colour")
        self._say(f"maps and pictures are in {self.out}")
        self.status = 0
        if self.leave:
            self._quit()

    def _failed(self, sentence: str) -> None:
        self._say(sentence)
        self.status = 1
        if self.leave:
            self._quit()

    def _quit(self) -> None:
        self.viewer.close()
        app = QApplication.instance()
        if app is not None:
            app.quit()

    def _later(self, action: Callable[[], None]) -> None:
        QTimer.singleShot(SETTLE, action)

    def _say(self, words: str) -> None:
        print(f"demo: {words}", file=sys.stderr, flush=True)
