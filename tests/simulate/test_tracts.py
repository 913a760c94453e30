import numpy as np
import pytest

from napari_sti.simulate.tracts import CALLOSAL, TRACTS

NAMES = [tract.name for tract in TRACTS]


@pytest.mark.parametrize("tract", TRACTS, ids=NAMES)
def test_stations_are_bundles_in_the_right_half(tract):
    assert len(tract.stations) >= 3
    assert (tract.widths > 0).all() and 0.5 <= tract.weight <= 2
    assert (tract.centres[1:, 0] >= 0).all()
    assert (np.linalg.norm(np.diff(tract.centres, axis=0), axis=1) > 3).all()


def test_names_are_unique():
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("tract", CALLOSAL, ids=[t.name for t in CALLOSAL])
def test_commissures_cross_the_midline_straight(tract):
    before, middle = tract.centres[:2]
    np.testing.assert_allclose((middle - before) / np.linalg.norm(middle - before), [1, 0, 0])
    assert before[0] < 0
