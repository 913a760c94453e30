"""A quality page as a job: its files, its record, cancel, and what is refused before anything is read."""

import json

import nibabel as nib
import numpy as np
import pytest

from napari_sti.core.errors import Cancelled, InputError
from napari_sti.evaluate import quality_figures
from napari_sti.io.results import save_result, save_tensor
from napari_sti.io.save import save_acquisition
from napari_sti.jobs.job import Job, read_job, write_job
from napari_sti.jobs.quality import ANGLE, PAGE, RECORD, RESIDUALS, QualityInput
from napari_sti.jobs.run import run_job
from tests.maps import bundled

PICTURE = quality_figures.Picture("data", "a picture", b"\x89PNG light", b"\x89PNG dark")


@pytest.fixture(autouse=True)
def _quick_pictures(monkeypatch):
    """Drawing is tested where it is done."""
    monkeypatch.setattr(quality_figures, "quality_pictures", lambda quality: iter([PICTURE]))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A study, a result of it, a bare tensor, V1 and FA."""
    folder = tmp_path_factory.mktemp("quality")
    truth = bundled.tensor()
    save_acquisition(bundled.acquisition(truth, orientations=3), folder / "study")
    save_result(truth, folder / "run")
    save_tensor(truth, folder / "bare.nii.gz")
    (folder / "bare.json").unlink()
    bundled.write_dti(folder)
    return folder


def job(files, out, **more):
    params = {"result": str(files / "run"), "v1": str(files / "V1.nii.gz"), "fa": str(files / "FA.nii.gz")}
    return Job(
        "quality", files / "study" / "study.yaml", params=params | {"dti_frame": "fsl"} | more, out=out, name="q"
    )


def test_a_page_and_its_maps(files, tmp_path):
    out = tmp_path / "page"
    said = []
    assert run_job(job(files, out), said.append) == out / RECORD
    record = json.loads((out / RECORD).read_text())
    assert record["maps"] == {"residuals": RESIDUALS, "angle": ANGLE} and record["page"] == PAGE
    assert nib.load(out / RESIDUALS).shape == (*bundled.SHAPE, 3)
    angle = nib.load(out / ANGLE)
    assert np.isfinite(angle.get_fdata()).sum() == record["dti"]["angle_voxels"] and np.allclose(
        angle.affine, bundled.affine()
    )
    roles = [entry["role"] for entry in record["inputs"]]
    assert (
        roles[:3] == ["result", "V1", "FA"]
        and "study" in roles
        and all(len(e["sha256"]) == 64 for e in record["inputs"])
    )
    assert all((out / name).is_file() for files in record["pictures"].values() for name in files.values())
    assert "data:image/png;base64," in (out / PAGE).read_text()
    assert "Predicting the fields" in {step.message for step in said}
    assert read_job(out).params["dti_frame"] == "fsl"
    with pytest.raises(InputError, match="already holds a result"):
        run_job(job(files, out))


def test_cancel_leaves_nothing(files, tmp_path):
    def stop(step):
        if step.message == "Streaks":
            raise Cancelled

    with pytest.raises(Cancelled):
        run_job(job(files, tmp_path / "page"), stop)
    assert not (tmp_path / "page" / RECORD).exists() and not (tmp_path / "page" / PAGE).exists()


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({}, "the quality page is about no result; name a result folder or a tensor file"),
        ({"result": "a", "v1": "b"}, "V1 and FA of a DTI go together, and one is missing; give both, or neither"),
        ({"result": "a", "colour": "red"}, "a quality page has no parameter colour"),
        ({"result": "a", "dti_mend": "auto"}, "a mend of V1 goes with V1 and FA; give both, or leave the mend out"),
        ({"result": "a", "v1": "b", "fa": "c", "dti_mend": "x,y"}, "does not name each of the axes x, y, z once"),
        ({"result": 3}, "the result of the quality page is not a text"),
    ],
)
def test_what_is_not_right_is_said_first(tmp_path, params, said):
    with pytest.raises(InputError, match=said):
        run_job(Job("quality", params=params, out=tmp_path / "page"))
    assert not (tmp_path / "page").exists()


def test_a_tensor_without_a_sidecar_is_asked_about(files, tmp_path):
    bare = Job("quality", params={"result": str(files / "bare.nii.gz")}, out=tmp_path / "page")
    with pytest.raises(InputError, match="the frame of the tensor's components is not stated; state it"):
        run_job(bare)
    told = Job("quality", params={"result": str(files / "bare.nii.gz"), "frame": "voxel"}, out=tmp_path / "told")
    record = json.loads(run_job(told).read_text())
    assert record["maps"] == {} and record["mend"] == ""


def test_the_axes_of_v1_are_asked_for(files, tmp_path):
    with pytest.raises(InputError, match="the axes of these directions are stated nowhere; state the frame"):
        run_job(job(files, tmp_path / "page", dti_frame=""))


def test_paths_may_be_relative_to_the_job(files, tmp_path):
    given = QualityInput("../run", v1="../V1.nii.gz", fa="../FA.nii.gz").in_folder(files / "page")
    assert given.result == str(files / "page" / "../run") and given.white == ""
    assert QualityInput.from_mapping(given.mapping()) == given
    written = Job("quality", params={"result": str(files / "run")}, out=tmp_path / "page")
    assert read_job(write_job(written)).params == written.params


def test_the_command_that_does_the_same(tmp_path):
    given = QualityInput("my run", frame="ras", v1="V1.nii", fa="FA.nii", dti_frame="fsl", white="wm.nii")
    assert given.command(tmp_path / "s.yaml", "page") == (
        f"napari-sti quality 'my run' --frame ras --study {tmp_path / 's.yaml'} --dti V1.nii FA.nii --dti-frame fsl "
        "--white wm.nii -o page"
    )
