"""Questions to priors, as the window asks them: handed to the worker, answered as layers and numbers."""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_sti.core.errors import InputError
from napari_sti.jobs.job import Job
from napari_sti.jobs.sentences import sentence_for
from napari_sti.lpn.question import ACTIONS
from napari_sti.viz.display import layer_info
from napari_sti.viz.prior_layers import Bound
from napari_sti.widgets.background import Background
from napari_sti.widgets.session import prior_sources
from napari_sti.widgets.session.layers import LayerSession
from napari_sti.widgets.session.prior_choice import PriorChoice, dims_of
from napari_sti.widgets.session.prior_files import (
    PriorAnswer,
    check_place,
    export_image,
    name_of,
    read_answer,
    save_figure,
    save_tables,
    short_name,
    write_all,
)
from napari_sti.widgets.session.prior_model import Model
from napari_sti.widgets.session.prior_sources import LAYER, Taken, take_region
from napari_sti.widgets.session.run import Run
from napari_sti.widgets.session.runs import RunSession


class PriorSession(QObject):
    """Asks one question at a time.

    Parameters
    ----------
    runs, layers
        Sessions of the window.

    Attributes
    ----------
    run : Run or None
        The question under way, or the last one.
    """

    changed = Signal()
    """Images, or the question under way, are others."""
    answered = Signal(object)
    """A `PriorAnswer`."""
    failed = Signal(str, str)
    """One sentence, and details."""
    saved = Signal(str)
    exported = Signal(object)
    """Folder of a layer that was written for a training."""

    def __init__(self, runs: RunSession, layers: LayerSession, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.viewer, self.runs, self._layers = layers.viewer, runs, layers
        self.run: Run | None = None
        self.answer: PriorAnswer | None = None
        self._job: Job | None = None
        self._about = ""
        self._bound: dict[str, Bound | None] = {}
        self._queue: deque[Any] = deque()
        self._shown: list[tuple[PriorAnswer, Any]] = []
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._add_next)
        self._writer, self._reader, self._saver = Background(self), Background(self), Background(self)
        self._writer.done.connect(self._have_written)
        self._writer.failed.connect(self._have_failed)
        self._reader.done.connect(self.take)
        self._reader.failed.connect(self._have_failed)
        self._saver.done.connect(self._have_saved)
        self._saver.failed.connect(self._have_failed)
        runs.finished.connect(self._run_finished)
        for event in (self.viewer.layers.events.inserted, self.viewer.layers.events.removed):
            event.connect(self._layers_changed)

    @property
    def busy(self) -> bool:
        """Whether a question is under way."""
        return self._writer.busy or self._reader.busy or (self.run is not None and self.run.active)

    def close(self) -> None:
        """Leave the viewer alone and drop what is still to come."""
        self._timer.stop()
        self._queue.clear()
        for background in (self._writer, self._reader, self._saver):
            background.close()
        for event in (self.viewer.layers.events.inserted, self.viewer.layers.events.removed):
            event.disconnect(self._layers_changed)

    def sources(self) -> list[prior_sources.Source]:
        """Images that can be asked about."""
        return prior_sources.sources(self.viewer, self.runs.runs)

    def regions(self) -> list[str]:
        """Labels layers."""
        return prior_sources.labels(self.viewer)

    def looked_at(self, key: str) -> tuple[int, int] | None:
        """Axis and index of the slice of an image layer that is looked at; None for others."""
        name = key.removeprefix(LAYER)
        if not key.startswith(LAYER) or name not in self.viewer.layers or self.viewer.layers[name].ndim != 3:
            return None
        return prior_sources.slice_of(self.viewer, self.viewer.layers[name])

    # ---- asking ----

    def start(self, choice: PriorChoice, model: Model) -> None:
        """Hand images and question to the worker; the answer stays bound to the images as they are now."""
        if self.busy:
            return
        about = "" if model.dims == 1 else short_name(choice.image)
        about = about or Path(model.weights).stem
        try:
            stem = f"{ACTIONS[choice.action].split()[0].lower()} of {about}"
            name, folder = self.runs.place(stem)
            params, files, bound = self._hand_over(choice, model, name, folder)
        except (InputError, OSError) as error:
            self.failed.emit(sentence_for(error), "")
            return
        self._job = Job("prior", None, choice.action, params, choice.device, out=folder, name=name)
        self._about = about
        self._bound[name] = bound
        self._writer.start(write_all, files)
        self.changed.emit()

    def _hand_over(
        self, choice: PriorChoice, model: Model, name: str, folder: Path
    ) -> tuple[dict[str, Any], list[tuple[Any, Path]], Bound | None]:
        """Parameters of the job, what is still to be written, and what the answer is bound to."""
        params = choice.params(model)
        if model.dims == 1 or not choice.image:
            return params, [], None
        flat = dims_of(choice, model) == 2
        image = self._take(choice.image, name, one_slice=flat and not choice.every_slice)
        files: list[tuple[Any, Path]] = [(image, folder / "image.nii")]
        params["image"] = name_of(image, "image.nii")
        if choice.takes_other and choice.other:
            other = self._take(choice.other, name, one_slice=False)
            files.append((other, folder / "other.nii"))
            params["other"] = name_of(other, "other.nii")
            check_place(image, other)
        if choice.region:
            labels = take_region(self.viewer, choice.region, image)
            region = replace(image, data=labels.astype(np.int16), file=None)
            files.append((region, folder / "region.nii"))
            params["region"] = "region.nii"
        bound = image.bound
        if flat and choice.every_slice:
            params["every_slice"] = True
        elif flat and bound.slice is not None:
            params |= {"axis": bound.axis, "slice": bound.slice}
        return params, files, bound

    def _take(self, key: str, run: str, *, one_slice: bool) -> Taken:
        name = key.partition(":")[2]
        if key.startswith(LAYER):
            return prior_sources.take_layer(self.viewer, name, run, one_slice=one_slice)
        found = next((one for one in self.runs.runs if one.name == name and one.folder is not None), None)
        if found is None:
            raise InputError(f"the run {name!r} is not there any more", mend="choose another image")
        return prior_sources.take_tensor(found, run)

    def _have_written(self, what: Any) -> None:
        if isinstance(what, Path):
            self.exported.emit(what)
            return
        job, self._job = self._job, None
        self.run = None if job is None else self.runs.submit(job, self._about)
        self.changed.emit()

    # ---- what came out ----

    def _run_finished(self, run: Run) -> None:
        if run.job.kind != "prior" or run.name not in self._bound:
            return
        bound = self._bound.pop(run.name)
        if run.state == "done" and run.result is not None:
            self._reader.start(read_answer, run, bound)
        elif run.state == "failed":
            self.failed.emit(run.sentence, run.details)
        self.changed.emit()

    def shown(self) -> list[tuple[PriorAnswer, list[Any]]]:
        """Answers whose layers are in the viewer, in the order in which they came, with these."""
        answers = dict.fromkeys(answer for answer, _ in self._shown)
        return [(answer, [layer for one, layer in self._shown if one is answer]) for answer in answers]

    @property
    def adding(self) -> bool:
        """Whether layers of an answer are still to be added."""
        return bool(self._queue)

    def take(self, answer: PriorAnswer) -> None:
        """Show an answer that was read, and add its layers."""
        self.answer = answer
        self._queue.extend((answer, data) for data in answer.layers)
        self._timer.start(0)
        self.answered.emit(answer)
        self.changed.emit()

    def _add_next(self) -> None:
        """Add one layer and give the window a moment before the next."""
        if not self._queue:
            return
        from napari.layers import Layer

        answer, data = self._queue.popleft()
        layer = Layer.create(*data)
        if answer.bound is not None and answer.bound.grid is not None:
            self._layers.add_ours(layer)
        else:
            self.viewer.add_layer(layer)
        self._shown.append((answer, layer))
        if self._queue:
            self._timer.start(10)
        else:
            if answer.bound is not None:
                self._show_over_its_image(answer.bound, layer)
            self.viewer.layers.selection.active = layer  # its values are those that the status line says

    def _show_over_its_image(self, bound: Bound, layer: Any) -> None:
        """A map can be seen through: below it has to be what it is about, and nothing else."""
        image = next((one for one in self.viewer.layers if one.name == bound.title), None)
        if image is None:
            image = self._layers.find(bound.title.removeprefix("tensor of "), "mms")
        own = [one for one in self._layers.ours() if (layer_info(one.metadata) or {}).get("run") == bound.run]
        self._layers.show_alone(*(one for one in own if one.visible), *(() if image is None else (image,)))

    def _have_failed(self, error: Exception) -> None:
        self._job = None
        self.failed.emit(sentence_for(error), "")
        self.changed.emit()

    def _layers_changed(self, event: Any) -> None:
        self._shown = [(answer, layer) for answer, layer in self._shown if layer in self.viewer.layers]
        self.changed.emit()

    # ---- as files ----

    def save_table(self, path: Path) -> None:
        """Keep the tables of the answer as CSV; several are told apart by their names."""
        self._save(save_tables, path)

    def save_figure(self, path: Path) -> None:
        """Draw the answer; the suffix says as what."""
        self._save(save_figure, path)

    def _save(self, function: Callable[[Path, Path], Path], path: Path) -> None:
        if self.answer is not None and self.answer.run.folder is not None:
            self._saver.start(function, self.answer.run.folder, path)

    def _have_saved(self, path: Path) -> None:
        self.saved.emit(f"Written: {path}")

    def export(self, key: str, folder: Path) -> None:
        """Write an image layer into a folder of its own, for a training."""
        try:
            taken = self._take(key, "", one_slice=False)
        except InputError as error:
            self.failed.emit(sentence_for(error), "")
            return
        self._writer.start(export_image, taken, folder)
