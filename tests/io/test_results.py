import json

import nibabel
import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.core.provenance import file_hash, make_provenance
from napari_sti.core.tensor_field import TensorField
from napari_sti.io.nifti import SYMMATRIX, read_volume, write_volume
from napari_sti.io.results import (
    FurtherMap,
    check_folder,
    check_no_input,
    load_further,
    load_result,
    load_tensor,
    save_result,
    save_tensor,
)
from napari_sti.io.sidecars import sidecar_frame
from tests.io.studies import all_orders, ball, grid, tensor
from tests.shared_data import shared

FRAMES = ["voxel", "ras", "lps", "fsl"]


def made(**more):
    provenance = make_provenance(
        method="stiimag",
        params={"lam": 0.5, "tolerance": float("nan")},
        device="cpu",
        seconds=1.25,
        inputs=[{"role": "mask", "path": "/a/mask.nii.gz", "sha256": "0" * 64}],
        iterations=np.int64(12),
    )
    return tensor(provenance=provenance, name="head 1", **more)


def refusal(function, *given, **more):
    with pytest.raises(InputError) as error:
        function(*given, **more)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("oblique", [False, True])
def test_round_trip_in_every_frame(tmp_path, frame, oblique):
    original = made(affine=grid(oblique=oblique))
    path = save_result(original, tmp_path / "out", frame=frame)
    assert path == tmp_path / "out" / "result.json"
    for place in (tmp_path / "out", path):
        again = load_result(place)
        assert again.frame == "voxel" and again.name == "head 1"
        assert np.allclose(again.chi, original.chi, atol=1e-7) and np.array_equal(again.mask, original.mask)
        assert np.allclose(again.affine, original.affine, atol=1e-5)
        assert again.provenance["method"] == "stiimag" and again.provenance["iterations"] == 12
    assert np.allclose(load_tensor(tmp_path / "out/chi.nii.gz").chi, original.chi, atol=1e-7)
    assert sidecar_frame(tmp_path / "out/chi.nii.gz") == frame


@pytest.mark.parametrize("frame", FRAMES)
def test_maps_are_written_in_the_frame(tmp_path, frame):
    original = made(affine=grid(oblique=True))
    save_result(original, tmp_path, frame=frame)
    expected = original.in_frame(frame)
    for name in ("chi", "mms", "msa", "pev"):
        file = read_volume(tmp_path / f"{name}.nii.gz", dims=(3, 4))
        assert np.allclose(file.affine, grid(oblique=True), atol=1e-5)
        if name != "pev":
            assert np.allclose(file.data, getattr(expected, name), atol=1e-6)
    pev = read_volume(tmp_path / "pev.nii.gz", dims=4).data
    assert pev.shape[3] == 3
    assert np.allclose(np.abs((pev * expected.pev).sum(-1))[ball()], 1, atol=1e-4)  # sign free


def test_every_storage_order_keeps_the_world_tensor(tmp_path):
    original = made(affine=grid(oblique=True))
    world = original.in_frame("ras")
    for number, order in enumerate(all_orders()):
        save_result(original.reordered(order), tmp_path / str(number), frame=FRAMES[number % 4])
        again = load_result(tmp_path / str(number))
        back = again.reordered(frames.orientation_between(again.affine, original.affine)).in_frame("ras")
        assert np.allclose(back.chi, world.chi, atol=1e-6), number


def test_sidecar(tmp_path):
    content = json.loads(save_result(made(), tmp_path, frame="lps").read_text())
    assert content["format"] == "napari-sti result" and content["version"] == 1
    assert content["frame"] == "lps" and content["order"] == ["xx", "xy", "xz", "yy", "yz", "zz"]
    assert content["units"]["chi"] == "ppm" and content["units"]["pev"] == "unit vector"
    assert content["orientation"] == "RAS" and content["shape"] == [7, 9, 6]
    assert content["voxel_size_mm"] == [1.5, 0.9, 2.0]
    assert content["files"]["chi"]["sha256"] == file_hash(tmp_path / "chi.nii.gz")
    kept = content["provenance"]
    assert kept["params"] == {"lam": 0.5, "tolerance": None} and kept["device"] == "cpu" and kept["versions"]["python"]
    assert kept["inputs"][0]["role"] == "mask" and kept["finished"]


