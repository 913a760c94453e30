"""What isotropic methods share: their tensors have no direction in any frame, and the right orientation is used."""

import numpy as np
import pytest

from napari_sti.core.errors import InputError
from napari_sti.core.tensor_field import TensorField
from napari_sti.recon.isotropic import isotropic_tensor, mean_susceptibility, one_orientation
from tests.recon.dense import measured


@pytest.mark.parametrize("frame", ["voxel", "ras", "lps", "fsl"])
def test_isotropic_tensors_have_no_direction_in_any_frame(frame: str) -> None:
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([1, 1.2, 2.5])
    chi = 0.05 * np.random.default_rng(0).normal(size=(5, 4, 6)).astype(np.float32)
    seen = TensorField(isotropic_tensor(chi), affine).in_frame(frame)
    np.testing.assert_array_equal(seen.mms, chi)
    assert not seen.msa.any()
    assert not seen.pev.any()
    np.testing.assert_allclose(mean_susceptibility(seen.chi), chi, atol=1e-8)


def test_the_least_tilted_orientation_is_taken_unless_one_is_asked_for() -> None:
    given = measured((4, 5, 3), 4)
    upright = int(np.argmax(np.abs(given.b0_dirs[:, 2])))
    assert one_orientation(given, 0) == (upright, f"Made from one of 4 orientations: orientation {upright + 1}.")
    assert one_orientation(given, 3)[0] == 2
    assert one_orientation(measured((4, 5, 3), 1), 0) == (0, "")
    with pytest.raises(InputError, match="orientation 5 is asked for and the study has 4; give its number, or 0"):
        one_orientation(given, 5)
