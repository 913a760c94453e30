"""One sentence that says what, where and how to mend it."""

import copy
import pickle
from pathlib import Path

import pytest

from napari_sti.core.errors import Cancelled, InputError, OutOfMemory


def test_one_sentence():
    assert str(InputError("the mask is empty")) == "the mask is empty."
    assert str(InputError("the mask is empty", mend="give another")) == "the mask is empty; give another."
    error = InputError("the mask is  empty", file="a/b.nii", mend="give\nanother")
    assert str(error) == "a/b.nii: the mask is empty; give another."
    assert (error.file, error.mend) == (Path("a/b.nii"), "give\nanother")


def test_a_question_needs_no_full_stop():
    assert str(InputError("'lmb' is not known", mend="did you mean 'lam'?")).endswith("did you mean 'lam'?")


def test_is_a_value_error_for_scripts():
    assert issubclass(InputError, ValueError) and issubclass(OutOfMemory, MemoryError)
    assert not issubclass(Cancelled, ValueError)


@pytest.mark.parametrize("again", [copy.copy, lambda e: pickle.loads(pickle.dumps(e))], ids=["copy", "pickle"])
def test_survives_the_way_between_processes(again):
    error = again(InputError("the mask is empty", file="a.nii", mend="give another"))
    assert str(error) == "a.nii: the mask is empty; give another."
    assert (error.what, error.file, error.mend) == ("the mask is empty", Path("a.nii"), "give another")
