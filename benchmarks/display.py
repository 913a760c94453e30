"""How long a look takes: ``python -m tools.screen python -m benchmarks.display [--voxel-size 1]``.

The sample brain's true tensor at 1 mm in the real window at 1280 x 800. A step is moving the slice and painting the
canvas, until both are done. Beside the wall time stands the processor time of the whole process (all threads, so
software OpenGL is in it), which other programs on the machine disturb less; their load is printed.
"""

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np

STEPS = 15
START = 70.0
"""Steps go up from here, percent of the height: slices through the middle of the brain."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--voxel-size", type=float, default=1.0, metavar="MM")
    parser.add_argument("--tensor", metavar="FILE", help=".npz with chi, affine and mask, instead of making it")
    options = parser.parse_args()
    viewer, view = window(options)
    voxels = view.result_maps.mask.sum()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors, {voxels} voxels in the mask")
    print("| what | median | 90 % | processor time |")
    print("|---|---|---|---|")
    step_rows(viewer, view)
    change_rows(viewer, view)
    print(f"load {os.getloadavg()[0]:.1f}")
    viewer.close()


def brain(options: argparse.Namespace) -> Any:
    """The true tensor of the sample brain."""
    from napari_sti.core.tensor_field import TensorField

    if options.tensor:
        held = np.load(options.tensor)
        return TensorField(held["chi"], held["affine"], held["mask"], frame="ras", provenance={"simulated": True})
    from napari_sti.simulate.brain import brain_anatomy, brain_tensor

    size = (options.voxel_size,) * 3
    anatomy = brain_anatomy(size, 0.0)
    tensor = brain_tensor(size, 0.0)
    return TensorField(tensor, anatomy.grid.affine, anatomy.mask, frame="ras", provenance={"simulated": True})


def window(options: argparse.Namespace) -> tuple[Any, Any]:
    """A window with the layers of the brain."""
    from napari.layers import Layer
    from qtpy.QtTest import QTest

    from napari_sti.viz.iterates import result_maps
    from napari_sti.viz.layers import tensor_layers
    from napari_sti.widgets.app import open_viewer

    layers = tensor_layers(brain(options), run="truth")
    viewer, workbench = open_viewer()
    viewer.window.resize(1280, 800)
    for data in layers:
        viewer.add_layer(Layer.create(*data))
    QTest.qWait(2000)
    workbench.show_panel("view")
    QTest.qWait(1000)
    view = workbench.controller.view
    view.result_maps = result_maps(view.layers.of_run("truth"))
    return viewer, view


class Painted:
    """Paints the canvas; comes back when a picture was really drawn, however Qt has put that off."""

    def __init__(self, viewer: Any) -> None:
        canvas = viewer.window._qt_viewer.canvas
        self._native, self._drawn = canvas.native, 0
        canvas._scene_canvas.events.draw.connect(self._count)

    def _count(self, event: Any) -> None:
        self._drawn += 1

    def __call__(self) -> None:
        from qtpy.QtWidgets import QApplication

        before = self._drawn
        self._native.repaint()
        while self._drawn == before:
            self._native.update()
            QApplication.processEvents()


def timed(act: Callable[[int], object], paint: Callable[[], object], times: int = STEPS) -> np.ndarray:
    """Wall and processor time in ms of doing something and painting it, (times, 2)."""
    from qtpy.QtWidgets import QApplication

    taken = []
    for number in range(times):
        QApplication.processEvents()
        wall, processor = time.perf_counter(), time.process_time()
        act(number)
        paint()
        taken.append((1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - processor)))
    return np.array(taken[1:])


def row(what: str, taken: np.ndarray) -> None:
    """Print one line of the table."""
    middle, late = np.percentile(taken[:, 0], (50, 90))
    print(f"| {what} | {middle:.0f} ms | {late:.0f} ms | {np.median(taken[:, 1]):.0f} ms |", flush=True)


def step_rows(viewer: Any, view: Any) -> None:
    """A slice step with more and more over the colours."""
    from qtpy.QtTest import QTest

    paint = Painted(viewer)
    first = int(START / 100 * viewer.dims.nsteps[2] * 0.6)

    def go(number: int) -> None:
        viewer.dims.set_current_step(2, first + number)  # as wheel and slider do

    for what, shown in (
        ("slice step, PEV colour", {}),
        ("slice step, colour and lines", {"lines": True}),
        ("slice step, colour, lines and ellipsoids", {"lines": True, "ellipsoids": True}),
    ):
        view.change(**shown)
        QTest.qWait(800)
        row(what, timed(go, paint))
    camera = viewer.scene.camera
    camera.zoom *= 3
    QTest.qWait(600)
    row("the same, three times nearer", timed(go, paint))
    viewer.reset_view()


def change_rows(viewer: Any, view: Any) -> None:
    """Another window, another style, the ellipsoids of a slice anew."""
    from napari_sti.viz import follow
    from napari_sti.viz.layers import set_style

    paint = Painted(viewer)
    glyphs = view.layers.find("truth", "pev_glyphs")

    def ellipsoids(number: int) -> None:
        follow.draw(glyphs, viewer)

    row(f"ellipsoids of a slice ({follow.draw(glyphs, viewer)} of them)", timed(ellipsoids, paint))
    apart, follow.GLYPHS_APART = follow.GLYPHS_APART, 0.0
    most, follow.MOST_GLYPHS = follow.MOST_GLYPHS, 100_000
    count = follow.draw(glyphs, viewer)
    row(f"ellipsoids of every voxel of a slice ({count})", timed(ellipsoids, paint, 6))
    follow.GLYPHS_APART, follow.MOST_GLYPHS = apart, most
    view.change(lines=False, ellipsoids=False)

    def repaint(number: int) -> None:
        style = view.styles.style(view.value(), view.result_maps)
        for layer in view.layers.of_run("truth"):
            set_style(layer, style, 0.003 + 0.0005 * number, 0.03)

    row("floor changed", timed(repaint, paint))
    view.change(even=True)
    row("floor changed, evenly light colours", timed(repaint, paint, 6))


if __name__ == "__main__":
    main()
