"""Layers of a comparison: one grid, one window, names, and values that lie where they belong."""

from dataclasses import replace

import numpy as np
import pytest
from napari.layers import Layer

from napari_sti.core import frames
from napari_sti.maps.coherence import coherence_table
from napari_sti.maps.comparison import compare
from napari_sti.maps.dti import DtiReference
from napari_sti.viz.compare_layers import ANGLE_LIMITS, comparison_layers, shown_comparison
from napari_sti.viz.display import METADATA_KEY, layer_info
from napari_sti.viz.layers import set_window
from napari_sti.viz.status import describe
from tests.viz import phantoms

ORDER = np.array([[1, -1], [2, 1], [0, -1.0]])


def noisy(truth, seed, level=0.003):
    noise = np.random.default_rng(seed).normal(0, level, truth.chi.shape)
    return replace(truth, chi=truth.chi + noise * truth.mask[..., None])


@pytest.fixture(params=["RAS", "oblique"])
def shown(request):
    affine = phantoms.ras_affine()
    if request.param == "oblique":
        affine = phantoms.turned(affine, phantoms.SHAPE, 12)
    truth = phantoms.marked_tensor(affine)
    results = {"one": noisy(truth, 1), "two": noisy(truth, 2).reordered(ORDER).in_frame("lps")}
    return shown_comparison(compare(results, truth, reference_name="ground truth"))


def made(shown, kind):
    return [Layer.create(*data) for data in comparison_layers(shown, kind)]


@pytest.mark.parametrize("kind", ["pev_colour", "msa", "mms"])
def test_order_names_and_windows(shown, kind):
    layers = made(shown, kind)
    title = {"pev_colour": "PEV colour (compared)", "msa": "MSA (compared) [ppm]", "mms": "MMS (compared) [ppm]"}[kind]
    assert [layer.name for layer in layers] == [
        *(f"{run} - {title}" for run in ("one", "two", "ground truth")),
        *(f"{run} - PEV angle to ground truth [deg]" for run in ("one", "two")),
    ]
    infos = [layer_info(layer.metadata) for layer in layers]
    if kind == "pev_colour":
        assert len({(info["floor"], info["ceiling"]) for info in infos[:3]}) == 1
    else:
        assert len({tuple(layer.contrast_limits) for layer in layers[:3]}) == 1
    assert {tuple(layer.contrast_limits) for layer in layers[3:]} == {ANGLE_LIMITS}
    assert len({tuple(layer.scale) for layer in layers}) == 1 and len({tuple(layer.translate) for layer in layers}) == 1
    assert {str(unit) for layer in layers for unit in layer.units} == {"millimeter"}
    assert all(info["simulated"] for info in infos)
    assert [info["cell"][0] for info in infos] == ["one", "two", "ground truth", "one", "two"]
    assert "reference" in infos[2]["cell"][1] and "reference" not in infos[0]["cell"][1]


def test_the_same_voxel_is_in_the_same_place(shown):
    """The result that is stored in another order shows the values of its own voxels."""
    truth = shown.comparison.reference
    _, two, reference, *angles = made(shown, "mms")
    np.testing.assert_allclose(reference.data[truth.mask], truth.mms[truth.mask], atol=1e-6)
    assert np.corrcoef(two.data[truth.mask], reference.data[truth.mask])[0, 1] > 0.99
    assert not np.array_equal(two.data, reference.data, equal_nan=True)
    for name, angle in zip(("one", "two"), angles, strict=True):
        counted = np.isfinite(angle.data)
        assert (counted == (truth.mask & (truth.msa > 0.015))).all()
        assert angle.data[counted].mean() == pytest.approx(shown.comparison.scores[name].angle_mean, abs=1e-3)


def test_colours_follow_the_window_together(shown):
    one, two, reference, *_ = made(shown, "pev_colour")
    before = reference.data.copy()
    for layer in (one, two, reference):
        set_window(layer, 0.02, 0.08)
    assert (reference.data[..., :3].astype(int) <= before[..., :3]).all()
    assert reference.data[..., :3].sum() < 0.6 * before[..., :3].sum()
    msa = made(shown, "msa")[0]
    set_window(msa, 0.0, 0.05)
    assert tuple(msa.contrast_limits) == (0, 0.05)


def test_status_line(shown):
    layers = made(shown, "pev_colour")
    truth = shown.comparison.reference
    counted = np.argwhere(np.isfinite(layers[3].data))[3]
    place = counted * shown.grid.scale + shown.grid.translate
    info = layer_info(layers[3].metadata)
    expected = shown.angles["one"][tuple(counted)]
    assert describe(info, shown.grid, layers[3].data, place).endswith(f"PEV angle one to ground truth {expected:.1f}°")
    weak = np.argwhere(truth.mask & (truth.msa < 0.01))[5] * shown.grid.scale + shown.grid.translate
    words = describe(info, shown.grid, layers[3].data, weak)
    assert words.endswith("no angle here (only where the MSA of ground truth exceeds 0.015 ppm)")
    assert "MSA" in describe(layer_info(layers[0].metadata), shown.grid, layers[0].data, place)


def test_box_of_the_brain():
    truth = phantoms.marked_tensor()
    mask = np.zeros(phantoms.SHAPE, bool)
    mask[2:6, 5:9, 3:4] = True
    shown = shown_comparison(compare({"a": replace(truth, mask=mask)}, truth))
    low, high = shown.box
    np.testing.assert_allclose(high - low, np.array([4, 4, 1]) * phantoms.SIZE)
    np.testing.assert_allclose(low, (np.array([2, 5, 3]) - 0.5) * phantoms.SIZE + truth.affine[:3, 3])


def dti_of(tensor):
    fa = np.clip(tensor.msa / 0.05, 0, 1).astype(np.float32)
    return DtiReference(tensor.pev, fa, tensor.affine, "fsl", coherence_table(tensor.pev, fa), "DTI")


def test_a_dti_shows_its_own_maps():
    truth = phantoms.marked_tensor()
    shown = shown_comparison(compare({"one": noisy(truth, 1)}, dti_of(truth), reference_name="DTI"))
    colour = made(shown, "pev_colour")[1]
    assert colour.name == "DTI - DTI directions (compared)"
    info = layer_info(colour.metadata)
    assert "floor" not in info and "ceiling" not in info, "FA must not be read as MSA in ppm"
    assert info["cell"] == ("DTI", "reference, directions", "brightness FA 0 to 0.8")
    place = np.array([4, 5, 4])
    ras = frames.rotate_vectors(truth.pev, frames.between("voxel", "ras", truth.affine))[tuple(place)]
    assert colour.data[tuple(place)][:3].argmax() == np.abs(ras).argmax()
    words = describe(info, shown.grid, colour.data, place * shown.grid.scale + shown.grid.translate)
    assert "FA 0.60" in words and "ppm" not in words
    fa = made(shown, "msa")[1]
    assert fa.name == "DTI - FA (compared)" and tuple(fa.contrast_limits) == (0, 1)
    assert made(shown, "mms")[1].name == "DTI - DTI directions (compared)"


def test_an_isotropic_result_says_so_in_its_cell():
    truth = phantoms.marked_tensor()
    flat = np.zeros_like(truth.chi)
    flat[..., [0, 3, 5]] = 0.01 * truth.mask[..., None]
    shown = shown_comparison(compare({"cosmos": replace(truth, chi=flat)}, truth))
    angle = comparison_layers(shown, "mms")[-1][1]["metadata"][METADATA_KEY]
    assert angle["cell"] == ("cosmos", "angle to reference", "isotropic: no directions")
