"""The map of where streamlines pass: on the right voxels whatever the storage order, and in words."""

import numpy as np
import pytest

from napari_sti.core.tracts import from_lines
from napari_sti.maps.tracking import TrackParams
from napari_sti.viz.display import DisplayGrid, layer_info
from napari_sti.viz.tract_density import KIND, density_layer
from napari_sti.widgets.session.tract_sources import TractChoice

SHAPE, AFFINE = (9, 7, 5), np.array([[0, 2.0, 0, -6], [-2.0, 0, 0, 8], [0, 0, 2.5, -5], [0, 0, 0, 1.0]])


@pytest.fixture
def tracts():
    def line(*voxels):
        return np.array(voxels, float) @ AFFINE[:3, :3].T + AFFINE[:3, 3]

    lines = [line((1, 3, 2), (7, 3, 2)), line((1, 3, 2), (1, 6, 2))]
    about = {"replicates": 2, "simulated": True}
    return from_lines(lines, affine=AFFINE, shape=SHAPE, name="two", provenance=about)


def test_shares_lie_where_the_streamlines_pass(tracts):
    grid = DisplayGrid(AFFINE, SHAPE)
    data, keywords, kind = density_layer(tracts, grid, "run")
    info = layer_info(keywords["metadata"])
    assert kind == "image" and info["kind"] == KIND and info["run"] == "run" and info["simulated"] is True
    stored = grid.to_stored(np.asarray(data))
    assert stored.shape == SHAPE and stored[1, 3, 2] == 1 and stored[7, 3, 2] == 0.5 and stored[1, 6, 2] == 0.5
    assert np.isnan(stored[4, 1, 2]) and "over 2 replicates" in info["description"]
    place = tuple(int(i[0]) for i in np.nonzero(np.asarray(data) == 1))
    assert info["maps"].words(place, "ppm") == "2 of 2 streamlines of two pass (100 %)"


def test_replicates_are_not_drawn_from_a_spread_as_well():
    choice = TractChoice("replicates:a", params=TrackParams(sampling="spread"))
    assert choice.probabilistic and choice.why_not().startswith("Replicates are followed as they are")
    assert not TractChoice("run:a", params=TrackParams(sampling="spread")).why_not()
