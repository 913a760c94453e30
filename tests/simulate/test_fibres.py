import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.simulate.anatomy import anatomy_on, brain_grid
from napari_sti.simulate.fibres import fibre_field, streamlines
from napari_sti.simulate.landmarks import LANDMARKS
from napari_sti.simulate.tracts import TRACTS

CST = next(tract for tract in TRACTS if tract.name == "corticospinal")


def direction_at(field, grid, position):
    index = tuple(np.round(np.linalg.inv(grid.affine) @ [*position, 1])[:3].astype(int))
    return field.direction[index], field.coherence[index]


def degrees_between(a, b):
    return np.degrees(np.arccos(np.clip(np.abs(np.dot(a, b)), 0, 1)))


@pytest.mark.parametrize("name", LANDMARKS)
@pytest.mark.parametrize("size", [(2.0, 2.0, 2.0), (3.0, 2.5, 4.0)])
def test_known_places_have_their_known_directions(name, size, fields):
    field, grid = fields(size)
    direction, coherence = direction_at(field, grid, LANDMARKS[name].position)
    assert degrees_between(direction, LANDMARKS[name].direction) < 25
    assert coherence > 0.4


@pytest.fixture(scope="module")
def fields():
    made = {}

    def make(size, oblique=0.0):
        if (size, oblique) not in made:
            grid = brain_grid(size, oblique=oblique)
            made[size, oblique] = fibre_field(anatomy_on(grid)), grid
        return made[size, oblique]

    return make


def test_directions_are_those_of_the_world_on_an_oblique_grid(fields):
    field, grid = fields((3.0, 3.0, 3.0), 23.0)
    for landmark in LANDMARKS.values():
        direction, _ = direction_at(field, grid, landmark.position)
        assert degrees_between(direction, landmark.direction) < 30


def test_unit_directions_in_white_matter_and_none_elsewhere(anatomy, fibres):
    length = np.linalg.norm(fibres.direction, axis=-1)
    np.testing.assert_allclose(length[anatomy.wm > 0.02], 1, atol=1e-5)
    assert not length[anatomy.wm == 0].any()
    assert fibres.coherence.min() >= 0 and fibres.coherence.max() < 1
    assert 0.4 < np.median(fibres.coherence[anatomy.wm > 0.8]) < 0.9


def test_the_left_half_mirrors_the_right_one(fields):
    field, _ = fields((4.0, 4.0, 4.0))
    n = field.coherence.shape[0]
    assert np.mean(np.abs(field.coherence - field.coherence[::-1]) > 0.05) < 1e-3
    a, b = field.direction[: n // 2], field.direction[::-1][: n // 2] * [-1, 1, 1]
    strong = field.coherence[: n // 2] > 0.5
    assert np.percentile(np.abs((a * b).sum(-1)[strong]), 1) > 0.95


def test_the_field_is_smooth_along_bundles(fields):
    """Neighbours in strong white matter point alike: a field of random directions would score 0.5."""
    field, _ = fields((2.0, 2.0, 2.0))
    for axis in range(3):
        a, b = (np.take(field.direction, range(s, field.direction.shape[axis] - 1 + s), axis) for s in (0, 1))
        ca, cb = (np.take(field.coherence, range(s, field.coherence.shape[axis] - 1 + s), axis) for s in (0, 1))
        both = (ca > 0.5) & (cb > 0.5)
        assert np.mean(np.abs((a * b).sum(-1)[both])) > 0.97


def test_streamlines_pass_their_stations_without_crossing():
    points, tangents = streamlines(CST, 50, np.random.default_rng(0))
    np.testing.assert_allclose(np.linalg.norm(tangents, axis=-1), 1)
    assert np.linalg.norm(np.diff(points, axis=1), axis=-1).max() < 2.5
    first, last = CST.centres[0], CST.centres[-1]
    assert (np.abs(points[:, 0] - first) <= CST.widths[0] + 1e-9).all()
    assert (np.abs(points[:, -1] - last) <= CST.widths[-1] + 1e-9).all()
    # The order from front to back is kept from one end to the other.
    assert np.corrcoef(points[:, 0, 1], points[:, -1, 1])[0, 1] > 0.99


def test_the_dyadic_is_finite_and_semidefinite(anatomy):
    from napari_sti.simulate.fibres import sample_dyadic

    dyadic = sample_dyadic()
    assert np.isfinite(dyadic).all()
    values = np.linalg.eigvalsh(frames.to_matrix(dyadic[:, ::3, ::3, ::3].reshape(6, -1).T.astype(float)))
    assert values.min() > -1e-4
