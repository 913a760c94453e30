import numpy as np

from napari_sti.viz.lines import LENGTH, TINT, even_subset, make_lines


def field(shape, direction):
    return np.broadcast_to(np.array(direction, np.float32), (*shape, 3)).copy()


def test_lines_are_as_long_in_mm_whatever_the_voxel():
    shape, scale = (4, 5, 3), np.array([1.0, 2.0, 3.0])
    for direction in np.eye(3):
        lines = make_lines(field(shape, direction), np.ones(shape, bool), np.eye(3), scale)
        length = np.linalg.norm(lines.vectors[:, 1] * scale, axis=1)
        np.testing.assert_allclose(length, LENGTH * 1.0, rtol=1e-5)
        np.testing.assert_allclose(lines.colors[0], [*(TINT + (1 - TINT) * np.array(direction)), 1])


def test_lines_are_centred_and_start_within_their_slice():
    shape = (4, 5, 3)
    lines = make_lines(field(shape, (0.6, 0, 0.8)), np.ones(shape, bool), np.eye(3), np.ones(3))
    middle = lines.vectors[:, 0] + lines.vectors[:, 1] / 2
    np.testing.assert_allclose(middle, np.rint(middle), atol=1e-5)
    assert (np.abs(lines.vectors[:, 0] - np.rint(middle)) < 0.5).all()


def test_lines_follow_the_axes_of_an_oblique_scan_and_colours_the_world():
    axes = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1.0]])
    lines = make_lines(field((2, 2, 2), (1, 0, 0)), np.ones((2, 2, 2), bool), axes, np.ones(3))
    np.testing.assert_allclose(lines.vectors[0, 1] / LENGTH, axes.T @ [1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(lines.colors[0], [1, TINT, TINT, 1])


def test_thinning_is_even_in_every_slice_of_every_axis():
    index = np.argwhere(np.ones((40, 44, 36), bool))
    keep = even_subset(index, 10_000)
    assert keep.sum() <= 10_500
    for axis in range(3):
        share = np.bincount(index[keep, axis]) / np.bincount(index[:, axis])
        assert share.min() > 0.5 * share.mean() and share.max() < 1.5 * share.mean()


def test_no_line_without_direction_or_outside():
    pev = field((3, 3, 3), (0, 1, 0))
    pev[0] = 0
    shown = np.ones((3, 3, 3), bool)
    shown[:, 0] = False
    lines = make_lines(pev, shown, np.eye(3), np.ones(3))
    assert len(lines.vectors) == 2 * 2 * 3 and lines.kept == 1
    assert make_lines(pev, ~np.ones((3, 3, 3), bool), np.eye(3), np.ones(3)).vectors.shape == (0, 2, 3)
