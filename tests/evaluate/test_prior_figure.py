import json

import nibabel
import numpy as np
import pytest
from skimage.io import imread

from napari_sti.core.errors import InputError
from napari_sti.evaluate.prior_figure import _pictures, draw_answer

MODEL = {"title": "small prior"}


def write(folder, **record):
    (folder / "prior.json").write_text(json.dumps({"model": MODEL, **record}))


def test_perturbed_images_stand_as_they_are_looked_at(tmp_path):
    """Stored from left to right flipped, sagittal first: in the figure the person's right is at the right."""
    affine = np.array([[0, -2.0, 0, 20], [0, 0, 3.0, -10], [4, 0, 0, 0], [0, 0, 0, 1.0]])  # k up, i left, j front
    data = np.zeros((1, 6, 5, 2), np.float32)
    data[0, 0, 4, 1] = 1  # at the right, in front
    nibabel.save(nibabel.Nifti1Image(data, affine), tmp_path / "perturbed_blur.nii.gz")
    images, aspect = _pictures(tmp_path, "blur")
    assert len(images) == 2 and images[1].shape == (5, 6) and aspect == pytest.approx(1.5)
    assert np.argwhere(images[1]).tolist() == [[0, 5]]  # at the top right


def test_curves_are_drawn(tmp_path):
    images = np.random.default_rng(0).uniform(size=(8, 9, 1, 3)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(images, np.eye(4)), tmp_path / "perturbed_noise.nii.gz")
    curve = {"name": "noise", "unit": "sd", "levels": [0, 0.1, 0.2], "values": [1.0, 2.0, None], "sample": "slice"}
    write(tmp_path, curves=[curve | {"samples": [[1.0, 2, 3], [2, 3, 4.0], []]}, curve | {"samples": []}])
    picture = imread(draw_answer(tmp_path, tmp_path / "curves.png"))
    assert picture[..., :3].std() > 10
    with pytest.raises(InputError, match="exists already"):
        draw_answer(tmp_path, tmp_path / "curves.png")


def test_cuts_are_drawn_and_the_rest_is_refused(tmp_path):
    cut = {"along": "the variable", "t": [-1, 0, 1], "psi": [1, 0, 1], "f": [-0.5, 0, 0.5], "r": [1, None, 1]}
    write(tmp_path, cut=cut)
    assert draw_answer(tmp_path, tmp_path / "cut.pdf").read_bytes().startswith(b"%PDF")
    write(tmp_path, value=1.0)
    with pytest.raises(InputError, match="have no figure"):
        draw_answer(tmp_path, tmp_path / "value.png")
    with pytest.raises(InputError, match="holds no answer"):
        draw_answer(tmp_path / "nothing", tmp_path / "a.png")
