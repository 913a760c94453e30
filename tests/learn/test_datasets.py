"""Tensors of one's own: every storage order and frame ends up as the same brain, and what is wrong is said."""

import nibabel
import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.core.tensor_field import TensorField
from napari_sti.io.results import save_result
from napari_sti.learn.datasets import load_entry, read_dataset, voxel_size_range
from napari_sti.learn.own_brains import OwnBrains

SHAPE = (5, 7, 4)
AFFINE = np.array([[1.5, 0, 0, -3], [0, 1, 0, 2], [0, 0, 2, 1], [0, 0, 0, 1.0]])


@pytest.fixture
def brain():
    """A tensor in RAS order and axes."""
    rng = np.random.default_rng(3)
    mask = np.zeros(SHAPE, bool)
    mask[1:4, 1:6, 1:3] = True
    chi = np.where(mask[..., None], rng.normal(0, 0.03, (*SHAPE, 6)), 0).astype(np.float32)
    return TensorField(chi, AFFINE, mask, "voxel")


def _write(folder, name, tensor, *, frame="voxel", order=None):
    """Write tensor and mask without a sidecar, as somebody else's program would."""
    folder.mkdir(parents=True, exist_ok=True)
    chi = tensor.in_frame(frame).chi
    if order is not None:
        chi = chi[..., [frames.COMPONENTS.index(c) for c in order]]
    nibabel.save(nibabel.Nifti1Image(np.array(chi), tensor.affine), folder / f"{name}.nii.gz")
    mask = nibabel.Nifti1Image(tensor.mask.astype(np.uint8), tensor.affine)
    nibabel.save(mask, folder / f"{name}_mask.nii.gz")


def _list(folder, text, name="dataset.yaml"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder


def _one(folder, brain, more=""):
    _write(folder, "one", brain)
    return _list(folder, f"tensors:\n  - tensor: one.nii.gz\n    mask: one_mask.nii.gz\n{more}")


def _assert_is(own, brain):
    np.testing.assert_allclose(own.chi, np.moveaxis(brain.chi, -1, 0), atol=2e-8)
    np.testing.assert_array_equal(own.mask, brain.mask)
    assert own.chi.dtype == np.float32
    assert own.voxel_size == pytest.approx((1.5, 1, 2))


@pytest.mark.parametrize("frame", ["voxel", "ras", "lps", "fsl"])
@pytest.mark.parametrize("codes", ["RAS", "LPI", "ASL", "SLP"])
def test_every_storage_order_and_frame_is_the_same_brain(tmp_path, brain, frame, codes):
    from nibabel.orientations import axcodes2ornt, ornt_transform

    stored = brain.reordered(ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(codes)))
    assert frames.axis_codes(stored.affine) == codes
    order = ("zz", "xy", "xx", "yz", "yy", "xz")
    _write(tmp_path, "one", stored, frame=frame, order=order)
    text = f"frame: {frame}\norder: [{', '.join(order)}]\ntensors:\n  - tensor: one.nii.gz\n    mask: one_mask.nii.gz"
    (entry,) = read_dataset(_list(tmp_path, text))
    assert entry.shape == stored.shape
    _assert_is(load_entry(entry), brain)


def test_oblique_grid_keeps_its_own_axes(tmp_path, brain):
    angle = np.radians(20)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    affine = AFFINE.copy()
    affine[:3, :3] = turn @ AFFINE[:3, :3]
    oblique = TensorField(brain.chi, affine, brain.mask, "voxel")
    _write(tmp_path, "one", oblique, frame="ras")
    folder = _list(tmp_path, "frame: ras\ntensors:\n  - {tensor: one.nii.gz, mask: one_mask.nii.gz}")
    _assert_is(load_entry(read_dataset(folder)[0]), brain)


def test_sidecar_says_frame_and_order(tmp_path, brain):
    save_result(brain, tmp_path / "sub", frame="lps")
    folder = _list(tmp_path, "tensors:\n  - {tensor: sub/chi.nii.gz, mask: sub/mask.nii.gz, name: anna}")
    (entry,) = read_dataset(folder)
    assert (entry.name, entry.frame, entry.use) == ("anna", "lps", "train")
    _assert_is(load_entry(entry), brain)


