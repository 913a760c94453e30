"""What ties study, runs and layers of one window together; knows no panel."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_sti.core.acquisition import Acquisition
from napari_sti.io.study import Study
from napari_sti.jobs.client import WorkerClient
from napari_sti.jobs.job import JobKind
from napari_sti.widgets.session.compare import CompareSession
from napari_sti.widgets.session.figure import FigureSession
from napari_sti.widgets.session.iterates import IterateSession
from napari_sti.widgets.session.layers import LayerSession
from napari_sti.widgets.session.masks import MaskSession
from napari_sti.widgets.session.preview import PreviewSession
from napari_sti.widgets.session.prior import PriorSession
from napari_sti.widgets.session.probe import ProbeSession
from napari_sti.widgets.session.quality import QualitySession
from napari_sti.widgets.session.regions import RegionSession
from napari_sti.widgets.session.removed_runs import RemovedRuns
from napari_sti.widgets.session.run import Run, about_study
from napari_sti.widgets.session.runs import RunSession
from napari_sti.widgets.session.separate import SeparateSession
from napari_sti.widgets.session.studies import StudySession
from napari_sti.widgets.session.tracts import TractSession
from napari_sti.widgets.session.train import TrainSession
from napari_sti.widgets.session.view import ViewSession
from napari_sti.widgets.session.workspace import WorkspaceSession
from napari_sti.widgets.session.workspace_content import Sessions


class Controller(QObject):
    """State of one workbench: the study, the runs, the layers.

    Parameters
    ----------
    viewer : napari.Viewer or ViewerModel
        Where layers go.
    make_client : callable, optional
        Makes the client of the worker; tests give a stand-in.

    Attributes
    ----------
    studies, runs, layers, view, iterates, preview, compare, masks, training, separation, removed
        The parts; panels listen to their signals.
    """

    message = Signal(str)
    """One sentence that the person should see."""

    def __init__(
        self,
        viewer: Any,
        make_client: Callable[[Callable[[Any], None]], Any] = WorkerClient,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.studies = StudySession(self)
        self.runs = RunSession(make_client, self)
        self.layers = LayerSession(viewer, self)
        self.view = ViewSession(self.layers, self)
        self.iterates = IterateSession(self.runs, self.layers, self.view, self)
        self.preview = PreviewSession(self.runs, self.layers, self)
        self.compare = CompareSession(self.runs, self.layers, self.view, self)
        self.masks = MaskSession(self.studies, self.layers, self)
        self.training = TrainSession(make_client, self)
        self.probe = ProbeSession(self.layers, self.view, self)
        self.regions = RegionSession(self.runs, self.layers, self)
        self.prior = PriorSession(self.runs, self.layers, self)
        self.separation = SeparateSession(self.studies, self.runs, self.layers, self.view, self)
        self.removed = RemovedRuns(self.runs, self.layers, self.view, self.separation.found, self)
        self.tracts = TractSession(self.layers, self.compare, self)
        self.figure = FigureSession(self.layers, self.view, self.compare, self)
        self.workspace = WorkspaceSession(
            Sessions(
                self.studies, self.layers, self.view, self.compare, self.tracts, self.separation.found, self.prior
            ),
            self,
        )
        self.quality = QualitySession(self.runs, self.layers, self.compare, self)
        self._closed = False
        self.studies.loaded.connect(self._have_acquisition)
        self.studies.failed.connect(self.message)
        self.runs.failed.connect(self.message)
        self.runs.finished.connect(self._have_finished)
        self.layers.failed.connect(self.message)
        self.iterates.failed.connect(self.message)
        self.layers.study_dropped.connect(self._have_dropped)
        self.masks.failed.connect(self.message)
        self.masks.drawing_begun.connect(self._show_slices)

    @property
    def study(self) -> Study:
        """The study of the window."""
        return self.studies.study

    def open_sample(self, *, oblique: bool = False) -> Run | None:
        """Make the sample brain in the worker, then open it."""
        return self.runs.make_sample(oblique=oblique)

    def reconstruct(
        self,
        method: str,
        params: Mapping[str, Any],
        device: str = "auto",
        *,
        kind: JobKind = "recon",
        start: Path | None = None,
    ) -> Run | None:
        """Start a run on the study of now; its layers will be its own, whatever is shown by then."""
        study, about = self.study, about_study(self.study)
        return self.runs.start(study, method, params, kind=kind, device=device, about=about, start=start)

    def show_result(self, run: Run) -> None:
        """Bring the layers of a run that is done into the viewer, unless they are there."""
        if run.job.kind == "separate":
            self.separation.found.show(run)
        else:
            self.layers.add_run(run)

    def close(self) -> None:
        """End the worker and whatever is being read."""
        if self._closed:
            return
        self._closed = True
        self.studies.close()
        self.view.close()
        self.iterates.close()
        self.preview.close()
        self.removed.close()
        self.workspace.close()
        self.figure.close()
        self.tracts.close()
        self.compare.close()
        self.masks.close()
        self.probe.close()
        self.regions.close()
        self.separation.close()
        self.quality.close()
        self.layers.close()
        self.training.close()
        self.prior.close()
        self.runs.close()

    def _have_acquisition(self, acquisition: Acquisition) -> None:
        self.layers.add_acquisition(acquisition)

    def _show_slices(self) -> None:
        """One draws in slices, not in three dimensions."""
        self.view.change(solid=False)

    def _have_finished(self, run: Run) -> None:
        if run.state != "done" or run.result is None:
            return
        if run.job.makes_tensor:
            self.layers.add_run(run)
        elif run.job.kind in ("sample", "simulate"):
            self.studies.open(run.result)

    def _have_dropped(self, path: Any) -> None:
        if not self.studies.is_open(path):
            self.studies.open(path, show=False)
