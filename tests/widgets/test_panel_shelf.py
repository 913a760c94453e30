"""Panels are made when they are wanted, all of them in the end, and each only once."""

from qtpy.QtWidgets import QTabWidget, QWidget

from napari_sti.widgets.panel_shelf import PanelShelf


class Kind(QWidget):
    """Stands in for a panel."""

    made: list[str] = []  # noqa: RUF012 - the test looks at it

    def __init__(self):
        super().__init__()
        Kind.made.append(self.id)

    def put_into(self, area):
        area.fill(self)


def kinds():
    return [type(name, (Kind,), {"id": name, "title": name.title(), "help": f"About {name}."}) for name in "abc"]


def test_tabs_are_there_at_once_and_panels_when_wanted(qtbot):
    Kind.made = []
    tabs = QTabWidget()
    qtbot.addWidget(tabs)
    shelf = PanelShelf(tabs, kinds(), lambda kind: kind())
    assert [tabs.tabText(i) for i in range(tabs.count())] == ["A", "B", "C"]
    assert tabs.tabToolTip(1) == "About b." and list(shelf) == ["a", "b", "c"] and Kind.made == []
    shelf.show("b")
    assert Kind.made == ["b"] and tabs.currentWidget().widget() is shelf["b"]
    assert shelf.in_front("b") and not shelf.in_front("c")
    assert shelf.at(2) is shelf["c"] and Kind.made == ["b", "c"]


def test_the_others_are_made_one_by_one(qtbot):
    Kind.made = []
    tabs = QTabWidget()
    qtbot.addWidget(tabs)
    shelf = PanelShelf(tabs, kinds(), lambda kind: kind())
    shelf["b"]
    assert shelf.make_one() and Kind.made == ["b", "a"]
    assert not shelf.make_one() and Kind.made == ["b", "a", "c"]
    assert not shelf.make_one() and len(Kind.made) == 3