def test_mask_in_another_storage_order_is_brought_along(tmp_path, brain):
    from nibabel.orientations import axcodes2ornt, ornt_transform

    _write(tmp_path, "one", brain)
    other = brain.reordered(ornt_transform(axcodes2ornt("RAS"), axcodes2ornt("PSR")))
    _write(tmp_path, "other", other)
    text = "tensors:\n  - {tensor: one.nii.gz, mask: other_mask.nii.gz, frame: voxel}"
    _assert_is(load_entry(read_dataset(_list(tmp_path, text))[0]), brain)


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_list_in_csv(tmp_path, brain, delimiter):
    _write(tmp_path, "one", brain)
    _write(tmp_path, "two", brain)
    rows = [
        ("tensor", "mask", "frame", "use"),
        ("one.nii.gz", "one_mask.nii.gz", "voxel", ""),
        ("two.nii.gz", "two_mask.nii.gz", "voxel", "validation"),
    ]
    text = "\n".join(delimiter.join(row) for row in rows)
    entries = read_dataset(_list(tmp_path, text, "dataset.csv"))
    assert [entry.use for entry in entries] == ["train", "validation"]
    _assert_is(load_entry(entries[1]), brain)
    assert voxel_size_range(entries) == pytest.approx((1.0, 2.0))


def test_numbered_brains_are_always_the_same_and_some_are_mirrored(tmp_path, brain):
    folder = _one(tmp_path, brain, "    frame: voxel\n")
    one, again = OwnBrains(folder, seed=1), OwnBrains(folder, seed=1)
    for number in range(6):
        assert (one.brain(number).chi == again.brain(number).chi).all()
    plain = one.as_listed(0)
    np.testing.assert_allclose(plain.chi.numpy(), np.moveaxis(brain.chi, -1, 0), atol=2e-8)
    mirrored = [b for b in map(one.brain, range(12)) if not (b.chi == plain.chi).all()]
    assert 2 <= len(mirrored) <= 10
    # The field of a mirrored head in a mirrored direction is the mirrored field: seen in the tensor as h X h.
    h = np.array([0.36, 0.48, 0.8])
    flipped = h * [-1, 1, 1]
    one_way = np.einsum("...ij,i,j", frames.to_matrix(np.moveaxis(plain.chi.numpy(), 0, -1)), h, h)
    other = np.einsum("...ij,i,j", frames.to_matrix(np.moveaxis(mirrored[0].chi.numpy(), 0, -1)), flipped, flipped)
    np.testing.assert_allclose(other, one_way[::-1], atol=1e-7)
    assert (mirrored[0].mask.numpy() == brain.mask[::-1]).all()


def test_own_brains_keep_few_in_memory(tmp_path, brain):
    names = ("one", "two", "three", "four")
    for name in names:
        _write(tmp_path, name, brain)
    text = "frame: voxel\ntensors:\n" + "".join(f"  - {{tensor: {n}.nii.gz, mask: {n}_mask.nii.gz}}\n" for n in names)
    supply = OwnBrains(_list(tmp_path, text), seed=0)
    for number in range(20):
        supply.brain(number)
    assert len(supply._loaded) == 2


# ---- what is wrong ----------------------------------------------------------------------------------------------


def _refusal(folder) -> str:
    with pytest.raises(InputError) as caught:
        for entry in read_dataset(folder):
            load_entry(entry)
    return str(caught.value)


