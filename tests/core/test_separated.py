"""The type of a separated susceptibility: signs, shapes, frozen, maps of the tensor."""

import numpy as np
import pytest

from napari_sti.core.errors import InputError
from napari_sti.core.relaxometry import relaxation
from napari_sti.core.separated import SeparatedField
from napari_sti.core.tensor_field import TensorField

SHAPE = (3, 4, 5)
POS = np.random.default_rng(0).random(SHAPE).astype(np.float32)
DR = relaxation(114)


def test_parts_and_total() -> None:
    found = SeparatedField(POS, -2 * POS, np.eye(4), DR)
    np.testing.assert_allclose(found.total, -POS)
    np.testing.assert_allclose(found.chi_neg_magnitude, 2 * POS)
    assert found.shape == SHAPE and found.mask.all() and found.voxel_size == (1, 1, 1)
    with pytest.raises(ValueError, match="read-only"):
        found.chi_pos[0] = 1
    with pytest.raises(Exception, match="cannot assign"):
        found.name = "other"


def test_maps_are_those_of_the_tensor() -> None:
    chi = np.zeros((*SHAPE, 6))
    chi[..., [0, 3, 5]] = (-0.06, -0.06, -0.03)
    found = SeparatedField(POS, None, np.eye(4), DR, chi_neg_tensor=TensorField(chi, np.eye(4)))
    np.testing.assert_allclose(found.chi_neg, -0.05, atol=1e-7)
    np.testing.assert_allclose(found.chi_neg_tensor.msa, 0.03, atol=1e-7)
    np.testing.assert_allclose(found.chi_neg_tensor.pev, np.broadcast_to([0, 0, 1.0], (*SHAPE, 3)), atol=1e-6)
    assert found.in_frame("ras").chi_neg_tensor.frame == "ras"


def test_rounding_does_not_change_signs() -> None:
    found = SeparatedField(POS - POS - 1e-8, POS - POS + 1e-8, np.eye(4), DR)
    assert found.chi_pos.min() == 0 and found.chi_neg.max() == 0
    assert not np.signbit(found.chi_neg_magnitude).any()


@pytest.mark.parametrize(
    ("pos", "neg", "sentence"),
    [
        (POS, POS, r"chi- goes up to 0.99\d ppm; give the diamagnetic part as negative numbers, not magnitudes"),
        (-POS, -POS, r"chi\+ goes down to -0.99\d ppm; give the paramagnetic part, which is >= 0"),
        (POS, None, "the diamagnetic part is missing; give it as a volume or as a tensor"),
        (POS, -POS[1:], r"chi- is 2x4x5 voxels and chi\+ 3x4x5; bring both to one grid"),
        (POS[0], -POS[0], r"chi\+ has the shape 4x5; give one volume"),
    ],
)
def test_what_cannot_be_is_refused(pos: np.ndarray, neg: np.ndarray | None, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        SeparatedField(pos, neg, np.eye(4), DR)


def test_an_unconstrained_split_may_have_either_sign() -> None:
    assert SeparatedField(-POS, POS, np.eye(4), DR, signed=False).chi_pos.max() <= 0
