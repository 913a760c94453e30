"""Separating sources: what it starts from, what is missing, and the jobs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_sti.core.errors import InputError
from napari_sti.core.params import from_mapping, to_mapping
from napari_sti.core.separation import Form
from napari_sti.io.nifti import write_volume
from napari_sti.recon.separation_registry import get_separation_method
from napari_sti.viz.writer import stored_volume
from napari_sti.widgets.session.finished import StartingPoints
from napari_sti.widgets.session.layers import LayerSession
from napari_sti.widgets.session.obstacles import Obstacle
from napari_sti.widgets.session.run import Run, about_study
from napari_sti.widgets.session.runs import RunSession
from napari_sti.widgets.session.separate_found import FoundSeparations
from napari_sti.widgets.session.separate_sources import (
    ChiSource,
    DrChoice,
    Lack,
    RatesChoice,
    chi_sources,
    dr_of,
    rates_lack,
    rates_of,
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


class SeparateSession(QObject):
    """Starts separations on the study of the window.

    Attributes
    ----------
    sources : tuple of ChiSource
        Susceptibilities that can be separated.
    found : FoundSeparations
        What came out.
    """

    sources_changed = Signal()

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
        self._files: list[Path] = []
        self.points = StartingPoints(runs, studies, self)
        self.found = FoundSeparations(layers, view, self)
        self.points.changed.connect(self.refresh)
        studies.changed.connect(self.refresh)
        runs.finished.connect(self._finished)

    def close(self) -> None:
        """Drop what is still being read."""
        self.points.close()
        self.found.close()

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
        return self.runs.first_active("separate")

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

    def choice_of(self, run: Run) -> SeparationChoice:
        """What an earlier run was asked for; a susceptibility from elsewhere is offered from now on.

        Raises
        ------
        InputError
            If its method has no such parameters any more.
        """
        given = run.job.given
        params: Any = from_mapping(get_separation_method(run.job.method).Params, dict(run.job.params))
        naming = str(given.get("naming", "sti"))
        return SeparationChoice(
            run.job.method,
            params,
            self._key_of(given),
            rates_of(given, self.studies.study),
            dr_of(given),
            run.job.device,
            naming,
        )

    def _key_of(self, given: Mapping[str, Any]) -> str:
        chi = given.get("chi")
        known = next((source.key for source in self.sources if source.given is not None and source.given == chi), "")
        return known or ("" if chi is None else self.add_file(Path(str(chi))))

    def _finished(self, run: Run) -> None:
        if run.job.kind == "separate" and run.state == "done":
            self.found.show(run)


def _write_layer(layer: Any, folder: Path) -> Mapping[str, Any]:
    """Write a layer beside the job, quickly and uncompressed."""
    data, attributes, _ = layer.as_layer_data_tuple()
    values, affine, name = stored_volume(data, attributes, labels=False)
    path = folder / "chi.nii"
    write_volume(path, np.nan_to_num(values), affine, description=f"layer {name}"[:79])
    return {"chi": str(path)}
