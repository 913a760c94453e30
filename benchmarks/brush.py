"""How long brushing takes: ``python -m tools.screen python -m benchmarks.brush [--voxel-size 1]``.

Sources made of the sample brain's tensor, side by side in five cells of the real window at 1280 x 800. A step moves
the rectangle in the joint histogram and lasts until the voxels are painted in all cells; the first one lays them there.
Beside the wall time stands the processor time of the whole process.
"""

import argparse
import os
import time
from typing import Any

import numpy as np

from benchmarks.display import brain, row

STEPS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--voxel-size", type=float, default=1.0, metavar="MM")
    parser.add_argument("--tensor", metavar="FILE", help=".npz with chi, affine and mask, instead of making it")
    parser.add_argument("--profile", action="store_true", help="say where the time of the window goes")
    options = parser.parse_args()
    viewer, found = window(options)
    print(f"load {os.getloadavg()[0]:.1f}, {int(found.results['brain'].found.mask.sum())} voxels in the mask")
    print("| what | median | 90 % | processor time |")
    print("|---|---|---|---|")
    row("one image: first brush", brush(viewer, found, 1))
    row("one image: step of the brush", brush(viewer, found, STEPS))
    found.clear_brush()
    side_by_side(found)
    row("five cells: first brush", brush(viewer, found, 1))
    if options.profile:
        profiled(viewer, found)
    row("five cells: step of the brush", brush(viewer, found, STEPS))
    print(f"load {os.getloadavg()[0]:.1f}")
    viewer.close()


def window(options: argparse.Namespace) -> tuple[Any, Any]:
    """A window with the layers of a separation."""
    from types import SimpleNamespace

    from qtpy.QtTest import QTest

    from napari_sti.core.relaxometry import Relaxation
    from napari_sti.core.separated import SeparatedField
    from napari_sti.maps.joint_histogram import joint_histogram
    from napari_sti.viz.separation_layers import separation_layers
    from napari_sti.widgets.app import open_viewer
    from napari_sti.widgets.session.separate_found import Separation

    tensor = brain(options)
    pos, neg = np.abs(tensor.mms) + 0.2 * tensor.msa, -np.abs(tensor.msa)
    floor = SeparatedField(pos, neg, tensor.affine, Relaxation(114, 114, "stated"), tensor.mask)
    made = SeparatedField(pos, neg, tensor.affine, Relaxation(114, 114, "stated"), tensor.mask, closed_form=floor)
    viewer, workbench = open_viewer()
    viewer.window.resize(1280, 800)
    found = workbench.controller.separation.found
    layers = separation_layers(made, run="brain")
    found.take(Separation(SimpleNamespace(name="brain", about=""), made, joint_histogram(made), layers))  # type: ignore[arg-type]
    QTest.qWait(2000)
    workbench.show_panel("separate")
    QTest.qWait(1000)
    return viewer, found


def side_by_side(found: Any) -> None:
    """Show the cells."""
    from qtpy.QtTest import QTest

    found.grid.show(found.beside(("brain",)))
    while not found.grid.shown:
        QTest.qWait(20)
    QTest.qWait(1000)


def brush(viewer: Any, found: Any, times: int) -> np.ndarray:
    """Wall and processor time in ms of steps of the brush, until all is painted."""
    from qtpy.QtWidgets import QApplication

    native = viewer.window._qt_viewer.canvas.native
    ends = [float(edges[-1]) for edges in (found.results["brain"].histogram.pos_edges,) * 2]
    told: list[str] = []
    found.brushed.connect(told.append)
    taken = []
    for number in range(times):
        QApplication.processEvents()
        low = (0.1 + 0.02 * number) * ends[0]
        told.clear()
        wall, processor = time.perf_counter(), time.process_time()
        found.brush("brain", (low, low + ends[0] / 3), (0.0, ends[1]))
        while not (told and found.grid.covered):
            QApplication.processEvents()
        native.repaint()
        taken.append((1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - processor)))
    found.brushed.disconnect(told.append)
    return np.array(taken)


def profiled(viewer: Any, found: Any) -> None:
    """Print where the time of the window's thread goes."""
    import cProfile
    import pstats

    profile = cProfile.Profile()
    profile.enable()
    brush(viewer, found, 5)
    profile.disable()
    pstats.Stats(profile).sort_stats("cumtime").print_stats(45)


if __name__ == "__main__":
    main()
