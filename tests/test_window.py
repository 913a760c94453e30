"""The main job in the real window, with real mouse and key events: from sample to colours, and what can go wrong."""

import gc
import os
import signal
import subprocess
import sys
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import psutil
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QComboBox, QTabWidget, QWidget

from napari_sti.core.acquisition import Acquisition
from napari_sti.core.tensor_field import TensorField
from napari_sti.io.load import load_study
from napari_sti.io.results import load_result
from napari_sti.io.save import save_acquisition
from napari_sti.jobs.client import WorkerClient
from napari_sti.simulate import sample
from napari_sti.simulate.landmarks import LANDMARKS
from napari_sti.simulate.study import simulate
from napari_sti.viz import _compat
from napari_sti.widgets import method_editor
from napari_sti.widgets.session import command
from napari_sti.widgets.workbench import Workbench
from tests.real_gre import make_gre_study

pytestmark = pytest.mark.window

LONG = 120_000
"""Milliseconds to wait at most; nothing takes as long on an idle machine."""
ODD_WORKER = Path(__file__).parent / "jobs" / "odd_worker.py"


@pytest.fixture
def make_window(make_napari_viewer, qtbot, tmp_path, monkeypatch):
    """Return a function that opens the viewer with the workbench docked; its runs go to a folder of the test."""
    monkeypatch.setenv("NAPARI_STI_RUNS", str(tmp_path / "runs"))
    opened = []

    def make(make_client=WorkerClient, *, in_advance=False):
        """Open a window; panels are made `in_advance`, or when they are wanted, which takes less time."""
        _leave_modules_alone()
        viewer = make_napari_viewer(show=True)
        viewer.window.resize(1280, 800)
        workbench = Workbench(viewer, make_client)
        if not in_advance:
            workbench._making.setInterval(LONG)
        viewer.window.add_dock_widget(workbench, name="STI workbench", area="right")
        qtbot.waitExposed(viewer.window._qt_window)
        opened.append(workbench)
        return Window(viewer, workbench, qtbot)

    yield make
    for workbench in opened:
        workbench.close_session()


@cache
def _leave_modules_alone():
    """Spare what was imported the garbage collections, of which napari does one for every layer that goes."""
    gc.collect()
    gc.freeze()


