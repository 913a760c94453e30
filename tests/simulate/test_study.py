import dataclasses
from itertools import permutations, product

import numpy as np
import pytest

from napari_sti.core import frames, params
from napari_sti.core.errors import Cancelled, InputError
from napari_sti.simulate.landmarks import LANDMARKS
from napari_sti.simulate.study import SimulationParams, add_noise, parse_voxel_size, simulate

COARSE = SimulationParams(voxel_size="6x7x8", orientations=3, seed=5)
ORDERS = ["".join(p) for axes in permutations(("LR", "PA", "IS")) for p in product(*axes)]


@pytest.fixture(scope="module")
def coarse():
    return simulate(COARSE)


def test_everything_is_there_and_called_simulated(coarse):
    assert coarse.simulated and "simulated" in coarse.name
    assert coarse.field.shape == (3, *coarse.shape)
    assert coarse.b0 == 3.0 and coarse.units == "ppm"
    np.testing.assert_allclose(coarse.voxel_size, (6, 7, 8))
    assert coarse.reference_tensor.provenance["simulated"] is True
    assert coarse.reference_tensor.provenance["params"]["seed"] == 5
    assert "simulated" in coarse.reference_tensor.name
    assert coarse.magnitude.shape == (1, *coarse.shape)
    for tissue in (coarse.wm_mask, coarse.csf_mask):
        assert tissue.any() and not (tissue & ~coarse.mask).any()
    assert not (coarse.wm_mask & coarse.csf_mask).any()
    assert not coarse.field[:, ~coarse.mask].any()


def test_the_same_seed_gives_the_same_study(coarse):
    again = simulate(COARSE)
    np.testing.assert_array_equal(coarse.field, again.field)
    other = simulate(dataclasses.replace(COARSE, seed=6))
    assert not np.array_equal(coarse.field, other.field)
    np.testing.assert_array_equal(coarse.reference_tensor.chi, other.reference_tensor.chi)


def test_the_field_is_that_of_the_tensor_along_the_directions(coarse):
    from napari_sti.recon.forward import simulate_field

    clean = simulate_field(coarse.reference_tensor.chi, coarse.affine, coarse.b0_dirs, coarse.mask)
    noise = (coarse.field - clean)[:, coarse.mask]
    assert np.abs(noise.mean()) < 0.05 * noise.std()
    measured = 10 * np.log10(np.mean(clean[:, coarse.mask] ** 2) / np.mean(noise**2))
    assert measured == pytest.approx(40, abs=0.2)


@pytest.mark.parametrize("snr", [0.0, 10.0, 30.0])
def test_noise_has_the_requested_power(snr):
    rng = np.random.default_rng(0)
    mask = rng.random((20, 21, 22)) > 0.4
    field = (rng.normal(size=(2, 20, 21, 22)) * mask).astype(np.float32)
    noisy = add_noise(field, mask, snr, rng)
    noise = (noisy - field)[:, mask].astype(float)
    assert 10 * np.log10(np.mean(field[:, mask] ** 2.0) / np.mean(noise**2)) == pytest.approx(snr, abs=0.2)
    assert not noisy[:, ~mask].any()


@pytest.fixture(scope="module")
def canonical():
    return simulate(SimulationParams(voxel_size="7x8x9", orientations=2, snr=30))


@pytest.mark.parametrize("order", ORDERS)
def test_every_storage_order_is_the_same_study_in_the_world(order, canonical):
    from napari_sti.recon.forward import simulate_field

    assert len(ORDERS) == 48
    stored = simulate(SimulationParams(voxel_size="7x8x9", orientations=2, snr=30, storage=order))
    assert frames.axis_codes(stored.affine) == order
    tensor = stored.reference_tensor
    np.testing.assert_allclose(
        tensor.canonical().in_frame("ras").chi, canonical.reference_tensor.in_frame("ras").chi, atol=1e-7
    )
    np.testing.assert_allclose(tensor.canonical().affine, canonical.affine, atol=1e-9)
    np.testing.assert_allclose(
        frames.rotate_vectors(stored.b0_dirs, frames.between("voxel", "ras", stored.affine)),
        canonical.b0_dirs,
        atol=1e-6,
    )
    back = frames.canonical_orientation(stored.affine)
    np.testing.assert_array_equal(frames.reorder_volume(stored.field, back, first_axis=1), canonical.field)
    # The stored tensor and directions fit the stored field as they are: nothing but noise is left.
    clean = simulate_field(tensor.chi, stored.affine, stored.b0_dirs, stored.mask)
    left = np.linalg.norm(stored.field - clean) / np.linalg.norm(clean)
    assert left == pytest.approx(10 ** (-30 / 20), rel=0.05)


