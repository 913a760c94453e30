"""What a probe says, against the tensor that was put there; in any order of storage."""

import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import InputError
from napari_sti.core.tensor_field import TensorField
from napari_sti.io.results import save_result
from napari_sti.io.save import save_acquisition
from napari_sti.maps.probe import open_probeable, parse_place, probe_places, probeable, with_fields
from tests.viz.phantoms import all_orders, marked_tensor, ras_affine, turned

SHAPE = (9, 11, 8)
VOXEL = (4, 6, 2)
"""In the RAS order of the phantom: on the bundle along the front-back axis."""


def world_of(tensor, voxel):
    return tensor.affine[:3, :3] @ np.array(voxel) + tensor.affine[:3, 3]


@pytest.fixture(scope="module")
def tensor():
    return marked_tensor()


def test_numbers_of_a_voxel(tensor):
    place = world_of(tensor, VOXEL) + 0.4
    found = probeable("run", tensor).at(place)
    assert found.inside and found.voxel == VOXEL and found.name == "run"
    np.testing.assert_allclose(found.centre, world_of(tensor, VOXEL))
    matrix = frames.to_matrix(tensor.in_frame("ras").chi[VOXEL].astype(float))
    np.testing.assert_allclose(found.chi, matrix, atol=1e-9)
    np.testing.assert_allclose(found.eigenvalues, np.linalg.eigvalsh(matrix)[::-1], atol=1e-9)
    assert found.mms == pytest.approx(tensor.mms[VOXEL], abs=1e-8)
    assert found.msa == pytest.approx(0.03, abs=1e-6)
    np.testing.assert_allclose(found.direction, [0, 1, 0], atol=1e-4)
    assert found.fields is None


@pytest.mark.parametrize("orientation", list(all_orders())[::5])
def test_the_same_in_every_order_of_storage(tensor, orientation):
    stored = tensor.reordered(orientation)
    place = world_of(tensor, VOXEL)
    found = probeable("run", stored).at(place)
    np.testing.assert_allclose(stored.affine[:3, :3] @ found.voxel + stored.affine[:3, 3], place, atol=1e-9)
    np.testing.assert_allclose(found.chi, probeable("run", tensor).at(place).chi, atol=1e-8)


def test_an_oblique_scan_answers_in_the_world():
    oblique = marked_tensor(turned(ras_affine(), SHAPE, 20))
    found = probeable("run", oblique).at(world_of(oblique, VOXEL))
    assert found.voxel == VOXEL
    # The phantom's directions are given in RAS, whichever way its voxels lie.
    np.testing.assert_allclose(found.direction, [0, 1, 0], atol=1e-4)


def test_where_there_is_nothing(tensor):
    chi = np.array(tensor.chi)
    chi[5, 5, 5, 2] = np.nan
    result = probeable("run", TensorField(chi, tensor.affine, tensor.mask))
    for voxel, where in (((0, 0, 0), "outside the mask"), ((5, 5, 5), "no value"), ((4, 6, 99), "outside the volume")):
        found = result.at(world_of(tensor, voxel))
        assert found.where == where and not found.inside and not found.direction.any()
        assert np.isnan(found.chi).all() and np.isnan(found.msa)
    assert result.at((1e30, 0, 0)).where == "outside the volume"


# ---- fields -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A study whose fields its own tensor makes without noise, and that tensor as its result; oblique, stored LPI."""
    from napari_sti.recon.forward import simulate_field

    folder = tmp_path_factory.mktemp("probe")
    base = marked_tensor(turned(ras_affine(), SHAPE, 12, axis=2)).reordered(np.array([[0, -1], [2, 1], [1, -1.0]]))
    rng = np.random.default_rng(1)
    dirs = rng.normal(size=(4, 3))
    dirs /= np.linalg.norm(dirs, axis=1, keepdims=True)
    chi = np.where(base.mask[..., None], base.chi, 0)
    field = simulate_field(chi, base.affine, dirs, base.mask)
    study = save_acquisition(Acquisition(field, dirs, base.mask, base.affine, b0=3.0, simulated=True), folder / "study")
    from napari_sti.io.load import load_study

    provenance = {"method": "given", "inputs": list(load_study(study).inputs), "simulated": True}
    tensor = TensorField(chi, base.affine, base.mask, provenance=provenance, name="given")
    save_result(tensor, folder / "result", frame="lps")
    return folder, tensor, field, dirs


