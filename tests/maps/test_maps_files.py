"""How the colour map of a tensor file is painted."""

import nibabel as nib
import numpy as np
import pytest

from napari_sti.cli.program import main
from napari_sti.core.errors import InputError
from napari_sti.io.results import save_result
from napari_sti.maps.colour import pev_colour
from napari_sti.maps.files import ColourChoice, write_maps
from tests.viz.phantoms import marked_tensor


@pytest.fixture
def tensor(tmp_path):
    save_result(marked_tensor(), tmp_path / "run")
    return tmp_path / "run" / "chi.nii.gz"


def test_colours_as_in_the_window(tensor, tmp_path, capsys):
    command = ["maps", str(tensor), "--frame", "voxel", "--floor", "0.004", "--ceiling", "0.03", "--even"]
    assert main([*command, "--leave-out", "x", "z", "-o", str(tmp_path / "out")]) == 0, capsys.readouterr().err
    found = np.asarray(nib.load(tmp_path / "out" / "colour.nii.gz").dataobj)
    world = marked_tensor().in_frame("ras")
    wanted = pev_colour(world.pev, world.msa, 0.004, 0.03, even=True, suppress=(True, False, True))
    np.testing.assert_allclose(found[world.mask].astype(int), wanted[world.mask], atol=2)
    assert found[world.mask].any()


def test_a_floor_above_the_ceiling_is_refused(tensor, tmp_path):
    with pytest.raises(InputError, match=r"floor 0\.03 ppm lies above the ceiling 0\.01 ppm"):
        write_maps(tensor, tmp_path / "out", colours=ColourChoice(floor=0.03, ceiling=0.01))
    assert not (tmp_path / "out").exists()
