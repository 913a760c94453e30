import json

import nibabel
import numpy as np
import pytest
import torch
from napari.layers import Image, Labels

from napari_sti.jobs.job import Job
from napari_sti.lpn.checkpoint import save_lpn
from napari_sti.lpn.networks.local import LocalLpn
from napari_sti.viz.display import METADATA_KEY, DisplayGrid
from napari_sti.widgets.session.prior_choice import PriorChoice, prior_command, why_not
from napari_sti.widgets.session.prior_model import Model, model_of
from napari_sti.widgets.session.prior_sources import Source, sources
from napari_sti.widgets.session.run import Run

SHAPE = (6, 7, 5)
STORED = np.array([[0, -2.0, 0, 9], [0, 0, 3.0, -7], [1.5, 0, 0, -6], [0, 0, 0, 1]])
FLAT = Model("net", dims=2, channels=1)


def our_layer(name="T1", seed=0):
    """An image of ours whose file is stored in another order."""
    grid = DisplayGrid(STORED, SHAPE)
    data = grid.to_shown(np.random.default_rng(seed).uniform(size=SHAPE).astype(np.float32))
    info = {**grid.metadata(), "run": name, "map": name, "kind": "map", "unit": "a.u."}
    return Image(data, name=name, metadata={METADATA_KEY: info}, **grid.layer_keywords())


@pytest.fixture
def controller(workbench):
    return workbench.controller


def ask(controller, qtbot, choice, model=FLAT):
    before = len(controller.runs._client.jobs) if controller.runs._client else 0
    controller.prior.start(choice, model)
    qtbot.waitUntil(lambda: controller.runs._client is not None and len(controller.runs._client.jobs) > before)
    return controller.runs._client.jobs[-1]


def answer(controller, qtbot, job, record, **volumes):
    """Let the worker have found something."""
    for name, (data, affine) in volumes.items():
        nibabel.save(nibabel.Nifti1Image(np.asarray(data, np.float32), affine), job.out / f"{name}.nii.gz")
    (job.out / "prior.json").write_text(json.dumps(record))
    number = len(controller.runs._client.jobs)
    event = {"event": "done", "id": f"fake-{number}", "result": str(job.out / "prior.json"), "seconds": 1.0}
    with qtbot.waitSignal(controller.prior.answered, timeout=10_000):
        controller.runs._client.say(event)


RECORD = {"action": "prox", "change": 0.1, "seconds": 1.0, "model": {"title": "net"}}


def test_the_slice_that_is_looked_at_goes_there_and_its_answer_comes_back(controller, viewer, qtbot):
    layer = our_layer()
    viewer.add_layer(layer)
    viewer.dims.order = (2, 1, 0)
    viewer.dims.set_point(2, float(layer.translate[2] + 3 * layer.scale[2]))
    job = ask(controller, qtbot, PriorChoice("net", "prox", "layer:T1", scaling="range"))
    assert (job.kind, job.method) == ("prior", "prox")
    assert job.params == {"weights": "net", "image": "image.nii", "unit_range": True, "axis": 2, "slice": 3}
    written = nibabel.load(job.out / "image.nii")
    assert np.array_equal(written.get_fdata(dtype=np.float32), layer.data)
    grid = DisplayGrid(STORED, SHAPE)
    assert np.allclose(written.affine, grid.true_affine, atol=1e-5)

    taken = np.array(layer.data)
    layer.data = np.zeros_like(taken)  # whatever becomes of the layer
    viewer.layers.remove(layer)
    affine = written.affine.copy()
    affine[:3, 3] += 3 * affine[:3, 2]
    answer(controller, qtbot, job, RECORD, prox=(taken[:, :, 3:4] * 0.9, affine))
    qtbot.waitUntil(lambda: len(viewer.layers) == 1)
    (prox,) = viewer.layers
    assert prox.name == "prox of T1 1 - prox [a.u.]" and prox.visible
    assert np.allclose(prox.scale, layer.scale) and np.allclose(prox.translate, layer.translate)
    assert np.allclose(prox.data[:, :, 3], 0.9 * taken[:, :, 3]) and np.isnan(prox.data[:, :, :3]).all()


def test_what_came_out_lies_over_the_image_that_it_is_about_and_no_other(controller, viewer, qtbot):
    viewer.add_layer(our_layer("T1"))
    viewer.add_layer(our_layer("T2", 1))
    viewer.add_labels(np.zeros(viewer.layers["T1"].data.shape, np.uint8), name="drawn")
    viewer.layers["T1"].visible = False
    job = ask(controller, qtbot, PriorChoice("net", "prox", "layer:T1", scaling="range"))
    asked = nibabel.load(job.out / "image.nii")
    slab = np.take(asked.get_fdata(dtype=np.float32), [job.params["slice"]], job.params["axis"])
    affine = asked.affine.copy()
    affine[:3, 3] += job.params["slice"] * affine[:3, job.params["axis"]]
    answer(controller, qtbot, job, RECORD, prox=(0.5 * slab, affine))
    qtbot.waitUntil(lambda: len(viewer.layers) == 4)
    qtbot.waitUntil(lambda: not viewer.layers["T2"].visible)
    assert [layer.name for layer in viewer.layers if layer.visible] == ["T1", "drawn", "prox of T1 1 - prox [a.u.]"]


