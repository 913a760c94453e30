"""The Prior panel in the real window, by mouse and keys: value, map, perturbation and checks of a slice."""

import json

import nibabel
import numpy as np
import pytest
import torch
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_sti.lpn.checkpoint import save_lpn
from napari_sti.lpn.images import unit_range
from napari_sti.lpn.networks.local import LocalLpn
from napari_sti.lpn.prior import prior
from napari_sti.viz.display import layer_info
from tests.test_window import LONG, make_window  # noqa: F401  (a fixture)

pytestmark = pytest.mark.window

SHAPE = (21, 18, 24)
AFFINE = np.array([[0, 0, -4.0, 48], [-5, 0, 0, 50], [0, 4, 0, -30], [0, 0, 0, 1]])
"""Stored with the rows from front to back, the columns upwards and the slices from right to left."""


@pytest.fixture
def given(tmp_path):
    """A made-up image in an order of its own, a small prior, and its slices as the prior is to see them."""
    torch.manual_seed(1)
    network = LocalLpn(dims=2, widths=(3, 3))
    domain = {"unit": "brightness, 0 to 1", "noise": [0.1, 0.1]}
    save_lpn(network, {"title": "small prior", "domain": domain}, tmp_path / "net.safetensors")
    place = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij"))
    values = (100 + 500 * ((place**2).sum(0) < 0.7) * (1.3 + place[1])).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(values, AFFINE), tmp_path / "head.nii.gz")
    return tmp_path, network.eval(), values


def choose(window, name, text):
    """Choose an entry of a list by typing its first letters."""
    box = window.find(name)
    box.setFocus()
    window.qtbot.keyClicks(box, text[:6])
    assert box.currentText().startswith(text)


def ask(window):
    """Press the button and wait for the answer."""
    before = window.controller.prior.answer
    window.click("sti_prior")
    window.until(lambda: window.controller.prior.answer is not before)
    return window.controller.prior.answer


def test_the_sample_brain_is_inspected(make_window, tmp_path, monkeypatch):  # noqa: F811
    """Value, map, perturbation curve and checks of the sample brain, with what is chosen at first."""
    window = make_window()
    window.click("sti_open_sample")
    window.until(lambda: len(window.controller.layers.fields()) == 7)
    window.tab("Prior")
    assert window.find("sti_prior_image").currentText().startswith("simulated brain - magnitude")
    assert window.find("sti_prior_weights").currentText().startswith("Prior of brain slices")
    answer = ask(window)
    assert window.said("sti_prior_result").startswith("R = ") and answer.record["residual"] < 1e-3
    check_sample_map(window, answer)
    check_perturbation(window, tmp_path, monkeypatch)

    choose(window, "sti_prior_action", "Check")
    answer = ask(window)
    assert answer.record["is_prox"] and answer.record["noise"] == 0.05
    assert window.said("sti_prior_result").startswith("All 7 checks passed")
    assert "Symmetric Jacobian" in window.said("sti_prior_check_0")


def check_sample_map(window, answer):
    """The map adds up to R, and lies on the brain of the slice that is looked at: not on others, nor on the air."""
    window.until(lambda: (layer_info(window.viewer.layers[-1].metadata) or {}).get("kind") == "prior_map")
    layer, image = window.viewer.layers[-1], window.viewer.layers["simulated brain - magnitude [a.u.]"]
    assert np.allclose(layer.translate, image.translate) and layer.data.shape == image.data.shape
    at = answer.record["slice"]
    terms, brain = layer.data[..., at], image.data[..., at] > 0
    assert np.isnan(layer.data[..., at - 1]).all(), "nothing is said of slices that were not asked about"
    assert np.isfinite(terms[brain]).all() and np.isnan(terms[0, 0]) and np.ptp(terms[brain]) > 0
    written = np.asarray(nibabel.load(answer.run.folder / "prior_map.nii.gz").dataobj, float)
    assert written.sum() == pytest.approx(answer.record["value"], rel=1e-3)


def test_an_image_of_an_odd_order_keeps_its_place(make_window, given, monkeypatch):  # noqa: F811
    folder, network, values = given
    window = make_window()
    window.viewer.open(str(folder / "head.nii.gz"), plugin="napari-sti")
    window.tab("Prior")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *args: (str(folder / "net.safetensors"), ""))
    weights = window.find("sti_prior_weights")
    weights.setFocus()
    window.qtbot.keyClick(weights, Qt.Key.Key_End)  # the last entry asks for a file
    weights.activated.emit(weights.currentIndex())
    check_value(window, network, values)


def check_value(window, network, values):
    """R and its map are those of the axial slice that is looked at, in its place."""
    source = window.viewer.layers[0]
    assert window.viewer.dims.not_displayed == (2,)
    height = float(source.translate[2] + 7 * source.scale[2])
    window.viewer.dims.set_point(2, height)
    window.until(lambda: "axial slice that is looked at, number 7" in window.find("sti_prior_slice").text())
    answer = ask(window)
    stored = values[:, 7]  # upwards is the second axis of the file
    shown = stored[::-1, ::-1].T  # from left to right, then from the back to the front
    x = torch.from_numpy(np.ascontiguousarray(unit_range(shown[:, :, None])[0][..., 0]))[None, None]
    assert answer.record["value"] == pytest.approx(float(prior(network, x).value), rel=1e-3)
    assert window.said("sti_prior_result").startswith("R = ")
    window.until(lambda: len(window.viewer.layers) == 4)
    layer = window.viewer.layers[-1]
    assert layer.visible and layer_info(layer.metadata)["kind"] == "prior_map"
    assert np.allclose(layer.scale, source.scale) and np.allclose(layer.translate, source.translate)
    assert np.nansum(layer.data, dtype=float) == pytest.approx(answer.record["value"], rel=1e-3)
    place = np.array([*(source.translate + source.scale * (6, 9, 7))])
    window.hover(place)
    window.until(lambda: window.is_read(place))
    assert f"image {source.data[6, 9, 7]:.4g}" in window.status() and "(usual" in window.status()


def check_perturbation(window, folder, monkeypatch):
    """The curves grow, are drawn, and can be kept."""
    choose(window, "sti_prior_action", "Perturb")
    window.click("sti_prior_way_blur")
    answer = ask(window)
    (noise,) = answer.record["curves"]
    assert noise["name"] == "noise" and noise["values"] == sorted(noise["values"])
    assert window.find("sti_prior_plot").value()[0].violins
    for name, control in (("prior.png", "sti_prior_figure"), ("prior.csv", "sti_prior_csv")):
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args, name=name: (str(folder / name), ""))
        with window.qtbot.waitSignal(window.controller.prior.saved, timeout=LONG):
            window.click(control)
    assert (folder / "prior.png").stat().st_size > 10_000
    assert (folder / "prior.csv").read_text().startswith("noise (standard deviation),R,residual")
    record = json.loads((answer.run.folder / "prior.json").read_text())
    assert record["curves"] == answer.record["curves"]
