from dataclasses import replace

import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.core.provenance import file_hash
from napari_sti.io.load import load, load_study
from napari_sti.io.nifti import read_volume, write_volume
from napari_sti.io.results import save_tensor
from napari_sti.io.study import write_study
from tests.io.studies import (
    SHAPE,
    acquisition,
    all_orders,
    ball,
    change,
    grid,
    stored,
    tensor,
    write_study_files,
)
from tests.io.test_study import DEEPSTI, WAVESEP
from tests.shared_data import shared

# ---- values, units, directions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("oblique", [False, True])
def test_fields_directions_mask_and_grid(tmp_path, oblique):
    affine = grid(oblique=oblique)
    expected = acquisition(affine=affine)
    loaded = load(write_study_files(tmp_path, n=3, affine=affine))
    assert np.allclose(loaded.field, expected.field, atol=1e-7) and np.array_equal(loaded.mask, expected.mask)
    assert np.allclose(loaded.b0_dirs, expected.b0_dirs, atol=1e-6)
    assert np.allclose(loaded.affine, affine, atol=1e-5) and loaded.b0 == 3.0 and loaded.warnings == ()
    assert loaded.labels == ("field1", "field2", "field3")


def test_inputs_name_every_file_with_its_hash(tmp_path):
    loaded = load(write_study_files(tmp_path))
    assert [i["role"] for i in loaded.inputs] == ["mask", "field of orientation 1", "field of orientation 2"]
    assert loaded.inputs[1]["path"] == str(tmp_path / "field1.nii.gz")
    assert loaded.inputs[1]["sha256"] == file_hash(tmp_path / "field1.nii.gz")


def test_units_may_differ_between_orientations(tmp_path):
    expected = acquisition()
    per_ppm = 3.0 * 42.57747892
    study = write_study_files(tmp_path, n=3)
    write_volume(tmp_path / "hz.nii.gz", expected.field[0] * per_ppm, grid())
    write_volume(tmp_path / "rad.nii.gz", expected.field[1] * per_ppm * 2 * np.pi * 0.02, grid())
    study = change(study, 0, field=tmp_path / "hz.nii.gz", units="Hz")
    study = change(study, 1, field=tmp_path / "rad.nii.gz", units="rad", te=0.02)
    assert np.allclose(load(study).field, expected.field, atol=1e-6)


@pytest.mark.parametrize("frame", ["voxel", "ras", "lps", "fsl"])
@pytest.mark.parametrize("oblique", [False, True])
def test_the_same_direction_in_every_frame(tmp_path, frame, oblique):
    affine = grid(oblique=oblique)
    study = write_study_files(tmp_path, affine=affine)
    world = np.array(study.orientations[1].b0_dir)
    given = frames.rotate_vectors(world, frames.between("ras", frame, affine))
    again = load(change(study, 1, b0_dir=tuple(given.tolist()), frame=frame))
    assert np.allclose(again.b0_dirs, load(study).b0_dirs, atol=1e-6)


def test_text_files_are_lps_unless_stated(tmp_path):
    affine = grid() @ np.diag([-1, 1, 1, 1])  # stored LAS
    study = write_study_files(tmp_path, affine=affine)
    (tmp_path / "b0.txt").write_text("0.36\n-0.48\n0.8")
    plain = load(change(study, 1, b0_dir=tmp_path / "b0.txt", frame=None))
    assert np.allclose(plain.b0_dirs[1], (0.36, 0.48, 0.8)) and plain.warnings == ()
    stated = load(change(study, 1, b0_dir=tmp_path / "b0.txt", frame="voxel"))
    assert np.allclose(stated.b0_dirs[1], (0.36, -0.48, 0.8))
    assert plain.inputs[-1]["path"] == str(tmp_path / "b0.txt")


def test_a_text_file_with_oblique_images_gives_a_warning(tmp_path):
    study = write_study_files(tmp_path, affine=grid(oblique=True))
    (tmp_path / "b0.txt").write_text("0\n0\n1")
    study = change(study, 1, b0_dir=tmp_path / "b0.txt", frame=None)
    loaded = load(study)
    assert "oblique: the B0 direction of orientation 2 is read as LPS of the world" in loaded.warnings[0]
    assert np.allclose(loaded.b0_dirs[1], frames.b0_from_affine(grid(oblique=True)), atol=1e-6)
    assert load(change(study, 1, frame="lps")).warnings == ()


