import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from napari_sti.core import frames
from napari_sti.core.errors import Cancelled
from napari_sti.core.provenance import file_hash
from napari_sti.io.load import load_study
from napari_sti.simulate import sample
from napari_sti.simulate.study import SimulationParams

real_params = sample.sample_params


def coarse(*, oblique=False):
    """Parameters of a coarse brain instead of the real sample."""
    return replace(real_params(oblique=oblique), voxel_size="7")


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """A cache of its own, and a coarse brain instead of the real sample."""
    monkeypatch.setenv(sample.CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(sample, "sample_params", coarse)
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The cache after the coarse sample was made, with the steps that were said meanwhile."""
    folder, steps = tmp_path_factory.mktemp("made"), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(sample.CACHE_VARIABLE, str(folder))
        patch.setattr(sample, "sample_params", coarse)
        sample.sample_study(progress=steps.append)
    return folder, steps


@pytest.fixture
def filled(cache, made):
    """A cache of its own in which the sample lies that was made already."""
    shutil.copytree(made[0], cache)
    return cache


def test_made_once_and_then_found(filled, made):
    (folder,), steps = filled.iterdir(), list(made[1])
    assert len(steps) > 2 and not folder.name.startswith(".")
    stamp = (folder / "study.yaml").stat().st_mtime_ns
    assert sample.sample_study(progress=steps.append) == folder / "study.yaml"
    assert steps == made[1] and (folder / "study.yaml").stat().st_mtime_ns == stamp
    assert list(filled.iterdir()) == [folder]


def test_the_study_loads_and_says_that_it_is_simulated(filled):
    study = load_study(sample.sample_study())
    assert study.simulated and "simulated" in study.name
    assert study.n_orientations == 7
    assert study.reference_tensor is not None and study.wm_mask is not None
    assert study.tilts.max() == pytest.approx(37, abs=0.01)


def test_the_oblique_sample_is_another_one(filled):
    straight, oblique = sample.sample_study(), sample.sample_study(oblique=True)
    assert straight.parent != oblique.parent
    affine = load_study(oblique).affine
    assert load_study(oblique).name != load_study(straight).name, "layers of both must be told apart"
    assert frames.obliquity_degrees(affine) > 10
    assert frames.axis_codes(affine) == "LPI"


def test_half_a_folder_is_made_again(filled):
    study = sample.sample_study()
    study.unlink()
    (study.parent / "stray.txt").write_text("left by a crash")
    assert sample.sample_study().is_file()
    assert not (study.parent / "stray.txt").exists()


def test_cancelling_leaves_nothing(cache):
    def stop(step):
        raise Cancelled

    with pytest.raises(Cancelled):
        sample.sample_study(progress=stop)
    assert not cache.exists() or list(cache.iterdir()) == []


def test_other_parameters_make_another_sample(monkeypatch):
    a, b = SimulationParams(), SimulationParams(seed=1)
    assert sample._key(a) == sample._key(SimulationParams()) != sample._key(b)


def test_two_processes_make_the_same_bytes(filled, tmp_path):
    code = (
        "from dataclasses import replace\n"
        "from napari_sti.simulate import sample\n"
        "real = sample.sample_params\n"
        "sample.sample_params = lambda *, oblique=False: replace(real(oblique=oblique), voxel_size='7')\n"
        "print(sample.sample_study())"
    )
    env = {**os.environ, sample.CACHE_VARIABLE: str(tmp_path / "other")}
    done = subprocess.run([sys.executable, "-c", code], env=env, check=True, capture_output=True, text=True)
    ours, theirs = sample.sample_study().parent, Path(done.stdout.strip()).parent
    assert ours.name == theirs.name
    names = sorted(path.name for path in ours.glob("*.nii.gz"))
    assert len(names) == 2 * 7 + 5, "field maps and R2', mask, two tissues, magnitude, tensor"
    for name in names:
        assert file_hash(ours / name) == file_hash(theirs / name), name


def test_the_cache_lies_where_the_system_wants_it(monkeypatch):
    monkeypatch.delenv(sample.CACHE_VARIABLE, raising=False)
    assert sample.cache_folder().name == "napari-sti"


def test_the_real_sample_can_be_reconstructed():
    """Seven orientations and little noise, but tilts that heads have reached."""
    wanted = sample.sample_params()
    assert (wanted.orientations, wanted.max_tilt, wanted.snr) == (7, 37.0, 40.0)
