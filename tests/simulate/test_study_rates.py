"""R2' of a simulated study: that of its own tensor, in its storage order, and only where it is wanted."""

import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.core.params import from_mapping
from napari_sti.simulate.sample import sample_params
from napari_sti.simulate.study import SimulationParams, simulate

COARSE = {"orientations": 2, "voxel_size": "6x6x7", "max_tilt": 40.0}


def test_the_sample_brain_can_be_separated_at_once() -> None:
    assert sample_params().r2prime == sample_params(oblique=True).r2prime == "consistent"


def test_r2_prime_fits_the_tensor_in_every_storage_order() -> None:
    wanted = from_mapping(SimulationParams, COARSE | {"r2prime": "consistent", "r2prime_snr": 120.0})
    plain = simulate(wanted)
    turned = simulate(from_mapping(SimulationParams, COARSE | {"r2prime": "consistent", "r2prime_snr": 120.0,
                                                               "storage": "PSL"}))  # fmt: skip
    assert plain.r2prime.shape == (2, *plain.shape) and plain.r2prime.min() >= 0
    move = frames.orientation_between(plain.affine, turned.affine)
    np.testing.assert_allclose(turned.r2prime, frames.reorder_volume(plain.r2prime, move, first_axis=1), atol=1e-4)
    # Dr (chi+ − h'X-h) with chi+ I + X- = chi: the difference between two orientations knows no chi+.
    h = plain.b0_dirs
    along = [np.array([v[0] ** 2, 2 * v[0] * v[1], 2 * v[0] * v[2], v[1] ** 2, 2 * v[1] * v[2], v[2] ** 2]) for v in h]
    expected = -114 * (plain.reference_tensor.chi @ (along[0] - along[1]))
    inside = plain.mask & (plain.r2prime.min(0) > 0)
    np.testing.assert_allclose((plain.r2prime[0] - plain.r2prime[1])[inside], expected[inside], atol=2e-3)


def test_fields_are_the_same_with_and_without_it() -> None:
    without = simulate(from_mapping(SimulationParams, COARSE))
    with_rates = simulate(from_mapping(SimulationParams, COARSE | {"r2prime": "theory"}))
    assert without.r2prime is None
    np.testing.assert_array_equal(with_rates.field, without.field)
    assert 5 < np.percentile(with_rates.r2prime[:, with_rates.mask], 95) < 60
    with pytest.raises(InputError, match="r2prime"):
        from_mapping(SimulationParams, {"r2prime": "some"})
