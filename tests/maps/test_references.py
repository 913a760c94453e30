"""Whatever is pointed at is read as what it is, and named so that it can be told apart."""

import nibabel as nib
import numpy as np
import pytest

from napari_sti.core.errors import InputError
from napari_sti.core.tensor_field import TensorField
from napari_sti.io.results import save_result, save_tensor
from napari_sti.maps.dti import DtiReference
from napari_sti.maps.references import open_reference, open_result, short_names

AFFINE = np.diag([-2.0, 2, 3, 1])


def tensor():
    return TensorField(np.random.default_rng(0).normal(0, 0.01, (5, 4, 6, 6)), AFFINE)


def test_results_and_tensors(tmp_path):
    save_result(tensor(), tmp_path / "run", frame="lps")
    save_tensor(tensor(), tmp_path / "alone.nii.gz")
    for path in ("run", "run/result.json", "run/chi.nii.gz", "alone.nii.gz"):
        np.testing.assert_allclose(open_result(tmp_path / path).chi, tensor().chi, atol=1e-6)
        np.testing.assert_allclose(open_reference(tmp_path / path).chi, tensor().chi, atol=1e-6)
    nib.save(nib.Nifti1Image(np.ones((5, 4, 6, 6), np.float32), AFFINE), tmp_path / "bare.nii.gz")
    with pytest.raises(InputError, match="frame of the tensor's components is not stated"):
        open_reference(tmp_path / "bare.nii.gz")
    assert open_result(tmp_path / "bare.nii.gz", frame="ras").frame == "voxel"


def test_directions(tmp_path):
    found = tensor()
    nib.save(nib.Nifti1Image(found.pev, AFFINE), tmp_path / "V1.nii.gz")
    nib.save(nib.Nifti1Image(np.full(found.shape, 0.5, np.float32), AFFINE), tmp_path / "FA.nii.gz")
    dti = open_reference(tmp_path / "V1.nii.gz", fa=tmp_path / "FA.nii.gz", frame="voxel")
    assert isinstance(dti, DtiReference) and dti.name == "V1"
    np.testing.assert_allclose(np.abs((dti.directions * found.pev).sum(-1)), 1, atol=1e-5)
    with pytest.raises(InputError, match="an FA goes with directions"):
        save_result(found, tmp_path / "run")
        open_reference(tmp_path / "run", fa=tmp_path / "FA.nii.gz")


def test_directions_whose_sidecar_states_the_frame(tmp_path):
    """The pev of a result is as good as a V1, and says its axes itself."""
    save_result(tensor(), tmp_path / "run", frame="lps")
    nib.save(nib.Nifti1Image(np.full((5, 4, 6), 0.5, np.float32), AFFINE), tmp_path / "FA.nii.gz")
    dti = open_reference(tmp_path / "run/pev.nii.gz", fa=tmp_path / "FA.nii.gz")
    assert dti.frame == "lps"
    np.testing.assert_allclose(np.abs((dti.directions * tensor().pev).sum(-1)), 1, atol=1e-5)
    with pytest.raises(InputError, match="its sidecar states the frame lps and not ras"):
        open_reference(tmp_path / "run/pev.nii.gz", fa=tmp_path / "FA.nii.gz", frame="ras")


def test_names(tmp_path):
    assert short_names(["/a/one", "/a/two.nii.gz", "/a/three/result.json"]) == ["one", "two", "three"]
    assert short_names(["/a/x/run", "/a/y/run"]) == ["x/run", "y/run"]
    assert short_names(["/a/x/run", "/a/y/run", "/a/z"]) == ["x/run", "y/run", "a/z"]
    with pytest.raises(InputError, match="the same result was given twice"):
        short_names(["/a/one", "/a/../a/one"])
