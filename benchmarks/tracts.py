"""How long 10,000 streamlines take to make and to draw, beside a literal Python loop, dipy and napari's Vectors.

    xvfb-run -a python benchmarks/tracts.py RESULT [--fa FA --frame fsl]

Without a display only the times of tracking are measured. CPU seconds of this process, so that other load does not
count; the loop and dipy run on as many seeds as they manage, and their times are for the same number of points.
"""

import argparse
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

SEEDS, FEW = 10_000, 30


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("result", type=Path)
    parser.add_argument("--fa", type=Path)
    parser.add_argument("--frame")
    options = parser.parse_args()
    from napari_sti.maps.fibre_field import open_fibres
    from napari_sti.maps.tracking import TrackParams, track
    from napari_sti.maps.tract_seeds import at_most, seeds_everywhere

    field, _ = open_fibres(options.result, fa=options.fa, frame=options.frame)
    seeds = at_most(seeds_everywhere(field, field.floor()), SEEDS)
    made, tracts = {}, None
    for name in ("midpoint", "euler"):
        begin = time.process_time()
        tracts = track(field, seeds, TrackParams(integration=name, min_length=0))
        made[name] = time.process_time() - begin
        print(f"{name}: {len(tracts)} streamlines, {len(tracts.points)} points in {made[name]:.2f} s")
    each = made["euler"] / len(tracts.points)
    print(f"a literal loop (Euler): {_literal(field, seeds) / each:.0f} times as long for a point")
    print(f"dipy's LocalTracking (Euler): {_dipy(field, seeds) / each:.1f} times as long for a point")
    if os.environ.get("DISPLAY"):
        _drawn(tracts, field)
    return 0


def _literal(field, seeds):
    from tests.maps.test_tracking import literal

    step = min(abs(field.affine[:3, :3]).sum(0)) / 2
    begin = time.process_time()
    lines = literal(field, seeds[:: len(seeds) // FEW], step, field.floor(), 0.7, 300)
    return (time.process_time() - begin) / max(sum(map(len, lines)), 1)


def _dipy(field, seeds):
    import warnings

    import numpy as np
    from dipy.direction.peaks import PeaksAndMetrics
    from dipy.tracking.local_tracking import LocalTracking
    from dipy.tracking.stopping_criterion import ThresholdStoppingCriterion

    warnings.simplefilter("ignore")
    v = field.directions.astype(np.float64).reshape(-1, 3)
    v[~v.any(1)] = (0, 0, 1)
    peaks = PeaksAndMetrics()
    peaks.sphere = type("Directions", (), {"vertices": v})()
    peaks.peak_indices = np.arange(len(v)).reshape(*field.shape, 1)
    peaks.peak_values = field.anisotropy.astype(np.float64)[..., None]
    peaks.peak_dirs, peaks.ang_thr, peaks.qa_thr = v.reshape(*field.shape, 1, 3), 45, 0.0
    stop = ThresholdStoppingCriterion(field.anisotropy.astype(np.float64), field.floor())
    step = float(np.linalg.norm(field.affine[:3, :3], axis=0).min() / 2)
    begin = time.process_time()
    lines = list(LocalTracking(peaks, stop, seeds[::5], field.affine, step_size=step, maxlen=150, max_cross=1))
    return (time.process_time() - begin) / max(sum(map(len, lines)), 1)


def _drawn(tracts, field):
    import napari
    import numpy as np
    from napari.layers import Vectors

    from napari_sti.viz import _compat
    from napari_sti.viz.display import DisplayGrid
    from napari_sti.viz.tracts import draw_tracts, tract_layer

    grid = DisplayGrid(field.affine, field.shape)
    begin = time.process_time()
    drawn = draw_tracts(tracts, grid)
    print(f"{len(drawn.vectors)} segments are drawn, chosen in {time.process_time() - begin:.2f} s")
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1280, 800)
    canvas = viewer.window._qt_viewer.canvas._scene_canvas
    # A window that has layers already, hidden: the first layer of all reads units and loads pandas, 1.4 s.
    viewer.add_layer(napari.layers.Image(np.zeros(grid.shown_shape, np.uint8), visible=False, **grid.layer_keywords()))
    viewer.add_layer(Vectors(drawn.vectors[:1], visible=False, **grid.layer_keywords()))
    as_vectors = dict(edge_color=drawn.colors, vector_style="line", edge_width=0.2, length=1, **grid.layer_keywords())
    kinds = {
        "OpenGL lines": lambda: tract_layer(tracts, drawn, grid, run="run"),
        "napari's Vectors": lambda: Vectors(drawn.vectors, **as_vectors),
    }
    for name, make in kinds.items():
        times = {}
        for ndisplay in (3, 2):
            viewer.dims.ndisplay = ndisplay
            canvas.render()
            begin = time.process_time()
            layer = viewer.add_layer(make())
            canvas.render()
            times[f"shown in {ndisplay}-D"] = time.process_time() - begin
            begin = time.process_time()
            if ndisplay == 3:
                _compat.camera(viewer).angles = (10, 20, 30 + len(name))
            else:
                viewer.dims.set_point(0, float(grid.translate[0] + grid.scale[0] * (grid.shown_shape[0] // 2)))
            canvas.render()
            times["turned" if ndisplay == 3 else "another slice"] = time.process_time() - begin
            viewer.layers.remove(layer)
        print(f"{name}: " + ", ".join(f"{what} {seconds:.2f} s" for what, seconds in times.items()))
    viewer.close()


if __name__ == "__main__":
    raise SystemExit(main())
