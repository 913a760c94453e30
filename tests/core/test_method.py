"""What a method needs is checked before it runs, and what the person should know is said."""

from dataclasses import dataclass

import numpy as np
import pytest

from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import InputError
from napari_sti.core.frames import count_distinct
from napari_sti.core.method import Method, Needs
from napari_sti.core.progress import silent
from napari_sti.core.tensor_field import TensorField
from napari_sti.recon.registry import get_method

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
    with pytest.raises(
        InputError, match=r"Nothing needs a mask of white matter \(wm_mask\); add it to the study, or make one"
    ):
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


WIDE = np.array([[0, 0, 1], [0.5, 0, 0.866], [-0.5, 0, 0.866], [0, 0.5, 0.866], [0, -0.5, 0.866], [0.6, 0.6, 0.529]])
WIDE = WIDE / np.linalg.norm(WIDE, axis=1, keepdims=True)


def measured_along(dirs):
    field = np.random.default_rng(0).normal(0, 0.05, (len(dirs), 4, 3, 5))
    return Acquisition(field, dirs, np.ones((4, 3, 5)), np.eye(4))


@pytest.mark.parametrize(
    ("dirs", "part"),
    [
        (WIDE, None),
        (WIDE[:1], "One orientation leaves"),
        (WIDE[:4], "4 orientations leave"),
        (np.repeat(WIDE[:1], 7, axis=0), "7 orientations with only 1 different B0 direction leave"),
        (np.concatenate([WIDE[:3], -WIDE[:3]]), "6 orientations with only 3 different B0 directions leave"),
    ],
)
def test_says_when_the_directions_do_not_determine_the_tensor(dirs, part):
    remarks = get_method("stiimag").remarks(measured_along(dirs))
    if part is None:
        assert remarks == ()
    else:
        assert part in remarks[0] and "underdetermined" in remarks[0]


def test_count_of_distinct_directions():
    turned = [np.sin(np.radians(0.4)), 0, np.cos(np.radians(0.4))]
    assert count_distinct([[0, 0, 1], [0, 0, -1], turned]) == 1
    assert count_distinct(WIDE) == len(WIDE)
