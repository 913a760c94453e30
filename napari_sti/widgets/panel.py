"""What every panel of the workbench is."""

from typing import TYPE_CHECKING, ClassVar

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QLabel, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from napari_sti.widgets.look import MARGIN
from napari_sti.widgets.panel_area import PanelArea

if TYPE_CHECKING:
    from napari_sti.widgets.session.controller import Controller


class Panel(QWidget):
    """One step of the work: what goes in, what to do, one main button, what came out.

    A subclass in ``widgets/panels/`` is found by itself. It reads what it shows from the controller and changes
    things only through the controller.

    Attributes
    ----------
    footer : QWidget or None
        What a subclass wants in view wherever the panel is scrolled to: its main button.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    order: ClassVar[int]
    help: ClassVar[str] = ""

    go_to = Signal(str)
    """The person wants to see another panel, by its id."""

    def __init__(self, controller: "Controller", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.controller = controller
        self.setObjectName(f"sti_panel_{self.id}")
        self.footer: QWidget | None = None
        self._area: QScrollArea | None = None
        self._wanted: QWidget | None = None
        self._scroll = QTimer(self)
        self._scroll.setSingleShot(True)
        self._scroll.timeout.connect(self._scroll_now)
        self.rows = QVBoxLayout(self)
        self.rows.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        self.rows.setSpacing(MARGIN)

    def entered(self) -> None:
        """Do what is due when the panel comes to the front."""

    def bring_to_view(self, part: QWidget) -> None:
        """Scroll to a part of the panel, once it has found its place."""
        self._wanted = part
        self._scroll.start(0)

    def _scroll_now(self) -> None:
        if self._area is not None and self._wanted is not None:
            self._area.ensureWidgetVisible(self._wanted, 0, MARGIN)

    def in_scroll_area(self) -> QScrollArea:
        """The panel in an area that scrolls up and down, never sideways; its footer, if it has one, stays in view."""
        return self.put_into(PanelArea())

    def put_into(self, area: PanelArea) -> PanelArea:
        """Fill an empty area with this panel and its footer."""
        area.fill(self, self.footer)
        self._area = area
        return area


def text_label(text: str = "", *, muted: bool = False) -> QLabel:
    """A label whose text wraps and never widens the panel."""
    label = QLabel(text)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    label.setEnabled(not muted)
    return label
