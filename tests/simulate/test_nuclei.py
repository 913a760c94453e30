import numpy as np
import pytest

from napari_sti.simulate.anatomy import Grid, anatomy_on, world_coordinates
from napari_sti.simulate.nuclei import NUCLEI, VEINS, nuclei_weights


def test_one_weight_for_each_and_within_its_bounds(anatomy):
    found = nuclei_weights(anatomy)
    assert len(found) == len(NUCLEI) + len(VEINS)
    for chi, weight in found:
        assert weight.shape == anatomy.mask.shape
        assert weight.min() >= 0 and 0 < weight.max() <= 1
        assert not weight[~anatomy.mask].any()
        assert 0.01 <= chi <= 0.4


def around(centre, half, size):
    """Anatomy of a small cube."""
    n = int(2 * half / size)
    affine = np.diag([size, size, size, 1.0])
    affine[:3, 3] = np.subtract(centre, half)
    return anatomy_on(Grid((n, n, n), affine))


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("name", ["globus pallidus", "red nucleus", "dentate nucleus"])
def test_an_ellipsoid_lies_on_either_side_and_has_the_volume_of_its_radii(name, side):
    nucleus = next(n for n in NUCLEI if n.name == name)
    x, y, z = nucleus.centre
    anatomy = around((side * x, y, z), max(nucleus.radii) + 4, 1.5)
    x, y, z = world_coordinates(anatomy.grid)
    weight = nuclei_weights(anatomy)[NUCLEI.index(nucleus)][1] * (side * x > 0)
    assert weight.sum() * 1.5**3 == pytest.approx(4 / 3 * np.pi * np.prod(nucleus.radii), rel=0.3)
    centre = [(weight * c).sum() / weight.sum() for c in (x, y, z)]
    np.testing.assert_allclose(centre, [side * nucleus.centre[0], *nucleus.centre[1:]], atol=1.5)


def test_thin_veins_fade_rather_than_grow_in_large_voxels():
    volume = []
    for size in (1.5, 4.0):
        found = nuclei_weights(around((0, -20, 12), 30, size))[-len(VEINS) :]
        volume.append(sum(weight.sum() for _, weight in found) * size**3)
    assert volume[1] == pytest.approx(volume[0], rel=0.5)
