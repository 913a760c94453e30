import numpy as np
import pytest
import torch

from napari_sti.core import eigen
from napari_sti.learn import brains as module
from napari_sti.learn.brains import BrainRanges, Brains, _carried_along


@pytest.fixture(scope="module")
def supply(coarse_brains):
    return coarse_brains


def test_a_number_is_a_brain_whenever_it_is_asked_for(supply):
    first, again, other = supply.brain(0), supply.brain(0), supply.brain(1)
    assert torch.equal(first.chi, again.chi) and first.voxel_size == again.voxel_size
    assert first.chi.shape != other.chi.shape or not torch.equal(first.chi, other.chi)


def test_values_are_those_of_a_brain(supply):
    for number in range(3):
        brain = supply.brain(number)
        chi = np.moveaxis(brain.chi.numpy(), 0, -1)
        mask = brain.mask.numpy()
        assert all(5 <= edge <= 7 for edge in brain.voxel_size)
        assert not chi[~mask].any() and np.isfinite(chi).all()
        volume = mask.sum() * np.prod(brain.voxel_size) / 1e6
        assert 1.0 < volume < 3.2, "litres of a head's brain"
        mms, msa, _ = eigen.principal(chi, mask=mask)
        assert mms[mask].min() > -0.15 and mms[mask].max() < 0.8
        assert msa[mask].min() + 1e-6 >= 0 and msa[mask].max() <= 0.1 + 1e-6
        assert (msa[mask] > 0.005).mean() > 0.1, "white matter is anisotropic"
        edges = [mask[0], mask[-1], mask[:, 0], mask[:, -1], mask[:, :, 0], mask[:, :, -1]]
        assert not any(face.any() for face in edges), "the brain does not touch the rim"


def test_voxels_can_be_longer_along_one_axis():
    supply = Brains(BrainRanges(voxel_size=(6.0, 8.0), anisotropic=1.0, courses=1), seed=1)
    assert any(len(set(supply.brain(n).voxel_size)) == 2 for n in range(3))


STRAIGHT = {"fibre_turn": (0.0, 0.0), "fibre_bend": (0.0, 0.0), "fibre_roughness": (0.0, 0.0)}


def fibres(**spreads):
    """MSA and PEV of one and the same brain, but for how its fibres are turned."""
    ranges = BrainRanges((5.0, 5.0), courses=1, **(STRAIGHT | {name: (s, s) for name, s in spreads.items()}))
    chi = np.moveaxis(Brains(ranges, seed=3).brain(0).chi.numpy(), 0, -1)
    return eigen.principal(chi)[1:]


def angle_between_neighbours(msa, pev):
    both = (msa[1:] > 0.005) & (msa[:-1] > 0.005)
    return mean_angle(pev[1:][both], pev[:-1][both])


def mean_angle(one, other):
    return np.degrees(np.arccos(np.abs((one * other).sum(-1)).clip(0, 1))).mean()


def test_rough_fibres_change_from_voxel_to_voxel(monkeypatch):
    monkeypatch.setattr(module, "RANDOM_FIBRES", 0.0)
    assert angle_between_neighbours(*fibres(fibre_roughness=0.35)) > angle_between_neighbours(*fibres()) + 8


def test_fibres_turn_as_much_over_long_distances_as_they_bend_but_neighbours_stay_alike(monkeypatch):
    monkeypatch.setattr(module, "RANDOM_FIBRES", 0.0)
    (msa, straight), turned, bent = fibres(), fibres(fibre_turn=0.35), fibres(fibre_bend=0.35)
    for _, pev in (turned, bent):
        assert 15 < mean_angle(pev[msa > 0.005], straight[msa > 0.005]) < 40
    before, of_turned, of_bent = (angle_between_neighbours(msa, pev) for pev in (straight, turned[1], bent[1]))
    assert of_turned < before + 6 < before + 10 < of_bent


def test_anatomical_fibres_keep_their_course_and_random_ones_do_not(monkeypatch):
    supply = Brains(BrainRanges((6.0, 8.0), fibre_bend=(0.0, 0.0), fibre_roughness=(0.0, 0.0), courses=1), seed=1)

    def left_right_share(brain):
        """Of the anisotropic voxels around the midline above the ventricles: where fibres cross."""
        chi = np.moveaxis(brain.chi.numpy(), 0, -1)
        _, msa, pev = eigen.principal(chi, mask=brain.mask.numpy())
        nx, _, nz = msa.shape
        slab = (slice(nx // 2, nx // 2 + 1), slice(None), slice(nz // 2, 2 * nz // 3))
        strong = msa[slab] > 0.6 * msa[slab].max()
        return np.abs(pev[slab][strong][:, 0]).mean()

    monkeypatch.setattr(module, "RANDOM_FIBRES", 0.0)
    ordered = np.mean([left_right_share(supply.brain(n)) for n in range(4)])
    monkeypatch.setattr(module, "RANDOM_FIBRES", 1.0)
    random = np.mean([left_right_share(supply.brain(n)) for n in range(4)])
    assert ordered > 0.6
    assert random < ordered


def test_fibres_are_carried_along_by_a_deformation():
    # y -> x = J y: a fibre along v in x runs along J^-1 v in y.
    rng = np.random.default_rng(0)
    jacobian = np.eye(3) + 0.2 * rng.normal(size=(3, 3))
    v = rng.normal(size=3)
    found = _carried_along(torch.tensor(v)[:, None], torch.tensor(jacobian)[:, :, None])[:, 0].numpy()
    expected = np.linalg.solve(jacobian, v)
    assert found / np.linalg.norm(found) == pytest.approx(expected / np.linalg.norm(expected))
