"""Maps that modulate or clip: which can, and how they come to the grid of a run."""

import numpy as np
from napari.layers import Image, Labels

from napari_sti.viz import other_maps
from napari_sti.viz.display import METADATA_KEY, DisplayGrid
from tests.viz.phantoms import SHAPE, ras_affine, turned


def image(values, affine, name="FA"):
    grid = DisplayGrid(affine, values.shape)
    return Image(
        grid.to_shown(values),
        name=name,
        metadata={METADATA_KEY: {**grid.metadata(), "map": name}},
        **grid.layer_keywords(),
    )


def coordinates(affine, shape):
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    return index @ affine[:3, :3].T + affine[:3, 3]


def test_the_same_grid_is_not_touched():
    affine = ras_affine()
    layer = image(np.random.default_rng(0).normal(size=SHAPE).astype(np.float32), affine)
    assert other_maps.on_grid(layer, DisplayGrid(affine, SHAPE)) is layer.data


def test_another_grid_order_and_obliquity_is_interpolated_in_the_world():
    """A map whose value is its place says where it was taken from."""
    target = DisplayGrid(turned(ras_affine(), SHAPE, 15), SHAPE)
    shape = (30, 26, 24)
    affine = ras_affine(shape, (1.3, 1.7, 1.9))
    affine[:3, 0] *= -1
    affine[:3, 3] += [1.3 * 29, 0, 0]
    values = (coordinates(affine, shape) @ [1.0, 10.0, 100.0]).astype(np.float32)
    found = other_maps.on_grid(image(values, affine), target)
    wanted = coordinates(target.true_affine, SHAPE) @ [1.0, 10.0, 100.0]
    good = np.isfinite(found)
    assert good.mean() > 0.5
    np.testing.assert_allclose(found[good], wanted[good], rtol=1e-3, atol=0.5)


def test_outside_it_there_is_no_value_and_labels_stay_whole_numbers():
    target = DisplayGrid(ras_affine(), SHAPE)
    small = Labels(np.ones((2, 2, 2), int) * 7, scale=(2, 1.5, 3), translate=(3, -18, 12))
    found = other_maps.on_grid(small, target)
    assert set(np.unique(found[np.isfinite(found)])) == {7} and np.isnan(found).any()


def test_what_can_be_used():
    affine = ras_affine()
    plain = image(np.zeros(SHAPE, np.float32), affine)
    rgb = Image(np.zeros((*SHAPE, 3), np.uint8), rgb=True)
    flat = Image(np.zeros((5, 5)))
    own = image(np.zeros(SHAPE, np.float32), affine, "MSA")
    own.metadata[METADATA_KEY].update(kind="msa", run="run 1")
    assert other_maps.usable([plain, rgb, flat, own], "run 1") == [plain]
    assert other_maps.title_and_unit(plain) == ("FA", "")


def test_ranges_suit_small_large_and_signed_values():
    mask = np.ones(1000, bool)
    for scale in (1e-3, 1.0, 4000.0):
        low, high = other_maps.robust_range(np.linspace(-scale, scale, 1000), mask)
        assert -1.02 * scale <= low < -0.9 * scale and 0.9 * scale < high <= 1.02 * scale
    assert other_maps.robust_range(np.linspace(0, 1, 1000), mask)[0] == 0
    low, high = other_maps.robust_range(np.full(1000, np.nan), mask)
    assert (low, high) == (0.0, 1.0)
    low, high = other_maps.robust_range(np.full(1000, 2.0), mask)
    assert low < high