def test_direction_from_the_affine(tmp_path):
    study = write_study_files(tmp_path, n=1, affine=grid(oblique=True))
    loaded = load(change(study, 0, b0_dir="affine", frame=None))
    assert np.allclose(loaded.b0_dirs[0], frames.b0_from_affine(grid(oblique=True)), atol=1e-6)


def test_almost_unit_directions_are_normalised_with_a_warning(tmp_path):
    study = change(write_study_files(tmp_path), 1, b0_dir=(0.0, 0.0, 0.99))
    loaded = load(study)
    assert np.allclose(np.linalg.norm(loaded.b0_dirs, axis=1), 1)
    assert loaded.warnings == ("The B0 direction of orientation 2 has length 0.9900 and was normalised.",)


# ---- storage orders ---------------------------------------------------------------------------------------------


def test_files_of_one_study_may_be_stored_in_different_orders(tmp_path):
    affine = grid(oblique=True)
    study = write_study_files(tmp_path, n=3, affine=affine)
    expected = load(study)
    orders = all_orders()
    for name, order in (("field2", orders[11]), ("field3", orders[38]), ("mask", orders[21])):
        file = read_volume(tmp_path / f"{name}.nii.gz")
        write_volume(tmp_path / f"{name}.nii.gz", *stored(file.data, file.affine, order), overwrite=True)
    # A direction along the stored axes of the second file turns with them.
    own = frames.rotate_vectors(np.array(study.orientations[1].b0_dir), frames.between("ras", "voxel", affine))
    own = frames.rotate_vectors(own, frames.reordering_matrix(orders[11]))
    loaded = load(change(study, 1, b0_dir=tuple(own.tolist()), frame="voxel"))
    assert np.array_equal(loaded.field, expected.field) and np.array_equal(loaded.mask, expected.mask)
    assert np.allclose(loaded.b0_dirs, expected.b0_dirs, atol=1e-6)


def test_a_study_in_each_of_the_48_orders_is_the_same_study(tmp_path):
    affine = grid(oblique=True)
    study = write_study_files(tmp_path, affine=affine)
    expected = load(study)
    world = frames.rotate_vectors(expected.b0_dirs, frames.to_ras("voxel", expected.affine))
    truth = tensor(affine=affine)
    for number, order in enumerate(all_orders()):
        folder = tmp_path / str(number)
        folder.mkdir()
        for path in tmp_path.glob("*.nii.gz"):
            file = read_volume(path)
            write_volume(folder / path.name, *stored(file.data, file.affine, order))
        save_tensor(truth.reordered(order).in_frame("ras"), folder / "truth.nii.gz")
        moved = [replace(o, field=folder / o.field.name) for o in study.orientations]
        loaded = load(
            replace(
                study,
                orientations=tuple(moved),
                mask=folder / "mask.nii.gz",
                reference_tensor=folder / "truth.nii.gz",
            )
        )
        back = frames.orientation_between(loaded.affine, affine)
        for field, same in zip(loaded.field, expected.field, strict=True):
            assert np.array_equal(frames.reorder_volume(field, back), same)
        assert np.allclose(
            frames.rotate_vectors(loaded.b0_dirs, frames.to_ras("voxel", loaded.affine)), world, atol=1e-6
        )
        again = loaded.reference_tensor.reordered(back)
        assert np.allclose(again.chi[ball()], truth.chi[ball()], atol=1e-6), number


# ---- masks and other volumes ------------------------------------------------------------------------------------


def test_everything_else_is_read(tmp_path):
    study = write_study_files(tmp_path)
    rng = np.random.default_rng(5)
    write_volume(tmp_path / "wm.nii.gz", (ball() * rng.random(SHAPE)).astype(np.float32), grid())
    write_volume(tmp_path / "mag.nii.gz", rng.random((*SHAPE, 3)), grid())
    write_volume(tmp_path / "r2.nii.gz", rng.normal(10, 8, SHAPE), grid())
    write_volume(tmp_path / "qsm.nii.gz", rng.normal(0, 0.05, SHAPE), grid())
    save_tensor(tensor().in_frame("lps"), tmp_path / "chi.nii.gz")
    loaded = load(
        replace(
            study,
            wm_mask=tmp_path / "wm.nii.gz",
            magnitude=(tmp_path / "mag.nii.gz",),
            r2prime=(tmp_path / "r2.nii.gz",),
            qsm=tmp_path / "qsm.nii.gz",
            reference_tensor=tmp_path / "chi.nii.gz",
            simulated=True,
        )
    )
    assert "wm.nii.gz holds fractions; the white matter mask is taken where they exceed 0.5." in loaded.warnings
    assert 0 < loaded.wm_mask.sum() < ball().sum()
    assert loaded.magnitude.shape == (3, *SHAPE) and loaded.r2prime.shape == (1, *SHAPE) and loaded.r2prime.min() == 0
    assert loaded.qsm.shape == SHAPE and loaded.simulated
    assert np.allclose(loaded.reference_tensor.chi, tensor().chi, atol=1e-7)
    assert loaded.reference_tensor.frame == "voxel"


