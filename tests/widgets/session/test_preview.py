"""The current estimate is one layer that goes away with the run."""

import numpy as np

from napari_sti.viz.display import layer_info
from tests.widgets.conftest import SHAPE


def test_preview_is_shown_renewed_and_removed(workbench, start_run, controller, viewer, tmp_path, qtbot):
    run, say = start_run()
    say("started")
    qtbot.waitUntil(lambda: run.state == "running")
    assert controller.runs._client.previews == [], "off unless asked for"
    workbench.job_bar.preview.setChecked(True)
    assert controller.runs._client.previews == [(run.id, True)]
    chi = np.random.default_rng(1).normal(0, 0.01, (*SHAPE, 6)).astype(np.float32)
    np.save(tmp_path / "preview.npy", chi)
    say("preview", path=str(tmp_path / "preview.npy"), iteration=3)
    qtbot.waitUntil(lambda: len(viewer.layers) == 1, timeout=10_000)
    layer = viewer.layers[0]
    assert layer.name == "stiimag 1 - PEV colour, preview" and layer.visible
    before = layer.data.copy()
    np.save(tmp_path / "preview.npy", np.roll(chi, 1, axis=0))
    say("progress", iteration=4, total=9)
    say("preview", path=str(tmp_path / "preview.npy"), iteration=4)
    qtbot.waitUntil(lambda: not np.array_equal(layer.data, before), timeout=10_000)
    assert layer_info(layer.metadata)["map"] == "PEV colour, preview of iteration 4"
    say("cancelled")
    qtbot.waitUntil(lambda: len(viewer.layers) == 0)


def test_estimates_that_cannot_be_shown_are_left_out(workbench, start_run, controller, viewer, tmp_path, qtbot):
    _, say = start_run()
    say("started")
    workbench.job_bar.preview.setChecked(True)
    np.save(tmp_path / "other.npy", np.zeros((3, 3, 3, 6), np.float32))
    for name in ("other.npy", "gone.npy"):
        say("preview", path=str(tmp_path / name), iteration=1)
        qtbot.waitUntil(lambda: not controller.preview._maker.busy)
        qtbot.wait(30)
    assert len(viewer.layers) == 0
