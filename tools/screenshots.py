"""Make the pictures of the documentation anew: ``make screenshots``.

A real window of one size walks through the main job: the first start, a study, a run under way, and what came out.
The study has seven simulated orientations up to 60 degrees at 40 dB, the setting of the figure in the README.
"""

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"
SIZE = (1280, 800)
LONGEST = 300_000


def main() -> int:
    """Walk through the window and take the pictures."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_STI_RUNS"] = str(Path(folder) / "runs")
        study = _simulated(Path(folder) / "study")
        _walk(study)
    return 0


def _simulated(folder: Path) -> Path:
    """Simulate in a process of its own: the viewer's never loads torch."""
    import subprocess

    subprocess.run([sys.executable, "-m", "napari_sti", "simulate", "-o", str(folder)], check=True)
    return folder / "study.yaml"


def _walk(study: Path) -> None:
    from napari_sti.widgets.app import open_viewer

    viewer, workbench = open_viewer()
    viewer.window.resize(*SIZE)
    controller = workbench.controller
    take = _camera(viewer)
    _wait(1500)
    take("welcome")

    controller.studies.open(study)
    _until(lambda: controller.studies.complete and len(controller.layers.fields()) == 7)
    _wait(2500)
    take("data")

    workbench.show_panel("prepare")
    controller.masks.show(("wm_mask", "csf_mask"))
    _wait(2500)
    take("prepare")

    workbench.show_panel("plan")
    _until(lambda: workbench.panels["plan"].answer() is not None)
    _wait(700)
    take("plan")

    workbench.show_panel("reconstruct")
    workbench.panels["reconstruct"].method.set_mapping("mmsr", {})
    _wait(1500)
    take("methods")
    workbench.panels["reconstruct"].method.set_mapping("stiimag", {})
    _wait(700)
    run = controller.reconstruct("stiimag", {})
    assert run is not None, "the study is complete, so it can be run"
    _until(lambda: run.iteration >= 9)
    take("running")
    _until(lambda: not run.active)
    _until(lambda: controller.layers.find(run.name, "pev_lines") is not None)
    _wait(1500)
    for name, view in _views().items():
        controller.view.change(**view)
        _wait(700)
        take(name)
    _closer(viewer, controller)
    take("lines")
    controller.view.change(lines=False, plane="axial")
    viewer.theme = "light"
    _wait(700)
    take("light")
    workbench.show_panel("reconstruct")
    _wait(500)
    take("reconstructed")
    viewer.theme = "dark"
    _beside(viewer, workbench, run)
    take("compare")
    controller.compare.set_shown(False)
    _spread(controller)
    workbench.show_panel("view")
    _wait(700)
    take("trust")
    viewer.close()


def _views() -> dict[str, dict[str, Any]]:
    return {
        "pev-axial": {"plane": "axial", "map": "pev_colour"},
        "pev-coronal": {"plane": "coronal", "map": "pev_colour"},
        "pev-sagittal": {"plane": "sagittal", "map": "pev_colour"},
        "msa": {"plane": "axial", "map": "msa"},
        "mms": {"plane": "axial", "map": "mms"},
        "pev-3d": {"solid": True, "map": "pev_colour"},
    }


def _closer(viewer: Any, controller: Any) -> None:
    """Lines over colours, near enough to see them run along the corpus callosum and down the internal capsule."""
    from napari_sti.viz import _compat

    controller.view.change(solid=False, plane="coronal", map="pev_colour", lines=True)
    _wait(700)
    camera = _compat.camera(viewer)
    camera.zoom *= 2.2
    camera.center = (0, 22, 0)
    _wait(700)


def _beside(viewer: Any, workbench: Any, run: Any) -> None:
    """Another method on the same study, side by side with the ground truth."""
    from dataclasses import replace

    controller = workbench.controller
    other = controller.reconstruct("sti_kspace", {})
    assert other is not None, "the study is complete, so it can be run"
    _until(lambda: not other.active and controller.layers.find(other.name, "pev_lines") is not None)
    workbench.show_panel("compare")
    panel = workbench.panels["compare"]
    _until(lambda: {run.name, other.name} <= set(controller.compare.candidates))
    panel.setValue(replace(panel.value(), runs=(run.name, other.name)))
    assert panel.value().reference.startswith("truth:"), "the study has a ground truth"
    controller.compare.start(panel.value())
    _until(lambda: controller.compare.grid.shown)
    viewer.dims.set_point(2, 24.0)
    _wait(1500)


def _spread(controller: Any) -> None:
    """How far the directions turn when an orientation is left out."""
    run = controller.reconstruct("stiimag", {"max_iterations": 20}, kind="trust")
    assert run is not None, "the study is complete, so it can be run"
    _until(lambda: not run.active and controller.layers.find(run.name, "pev_spread") is not None)
    _wait(1500)


def _camera(viewer: Any) -> Callable[[str], None]:
    PICTURES.mkdir(parents=True, exist_ok=True)

    def take(name: str) -> None:
        viewer.window.screenshot(str(PICTURES / f"{name}.png"), flash=False, canvas_only=False)
        print(PICTURES / f"{name}.png")

    return take


def _wait(milliseconds: int) -> None:
    from qtpy.QtTest import QTest

    QTest.qWait(milliseconds)


def _until(condition: Callable[[], bool]) -> None:
    waited = 0
    while not condition():
        _wait(50)
        waited += 50
        if waited > LONGEST:
            raise TimeoutError("the window did not come to what the picture is to show")


if __name__ == "__main__":
    raise SystemExit(main())
