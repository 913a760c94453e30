"""What follows the slice: which voxels are chosen, that lines and ellipsoids lie in it, and how they are styled."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer

from napari_sti.core import frames
from napari_sti.core.tensor_field import TensorField
from napari_sti.viz import _compat, follow, views
from napari_sti.viz.display import METADATA_KEY, layer_info
from napari_sti.viz.layers import set_style, set_window, tensor_layers
from napari_sti.viz.slab import choose, seen
from napari_sti.viz.style import PLAIN, Style
from tests.viz.phantoms import SHAPE, SIZE, marked_tensor, ras_affine, turned


@pytest.fixture
def shown():
    return show(marked_tensor())


def show(tensor, plane="axial"):
    """A viewer with the layers of a run, lines and ellipsoids visible."""
    viewer = ViewerModel()
    layers = [viewer.add_layer(Layer.create(*one)) for one in tensor_layers(tensor, run="run 1", floor=0, ceiling=0.03)]
    info = layer_info(layers[3].metadata)
    what = follow.drawn_of(layers[3])
    common = {"maps": info["maps"], "run": "run 1", "simulated": True}
    glyphs = viewer.add_layer(Layer.create(*follow.glyph_layer(what, "run 1", common)))
    layers[3].visible = True
    views.show_plane(viewer, plane)
    viewer.reset_view()
    viewer.dims.point = tuple(info["maps"].grid.translate + info["maps"].grid.scale * np.array([4, 5, 3]))
    return viewer, layers[2], layers[3], glyphs, info["maps"]


@pytest.mark.parametrize(("plane", "normal", "place"), [("axial", 2, 3), ("coronal", 1, 5), ("sagittal", 0, 4)])
def test_lines_and_ellipsoids_lie_in_the_slice(plane, normal, place):
    viewer, _, lines, glyphs, maps = show(marked_tensor(), plane)
    _compat.camera(viewer).zoom = 50.0
    count = follow.draw(lines, viewer)
    assert count == follow.draw(glyphs, viewer) > 0
    np.testing.assert_allclose(lines.data[:, 0, normal], place)
    np.testing.assert_allclose(glyphs.data[0][8:, normal], place)
    voxels = np.rint(lines.data[:, 0] + lines.data[:, 1] / 2).astype(int)
    voxels[:, normal] = place
    assert maps.mask[tuple(voxels.T)].all(), "none outside the mask"
    assert len(glyphs._view_faces) >= count, "napari shows them in this slice"
    viewer.dims.set_point(normal, float(maps.grid.translate[normal] + maps.grid.scale[normal] * (place + 1)))
    follow.draw(glyphs, viewer)
    np.testing.assert_allclose(glyphs.data[0][8:, normal], place + 1)


def test_every_voxel_when_near_few_when_far(shown):
    viewer, _, _, _, maps = shown
    camera = _compat.camera(viewer)
    camera.zoom = 40.0
    near, spacing = choose(maps, PLAIN, 0.0, seen(viewer, maps.grid), apart=16, most=9999)
    camera.zoom = 2.0
    far, wide = choose(maps, PLAIN, 0.0, seen(viewer, maps.grid), apart=16, most=9999)
    assert len(near) > 4 * len(far) > 0 and wide >= 6 > spacing == pytest.approx(min(SIZE))
    few, _ = choose(maps, PLAIN, 0.0, seen(viewer, maps.grid), apart=0, most=7)
    assert 0 < len(few) <= 7


def test_only_the_window_and_the_slab_are_drawn(shown):
    viewer, _, _, _, maps = shown
    camera = _compat.camera(viewer)
    camera.zoom, camera.center = 400.0, (0, *(maps.grid.translate + maps.grid.scale * np.array([4, 5, 3]))[[1, 0]])
    part = seen(viewer, maps.grid)
    assert (part.low[2], part.high[2]) == (3, 4) and part.high[0] - part.low[0] <= 3
    thick = seen(viewer, maps.grid, 3 * SIZE[2])
    assert (thick.low[2], thick.high[2]) == (2, 5)
    viewer.dims.ndisplay = 3
    assert seen(viewer, maps.grid).high == SHAPE and seen(viewer, maps.grid).normal is None
    assert seen(viewer, maps.grid, 1.0).high[2] - seen(viewer, maps.grid, 1.0).low[2] == 1


def test_where_all_is_clipped_nothing_is_drawn(shown):
    viewer, _, lines, glyphs, _ = shown
    clip = np.zeros(SHAPE, bool)
    for layer in (lines, glyphs):
        set_style(layer, Style(clip=clip), 0.0, 0.03)
        assert follow.draw(layer, viewer) == 0
        set_style(layer, PLAIN, 0.0, 0.03)
        assert follow.draw(layer, viewer) > 0


def test_the_volume_keeps_its_extent_whatever_is_drawn(shown):
    viewer, _, _, glyphs, _ = shown
    before = [tuple(one) for one in viewer.dims.range]
    for _ in range(2):
        follow.draw(glyphs, viewer)
        viewer.dims.set_point(2, viewer.dims.point[2] + SIZE[2])
    np.testing.assert_allclose([tuple(one) for one in viewer.dims.range], before)


@pytest.mark.parametrize("degrees", [0, 20])
def test_ellipsoids_point_along_the_eigenvectors_of_the_screen(degrees):
    """Also for a scan that is oblique, and stored in another order."""
    affine = turned(ras_affine(), SHAPE, degrees)
    tensor = marked_tensor(affine)
    order = np.array([[1, -1], [2, 1], [0, -1]], float)
    stored = TensorField(
        frames.rotate_tensors(frames.reorder_volume(tensor.in_frame("ras").chi, order), np.eye(3)),
        frames.reorder_affine(affine, order, SHAPE),
        frames.reorder_volume(tensor.mask, order),
        frame="ras",
    )
    viewer, _, lines, glyphs, maps = show(stored)
    _compat.camera(viewer).zoom = 80.0
    viewer.dims.set_point(2, float(maps.grid.translate[2] + maps.grid.scale[2] * 4))
    assert follow.draw(lines, viewer) == follow.draw(glyphs, viewer)
    each = (len(glyphs.data[0]) - 8) // len(lines.data)
    points = glyphs.data[0][8:].reshape(len(lines.data), each, 3) * maps.grid.scale
    axis = lines.data[:, 1] * maps.grid.scale
    along = points - points.mean(axis=1, keepdims=True)
    in_plane = axis[:, :2] / np.maximum(np.linalg.norm(axis[:, :2], axis=1, keepdims=True), 1e-9)
    strong = np.linalg.norm(axis[:, :2], axis=1) > 0.8 * np.linalg.norm(axis, axis=1)
    strong &= maps.msa[tuple(np.rint(points.mean(1) / maps.grid.scale).astype(int).T)] > 0.02
    assert strong.sum() >= 3
    wide = np.abs(np.einsum("nvi,ni->nv", along[..., :2], in_plane)).max(axis=1)
    across = np.abs(np.einsum("nvi,ni->nv", along[..., :2], in_plane[:, ::-1] * [1, -1])).max(axis=1)
    assert (wide[strong] > 1.5 * across[strong]).all()


def test_a_map_without_its_tensor_draws_no_ellipsoids(shown):
    from dataclasses import replace

    viewer, _, _, glyphs, maps = shown
    glyphs.metadata[METADATA_KEY]["maps"] = replace(maps, chi=None, chi_to_ras=None)
    assert follow.draw(glyphs, viewer) == 0


def test_opacity_clip_and_another_map(shown):
    viewer, colour, _, _, maps = shown
    other = np.linspace(-1, 1, maps.msa.size, dtype=np.float32).reshape(maps.msa.shape)
    other[4, 4, 4] = np.nan
    clip = np.zeros(SHAPE, bool)
    clip[:, 3:] = True
    set_style(colour, Style(by=other, by_title="other", by_unit="", opacity=True, clip=clip), -1.0, 1.0)
    alpha = colour.data[..., 3].astype(float)
    inside = maps.mask & clip & np.isfinite(other)
    np.testing.assert_allclose(alpha[inside], 255 * (other[inside] + 1) / 2, atol=1)
    assert not alpha[~inside].any(), "clipped, outside the mask and without a number: transparent"
    assert colour.data[inside][:, :3].max(axis=1).min() > 100, "full colours"
    set_style(colour, PLAIN, 0.0, 0.03)
    assert (colour.data[..., 3] == np.where(maps.mask, 255, 0)).all(), "back again"
    assert viewer.layers[1].contrast_limits == [0, 0.03]


def test_limits_of_msa_stay_when_another_map_decides(shown):
    viewer, colour, *_ = shown
    style = Style(by=np.ones(SHAPE, np.float32))
    for layer in viewer.layers:
        set_style(layer, style, 5.0, 9.0)
    assert viewer.layers[1].contrast_limits == [0, 0.03]
    set_window(viewer.layers[1], 5.0, 9.0)
    assert viewer.layers[1].contrast_limits == [0, 0.03]
    assert layer_info(colour.metadata)["ceiling"] == 9.0


def test_lines_keep_the_colours_and_the_suppression(shown):
    viewer, _, lines, _, _ = shown
    set_style(lines, Style(suppress=(True, False, False)), 0.0, 0.03)
    follow.draw(lines, viewer)
    np.testing.assert_allclose(lines.edge_color[:, 0], 0.5, atol=0.01)


def test_in_the_volume_ellipsoids_are_turned_with_everything_else(shown):
    """napari hands the corners of a surface on unturned in 3-D, so that it would lie across the image."""
    viewer, _, _, glyphs, _ = shown
    follow.draw(glyphs, viewer)
    viewer.dims.ndisplay = 3
    assert follow.draw(glyphs, viewer) > 0
    assert viewer.dims.order == (2, 1, 0)
    np.testing.assert_array_equal(glyphs._view_vertices, glyphs.data[0][:, [2, 1, 0]])
    follow.draw(glyphs, viewer)
    np.testing.assert_array_equal(glyphs._view_vertices, glyphs.data[0][:, [2, 1, 0]])
