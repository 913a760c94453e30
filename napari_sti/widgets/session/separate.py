"""Separating sources: what it starts from, the jobs, what came out as layers, numbers and a brush."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_sti.core.errors import InputError
from napari_sti.core.params import to_mapping
from napari_sti.core.separated import SeparatedField
from napari_sti.core.separation import Form
from napari_sti.io.nifti import write_volume
from napari_sti.io.separations import load_separation
from napari_sti.jobs.sentences import sentence_for
from napari_sti.maps.joint_histogram import JointHistogram, Span, brushed, joint_histogram
from napari_sti.maps.separation_regions import Box, region_boxes
from napari_sti.recon.separation_registry import get_separation_method
from napari_sti.viz.compare_regions import Drawn, take_labels
from napari_sti.viz.display import METADATA_KEY, DisplayGrid, layer_info
from napari_sti.viz.layers import LayerData
from napari_sti.viz.separation_layers import ShownSeparations, brush_layer, separation_layers
from napari_sti.viz.writer import stored_volume
from napari_sti.widgets.background import Background
from napari_sti.widgets.session.finished import StartingPoints
from napari_sti.widgets.session.layers import LayerSession
from napari_sti.widgets.session.obstacles import Obstacle
from napari_sti.widgets.session.run import Run, about_study
from napari_sti.widgets.session.runs import RunSession
from napari_sti.widgets.session.separate_grid import SeparationGrid
from napari_sti.widgets.session.separate_sources import (
    ChiSource,
    DrChoice,
    Lack,
    RatesChoice,
    chi_sources,
    rates_lack,
)
from napari_sti.widgets.session.studies import StudySession
from napari_sti.widgets.session.view import ViewSession


@dataclass(frozen=True)
class SeparationChoice:
    """What the panel says.

    Parameters
    ----------
    method : str
        Id of a method of separation.
    params : object
        Instance of its ``Params``.
    chi : str
        Key of a `ChiSource`; empty where none is chosen.
    rates, dr, device
        See `RatesChoice`, `DrChoice` and `napari_sti.jobs.job.Job`.
    naming : {"sti", "para-dia"}
        What the files are called.
    """

    method: str
    params: Any
    chi: str = ""
    rates: RatesChoice = field(default_factory=RatesChoice)
    dr: DrChoice = field(default_factory=DrChoice)
    device: str = "auto"
    naming: str = "sti"


@dataclass(frozen=True, eq=False)
class Separation:
    """A finished run with what it found, ready to be looked at.

    Parameters
    ----------
    run : Run
        Which one.
    found : SeparatedField
        Both sources, with the closed form beside them.
    histogram : JointHistogram
        Of both.
    layers : list
        For the viewer.
    """

    run: Run
    found: SeparatedField
    histogram: JointHistogram
    layers: list[LayerData]


class SeparateSession(QObject):
    """Starts separations on the study of the window and keeps what came out.

    Attributes
    ----------
    sources : tuple of ChiSource
        Susceptibilities that can be separated.
    results : dict of Separation
        By the names of their runs, in the order in which they came.
    grid : SeparationGrid
        Shows them side by side.
    """

    sources_changed = Signal()
    arrived = Signal(str)
    """A separation was read and its layers are there."""
    boxes_ready = Signal(object)
    """A tuple of `Box`."""
    brushed = Signal(str)
    """What was brushed, in words; empty for nothing."""
    failed = Signal(str)

    def __init__(
        self,
        studies: StudySession,
        runs: RunSession,
        layers: LayerSession,
        view: ViewSession,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.studies, self.runs, self.layers = studies, runs, layers
        self.sources: tuple[ChiSource, ...] = ()
        self.results: dict[str, Separation] = {}
        self._files: list[Path] = []
        self._brush: Any = None
        self.points = StartingPoints(runs, studies, self)
        self.grid = SeparationGrid(layers, view, self)
        self._reader, self._boxer, self._brusher = Background(self), Background(self), Background(self)
        self._waiting: list[Run] = []
        self._coming: dict[str, str] = {}
        self.points.changed.connect(self.refresh)
        studies.changed.connect(self.refresh)
        runs.finished.connect(self._finished)
        layers.added.connect(self._layers_there)
        self._reader.done.connect(self._have_read)
        self._reader.failed.connect(self._have_failed)
        self._boxer.done.connect(self.boxes_ready)
        self._boxer.failed.connect(self._have_failed)
        self._brusher.done.connect(self._have_brushed)
        self._brusher.failed.connect(self._have_failed)

    def close(self) -> None:
        """Drop what is still being read."""
        self.points.close()
        self.grid.close()
        for background in (self._reader, self._boxer, self._brusher):
            background.close()

    # ---- what goes in ----------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Look again at what can be separated."""
        fitting = {point.folder: point.title for point in self.points.points}
        found = chi_sources(
            self.studies.study, self.runs.runs, fitting, list(self.layers.viewer.layers), tuple(self._files)
        )
        if found != self.sources:
            self.sources = found
            self.sources_changed.emit()

    def add_file(self, path: Path) -> str:
        """Offer a file or the folder of a result; returns its key."""
        if path not in self._files:
            self._files.insert(0, path)
            self.refresh()
        return f"file:{path}"

    def source(self, key: str) -> ChiSource | None:
        """The susceptibility of this key."""
        return next((source for source in self.sources if source.key == key), None)

    def form(self, choice: SeparationChoice) -> Form:
        """Whether scalars or tensors are separated."""
        method, source = get_separation_method(choice.method), self.source(choice.chi)
        return source.form if method.starts_from == "chi" and source is not None else method.forms[0]

    def lack(self, choice: SeparationChoice) -> Lack | None:
        """Say why this cannot be started, None if it can."""
        study, method = self.studies.study, get_separation_method(choice.method)
        found = self._study_lack()
        if found is not None:
            return Lack(found.text, found.panel)
        source = self.source(choice.chi) if method.starts_from == "chi" else None
        if method.starts_from == "chi":
            if source is None:
                return Lack("There is no susceptibility yet: reconstruct one, or choose a file.", "reconstruct")
            if source.form not in method.forms:
                return Lack(f"{method.title} does not separate tensors: choose a scalar susceptibility.")
        elif not study.has_fields:
            return Lack(f"{method.title} starts from field maps and the study has none.", "data")
        form = self.form(choice)
        lack = rates_lack(choice.rates, study, method, form)
        if lack is not None:
            return lack
        try:
            constants = choice.dr.relaxation(study.tesla)
        except InputError as error:
            return Lack(str(error), "data" if "field strength" in str(error) else "")
        if not constants.equal and form not in method.takes_unequal_dr:
            return Lack(f"{method.title} needs one Dr for both sources of a {form}.")
        return None

    def _study_lack(self) -> Obstacle | None:
        if self.studies.empty:
            return Obstacle("There is no study yet: open one, or the sample brain.", "data")
        if self.studies.check is None:
            return Obstacle("The files of the study are being looked at.")
        if not self.studies.complete:
            return Obstacle("Something is missing in the study.", "data")
        return None

    def given(self, choice: SeparationChoice) -> dict[str, Any]:
        """What a job is given beside the study; a layer is added when the job is made."""
        source = self.source(choice.chi)
        from_chi = get_separation_method(choice.method).starts_from == "chi"
        chi = {} if source is None or source.given is None or not from_chi else {"chi": source.given}
        naming = {} if choice.naming == "sti" else {"naming": choice.naming}
        return {**chi, **choice.rates.given(self.studies.study), **choice.dr.given(), **naming}

    # ---- runs ------------------------------------------------------------------------------------------------------

    @property
    def active(self) -> Run | None:
        """The separation that runs or waits."""
        return next((run for run in reversed(self.runs.runs) if run.active and run.job.kind == "separate"), None)

    def start(self, choice: SeparationChoice) -> Run | None:
        """Start a separation on the study of now."""
        study, source = self.studies.study, self.source(choice.chi)
        from_chi = get_separation_method(choice.method).starts_from == "chi"
        layer = None
        if source is not None and source.layer and from_chi:
            layer = next((one for one in self.layers.viewer.layers if one.name == source.layer), None)
        what = f", from {source.title}" if source is not None and from_chi else ""
        return self.runs.start_separation(
            study,
            choice.method,
            to_mapping(choice.params),
            self.given(choice),
            device=choice.device,
            about=f"{about_study(study)}{what}",
            prepare=None if layer is None else partial(_write_layer, layer),
        )

    def cancel(self) -> None:
        """Cancel the separation that is under way."""
        active = self.active
        if active is not None:
            self.runs.cancel(active)

    def _finished(self, run: Run) -> None:
        if run.job.kind == "separate" and run.state == "done":
            self.show(run)

    def show(self, run: Run) -> None:
        """Read the result of a run and add its layers."""
        if run.result is not None and run not in self._waiting:
            self._waiting.append(run)
            self._read_next()

    def _read_next(self) -> None:
        if self._waiting and not self._reader.busy:
            self._reader.start(_read, self._waiting[0])

    def _have_read(self, separation: Separation) -> None:
        name = separation.run.name
        self.results[name] = separation
        self._waiting.pop(0)
        self._coming[separation.layers[-1][1]["metadata"][METADATA_KEY]["run"]] = name
        self.layers.add_made(separation.layers)
        self._read_next()

    def _layers_there(self, run: str) -> None:
        """What is shown side by side has to lie above all other layers: it waits for them."""
        name = self._coming.pop(run, "")
        if name:
            self.arrived.emit(name)

    def _have_failed(self, error: Exception) -> None:
        if self._waiting and self.sender() is self._reader:
            self._waiting.pop(0)
        self.failed.emit(sentence_for(error))
        self._read_next()

    # ---- what came out ---------------------------------------------------------------------------------------------

    def beside(self, names: tuple[str, ...]) -> ShownSeparations | None:
        """These separations, with the closed form that belongs to the first, as far as they share a grid."""
        found = {name: self.results[name].found for name in names if name in self.results}
        if not found:
            return None
        first = next(iter(found.values()))
        same = {name: one for name, one in found.items() if one.shape == first.shape}
        return ShownSeparations(same, first.closed_form)

    def sum_up(self, names: tuple[str, ...], labels: str) -> None:
        """Make the boxes of a Labels layer in the background."""
        shown = self.beside(names)
        layer = next((one for one in self.layers.viewer.layers if one.name == labels), None)
        if shown is None or layer is None:
            self.boxes_ready.emit(())
            return
        try:
            drawn = take_labels(layer)
        except InputError as error:
            self.failed.emit(str(error))
            return
        self._boxer.start(_boxes, shown, drawn)

    def brush(self, name: str, pos: Span, neg: Span) -> None:
        """Highlight the voxels of a rectangle of the joint histogram on the image."""
        separation = self.results.get(name)
        if separation is not None:
            self._brusher.start(_brush, separation, pos, neg)

    def clear_brush(self) -> None:
        """Take the highlight away."""
        layer, self._brush = self._brush, None
        if layer is not None and layer in self.layers.viewer.layers:
            self.layers.viewer.layers.remove(layer)
        self.brushed.emit("")

    def _have_brushed(self, made: tuple[LayerData, str]) -> None:
        from napari.layers import Layer

        (data, keywords, kind), said = made
        old = self._brush
        if old is not None and old in self.layers.viewer.layers and old.data.shape == data.shape:
            old.data, old.metadata, old.name = data, keywords["metadata"], keywords["name"]
        else:
            self.clear_brush()
            if self.grid.shown:
                self.grid.end()  # the highlight lies on an image, not in a cell of its own
            before = self.layers.viewer.layers.selection.active
            self._brush = self.layers.add_ours(Layer.create(data, keywords, kind))
            if before in self.layers.viewer.layers:
                self.layers.viewer.layers.selection.active = before  # the status line goes on to say its values
        self.brushed.emit(said)


