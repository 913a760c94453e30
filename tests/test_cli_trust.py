"""``napari-sti trust`` and ``recon --start`` as a person types them."""

import json

import nibabel as nib
import numpy as np
import pytest
import yaml

from napari_sti.cli import main
from napari_sti.core import frames
from napari_sti.core.acquisition import Acquisition
from napari_sti.io.save import save_acquisition


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Four orientations on a small oblique grid in a permuted and flipped storage order."""
    rng = np.random.default_rng(4)
    shape, turn = (9, 8, 7), np.radians(12)
    mask = np.zeros(shape, bool)
    mask[1:-1, 1:-1, 1:] = True
    affine = np.eye(4)
    affine[:3, :3] = [[0, 0, -1], [np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0]]
    affine[:3, :3] *= [2.0, 2.5, 3.0]
    dirs = np.array([[0, 0, 1], [0.5, 0, 0.9], [0, -0.6, 0.8], [-0.4, 0.4, 0.8]])
    dirs /= np.linalg.norm(dirs, axis=1, keepdims=True)
    field = 0.02 * rng.standard_normal((4, *shape))
    acquisition = Acquisition(field, dirs, mask, affine, frame="ras", name="tiny", simulated=True)
    return save_acquisition(acquisition, tmp_path_factory.mktemp("cli") / "study")


@pytest.fixture(scope="module")
def trusted(study, tmp_path_factory):
    out = tmp_path_factory.mktemp("trusted") / "out"
    words = ["trust", str(study), "-m", "stiimag", "-p", "max_iterations=4", "--device", "cpu", "--frame", "ras"]
    assert main([*words, "-o", str(out)]) == 0
    return out


def mistake(capsys, *words):
    """Run a wrong command line and return its single line on standard error."""
    capsys.readouterr()
    status = main([str(w) for w in words])
    captured = capsys.readouterr()
    lines = captured.err.strip().splitlines()
    assert status == 2 and len(lines) == 1, captured.err
    return lines[0]


def test_it_writes_the_result_and_its_spreads_with_units(study, trusted):
    content = json.loads((trusted / "result.json").read_text())
    field = nib.load(study.parent / "field_01.nii.gz")
    mask = np.asarray(nib.load(study.parent / "mask.nii.gz").dataobj) > 0
    for name, unit in (("pev_spread", "degrees"), ("msa_spread", "ppm"), ("mms_spread", "ppm")):
        image = nib.load(trusted / f"{name}.nii.gz")
        np.testing.assert_allclose(image.affine, field.affine, atol=1e-5)
        values = image.get_fdata()
        assert values.shape == field.shape and not values[~mask].any() and (values[mask] > 0).any()
        assert content["units"][name] == unit and values.max() < {"degrees": 54.8, "ppm": 1.0}[unit]
    told = content["provenance"]["leave_one_out"]
    assert told["runs"][0]["orientations"] == "all orientations" and len(told["runs"]) == 5
    assert content["frame"] == "ras" and content["provenance"]["simulated"] is True


def test_the_maps_are_those_of_five_runs_by_hand(study, trusted, tmp_path):
    full = yaml.safe_load(study.read_text())
    maps = []
    for left_out in range(4):
        part = dict(full, orientations=[o for i, o in enumerate(full["orientations"]) if i != left_out])
        file = study.parent / f"without_{left_out}.yaml"
        file.write_text(yaml.safe_dump(part))
        out = tmp_path / str(left_out)
        assert (
            main(["recon", str(file), "-m", "stiimag", "-p", "max_iterations=4", "--device", "cpu", "-o", str(out)])
            == 0
        )
        maps.append([nib.load(out / f"{name}.nii.gz").get_fdata() for name in ("msa", "mms", "pev")])
    for number, name in ((0, "msa_spread"), (1, "mms_spread")):
        expected = np.std([m[number] for m in maps], axis=0)
        np.testing.assert_allclose(nib.load(trusted / f"{name}.nii.gz").get_fdata(), expected, atol=1e-6)
    pev = np.array([m[2] for m in maps])
    inside = (np.abs(pev).sum(-1) > 0).all(axis=0)
    matrix = np.einsum("n...i,n...j->...ij", pev, pev)[inside] / len(pev)
    expected = np.degrees(np.arcsin(np.sqrt(np.clip(1 - np.linalg.eigvalsh(matrix)[:, 2], 0, 1))))
    np.testing.assert_allclose(nib.load(trusted / "pev_spread.nii.gz").get_fdata()[inside], expected, atol=0.05)


def test_mistakes_are_said_in_one_line(study, trusted, tmp_path, capsys):
    words = ("trust", study, "-m", "stiimag")
    assert "is not empty" in mistake(capsys, *words, "-o", trusted)
    assert "did you mean 'stiimag'" in mistake(capsys, "trust", study, "-m", "stimag", "-o", tmp_path / "a")
    assert "not known" in mistake(capsys, *words, "-p", "iterations=3", "-o", tmp_path / "a")
    alone = study.parent / "alone.yaml"
    content = yaml.safe_load(study.read_text())
    alone.write_text(yaml.safe_dump(dict(content, orientations=content["orientations"][:1])))
    line = mistake(capsys, "trust", alone, "-m", "stiimag", "-o", tmp_path / "a")
    assert "leaving one orientation out needs at least 2 orientations" in line and "the study has 1" in line
    assert not (tmp_path / "a").exists()


def test_recon_starts_from_a_result_or_says_why_not(study, trusted, tmp_path, capsys):
    from napari_sti.recon.registry import methods

    empty = tmp_path / "empty"
    empty.mkdir()
    takes = next((m.id for m in methods().values() if m.takes_start and m.needs.orientations <= 4), None)
    refuses = next((m.id for m in methods().values() if not m.takes_start), None)
    if refuses is not None:
        line = mistake(capsys, "recon", study, "-m", refuses, "--start", trusted, "-o", tmp_path / "out")
        assert "does not iterate from a first estimate" in line
    if takes is None:
        pytest.skip("no method takes a start")
    line = mistake(capsys, "recon", study, "-m", takes, "--start", empty, "-o", tmp_path / "out")
    assert "holds no finished result" in line and "empty" in line
    out = tmp_path / "out"
    words = ["recon", str(study), "-m", takes, "-p", "max_iterations=1", "--device", "cpu"]
    assert main([*words, "--start", str(trusted), "-o", str(out)]) == 0
    told = json.loads((out / "result.json").read_text())["provenance"]["start"]
    assert told["path"] == str(trusted) and len(told["sha256"]) == 64 and told["method"] == "stiimag"


def test_the_spread_is_the_same_in_another_storage_order(trusted, tmp_path, study):
    """Reorder every file of the study on disk; the map follows."""
    move = np.array([[1, -1], [2, 1], [0, -1]], float)
    folder = tmp_path / "moved"
    folder.mkdir()
    for file in study.parent.glob("*.nii.gz"):
        image = nib.load(file)
        data = np.asarray(image.dataobj)
        moved = np.ascontiguousarray(frames.reorder_volume(data, move))
        affine = frames.reorder_affine(image.affine, move, data.shape[:3])
        nib.save(nib.Nifti1Image(moved, affine), folder / file.name)
    content = yaml.safe_load(study.read_text())
    content.pop("reference_tensor", None)
    (folder / "study.yaml").write_text(yaml.safe_dump(content))
    for other in study.parent.glob("*.txt"):
        (folder / other.name).write_text(other.read_text())
    words = ["trust", str(folder / "study.yaml"), "-m", "stiimag", "-p", "max_iterations=4", "--device", "cpu"]
    assert main([*words, "-o", str(tmp_path / "out")]) == 0
    first, second = (nib.load(place / "pev_spread.nii.gz").get_fdata() for place in (trusted, tmp_path / "out"))
    away = np.abs(second - frames.reorder_volume(first, move))
    assert np.percentile(away, 99) < 0.05 and away.max() < 1  # where two eigenvalues are nearly equal, rounding shows
