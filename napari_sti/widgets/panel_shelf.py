"""The panels of a workbench, each made when it is first wanted: to open the dock is not to make all of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from qtpy.QtWidgets import QTabWidget

from napari_sti.widgets.panel import Panel
from napari_sti.widgets.panel_area import PanelArea


class PanelShelf(Mapping[str, Panel]):
    """Panels by their ids, and the tabs in which they lie.

    Parameters
    ----------
    tabs : QTabWidget
        Gets a tab for every kind at once, with an empty area in it.
    kinds : sequence of types
        The panels, in the order of the tabs.
    make : callable
        Makes a panel of a kind.
    """

    def __init__(self, tabs: QTabWidget, kinds: Sequence[type[Panel]], make: Callable[[type[Panel]], Panel]) -> None:
        self._tabs, self._kinds, self._make = tabs, {kind.id: kind for kind in kinds}, make
        self._areas: dict[str, PanelArea] = {}
        self._made: dict[str, Panel] = {}
        for kind in kinds:
            self._areas[kind.id] = area = PanelArea()
            tabs.setTabToolTip(tabs.addTab(area, kind.title), kind.help)

    def __getitem__(self, panel_id: str) -> Panel:
        if panel_id not in self._made:
            panel = self._made[panel_id] = self._make(self._kinds[panel_id])
            panel.put_into(self._areas[panel_id])
        return self._made[panel_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)

    def at(self, index: int) -> Panel:
        """Return the panel of a tab."""
        return self[list(self._kinds)[index]]

    def show(self, panel_id: str) -> None:
        """Bring a panel to the front."""
        self[panel_id]  # before it is seen
        self._tabs.setCurrentWidget(self._areas[panel_id])

    def in_front(self, panel_id: str) -> bool:
        """Whether this panel is the one that is seen."""
        return self._tabs.currentWidget() is self._areas[panel_id]

    def make_one(self) -> bool:
        """Make one of those that nobody has asked for yet; return whether there are more."""
        missing = [panel_id for panel_id in self._kinds if panel_id not in self._made]
        if missing:
            self[missing[0]]
        return len(missing) > 1
