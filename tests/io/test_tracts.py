"""Streamlines to files and back, read by other libraries, in every format, on an oblique and permuted grid."""

import nibabel as nib
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_sti.core.errors import InputError
from napari_sti.core.tracts import from_lines
from napari_sti.io.tracts import SUFFIXES, check_target, is_tracts, load_tracts, save_tracts

SHAPE = (31, 27, 25)


def affine():
    a = np.eye(4)
    turned = Rotation.from_euler("xyz", [12, -7, 20], degrees=True).as_matrix()
    a[:3, :3] = turned @ [[0, -1.5, 0], [0, 0, 2], [1.2, 0, 0]]
    a[:3, 3] = (10, -20, 5)
    return a


@pytest.fixture
def tracts():
    rng = np.random.default_rng(0)
    lines = [np.cumsum(rng.normal(size=(n, 3)), 0) + 20 for n in (2, 9, 30)]
    return from_lines(lines, affine=affine(), shape=SHAPE, name="bundle", provenance={"seeds": 7})


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_there_and_back(tracts, tmp_path, suffix):
    path = save_tracts(tracts, tmp_path / f"a{suffix}")
    read = load_tracts(path)
    assert np.abs(read.points - tracts.points).max() < 1e-4
    assert np.array_equal(read.offsets, tracts.offsets)
    assert read.name == "bundle" and read.provenance["seeds"] == 7
    if suffix != ".tck":
        assert np.allclose(read.affine, tracts.affine, atol=1e-5) and read.shape == SHAPE


@pytest.mark.parametrize("suffix", [".trk", ".tck"])
def test_nibabel_and_dipy_find_them_in_the_same_places(tracts, tmp_path, suffix):
    from dipy.io.streamline import load_tractogram

    path = save_tracts(tracts, tmp_path / f"a{suffix}")
    plain = nib.streamlines.load(str(path)).streamlines
    assert np.abs(plain.get_data() - tracts.points).max() < 1e-4
    grid = nib.Nifti1Image(np.zeros(SHAPE, np.uint8), affine())
    theirs = load_tractogram(str(path), grid, bbox_valid_check=False)
    theirs.to_rasmm()
    assert np.abs(theirs.streamlines.get_data() - tracts.points).max() < 1e-3


def test_nothing_is_overwritten(tracts, tmp_path):
    path = save_tracts(tracts, tmp_path / "a.trk")
    before = path.read_bytes()
    for refuse in (save_tracts, lambda tracts, path: check_target(path)):
        with pytest.raises(InputError, match="exists already"):
            refuse(tracts.chosen([0]), path)
    path.unlink()
    with pytest.raises(InputError, match=r"a\.trk\.json: this file exists already"):
        save_tracts(tracts, path)
    save_tracts(tracts, path, overwrite=True)
    assert path.read_bytes() == before


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_broken_files_are_named(tracts, tmp_path, suffix):
    good = save_tracts(tracts, tmp_path / f"a{suffix}").read_bytes()
    broken = tmp_path / f"b{suffix}"
    for content in (b"", b"nonsense", good[: len(good) // 3]):
        broken.write_bytes(content)
        with pytest.raises(InputError, match=f"b{suffix}: .*(cannot be read|not finite|announces)"):
            load_tracts(broken)
    with pytest.raises(InputError, match="there is no such file"):
        load_tracts(tmp_path / f"none{suffix}")


def test_other_kinds_are_refused(tracts, tmp_path):
    with pytest.raises(InputError, match=r"not kept as \.vtk; use \.trk, \.tck or \.trx"):
        save_tracts(tracts, tmp_path / "a.vtk")
    with pytest.raises(InputError, match="folder does not exist"):
        check_target(tmp_path / "none" / "a.trk")
    with pytest.raises(InputError, match=r"states a grid, and these streamlines have none; write a \.tck"):
        save_tracts(from_lines([[(0, 0, 0), (1, 1, 1)]]), tmp_path / "a.trk")
    assert is_tracts("x.TRK") and not is_tracts("x.nii.gz")


def test_a_sidecar_of_another_file_is_not_believed(tracts, tmp_path):
    path = save_tracts(tracts, tmp_path / "a.tck")
    (tmp_path / "b.tck").write_bytes(save_tracts(tracts.chosen([1]), tmp_path / "c.tck").read_bytes())
    (tmp_path / "b.tck.json").write_bytes((tmp_path / "a.tck.json").read_bytes())
    assert "seeds" in load_tracts(path).provenance
    assert "seeds" not in load_tracts(tmp_path / "b.tck").provenance
