"""A worker that only does what the test says, small studies on disk, and a guard against leaked widgets."""

from pathlib import Path
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication

from napari_sti.core.tensor_field import TensorField
from napari_sti.io.results import save_result
from napari_sti.io.study import Orientation, Study

SHAPE = (11, 9, 7)
AFFINE = np.array([[-1.5, 0, 0, 8], [0, 1.5, 0, -7], [0, 0, 2, -6], [0, 0, 0, 1.0]])


class FakeClient:
    """Stands in for `WorkerClient`: remembers what it was told, and says what the test lets it say."""

    def __init__(self, on_event):
        self.say = on_event
        self.jobs, self.cancelled, self.previews = [], [], []
        self.started = self.closed = False
        self.devices = [{"name": "cpu", "title": "CPU (2 threads)", "free": 8e9, "total": 16e9}]

    def start(self):
        self.started = True
        self.say({"event": "ready"})

    def submit(self, job, *, preview=False, check_memory=True):
        self.jobs.append(job)
        return SimpleNamespace(id=f"fake-{len(self.jobs)}", job=job)

    def cancel(self, name):
        self.cancelled.append(name)

    def show_preview(self, name, on=True):
        self.previews.append((name, on))

    def close(self, timeout=3.0):
        self.closed = True


@pytest.fixture(autouse=True)
def _own_runs_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_STI_RUNS", str(tmp_path / "runs"))


@pytest.fixture(autouse=True)
def _no_leaked_widgets(qapp):
    before = set(QApplication.topLevelWidgets())
    yield
    qapp.processEvents()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    leaked = [w for w in QApplication.topLevelWidgets() if w not in before and w.objectName().startswith("sti_")]
    assert not leaked, f"left behind (a lambda or a partial of self keeps it?): {leaked}"


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def workbench(qtbot, viewer):
    from napari_sti.widgets.workbench import Workbench

    made = Workbench(viewer, make_client=FakeClient)
    qtbot.addWidget(made)
    made.resize(400, 740)
    made.show()
    yield made
    made.close_session()


@pytest.fixture
def controller(workbench):
    return workbench.controller


@pytest.fixture
def files(tmp_path):
    """Three field maps, a mask and B0 directions, as a person has them."""
    rng = np.random.default_rng(3)
    folder = tmp_path / "scan"
    folder.mkdir()
    for i in range(3):
        field = rng.normal(0, 0.02, SHAPE).astype(np.float32)
        nib.save(nib.Nifti1Image(field, AFFINE), folder / f"ori{i + 1}.nii.gz")
    mask = np.zeros(SHAPE, np.uint8)
    mask[2:-2, 2:-2, 2:-2] = 1
    nib.save(nib.Nifti1Image(mask, AFFINE), folder / "brain_mask.nii.gz")
    for i, angle in enumerate(np.radians([0, 30, -20])):
        (folder / f"b0_{i + 1}.txt").write_text(f"0 {np.sin(angle):.6f} {np.cos(angle):.6f}\n")
    return folder


@pytest.fixture
def study(files):
    orientations = tuple(Orientation(files / f"ori{i}.nii.gz", files / f"b0_{i}.txt", None, "ppm") for i in (1, 2, 3))
    return Study(name="three tilts", orientations=orientations, mask=files / "brain_mask.nii.gz", tesla=3.0)


@pytest.fixture
def have_study(controller, study, qtbot):
    """The workbench with a complete study."""
    with qtbot.waitSignal(controller.studies.checked):
        controller.studies.set(study)
    assert controller.studies.complete, controller.studies.check.problems
    return study


@pytest.fixture
def start_run(workbench, have_study, qtbot):
    """Press Run; returns a function that does so and gives the run and what tells its events."""

    def start():
        workbench.show_panel("reconstruct")
        workbench.findChild(object, "sti_run").click()
        run = workbench.controller.runs.runs[0]
        client = workbench.controller.runs._client

        def say(event, **values):
            client.say({"event": event, "id": run.id, **values})

        return run, say

    return start


def write_result(folder: Path, seed: int = 0) -> Path:
    """A small tensor as a finished run leaves it."""
    rng = np.random.default_rng(seed)
    chi = rng.normal(0, 0.01, (*SHAPE, 6)).astype(np.float32)
    mask = np.zeros(SHAPE, bool)
    mask[2:-2, 2:-2, 2:-2] = True
    tensor = TensorField(chi * mask[..., None], AFFINE, mask, provenance={"method": "stiimag", "simulated": True})
    return save_result(tensor, folder, overwrite=True)


@pytest.fixture
def result():
    return write_result
