"""Streamlines over the runs that a result keeps: moved by the jackknife factor, unpacked one by one, and their map."""

from dataclasses import replace

import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.core.errors import Cancelled, InputError
from napari_sti.core.replicates import Keeper
from napari_sti.core.tensor_field import TensorField
from napari_sti.io.results import save_result
from napari_sti.maps.flips import parse_mend
from napari_sti.maps.mend_files import write_mended
from napari_sti.maps.replicate_fields import ReplicateFields, farther, open_replicates, track_kept
from napari_sti.maps.tracking import TrackParams
from napari_sti.maps.tract_scores import density, visits

SHAPE = (25, 21, 11)
AFFINE = np.array([[0, 1.9, 0.3, -20], [-2.0, 0, 0, 25], [0, -0.3, 1.9, -9], [0, 0, 0, 1.0]])
AFFINE[:3, :3] = np.linalg.qr(AFFINE[:3, :3])[0] * (2.0, 2.0, 2.5)


def beam(degrees, msa=0.04):
    """Parallel fibres along the first voxel axis, turned by some degrees in the plane of the first two."""
    a = np.radians(degrees)
    v = np.array([np.cos(a), np.sin(a), 0])
    mask = np.zeros(SHAPE, bool)
    mask[1:-1, 1:-1, 1:-1] = True
    chi = frames.from_matrix(msa * (np.outer(v, v) - np.eye(3) / 3)) * mask[..., None]
    return TensorField(chi.astype(np.float32), AFFINE, mask, provenance={"leave_one_out": {"jackknife_factor": 2.0}})


def saved(folder, turns=(-4.0, -2.0, 0.0, 2.0, 4.0)):
    keeper = Keeper(beam(0), len(turns))
    for turn in turns:
        keeper.add(beam(turn), f"{turn:g}")
    save_result(replace(beam(0), name="beam"), folder, frame="ras", replicates=keeper.kept())
    return folder


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("beam") / "beam")


def turns_of(fields):
    """Mean angle to the first voxel axis in degrees."""
    turns = []
    for field in fields:
        x, y, _ = field.directions[fields.full.mask].T
        turns.append(float(np.degrees(np.arctan(y / x)).mean()))
    return turns


def test_deviations_grow_by_the_jackknife_factor(result):
    fields = open_replicates(result)
    assert len(fields) == 5 and fields.scale == 2.0
    expected = np.degrees(np.arctan(2 * np.tan(np.radians([-4, -2, 0, 2, 4]))))
    np.testing.assert_allclose(turns_of(fields), expected, atol=0.02)
    as_they_are = ReplicateFields(fields.full, fields.replicates, 1.0)
    np.testing.assert_allclose(turns_of(as_they_are), [-4, -2, 0, 2, 4], atol=0.02)
    assert fields[-1].name == "beam without 4" and fields[1:3][1].source["without"] == "0"
    with pytest.raises(IndexError):
        fields[5]


def test_no_direction_turns_beyond_what_its_tangent_says():
    rng = np.random.default_rng(2)
    middle, other = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in rng.standard_normal((2, 200, 3)))
    moved = farther(middle.astype(np.float32), other.astype(np.float32), 3.0)
    cosine, before = (np.abs(np.einsum("nc,nc->n", middle, v)) for v in (moved, other))
    np.testing.assert_allclose(np.tan(np.arccos(np.minimum(cosine, 1))), 3 * np.tan(np.arccos(before)), rtol=2e-2)
    np.testing.assert_allclose(farther(middle, -other, 3.0), moved, atol=1e-5)  # a direction has no sign
    assert not farther(middle[:1], 0 * other[:1], 3.0).any()
    np.testing.assert_array_equal(farther(0 * middle[:1], other[:1], 3.0), other[:1].astype(np.float32))


def test_streamlines_fan_out_and_the_map_says_how_far(result):
    fields = open_replicates(result)
    seed = fields.full.world(np.array([[2.0, 10, 5]]))
    params = TrackParams(min_length=5)
    found = track_kept(fields, seed, params)
    told = found.provenance
    assert len(found) == 5 and told["replicates"] == 5 and told["counts"] == [1] * 5
    assert told["spread"]["scale"] == 2.0 and [one["without"] for one in told["source"]] == ["-4", "-2", "0", "2", "4"]
    ends = fields.full.voxels(
        np.array([line[np.abs(fields.full.voxels(line)[:, 0]).argmax()] for line in found.lines()])
    )
    expected = 10 + (ends[:, 0] - 2) * 2 * np.tan(np.radians([-4, -2, 0, 2, 4]))
    np.testing.assert_allclose(ends[:, 1], expected, atol=0.15)
    share = density(found, AFFINE, SHAPE)
    assert share[2, 10, 5] == 1 and 0 < share[20, 10, 5] < 1 and share.dtype == np.float32
    np.testing.assert_allclose(share * 5, visits(found, AFFINE, SHAPE))
    narrow = track_kept(fields, seed, replace(params, spread_scale=0.0))
    assert density(narrow, AFFINE, SHAPE)[20, 10, 5] == 1


def test_mask_cancel_and_what_does_not_go_together(result):
    fields = open_replicates(result)
    seed = fields.full.world(np.array([[2.0, 10, 5]]))
    mask = np.indices(SHAPE)[0] < 12
    short = track_kept(fields, seed, TrackParams(min_length=1), mask=mask)
    assert fields.full.voxels(short.points)[:, 0].max() < 12.6
    said = []

    def stop(step):
        said.append(step)
        if step.message == "tracking replicate 3 of 5":
            raise Cancelled

    with pytest.raises(Cancelled):
        track_kept(fields, seed, progress=stop)
    assert said[-1].total >= 5 * 1 and said[-1].iteration * 5 == said[-1].total * 2
    with pytest.raises(InputError, match="follow replicates, or draw their directions from a spread, not both"):
        track_kept(fields, seed, TrackParams(sampling="spread"))


def test_a_mended_result_has_mended_replicates(result, tmp_path):
    write_mended(result, "y,x,z", tmp_path / "mended")
    before, after = open_replicates(result), open_replicates(tmp_path / "mended")
    swap = parse_mend("y,x,z")
    np.testing.assert_allclose(
        after[4].directions, np.abs(before[4].directions) @ swap.T * np.sign(after[4].directions), atol=1e-4
    )
    write_mended(tmp_path / "mended", "undo", tmp_path / "undone")
    np.testing.assert_array_equal(open_replicates(tmp_path / "undone").replicates.vectors, before.replicates.vectors)


def test_a_result_without_replicates_is_refused(tmp_path):
    save_result(beam(0), tmp_path / "plain")
    with pytest.raises(InputError, match="keeps no replicates"):
        open_replicates(tmp_path / "plain")
