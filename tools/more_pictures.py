"""Pictures of what is done with results: display, quality, probes, regions, separation, priors.

Study and runs are made by the command line, in processes of their own; then the window opens them. Every group of
pictures has a window of its own. Called by ``tools/screenshots.py``.
"""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tools.camera import SIZE, camera, until, wait

METHODS = ("stiimag", "sti_kspace")
NUCLEI = 0.045
"""chi+ in ppm from which on a voxel of the sample brain is iron: what the picture brushes."""


def make(names: Sequence[str], folder: Path) -> None:
    """Make those of the pictures that are asked for; study and runs that lie in the folder already are used."""
    for group, function in GROUPS.items():
        if not set(group) & set(names):
            continue
        if function is not _prior:
            _results(folder)
        _in_a_window(function, folder)


def _in_a_window(function: Callable[..., None], folder: Path) -> None:
    from napari_sti.widgets.app import open_viewer
    from napari_sti.widgets.fold import Fold

    viewer, workbench = open_viewer()
    viewer.window.resize(*SIZE)
    for fold in workbench.findChildren(Fold):
        if fold.isAncestorOf(workbench.runs):
            fold.set_open(False)  # more room for the panel
    wait(1500)
    try:
        function(viewer, workbench, folder, camera(viewer))
    finally:
        viewer.close()


def _results(folder: Path) -> None:
    """Study with R2' and two results of it; torch beside Qt is no good, so that other processes make them."""
    study = folder / "study"
    _run("simulate", "--r2prime", "consistent", "-o", study, out=study)
    for method in METHODS:
        _run("recon", study / "study.yaml", "-m", method, "-o", folder / method, out=folder / method)


def _run(*words: object, out: Path) -> None:
    if not out.exists():
        subprocess.run([sys.executable, "-m", "napari_sti", *map(str, words)], check=True)


def _open(viewer: Any, workbench: Any, *paths: Path) -> None:
    from napari_sti.widgets.app import open_paths

    open_paths(viewer, workbench, paths)
    layers = workbench.controller.layers
    until(lambda: len(layers.run_names()) == len([path for path in paths if path.is_dir()]))
    wait(1500)


def _display(viewer: Any, workbench: Any, folder: Path, take: Callable[[str], None]) -> None:
    """Ellipsoids in the corpus callosum, and three planes with one crosshair."""
    from napari_sti.viz import _compat

    view = workbench.controller.view
    _open(viewer, workbench, folder / METHODS[0])
    workbench.show_panel("view")
    view.change(plane="coronal", map="mms", ellipsoids=True)  # on colours like their own they would drown
    viewer.dims.set_point(1, 0.0)
    wait(700)
    seen = _compat.camera(viewer)
    seen.zoom *= 4.5
    seen.center = (0, 20, 0)
    wait(2000)
    take("ellipsoids")
    view.change(plane="axial", map="pev_colour", ellipsoids=False, three=True)
    wait(1500)
    for axis, place in enumerate((22.0, -14.0, 10.0)):
        viewer.dims.set_point(axis, place)
    wait(1500)
    take("planes")


def _quality(viewer: Any, workbench: Any, folder: Path, take: Callable[[str], None]) -> None:
    controller = workbench.controller
    _open(viewer, workbench, folder / METHODS[0])
    controller.quality.add(folder / METHODS[0])
    until(lambda: bool(controller.quality.sources))
    workbench.show_panel("quality")
    panel = workbench.panels["quality"]
    until(panel.button.isEnabled)
    panel.button.click()
    until(lambda: controller.quality.report is not None and not controller.quality.active)
    wait(1500)
    take("quality")


def _probe_and_regions(viewer: Any, workbench: Any, folder: Path, take: Callable[[str], None]) -> None:
    """Three places in two runs, and the same runs in white matter of each side, grey matter and CSF."""
    controller, probe = workbench.controller, workbench.controller.probe
    _open(viewer, workbench, *(folder / method for method in METHODS))
    controller.view.change(run=controller.layers.run_names()[0], plane="axial", map="pev_colour")
    viewer.dims.set_point(2, 4.0)
    workbench.show_panel("probe")
    panel = workbench.panels["probe"]
    panel.button.click()
    for place in ("25, -32, 4", "-23, 42, 4", "-2, 26, 4"):
        probe.add_text(place)
    until(lambda: len(probe.probes) == 3 and all(one.fields is not None for row in probe.probes for one in row))
    wait(500)
    panel.bring_to_view(panel.runs)
    wait(1000)
    take("probe")
    panel.button.click()
    probe.clear()
    opened: list[str] = []
    controller.regions.opened.connect(opened.append)
    controller.regions.open_labels(_segmentation(folder))
    until(lambda: bool(opened))
    workbench.show_panel("regions")
    panel = workbench.panels["regions"]
    until(lambda: len(panel.runs.value()) == len(METHODS) and panel.button.isEnabled())
    panel.button.click()
    until(lambda: controller.regions.found is not None)
    panel.results.map.setCurrentIndex(max(panel.results.map.findText("MSA"), 0))
    panel.results.map.activated.emit(panel.results.map.currentIndex())
    wait(1500)
    panel.bring_to_view(panel.runs)
    wait(1000)
    take("regions")


