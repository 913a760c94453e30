"""Masks of the window's study: files are the truth, layers show them, drawings become files where they were drawn."""

from dataclasses import replace
from itertools import permutations, product

import nibabel as nib
import numpy as np
import pytest

from napari_sti.io.load import load_study
from napari_sti.io.nifti import write_volume
from napari_sti.io.study import read_study, write_study
from napari_sti.maps.tissue_files import Source, study_source
from napari_sti.viz.display import METADATA_KEY, DisplayGrid, grid_of, layer_info, shown_place
from napari_sti.viz.masks import MASK_COLOURS
from napari_sti.widgets.session.mask_work import look
from tests import onion

ORDERS = ["".join(axes) for sides in product("RL", "AP", "SI") for axes in permutations(sides)]


@pytest.fixture
def masks(controller):
    return controller.masks


@pytest.fixture
def open_head(controller, tmp_path, qtbot):
    """Return a function that makes the head in an order of storage the study of the window."""

    def open_it(order="PIL", turn=21.0, **more):
        study = replace(onion.write_head(tmp_path / f"head-{order}", order=order, turn=turn), **more)
        with qtbot.waitSignal(controller.studies.checked):
            controller.studies.set(study)
        assert controller.studies.complete, controller.studies.check.problems
        return study

    return open_it


def in_time(qtbot, condition):
    qtbot.waitUntil(lambda: bool(condition()), timeout=20_000)


def estimate(masks, study, qtbot, names=("wm_mask", "csf_mask"), contrast="t1"):
    with qtbot.waitSignal(masks.made, timeout=20_000):
        masks.estimate(study_source(study), contrast, names)
    in_time(qtbot, lambda: masks.report is not None)


def layer_names(viewer):
    return [layer.name for layer in viewer.layers]


def paint(layer, world):
    """Paint one voxel at a place of the world as the brush does, in data coordinates of the layer."""
    grid = grid_of(layer_info(layer.metadata))
    layer.brush_size = 1
    layer.paint(np.rint(layer.world_to_data(shown_place(grid, world))), 1)


def test_estimate_becomes_files_of_the_study_and_layers(masks, controller, open_head, viewer, qtbot):
    study = open_head()
    estimate(masks, study, qtbot)
    wm, csf = controller.study.wm_mask, controller.study.csf_mask
    assert wm.name == "wm_mask.nii.gz" and wm.parent == csf.parent and (wm.parent / "masks.json").is_file()
    assert "runs" in str(wm) and controller.study.magnitude == study.magnitude
    assert sorted(layer_names(viewer)) == ["onion - CSF mask", "onion - white matter mask"]
    for name in ("wm_mask", "csf_mask"):
        layer = masks.layer(name)
        assert layer.visible and {str(unit) for unit in layer.units} == {"millimeter"}
        np.testing.assert_allclose(layer.colormap.map(1)[:3] * 255, _rgb(MASK_COLOURS[name]), atol=1)
        assert layer.colormap.map(0)[3] == 0
    facts = masks.report.facts["wm_mask"]
    assert facts.origin == "estimated" and facts.ml == pytest.approx(masks.layer("wm_mask").data.sum() * 7.5e-3)
    assert masks.report.sentences == ()


def _rgb(colour):
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]


def test_only_the_wanted_mask_is_replaced(masks, controller, open_head, qtbot, tmp_path):
    study = open_head(wm_mask=tmp_path / "head-PIL" / "brain.nii.gz")
    estimate(masks, study, qtbot, names=("csf_mask",))
    assert controller.study.wm_mask == study.wm_mask and controller.study.csf_mask is not None


def test_earlier_files_stay(masks, controller, open_head, qtbot):
    study = open_head()
    estimate(masks, study, qtbot)
    first = controller.study.wm_mask
    before = first.read_bytes()
    estimate(masks, study, qtbot)
    assert controller.study.wm_mask != first and first.read_bytes() == before