def test_photos_stacks_and_regions(controller, viewer, qtbot):
    viewer.add_image(np.random.default_rng(0).uniform(size=(8, 9)), name="photo", scale=(2, 3), translate=(5, 1))
    viewer.add_image(np.zeros((8, 9, 3), np.uint8), name="colours", rgb=True)
    viewer.add_image(np.zeros((2, 3, 4, 5)), name="four axes")
    marks = np.zeros((8, 9), np.int64)
    marks[2:4, 3:5] = 7
    viewer.add_labels(marks, name="lesion")
    assert [one.title for one in sources(viewer, [])] == ["photo"]
    choice = PriorChoice("net", "perturb", "layer:photo", region="lesion", ways=("lesion",), lesion=0.5, tolerance=1e-3)
    job = ask(controller, qtbot, choice)
    assert job.params["ways"] == "lesion" and job.params["lesion"] == 0.5 and "slice" not in job.params
    assert nibabel.load(job.out / "region.nii").get_fdata().sum() == 4 * 7
    assert nibabel.load(job.out / "image.nii").shape[:2] == (8, 9) and job.params["tolerance"] == 1e-3

    controller.prior.run.state = "cancelled"
    job = ask(controller, qtbot, PriorChoice("net", "prox", "layer:photo"))
    answer(controller, qtbot, job, RECORD, prox=(np.full((8, 9, 1), 0.25), np.eye(4)))
    qtbot.waitUntil(lambda: "prox of photo 1 - prox" in viewer.layers)
    prox = viewer.layers["prox of photo 1 - prox"]
    assert prox.ndim == 2 and tuple(prox.scale) == (2, 3) and tuple(prox.translate) == (5, 1)


def test_two_images_of_two_grids_are_refused(controller, viewer, qtbot):
    viewer.add_layer(our_layer())
    other = our_layer("T2", 1)
    other.metadata[METADATA_KEY]["affine"] = (STORED + 0.5 * np.eye(4)[:, [3, 3, 3, 3]]).tolist()
    viewer.add_layer(our_layer("same", 2))
    moved = Image(np.zeros(other.data.shape), name="moved", translate=(50, 0, 0))
    viewer.add_layer(moved)
    with qtbot.waitSignal(controller.prior.failed) as said:
        controller.prior.start(PriorChoice("net", "compare", "layer:T1", "layer:moved"), FLAT)
    assert "does not lie on the grid of 'T1'" in said.args[0]
    job = ask(controller, qtbot, PriorChoice("net", "compare", "layer:T1", "layer:same"))
    assert job.params["other"] == "other.nii" and (job.out / "other.nii").is_file()


def test_failures_are_one_sentence(controller, viewer, qtbot):
    viewer.add_layer(our_layer())
    ask(controller, qtbot, PriorChoice("net", "value", "layer:T1"))
    with qtbot.waitSignal(controller.prior.failed) as said:
        event = {"event": "failed", "id": "fake-1", "sentence": "there are no such weights", "details": "Traceback"}
        controller.runs._client.say(event)
    assert said.args == ["there are no such weights", "Traceback"] and not controller.prior.busy
    with qtbot.waitSignal(controller.prior.failed) as said:
        controller.prior.start(PriorChoice("net", "value", "layer:gone"), FLAT)
    assert "is not there any more" in said.args[0]


KNOWN = (
    Source("layer:a", "a", (6, 7, 5)),
    Source("layer:b", "b", (6, 7, 5)),
    Source("layer:c", "c", (6, 7)),
    Source("tensor:run 1", "tensor of run 1", (), 6),
)


@pytest.mark.parametrize(
    ("choice", "model", "said"),
    [
        (PriorChoice(image="layer:a"), FLAT, ""),
        (PriorChoice(image="layer:gone"), FLAT, "Choose an image."),
        (PriorChoice(image="tensor:run 1"), FLAT, "takes 1 values per voxel, and the image has 6"),
        (PriorChoice(image="layer:a"), Model("t", 3, 6), "choose the tensor of a run"),
        (PriorChoice(image="tensor:run 1"), Model("t", 3, 6), ""),
        (PriorChoice(image="layer:c"), Model("v", 3, 1), "the image is flat"),
        (PriorChoice(image="layer:a"), Model("m", 2, 1, 28), "28 x 28 pixels alone"),
        (PriorChoice(image="layer:a"), Model("p", 1), "one variable"),
        (PriorChoice(action="cut"), Model("p", 1), ""),
        (PriorChoice(image="layer:a"), Model("d.onnx", program=True), "it can be checked"),
        (PriorChoice(image="layer:a"), Model("x", problem="Damaged."), "Damaged."),
        (PriorChoice(action="compare", image="layer:a"), FLAT, "Choose the other image"),
        (PriorChoice(action="compare", image="layer:a", other="layer:a"), FLAT, "the same one"),
        (PriorChoice(action="compare", image="layer:a", other="layer:c"), FLAT, "another size"),
        (PriorChoice(action="perturb", image="layer:a", ways=()), FLAT, "at least one way"),
        (PriorChoice(action="perturb", image="layer:a", ways=("lesion",)), FLAT, "has to be painted"),
        (PriorChoice(action="perturb", image="layer:a", ways=("blend",)), FLAT, "Choose the other image"),
    ],
)
def test_why_not(choice, model, said):
    found = why_not(choice, model, KNOWN, [])
    assert said in found and bool(said) == bool(found)