def _segmentation(folder: Path) -> Path:
    """White matter of each side, grey matter and CSF, from the masks of the study."""
    import nibabel
    import numpy as np

    study, path = folder / "study", folder / "tissues.nii.gz"
    white, csf, brain = (
        np.asarray(nibabel.load(study / f"{name}.nii.gz").dataobj) > 0 for name in ("wm_mask", "csf_mask", "mask")
    )
    affine = nibabel.load(study / "mask.nii.gz").affine
    x = (np.indices(brain.shape).T @ affine[:3, :3].T + affine[:3, 3]).T[0]
    labels = np.where(csf, 4, np.where(white, np.where(x < 0, 1, 2), 3)) * brain
    nibabel.save(nibabel.Nifti1Image(labels.astype(np.uint8), affine), path)
    names = {1: "left white matter", 2: "right white matter", 3: "grey matter", 4: "CSF"}
    (folder / "tissues.txt").write_text("".join(f"{n} {name}\n" for n, name in names.items()), encoding="utf-8")
    return path


def _separate(viewer: Any, workbench: Any, folder: Path, take: Callable[[str], None]) -> None:
    """The reconstructed tensor with wavesep: chi+, side by side with the closed form, and where the iron is."""
    controller, session = workbench.controller, workbench.controller.separation
    found = session.found
    _open(viewer, workbench, folder / "study" / "study.yaml")
    until(lambda: controller.studies.complete)
    workbench.show_panel("separate")
    panel = workbench.panels["separate"]
    key = session.add_file(folder / METHODS[0])
    until(lambda: panel.chi.combo.findData(key) >= 0)
    panel.chi.setValue(key)
    panel.method.set_mapping("wavesep", {})
    wait(500)
    until(panel.button.isEnabled)
    panel.button.click()
    until(lambda: bool(found.results) or session.active is None)
    until(lambda: bool(found.results))
    wait(2500)
    viewer.dims.set_point(2, 4.0)
    panel.bring_to_view(panel.results)
    wait(1000)
    take("separate")
    panel.results.side.click()
    until(lambda: found.grid.shown)
    wait(1500)
    take("separate-side")
    panel.results.side.click()
    until(lambda: not found.grid.shown)
    _drag(panel.results.histogram)
    until(lambda: any(layer.name.endswith("brushed voxels") for layer in viewer.layers))
    panel.bring_to_view(panel.results.said)
    wait(1500)
    take("separate-brush")


def _drag(histogram: Any) -> None:
    """Drag a rectangle around the voxels with much iron, with the mouse."""
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest

    shown = histogram.value()
    left, right = shown.pos_edges[-1], shown.neg_edges[-1]
    start = histogram.place(NUCLEI, 0.0).toPoint()
    end = histogram.place(float(left), 0.9 * float(right)).toPoint()
    QTest.mousePress(histogram, Qt.MouseButton.LeftButton, pos=start)
    QTest.mouseMove(histogram, end)
    QTest.mouseRelease(histogram, Qt.MouseButton.LeftButton, pos=end)


def _prior(viewer: Any, workbench: Any, folder: Path, take: Callable[[str], None]) -> None:
    """What the prior of brains thinks of an axial slice of the sample brain's magnitude: value, map, perturbations."""
    from napari_sti.viz import _compat

    _open(viewer, workbench, folder / "study" / "study.yaml")
    until(lambda: workbench.controller.studies.complete)
    wait(2500)
    workbench.show_panel("prior")
    panel, prior = workbench.panels["prior"], workbench.controller.prior
    viewer.dims.set_point(2, 18.0)  # a height of the template that is held back from the training
    _compat.camera(viewer).zoom *= 0.88  # the letters stand beside the image
    panel.setValue(_asked(panel.value(), "value"))
    for action, name in (("value", "prior"), ("perturb", "prior-perturb")):
        panel.setValue(_asked(panel.value(), action))
        wait(500)
        before = prior.answer
        until(panel.button.isEnabled)
        panel.button.click()
        until(lambda: prior.answer is not before)  # noqa: B023
        wait(2500)
        take(name)


def _asked(choice: Any, action: str) -> Any:
    from dataclasses import replace

    return replace(choice, weights="lpn-brain", action=action, scaling="range", ways=("noise", "blur"))


GROUPS: dict[tuple[str, ...], Callable[..., None]] = {
    ("ellipsoids", "planes"): _display,
    ("prior", "prior-perturb"): _prior,
    ("quality",): _quality,
    ("probe", "regions"): _probe_and_regions,
    ("separate", "separate-side", "separate-brush"): _separate,
}
"""Pictures that are made in one window, and the function that makes them."""

NAMES = tuple(name for group in GROUPS for name in group)
