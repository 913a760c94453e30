"""Maps of results of every kind."""

import json

import numpy as np
import pytest

from napari_sti.core.errors import InputError
from napari_sti.io.nifti import write_volume
from napari_sti.io.results import FurtherMap, save_result, save_tensor
from napari_sti.maps.map_sets import open_maps
from tests.viz.phantoms import SHAPE, marked_tensor, ras_affine


def test_a_result_with_what_can_be_trusted(tmp_path):
    tensor = marked_tensor()
    spread = FurtherMap(np.full(SHAPE, 3.0, np.float32), "degrees", "how far")
    save_result(tensor, tmp_path / "run", frame="lps", further={"pev_spread": spread})
    found = open_maps(tmp_path / "run" / "result.json", "run")
    assert list(found.maps) == ["mms", "msa", "pev_spread"] and found.simulated
    assert (found.maps["pev_spread"].title, found.maps["pev_spread"].unit) == ("PEV spread", "°")
    np.testing.assert_allclose(found.maps["msa"].data, tensor.msa, atol=1e-6)
    np.testing.assert_array_equal(found.mask, tensor.mask)
    np.testing.assert_allclose(np.abs(found.directions[4, 6, 2]), [0, 1, 0], atol=1e-4)


def test_a_separation(tmp_path):
    files = {}
    for name in ("chi_pos", "chi_neg", "mask"):
        write_volume(tmp_path / f"{name}.nii.gz", np.full(SHAPE, 1.0), ras_affine())
        files[name] = {"file": f"{name}.nii.gz", "units": "ppm"}
    content = {"format": "napari-sti result", "version": 1, "kind": "separation", "files": files}
    (tmp_path / "result.json").write_text(json.dumps(content))
    found = open_maps(tmp_path, "wavesep")
    assert list(found.maps) == ["chi_pos", "chi_neg"] and found.directions is None and found.mask.all()
    assert found.maps["chi_neg"].title == "|χ−|"


def test_files_alone(tmp_path):
    tensor = marked_tensor()
    save_tensor(tensor, tmp_path / "chi.nii.gz")
    assert list(open_maps(tmp_path / "chi.nii.gz", "chi").maps) == ["mms", "msa"]
    data = np.ones(SHAPE, np.float32)
    data[0, 0, 0] = np.nan
    write_volume(tmp_path / "qsm.nii.gz", data, ras_affine())
    found = open_maps(tmp_path / "qsm.nii.gz", "qsm")
    assert list(found.maps) == ["qsm"] and not found.mask[0, 0, 0] and found.mask[1, 1, 1]


def test_what_holds_no_maps_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no finished result"):
        open_maps(tmp_path, "nothing")
    (tmp_path / "result.json").write_text('{"files": {"mask": {"file": "../mask.nii.gz"}}}')
    with pytest.raises(InputError, match="this result holds no map"):
        open_maps(tmp_path, "nothing")
