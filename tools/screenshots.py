"""Make the pictures of the documentation anew: ``make screenshots``.

A real window of one size walks through the main job: the first start, a study, a run under way, and what came out.
The study has seven simulated orientations up to 60 degrees at 40 dB, the setting of the figure in the README. The
picture of a training is of the folder given with ``--training``, else of a short one with a small network. Pictures of
what is done with results are those of ``tools/more_pictures.py``; ``--only`` makes single ones.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools import more_pictures
from tools.camera import SIZE, camera
from tools.camera import until as _until
from tools.camera import wait as _wait

FEW = 3
"""Orientations of the picture of DeepSTI, which is made for few."""

SHORT_TRAINING = {"steps": 60, "crop": 24, "width": 12, "unroll": 1, "validate_every": 20, "validation_brains": 1}


def main() -> int:
    """Walk through the window and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--training", type=Path, metavar="DIR", help="folder of a training to show")
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=more_pictures.NAMES, help="make only these")
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="folder for their study and runs; what is there is used"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        os.environ["NAPARI_STI_RUNS"] = str(folder / "runs")
        if options.only is None:
            study = _simulated(folder / "study")
            few = _simulated(folder / "few", orientations=FEW, max_tilt=30, snr=20)
            _walk(study, few, options.training)
        kept = options.keep or folder / "more"
        kept.mkdir(parents=True, exist_ok=True)
        more_pictures.make(options.only or more_pictures.NAMES, kept)
    return 0


def _simulated(folder: Path, **options: float) -> Path:
    """Simulate in a process of its own: the viewer's never loads torch."""
    import subprocess

    given = [word for name, value in options.items() for word in ("--" + name.replace("_", "-"), str(value))]
    subprocess.run([sys.executable, "-m", "napari_sti", "simulate", *given, "-o", str(folder)], check=True)
    return folder / "study.yaml"


def _walk(study: Path, few: Path, training: Path | None) -> None:
    from napari_sti.widgets.app import open_viewer

    viewer, workbench = open_viewer()
    viewer.window.resize(*SIZE)
    controller = workbench.controller
    take = camera(viewer)
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
    _few_orientations(workbench, few, take)
    _training(workbench, training, take)
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


def _few_orientations(workbench: Any, study: Path, take: Callable[[str], None]) -> None:
    """DeepSTI on few orientations: before the run with the card of its weights, and a look back at its iterations."""
    from napari_sti.recon.checkpoint import load_model
    from napari_sti.recon.registry import get_method
    from napari_sti.recon.weights import find_weights
    from napari_sti.widgets.session.weights import has_weights

    if not has_weights(get_method("deepsti")):
        print("no weights come with this version: the pictures of DeepSTI are left as they are")
        return
    controller, panel = workbench.controller, workbench.panels["reconstruct"]
    controller.studies.open(study)
    _until(lambda: controller.studies.complete and len(controller.study.orientations) == FEW)
    workbench.show_panel("reconstruct")
    panel.method.set_mapping("deepsti", {})
    panel.method.card.set_open(True)
    panel.bring_to_view(panel.method.card)
    _wait(2500)
    take("deepsti")
    if load_model(find_weights("deepsti-compact").file)[0].iterations < 2:
        print("these weights do one iteration: there is no picture of a look back")
        return
    run = controller.reconstruct("deepsti", {})
    assert run is not None, "the study is complete, so it can be run"
    _until(lambda: not run.active and controller.layers.find(run.name, "pev_lines") is not None)
    workbench.show_panel("view")
    controller.view.change(run=run.name, plane="axial", map="pev_colour", solid=False, lines=False)
    _until(lambda: bool(controller.iterates.entries))
    controller.iterates.go(len(controller.iterates.entries) // 2)
    _until(lambda: not controller.iterates.loading)
    _wait(700)
    take("iterates")


def _training(workbench: Any, folder: Path | None, take: Callable[[str], None]) -> None:
    """A training: one that is there already, or a short one."""
    from dataclasses import replace

    panel = workbench.panels["train"]
    workbench.show_panel("train")
    if folder is not None:
        panel.editor.folder.setValue(folder)
        _until(lambda: panel.training.state.folder == folder and bool(panel.training.state.rows))
    else:
        choice = panel.value()
        panel.setValue(replace(choice, params=replace(choice.params, **SHORT_TRAINING)))
        panel.start()
        _until(lambda: bool(panel.training.state.pictures))
    panel.editor.parameters.set_open(False)
    _wait(1500)
    take("train")
    panel.training.stop()
    _until(lambda: not panel.training.active)


if __name__ == "__main__":
    raise SystemExit(main())
