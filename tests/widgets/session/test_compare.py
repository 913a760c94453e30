"""The session of comparisons: what is found, what is made of it, and a viewer that is left as it was."""

from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.core.tensor_field import TensorField
from napari_sti.io.results import save_result, save_tensor
from napari_sti.io.study import write_study
from napari_sti.viz import _compat
from napari_sti.viz.display import layer_info
from napari_sti.widgets.session.compare import choice_command
from napari_sti.widgets.session.compare_sources import Choice, Source, free_name, look_at

SHAPE = (12, 9, 11)
AFFINE = np.array([[-1.5, 0, 0, 8], [0, 1.5, 0, -7], [0, 0, 2, -6], [0, 0, 0, 1.0]])
ORDER = np.array([[1, -1], [2, 1], [0, -1.0]])


def truth():
    rng = np.random.default_rng(3)
    v = rng.normal(size=(*SHAPE, 3))
    v /= np.linalg.norm(v, axis=-1, keepdims=True)
    mask = np.zeros(SHAPE, bool)
    mask[1:-1, 1:-1, 2:-2] = True
    chi = frames.from_matrix(0.03 * v[..., :, None] * v[..., None, :]) * mask[..., None]
    return TensorField(chi, AFFINE, mask, provenance={"simulated": True}, name="truth")


def noisy(seed, level):
    noise = np.random.default_rng(seed).normal(0, level, (*SHAPE, 6))
    return replace(truth(), chi=truth().chi + noise * truth().mask[..., None])


@pytest.fixture
def folders(tmp_path):
    """Two results, one of them stored in another order, and the truth as a result."""
    save_result(noisy(1, 0.003), tmp_path / "good")
    save_result(noisy(2, 0.01).reordered(ORDER), tmp_path / "bad", frame="lps")
    save_result(truth(), tmp_path / "true")
    return [tmp_path / name for name in ("good", "bad", "true")]


@pytest.fixture
def session(controller, folders, qtbot):
    for folder in folders:
        controller.compare.add_folder(folder)
    qtbot.waitUntil(lambda: len(controller.compare.candidates) == 3)
    return controller.compare


CHOICE = Choice(("good", "bad"), "run:true")


def compare(session, choice, qtbot):
    with qtbot.waitSignal(session.grid.shown_changed, timeout=20_000):
        session.start(choice)
    return session.comparison


def test_what_can_be_compared(tmp_path, study, folders):
    save_tensor(truth(), tmp_path / "reference.nii.gz")
    known = replace(study, reference_tensor=tmp_path / "reference.nii.gz", simulated=True)
    write_study(known, tmp_path / "study.sti.json")
    found = look_at(
        [
            Source("run 1", folders[0], tmp_path / "study.sti.json", "about"),
            Source("run 1", folders[1]),
            Source("gone", tmp_path / "nowhere"),
        ]
    )
    assert [one.name for one in found] == ["run 1", "run 1 (2)"]
    assert found[0].truth.name == "ground truth" and found[0].truth.path == tmp_path / "reference.nii.gz"
    assert found[1].truth is None and found[0].fits(found[1])


def test_a_result_states_the_truth_of_its_study_itself(tmp_path):
    file = save_tensor(truth(), tmp_path / "reference.nii.gz")
    inputs = [{"role": "reference tensor", "path": str(file), "sha256": "0"}]
    save_result(replace(noisy(1, 0.003), provenance={"inputs": inputs, "simulated": True}), tmp_path / "run")
    (one,) = look_at([Source("run", tmp_path / "run")])
    assert one.truth is not None and one.truth.path == file and one.truth.name == "ground truth"


def test_names_are_free():
    assert [free_name("a", taken) for taken in ((), ("a",), ("a", "a (2)"))] == ["a", "a (2)", "a (3)"]