def test_a_voxel_of_zero_inside_the_mask_stays_inside(tmp_path):
    chi = made().chi.copy()
    chi[3, 4, 3] = 0
    save_result(TensorField(chi, grid(), mask=ball()), tmp_path)
    assert load_result(tmp_path).mask[3, 4, 3]


def test_a_file_that_was_changed_is_said(tmp_path):
    save_result(made(), tmp_path)
    write_volume(tmp_path / "chi.nii.gz", made().chi * 2, grid(), overwrite=True)
    assert load_result(tmp_path).provenance["remarks"][-1] == "chi.nii.gz was changed after it was written."


# ---- tensors of other programs ----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(7, 9, 6, 6), (7, 9, 6, 1, 6)])
def test_any_six_volumes(tmp_path, shape):
    chi = tensor().chi
    write_volume(tmp_path / "a.nii.gz", chi.reshape(shape), grid())
    loaded = load_tensor(tmp_path / "a.nii.gz", frame="voxel")
    assert np.array_equal(loaded.chi, chi) and loaded.name == "a"
    assert loaded.provenance["inputs"][0]["sha256"] == file_hash(tmp_path / "a.nii.gz")


def test_symmetric_matrix_intent_is_stored_by_the_lower_triangle(tmp_path):
    chi = tensor().chi
    lower = chi[..., [0, 1, 3, 2, 4, 5]]  # xx, yx, yy, zx, zy, zz
    image = nibabel.Nifti1Image(lower[:, :, :, None], grid())
    image.header["intent_code"] = SYMMATRIX
    image.to_filename(tmp_path / "a.nii.gz")
    assert np.array_equal(load_tensor(tmp_path / "a.nii.gz", frame="voxel").chi, chi)


def test_a_stated_frame_turns_the_components(tmp_path):
    original = tensor(affine=grid(oblique=True))
    write_volume(tmp_path / "a.nii.gz", original.in_frame("lps").chi, grid(oblique=True))
    assert np.allclose(load_tensor(tmp_path / "a.nii.gz", frame="lps").chi, original.chi, atol=1e-6)


def test_own_sidecar_and_order(tmp_path):
    path = save_tensor(tensor().in_frame("ras"), tmp_path / "truth.nii.gz")
    assert np.allclose(load_tensor(path).chi, tensor().chi, atol=1e-6)
    sidecar = tmp_path / "truth.json"
    content = json.loads(sidecar.read_text())
    order = ["xx", "yy", "zz", "xy", "xz", "yz"]
    write_volume(path, tensor().in_frame("ras").chi[..., [0, 3, 5, 1, 2, 4]], grid(), overwrite=True)
    sidecar.write_text(json.dumps({**content, "order": order}))
    assert np.allclose(load_tensor(path).chi, tensor().chi, atol=1e-6)
    sidecar.write_text(json.dumps({**content, "order": ["xx", "yy"]}))
    assert "the order ['xx', 'yy'] of the components is not known" in refusal(load_tensor, path)


# ---- what is refused --------------------------------------------------------------------------------------------


def test_no_tensor(tmp_path):
    write_volume(tmp_path / "a.nii.gz", tensor().chi, grid())
    assert "frame of the tensor's components is not stated; state it" in refusal(load_tensor, tmp_path / "a.nii.gz")
    write_volume(tmp_path / "b.nii.gz", tensor().chi[..., :3], grid())
    assert "has 3 volumes and a tensor has 6" in refusal(load_tensor, tmp_path / "b.nii.gz", frame="ras")
    write_volume(tmp_path / "c.nii.gz", tensor().mms, grid())
    assert "3 dimensions" in refusal(load_tensor, tmp_path / "c.nii.gz", frame="ras")


def test_no_result(tmp_path):
    assert "holds no finished result (result.json is missing)" in refusal(load_result, tmp_path)
    (tmp_path / "result.json").write_text("{")
    assert "broken JSON" in refusal(load_result, tmp_path)
    (tmp_path / "result.json").write_text("{}")
    assert "not the sidecar of a result" in refusal(load_result, tmp_path)
    (tmp_path / "result.json").write_text('{"format": "napari-sti result", "version": 99}')
    assert "newer than this program knows" in refusal(load_result, tmp_path)


