import numpy as np
import pytest

from napari_sti.core.eigen import principal
from napari_sti.simulate.susceptibility import (
    CHI_GREY,
    CHI_WHITE,
    CHI_WHITE_COHERENT,
    mean_and_anisotropy,
    susceptibility_tensor,
)


@pytest.fixture(scope="module")
def simulated(anatomy, fibres):
    return susceptibility_tensor(anatomy, fibres), *mean_and_anisotropy(anatomy, fibres)


def test_the_tensor_has_the_stated_mean_anisotropy_and_direction(anatomy, fibres, simulated):
    chi, mms, msa = simulated
    found_mms, found_msa, found_pev = principal(chi)
    np.testing.assert_allclose(found_mms, mms, atol=1e-6)
    np.testing.assert_allclose(found_msa, msa, atol=1e-6)
    strong = msa > 0.002
    assert np.abs((found_pev * fibres.direction).sum(-1))[strong].min() > 0.999


def test_values_lie_in_realistic_ranges(anatomy, simulated):
    _, mms, msa = simulated
    assert -0.05 < mms.min() < -0.03 and 0.1 < mms.max() <= 0.3
    assert msa.min() >= 0 and 0.02 < msa.max() <= 0.035
    assert mms[anatomy.wm > 0.95].mean() == pytest.approx(CHI_WHITE + 0.6 * CHI_WHITE_COHERENT, abs=0.005)
    assert np.median(mms[anatomy.gm > 0.95]) == pytest.approx(CHI_GREY, abs=0.002)


def test_only_white_matter_is_anisotropic(anatomy, simulated):
    chi, mms, msa = simulated
    assert not msa[anatomy.wm == 0].any()
    assert not chi[~anatomy.mask].any() and not mms[~anatomy.mask].any()
    assert np.mean(msa[anatomy.wm > 0.9] > 0.015) > 0.4


def test_iron_is_paramagnetic(anatomy, simulated):
    _, mms, msa = simulated
    inverse = np.linalg.inv(anatomy.grid.affine)
    for place, low in (((19.5, -4.5, -1), 0.08), ((-19.5, -4.5, -1), 0.08), ((26, 3, 1), 0.025), ((-13, 14, 5), 0.02)):
        index = tuple(np.round(inverse @ [*place, 1])[:3].astype(int))
        assert mms[index] > low
        assert msa[index] < 0.01
