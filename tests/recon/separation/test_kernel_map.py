"""The decay kernel map: nothing to find where one Dr fits, and a kernel that follows where it does not."""

from dataclasses import replace

import numpy as np
import pytest

from napari_sti.core.errors import InputError
from napari_sti.recon.separate import separate
from napari_sti.recon.separation.kernel_map import KernelMap, KernelMapParams
from tests.recon.separation.given import scalar_input
from tests.recon.test_separation_registry import study

METHOD = KernelMap()


def test_one_dr_that_fits_is_kept() -> None:
    given = scalar_input(shape=(16, 14, 12))
    found = METHOD.run(given, KernelMapParams(lam=1e-4))
    inside = given.acquisition.mask
    np.testing.assert_allclose(found.further["kernel"][inside], 114, rtol=0.03)
    assert found.provenance["stopped"] == "tolerance"


def test_kernel_follows_where_susceptibility_exceeds_what_the_rates_allow() -> None:
    given = scalar_input(shape=(16, 14, 12))
    inside = given.acquisition.mask
    chi = np.where(inside, np.float32(0.06), np.float32(0))  # iron alone, so that R2' = a chi
    true = np.full(chi.shape, 114.0)
    true[:8] = 50
    one = replace(given, chi=chi, rates=(true * chi)[None].astype(np.float32))
    found = METHOD.run(one, KernelMapParams(lam=1e-4, smooth_mm=1.0, trust=0.005, rounds=60, tol=0.005))
    kernel = found.further["kernel"]
    assert kernel[:5][inside[:5]].mean() == pytest.approx(50, rel=0.15)
    assert kernel[11:][inside[11:]].mean() > 80  # leaks from its neighbourhood, see the class
    assert not kernel[~inside].any()
    changes = [record["change"] for record in found.provenance["iterations"]]
    assert changes[-1] < 0.005 < changes[0]


def test_unequal_constants_are_refused() -> None:
    with pytest.raises(InputError, match=r"needs Dr\+ = Dr- for a scalar and was given 114 and 80 Hz/ppm; give one"):
        separate(study(), "kernel_map", dr=114, dr_neg=80)
