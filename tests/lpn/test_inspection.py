import json

import nibabel
import numpy as np
import pytest
import torch

from napari_sti.core.errors import Cancelled, InputError
from napari_sti.lpn.inspect_check import ask_check, patches
from napari_sti.lpn.inspect_input import prepare
from napari_sti.lpn.inspect_paths import LEVELS, ask_cut, ask_perturb
from napari_sti.lpn.inspection import BETWEEN, Inverter, ask_compare, ask_prox, ask_value
from napari_sti.lpn.networks.local import LocalLpn
from napari_sti.lpn.networks.published import Lpn1d
from napari_sti.lpn.prior import prior
from napari_sti.lpn.question import Question

TILT = np.array([[0, -0.96, -0.28], [1, 0, 0], [0, -0.28, 0.96]])  # permuted and oblique
AFFINE = np.block([[TILT * (1.5, 2.0, 3.0), np.array([[30.0], [-20], [5]])], [np.array([[0, 0, 0, 1.0]])]])
SHAPE = (9, 12, 7)


@pytest.fixture
def write(tmp_path):
    def write(name, data, affine=AFFINE):
        nibabel.save(nibabel.Nifti1Image(np.asarray(data, np.float32), affine), tmp_path / name)
        return str(tmp_path / name)

    return write


@pytest.fixture
def flat():
    torch.manual_seed(0)
    return LocalLpn(dims=2, widths=(3, 4))


def image(seed=0, shape=SHAPE):
    return np.random.default_rng(seed).uniform(0.2, 0.9, shape)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_go_there_and_back(write, axis):
    values = image()
    path = write("a.nii", values)
    asked = prepare(Question(image=path, axis=axis, every_slice=True), channels=1, dims=2, domain={"scale": 4.0})
    assert asked.images.shape == (SHAPE[axis], 1, *(n for i, n in enumerate(SHAPE) if i != axis))
    assert np.allclose(asked.images[2, 0].numpy(), 4 * np.take(values, 2, axis))
    assert np.allclose(asked.in_file(asked.images), values, atol=1e-6) and asked.grid.affine is not None
    one = prepare(Question(image=path, axis=axis, slice=2), channels=1, dims=2, domain={})
    assert np.allclose(one.images[0, 0].numpy(), np.take(values, 2, axis))
    assert np.allclose(one.in_file(one.images), np.take(values, [2], axis), atol=1e-6)
    assert np.allclose(one.grid.affine[:3, 3], AFFINE[:3, 3] + 2 * AFFINE[:3, axis])


def test_nan_unit_range_and_what_lies_elsewhere(write):
    values = image()
    values[0, 0] = np.nan
    asked = prepare(Question(image=write("a.nii", values), unit_range=True), channels=1, dims=3, domain={})
    assert asked.images.min() == 0 and 1 <= asked.images.max() < 1.5 and "7 voxels" in asked.remarks[0]
    moved = AFFINE.copy()
    moved[0, 3] += 5
    for other, affine, said in ((image(1), moved, "elsewhere"), (image(1, (9, 12, 8)), AFFINE, "is 9x12x8 where")):
        question = Question(image=write("b.nii", image()), other=write("c.nii", other, affine))
        with pytest.raises(InputError, match=said):
            prepare(question, channels=1, dims=3, domain={})
    empty = Question(image=write("b.nii", image()), region=write("r.nii", np.zeros(SHAPE)))
    with pytest.raises(InputError, match="marks no voxel"):
        prepare(empty, channels=1, dims=3, domain={})


