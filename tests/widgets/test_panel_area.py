"""The footer of a panel stays in view, and hides nothing of what is above it."""

import pytest
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_sti.widgets.panel_area import PanelArea


@pytest.fixture
def tall(qtbot):
    panel, button = QWidget(), QPushButton("Run")
    layout = QVBoxLayout(panel)
    for number in range(60):
        layout.addWidget(QPushButton(str(number)))
    area = PanelArea(panel, button)
    qtbot.addWidget(area)
    area.resize(300, 400)
    area.show()
    return area, panel, button


def test_the_footer_is_seen_wherever_it_is_scrolled_to(tall, qtbot):
    area, panel, button = tall
    for place in (0, area.verticalScrollBar().maximum()):
        area.verticalScrollBar().setValue(place)
        top = button.mapTo(area, button.rect().topLeft()).y()
        assert button.isVisible() and area.viewport().geometry().bottom() < top
        assert top + button.height() <= area.height()
    last = panel.layout().itemAt(59).widget()
    bottom = last.mapTo(area, last.rect().bottomLeft()).y()
    assert bottom < button.mapTo(area, button.rect().topLeft()).y(), "the end of the panel is above the footer"
    assert area.verticalScrollBar().geometry().height() < area.height()


def test_a_footer_that_grows_gets_its_room(tall, qtbot):
    area, _, button = tall
    before = area.viewport().height()
    button.setMinimumHeight(button.height() + 50)
    qtbot.waitUntil(lambda: area.viewport().height() == before - 50)


def test_without_footer_all_is_panel(qtbot):
    area = PanelArea(QWidget())
    qtbot.addWidget(area)
    area.resize(300, 200)
    area.show()
    assert area.viewport().height() == 200


def test_what_is_filled_in_while_the_area_is_seen_is_seen(qtbot):
    area = PanelArea()
    qtbot.addWidget(area)
    area.resize(200, 100)
    area.show()
    panel, button = QWidget(), QPushButton("Run")
    area.fill(panel, button)
    assert panel.isVisible() and button.isVisible()
    qtbot.waitUntil(lambda: button.mapTo(area, button.rect().center()).y() > 50)
