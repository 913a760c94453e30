"""The live curve of the residual over the iterations."""

from qtpy.QtWidgets import QWidget

from napari_sti.widgets.log_curves import MOST_POINTS, Curve, LogCurves, Point, placeable, thinned

AXIS_NAME = "residual"


class ResidualCurve(LogCurves):
    """Relative data residual over iterations, with a logarithmic axis."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(AXIS_NAME, parent=parent)
        self._points: list[Point] = []
        self.setToolTip("Relative data residual |A x - y| / |y| over the iterations, logarithmic axis.")
        self.setAccessibleName("Residual over iterations")

    def value(self) -> tuple[Point, ...]:
        """Iterations and residuals so far."""
        return tuple(self._points)

    def setValue(self, points: object) -> None:
        """Show other points: pairs of iteration and residual."""
        self._points = []
        for iteration, residual in points:  # type: ignore[attr-defined]
            self._take(iteration, residual)
        self._show()

    def add(self, iteration: int, residual: float | None) -> None:
        """Add a point; steps without a residual are left out."""
        if self._take(iteration, residual):
            self._show()

    def _take(self, iteration: int, residual: float | None) -> bool:
        found = placeable([(iteration, residual)])
        if not found:
            return False
        if self._points and iteration < self._points[-1][0]:
            self._points.clear()  # a second solve within the run starts its own curve
        self._points += found
        if len(self._points) > MOST_POINTS:
            self._points = list(thinned(self._points))
        return True

    def _show(self) -> None:
        self.set_curves([Curve(AXIS_NAME, tuple(self._points))])
