import pytest
import torch

from napari_sti.learn.smooth import smooth_field


def draw(length, voxel_size=(2.0, 2.0, 2.0), shape=(23, 31, 18), seed=0):
    return smooth_field(3, shape, voxel_size, length, generator=torch.Generator().manual_seed(seed))


def test_shape_spread_and_seed():
    field = draw(10.0)
    assert field.shape == (3, 23, 31, 18)
    assert field.std(dim=(1, 2, 3)).tolist() == pytest.approx([1, 1, 1], abs=1e-4)
    assert torch.equal(field, draw(10.0))
    assert not torch.equal(field, draw(10.0, seed=1))


def test_length_is_in_mm_along_every_axis():
    def roughness(field, axis):
        return float(field.diff(dim=axis).square().mean())

    assert roughness(draw(5.0), 1) > 3 * roughness(draw(20.0), 1)
    # Voxels of 4 mm along z step four times as far as those of 1 mm along x.
    long = draw(16.0, voxel_size=(1.0, 1.0, 4.0))
    assert roughness(long, 3) > 4 * roughness(long, 1)


def test_a_single_plane_and_a_length_beyond_the_volume():
    assert torch.isfinite(draw(500.0, shape=(1, 9, 7))).all()
