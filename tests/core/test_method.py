"""What a method needs is checked before it runs, and what the person should know is said."""

from dataclasses import dataclass

import numpy as np
import pytest

from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import InputError
from napari_sti.core.method import Method, Needs
from napari_sti.core.progress import silent
from napari_sti.core.tensor_field import TensorField

SHAPE = (3, 4, 5)


@dataclass(frozen=True)
class NoParams:
    pass


class Nothing(Method):
    id, title, summary, formula, reference = "nothing", "Nothing", "Makes nothing.", "0", "none"
    needs = Needs(orientations=2, determined_from=6, masks=("wm_mask",))
    Params = NoParams

    def run(self, acquisition, params, progress=silent, *, device="cpu"):
        return TensorField(np.zeros((*acquisition.shape, 6)), acquisition.affine, acquisition.mask)

    def memory_bytes(self, shape, orientations, params):
        return 0


def acquisition(n, **more):
    field = np.random.default_rng(0).normal(0, 0.03, (n, *SHAPE))
    angles = np.linspace(0, 0.5, n)
    dirs = np.stack([0 * angles, np.sin(angles), np.cos(angles)], 1)
    return Acquisition(field, dirs, np.ones(SHAPE), np.eye(4), **more)


def test_a_complete_acquisition_passes():
    assert Nothing().check(acquisition(2, wm_mask=np.ones(SHAPE))) is None


def test_what_is_missing_is_named():
    with pytest.raises(
        InputError, match="Nothing needs at least 2 orientations and the study has 1; add orientations or"
    ):
        Nothing().check(acquisition(1))
    with pytest.raises(InputError, match="Nothing needs the wm mask; add wm_mask to the study"):
        Nothing().check(acquisition(2))
    bare = Acquisition(None, [(0, 0, 1)], np.ones(SHAPE), np.eye(4))
    with pytest.raises(InputError, match="Nothing needs field maps and the study has none; add one per orientation"):
        Nothing().check(bare)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_too_few_orientations_are_said(n):
    (remark,) = Nothing().remarks(acquisition(n))
    start = "One orientation leaves" if n == 1 else f"{n} orientations leave"
    assert remark.startswith(f"{start} the tensor underdetermined (6 are needed for its six components)")


def test_enough_orientations_need_no_remark():
    assert Nothing().remarks(acquisition(6)) == ()


def test_the_abstract_method_cannot_be_made():
    with pytest.raises(TypeError, match="abstract"):
        Method()
