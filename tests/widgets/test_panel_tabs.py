"""Tabs in rows: every title in view, and the one that is clicked in front."""

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QWidget

from napari_sti.widgets.panel_tabs import PanelTabs

TITLES = ["Data", "Prepare", "Reconstruct", "View", "Compare", "Quality", "Regions", "Separate", "Prior", "Tracts"]


@pytest.fixture
def tabs(qtbot):
    tabs = PanelTabs()
    qtbot.addWidget(tabs)
    for title in TITLES:
        tabs.addTab(QWidget(), title)
    tabs.resize(300, 300)
    tabs.show()
    return tabs


def test_no_tab_leaves_the_bar_and_none_lies_upon_another(tabs):
    bar = tabs.tabBar()
    places = [bar.tabRect(i) for i in range(bar.count())]
    assert len({place.y() for place in places}) > 1, "ten titles do not fit into one row"
    assert all(bar.rect().contains(place) for place in places)
    assert not any(a.intersects(b) for n, a in enumerate(places) for b in places[:n])
    assert all(place.width() >= bar.fontMetrics().horizontalAdvance(t) for place, t in zip(places, TITLES, strict=True))


def test_rows_fill_the_width_and_wrap_anew_when_it_changes(tabs, qtbot):
    bar = tabs.tabBar()
    before = bar.tabRect(bar.count() - 1).y()
    tabs.resize(1600, 300)
    qtbot.waitUntil(lambda: bar.tabRect(bar.count() - 1).y() == 0)
    assert before > 0
    assert bar.tabRect(bar.count() - 1).right() == bar.width() - 1


def test_a_click_and_the_arrow_keys_choose(tabs, qtbot):
    bar = tabs.tabBar()
    for index in (7, 1):
        qtbot.mouseClick(bar, Qt.MouseButton.LeftButton, pos=bar.tabRect(index).center())
        assert tabs.currentIndex() == index
        assert bar.tabAt(bar.tabRect(index).center()) == index
    qtbot.keyClick(bar, Qt.Key.Key_Right)
    assert tabs.currentIndex() == 2
