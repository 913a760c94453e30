"""Walk from a raw study to a figure, a quality page and tracts, and make the pictures of docs/tour.md.

Every step is the command that the tour tells, run in a process of its own; then the window shows what came of them.
The study is simulated, so that everybody can walk the same way. Needs a display (``xvfb-run -a``).
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"
SIZE = (1280, 800)
LONGEST = 600.0


def commands(folder: Path) -> dict[str, list[str]]:
    """The steps of the tour, by what they are called in it; `folder` stands for ``tour``."""
    study, run = f"{folder}/study/study.yaml", f"{folder}/stiimag"
    return {
        "study": ["simulate", "--max-tilt", "60", "--snr", "40", "-o", f"{folder}/study"],
        "reconstruct": ["recon", study, "-m", "stiimag", "-o", run],
        "quality": ["quality", run, "--study", study, "-o", f"{folder}/quality"],
        "tracts": ["tracts", run, "--most", "4000", "-p", "min_length=25", "-o", f"{folder}/whole.trk"],
        "bundle": ["tracts", run, "--at", "0", "6", "22", "--radius", "9", "-o", f"{folder}/callosum.trk"],
        "figure": [
            *("figure", run, "--map", "pev_colour", "msa", "mms", "--plane", "axial", "coronal"),
            *("--tracts", f"{folder}/callosum.trk", "--dpi", "110", "-o", f"{folder}/figure.png"),
        ],
    }


def main() -> int:
    """Walk."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, metavar="DIR", help="folder for study and results; what is there is used")
    keep = parser.parse_args().keep
    with tempfile.TemporaryDirectory() as temporary:
        folder = keep or Path(temporary)
        os.environ["NAPARI_STI_RUNS"] = str(folder / "runs")
        for name, words in commands(folder).items():
            if Path(words[-1]).exists():
                continue
            print(f"{name}: napari-sti {' '.join(words)}", flush=True)
            subprocess.run([sys.executable, "-m", "napari_sti", *words], check=True)
        (PICTURES / "tour-figure.png").write_bytes((folder / "figure.png").read_bytes())
        show(folder)
    return 0


def show(folder: Path) -> None:
    """Take the pictures of the window."""
    from napari_sti.viz import _compat
    from napari_sti.widgets.app import open_paths, open_viewer

    viewer, workbench = open_viewer()
    viewer.window.resize(*SIZE)
    controller = workbench.controller
    run = folder / "stiimag"
    open_paths(viewer, workbench, [run])
    _until(lambda: bool(controller.layers.run_names()))
    controller.compare.add_folder(run)
    _until(lambda: bool(controller.compare.candidates))
    workbench.show_panel("tracts")
    for name in ("whole.trk", "callosum.trk"):
        shown: list[Any] = []
        controller.tracts.tracked.connect(shown.append)
        controller.tracts.open(folder / name)
        _until(lambda: bool(shown))  # noqa: B023
    bundle, whole = controller.tracts.sets()
    whole.visible = False
    controller.view.change(plane="coronal")
    controller.tracts.set_slab(8)
    workbench.panels["tracts"].sets.slab.setValue(8)
    viewer.dims.set_point(1, 6.0)
    _take(viewer, "tour-tracts")
    controller.view.change(solid=True)
    for layer in viewer.layers:
        layer.visible = layer is whole
    _compat.camera(viewer).angles = (5, 25, 115)
    _take(viewer, "tour-tracts-3d")
    whole.visible = False
    controller.view.change(solid=False, plane="axial", map="pev_colour")
    bundle.visible = True
    for layer in controller.layers.of_run(controller.layers.run_names()[0]):
        layer.visible = layer.name.endswith("PEV colour")
    workbench.show_panel("figure")
    drawn: list[bytes] = []
    controller.figure.previewed.connect(drawn.append)
    for plane, map_ in (("axial", "pev_colour"), ("coronal", "pev_colour"), ("coronal", "msa")):
        controller.view.change(plane=plane, map=map_)
        _wait(0.5)
        workbench.panels["figure"].add.click()
    _until(lambda: bool(drawn) and not workbench.panels["figure"].state.isVisible())
    _take(viewer, "tour-figure-panel")
    viewer.close()


def _take(viewer: Any, name: str) -> None:
    _wait(1.5)
    viewer.window.screenshot(str(PICTURES / f"{name}.png"), canvas_only=False, flash=False)


def _wait(seconds: float) -> None:
    end = time.monotonic() + seconds
    _until(lambda: time.monotonic() > end)


def _until(condition: Callable[[], bool]) -> None:
    from qtpy.QtWidgets import QApplication

    end = time.monotonic() + LONGEST
    while not condition():
        QApplication.processEvents()
        time.sleep(0.01)
        if time.monotonic() > end:
            raise TimeoutError("the window did not come to an end")


if __name__ == "__main__":
    raise SystemExit(main())