class Window:
    """What a person does in the window."""

    def __init__(self, viewer, workbench, qtbot):
        self.viewer, self.workbench, self.qtbot = viewer, workbench, qtbot
        self.controller = workbench.controller

    def find(self, name, kind=QWidget):
        """Find a control by its object name."""
        found = self.workbench.findChildren(kind, name)
        assert found, f"there is no {name}"
        # Each method has a form of its own, of which one is seen.
        return next((control for control in found if control.isVisible()), found[0])

    def click(self, name):
        """Click on the middle of a control, as the mouse does."""
        control = self.find(name)
        self.qtbot.waitUntil(lambda: control.isVisible() and control.isEnabled(), timeout=LONG)
        self.qtbot.mouseClick(control, Qt.MouseButton.LeftButton)

    def tab(self, title):
        """Click on a tab."""
        tabs = self.find("sti_tabs", QTabWidget)
        index = next(i for i in range(tabs.count()) if tabs.tabText(i) == title)
        bar = tabs.tabBar()
        self.qtbot.mouseClick(bar, Qt.MouseButton.LeftButton, pos=bar.tabRect(index).center())

    def type_number(self, name, text):
        """Replace the number in a box by typing."""
        box = self.find(name)
        box.setFocus()
        box.selectAll()
        self.qtbot.keyClicks(box, text)
        self.qtbot.keyClick(box, Qt.Key.Key_Return)

    def until(self, condition, timeout=LONG):
        """Wait, with the window alive."""
        self.qtbot.waitUntil(lambda: bool(condition()), timeout=timeout)

    def run(self):
        """Press Run and return the run that it started."""
        before = list(self.controller.runs.runs)
        self.click("sti_run")
        self.until(lambda: len(self.controller.runs.runs) > len(before))
        return next(run for run in self.controller.runs.runs if run not in before)

    def open(self, study):
        """Open a study file and wait until it has been looked at."""
        with self.qtbot.waitSignal(self.controller.layers.added, timeout=LONG):
            self.controller.studies.open(study)
        self.until(lambda: self.controller.studies.complete)

    def begin_long_run(self, study):
        """Open a study and start a run on it that would take very long; return when it is under way."""
        self.open(study)
        self.tab("Reconstruct")
        self.type_number("sti_param_max_iterations", "10000")
        self.type_number("sti_param_tol", "0")
        run = self.run()
        self.until(lambda: run.iteration > 2)
        return run

    def layer(self, run, kind):
        """Wait for a layer of a run."""
        self.until(lambda: self.controller.layers.find(run.name, kind) is not None)
        return self.controller.layers.find(run.name, kind)

    def said(self, name):
        """All words of a note."""
        return str(self.find(name).label.text())

    def worker_process(self):
        """The worker's process."""
        children = psutil.Process().children(recursive=True)
        return next(p for p in children if "worker" in " ".join(p.cmdline()))

    def hover(self, place):
        """Move the mouse over a place of the world and return the status line.

        The canvas is orthographic: millimetres from the camera's centre, times its zoom, are pixels from the middle.
        """
        canvas = self.viewer.window._qt_viewer.canvas.native
        camera = _compat.camera(self.viewer)
        order = self.viewer.dims.displayed
        vertical, horizontal = order[-2], order[-1]
        centre = np.asarray(camera.center, float)[-2:]
        _, up, right = camera.orientation
        x = canvas.width() / 2 + (place[horizontal] - centre[1]) * camera.zoom * (1 if right == "right" else -1)
        y = canvas.height() / 2 + (place[vertical] - centre[0]) * camera.zoom * (1 if up == "down" else -1)
        self.viewer.dims.set_point(self.viewer.dims.not_displayed[0], place[self.viewer.dims.not_displayed[0]])
        self.qtbot.mouseMove(canvas, QPoint(2, 2))
        self.qtbot.wait(50)
        self.qtbot.mouseMove(canvas, QPoint(round(x), round(y)))
        return round(x), round(y)

    def status(self):
        """Words of the status line, asked for as napari's status thread does, which its fixture does not start."""
        found = self.viewer._calc_status_from_cursor()
        status = self.viewer.status if found is None else found[0]
        return status if isinstance(status, str) else str(status["coordinates"])

    def is_read(self, place):
        """Whether the status line reads this place of the world, to a voxel."""
        words = self.status().split()
        sign = {"R": 1, "L": -1, "A": 1, "P": -1, "S": 1, "I": -1}
        if len(words) < 6 or words[0] not in "RL":
            return False
        read = [sign[words[i]] * float(words[i + 1]) for i in (0, 2, 4)]
        return bool(np.abs(np.array(read) - place).max() < 2)


@pytest.fixture(scope="module")
def small_study(tmp_path_factory):
    """A study of eight orientations that is quick to read: random tensors on an odd grid, made up."""
    from napari_sti.recon.forward import simulate_field

    shape, rng = (31, 27, 25), np.random.default_rng(5)
    affine = np.diag([-4.0, 4, 5, 1])
    mask = np.zeros(shape, bool)
    mask[4:-4, 4:-4, 4:-4] = True
    chi = (rng.normal(size=(*shape, 6)) * 0.02).astype(np.float32) * mask[..., None]
    dirs = rng.normal(size=(8, 3))
    dirs /= np.linalg.norm(dirs, axis=1, keepdims=True)
    field = simulate_field(chi, affine, dirs, mask)
    truth = TensorField(chi, affine, mask)
    acquisition = Acquisition(field, dirs, mask, affine, b0=3.0, reference_tensor=truth, simulated=True, name="small")
    return save_acquisition(acquisition, tmp_path_factory.mktemp("small") / "study")