@pytest.mark.parametrize("order", ORDERS[::5])
def test_a_drawing_is_stored_where_it_was_painted(masks, controller, open_head, qtbot, order):
    """From the screen to the file and back, in every kind of order, oblique: no axis swapped, no side mirrored."""
    open_head(order, 21.0)
    masks.draw("wm_mask")
    in_time(qtbot, lambda: masks.drawing)
    layer = masks.layer("wm_mask")
    assert str(layer.mode) == "paint" and layer.selected_label == 1 and not layer.data.any()
    spot = onion.affine(turn=21.0) @ [20, 24, 6, 1]  # right, front, low
    paint(layer, spot[:3])
    with qtbot.waitSignal(masks.made, timeout=20_000):
        masks.take("wm_mask")
    assert not masks.drawing and str(layer.mode) == "pan_zoom"
    image = nib.load(controller.study.wm_mask)
    field = nib.load(controller.study.orientations[0].field)
    assert image.shape == field.shape and nib.aff2axcodes(image.affine) == tuple(order)
    voxels = np.argwhere(np.asarray(image.dataobj))
    assert len(voxels) == 1
    np.testing.assert_allclose(image.affine @ [*voxels[0], 1], spot, atol=1e-3)
    # The worker reads the same.
    path = controller.study.wm_mask.parent / "study.yaml"
    write_study(controller.study, path)
    loaded = load_study(path)
    assert np.argwhere(loaded.wm_mask).tolist() == voxels.tolist()
    # And when it is shown again, it lies where it was painted.
    before = layer.data.copy()
    masks.viewer.layers.remove(layer)
    masks.show(("wm_mask",))
    in_time(qtbot, lambda: masks.is_shown("wm_mask"))
    assert (masks.layer("wm_mask").data == before).all()


def test_drawing_corrects_what_is_there(masks, controller, open_head, qtbot):
    study = open_head("LPS", 9.0)
    estimate(masks, study, qtbot)
    voxels = masks.layer("wm_mask").data.sum()
    masks.draw("wm_mask")
    in_time(qtbot, lambda: masks.drawing)
    paint(masks.layer("wm_mask"), (onion.affine(turn=9.0) @ [1, 1, 1, 1])[:3])
    with qtbot.waitSignal(masks.made, timeout=20_000):
        masks.take("wm_mask")
    in_time(qtbot, lambda: masks.report is not None)
    assert np.asarray(nib.load(controller.study.wm_mask).dataobj).sum() == voxels + 1
    assert masks.report.facts["wm_mask"].origin == "drawn"
    assert masks.report.facts["csf_mask"].origin == "estimated"


def test_painting_without_asking_is_noticed(masks, open_head, qtbot):
    study = open_head()
    estimate(masks, study, qtbot)
    paint(masks.layer("csf_mask"), (onion.affine(turn=21.0) @ [1, 1, 1, 1])[:3])
    assert masks.drawing == {"csf_mask"}
    with qtbot.waitSignal(masks.failed) as said:
        masks.estimate(study_source(study), "t1")
    assert "drawn CSF mask would be lost" in said.args[0]
    masks.drop("csf_mask")  # the drawing, not the mask
    in_time(qtbot, lambda: masks.is_shown("csf_mask"))
    assert masks.drawing == set() and masks.path("csf_mask") is not None
    masks.drop("csf_mask")
    assert masks.path("csf_mask") is None and masks.layer("csf_mask") is None


def test_empty_and_moved_drawings_are_refused(masks, controller, open_head, qtbot):
    open_head()
    masks.draw("csf_mask")
    in_time(qtbot, lambda: masks.drawing)
    with qtbot.waitSignal(masks.failed) as said:
        masks.take("csf_mask")
    assert said.args[0].startswith("nothing is drawn yet in the CSF mask")
    layer = masks.layer("csf_mask")
    layer.data[3:5] = 1
    layer.translate = np.add(layer.translate, (1, 0, 0))
    with qtbot.waitSignal(masks.failed) as said:
        masks.take("csf_mask")
    assert "does not lie on the grid" in said.args[0]
    assert controller.study.csf_mask is None and masks.drawing == {"csf_mask"}


def test_show_makes_layers_once_and_on_top(masks, controller, open_head, viewer, qtbot, tmp_path):
    study = open_head()
    write_volume(tmp_path / "wm.nii.gz", onion.tissues()[2], onion.affine(turn=21.0))
    masks.set({"wm_mask": tmp_path / "wm.nii.gz"})
    masks.show(("wm_mask", "csf_mask"))  # there is no CSF mask
    in_time(qtbot, lambda: masks.is_shown("wm_mask"))
    assert layer_names(viewer) == ["onion - white matter mask"]
    expected = DisplayGrid(*_grid(study)).to_shown(_stored(study, onion.tissues()[2]))
    assert (masks.layer("wm_mask").data == expected).all()
    with qtbot.waitSignal(controller.layers.added, timeout=20_000):
        controller.studies.load()
    masks.show(("wm_mask",))
    in_time(qtbot, lambda: viewer.layers[-1].visible and "white matter" in viewer.layers[-1].name)
    masks.hide(("wm_mask",))
    assert not masks.is_shown("wm_mask")


