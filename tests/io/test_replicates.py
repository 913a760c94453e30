"""Replicates beside a result: written small, read as they were, and refused when they are not what is stated."""

import json
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from napari_sti.core.errors import InputError
from napari_sti.core.replicates import Keeper
from napari_sti.io.replicates import REPLICATES, count_replicates, read_replicates
from napari_sti.io.results import load_further, load_result, save_result
from tests.core.test_replicates import AFFINE, SHAPE, tensor


@pytest.fixture
def saved(tmp_path):
    full = tensor()
    keeper = Keeper(full, 3)
    for seed in range(3):
        keeper.add(tensor(seed), f"tilt {seed}")
    save_result(full, tmp_path / "run", frame="ras", replicates=keeper.kept())
    return tmp_path / "run", keeper.kept()


def test_they_come_back_and_other_programs_read_them(saved):
    folder, kept = saved
    assert count_replicates(folder) == 3
    back = read_replicates(folder)
    assert back.labels == ("tilt 0", "tilt 1", "tilt 2") and back.slope == pytest.approx(kept.slope)
    np.testing.assert_array_equal(back.volume(), kept.volume())
    image = nib.load(folder / REPLICATES)
    assert image.shape == (*SHAPE, 9) and image.get_data_dtype() == np.int16
    np.testing.assert_allclose(image.affine, AFFINE)
    np.testing.assert_allclose(image.get_fdata()[kept.mask, 3:6], kept.vectors[1] * kept.slope, rtol=1e-6)
    entry = json.loads((folder / "result.json").read_text())["replicates"]
    assert entry["frame"] == "voxel" and entry["count"] == 3 and entry["bytes"] == (folder / REPLICATES).stat().st_size
    assert load_further(folder) == {} and load_result(folder).shape == SHAPE, "they are no scalar map"


def test_what_is_not_there_or_not_right_is_said(saved, tmp_path):
    folder, _ = saved
    save_result(tensor(), tmp_path / "plain")
    assert count_replicates(tmp_path / "plain") == 0 and count_replicates(tmp_path / "none") == 0
    with pytest.raises(InputError, match="keeps no replicates; make it with 'napari-sti trust'"):
        read_replicates(tmp_path / "plain")
    with pytest.raises(InputError, match="would replace this file"):
        told = {"inputs": [{"role": "replicates", "path": str(folder / REPLICATES)}]}
        save_result(replace(tensor(), provenance=told), folder, overwrite=True)
    nib.save(nib.Nifti1Image(np.zeros((*SHAPE, 9), np.int16), AFFINE), folder / REPLICATES)
    with pytest.raises(InputError, match="the replicates were changed after they were written"):
        read_replicates(folder)
    save_result(tensor(), folder, overwrite=True)
    assert not (folder / REPLICATES).exists(), "those of an earlier result do not stay"
