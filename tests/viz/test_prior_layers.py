import copy

import numpy as np
import pytest
from napari.layers import Layer

from napari_sti.viz.display import METADATA_KEY, DisplayGrid, grid_of
from napari_sti.viz.legend import bar_of
from napari_sti.viz.prior_layers import Bound, prior_layers
from napari_sti.viz.status import describe

SHAPE = (6, 7, 5)
TILT = np.array([[0, -0.96, -0.28], [1, 0, 0], [0, -0.28, 0.96]])
AFFINE = np.block([[TILT * (1.5, 2.0, 3.0), np.array([[30.0], [-20], [5]])], [np.array([[0, 0, 0, 1.0]])]])


def bound(**values):
    return Bound("T1", "a.u.", "value of T1 1", SHAPE, DisplayGrid(AFFINE, SHAPE), **values)


def test_a_slice_goes_back_to_its_place():
    rng = np.random.default_rng(0)
    one, whole = rng.normal(size=(6, 1, 5)).astype(np.float32), rng.normal(size=SHAPE).astype(np.float32)
    about = bound(axis=1, slice=4, values=whole)
    (data, keywords, _) = prior_layers({"prior_map": one}, about)[-1]
    grid = DisplayGrid(AFFINE, SHAPE)
    assert np.allclose(grid.to_stored(data)[:, 4], one[:, 0]) and np.isfinite(data).sum() == one.size
    assert tuple(keywords["scale"]) == tuple(grid.scale) and tuple(keywords["translate"]) == tuple(grid.translate)
    info = keywords["metadata"][METADATA_KEY]
    place = grid.translate + grid.scale * np.argwhere(np.isfinite(data))[3]
    voxel = tuple(np.argwhere(np.isfinite(data))[3])
    said = describe(info, grid_of(info), data, place)
    assert f"R {data[voxel]:.3g} (usual" in said and f"image {grid.to_shown(whole)[voxel]:.4g} a.u." in said
    nowhere = grid.translate + grid.scale * np.argwhere(~np.isfinite(data))[0]
    assert "not asked here" in describe(info, grid_of(info), data, nowhere)


def test_the_map_diverges_around_its_median_where_the_image_is():
    rng = np.random.default_rng(1)
    terms = np.full(SHAPE, -5, np.float32)
    image = np.zeros(SHAPE, np.float32)
    image[1:5, 1:6, 1:4] = 2.0
    image[0, 0, 0] = np.nan
    image[2, 2, 2] = 0.0  # within the object: no air
    terms[1:5, 1:6, 1:4] = 0.7 + 0.1 * rng.normal(size=(4, 5, 3))
    layers = prior_layers({"prior_map": terms, "prox": image, "inverse": image}, bound(values=image, limits=(0, 3)))
    assert [keywords["visible"] for _, keywords, _ in layers] == [False, False, True]
    assert [keywords["name"] for _, keywords, _ in layers] == [
        "value of T1 1 - inverse [a.u.]",
        "value of T1 1 - prox [a.u.]",
        "value of T1 1 - prior map [R per voxel]",
    ]
    data, keywords, _ = layers[-1]
    low, high = keywords["contrast_limits"]
    usual = np.median(terms[image > 0])
    assert (low + high) / 2 == pytest.approx(usual) and 0.15 < high - usual < 0.4
    told = DisplayGrid(AFFINE, SHAPE).to_stored(np.isfinite(data))
    assert told[1:5, 1:6, 1:4].all() and told.sum() == 4 * 5 * 3, "the air around the object is not covered"
    layer = Layer.create(*layers[-1])
    bar = bar_of(layer, layer.metadata[METADATA_KEY], "ppm")
    assert bar.title == "prior map [R per voxel]"
    assert max(bar.colors[len(bar.colors) // 2]) < 20, "the usual lets the image through, in the bar as well"
    rgba = layer.colormap.map(np.array([0.0, 0.5, 1.0]))
    assert np.allclose(rgba[:, 3], (0.9, 0.0, 0.9)) and rgba[0, :3].argmax() == 2 and rgba[2, :3].argmax() == 0
    assert copy.deepcopy(layer.metadata[METADATA_KEY]["maps"]) is layer.metadata[METADATA_KEY]["maps"]


def test_differences_tensors_and_images_of_another_origin():
    tensor = np.zeros((*SHAPE, 6), np.float32)
    tensor[..., [0, 3, 5]] = (0.03, 0.06, 0.09)
    difference = np.random.default_rng(2).normal(size=SHAPE).astype(np.float32)
    about = Bound("tensor", "ppm", "compare 1", SHAPE, DisplayGrid(AFFINE, SHAPE))
    layers = prior_layers({"prox": tensor, "prior_difference": difference}, about)
    assert np.allclose(layers[0][0], 0.06) and not layers[0][1]["visible"]
    low, high = layers[1][1]["contrast_limits"]
    assert low == -high and "0.060 ppm" in layers[1][1]["metadata"][METADATA_KEY]["maps"].words((1, 1, 1), "ppm")

    flat = Bound("photo", "", "prox of photo 1", (6, 7, 1), None, {"scale": (2.0, 3.0), "translate": (5.0, 1.0)}, True)
    ((data, keywords, _),) = prior_layers({"prox": difference[:, :, :1]}, flat)
    assert data.shape == (6, 7) and keywords["visible"] and "metadata" not in keywords
    assert keywords["scale"] == (2.0, 3.0) and keywords["translate"] == (5.0, 1.0)
