"""The output of FSL's dtifit is reproduced from its own tensor: eigenvalues, directions, mean, and anisotropy."""

import nibabel as nib
import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.core.eigen import eigen_system
from napari_sti.core.tensor_field import TensorField
from tests.shared_data import shared


@pytest.fixture(scope="module")
def fit():
    folder = shared("data/dti_patch")
    images = {path.name[4:6]: nib.load(path) for path in sorted(folder.glob("dti_*.nii.gz"))}
    values = np.stack([images[f"L{n}"].get_fdata() for n in (1, 2, 3)], -1)
    vectors = np.stack([images[f"V{n}"].get_fdata() for n in (1, 2, 3)], -1)
    tensor = np.einsum("...in,...n,...jn->...ij", vectors, values, vectors)
    return images, values, vectors, frames.from_matrix(tensor)


def test_eigenvalues_and_directions(fit):
    _, values, vectors, tensor = fit
    found, axes = eigen_system(tensor)
    np.testing.assert_allclose(found, values, atol=2e-6 * values.max())
    cosine = np.abs(np.sum(axes * vectors, axis=-2))
    gap = np.diff(values, axis=-1)
    apart = np.minimum(
        np.pad(-gap, ((0, 0),) * 3 + ((0, 1),), constant_values=1),
        np.pad(-gap, ((0, 0),) * 3 + ((1, 0),), constant_values=1),
    )
    clear = apart > 1e-3 * values.max()  # where two eigenvalues are equal, their directions are not defined
    assert clear.mean() > 0.9
    assert cosine[clear].min() > 0.9999


def test_mean_diffusivity_and_fa(fit):
    images, _, _, tensor = fit
    found, _ = eigen_system(tensor)
    mean = found.mean(-1)
    np.testing.assert_allclose(mean, images["MD"].get_fdata(), rtol=1e-4)
    fa = np.sqrt(1.5 * ((found - mean[..., None]) ** 2).sum(-1) / (found**2).sum(-1))
    np.testing.assert_allclose(fa, images["FA"].get_fdata(), atol=1e-4)


def test_the_tensor_field_gives_the_same_in_every_frame(fit):
    images, values, vectors, tensor = fit
    field = TensorField(tensor, images["L1"].affine, frame="fsl")
    np.testing.assert_allclose(field.msa, values[..., 0] - values[..., 1:].mean(-1), atol=1e-8)
    clear = values[..., 0] - values[..., 1] > 1e-3 * values.max()
    for frame in frames.FRAMES:
        back = frames.rotate_vectors(field.in_frame(frame).pev, frames.between(frame, "fsl", field.affine))
        assert np.abs(np.sum(back * vectors[..., 0], -1))[clear].min() > 0.9999
