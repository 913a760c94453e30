from pathlib import Path

import nibabel
import numpy as np
import pytest
from qtpy.QtGui import QImage

from napari_sti.widgets.prior_panes import check_lines, details, headline, panes_of_curve, panes_of_cut
from napari_sti.widgets.prior_plot import PriorPlot, violin
from napari_sti.widgets.session.prior_choice import PriorChoice
from napari_sti.widgets.session.prior_sources import Source

CURVE = {
    "name": "noise",
    "unit": "standard deviation",
    "note": "in the scale of the network",
    "levels": [0.0, 0.1, 0.2],
    "values": [-5.0, 20.0, None],
    "samples": [[0.0, 1.0, 2.0, 3.0], [2.0, 4.0, 6.0, 8.0], []],
    "sample": "slice",
}


@pytest.fixture
def panel(workbench):
    workbench.show_panel("prior")
    return workbench.panels["prior"]


def test_the_panel_says_what_it_lacks_and_takes_images_as_they_come(panel, viewer, qtbot):
    panel.editor.weights.setValue("lpn-laplacian")
    assert panel.why_not() == "" and panel.value().action in ("cut", "check") and not panel.editor.image.isVisible()
    panel.editor.model = panel.editor.model.__class__("net", dims=2, channels=1)
    panel.editor._action_changed()
    assert "Open an image" in panel.blocked.text() and not panel.button.isEnabled()
    viewer.add_image(np.random.default_rng(0).uniform(size=(6, 7, 5)), name="T1", contrast_limits=(0, 0.75))
    assert panel.value().image == "layer:T1" and panel.button.isEnabled()
    assert "looked at, number 2 of axis 0" in panel.slice.text(), "nobody knows which plane that is"
    assert panel.editor.lesion.value() == 0.75
    panel.setValue(PriorChoice("lpn-laplacian", "perturb", "layer:T1", ways=("lesion",)))
    panel.editor.model = panel.editor.model.__class__("net", dims=2, channels=1)
    panel.editor._action_changed()
    assert "add a Labels layer" in panel.blocked.text()
    viewer.add_labels(np.ones((6, 7, 5), int), name="spot")
    assert "choose it as region" in panel.blocked.text()
    panel.editor.region.setCurrentIndex(1)
    assert panel.why_not() == "" and "--perturb lesion --region spot.nii.gz" in panel.command.value()
    viewer.layers.clear()
    assert "Open an image" in panel.blocked.text()


def test_a_choice_survives_the_editor(panel, viewer):
    viewer.add_image(np.zeros((6, 7, 5)), name="a")
    viewer.add_image(np.zeros((6, 7, 5)), name="b")
    viewer.add_labels(np.ones((6, 7, 5), int), name="spot")
    choice = PriorChoice(
        "lpn-laplacian",
        "check",
        "layer:a",
        "layer:b",
        "spot",
        ("blur", "blend"),
        True,
        "factor",
        2.5,
        0.3,
        0.07,
        1e-5,
        3,
    )
    panel.setValue(choice)
    assert panel.value() == choice


def test_a_layer_can_be_trained_on(panel, workbench, viewer, qtbot):
    data = np.random.default_rng(0).uniform(size=(40, 30, 26)).astype(np.float32)
    data[0, 0, 0] = np.nan
    viewer.add_image(data, name="my brain [a.u.]", scale=(2, 2, 3))
    panel.editor.model = panel.editor.model.__class__("net", dims=2, channels=1)
    panel.editor._action_changed()
    with qtbot.waitSignal(panel.prior.exported, timeout=10_000):
        panel.editor.train_button.click()
    train = workbench.panels["train"]
    choice = train.value()
    assert choice.task == "lpn" and choice.params.source == "slices" and choice.params.patch == 30
    (file,) = Path(choice.params.data).iterdir()
    written = nibabel.load(file)
    assert written.shape == (40, 30, 26) and np.allclose(written.header.get_zooms(), (2, 2, 3))
    assert np.isfinite(written.get_fdata()).all()
    assert workbench.panels.in_front("train")