def test_an_oblique_grid_shows_the_same_world(coarse):
    straight = simulate(SimulationParams(voxel_size="3", orientations=2))
    turned = simulate(SimulationParams(voxel_size="3", orientations=2, oblique=20, storage="LPI"))
    assert frames.obliquity_degrees(turned.affine) > 15
    a, b = (study.reference_tensor.in_frame("ras") for study in (straight, turned))
    for landmark in LANDMARKS.values():
        at = [tuple(np.round(np.linalg.inv(t.affine) @ [*landmark.position, 1])[:3].astype(int)) for t in (a, b)]
        assert abs(a.pev[at[0]] @ b.pev[at[1]]) > np.cos(np.radians(15))
        assert a.mms[at[0]] == pytest.approx(b.mms[at[1]], abs=0.015)
    world = frames.rotate_vectors(turned.b0_dirs, frames.between("voxel", "ras", turned.affine))
    np.testing.assert_allclose(world, straight.b0_dirs, atol=1e-6)
    # Whoever computes B0 from the affine of the untilted scan finds it.
    np.testing.assert_allclose(frames.b0_from_affine(turned.affine), turned.b0_dirs[0], atol=1e-6)


@pytest.mark.parametrize("count", [1, 20])
def test_any_number_of_orientations(count):
    study = simulate(SimulationParams(voxel_size="8", orientations=count, tilts="head"))
    assert study.n_orientations == count


def test_voxel_sizes_as_people_write_them():
    assert parse_voxel_size("2") == (2, 2, 2)
    assert parse_voxel_size("1x1x2.5") == parse_voxel_size("1, 1, 2.5 mm") == parse_voxel_size("1 1 2.5") == (1, 1, 2.5)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"orientations": 0}, "orientations = 0 is out of range; give a number from 1 to 20"),
        ({"orientations": 21}, "orientations = 21 is out of range"),
        ({"orientations": 2.5}, "orientations = 2.5 is not a whole number"),
        ({"max_tilt": 120}, "max_tilt = 120 is out of range; give a number from 0 to 90 deg"),
        ({"tilts": "wild"}, "tilts = 'wild' is not known; use one of head, spread"),
        ({"snr": float("nan")}, "snr = nan is not a number"),
        ({"voxel_size": "big"}, "voxel_size = 'big' is not a voxel size; give one number or three from 0.5 to 10 mm"),
        ({"voxel_size": "2x2"}, "voxel_size = '2x2' is not a voxel size"),
        ({"voxel_size": "0.1"}, "voxel_size = '0.1' is not a voxel size"),
        ({"voxel_size": "0.5"}, "voxel_size = '0.5' makes .* million voxels; choose larger voxels"),
        ({"storage": "RAX"}, "storage = 'RAX' is not a storage order; give one letter each of R or L"),
        ({"storage": "RLS"}, "storage = 'RLS' is not a storage order"),
        ({"b0": 3000}, "b0 = 3000 is out of range"),
    ],
)
def test_what_cannot_be_simulated_is_said(values, message):
    with pytest.raises(InputError, match=message):
        simulate(SimulationParams(**values))


def test_every_parameter_is_described():
    for parameter in params.describe(SimulationParams):
        assert parameter.label and parameter.help.endswith((".", ")")), parameter.name


def test_progress_is_told_and_can_cancel():
    seen = []
    simulate(SimulationParams(voxel_size="9", orientations=1), seen.append)
    assert [step.iteration for step in seen] == list(range(len(seen)))
    assert all(step.message and step.total == len(seen) for step in seen)

    def stop(step):
        if step.iteration == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        simulate(SimulationParams(voxel_size="9", orientations=1), stop)


def test_declaring_the_parameters_loads_neither_torch_nor_nilearn():
    import subprocess
    import sys

    code = "import sys, napari_sti.simulate.study as s; assert not {'torch','nilearn','scipy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
