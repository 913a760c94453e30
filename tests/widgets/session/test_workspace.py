"""Workspaces with a worker that only does what the test says: separations, prior maps and order come back."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_sti.core.relaxometry import relaxation
from napari_sti.core.separated import SeparatedField
from napari_sti.io.nifti import write_volume
from napari_sti.io.separations import save_separation
from napari_sti.viz.display import METADATA_KEY, DisplayGrid, layer_info
from napari_sti.viz.prior_layers import Bound
from napari_sti.widgets.session.prior_files import read_answer
from napari_sti.widgets.session.run import run_of_folder
from napari_sti.widgets.session.workspace_priors import plain_bound, read_bound
from napari_sti.widgets.workbench import Workbench
from tests.widgets.conftest import AFFINE, SHAPE, FakeClient, write_result

LONG = 20_000
OBLIQUE = np.array([[0, -1.6, 0.6, 9], [0, 0.8, 1.2, -7], [1.5, 0, 0, -6], [0, 0, 0, 1]])
"""Of the image that a prior was asked about: stored in an order of its own, 27 degrees oblique."""


@pytest.fixture
def make_bench(qtbot):
    opened = []

    def make():
        bench = Workbench(ViewerModel(), make_client=FakeClient)
        qtbot.addWidget(bench)
        opened.append(bench)
        return bench

    yield make
    for bench in opened:
        bench.close_session()


def separation(folder):
    rng = np.random.default_rng(1)
    pos, neg = (0.03 * rng.random(SHAPE).astype(np.float32) for _ in range(2))
    floor = SeparatedField(pos, -neg, AFFINE, relaxation(114), np.ones(SHAPE, bool))
    save_separation(replace(floor, closed_form=floor), folder)


def show_separation(controller, qtbot, folder):
    with qtbot.waitSignal(controller.separation.found.arrived, timeout=LONG):
        controller.separation.found.show(run_of_folder(folder, "separate", "wavesep 1"))


def ask_prior(folder, bound, *, at=None):
    """Leave what the worker leaves of a question about an image: of a slice, or of everything."""
    folder.mkdir()
    image = np.random.default_rng(3).random(bound.shape).astype(np.float32) + 0.1
    affine = np.eye(4) if bound.grid is None else bound.grid.affine
    write_volume(folder / "image.nii", image, affine)
    terms = image - 0.5 if at is None else (image - 0.5)[:, :, at : at + 1]
    write_volume(folder / "prior_map.nii.gz", terms, affine)
    record = {"action": "map", "value": 3.5, "model": {"title": "net"}, "seconds": 1.0}
    (folder / "prior.json").write_text(json.dumps(record))
    return read_answer(run_of_folder(folder, "prior", folder.name, result="prior.json"), replace(bound, values=image))


def looks(viewer):
    return [(layer.name, layer.visible, layer.opacity, str(getattr(layer, "colormap", "").__class__)) for layer in
            viewer.layers]  # fmt: skip


def test_separations_and_prior_maps_come_back_as_they_were(make_bench, qtbot, tmp_path):
    here, bench = tmp_path / "here", make_bench()
    here.mkdir()
    controller, viewer = bench.controller, bench.controller.viewer
    grid = DisplayGrid(OBLIQUE, (5, 8, 6))
    seen = DisplayGrid(grid.true_affine, grid.shown_shape)
    data = np.random.default_rng(0).random(grid.shown_shape).astype(np.float32)
    info = {**grid.metadata(), "kind": "image", "map": "T1", "unit": ""}
    viewer.add_layer(Image(data, name="T1", metadata={METADATA_KEY: info}, **grid.layer_keywords()))
    photo = viewer.add_image(np.zeros((7, 9), np.float32), name="photo", scale=(2, 3), translate=(5, 1), rotate=10)

    separation(here / "sep")
    show_separation(controller, qtbot, here / "sep")
    place = {key: getattr(photo, key) for key in ("scale", "translate", "rotate", "shear", "affine", "units")}
    for name, bound, at in (
        ("map of T1 1", Bound("T1", "", "map of T1 1", seen.shape, seen, axis=2, slice=3, simulated=True), 3),
        ("map of photo 1", Bound("photo", "a.u.", "map of photo 1", (7, 9, 1), None, place, flat=True), None),
    ):
        controller.prior.take(ask_prior(here / name, bound, at=at))
        qtbot.waitUntil(lambda: not controller.prior.adding)
    pos = viewer.layers["wavesep 1, Dr 114 Hz/ppm - χ+ [ppm]"]
    chart = viewer.layers["map of T1 1 - prior map [R per voxel]"]
    pos.contrast_limits, pos.visible, chart.opacity = (0.01, 0.02), True, 0.4
    viewer.layers.move(viewer.layers.index(pos), len(viewer.layers))
    viewer.layers.selection.active = chart
    _, lost = controller.workspace.content({})
    assert lost == ["T1", "photo"], "nothing but what was never in a file"
    with qtbot.waitSignal(controller.workspace.saved):
        controller.workspace.save(here / "w", {})
    before, values = looks(viewer), {layer.name: np.array(layer.data) for layer in viewer.layers}
    words = chart.metadata[METADATA_KEY]["maps"].words((2, 3, 3), "ppm")

    shutil.move(here, tmp_path / "there")  # runs and all
    second = make_bench().controller
    with qtbot.waitSignals([second.separation.found.arrived, second.workspace.opened], timeout=LONG) as said:
        second.workspace.open(tmp_path / "there" / "w.sti-workspace.json")
    assert said.all_signals_and_args[-1].args == ("The workspace is open.",)
    others = second.viewer
    assert looks(others) == [one for one in before if one[0] not in lost]
    for layer in others.layers:
        np.testing.assert_array_equal(layer.data, values[layer.name])
    assert tuple(others.layers[pos.name].contrast_limits) == (0.01, 0.02)
    again = others.layers[chart.name]
    assert (
        others.layers.selection.active is again
        and again.metadata[METADATA_KEY]["maps"].words((2, 3, 3), "ppm") == words
    )
    np.testing.assert_allclose(again.translate, chart.translate)
    np.testing.assert_allclose(again.colormap.colors, chart.colormap.colors)
    flat, was = (one.layers["map of photo 1 - prior map [R per voxel]"] for one in (others, viewer))
    np.testing.assert_allclose(flat.data_to_world((3, 4)), was.data_to_world((3, 4)))
    assert second.prior.answer.record["value"] == 3.5 and layer_info(again.metadata)["simulated"]
    assert second.separation.found.results["wavesep 1"].run.folder == tmp_path / "there" / "sep"

    with qtbot.waitSignal(second.workspace.opened, timeout=LONG):  # once more: nothing comes twice
        second.workspace.open(tmp_path / "there" / "w.sti-workspace.json")
    assert looks(others) == [one for one in before if one[0] not in lost]


def test_runs_with_ellipsoids_side_by_side_and_under_other_names(make_bench, qtbot, tmp_path):
    folder = write_result(tmp_path / "box").parent
    controller = make_bench().controller
    viewer = controller.viewer
    separation(tmp_path / "sep")
    found = controller.separation.found
    show_separation(controller, qtbot, tmp_path / "sep")
    with qtbot.waitSignal(controller.workspace.opened, timeout=LONG):
        controller.workspace.open(_workspace(tmp_path, {"runs": [{"name": "box", "folder": str(folder)}]}))
    controller.view.change(run="box", map="msa", ellipsoids=True)
    controller.layers.find("box", "mms").name = "my own name"
    before = looks(viewer)
    found.grid.show(found.beside(("wavesep 1",)))
    qtbot.waitUntil(lambda: found.grid.shown)
    with qtbot.waitSignal(controller.workspace.saved) as saved:
        controller.workspace.save(tmp_path / "w", {})
    assert "side by side was left" in saved.args[0] and "Not in it" not in saved.args[0]
    assert looks(viewer) == before and controller.layers.find("box", "pev_glyphs") is not None

    second = make_bench().controller
    with qtbot.waitSignal(second.workspace.opened, timeout=LONG):
        second.workspace.open(tmp_path / "w.sti-workspace.json")
    assert looks(second.viewer) == before and "my own name" in second.viewer.layers
    assert layer_info(second.layers.find("box", "mms").metadata)["path"] == str(folder)


def test_what_is_gone_or_called_alike_is_named(make_bench, qtbot, tmp_path):
    controller = make_bench().controller
    for name in ("one", "other"):
        separation(tmp_path / name)
    show_separation(controller, qtbot, tmp_path / "one")
    bound = Bound("T1", "", "asked", (4, 5, 3), DisplayGrid(np.eye(4), (4, 5, 3)), axis=0, slice=2)
    entry = {"name": "asked", "folder": str(tmp_path / "asked"), "bound": plain_bound(bound)}
    ask_prior(tmp_path / "asked", bound)
    broken = [entry | {"bound": entry["bound"] | {key: value}} for key, value in (
        ("slice", 9), ("shape", [4, 5]), ("limits", None), ("grid", [[1]]), ("axis", "x"))]  # fmt: skip
    for one in broken:
        with pytest.raises(ValueError, match="not told rightly"):
            read_bound(one, tmp_path / "asked")
    content = {
        "separations": [
            {"name": "wavesep 1", "folder": str(tmp_path / "other")},
            {"name": "wavesep 2", "folder": str(tmp_path / "gone")},
        ],
        "priors": [broken[0], {"name": "gone", "folder": str(tmp_path / "gone"), "bound": entry["bound"]}],
    }
    with qtbot.waitSignal(controller.workspace.opened, timeout=LONG) as opened:
        controller.workspace.open(_workspace(tmp_path, content))
    (said,) = opened.args
    assert f"{tmp_path / 'other'} (another run is called wavesep 1)" in said
    assert f"{tmp_path / 'gone'}" in said and f"{tmp_path / 'asked'}" in said
    assert controller.separation.found.results["wavesep 1"].run.folder == tmp_path / "one"


def _workspace(folder, content):
    path = folder / "made.sti-workspace.json"
    path.write_text(json.dumps({"format": "napari-sti workspace", "version": 1, **content}))
    return path