def test_value_of_every_slice_and_of_regions(write, flat):
    labels = np.zeros(SHAPE)
    labels[2:5, 3:6, 1:4] = 2
    question = Question(image=write("a.nii", image()), region=write("r.nii", labels), every_slice=True)
    asked = prepare(question, channels=1, dims=2, domain={})
    answer = ask_value(flat, asked, question)
    record = json.loads(json.dumps(answer.record, allow_nan=False))
    alone = [float(prior(flat, x[None]).value) for x in asked.images]
    assert record["in_range"] and np.allclose(record["values"], alone, rtol=1e-4)
    assert record["value"] == pytest.approx(sum(alone), rel=1e-4)
    local = answer.volumes["prior_map"]
    assert local.shape == SHAPE and local.sum(dtype=float) == pytest.approx(record["value"], rel=1e-4)
    (outside, region) = record["regions"]
    assert (outside["label"], region["label"], region["voxels"]) == (0, 2, 27)
    assert region["value"] == pytest.approx(local[labels == 2].sum(dtype=float), rel=1e-3)
    assert answer.volumes["inverse"].shape == answer.volumes["prox"].shape == SHAPE


def test_out_of_range_has_prox_alone(write):
    network = LocalLpn(dims=3, widths=(3,), alpha=0.0, quadratic=0)
    question = Question(image=write("a.nii", 1000 + image()), iterations=10)
    asked = prepare(question, channels=1, dims=3, domain={})
    answer = ask_value(network, asked, question)
    assert answer.record["value"] is None and set(answer.volumes) == {"prox"}
    assert ask_prox(network, asked, question).record["change"] > 0.5


def test_compare_ends_with_the_values_of_both(write, flat):
    question = Question(image=write("a.nii", image()), other=write("b.nii", image(1)), slice=3)
    asked = prepare(question, channels=1, dims=2, domain={})
    answer = ask_compare(flat, asked, question)
    curve = answer.record["curves"][0]
    assert curve["levels"] == list(BETWEEN) and len(answer.tables["curve"]) == 1 + len(BETWEEN)
    for share, x in ((0, asked.images), (-1, asked.other)):
        assert curve["values"][share] == pytest.approx(float(prior(flat, x).value), rel=1e-5)
    difference = answer.record["other"]["value"] - answer.record["image"]["value"]
    assert answer.record["difference"] == pytest.approx(difference)
    assert answer.volumes["prior_difference"].sum(dtype=float) == pytest.approx(difference, rel=1e-3)


def test_perturbations_stay_within_the_region(write, flat):
    labels = np.zeros(SHAPE)
    labels[2:6, 3:9, 3] = 1  # touches two by three of the blocks
    question = Question(
        image=write("a.nii", image(shape=SHAPE)),
        other=write("b.nii", image(1)),
        region=write("r.nii", labels),
        slice=3,
        ways="noise,blur,contrast,blend,lesion",
        lesion=3.0,
    )
    asked = prepare(question, channels=1, dims=2, domain={"scale": 2.0})
    answer = ask_perturb(flat, asked, question)
    plain = float(prior(flat, asked.images).value)
    for curve in answer.record["curves"]:
        start = curve["levels"].index(0.0)
        assert curve["values"][start] == pytest.approx(plain, rel=1e-5) and max(curve["residuals"]) < 1e-4
        pictures = answer.volumes[f"perturbed_{curve['name']}"]
        assert pictures.shape == (9, 12, 1, len(LEVELS[curve["name"]]))
        changed = np.abs(pictures[:, :, 0, -1] - pictures[:, :, 0, start]) > 1e-5
        assert changed.any() and not changed[labels[:, :, 3] == 0].any()
        assert curve["sample"] == "block of 4 x 4 voxels" and [len(row) for row in curve["samples"]] == [6] * 5
    lesion = answer.volumes["perturbed_lesion"]
    assert np.allclose(lesion[:, :, 0][labels[:, :, 3] == 1, -1], 3.0, atol=1e-5)  # in the unit of the file
    assert answer.tables["curve_noise"][0][:3] == ["noise (standard deviation)", "R", "residual"]