def _grid(study):
    image = nib.load(study.orientations[0].field)
    return image.affine, image.shape


def _stored(study, volume):
    affine, _ = _grid(study)
    move = nib.orientations.ornt_transform(
        nib.io_orientation(onion.affine(turn=21.0)), nib.orientations.io_orientation(affine)
    )
    return nib.apply_orientation(volume.astype(np.uint8), move)


def test_a_file_on_another_grid_is_refused(masks, controller, open_head, qtbot, tmp_path):
    open_head()
    write_volume(tmp_path / "odd.nii.gz", np.ones((5, 6, 7)), np.eye(4))
    with qtbot.waitSignal(masks.failed, timeout=20_000) as said:
        masks.choose("wm_mask", tmp_path / "odd.nii.gz")
    assert "odd.nii.gz" in said.args[0] and controller.study.wm_mask is None
    with qtbot.waitSignal(masks.made, timeout=20_000):
        masks.choose("wm_mask", controller.study.mask)
    assert controller.study.wm_mask == controller.study.mask and masks.is_shown("wm_mask")


def test_a_file_changed_elsewhere_is_followed(masks, controller, open_head, qtbot):
    study = open_head()
    estimate(masks, study, qtbot)
    controller.studies.set(replace(controller.study, wm_mask=study.mask, csf_mask=None))  # as the Data panel does
    in_time(qtbot, lambda: masks.report is not None)
    in_time(qtbot, lambda: layer_info(masks.layer("wm_mask").metadata)["file"] == str(study.mask))
    assert masks.report.facts["wm_mask"].share == pytest.approx(1)
    assert not masks.is_shown("csf_mask") and "csf_mask" not in masks.report.facts


def test_overlap_is_said(masks, controller, open_head, qtbot):
    study = open_head()
    estimate(masks, study, qtbot)
    masks.set({"csf_mask": controller.study.wm_mask})
    in_time(qtbot, lambda: masks.report is not None)
    assert "100% of the smaller one" in masks.report.sentences[0]


def test_an_estimate_for_a_study_that_is_gone_is_not_taken(masks, controller, open_head, qtbot):
    study = open_head()
    with qtbot.waitSignal(masks.failed, timeout=20_000) as said:
        masks.estimate(study_source(study), "t1")
        controller.studies.clear()
    assert "changed meanwhile" in said.args[0] and controller.studies.empty


def test_failures_are_sentences_and_the_session_goes_on(masks, open_head, qtbot):
    study = open_head()
    flat = Source("flat", data=np.ones(onion.SHAPE), affine=onion.affine(turn=21.0))
    with qtbot.waitSignal(masks.failed, timeout=20_000) as said:
        masks.estimate(flat, "t1")
    assert "same everywhere" in said.args[0] and not masks.busy
    estimate(masks, study, qtbot)


def test_a_look_at_an_earlier_study_is_no_report_of_this_one(masks, controller, open_head, qtbot):
    study = open_head()
    in_time(qtbot, lambda: masks.report is not None)
    masks.set({"wm_mask": study.mask, "csf_mask": study.mask})
    masks._have_looked(look(study))  # one that was under way
    assert masks.report is None
    in_time(qtbot, lambda: masks.report is not None)
    assert masks.report.sentences


def test_the_brush_stays_in_the_hand(masks, viewer, open_head, qtbot):
    study = open_head()
    viewer.add_image(onion.t1_image(), name="looked at")
    estimate(masks, study, qtbot)
    assert viewer.layers.selection.active.name == "looked at"
    masks.draw("wm_mask")
    in_time(qtbot, lambda: masks.drawing)
    assert viewer.layers.selection.active is masks.layer("wm_mask")
    estimate(masks, study, qtbot, names=("csf_mask",))
    assert viewer.layers.selection.active is masks.layer("wm_mask") and masks.drawing == {"wm_mask"}


def test_masks_of_a_study_file_are_found(masks, controller, open_head, qtbot, tmp_path):
    study = open_head()
    estimate(masks, study, qtbot)
    assert controller.studies.save(tmp_path / "saved.yaml")
    again = read_study(tmp_path / "saved.yaml")
    assert again.wm_mask == controller.study.wm_mask and load_study(tmp_path / "saved.yaml").csf_mask.any()
    assert METADATA_KEY in masks.layer("wm_mask").metadata
