"""Quality pages of one window: what they can be about, making them as jobs, mending, and showing what they found."""

import shutil
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_sti.core.errors import InputError
from napari_sti.io.sidecars import SIDECAR
from napari_sti.jobs.history import new_run_folder
from napari_sti.jobs.job import Job, check_job
from napari_sti.jobs.sentences import sentence_for
from napari_sti.maps.mend_files import UNDO, Mended
from napari_sti.viz.quality_layers import angle_layer, residual_layers
from napari_sti.widgets.background import Background
from napari_sti.widgets.session.compare import CompareSession
from napari_sti.widgets.session.layers import LayerSession
from napari_sti.widgets.session.quality_mends import frame_in, write_mended_result, write_mended_v1
from napari_sti.widgets.session.quality_sources import (
    QualityChoice,
    QualityReport,
    Source,
    look_at_sources,
    read_report,
    shown_sources,
)
from napari_sti.widgets.session.run import Run
from napari_sti.widgets.session.runs import RunSession

_CALM = 100
"""Milliseconds after the last change in the runs before sidecars are read again."""


class QualitySession(QObject):
    """Makes quality pages in the worker, and reads them.

    Parameters
    ----------
    runs, layers, compare
        Sessions of the window.

    Attributes
    ----------
    sources : dict of str to Source
        What a page can be about.
    run : Run or None
        The page that is being made, or the last one.
    report : QualityReport or None
        The last page.
    """

    sources_changed = Signal()
    changed = Signal()
    """A page that is being made stands differently."""
    made = Signal(object)
    """A `QualityReport` is there."""
    mended = Signal(str, str)
    """Name of the new result, and a sentence about it."""
    said = Signal(str)
    """One sentence about something that worked."""
    failed = Signal(str, str)
    """One sentence, and details."""

    def __init__(
        self, runs: RunSession, layers: LayerSession, compare: CompareSession, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.sources: dict[str, Source] = {}
        self.run: Run | None = None
        self.report: QualityReport | None = None
        self._runs, self._layers, self._compare = runs, layers, compare
        self._added: list[Source] = []
        # What each page is about, for good, by the id of its run.
        self._of: dict[str, tuple[Source, QualityChoice]] = {}
        self._mending: Source | None = None
        self._surveyor, self._reader, self._mender = Background(self), Background(self), Background(self)
        self._shower, self._writer = Background(self), Background(self)
        self._surveyor.done.connect(self._have_surveyed)
        self._reader.done.connect(self._have_read)
        self._mender.done.connect(self._have_mended)
        self._shower.done.connect(self._have_layers)
        self._writer.done.connect(self._have_written)
        for background in (self._reader, self._mender, self._shower, self._writer):
            background.failed.connect(self._have_failed)
        self._calm = QTimer(self)
        self._calm.setSingleShot(True)
        self._calm.setInterval(_CALM)
        self._calm.timeout.connect(self._survey)
        self._coming: list[Any] = []
        self._adder = QTimer(self)
        self._adder.setSingleShot(True)
        self._adder.timeout.connect(self._add_next)
        runs.changed.connect(self._run_changed)
        runs.finished.connect(self._run_finished)
        runs.listed.connect(self.refresh)
        layers.runs_changed.connect(self.refresh)

    @property
    def active(self) -> bool:
        """Whether a page is being made."""
        return self.run is not None and self.run.active

    def close(self) -> None:
        """Drop what is being done."""
        self._calm.stop()
        self._adder.stop()
        for background in (self._surveyor, self._reader, self._mender, self._shower, self._writer):
            background.close()

    # ---- what a page can be about ----

    def refresh(self, *_: object) -> None:
        """Look again at what there is, in the background."""
        self._calm.start()

    def add(self, path: Path) -> None:
        """Take a result folder or a tensor file into the list."""
        if path.is_dir() and not (path / SIDECAR).is_file():
            error = InputError("the folder holds no finished result", file=path, mend="choose another")
            self.failed.emit(str(error), "")
        elif path not in [source.path for source in self._added]:
            name = path.name.removesuffix(".gz").removesuffix(".nii")
            self._added.append(Source(name, path))
            self.refresh()

    def _survey(self) -> None:
        runs = [run for run in self._runs.runs if run.job.makes_tensor and run.state == "done" and run.result]
        found = [Source(run.name, run.result.parent, run.job.study, run.about) for run in runs if run.result]
        found += self._added
        known = {one.path.resolve() for one in found}
        found += [one for one in shown_sources(self._layers) if one.path.resolve() not in known]
        self._surveyor.start(look_at_sources, found)

    def _have_surveyed(self, sources: list[Source]) -> None:
        found = {source.name: source for source in sources}
        if found != self.sources:
            self.sources = found
            self.sources_changed.emit()

    # ---- the page ----

    def start(self, choice: QualityChoice) -> Run | None:
        """Make the page of a complete choice."""
        if self.active:
            return self.run
        source = self.sources[choice.source]
        name = f"quality of {source.name}"
        try:
            params = choice.given(source).mapping()
            job = Job("quality", choice.study, params=params, out=new_run_folder(name), name=name)
            check_job(job)
        except (InputError, OSError) as error:
            self.failed.emit(sentence_for(error), "")
            return None
        self.run = self._runs.submit(job, source.about)
        if self.run is None:
            return None
        self._of[self.run.id] = (source, choice)
        self.changed.emit()
        return self.run

    def _run_changed(self, run: Run) -> None:
        if run is self.run:
            self.changed.emit()

    def _run_finished(self, run: Run) -> None:
        if run.id not in self._of:
            self.refresh()
            return
        source, choice = self._of.pop(run.id)
        self.changed.emit()
        if run.state == "done" and run.result is not None:
            self._reader.start(read_report, run.result.parent, source, choice)
        elif run.state == "failed":
            self.failed.emit(run.sentence, run.details)

    def _have_read(self, report: QualityReport) -> None:
        self.report = report
        self.made.emit(report)

    def save_page(self, path: Path) -> None:
        """Copy the page; a dialog has asked about overwriting already."""
        if self.report is not None:
            self._writer.start(_copy, self.report.page, path)

    def _have_written(self, path: Path) -> None:
        self.said.emit(f"Written: {path}")

    def save_mended_v1(self, mend: str, target: Path) -> None:
        """Write a mended copy of the V1 of the last page."""
        if self.report is not None and self.report.choice.v1 is not None:
            choice = self.report.choice
            self._writer.start(write_mended_v1, choice.v1, choice.fa, mend, target, choice.dti_frame)

    # ---- what it found ----

    def show_residuals(self) -> None:
        """Add a layer for the residual of every field."""
        report = self.report
        if report is not None and report.residuals is not None and not self._shown("residual"):
            self._shower.start(residual_layers, report.residuals, report.source.name, report.worst)

    def show_angle(self) -> None:
        """Add a layer for the angle to the DTI."""
        report = self.report
        if report is not None and report.angle is not None and not self._shown("dti_angle"):
            where = next((str(line["value"]) for line in report.record["lines"] if line["key"] == "where"), "")
            self._shower.start(_angle_layers, report.angle, report.source.name, where.removeprefix("where "))

    def _shown(self, kind: str) -> bool:
        """Whether the layers of this page are in the viewer; if so they are made visible."""
        assert self.report is not None
        found = []
        for layer in self._layers.ours():
            info = layer.metadata["napari_sti"]
            if info.get("kind") == kind and info.get("page") == str(self.report.folder):
                found.append(layer)
        for layer in found:
            layer.visible = kind != "residual" or layer.metadata["napari_sti"]["orientation"] == self.report.worst
        return bool(found)

    def _have_layers(self, layers: list[Any]) -> None:
        if self.report is None:
            return
        for _, keywords, _ in layers:
            keywords["metadata"]["napari_sti"]["page"] = str(self.report.folder)
        self._coming += layers
        self._adder.start(0)
        self.said.emit(f"{len(layers)} layer{'' if len(layers) == 1 else 's'} added.")

    def _add_next(self) -> None:
        """Add one layer, and give the window a moment before the next."""
        from napari.layers import Layer

        if self._coming:
            self._layers.add_ours(Layer.create(*self._coming.pop(0)))
        if self._coming:
            self._adder.start(10)

    # ---- mends ----

    def apply_mend(self) -> None:
        """Write the result of the last page anew with the proposed mend; the old one stays as it is."""
        if self.report is not None and self.report.mend:
            self._mend(self.report.source, self.report.mend, "mended", self.report.record)

    def undo_mend(self, name: str) -> None:
        """Write a mended result anew as it was before."""
        source = self.sources.get(name)
        if source is not None and source.mend:
            self._mend(source, UNDO, "mend undone", {})

    def _mend(self, source: Source, mend: str, word: str, record: Any) -> None:
        if self._mender.busy:
            return
        try:
            folder = new_run_folder(f"{source.name} {word}")
        except InputError as error:
            self.failed.emit(str(error), "")
            return
        self._mending = Source(f"{source.name}, {word}", folder, source.study, source.about)
        frame = None if source.states_frame else frame_in(record)
        self._mender.start(write_mended_result, source.path, mend, folder, frame, self._mending.name)

    def _have_mended(self, made: tuple[Mended, list[Any]]) -> None:
        done, layers = made
        new, self._mending = self._mending, None
        if new is None:
            return
        self._added.append(new)
        self.refresh()
        self._compare.add_folder(new.path)
        self._layers.add_made(layers)
        self.mended.emit(new.name, done.sentence)

    def _have_failed(self, error: Exception) -> None:
        self._mending = None
        self.failed.emit(sentence_for(error), "")


def _copy(source: Path, target: Path) -> Path:
    shutil.copyfile(source, target)
    return target


def _angle_layers(path: Path, run: str, where: str) -> list[Any]:
    return [angle_layer(path, run, where)]