def test_from_the_sample_to_colours(make_window):
    window = make_window(in_advance=True)
    window.click("sti_open_sample")
    window.until(lambda: len(window.controller.layers.fields()) == 7)
    assert window.find("sti_orientations").model().rowCount() == 7

    window.tab("Reconstruct")
    window.until(lambda: window.find("sti_run").isEnabled())
    window.type_number("sti_param_max_iterations", "30")
    run = window.run()
    assert window.find("sti_run").text() in ("Waiting…", "Running…")
    window.until(lambda: run.state in ("done", "failed"))
    assert run.state == "done", run.sentence
    assert run.iteration == 30 and run.curve[-1][1] < 0.05
    check_layers(window, run)
    check_places(window, run)
    assert set(window.workbench.panels._made) == set(window.workbench.panels), "all panels were made meanwhile"
    assert "STIimag" in window.said("sti_result") or run.name in window.said("sti_result")


def check_layers(window, run):
    """Names, units, scale and the word "simulated" of what a run has brought."""
    names = {kind: window.layer(run, kind) for kind in ("pev_colour", "msa", "mms", "pev_lines")}
    assert names["msa"].name == f"{run.name} - MSA [ppm]"
    assert names["mms"].name == f"{run.name} - MMS [ppm]"
    assert names["pev_colour"].visible
    for layer in names.values():
        assert {str(unit) for unit in layer.units} == {"millimeter"}
        assert layer.metadata["napari_sti"]["provenance"]["simulated"] is True
    low, high = names["mms"].contrast_limits
    assert low == pytest.approx(-high), "MMS is shown symmetrically around zero"
    assert names["msa"].contrast_limits[0] == 0


def check_places(window, run):
    """Colours, values and directions at marked places, by the layers, the screen and the cursor."""
    colour = window.layer(run, "pev_colour")
    main = {"corpus callosum, body": 0, "internal capsule, right": 2, "internal capsule, left": 2}
    letters = ("R|L", "A|P", "S|I")
    window.controller.view.change(plane="axial", map="pev_colour", legend=False)
    window.qtbot.wait(200)
    for name, axis in main.items():
        place = np.array(LANDMARKS[name].position, float)
        x, y = window.hover(place)
        window.until(lambda place=place: window.is_read(place), timeout=5000)
        rgb = np.asarray(colour.get_value(place, world=True), float)[:3]
        assert rgb.argmax() == axis and rgb[axis] > 100, f"{name}: {rgb}"
        check_status(window.status(), place, letters[axis])
        shot = window.viewer.screenshot(canvas_only=True, flash=False)
        canvas = window.viewer.window._qt_viewer.canvas.native
        pixel = shot[int(y * shot.shape[0] / canvas.height()), int(x * shot.shape[1] / canvas.width()), :3]
        assert pixel.astype(int).argmax() == axis, f"{name}: {pixel} on the screen"
    left = window.hover(np.array(LANDMARKS["internal capsule, left"].position, float))[0]
    right = window.hover(np.array(LANDMARKS["internal capsule, right"].position, float))[0]
    assert left < right, "neurological: the person's right is on the right"


def check_status(status, place, letters):
    """The place in the world, ppm, and the main direction are in the status line."""
    first, second = letters.split("|")
    assert "ppm" in status
    shares = {}
    words = status.split("direction")[1].split()
    for letter, number in zip(words[0:6:2], words[1:6:2], strict=True):
        shares[letter] = float(number)
    assert max(shares.get(first, 0), shares.get(second, 0)) > 0.8, status


def test_cancel_in_the_middle(make_window, small_study):
    window = make_window()
    run = window.begin_long_run(small_study)
    layers = len(window.viewer.layers)
    window.click("sti_cancel")
    window.until(lambda: not run.active)
    assert run.state == "cancelled"
    window.until(lambda: window.find("sti_run").text() == "Run" and window.find("sti_run").isEnabled())
    assert len(window.viewer.layers) == layers
    assert not list(run.job.out.glob("*.nii.gz")), "a cancelled run leaves no maps"


def test_killed_worker_is_said_and_the_next_run_works(make_window, small_study):
    window = make_window()
    run = window.begin_long_run(small_study)
    window.worker_process().send_signal(signal.SIGKILL)
    window.until(lambda: not run.active)
    assert run.state == "failed", run
    window.until(lambda: window.find("sti_failure").isVisible(), timeout=5000)
    assert "killed" in window.said("sti_failure")
    window.type_number("sti_param_max_iterations", "3")
    again = window.run()
    window.until(lambda: again.state == "done")
    assert window.layer(again, "msa") is not None


