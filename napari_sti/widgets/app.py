"""The viewer with the workbench open, as the command line starts it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QApplication

from napari_sti.core.errors import InputError
from napari_sti.io.tracts import is_tracts
from napari_sti.io.workspace import is_workspace, read_workspace
from napari_sti.viz.reader import kind_of
from napari_sti.widgets.samples import PLUGIN, open_workbench
from napari_sti.widgets.workbench import Workbench

WINDOW_SIZE = (1400, 900)


def view(paths: Sequence[Path] = ()) -> int:
    """Open the viewer on studies, results or images and stay until it is closed.

    Returns
    -------
    int
        Exit status.
    """
    import napari

    check_readable(paths)
    viewer, workbench = open_viewer()
    open_paths(viewer, workbench, paths)
    napari.run()
    return 0


def open_viewer() -> tuple[Any, Workbench]:
    """Open a viewer with the workbench docked in it."""
    import napari

    viewer = napari.Viewer(title="napari-sti")
    screen = QApplication.primaryScreen().availableSize()
    viewer.window.resize(min(WINDOW_SIZE[0], screen.width()), min(WINDOW_SIZE[1], screen.height()))
    return viewer, open_workbench(viewer)


def check_readable(paths: Sequence[Path]) -> None:
    """Refuse files that neither the workbench nor the reader knows, before a window opens.

    Raises
    ------
    InputError
        That names the first such file.
    """
    for path in paths:
        if is_workspace(path):
            read_workspace(path)
        elif not is_tracts(path) and kind_of(path) is None:
            raise InputError(
                "it is no study, no result and no NIfTI image", file=path, mend="give one of these, or a result folder"
            )


def open_paths(viewer: Any, workbench: Workbench, paths: Sequence[Path]) -> None:
    """Open a study, a workspace or tracts in the workbench, and everything else as layers."""
    for path in sorted(paths, key=is_tracts):  # tracts lie over what the others show
        if is_workspace(path):
            workbench.controller.workspace.open(path)
        elif is_tracts(path):
            workbench.controller.tracts.open(path)
        elif kind_of(path) == "study":
            workbench.controller.studies.open(path)
        else:
            viewer.open(str(path), plugin=PLUGIN)
