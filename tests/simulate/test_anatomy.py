import numpy as np
import pytest
from scipy import fft

from napari_sti.core import frames
from napari_sti.simulate import anatomy as module
from napari_sti.simulate.anatomy import MARGIN_MM, Grid, anatomy_on, brain_grid, resample, world_coordinates


def at(anatomy, volume, position):
    """Value of the voxel nearest to a place in RAS mm."""
    index = np.linalg.inv(anatomy.grid.affine) @ [*position, 1]
    return volume[tuple(np.round(index[:3]).astype(int))]


def test_tissues_lie_where_anatomy_has_them(anatomy):
    assert at(anatomy, anatomy.wm, (26, -20, 32)) > 0.9  # corona radiata
    assert at(anatomy, anatomy.wm, (2, -27, -32)) > 0.7  # pons: the template alone says about a half
    assert at(anatomy, anatomy.gm, (12, 14, 8)) > 0.6  # head of the caudate
    assert at(anatomy, anatomy.csf, (18, -38, 16)) > 0.5  # lateral ventricle
    assert not at(anatomy, anatomy.mask, (0, 80, 40))


def test_fractions_sum_to_one_inside_and_to_zero_outside(anatomy):
    total = anatomy.gm + anatomy.wm + anatomy.csf
    np.testing.assert_allclose(total[anatomy.mask], 1, atol=1e-5)
    assert not total[~anatomy.mask].any()
    assert all(volume.min() >= 0 for volume in (anatomy.gm, anatomy.wm, anatomy.csf, anatomy.t1))
    assert not anatomy.t1[~anatomy.mask].any()


@pytest.mark.parametrize(("size", "oblique"), [((4, 4, 4), 0), ((3, 4, 7), 0), ((5, 5, 5), 25), ((2.5, 4, 6), 17)])
def test_volumes_of_tissue_do_not_depend_on_the_grid(anatomy, size, oblique):
    other = anatomy_on(brain_grid(size, oblique=oblique))
    for name in ("mask", "wm", "gm"):
        given = getattr(other, name).sum() * np.prod(size)
        expected = getattr(anatomy, name).sum() * 64
        assert given == pytest.approx(expected, rel=0.02), name


@pytest.mark.parametrize(("size", "oblique"), [((4.0, 4.0, 4.0), 0), ((3.0, 5.0, 7.0), 0), ((4.0, 4.0, 6.0), 20)])
def test_the_brain_keeps_its_distance_from_the_border_and_its_copies(size, oblique):
    grid = brain_grid(size, oblique=oblique)
    mask = anatomy_on(grid).mask
    np.testing.assert_allclose(grid.voxel_size, size)
    for axis in range(3):
        used = np.flatnonzero(mask.any(tuple({0, 1, 2} - {axis})))
        assert used[0] * size[axis] > MARGIN_MM - size[axis]
        assert (mask.shape[axis] - 1 - used[-1]) * size[axis] > MARGIN_MM - size[axis]
        assert fft.next_fast_len(mask.shape[axis], real=True) == mask.shape[axis]
    assert frames.obliquity_degrees(grid.affine) == pytest.approx(oblique, abs=oblique / 4)


def test_some_sizes_are_odd():
    assert any(n % 2 for n in brain_grid((4.0, 4.0, 4.0)).shape)


def test_left_is_left(anatomy):
    """MNI space is RAS: a place with positive x lies at higher i on a straight grid; the template is symmetric."""
    x, y, z = world_coordinates(anatomy.grid)
    i, j, k = (n // 2 for n in anatomy.grid.shape)
    expected = anatomy.grid.affine @ [i, j, k, 1]
    np.testing.assert_allclose([np.broadcast_to(c, anatomy.mask.shape)[i, j, k] for c in (x, y, z)], expected[:3])
    wm = anatomy_on(Grid((41, 49, 41), np.array([[4.0, 0, 0, -80], [0, 4, 0, -112], [0, 0, 4, -72], [0, 0, 0, 1]]))).wm
    np.testing.assert_allclose(wm, wm[::-1], atol=0.1)


def test_resampling_keeps_places_and_averages():
    fine = Grid((30, 32, 34), np.diag([1.0, 1, 1, 1]))
    values = np.random.default_rng(0).random(fine.shape).astype(np.float32)
    np.testing.assert_array_equal(resample(values, fine, fine), values)
    shifted = Grid((10, 10, 10), np.array([[1.0, 0, 0, 4], [0, 1, 0, 5], [0, 0, 1, 6], [0, 0, 0, 1]]))
    np.testing.assert_allclose(resample(values, fine, shifted), values[4:14, 5:15, 6:16], atol=1e-6)
    coarse = Grid((5, 5, 5), np.array([[4.0, 0, 0, 6], [0, 4, 0, 6], [0, 0, 4, 6], [0, 0, 0, 1]]))
    assert resample(values, fine, coarse).std() < 0.3 * values.std()


def test_a_small_piece_is_that_of_the_whole(anatomy):
    """Only the part of the template that is needed gets blurred."""
    affine = anatomy.grid.affine.copy()
    affine[:3, 3] = (affine @ [10, 20, 15, 1])[:3]
    piece = anatomy_on(Grid((7, 9, 8), affine))
    np.testing.assert_allclose(piece.wm, anatomy.wm[10:17, 20:29, 15:23], atol=1e-5)
    far = affine.copy()
    far[:3, 3] = 500
    assert not anatomy_on(Grid((3, 4, 5), far)).mask.any()


def test_the_file_found_directly_is_that_of_the_public_loader():
    for name in ("t1", "gm", "wm"):
        values, affine = module.read_template(name)
        expected, expected_affine = module.read_template_by_loader(name)
        np.testing.assert_array_equal(values, expected)
        np.testing.assert_array_equal(affine, expected_affine)
        assert values.max() == 1


def test_without_the_file_the_public_loader_is_asked(monkeypatch, tmp_path):
    monkeypatch.setattr(module.resources, "files", lambda package: tmp_path)
    values, _ = module.read_template("wm")
    assert values.shape == (197, 233, 189)
