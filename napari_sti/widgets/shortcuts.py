"""The handful of shortcuts of the workbench; chosen so that none is taken by napari."""

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QShortcut

if TYPE_CHECKING:
    from napari_sti.widgets.workbench import Workbench

SHORTCUTS = {
    "run": ("Ctrl+Shift+Return", "Run"),
    "cancel": ("Ctrl+Shift+.", "Cancel the run"),
    "next_run": ("Ctrl+Shift+Down", "Next run"),
    "previous_run": ("Ctrl+Shift+Up", "Previous run"),
    "toggle_pev": ("Ctrl+Shift+V", "PEV colour on or off"),
    "toggle_lines": ("Ctrl+Shift+L", "PEV lines on or off"),
    "toggle_ellipsoids": ("Ctrl+Shift+E", "Tensors as ellipsoids on or off"),
}
"""What each shortcut does: its keys and the words for it."""


class _Actions(QObject):
    """What the shortcuts do; a child of the workbench, so that it goes away with it."""

    def __init__(self, workbench: "Workbench") -> None:
        super().__init__(workbench)
        self._workbench = workbench

    def run(self) -> None:
        panel = self._workbench.panels["reconstruct"]
        if self._workbench.controller.runs.active is None and not panel.why_not():
            panel.start()
        else:
            self._workbench.show_panel("reconstruct")

    def cancel(self) -> None:
        self._workbench.controller.runs.cancel()

    def next_run(self) -> None:
        self._workbench.runs.step(1)

    def previous_run(self) -> None:
        self._workbench.runs.step(-1)

    def toggle_pev(self) -> None:
        view = self._workbench.controller.view
        shown = view.value().map == "pev_colour"
        if shown and view.covered():
            view.bring_back()
        else:
            view.change(map="none" if shown else "pev_colour")

    def toggle_lines(self) -> None:
        view = self._workbench.controller.view
        view.change(lines=not view.value().lines)

    def toggle_ellipsoids(self) -> None:
        view = self._workbench.controller.view
        view.change(ellipsoids=not view.value().ellipsoids)


def add_shortcuts(workbench: "Workbench") -> None:
    """Make the shortcuts work in the whole window that the workbench is docked in."""
    actions = _Actions(workbench)
    for name, (keys, _) in SHORTCUTS.items():
        shortcut = QShortcut(QKeySequence(keys), workbench)
        shortcut.setObjectName(f"sti_shortcut_{name}")
        shortcut.setContext(Qt.ShortcutContext.WindowShortcut)
        shortcut.activated.connect(getattr(actions, name))
