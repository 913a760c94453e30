import numpy as np
import pytest
import torch

from napari_sti.learn.courses import FANS, REVISED, REWEIGHED, training_tracts
from napari_sti.learn.fibres import laid_dyadic, principal_direction
from napari_sti.simulate.fibres import REFERENCE, add_tract
from napari_sti.simulate.landmarks import LANDMARKS
from napari_sti.simulate.tracts import TRACTS

ALL = training_tracts()


@pytest.mark.parametrize("tract", ALL, ids=[t.name for t in ALL])
def test_stations_are_bundles_in_the_right_half(tract):
    assert len(tract.stations) >= 3
    assert (tract.widths > 0).all() and 0.5 <= tract.weight <= 2.5
    assert (tract.centres[1:, 0] >= 0).all()
    assert (np.linalg.norm(np.diff(tract.centres, axis=0), axis=1) > 3).all()


def test_every_bundle_of_the_sample_brain_is_there_once_and_some_are_corrected():
    names = [tract.name for tract in ALL]
    assert len(set(names)) == len(names)
    assert names == [tract.name for tract in TRACTS] + [tract.name for tract in FANS]
    before = {tract.name: tract for tract in TRACTS}
    assert {tract.name for tract in REVISED} | set(REWEIGHED) <= set(before)
    changed = {tract.name for tract in ALL[: len(TRACTS)] if tract != before[tract.name]}
    assert changed == {tract.name for tract in REVISED} | set(REWEIGHED)


@pytest.fixture(scope="module")
def middle():
    return laid_dyadic()


@pytest.mark.parametrize("name", LANDMARKS)
def test_known_places_have_their_known_directions(name, middle):
    landmark = LANDMARKS[name]
    x, y, z = np.round(np.linalg.inv(REFERENCE.affine) @ [*landmark.position, 1])[:3].astype(int)
    direction, _ = principal_direction(torch.from_numpy(middle[:, x, y, z, None]))
    cosine = abs(float(direction[:, 0].numpy() @ np.array(landmark.direction)))
    assert np.degrees(np.arccos(min(cosine, 1.0))) < 25


def test_a_bundle_fades_in_its_fan_with_a_higher_saturation():
    fan = next(tract for tract in ALL if tract.name == "middle body")
    kept, faded = (np.zeros((6, *REFERENCE.shape), np.float32) for _ in range(2))
    add_tract(kept, fan, np.random.default_rng(0), saturation=0.1)
    add_tract(faded, fan, np.random.default_rng(0), saturation=0.5)
    share = faded[[0, 3, 5]].sum(0) / np.maximum(kept[[0, 3, 5]].sum(0), 1e-9)
    density = kept[[0, 3, 5]].sum(0)
    stem, edge = density > 0.9 * density.max(), (density > 0.2 * density.max()) & (density < 0.4 * density.max())
    assert share[edge].mean() < 0.6 * share[stem].mean()
