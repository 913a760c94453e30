"""What a run will need, estimated in the background a moment after the last change."""

from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_sti.core.separation import Form
from napari_sti.io.study import Study
from napari_sti.jobs.estimate import estimate
from napari_sti.jobs.separation import estimate_separation
from napari_sti.widgets.background import Background

_CALM = 200
"""Milliseconds after the last change before memory and time are estimated again."""


class Estimator(QObject):
    """Estimates memory and time of a run from the headers of its study."""

    estimated = Signal(object)
    """What `napari_sti.jobs.estimate.estimate` (of separations: `estimate_separation`) found out; None: nothing."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._asked: tuple[Any, ...] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_CALM)
        self._timer.timeout.connect(self._start)
        self._worker = Background(self)
        self._worker.done.connect(self.estimated)
        self._worker.failed.connect(self._failed)

    def ask(
        self,
        study: Study,
        method: str,
        params: dict[str, Any],
        device: str,
        devices: list[dict[str, Any]],
        *,
        separated: Form | None = None,
    ) -> None:
        """Estimate soon; what was asked before is forgotten. A separation says what is `separated`."""
        self._asked = (study, method, params, device, devices, separated)
        self._timer.start()

    def forget(self) -> None:
        """Say soon that nothing is known."""
        self._asked = None
        self._timer.start()

    def _start(self) -> None:
        if self._asked is None:
            self.estimated.emit(None)
        else:
            self._worker.start(_estimate, *self._asked)

    def _failed(self, _: Exception) -> None:
        self.estimated.emit(None)


def _estimate(
    study: Study,
    method: str,
    params: dict[str, Any],
    device: str,
    devices: list[dict[str, Any]],
    separated: Form | None,
) -> dict[str, Any]:
    if separated is not None:
        return estimate_separation(study, method, params, separated, device=device, devices=devices)
    return estimate(study, method, params, device=device, devices=devices)