def test_missing_folder_or_list_is_said(tmp_path):
    assert "there is no such folder of a dataset" in _refusal(tmp_path / "none")
    assert "write dataset.yaml or dataset.csv" in _refusal(tmp_path)
    _list(tmp_path, "tensors: []")
    assert "the list names no tensors" in _refusal(tmp_path)
    _list(tmp_path, "tensor,mask", "dataset.csv")
    assert "two lists, dataset.yaml and dataset.csv" in _refusal(tmp_path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("- one.nii.gz", "the list has no 'tensors'"),
        ("tensors: 5", "the list has no 'tensors'"),
        ("tensors:\n  - one.nii.gz", "entry 1 is no set of keys"),
        ("tensrs: []\ntensors: []", "unknown key 'tensrs'; did you mean 'tensors'?"),
        ("tensors:\n  - {tensor: one.nii.gz}", "entry 1 names no mask; add mask: FILE"),
        ("tensors:\n  - {tensor: two.nii.gz, mask: m.nii.gz}", "the tensor of entry 1 is not there (two.nii.gz)"),
        (
            "tensors:\n  - {tensor: one.nii.gz, maks: m.nii.gz}",
            "entry 1 has the unknown key 'maks'; did you mean 'mask'?",
        ),
        (
            "tensors:\n  - {tensor: one.nii.gz, mask: one_mask.nii.gz}",
            "the frame of the components of entry 1 (one.nii.gz) is stated nowhere; add frame: voxel, ras, lps or fsl",
        ),
        ("tensors:\n  - {tensor: one.nii.gz, mask: one_mask.nii.gz, frame: xyz}", "xyz"),
        (
            "tensors:\n  - {tensor: one.nii.gz, mask: one_mask.nii.gz, frame: ras, order: xx yy zz}",
            "the order 'xx yy zz' of entry 1 is not the six components",
        ),
        (
            "frame: ras\ntensors:\n  - {tensor: one.nii.gz, mask: one_mask.nii.gz, use: test}",
            "the use 'test' of entry 1 is not known; train or validation",
        ),
        (
            "frame: ras\ntensors:\n  - {tensor: one.nii.gz, mask: one_mask.nii.gz, use: validation}",
            "no tensor is for training",
        ),
        ("frame: ras\ntensors:\n  - {tensor: one_mask.nii.gz, mask: one_mask.nii.gz}", "where 4 are expected"),
        ("frame: ras\ntensors:\n  - {tensor: five.nii.gz, mask: one_mask.nii.gz}", "has 5 volumes and a tensor has 6"),
        ("frame: ras\ntensors:\n  - {tensor: one.nii.gz, mask: small.nii.gz}", "resample both to one grid"),
        (
            "frame: ras\ntensors:\n" + 2 * "  - {tensor: one.nii.gz, mask: one_mask.nii.gz, name: same}\n",
            "two tensors have the name 'same'",
        ),
        ("frame: ras\ntensors:\n  - {tensor: !!python/object/apply:os.system [ls]}", "which is never done"),
    ],
)
def test_what_is_wrong_with_a_list_is_said(tmp_path, brain, text, sentence):
    _write(tmp_path, "one", brain)
    nibabel.save(nibabel.Nifti1Image(np.zeros((*SHAPE, 5), np.float32), AFFINE), tmp_path / "five.nii.gz")
    nibabel.save(nibabel.Nifti1Image(np.ones((4, 7, 4), np.uint8), AFFINE), tmp_path / "small.nii.gz")
    assert sentence in _refusal(_list(tmp_path, text))


def test_csv_with_a_short_line_is_said(tmp_path):
    _list(tmp_path, "tensor,mask,frame\none.nii.gz,m.nii.gz\n", "dataset.csv")
    assert "line 2 has another number of columns than the first" in _refusal(tmp_path)


def test_list_and_sidecar_that_disagree_are_refused(tmp_path, brain):
    save_result(brain, tmp_path / "sub", frame="lps")
    entry = "tensors:\n  - {tensor: sub/chi.nii.gz, mask: sub/mask.nii.gz, "
    assert "in the frame ras, and its sidecar that it is in lps" in _refusal(_list(tmp_path, entry + "frame: ras}"))
    sentence = _refusal(_list(tmp_path, entry + "order: zz yz yy xz xy xx}"))
    assert "stated as zz yz yy xz xy xx, and the sidecar states another one" in sentence


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda chi: chi.__setitem__((2, 3, 1, 4), np.nan), "has 1 NaN or infinite value inside the mask"),
        (lambda chi: chi.fill(0), "the tensor is zero everywhere inside the mask"),
        (lambda chi: chi.__imul__(1000), "more than any susceptibility in a head; give it in ppm"),
    ],
)
def test_values_that_are_no_susceptibilities_are_refused(tmp_path, brain, spoil, sentence):
    chi = np.array(brain.chi)
    spoil(chi)
    folder = _one(tmp_path, TensorField(chi, AFFINE, brain.mask, "voxel"), "    frame: voxel\n")
    assert sentence in _refusal(folder)


def test_not_a_number_outside_of_the_mask_does_no_harm(tmp_path, brain):
    chi = np.where(brain.mask[..., None], brain.chi, np.nan)
    folder = _one(tmp_path, TensorField(chi, AFFINE, brain.mask, "voxel"), "    frame: voxel\n")
    _assert_is(load_entry(read_dataset(folder)[0]), brain)


def test_empty_mask_is_refused(tmp_path, brain):
    empty = TensorField(brain.chi, AFFINE, np.zeros(SHAPE, bool), "voxel")
    assert "the mask is empty; mark the brain with 1" in _refusal(_one(tmp_path, empty, "    frame: voxel\n"))