def test_nan_outside_the_mask_does_no_harm(tmp_path):
    study = write_study_files(tmp_path)
    data = read_volume(tmp_path / "field1.nii.gz").data.copy()
    data[~ball()] = np.nan
    write_volume(tmp_path / "field1.nii.gz", data, grid(), overwrite=True)
    assert np.isfinite(load(study).field).all()


# ---- published programs -----------------------------------------------------------------------------------------


def published_files(folder):
    """Files with the names of the published examples, stored LPS as those programs ask for."""
    affine = grid() @ np.diag([-1, -1, 1, 1])
    data = acquisition(affine=affine, n=2, frame="voxel")
    (folder / "data/sub").mkdir(parents=True)
    for i, name in enumerate(("one", "two")):
        write_volume(folder / f"data/sub/{name}_phase.nii.gz", data.field[i] * 7 * 42.57747892, affine)
        write_volume(folder / f"data/{name}_R2p.nii.gz", np.full(SHAPE, 9.0), affine)
        for place in ("data/sub", "data"):
            (folder / f"{place}/{name}_ang.txt").write_text("\n".join(f"{v:e}" for v in data.b0_dirs[i]))
    chi = tensor(affine=affine)
    for name in ("data/sub/tensor.nii.gz", "data/sti.nii.gz"):
        write_volume(folder / name, chi.chi, affine)
    for name in ("data/sub/mask.nii.gz", "data/mask.nii.gz"):
        write_volume(folder / name, data.mask, affine)
    return data, chi


def test_deepsti_loads_unchanged(tmp_path):
    data, chi = published_files(tmp_path)
    (tmp_path / "example.yml").write_text(DEEPSTI)
    loaded = load_study(tmp_path / "example.yml")
    # Stored LPS, LPS of the world is the stored axes: just what the published program computes with.
    assert np.allclose(loaded.b0_dirs, data.b0_dirs, atol=1e-6)
    assert np.allclose(loaded.field, data.field, atol=1e-6) and loaded.b0 == 7
    assert np.allclose(loaded.reference_tensor.chi, chi.chi)
    assert load_study(f"{tmp_path}/example.yml#Subject_1ori").n_orientations == 1


def test_wavesep_loads_unchanged(tmp_path):
    data, chi = published_files(tmp_path)
    (tmp_path / "example.yml").write_text(WAVESEP)
    loaded = load_study(tmp_path / "example.yml")
    assert loaded.field is None and loaded.r2prime.shape == (2, *SHAPE)
    assert np.allclose(loaded.b0_dirs, data.b0_dirs, atol=1e-6) and np.allclose(loaded.reference_tensor.chi, chi.chi)


def test_a_published_mask_and_direction(tmp_path):
    mask = read_volume(shared("data/brain_masks/Sub001_mask.nii.gz"))
    path = shared("data/b0_dirs/Sub001_ori5.txt")
    field = np.where(mask.data > 0, 1.0, 0) * np.linspace(-9, 9, mask.data.shape[0])[:, None, None]
    write_volume(tmp_path / "f.nii.gz", field, mask.affine)
    (tmp_path / "s.yml").write_text(
        f"- name: a\n  tesla: 7\n  phase: [f.nii.gz]\n  H0: [{path}]\n  mask: {mask.path}\n"
    )
    loaded = load_study(tmp_path / "s.yml")
    assert np.allclose(loaded.b0_dirs[0], [float(v) for v in path.read_text().split()], atol=1e-5)


def test_from_a_file(tmp_path):
    write_study(write_study_files(tmp_path, name="head 7"), tmp_path / "study.sti.yaml")
    assert load_study(tmp_path / "study.sti.yaml").name == "head 7"
    assert load_study(str(tmp_path)).name == "head 7"


@pytest.mark.parametrize("outside", [-1, 0])
def test_whatever_marks_the_outside_of_the_mask(tmp_path, outside):
    study = write_study_files(tmp_path)
    write_volume(study.mask, np.where(ball(), 1, outside).astype(np.int16), grid(), overwrite=True)
    assert np.array_equal(load(study).mask, ball())
