"""Numbers of regions against numpy on the same voxels."""

import csv
from io import StringIO

import numpy as np
import pytest

from napari_sti.core.errors import Cancelled, InputError
from napari_sti.maps.map_sets import MapSet, ScalarMap
from napari_sti.maps.region_figure import save_boxes
from napari_sti.maps.region_files import histograms_csv, number_writer, regions_csv, regions_markdown, write_regions
from napari_sti.maps.region_labels import Labels, OtherGridError
from napari_sti.maps.regions import BINS, DISPERSION, Summary, measure
from tests.maps.test_region_labels import AFFINE, SHAPE, blocks

NAMES = {1: "left", 2: "right", 7: "top"}


def some(name, seed=0, **changes):
    rng = np.random.default_rng(seed)
    mask = np.ones(SHAPE, bool)
    mask[:2] = False
    maps = {
        "mms": ScalarMap("MMS", "ppm", rng.normal(0, 0.02, SHAPE).astype(np.float32)),
        "msa": ScalarMap("MSA", "ppm", rng.gamma(2, 0.01, SHAPE).astype(np.float32)),
    }
    pev = rng.normal(size=(*SHAPE, 3)).astype(np.float32)
    pev /= np.linalg.norm(pev, axis=-1, keepdims=True)
    values = {"name": name, "affine": AFFINE, "mask": mask, "maps": maps, "directions": pev, "simulated": True}
    return MapSet(**{**values, **changes})


@pytest.fixture(scope="module")
def found():
    return measure([some("one"), some("two", 1)], Labels(blocks(), AFFINE, NAMES, "seg.nii.gz"))


def test_every_number(found):
    one = some("one")
    values = one.maps["msa"].data[one.mask & (blocks() == 1)].astype(float)
    row = found.rows["one", "left", "msa"]
    assert row.voxels == values.size and row.left_out == int((blocks() == 1).sum()) - values.size > 0
    assert row.volume == pytest.approx(values.size * 2.0 * 1.5 * 3.0)
    assert (row.mean, row.sd) == pytest.approx((values.mean(), values.std(ddof=1)))
    percentiles = (row.p5, row.p25, row.median, row.p75, row.p95)
    assert percentiles == pytest.approx(np.percentile(values, (5, 25, 50, 75, 95)))
    assert (row.low, row.high) == pytest.approx((values.min(), values.max()))
    assert found.regions == {"left": 1, "right": 2, "top": 7} and found.results == ("one", "two")
    assert found.rows["two", "left", "msa"] != row and found.simulated


def test_histograms_hold_every_voxel_in_common_bins(found):
    edges = found.edges["mms"]
    assert edges.shape == (BINS + 1,)
    for (result, region, key), counts in found.counts.items():
        assert counts.sum() == found.rows[result, region, key].voxels
    one = some("one")
    values = one.maps["mms"].data[one.mask & (blocks() == 7)]
    middle = BINS // 2
    inside = int(((values >= edges[middle]) & (values < edges[middle + 1])).sum())
    assert found.counts["one", "top", "mms"][middle] == inside


def test_dispersion_around_a_mean_direction():
    axis = np.array([0.6, 0.8, 0])
    side = np.array([-0.8, 0.6, 0])
    fan = np.radians(np.where(np.arange(SHAPE[1]) % 2, 20, -20))
    pev = (np.cos(fan)[:, None] * axis + np.sin(fan)[:, None] * side)[None, :, None] * np.ones((*SHAPE, 1))
    pev[..., 2:4, :] *= -1  # an eigenvector has no sign
    row = measure([some("fan", directions=pev.astype(np.float32))], Labels(blocks(), AFFINE)).rows
    found = row["fan", "region 2", DISPERSION]
    assert 15 < found.mean < 25 and found.high < 45
    np.testing.assert_allclose(np.abs(found.direction @ axis), 1, atol=0.02)


def test_a_voxel_without_direction_does_not_count():
    one = some("one")
    msa = one.maps["msa"].data.copy()
    msa[blocks() == 2] = 0
    flat = some("flat", maps={"msa": ScalarMap("MSA", "ppm", msa)})
    rows = measure([flat], Labels(blocks(), AFFINE)).rows
    assert rows["flat", "region 2", DISPERSION].voxels == 0 and rows["flat", "region 2", DISPERSION].direction is None
    assert rows["flat", "region 2", "msa"].voxels > 0


def test_nan_and_masks_are_left_out_and_told():
    broken = some("one").maps["mms"].data.copy()
    broken[blocks() == 1] = np.nan
    mask = blocks() != 2
    one = some("one", maps={"mms": ScalarMap("MMS", "ppm", broken)}, mask=mask, directions=None)
    found = measure([one], Labels(blocks(), AFFINE, NAMES))
    assert found.rows["one", "left", "mms"].voxels == 0 and np.isnan(found.rows["one", "left", "mms"].mean)
    assert found.rows["one", "right", "mms"].voxels == 0 and found.rows["one", "top", "mms"].voxels > 0
    assert "Without a voxel inside the mask of one: left, right." in found.notes
    nowhere = measure([some("one", mask=np.zeros(SHAPE, bool))], Labels(blocks(), AFFINE))
    assert "No region lies inside the mask of one." in nowhere.notes
    assert all(row.voxels == 0 for row in nowhere.rows.values())


