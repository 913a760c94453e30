"""What results are compared with: what there is on their grid, and V1 and FA whose axes are to be stated."""

from pathlib import Path

import numpy as np
import pytest

from napari_sti.widgets.reference_box import ReferenceBox
from napari_sti.widgets.session.compare_sources import Candidate, Truth

SHAPE, AFFINE = (5, 6, 7), np.diag([-2.0, 2, 3, 1])
TRUTH = Truth(Path("/study/truth.nii.gz"), None, "ground truth", "brain")


def candidate(name, truth=None, shape=SHAPE):
    return Candidate(name, Path("/runs") / name, shape, AFFINE, "", truth)


@pytest.fixture
def box(qtbot):
    made = ReferenceBox()
    qtbot.addWidget(made)
    made.set_candidates({"a": candidate("a", TRUTH), "b": candidate("b", TRUTH), "c": candidate("c")}, ())
    made.show()
    return made


def offers(box):
    return [box.kind.itemText(i) for i in range(box.kind.count())]


def test_the_ground_truth_comes_first(box):
    assert offers(box) == ["ground truth of brain", "a", "b", "c", "DTI: V1 and FA files"]
    assert box.value() == ("truth:/study/truth.nii.gz", None, None, "")


def test_a_ground_truth_that_comes_later_takes_the_first_place_until_somebody_chooses(qtbot):
    made = ReferenceBox()
    qtbot.addWidget(made)
    made.set_candidates({}, ())
    assert made.value()[0] == "dti"
    made.set_candidates({"a": candidate("a", TRUTH)}, ())
    assert made.value()[0] == "truth:/study/truth.nii.gz"
    made.kind.setCurrentIndex(made.kind.findData("dti"))
    made.kind.activated.emit(made.kind.currentIndex())
    made.set_candidates({"a": candidate("a", TRUTH), "b": candidate("b")}, ())
    assert made.value()[0] == "dti"


def test_round_trip(box):
    value = ("dti", Path("/d/V1.nii.gz"), Path("/d/FA.nii.gz"), "fsl")
    box.setValue(value)
    assert box.value() == value and box.frame.isVisible() and box.v1.isVisible()
    box.setValue(("run:b", None, None, ""))
    assert box.value() == ("run:b", None, None, "") and not box.frame.isVisible()


def test_axes_are_never_taken_for_granted(box):
    box.setValue(("dti", Path("/d/V1.nii.gz"), Path("/d/FA.nii.gz"), ""))
    assert box.value()[3] == ""


def test_only_what_lies_on_the_grid_is_offered(box):
    box.setValue(("run:b", None, None, ""))
    candidates = {"a": candidate("a"), "b": candidate("b", shape=(5, 6, 8)), "c": candidate("c")}
    box.set_candidates(candidates, ("a",))
    assert offers(box) == ["a", "c", "DTI: V1 and FA files"]
    assert box.value()[0] == "run:a", "what is gone cannot stay chosen"
    box.setValue(("run:c", None, None, ""))
    box.set_candidates(candidates | {"d": candidate("d")}, ("a",))
    assert box.value()[0] == "run:c", "what is still there stays chosen"
