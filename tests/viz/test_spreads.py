"""The layers of what can be trusted: transparent where there is little anisotropy, whole in a file."""

from dataclasses import replace

import nibabel
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer

from napari_sti.core import frames
from napari_sti.io.results import FurtherMap, save_result
from napari_sti.viz import layers, legend, reader, status, writer
from napari_sti.viz.display import METADATA_KEY, DisplayGrid
from napari_sti.viz.numbers import susceptibility
from napari_sti.viz.spreads import result_layers
from tests.viz.phantoms import SHAPE, all_orders, marked_tensor, ras_affine, turned


def spreads(shape=SHAPE, seed=4):
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 54, shape).astype(np.float32)
    ppm = rng.uniform(0, 0.004, (2, *shape)).astype(np.float32)
    return {
        "pev_spread": FurtherMap(angle, "degrees", "PEV spread"),
        "msa_spread": FurtherMap(ppm[0], "ppm", "MSA spread"),
        "mms_spread": FurtherMap(ppm[1], "ppm", "MMS spread"),
    }


def by_kind(made):
    return {keywords["metadata"][METADATA_KEY]["kind"]: (data, keywords) for data, keywords, _ in made}


def test_they_are_named_measured_and_hidden_below_the_lines():
    made = result_layers(marked_tensor(), spreads(), run="r")
    assert [keywords["name"] for _, keywords, _ in made] == [
        "r - MMS [ppm]",
        "r - MSA [ppm]",
        "r - PEV colour",
        "r - PEV spread [deg]",
        "r - MSA spread [ppm]",
        "r - MMS spread [ppm]",
        "r - PEV lines",
    ]
    for kind in ("pev_spread", "msa_spread", "mms_spread"):
        data, keywords = by_kind(made)[kind]
        assert keywords["units"] == ("mm", "mm", "mm") and not keywords["visible"]
        low, high = keywords["contrast_limits"]
        shown = data[np.isfinite(data)]
        assert low == 0 and np.percentile(shown, 90) < high < 2 * shown.max()
        assert keywords["metadata"][METADATA_KEY]["description"] and keywords["metadata"][METADATA_KEY]["simulated"]


def test_a_result_without_spreads_has_the_layers_of_its_tensor():
    assert len(result_layers(marked_tensor(), {}, run="r")) == 4


def test_directions_are_transparent_where_msa_is_below_the_floor():
    strong = marked_tensor()
    faint = np.where(np.arange(SHAPE[0])[:, None, None, None] > 5, 0.01, 1) * strong.chi
    truth = replace(strong, chi=faint)
    made = by_kind(result_layers(truth, spreads(), run="r"))
    floor = made["pev_colour"][1]["metadata"][METADATA_KEY]["floor"]
    shown = made["pev_spread"][0]
    low = truth.mask & (truth.msa < floor)
    assert low.any() and np.isnan(shown[low]).all() and np.isnan(shown[~truth.mask]).all()
    high = truth.mask & (truth.msa >= floor)
    np.testing.assert_array_equal(shown[high], spreads()["pev_spread"].data[high])
    assert np.isfinite(made["msa_spread"][0][truth.mask]).all(), "anisotropy has a spread everywhere"


def test_the_floor_can_be_moved():
    truth = marked_tensor()
    [data] = [one for one in result_layers(truth, spreads(), run="r") if one[1]["name"].endswith("PEV spread [deg]")]
    layer = Layer.create(*data)
    limits = tuple(layer.contrast_limits)
    layers.set_window(layer, 0.02, 0.03)
    np.testing.assert_array_equal(np.isfinite(layer.data), truth.mask & (truth.msa >= 0.02))
    layers.set_window(layer, 0.0, 0.03)
    np.testing.assert_array_equal(np.isfinite(layer.data), truth.mask & (truth.msa >= 0))
    assert tuple(layer.contrast_limits) == limits


@pytest.mark.parametrize("degrees", [0, 20])
def test_every_storage_order_shows_the_same(degrees):
    truth, maps = marked_tensor(turned(ras_affine(), SHAPE, degrees)), spreads()
    first = by_kind(result_layers(truth, maps, run="r"))
    for orientation in list(all_orders())[::11]:
        moved = {
            name: FurtherMap(frames.reorder_volume(one.data, orientation), one.units, one.title)
            for name, one in maps.items()
        }
        again = by_kind(result_layers(truth.reordered(orientation), moved, run="r"))
        for kind in maps:
            np.testing.assert_allclose(again[kind][0], first[kind][0], atol=1e-6)


def test_the_status_line_says_them():
    truth, maps = marked_tensor(), spreads()
    made = by_kind(result_layers(truth, maps, run="r"))
    info = made["pev_colour"][1]["metadata"][METADATA_KEY]
    grid = DisplayGrid(truth.affine, truth.shape)
    place = grid.scale * (4, 5, 2) + grid.translate
    text = status.describe(info, grid, None, place)
    angle, msa, mms = (float(maps[name].data[4, 5, 2]) for name in maps)
    assert f"spread: PEV {angle:.1f}°, MSA {susceptibility(msa)}, MMS {susceptibility(mms)}" in text
    assert "spread" not in status.describe(
        by_kind(result_layers(truth, {}, run="r"))["msa"][1]["metadata"][METADATA_KEY], grid, None, place
    )
    maps["pev_spread"].data[4, 5, 2] = np.nan
    info = by_kind(result_layers(truth, maps, run="r"))["pev_colour"][1]["metadata"][METADATA_KEY]
    assert "PEV unknown" in status.describe(info, grid, None, place)


def test_the_colour_bar_is_that_of_the_spread():
    viewer = ViewerModel()
    for data in result_layers(marked_tensor(), spreads(), run="r"):
        layer = viewer.add_layer(Layer.create(*data))
        layer.visible = layer.name.endswith(("PEV colour", "PEV spread [deg]"))
    found = legend.legend(viewer)
    assert found.bar.title == "PEV spread [deg]" and found.bar.low == 0
    assert found.key is None, "colours of directions are hidden below it"


def test_a_saved_layer_has_no_holes(tmp_path):
    truth = marked_tensor().reordered(np.array([[2, -1], [0, 1], [1, -1.0]]))
    maps = spreads(truth.shape)
    made = by_kind(result_layers(truth, maps, run="r"))["pev_spread"]
    layer = Layer.create(*made, "image")
    assert writer.write_image(str(tmp_path / "out.nii.gz"), *layer.as_layer_data_tuple()[:2])
    image = nibabel.load(tmp_path / "out.nii.gz")
    expected = np.where(truth.mask, maps["pev_spread"].data, 0)
    np.testing.assert_allclose(image.get_fdata(), expected, atol=1e-6)
    np.testing.assert_allclose(image.affine, truth.affine, atol=1e-4)


def test_folder_and_single_file_open_as_layers(tmp_path):
    save_result(marked_tensor(), tmp_path / "run", further=spreads())
    assert len(reader.read(tmp_path / "run")) == 7
    [(_, keywords, _)] = reader.read(tmp_path / "run" / "pev_spread.nii.gz")
    assert keywords["name"] == "truth - PEV spread [deg]" and keywords["visible"]
    names = [keywords["name"] for _, keywords, _ in reader.read(tmp_path / "run" / "pev.nii.gz")]
    assert names == ["truth - PEV colour", "truth - PEV lines"]