def test_out_of_memory_is_said_and_the_window_lives(make_window, small_study, monkeypatch):
    monkeypatch.syspath_prepend(str(ODD_WORKER.parent))
    import odd_methods

    odd_methods.install(monkeypatch.setattr)
    monkeypatch.setattr(method_editor, "methods", lambda: odd_methods.ODD)
    monkeypatch.setattr(command, "get_method", lambda name: odd_methods.ODD[name])
    client = partial(WorkerClient, command=[sys.executable, str(ODD_WORKER)], memory_limit=200_000_000)
    window = make_window(client)
    window.open(small_study)
    window.tab("Reconstruct")
    methods = window.find("sti_method", QComboBox)
    methods.setCurrentIndex(methods.findData("hungry"))
    window.type_number("sti_param_megabytes", "900")
    run = window.run()
    window.until(lambda: not run.active)
    assert run.state == "failed", run
    window.until(lambda: window.find("sti_failure").isVisible())
    assert "memory" in window.said("sti_failure").lower()
    window.until(lambda: window.find("sti_run").text() == "Run" and window.find("sti_run").isEnabled())


def test_layers_belong_to_the_run_that_made_them(make_window, small_study):
    window = make_window()
    window.open(small_study)
    window.tab("Reconstruct")
    window.type_number("sti_param_max_iterations", "3")
    first = window.run()
    window.controller.studies.clear()  # whatever is opened by then
    window.until(lambda: first.state == "done")
    provenance = window.layer(first, "msa").metadata["napari_sti"]["provenance"]
    assert provenance["params"]["max_iterations"] == 3
    assert first.name in window.layer(first, "msa").name


def test_real_measured_phase_goes_through_the_whole_line(make_window, tmp_path):
    """Two echoes of a real brain: LAS order, 3 mm slices, scanner units; one orientation, and the panel says so."""
    study = make_gre_study(tmp_path / "gre")
    window = make_window()
    window.open(study)
    window.tab("Reconstruct")
    window.until(lambda: window.find("sti_remark_0").isVisible())
    assert "underdetermined" in window.said("sti_remark_0")
    window.type_number("sti_param_max_iterations", "5")
    run = window.run()
    window.until(lambda: run.state in ("done", "failed"))
    assert run.state == "done", run.sentence
    mms = window.layer(run, "mms")
    assert mms.metadata["napari_sti"]["provenance"]["simulated"] is False
    assert 0.001 < np.nanpercentile(np.abs(mms.data), 99) < 2, "susceptibilities of a real brain in ppm"
    np.testing.assert_allclose(sorted(mms.scale), sorted((2.1875, 2.1875, 3.0)), rtol=1e-4)


def test_demo_leaves_pictures_and_maps(tmp_path):
    """What ``make demo`` does without a screen, in a process of its own, on the sample at 6 mm instead of 2 mm."""
    from skimage.io import imread

    coarse = save_acquisition(simulate(replace(sample.sample_params(), voxel_size="6")), tmp_path / "coarse")
    found = tmp_path / "cache" / f"sample-brain-{sample._key(sample.sample_params())}"  # as if it had been made before
    found.parent.mkdir()
    coarse.parent.rename(found)
    out = tmp_path / "out"
    command = [sys.executable, "-m", "napari_sti", "demo", "--headless", "--out", str(out)]
    env = os.environ | {sample.CACHE_VARIABLE: str(found.parent)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=env)
    assert done.returncode == 0, done.stderr
    assert load_result(out).shape == load_study(found).mask.shape
    assert {p.name for p in out.glob("*.nii.gz")} >= {f"{name}.nii.gz" for name in ("chi", "mms", "msa", "pev")}
    pictures = sorted(out.glob("*.png"))
    assert len(pictures) == 5
    for picture in pictures:
        pixels = imread(picture)
        assert pixels.shape[1] > 1000 and pixels[..., :3].std() > 20, f"{picture.name} is empty"