def test_commands_say_the_same():
    choice = PriorChoice("net.safetensors", "perturb", "layer:T1", "layer:T2", "spot", ("blur", "lesion"), lesion=0.5)
    assert prior_command(choice, FLAT, at=(1, 4)) == (
        "napari-sti prior T1.nii.gz --weights net.safetensors --perturb blur,lesion --region spot.nii.gz "
        "--lesion-value 0.5 --axis 1 --slice 4 -o prior"
    )
    choice = PriorChoice("lpn-laplacian", "cut", "layer:T1", tolerance=1e-3)
    command = prior_command(choice, Model("lpn-laplacian", 1))
    assert command == "napari-sti prior --weights lpn-laplacian --cut --tolerance 0.001 -o prior"
    choice = PriorChoice("d.onnx", "check", "layer:T1", scaling="range", dims=3)
    command = prior_command(choice, Model("d.onnx", program=True))
    assert command.endswith("--check --unit-range --noise 0.1 --dims 3 -o prior")


def test_models_are_known_by_their_headers(tmp_path):
    torch.manual_seed(0)
    domain = {"unit": "brightness, 0 to 1", "noise": [0.05, 0.2]}
    save_lpn(LocalLpn(dims=2, channels=3, widths=(2,)), {"domain": domain}, tmp_path / "net.safetensors")
    model = model_of(str(tmp_path / "net.safetensors"))
    assert (model.dims, model.channels, model.has_terms, model.noise) == (2, 3, True, 0.2) and model.wants_unit_range
    point = model_of("lpn-laplacian")
    assert (point.dims, point.has_terms, point.problem) == (1, False, "")
    assert "no such file" in model_of(str(tmp_path / "net.onnx")).problem
    (tmp_path / "old.pt").write_bytes(b"?")
    assert model_of(str(tmp_path / "old.pt")).dims == 0  # what it is, nobody has said
    (tmp_path / "old.json").write_text('{"model": "lpn_mnist", "params": {"in_dim": 1}}')
    assert (model_of(str(tmp_path / "old.pt")).edge, model_of(str(tmp_path / "old.pt")).dims) == (28, 2)


def test_labels_of_another_shape_are_refused(controller, viewer, qtbot):
    viewer.add_image(np.random.default_rng(0).uniform(size=(8, 9)), name="photo")
    viewer.add_layer(Labels(np.ones((4, 4), int), name="small"))
    with qtbot.waitSignal(controller.prior.failed) as said:
        controller.prior.start(PriorChoice("net", "value", "layer:photo", region="small"), FLAT)
    assert "was made for this image" in said.args[0]


def test_the_tensor_of_a_run_is_asked_about_where_it_lies(controller, viewer, qtbot, tmp_path):
    (tmp_path / "run").mkdir()
    chi = 0.05 * np.random.default_rng(0).normal(size=(*SHAPE, 6)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(chi, STORED), tmp_path / "run" / "chi.nii.gz")
    job = Job("recon", tmp_path / "study.yaml", "stiimag", out=tmp_path / "run", name="stiimag 1")
    controller.runs.runs.append(Run("1", job, state="done", result=tmp_path / "run" / "result.json"))
    (source,) = controller.prior.sources()
    assert (source.key, source.channels) == ("tensor:stiimag 1", 6)
    asked = ask(controller, qtbot, PriorChoice("lpn-tensor", "value", source.key), Model("lpn-tensor", 3, 6))
    assert asked.params == {"weights": "lpn-tensor", "image": str(tmp_path / "run" / "chi.nii.gz")}
    terms = np.random.default_rng(1).normal(size=SHAPE).astype(np.float32)
    record = {
        "action": "value",
        "in_range": True,
        "value": 1.0,
        "residual": 1e-5,
        "seconds": 1.0,
        "model": {"title": ""},
    }
    answer(controller, qtbot, asked, record, prior_map=(terms, STORED), prox=(chi, STORED))
    qtbot.waitUntil(lambda: len(viewer.layers) == 2)
    grid = DisplayGrid(STORED, SHAPE)
    prox, local = viewer.layers
    assert np.allclose(local.data, grid.to_shown(terms)) and np.allclose(local.translate, grid.translate)
    assert np.allclose(prox.data, grid.to_shown(chi[..., [0, 3, 5]].mean(-1))) and prox.name.endswith("prox [ppm]")
