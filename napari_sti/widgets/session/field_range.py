"""The range of the field of the study, as far as its images have been read: weights are made for a range."""

from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_sti.core.acquisition import Acquisition
from napari_sti.io.study import Study
from napari_sti.widgets.background import Background
from napari_sti.widgets.session.studies import StudySession


class FieldRange(QObject):
    """Works out 1st and 99th percentile of the field inside the mask whenever the images of a study were read."""

    changed = Signal()

    def __init__(self, studies: StudySession, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._studies = studies
        self._found: tuple[Any, tuple[float, float]] | None = None
        self._worker = Background(self)
        self._worker.done.connect(self._have)
        studies.loaded.connect(self._loaded)

    def of(self, study: Study) -> tuple[float, float] | None:
        """Percentiles in ppm of the field of a study; None while they are not known."""
        return self._found[1] if self._found is not None and self._found[0] == _files(study) else None

    def _loaded(self, acquisition: Acquisition) -> None:
        self._worker.start(_percentiles, _files(self._studies.study), acquisition)

    def _have(self, found: tuple[Any, tuple[float, float]] | None) -> None:
        self._found = found
        self.changed.emit()


def _files(study: Study) -> Any:
    """What the percentiles depend on."""
    return study.orientations, study.mask


def _percentiles(files: Any, acquisition: Acquisition) -> tuple[Any, tuple[float, float]] | None:
    if acquisition.field is None or not acquisition.mask.any():
        return None
    low, high = np.percentile(acquisition.field[:, acquisition.mask], (1, 99))
    return files, (float(low), float(high))
