"""The figure of a comparison has the angles of its table, and says what it shows."""

import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.core.tensor_field import TensorField
from napari_sti.evaluate.beside import figure_of
from napari_sti.evaluate.figures import save_figure
from napari_sti.evaluate.slices import Windows
from napari_sti.maps.coherence import coherence_table
from napari_sti.maps.comparison import compare
from napari_sti.maps.dti import DtiReference
from tests.evaluate.pages import assert_nothing_overlaps, pictures, words

SHAPE = (12, 13, 11)
AFFINE = np.diag([-2.0, 2, 3, 1])


def tensors(noise=0.004):
    rng = np.random.default_rng(0)
    v = rng.normal(size=(*SHAPE, 3))
    v /= np.linalg.norm(v, axis=-1, keepdims=True)
    chi = frames.from_matrix(0.03 * v[..., :, None] * v[..., None, :])
    truth = TensorField(chi, AFFINE, provenance={"simulated": True})
    return truth, TensorField(chi + rng.normal(0, noise, chi.shape), AFFINE, provenance={"simulated": True})


def test_rows_words_and_angles(tmp_path):
    truth, result = tensors()
    order = np.array([[1, -1], [2, 1], [0, -1.0]])
    found = compare({"mine": result.reordered(order)}, truth, reference_name="ground truth")
    figure = figure_of(found, axis="coronal", convention="radiological")
    said = words(figure)
    assert "ground truth" in said and "mine" in said
    assert f"mean angle {found.scores['mine'].angle_mean:.1f}°" in said
    foot = next(text for text in said if "Coronal slice" in text)
    assert "the person's right is on the left" in foot.replace("\n", " ")
    assert "Simulated data." in foot.replace("\n", " ")
    images = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    assert len(images) > 7
    for word in ("MMS", "MSA", "PEV colour", "PEV angle error"):
        assert word in said
    for letter in ("L", "R", "S", "I"):
        assert said.count(letter) == 2 + 1  # once in each row, once on the key
    # The same windows in both rows.
    greys = [image.get_clim() for image in pictures(figure) if image.get_cmap().name == "gray"]
    assert len(greys) == 2 and len(set(greys)) == 1
    assert_nothing_overlaps(figure)
    save_figure(figure, tmp_path / "figure.png")
    from skimage.io import imread

    assert imread(tmp_path / "figure.png")[..., :3].std() > 20


@pytest.mark.parametrize("convention", ["neurological", "radiological"])
def test_the_angle_panel_is_the_angle_map(convention):
    from matplotlib import colormaps

    truth, result = tensors(0.02)
    found = compare({"mine": result}, truth)
    middle = found.affine[2, 2] * 5 + found.affine[2, 3]
    figure = figure_of(found, slice_mm=float(middle), convention=convention)
    expected = np.swapaxes(found.angle_maps["mine"][:, :, 5], 0, 1)[::-1]
    expected = expected[:, ::-1] if convention == "radiological" else expected
    colours = colormaps["viridis"](np.nan_to_num(expected) / 90)[..., :3]
    counted = np.isfinite(expected)
    panels = [np.asarray(axes.images[0].get_array()) for axes in figure.axes if axes.images]
    # The panel may be cut to the brain, which here fills the volume.
    assert any(
        panel.shape == colours.shape and np.allclose(panel[counted], colours[counted], atol=1e-3) for panel in panels
    )


def test_beside_a_dti(tmp_path):
    truth, result = tensors()
    fa = np.full(SHAPE, 0.5, np.float32)
    wrong = (truth.pev * (-1, 1, 1)).astype(np.float32)
    dti = DtiReference(wrong, fa, AFFINE, "fsl", coherence_table(wrong, fa), "DTI")
    found = compare({"mine": result}, dti, reference_name="DTI")
    said = " ".join(words(figure_of(found))).replace("\n", " ")
    assert said.count("not measured by diffusion") == 2
    assert "Colours of DTI: brightness is FA, 0 to 0.8." in said
    assert "where the FA of DTI exceeds 0.2" in said


def test_an_isotropic_result_says_so():
    truth, result = tensors()
    flat = np.zeros((*SHAPE, 6))
    flat[..., [0, 3, 5]] = 0.01
    said = words(figure_of(compare({"cosmos": TensorField(flat, AFFINE), "mine": result}, truth)))
    assert "no directions" in said


def test_the_windows_can_be_given():
    truth, result = tensors()
    figure = figure_of(compare({"mine": result}, truth), limits=Windows(0.07, (0.0, 0.2), 30.0))
    assert {i.get_clim() for i in pictures(figure) if i.get_cmap().name == "gray"} == {(-0.07, 0.07)}
    assert {"0.2", "30"} <= {t.get_text() for axes in figure.axes for t in axes.get_xticklabels()}
