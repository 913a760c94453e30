"""A validation looks at what training never sees: unseen simulated brains, or tensors listed for it."""

from dataclasses import replace

import nibabel
import numpy as np
import pytest

from napari_sti.core.errors import InputError
from napari_sti.learn.deepsti_validation import Validation
from napari_sti.learn.tasks.deepsti import DeepSti, DeepStiTraining

SHAPE = (10, 12, 9)


@pytest.fixture
def folder(tmp_path):
    """Two tensors that nobody can mistake for each other; the second is for validation."""
    for name, scale in (("seen", 0.01), ("unseen", 0.04)):
        mask = np.zeros(SHAPE, np.uint8)
        mask[2:-2, 2:-2, 2:-2] = 1
        chi = np.random.default_rng(0).normal(0, scale, (*SHAPE, 6)) * mask[..., None]
        nibabel.save(nibabel.Nifti1Image(chi.astype(np.float32), np.diag([2, 2, 2, 1])), tmp_path / f"{name}.nii.gz")
        nibabel.save(nibabel.Nifti1Image(mask, np.diag([2, 2, 2, 1])), tmp_path / f"{name}_mask.nii.gz")
    _list(tmp_path, seen="train", unseen="validation")
    return tmp_path


def _list(folder, **uses):
    entries = "".join(f"  - {{tensor: {n}.nii.gz, mask: {n}_mask.nii.gz, use: {use}}}\n" for n, use in uses.items())
    (folder / "dataset.yaml").write_text(f"frame: ras\ntensors:\n{entries}")


def test_tensors_of_ones_own_are_validated_on_those_listed_for_it(folder):
    validation = Validation(replace(DeepStiTraining(), data=str(folder)))
    unseen = nibabel.load(folder / "unseen.nii.gz").get_fdata(dtype=np.float32)
    for number in (0, 1):
        np.testing.assert_allclose(np.moveaxis(validation._brain(number).chi.numpy(), 0, -1), unseen, atol=1e-7)


@pytest.mark.parametrize(
    ("use", "sentence"),
    [
        ("train", "no tensor of the dataset is for validation; give at least one use: validation"),
        ("validation", "no tensor is for training"),
    ],
)
def test_a_dataset_for_one_use_alone_is_refused_before_anything_begins(folder, use, sentence):
    _list(folder, seen=use, unseen=use)
    with pytest.raises(InputError, match=sentence):
        DeepSti().check(replace(DeepStiTraining(), data=str(folder)))