def test_one_voxel_has_no_spread():
    data = np.zeros(SHAPE, int)
    data[4, 5, 5] = 3
    row = measure([some("one")], Labels(data, AFFINE)).rows["one", "region 3", "mms"]
    assert row.voxels == 1 and np.isnan(row.sd) and row.mean == row.median == row.low == row.high


def test_results_with_other_maps_and_grids():
    order = np.array([[2, 1], [0, -1], [1, 1.0]])
    from napari_sti.core import frames

    plain = some("one")
    moved = MapSet(
        "moved",
        frames.reorder_affine(AFFINE, order, SHAPE),
        frames.reorder_volume(plain.mask, order),
        {"mms": ScalarMap("MMS", "ppm", frames.reorder_volume(plain.maps["mms"].data, order))},
    )
    found = measure([plain, moved], Labels(blocks(), AFFINE, NAMES))
    a, b = (found.rows[name, "top", "mms"] for name in ("one", "moved"))
    assert a.mean == pytest.approx(b.mean, rel=1e-6) and a.voxels == b.voxels
    assert ("moved", "top", "msa") not in found.rows
    assert [row[1] for row in found.of_map("msa")] == ["one"] * 3
    half = some("half", affine=AFFINE @ np.diag([1, 1, 0.5, 1]))
    with pytest.raises(OtherGridError):
        measure([plain, half], Labels(blocks(), AFFINE))
    assert measure([plain, half], Labels(blocks(), AFFINE), resample=True).rows["half", "region 2", "mms"].voxels > 0


def test_two_regions_of_one_name_stay_apart():
    found = measure([some("one")], Labels(blocks(), AFFINE, {1: "thalamus", 2: "thalamus"}))
    assert list(found.regions) == ["thalamus (1)", "thalamus (2)", "region 7"]


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(InputError, match="there is no result to measure"):
        measure([], Labels(blocks(), AFFINE))
    with pytest.raises(InputError, match="two results have the same name"):
        measure([some("one"), some("one")], Labels(blocks(), AFFINE))

    def stop(step):
        raise Cancelled

    with pytest.raises(Cancelled):
        measure([some("one")], Labels(blocks(), AFFINE), progress=stop)


# ---- files ------------------------------------------------------------------------------------------------------


def test_tables(found):
    rows = list(csv.DictReader(StringIO(regions_csv(found))))
    assert len(rows) == 3 * 2 * 3
    row = next(r for r in rows if (r["region"], r["result"], r["map"]) == ("right", "two", "msa"))
    numbers = found.rows["two", "right", "msa"]
    assert float(row["mean"]) == pytest.approx(numbers.mean, rel=1e-6) and int(row["label"]) == 2
    assert row["unit"] == "ppm" and row["direction_R"] == ""
    angle = next(r for r in rows if r["map"] == DISPERSION)
    direction = [float(angle[f"direction_{axis}"]) for axis in "RAS"]
    assert np.linalg.norm(direction) == pytest.approx(1, abs=1e-5) and angle["unit"] == "°"
    bins = list(csv.DictReader(StringIO(histograms_csv(found))))
    assert len(bins) == 3 * 2 * 3 * BINS
    text = regions_markdown(found)
    assert "# Regions of seg.nii.gz" in text and "## MSA [ppm]" in text and "The data are simulated." in text


def test_files_in_a_folder(found, tmp_path):
    from skimage.io import imread

    written = write_regions(found, tmp_path / "out")
    assert {path.name for path in written} == {"regions.csv", "histograms.csv", "regions.md", "regions.png"}
    assert imread(tmp_path / "out" / "regions.png")[..., :3].std() > 10
    with pytest.raises(InputError, match="not empty"):
        write_regions(found, tmp_path / "out")
    with pytest.raises(InputError, match=r"a figure cannot be written as '\.doc'"):
        save_boxes(found, tmp_path / "figure.doc")


def test_numbers_have_as_many_decimals_as_their_spread_asks_for():
    narrow = Summary(9, 0, 1.0, mean=0.02, p5=0.0195, p95=0.0205)
    wide = Summary(9, 0, 1.0, mean=45.0, p5=2.0, p95=88.0)
    assert number_writer([narrow])(0.0201234) == "0.02012"
    assert number_writer([wide])(45.678) == "45.7"
    assert number_writer([narrow], factor=1000)(0.0201234) == "20.12"
    assert number_writer([])(float("nan")) == "–"
