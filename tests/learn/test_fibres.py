import numpy as np
import pytest
import torch

from napari_sti.core import eigen, frames
from napari_sti.learn.fibres import FibrePool, principal_direction, varied
from napari_sti.simulate.fibres import REFERENCE
from napari_sti.simulate.tracts import TRACTS


@pytest.fixture(scope="module")
def pool():
    return FibrePool(3, torch.device("cpu"), variants=1)


def test_principal_direction_is_the_first_eigenvector():
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.normal(size=(200, 3, 3)))[0]
    values = np.sort(rng.random((200, 3)) * [0.2, 0.5, 0.4] + [0, 0, 0.6], axis=1)
    matrices = np.einsum("pij,pj,pkj->pik", turn, values, turn)
    direction, value = principal_direction(torch.tensor(frames.from_matrix(matrices).T, dtype=torch.float32))
    expected = eigen.principal(frames.from_matrix(matrices)[:, None, None])[2][:, 0, 0]
    cosine = np.abs((direction.numpy().T * expected).sum(1))
    apart = values[:, 2] - values[:, 1] > 0.15
    assert apart.sum() > 100
    assert cosine[apart].min() > 0.999
    assert value.numpy()[apart] == pytest.approx(values[apart, 2], rel=1e-3)


def test_principal_direction_of_nothing_is_a_unit_vector():
    direction, value = principal_direction(torch.zeros(6, 4))
    assert direction.norm(dim=0).tolist() == [1, 1, 1, 1]
    assert value.tolist() == [0, 0, 0, 0]


def test_a_drawn_field_is_like_that_of_the_sample_brain_and_never_the_same(pool):
    first, second = (pool.draw(np.random.default_rng(seed)) for seed in (0, 1))
    assert first.shape == (6, *REFERENCE.shape)
    assert torch.equal(first, pool.draw(np.random.default_rng(0)))
    assert not torch.allclose(first, second)
    # In the middle of the corpus callosum fibres cross the midline.
    place = np.round(np.linalg.inv(REFERENCE.affine) @ (0, -14, 25, 1)).astype(int)[:3]
    direction, _ = principal_direction(first[(slice(None), *place)][:, None])
    assert abs(float(direction[0, 0])) > 0.9


def test_left_and_right_are_drawn_apart(pool):
    field = pool.draw(np.random.default_rng(2))
    mirrored = field.flip(1) * torch.tensor([1, -1, -1, 1, 1, 1.0])[:, None, None, None]
    assert float((field - mirrored).norm() / field.norm()) > 0.1


def test_stations_at_the_midline_keep_their_side():
    genu = TRACTS[0]
    other = varied(genu, np.random.default_rng(0))
    assert [s[0] for s in other.stations[:2]] == [s[0] for s in genu.stations[:2]]
    assert other.stations[-1] != genu.stations[-1]
