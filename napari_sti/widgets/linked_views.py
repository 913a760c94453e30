"""The other planes beside the image: linked views with one crosshair, in a dock of their own.

Names of the parts: ``sti_linked_views``, and in it ``sti_linked_axial``, ``sti_linked_coronal`` and
``sti_linked_sagittal``.
"""

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QEvent, QObject, QSize, QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from napari_sti.viz import _compat
from napari_sti.viz.canvas import annotate
from napari_sti.viz.linked import LinkedView, add_crosshair, move_on_click
from napari_sti.viz.views import PLANES, Plane
from napari_sti.widgets.session.controller import Controller
from napari_sti.widgets.session.drawing import Drawing

NAME = "Linked views"
HEIGHT = 300
SHARE = 0.45
"""Of the height of the window that the further planes get when they are opened: all planes are about equally large."""
_LAID_OUT = 150
"""Milliseconds after which canvases have found their size."""


class LinkedPlane(QWidget):
    """One further plane of a viewer."""

    def __init__(self, main: Any, plane: Plane, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(f"sti_linked_{plane}")
        self.view = LinkedView(main, plane)
        self.canvas = _compat.qt_viewer(self.view.viewer)
        self.drawing = Drawing(self.view.viewer, self)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        if self.canvas is not None:
            layout.addWidget(self.canvas)
            self.annotations = annotate(self.view.viewer)
            self.annotations.brief = True
            self.annotations.configure(bar=False, key=False)
            _compat.scale_bar(self.view.viewer).visible = False
            add_crosshair(self.view.viewer, True)
            self.view.viewer.mouse_drag_callbacks.append(move_on_click)
        self.refresh()

    def refresh(self) -> None:
        """Draw lines and ellipsoids of the layers that are there now."""
        self.drawing.follow(self.view.followed())

    def fit(self) -> None:
        """Let the image fill the canvas."""
        self.view.viewer.reset_view()

    def close_view(self) -> None:
        """Let go of the main viewer."""
        self.drawing.close()
        self.view.close()
        if self.canvas is not None:
            self.canvas.close()
            self.canvas = None


class LinkedViews(QWidget):
    """The further planes side by side.

    Parameters
    ----------
    main : napari.Viewer
        Whose layers are shown.
    """

    left = Signal()
    """Somebody has closed the dock."""

    def __init__(self, main: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sti_linked_views")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.main = main
        self.planes: dict[Plane, LinkedPlane] = {}
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(2)

    def sizeHint(self) -> QSize:
        """Less high than the image above it."""
        return QSize(600, HEIGHT)

    def show_planes(self, planes: Sequence[Plane], radiological: bool) -> None:
        """Show these planes, and no others."""
        for plane in [plane for plane in self.planes if plane not in planes]:
            self._drop(plane)
        for plane in planes:
            if plane not in self.planes:
                self.planes[plane] = LinkedPlane(self.main, plane, self)
                self._row.insertWidget(len(self.planes) - 1, self.planes[plane])
            elif self.planes[plane].view.radiological == radiological:
                continue
            self.planes[plane].view.turn(plane, radiological=radiological)

    def refresh(self) -> None:
        """Draw lines and ellipsoids of the layers that are there now."""
        for plane in self.planes.values():
            plane.refresh()

    def close_views(self) -> None:
        """Let go of the main viewer."""
        for plane in list(self.planes):
            self._drop(plane)

    def _drop(self, plane: Plane) -> None:
        widget = self.planes.pop(plane)
        widget.close_view()
        self._row.removeWidget(widget)
        widget.hide()
        widget.deleteLater()

    def event(self, event: QEvent | None) -> bool:
        """Notice that the dock was closed: napari then takes the widget out of it."""
        if event is not None and event.type() == QEvent.Type.ParentChange and self.parent() is None and self.planes:
            self.left.emit()
        return bool(super().event(event))


class LinkedDock(QObject):
    """Opens and closes the linked views as the `View` says, and keeps the crosshair of the image.

    Parameters
    ----------
    controller : Controller
        Whose viewer and view count.
    """

    def __init__(self, controller: Controller, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.controller = controller
        self.viewer = _compat.unwrap(controller.viewer)
        self.widget: LinkedViews | None = None
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._refresh)
        self._fit = QTimer(self)
        self._fit.setSingleShot(True)
        self._fit.setInterval(_LAID_OUT)
        self._fit.timeout.connect(self._fit_all)
        controller.view.changed.connect(self.sync)
        controller.view.closing.connect(self.close)

    @property
    def possible(self) -> bool:
        """Whether there is a window that has room for them."""
        return hasattr(self.viewer, "window")

    def sync(self) -> None:
        """Show what the view says."""
        view = self.controller.view.value()
        if not view.three or not self.possible:
            self.close()
            return
        if self.widget is None:
            self._open()
        assert self.widget is not None
        planes: list[Plane] = [plane for plane in PLANES if view.solid or plane != view.plane]
        if set(planes) != set(self.widget.planes):
            self._fit.start()
        self.widget.show_planes(planes, view.radiological)
        self._later.start(0)

    def close(self) -> None:
        """Take the views and the crosshair away."""
        widget, self.widget = self.widget, None
        if widget is None:
            return
        self._later.stop()
        self._fit.stop()
        self.viewer.layers.events.inserted.disconnect(self._inserted)
        if move_on_click in self.viewer.mouse_drag_callbacks:
            self.viewer.mouse_drag_callbacks.remove(move_on_click)
        add_crosshair(self.viewer, False)
        widget.close_views()
        if widget.parent() is not None and _compat.has_window(self.viewer):
            self.viewer.window.remove_dock_widget(widget)
        if _compat.has_window(self.viewer):
            _compat.take_height_back(self.viewer)
        widget.deleteLater()

    def _open(self) -> None:
        self.widget = LinkedViews(self.viewer)
        self.widget.left.connect(self._left)
        dock = self.viewer.window.add_dock_widget(self.widget, name=NAME, area="bottom")
        _compat.give_height(self.viewer, dock, SHARE)
        add_crosshair(self.viewer, True)
        self.viewer.mouse_drag_callbacks.append(move_on_click)
        self.viewer.layers.events.inserted.connect(self._inserted)

    def _inserted(self, event: Any = None) -> None:
        self._later.start(0)

    def _refresh(self) -> None:
        if self.widget is not None:
            self.widget.refresh()

    def _fit_all(self) -> None:
        """Let the images fill their canvases, which have other sizes now."""
        if self.widget is None:
            return
        self.viewer.reset_view()
        for plane in self.widget.planes.values():
            plane.fit()

    def _left(self) -> None:
        self.controller.view.change(three=False)