def test_measured_and_predicted_fields_agree_for_the_tensor_that_made_them(saved):
    folder, tensor, field, dirs = saved
    result = with_fields(open_probeable(folder / "result", "given"))
    assert not result.remark
    voxel = (4, 5, 6)
    found = result.at(world_of(tensor, voxel))
    assert found.voxel == voxel
    np.testing.assert_allclose(found.fields.measured, field[(slice(None), *voxel)], atol=1e-8)
    np.testing.assert_allclose(found.fields.predicted, found.fields.measured, atol=2e-7)
    assert found.fields.misfit < 2e-7
    expected = frames.rotate_vectors(dirs, frames.to_ras("voxel", tensor.affine))
    np.testing.assert_allclose(np.abs((found.fields.b0_ras * expected).sum(1)), 1, atol=1e-6)
    assert found.fields.tilts[0] == pytest.approx(0, abs=1e-4) and len(found.fields.labels) == 4


def test_another_tensor_does_not_fit(saved):
    folder, tensor, _, _ = saved
    wrong = probeable("wrong", TensorField(2 * tensor.chi, tensor.affine, tensor.mask))
    result = with_fields(wrong, folder / "study" / "study.yaml")
    found = result.at(world_of(tensor, (4, 5, 6)))
    np.testing.assert_allclose(found.fields.predicted, 2 * found.fields.measured, rtol=1e-3, atol=1e-6)
    assert found.fields.misfit > 1e-4


def test_without_its_study_it_says_why(saved, tmp_path):
    folder, tensor, _, _ = saved
    alone = with_fields(probeable("alone", TensorField(tensor.chi, tensor.affine)))
    assert alone.study is None and "does not say which study file" in alone.remark
    entry = {"role": "study", "path": str(tmp_path / "gone.yaml")}
    gone = with_fields(probeable("gone", TensorField(tensor.chi, tensor.affine, provenance={"inputs": [entry]})))
    assert "gone.yaml is not there any more" in gone.remark
    entry = {"role": "study", "path": str(folder / "study" / "study.yaml"), "sha256": "0"}
    changed = with_fields(probeable("old", TensorField(tensor.chi, tensor.affine, provenance={"inputs": [entry]})))
    assert changed.study is not None and "was changed after this result was made" in changed.remark
    broken = tmp_path / "broken.yaml"
    broken.write_text("field: [nothing.nii.gz]\nmask: no.nii.gz\n")
    entry = {"role": "study", "path": str(broken)}
    found = with_fields(probeable("broken", TensorField(tensor.chi, tensor.affine, provenance={"inputs": [entry]})))
    assert "The measured fields cannot be read" in found.remark and found.study is None
    with pytest.raises(InputError, match=r"nothing\.nii\.gz"):
        with_fields(alone, broken)


def test_results_on_other_grids_answer_for_the_same_place(saved):
    folder, tensor, _, _ = saved
    one = open_probeable(folder / "result", "one")
    two = probeable("two", marked_tensor())
    rows = probe_places([one, two], [world_of(tensor, (4, 5, 6)), (0.0, -20.0, 10.0)])
    assert len(rows) == 2 and [probe.name for probe in rows[0]] == ["one", "two"]
    assert rows[0][0].voxel != rows[0][1].voxel
    for probe in rows[1]:
        assert np.abs(probe.centre - (0.0, -20.0, 10.0)).max() <= 1.6


# ---- places -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("12,-34.5,8", (12, -34.5, 8)),
        ("  12 -34.5   8 mm", (12, -34.5, 8)),
        ("R 12.0  P 34.5  S 8.0 mm", (12, -34.5, 8)),
        ("l12a3i.5", (-12, 3, -0.5)),
    ],
)
def test_places_as_people_write_them(text, place):
    assert parse_place(text) == place


@pytest.mark.parametrize("text", ["", "12, 3", "1 2 3 4", "R 12", "a b c", "1, 2, inf", "P 1 R 2 S 3"])
def test_what_is_no_place_is_refused(text):
    with pytest.raises(InputError, match="is not a place; give R, A and S in mm"):
        parse_place(text)