@pytest.mark.parametrize(
    ("choice", "why"),
    [
        (Choice(), "Check the runs to compare."),
        (Choice(("a",)), "Choose what to compare with."),
        (Choice(("a",), "run:a"), "Check a run besides the reference."),
        (Choice(("a",), "dti", Path("v1")), "Choose the files of V1 and FA."),
        (Choice(("a",), "dti", Path("v1"), Path("fa")), "State the axes of V1: FSL's dtifit writes fsl."),
        (Choice(("a",), "dti", Path("v1"), Path("fa"), "fsl"), ""),
        (Choice(("a", "b"), "run:a"), ""),
    ],
)
def test_what_is_missing_is_said(choice, why):
    assert choice.why_not() == why


def test_side_by_side(session, viewer, qtbot):
    viewer.add_image(np.zeros((5, 5, 5)), name="anatomy")
    before = [(layer.name, layer.visible) for layer in viewer.layers]
    comparison = compare(session, CHOICE, qtbot)
    assert list(comparison.scores) == ["good", "bad"] and comparison.reference_name == "true"
    assert comparison.scores["good"].angle_mean < comparison.scores["bad"].angle_mean
    assert session.grid.shown and _compat.grid(viewer).enabled
    assert [layer.name for layer in viewer.layers if layer.visible] == [x.name for x in session.grid.layers[::-1]]
    assert sum(layer_info(layer.metadata)["kind"] == "compared_angle" for layer in session.grid.layers) == 2
    session.set_shown(False)
    assert [(layer.name, layer.visible) for layer in viewer.layers] == before and not _compat.grid(viewer).enabled
    with qtbot.waitSignal(session.grid.shown_changed):
        session.set_shown(True)
    assert len(session.grid.layers) == 5


def test_another_map(session, viewer, qtbot):
    compare(session, CHOICE, qtbot)
    with qtbot.waitSignal(session.grid.shown_changed):
        session.set_map("msa")
    assert {layer.name for layer in viewer.layers} == {
        *(f"{run} - MSA (compared) [ppm]" for run in ("good", "bad", "true")),
        *(f"{run} - PEV angle to true [deg]" for run in ("good", "bad")),
    }
    limits = {tuple(layer.contrast_limits) for layer in session.grid.layers if "MSA" in layer.name}
    assert len(limits) == 1


def test_a_newcomer_ends_the_comparison(session, viewer, qtbot):
    compare(session, CHOICE, qtbot)
    with qtbot.waitSignal(session.grid.shown_changed):
        viewer.add_image(np.zeros((5, 5, 5)), name="new")
    assert [layer.name for layer in viewer.layers] == ["new"] and viewer.layers["new"].visible
    assert not _compat.grid(viewer).enabled


def test_choosing_a_run_in_the_view_panel_ends_the_comparison(session, controller, start_run, result, viewer, qtbot):
    run, say = start_run()
    with qtbot.waitSignal(controller.layers.added, timeout=10_000):
        say("done", result=str(result(run.job.out)), seconds=1.0)
    compare(session, CHOICE, qtbot)
    controller.view.change(plane="coronal")
    assert session.grid.shown, "another plane is another look at the same comparison"
    controller.view.change(map="msa")
    assert not session.grid.shown
    assert [layer.name for layer in viewer.layers if layer.visible] == [f"{run.name} - MSA [ppm]"]


def test_the_window_of_the_view_panel_is_that_of_all_cells(session, controller, qtbot):
    compare(session, CHOICE, qtbot)
    controller.view.change(floor=0.004, ceiling=0.05)
    infos = [layer_info(layer.metadata) for layer in session.grid.layers if "PEV colour" in layer.name]
    assert len(infos) == 3
    qtbot.waitUntil(lambda: all(info["ceiling"] == 0.05 for info in infos))
    assert session.grid.what.windows.msa == (0.004, 0.05)


def test_a_new_comparison_takes_the_place_of_the_old(session, viewer, qtbot):
    viewer.add_image(np.zeros((5, 5, 5)), name="anatomy")
    compare(session, CHOICE, qtbot)
    with qtbot.waitSignals([session.compared, session.grid.shown_changed], timeout=20_000):
        session.start(Choice(("good",), "run:bad"))
    qtbot.waitUntil(lambda: session.grid.shown)
    assert len(session.grid.layers) == 3 and len(viewer.layers) == 4
    session.set_shown(False)
    assert [layer.name for layer in viewer.layers] == ["anatomy"] and viewer.layers[0].visible