def test_output_folders(tmp_path, monkeypatch):
    (tmp_path / "old").write_text("kept")
    for function in (lambda folder: save_result(made(), folder), check_folder):
        assert "exists already and is not empty; choose another folder" in refusal(function, tmp_path)
        assert "is a file, not a folder" in refusal(function, tmp_path / "old")
        assert "is a file, not a folder" in refusal(function, tmp_path / "old" / "below")
    save_result(made(), tmp_path, overwrite=True)
    assert (tmp_path / "old").read_text() == "kept"
    check_folder(tmp_path / "new" / "deep")
    assert not (tmp_path / "new").exists()

    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.mkdir", denied)
    assert "cannot be written (Permission denied)" in refusal(check_folder, tmp_path / "new")
    assert "cannot be written (Permission denied)" in refusal(save_result, made(), tmp_path / "new")


def test_a_killed_job_leaves_no_finished_result(tmp_path, monkeypatch):
    save_result(made(), tmp_path)
    calls = []

    def killed(path, *given, **more):
        calls.append(path)
        if len(calls) == 2:
            raise KeyboardInterrupt
        write_volume(path, *given, **more)

    monkeypatch.setattr("napari_sti.io.results.write_volume", killed)
    with pytest.raises(KeyboardInterrupt):
        save_result(made(), tmp_path, overwrite=True)
    assert not (tmp_path / "result.json").exists()
    assert not list(tmp_path.glob(".*"))


def test_real_fibres_keep_their_geometry(tmp_path):
    """A tensor with the fibres of a real brain as PEV (V1 of FSL) goes through files in every frame unchanged."""
    v1 = read_volume(shared("data/dti_brain/V1.nii.gz"), dims=4)
    fa = read_volume(shared("data/dti_brain/FA.nii.gz"))
    assert v1.data.shape == (84, 92, 56, 3) and np.allclose(v1.affine, fa.affine)
    block = (slice(30, 54), slice(30, 62), slice(20, 37))
    v = v1.data[block].astype(np.float64)
    mask = (fa.data[block] > 0.3) & (np.abs(np.linalg.norm(v, axis=-1) - 1) < 1e-2)
    v[~mask] = 0
    chi = frames.from_matrix(v[..., :, None] * v[..., None, :]) * 0.02
    made_of = TensorField(chi, v1.affine, mask=mask, frame="fsl")
    save_result(made_of, tmp_path, frame="fsl")
    pev = read_volume(tmp_path / "pev.nii.gz", dims=4).data
    assert np.min(np.abs((pev * v).sum(-1))[mask]) > 0.999
    assert np.allclose(load_result(tmp_path).chi, made_of.in_frame("voxel").chi, atol=1e-7)


def test_further_maps_go_along_with_unit_and_title(tmp_path):
    original = made()
    spread = np.random.default_rng(1).uniform(0, 50, original.shape).astype(np.float32)
    given = {"pev_spread": FurtherMap(spread, "degrees", "PEV spread, degrees")}
    path = save_result(original, tmp_path / "out", further=given)
    content = json.loads(path.read_text())
    assert content["units"]["pev_spread"] == content["files"]["pev_spread"]["units"] == "degrees"
    assert content["files"]["pev_spread"]["sha256"] == file_hash(tmp_path / "out" / "pev_spread.nii.gz")
    for place in (tmp_path / "out", path):
        again = load_further(place)
        assert list(again) == ["pev_spread"]
        np.testing.assert_array_equal(again["pev_spread"].data, spread)
        assert (again["pev_spread"].units, again["pev_spread"].title) == ("degrees", "PEV spread, degrees")
    image = nibabel.load(tmp_path / "out" / "pev_spread.nii.gz")
    np.testing.assert_allclose(image.affine, original.affine, atol=1e-5)
    assert load_further(save_result(original, tmp_path / "plain")) == {}
    (tmp_path / "out" / "pev_spread.nii.gz").unlink()
    assert "pev_spread.nii.gz" in refusal(load_further, tmp_path / "out")


def test_a_further_map_replaces_no_input(tmp_path):
    mine = tmp_path / "msa_spread.nii.gz"
    mine.write_text("mine")
    assert "would replace this file" in refusal(check_no_input, tmp_path, [mine], further=["msa_spread"])
    check_no_input(tmp_path, [mine])