def test_slices_are_the_samples_of_a_stack_and_tensors_take_an_isotropic_lesion(write, flat):
    question = Question(image=write("a.nii", image()), every_slice=True, ways="blur")
    asked = prepare(question, channels=1, dims=2, domain={})
    curve = ask_perturb(flat, asked, question).record["curves"][0]
    assert curve["sample"] == "slice" and [len(row) for row in curve["samples"]] == [7] * 5
    assert curve["values"][0] == pytest.approx(sum(curve["samples"][0]))

    tensor, labels = 0.05 * image(2, (*SHAPE, 6)), np.zeros(SHAPE)
    labels[3:5, 3:5, 3:5] = 1
    network = LocalLpn(dims=3, channels=6, widths=(3,))
    question = Question(
        image=write("t.nii", tensor), region=write("r.nii", labels), lesion=0.4, ways="lesion", iterations=3
    )
    asked = prepare(question, channels=6, dims=3, domain={"scale": 10.0})
    answer = ask_perturb(network, asked, question)
    assert np.allclose(answer.affines["perturbed_lesion"][:3, 3], AFFINE[:3, 3] + 3 * AFFINE[:3, 2])
    assert np.allclose(answer.volumes["perturbed_lesion"][3, 3, 0, -1], 0.4, atol=1e-6)


def test_cut_through_points_and_images(write, flat):
    torch.manual_seed(0)
    network = Lpn1d(alpha=0.1)
    cut = ask_cut(network, None, Question(), {"values": [-2, 2]}).record["cut"]
    t, psi, f = (np.array(cut[name]) for name in ("t", "psi", "f"))
    assert (t[0], t[-1]) == (-2, 2) and psi.min() == 0
    assert np.allclose(np.gradient(psi, t)[1:-1], f[1:-1], atol=1e-2), "f is the slope of psi"

    question = Question(image=write("a.nii", image()), other=write("b.nii", image(1)), slice=0)
    asked = prepare(question, channels=1, dims=2, domain={})
    cut = ask_cut(flat, asked, question, {}).record["cut"]
    t, psi = np.array(cut["t"]), np.array(cut["psi"])
    assert "other image" in cut["along"] and np.diff(psi, 2).min() > -1e-6, "psi is convex"
    r = np.array(cut["r"], float)
    ends = [float(prior(flat, x).value) for x in (asked.images, asked.other)]
    assert np.interp(1, t, r) - np.interp(0, t, r) == pytest.approx(ends[1] - ends[0], rel=0.02)


def test_checks_are_made_on_what_there_is_to_see(write, flat):
    values = np.zeros((70, 140, 3))
    values[3:60, 70:130, 1] = image(0, (57, 60))
    question = Question(image=write("a.nii", values), every_slice=True)
    asked = prepare(question, channels=1, dims=2, domain={})
    chosen = patches(asked.images, flat)
    assert chosen.shape == (4, 1, 64, 64)
    assert torch.equal(chosen[0], asked.images[1:2, :, :64, 64:128][0])
    small = prepare(Question(image=write("b.nii", image()), slice=1), channels=1, dims=2, domain={})
    answer = ask_check(flat, small, question, {"noise": [0.05, 0.2]})
    assert answer.record["is_prox"] and answer.record["noise"] == 0.2
    assert len(answer.tables["checks"]) == 1 + len(answer.record["checks"])
    json.dumps(answer.record, allow_nan=False)
    with pytest.raises(InputError, match="needs an image"):
        ask_check(flat, None, question, {})


def test_pieces_are_counted_and_can_be_left(write, flat, monkeypatch):
    from napari_sti.lpn import inspection

    monkeypatch.setattr(inspection, "_AT_ONCE", 3 * 9 * 12)
    question = Question(image=write("a.nii", image()), every_slice=True)
    asked = prepare(question, channels=1, dims=2, domain={})
    steps = []
    found = Inverter(flat, question, steps.append, batches=2)(asked.images, "first")
    assert torch.allclose(found.value, prior(flat, asked.images).value, rtol=1e-4)
    assert [step.total for step in steps] == [6] * len(steps) and steps[-1].iteration == 3
    assert all(step.message.startswith("first") for step in steps)

    def leave(step):
        raise Cancelled

    with pytest.raises(Cancelled):
        ask_value(flat, asked, question, leave)
