import nibabel
import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.viz import display
from napari_sti.viz.display import DisplayGrid
from tests.shared_data import shared
from tests.viz.phantoms import SHAPE, all_orders, ras_affine, turned

VOLUME = np.random.default_rng(0).normal(size=SHAPE)


@pytest.mark.parametrize("degrees", [0, 17])
def test_every_storage_order_is_shown_at_the_same_place(degrees):
    affine = turned(ras_affine(), SHAPE, degrees)
    first = DisplayGrid(affine, SHAPE)
    for orientation in all_orders():
        stored = frames.reorder_volume(VOLUME, orientation)
        grid = DisplayGrid(frames.reorder_affine(affine, orientation, SHAPE), stored.shape)
        np.testing.assert_array_equal(grid.to_shown(stored), VOLUME)
        np.testing.assert_array_equal(grid.to_stored(grid.to_shown(stored)), stored)
        np.testing.assert_allclose(grid.scale, first.scale)
        np.testing.assert_allclose(grid.translate, first.translate)
        assert grid.shown_shape == SHAPE
        assert grid.oblique_degrees == pytest.approx(degrees)


def test_world_positions_are_those_of_the_affine():
    affine = ras_affine()
    grid = DisplayGrid(affine, SHAPE)
    index = np.array([2, 7, 5])
    shown = index * grid.scale + grid.translate
    np.testing.assert_allclose(shown, nibabel.affines.apply_affine(affine, index))
    np.testing.assert_allclose(display.true_world(grid, shown), shown)


def test_oblique_volumes_keep_their_centre_and_know_their_true_place():
    affine = turned(ras_affine(), SHAPE, 25)
    grid = DisplayGrid(affine, SHAPE)
    middle = (np.array(SHAPE) - 1) / 2
    shown = middle * grid.scale + grid.translate
    np.testing.assert_allclose(shown, nibabel.affines.apply_affine(affine, middle))
    corner = np.array([0, 10, 7])
    shown = corner * grid.scale + grid.translate
    true = nibabel.affines.apply_affine(affine, corner)
    assert np.linalg.norm(shown - true) > 1
    np.testing.assert_allclose(display.true_world(grid, shown), true)
    np.testing.assert_allclose(display.shown_place(grid, true), shown)


def test_keywords_have_units_and_axes_and_never_an_affine():
    keywords = DisplayGrid(turned(ras_affine(), SHAPE, 25), SHAPE).layer_keywords()
    assert keywords["units"] == ("mm", "mm", "mm")
    assert keywords["axis_labels"] == ("L-R", "P-A", "I-S")
    assert "affine" not in keywords and "rotate" not in keywords
    four = DisplayGrid(ras_affine(), SHAPE).layer_keywords(leading=1)
    assert four["units"] == ("pixel", "mm", "mm", "mm") and len(four["scale"]) == 4


def test_real_files_in_twelve_orders_land_at_the_same_place():
    folder = shared("data/storage_orders")
    places = {}
    for path in sorted(folder.glob("*.nii.gz")):
        image = nibabel.load(path)
        grid = DisplayGrid(image.affine, image.shape)
        data = grid.to_shown(np.asarray(image.dataobj, np.float32))
        weight = np.abs(data) / np.abs(data).sum()
        centre = [(weight.sum(tuple({0, 1, 2} - {axis})) * np.arange(n)).sum() for axis, n in enumerate(data.shape)]
        places[path.name] = np.array(centre) * grid.scale + grid.translate
    assert len(places) == 12
    spread = np.ptp(np.array(list(places.values())), axis=0)
    assert spread.max() < 0.5, places


def test_foreign_layers_have_no_grid():
    assert display.layer_info({"napari_sti": "text"}) is None
    assert display.grid_of(display.layer_info({})) is None


def test_wrong_shape_is_named():
    with pytest.raises(InputError, match="the mask is 3x4x5 voxels and its grid 9x11x8; bring both to one grid"):
        display.check_same_grid((3, 4, 5), DisplayGrid(ras_affine(), SHAPE), "mask")
