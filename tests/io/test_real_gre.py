import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.io.load import load_study
from napari_sti.io.study import read_study
from tests.real_gre import make_gre_study, raw_phase, sidecar


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return make_gre_study(tmp_path_factory.mktemp("gre"))


def test_preparation_states_what_the_sidecars_say(study):
    orientation = read_study(study).orientations[0]
    times = [sidecar(path)["EchoTime"] for path in raw_phase()]
    assert orientation.units == "rad" and orientation.te == pytest.approx(times[1] - times[0])
    assert orientation.b0_dir == "affine" and read_study(study).tesla == 3.0
    assert read_study(study).problems() == ()


def test_a_real_brain_becomes_an_acquisition(study):
    loaded = load_study(study)
    assert loaded.shape == (128, 76, 10) and np.allclose(loaded.voxel_size, (2.1875, 2.1875, 3.0))
    assert frames.axis_codes(loaded.affine) == "LAS" and loaded.b0 == 3.0 and not loaded.simulated
    assert np.allclose(loaded.b0_dirs, [[0, 0, 1]], atol=1e-6)
    assert 10_000 < loaded.mask.sum() < 40_000
    values = loaded.field[0][loaded.mask]
    assert abs(np.median(values)) < 0.02 and 0.02 < np.percentile(np.abs(values), 99) < 0.3  # ppm
    assert loaded.warnings == ()
    assert [i["role"] for i in loaded.inputs] == ["mask", "field of orientation 1", "magnitude", "study"]
