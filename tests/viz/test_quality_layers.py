"""Layers of residuals and of angles: where they lie, which is seen, and what they say."""

import numpy as np
import pytest
from napari.layers import Layer

from napari_sti.io.nifti import write_volume
from napari_sti.viz.display import layer_info
from napari_sti.viz.quality_layers import angle_layer, residual_layers
from tests.maps import bundled


@pytest.fixture
def volumes(tmp_path):
    mask = bundled.brain_mask()
    residual = np.random.default_rng(0).normal(0, 0.002, (*bundled.SHAPE, 3)).astype(np.float32) * mask[..., None]
    angle = np.where(mask, np.float32(20), np.float32(np.nan))
    angle[3:5, 10, 11] = 70
    write_volume(tmp_path / "residuals.nii.gz", residual, bundled.affine())
    write_volume(tmp_path / "angle.nii.gz", angle, bundled.affine())
    return tmp_path, residual, angle


def test_residuals_of_every_orientation(volumes):
    folder, residual, _ = volumes
    layers = [Layer.create(*data) for data in residual_layers(folder / "residuals.nii.gz", "run 1", worst=1)]
    assert [layer.name for layer in layers] == [f"run 1 - residual {n} [ppm]" for n in (1, 2, 3)]
    assert [layer.visible for layer in layers] == [False, True, False]
    low, high = layers[0].contrast_limits
    assert low == -high and 0.002 < high < 0.01
    shown = layers[2].data  # stored LAS, shown RAS
    np.testing.assert_allclose(np.nan_to_num(shown), residual[::-1, ..., 2], atol=1e-7)
    assert "fits worst" in layer_info(layers[1].metadata)["description"]


def test_angles(volumes):
    folder, _, angle = volumes
    layer = Layer.create(*angle_layer(folder / "angle.nii.gz", "run 1", "the FA exceeds 0.2"))
    assert layer.name == "run 1 - PEV angle to DTI [deg]" and tuple(layer.contrast_limits) == (0, 90)
    np.testing.assert_array_equal(layer.data, angle[::-1])
    info = layer_info(layer.metadata)
    assert info["maps"].words((20, 10, 11), "ppm").endswith("70.0°")  # 4 from the left is 20 from the right
    assert "only where the FA exceeds 0.2" in info["maps"].words((0, 0, 0), "ppm")
