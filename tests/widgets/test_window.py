"""The real window: the dock opens fast, the sample of the menu starts a job, nothing is left behind."""

import sys
import time

import pytest
from qtpy.QtWidgets import QApplication

from napari_sti.widgets.samples import open_workbench
from napari_sti.widgets.session.runs import RunSession
from napari_sti.widgets.workbench import Workbench

pytestmark = pytest.mark.window


@pytest.fixture
def client(monkeypatch):
    """Every workbench of the test gets a worker that does nothing by itself."""
    from tests.widgets.conftest import FakeClient

    made = []

    def make(on_event):
        made.append(FakeClient(on_event))
        return made[-1]

    monkeypatch.setattr("napari_sti.widgets.session.runs.RunSession._the_client", _the_client(make))
    return made


def _the_client(make):
    def the_client(self: RunSession):
        if self._client is None:
            self._client = make(self._heard)
        return self._client

    return the_client


@pytest.fixture
def window(make_napari_viewer, client, npe2pm_):
    viewer = make_napari_viewer(show=True)
    viewer.window._qt_window.resize(1280, 800)
    yield viewer
    for dock in viewer.window.dock_widgets.values():
        if isinstance(dock, Workbench):
            dock.close_session()


@pytest.fixture
def npe2pm_(npe2pm):
    from pathlib import Path

    import napari_sti

    manifest = Path(napari_sti.__file__).with_name("napari.yaml")
    with npe2pm.tmp_plugin(manifest=str(manifest)):
        yield npe2pm


def test_dock_opens_in_a_second_without_torch(window, qtbot):
    had_torch = "torch" in sys.modules
    start = time.thread_time()
    workbench = open_workbench(window)
    QApplication.processEvents()
    assert time.thread_time() - start < 1.0
    assert workbench.isVisible() and 340 <= workbench.width() <= 420
    assert ("torch" in sys.modules) == had_torch
    assert open_workbench(window) is workbench, "one is enough"


@pytest.mark.parametrize("oblique", [False, True])
def test_sample_of_the_menu_starts_a_job_and_adds_nothing_yet(window, client, qtbot, oblique):
    key = "sample_brain_oblique" if oblique else "sample_brain"
    assert window.open_sample("napari-sti", key) == []
    assert len(window.layers) == 0
    (job,) = client[0].jobs
    assert job.kind == "sample" and dict(job.params) == {"oblique": oblique}


def test_layers_of_a_finished_sample_and_run(window, client, study, result, tmp_path, qtbot):
    from napari_sti.io.study import write_study

    workbench = open_workbench(window)
    workbench.controller.open_sample()
    write_study(study, tmp_path / "study.sti.yaml")
    client[0].say({"event": "done", "id": "fake-1", "result": str(tmp_path / "study.sti.yaml"), "seconds": 2.0})
    qtbot.waitUntil(lambda: len(workbench.controller.layers.fields()) == 3, timeout=20_000)
    qtbot.waitUntil(lambda: workbench.controller.studies.complete, timeout=20_000)
    workbench.show_panel("reconstruct")
    workbench.findChild(object, "sti_run").click()
    run = workbench.controller.runs.active
    client[0].say({"event": "done", "id": run.id, "result": str(result(run.job.out)), "seconds": 1.0})
    qtbot.waitUntil(lambda: workbench.controller.view.value().run == run.name, timeout=20_000)
    assert [x.name for x in window.layers if x.visible] == ["stiimag 1 - PEV colour"]
    assert window.dims.order == (2, 1, 0)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_no_control_is_cut_in_either_theme(window, study, qtbot, theme):
    window.theme = theme
    workbench = open_workbench(window)
    workbench.controller.studies.set(study)
    qtbot.waitUntil(lambda: workbench.controller.studies.complete)
    for panel in workbench.panels.values():
        workbench.show_panel(panel.id)
        QApplication.processEvents()
        area = workbench.tabs.currentWidget()
        assert panel.minimumSizeHint().width() <= area.viewport().width(), panel.id
