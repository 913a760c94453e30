"""Thumbnails follow when the slice stands still."""

import numpy as np
from napari.components import ViewerModel

from napari_sti.viz.display import METADATA_KEY
from napari_sti.widgets.session.thumbnails import Thumbnails


def test_painted_once_after_the_last_step(qtbot):
    viewer = ViewerModel()
    volume = np.zeros((6, 20, 24), np.float32)
    volume[-1] = 1
    ours = viewer.add_image(volume, contrast_limits=(0, 1), metadata={METADATA_KEY: {"kind": "mms"}})
    thumbnails = Thumbnails(viewer)
    other = viewer.add_image(volume, contrast_limits=(0, 1))
    viewer.dims.set_current_step(0, 0)
    qtbot.wait(400)
    painted = []
    ours.events.thumbnail.connect(painted.append)
    for step in range(6):
        viewer.dims.set_current_step(0, step)
    assert not painted
    assert other.thumbnail[..., :3].max() == 255, "layers of other people are left alone"
    qtbot.waitUntil(lambda: len(painted) > 0, timeout=3000)
    assert ours.thumbnail[..., :3].max() == 255
    qtbot.wait(400)
    assert len(painted) == 1
    thumbnails.close()
