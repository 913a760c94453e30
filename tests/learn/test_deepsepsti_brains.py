import pytest
import torch

from napari_sti.learn.deepsepsti_brains import SourceBrains


@pytest.fixture(scope="module")
def supply(coarse_brains):
    made = object.__new__(SourceBrains)  # with the bundles that are laid already
    made.__dict__.update(coarse_brains.__dict__)
    return made


def matrices(neg):
    return torch.stack([neg[i] for i in (0, 1, 2, 1, 3, 4, 2, 4, 5)], -1).reshape(*neg.shape[1:], 3, 3)


def test_sources_have_their_signs_and_add_up(supply):
    for number in range(3):
        brain = supply.brain(number)
        total = brain.neg.clone()
        total[[0, 3, 5]] += brain.pos
        torch.testing.assert_close(total, brain.chi, atol=1e-6, rtol=1e-4)
        assert float(brain.pos.min()) >= 0 and not brain.pos[~brain.mask].any() and not brain.neg[:, ~brain.mask].any()
        assert float(torch.linalg.eigvalsh(matrices(brain.neg)[brain.mask]).max()) < 1e-6
        assert 0.01 < float(brain.pos[brain.mask].mean()) < 0.08
        assert -0.08 < float(brain.neg[[0, 3, 5]].mean(0)[brain.mask].mean()) < -0.01


def test_myelin_alone_is_anisotropic_and_where_it_is_strong(supply):
    brain = supply.brain(0)
    eigenvalues = torch.linalg.eigvalsh(matrices(brain.neg)[brain.mask])
    msa = eigenvalues[:, 2] - eigenvalues[:, :2].mean(1)
    strong = -eigenvalues.mean(1)
    fibres = msa > 0.01
    assert 0.05 < float(fibres.float().mean()) < 0.7
    assert float(strong[fibres].mean()) > float(strong[~fibres].mean())


def test_a_number_is_a_brain_whenever_it_is_asked_for(supply):
    first, again, other = supply.brain(0), supply.brain(0), supply.brain(1)
    assert torch.equal(first.pos, again.pos) and torch.equal(first.neg, again.neg)
    assert first.pos.shape != other.pos.shape or not torch.equal(first.pos, other.pos)