def _read(run: Run) -> Separation:
    assert run.result is not None
    found = load_separation(run.result.parent)
    return Separation(run, found, joint_histogram(found), separation_layers(found, run=run.name))


def _boxes(shown: ShownSeparations, drawn: Drawn) -> tuple[Box, ...]:
    first = next(iter(shown.found.values()))
    grid = DisplayGrid(first.affine, first.shape)
    labels = grid.to_stored(np.rint(drawn.on_grid(grid).data).astype(np.int32))
    results = dict(shown.found) | ({} if shown.floor is None else {"closed form": shown.floor})
    return region_boxes(results, labels)


def _brush(separation: Separation, pos: Span, neg: Span) -> tuple[LayerData, str]:
    found = separation.found
    chosen = brushed(found, pos, neg, shown=separation.histogram)
    number, share = int(chosen.sum()), 100 * float(chosen.sum()) / max(1, int(np.asarray(found.mask).sum()))
    span = f"χ+ {pos[0]:.3f} to {pos[1]:.3f}, |χ−| {neg[0]:.3f} to {neg[1]:.3f} ppm"
    layer = brush_layer(found, chosen, run=separation.run.name, said=span)
    return layer, f"{number} voxels ({share:.1f} % of the mask): {span}"


def _write_layer(layer: Any, folder: Path) -> Mapping[str, Any]:
    """Write a layer beside the job, quickly and uncompressed."""
    data, attributes, _ = layer.as_layer_data_tuple()
    values, affine, name = stored_volume(data, attributes, labels=False)
    path = folder / "chi.nii"
    write_volume(path, np.nan_to_num(values), affine, description=f"layer {name}"[:79])
    return {"chi": str(path)}


def is_brush(layer: Any) -> bool:
    """Whether a layer is the highlight of the brush."""
    return bool((layer_info(layer.metadata) or {}).get("brush"))