def test_headlines_numbers_and_checks():
    value = {"action": "value", "in_range": True, "value": -12.5, "residual": 2e-5, "seconds": 1.2}
    assert headline(value)[1].startswith("R = \N{MINUS SIGN}12.5, up to a constant")
    outside = value | {"in_range": False, "value": None, "iterations": 20, "residual": 0.6}
    kind, said = headline(outside)
    assert kind == "warning" and "no value" in said
    regions = [{"label": 0, "voxels": 9, "value": 1.0, "mean": 0.1}, {"label": 3, "voxels": 2, "value": 4, "mean": 2}]
    assert "label 3: R 4 in 2 voxels" in details(value | {"regions": regions, "offset": 0.0, "scale": 10.0})
    checks = [
        {"title": "Symmetric", "says": "5 %", "passed": False, "limit": 1e-3, "at_least": False},
        {"title": "Monotone", "says": "it is -0.1", "passed": True, "limit": -1e-3, "at_least": True},
        {"title": "Slope", "says": "1.2", "passed": None, "limit": None, "at_least": False},
    ]
    record = {"action": "check", "checks": checks, "conclusion": "So it is none.", "seconds": 3.0}
    assert headline(record) == ("error", "Not a prox: 1 of 2 checks failed. So it is none.")
    lines = check_lines(record)
    assert [kind for kind, _, _ in lines] == ["error", "good", "accent"]
    assert lines[0][1] == "\N{MULTIPLICATION X} Symmetric: 5 %" and "at least" in lines[1][2]


def test_panes_of_curves_and_cuts():
    (pane,) = panes_of_curve(CURVE)
    assert [x for x, _ in pane.violins] == [0, 1] and pane.line == ((0, 1.5), (1, 5.0))
    assert [text for _, text in pane.above] == ["least", "+25", "none"]
    (plain,) = panes_of_curve(CURVE | {"samples": []})
    assert plain.line == ((0, 0), (1, 25), (2, None)) and plain.reach()[0] < 0
    cut = {"along": "the variable", "t": [-1, 0, 1], "psi": [1, 0, 1], "f": [-0.5, 0, 0.5], "r": [1, None, 1]}
    psi, f, r = panes_of_cut(cut)
    assert f.dashed == ((0, 0),) and r.below == "the variable" and psi.line[0] == (-1, 1)


def test_violins_hold_what_there_is():
    values = np.random.default_rng(0).normal(3, 0.5, 500)
    heights, widths = violin(tuple(values))
    assert widths.max() == 1 and abs(heights[widths.argmax()] - 3) < 0.2
    assert violin((1.0, 2.0))[0].size == 0
    heights, widths = violin((1.0, 1.0, 1.0, 1.0))
    assert np.isfinite(widths).all()


@pytest.mark.parametrize("kind", ["curve", "cut"])
def test_something_is_painted(qtbot, kind):
    plot = PriorPlot()
    qtbot.addWidget(plot)
    t = list(np.linspace(-1, 1, 21))
    cut = {"along": "noise", "t": t, "psi": [x * x for x in t], "f": t, "r": [None, *[abs(x) for x in t[1:]]]}
    plot.setValue(panes_of_curve(CURVE) if kind == "curve" else panes_of_cut(cut))
    plot.resize(360, plot.sizeHint().height())
    picture = plot.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    seen = {picture.pixel(x, y) for x in range(0, picture.width(), 2) for y in range(0, picture.height(), 2)}
    assert len(seen) > 20


def test_image_and_prior_follow_each_other(panel, viewer, monkeypatch):
    """Whoever chooses one of them gets another one that fits, where there is one; nobody has to guess which."""
    tensor = Source("tensor:run", "tensor of run", (), 6)
    field = Source("layer:field 1", "field 1", (9, 8, 7), kind="field")
    magnitude = Source("layer:magnitude", "magnitude", (9, 8, 7), kind="magnitude")
    panel.editor.weights.setValue("lpn-brain")
    panel.editor.set_images([field, magnitude], [])
    assert panel.value().image == magnitude.key, "brightness, where nobody chose"
    panel.editor.set_images([field, magnitude, tensor], [])
    panel.editor.image.setCurrentIndex(2)
    assert panel.value().weights == "lpn-tensor" and panel.value().image == tensor.key
    panel.editor.image.setCurrentIndex(0)
    assert panel.value().weights == "lpn-brain" and panel.value().image == field.key
    panel.editor.weights.setValue("lpn-tensor")
    assert panel.value().image == tensor.key
    panel.editor.set_images([field, magnitude], [])
    monkeypatch.setattr(panel.prior, "sources", lambda: [field, magnitude])
    assert "there is none: reconstruct one first" in panel.why_not()


def test_an_image_that_was_chosen_stays(panel):
    images = [Source(f"layer:{name}", name, (9, 8, 7), kind=kind) for name, kind in (("a", ""), ("b", "magnitude"))]
    panel.editor.weights.setValue("lpn-brain")
    panel.editor.set_images(images[:1], [])
    panel.editor.keep_image()
    panel.editor.set_images(images, [])
    assert panel.value().image == "layer:a"
