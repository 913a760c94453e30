import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.io.load import load_study
from napari_sti.io.save import save_acquisition
from napari_sti.io.study import read_study
from tests.io.studies import SHAPE, acquisition, all_orders, ball, grid, tensor


def full(affine):
    rng = np.random.default_rng(9)
    return acquisition(
        affine=affine,
        name="head 1",
        labels=("straight", "left", "right"),
        wm_mask=ball() & (rng.random(SHAPE) > 0.5),
        csf_mask=ball() & (rng.random(SHAPE) > 0.8),
        magnitude=rng.random((2, *SHAPE)),
        r2prime=rng.random((3, *SHAPE)) * 10,
        qsm=rng.normal(0, 0.05, SHAPE),
        reference_tensor=tensor(affine=affine).in_frame("lps"),
        simulated=True,
    )


@pytest.mark.parametrize("oblique", [False, True])
def test_everything_comes_back(tmp_path, oblique):
    affine = grid(oblique=oblique)
    original = full(affine)
    path = save_acquisition(original, tmp_path / "out")
    assert path == tmp_path / "out" / "study.yaml" and read_study(path).problems() == ()
    again = load_study(path)
    for name in ("field", "mask", "wm_mask", "csf_mask", "magnitude", "r2prime", "qsm"):
        assert np.array_equal(getattr(again, name), getattr(original, name)), name
    assert np.allclose(again.b0_dirs, original.b0_dirs, atol=1e-6)
    assert np.allclose(again.affine, affine, atol=1e-5)
    assert np.allclose(again.reference_tensor.chi, tensor(affine=affine).chi, atol=1e-6)
    assert again.labels == original.labels and again.simulated and again.b0 == 3.0 and again.name == "head 1"


def test_the_folder_can_be_moved(tmp_path):
    save_acquisition(full(grid()), tmp_path / "a")
    (tmp_path / "a").rename(tmp_path / "b")
    assert load_study(tmp_path / "b" / "study.yaml").n_orientations == 3


def test_every_storage_order_is_kept(tmp_path):
    affine = grid(oblique=True)
    data = acquisition(affine=affine)
    for number, order in enumerate(all_orders()[::7]):
        moved = acquisition(
            affine=frames.reorder_affine(affine, order, SHAPE),
            field=np.stack([frames.reorder_volume(f, order) for f in data.field]),
            mask=frames.reorder_volume(data.mask, order),
        )
        again = load_study(save_acquisition(moved, tmp_path / str(number)))
        assert again.shape == moved.shape and np.array_equal(again.field, moved.field)
        assert np.allclose(again.affine, moved.affine, atol=1e-5)
        assert np.allclose(again.b0_dirs, moved.b0_dirs, atol=1e-6)


def test_a_study_without_fields(tmp_path):
    original = acquisition(field=None, b0=None, qsm=np.full(SHAPE, 0.1), r2prime=np.full(SHAPE, 5.0))
    again = load_study(save_acquisition(original, tmp_path))
    assert again.field is None and np.array_equal(again.qsm, original.qsm)


def test_an_existing_folder_is_kept(tmp_path):
    save_acquisition(acquisition(), tmp_path)
    with pytest.raises(InputError, match="exists already and is not empty"):
        save_acquisition(acquisition(), tmp_path)
    save_acquisition(acquisition(n=2), tmp_path, overwrite=True)
    assert load_study(tmp_path).n_orientations == 2


def test_the_same_acquisition_gives_the_same_files(tmp_path):
    for name in ("a", "b"):
        save_acquisition(acquisition(), tmp_path / name)
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()