def test_beside_a_dti(session, tmp_path, qtbot):
    found = truth()
    stored = frames.rotate_vectors(found.pev, frames.between("voxel", "fsl", AFFINE))
    for name, data in (("V1", stored), ("FA", np.where(found.mask, 0.5, 0))):
        nib.save(nib.Nifti1Image(data.astype(np.float32), AFFINE), tmp_path / f"{name}.nii.gz")
    choice = Choice(("good", "bad"), "dti", tmp_path / "V1.nii.gz", tmp_path / "FA.nii.gz", "fsl")
    comparison = compare(session, choice, qtbot)
    assert comparison.reference_name == "DTI"
    same = compare_numbers(session, qtbot)
    for name in ("good", "bad"):
        assert comparison.scores[name].angle_mean == pytest.approx(same[name], abs=0.01)
    command = choice_command(choice, session.candidates)
    assert command.startswith("napari-sti compare ") and f"--fa {tmp_path / 'FA.nii.gz'} --frame fsl" in command


def compare_numbers(session, qtbot):
    with qtbot.waitSignal(session.compared, timeout=20_000):
        session.start(CHOICE)
    return {name: scores.angle_mean for name, scores in session.comparison.scores.items()}


def test_regions_that_were_drawn(session, viewer, qtbot):
    compare(session, CHOICE, qtbot)
    grid = session.grid.what.grid
    labels = np.zeros(grid.shown_shape, int)
    labels[:6] = 3
    session.set_shown(False)
    viewer.add_labels(labels, name="half", scale=grid.scale, translate=grid.translate)
    with qtbot.waitSignal(session.compared, timeout=20_000):
        session.start(replace(CHOICE, regions="half", white="half"))
    comparison = session.comparison
    assert list(comparison.regions) == ["region 3"]
    stored = truth()  # LAS: the lower half on the screen is the upper half of the file
    assert comparison.regions["region 3"]["good"].voxels == stored.mask[6:].sum()
    assert comparison.scores["good"].angle_voxels == (stored.mask & (stored.msa > 0.015))[6:].sum()


def test_what_goes_wrong_is_said(session, tmp_path, qtbot):
    with qtbot.waitSignal(session.failed) as said:
        session.add_folder(tmp_path)
    assert "holds no finished result" in said.args[0]
    with qtbot.waitSignal(session.failed) as said:
        session.start(replace(CHOICE, regions="deleted"))
    assert said.args[0] == "the layer 'deleted' is not there any more; choose another one."
    with qtbot.waitSignal(session.failed, timeout=10_000) as said:
        session.start(Choice(("good",), "dti", tmp_path / "good/pev.nii.gz", tmp_path / "none.nii.gz", "voxel"))
    assert "none.nii.gz" in said.args[0] and "does not exist" in said.args[0]


def test_cancelled_without_a_trace(session, viewer, qtbot):
    seen = []
    session.failed.connect(seen.append)
    session.start(CHOICE)
    session.cancel()
    qtbot.waitUntil(lambda: not session.busy, timeout=20_000)
    qtbot.wait(50)
    assert session.comparison is None and not len(viewer.layers) and not seen


def test_files(session, tmp_path, qtbot):
    from skimage.io import imread

    compare(session, CHOICE, qtbot)
    with qtbot.waitSignal(session.saved, timeout=20_000):
        session.save_table(tmp_path / "table.csv")
    assert (tmp_path / "table.csv").read_text().startswith("result,reference,region,psnr,")
    with qtbot.waitSignal(session.saved, timeout=30_000):
        session.save_figure(tmp_path / "figure.png")
    assert imread(tmp_path / "figure.png").std() > 20
    with qtbot.waitSignal(session.failed, timeout=20_000) as said:
        session.save_figure(tmp_path / "figure.docx")
    assert "cannot be written as .docx" in said.args[0]
