"""File > Open Sample: the simulated brain, made in the worker process while the window stays live."""

from typing import Any

from napari_sti.viz.layers import acquisition_layers
from napari_sti.widgets.workbench import Workbench

PLUGIN = "napari-sti"
WIDGET = "STI workbench"


def sample_brain() -> list[Any]:
    """Open the simulated sample brain with seven head orientations."""
    return _open_sample(oblique=False)


def sample_brain_oblique() -> list[Any]:
    """Open the same brain stored with an oblique affine."""
    return _open_sample(oblique=True)


def open_workbench(viewer: Any) -> Workbench:
    """Return the workbench of a viewer, opened if it is not yet."""
    for dock in viewer.window.dock_widgets.values():
        widget = getattr(dock, "native", dock)
        if isinstance(widget, Workbench):
            widget.parentWidget().show()
            return widget
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, WIDGET)
    assert isinstance(widget, Workbench)
    return widget


def _open_sample(*, oblique: bool) -> list[Any]:
    import napari

    viewer = napari.current_viewer()
    if viewer is None or not hasattr(viewer, "window"):
        return _made_here(oblique)
    open_workbench(viewer).controller.open_sample(oblique=oblique)
    return _nothing_yet()


def _made_here(oblique: bool) -> list[Any]:
    """Make the sample in this process: nobody looks at a window that could stall."""
    from napari_sti.io.load import load_study
    from napari_sti.simulate.sample import sample_study

    return list(acquisition_layers(load_study(sample_study(oblique=oblique))))


def _nothing_yet() -> list[Any]:
    """What napari takes as "no layers now" from a sample.

    An empty list, and the ``[(None,)]`` that readers may return, are refused with a ValueError (napari 0.9.2,
    ViewerModel.open_sample). An image split into its channels, of which it has none, adds no layer.
    """
    import numpy as np

    return [(np.zeros((0, 1, 1), np.float32), {"channel_axis": 0}, "image")]
