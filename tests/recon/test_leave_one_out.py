"""What can be trusted: against a brute force with numpy's own eigenvectors, in other storage orders, and refusals."""

import itertools
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import Cancelled, InputError
from napari_sti.core.method import Method, Needs
from napari_sti.core.params import param
from napari_sti.core.progress import Step, silent
from napari_sti.core.tensor_field import TensorField
from napari_sti.recon import leave_one_out as module
from napari_sti.recon import reconstruct, registry
from napari_sti.recon.leave_one_out import MOST_SPREAD, angular_spread, dyads, leave_one_out, without

SHAPE = (5, 4, 3)
DIRS = np.array([[0, 0, 1], [0.4, 0, 0.9], [0, -0.5, 0.8], [0.3, 0.3, 0.9], [-0.6, 0.2, 0.7]])
DIRS /= np.linalg.norm(DIRS, axis=1, keepdims=True)


@dataclass(frozen=True)
class Nothing:
    gain: float = param(1.0, label="Gain", help="Factor.")


class Sum(Method):
    """The sum over orientations of field times h h^T: every orientation matters, and nothing is iterated."""

    id, title, summary, formula, reference = "sum", "Sum", "Sums.", "none", "none"
    needs: ClassVar[Needs] = Needs(orientations=1, determined_from=3)
    Params: ClassVar[type] = Nothing

    def run(self, acquisition, params, progress=silent, *, device="cpu", home="", start=None):
        assert start is None, "a run that begins at the result of all orientations would look too certain"
        for i in range(1, 4):
            progress(Step(i, 3, residual=1 / i))
        outer = np.einsum("ni,nj->nij", acquisition.b0_dirs, acquisition.b0_dirs)
        matrix = params.gain * np.einsum("nxyz,nij->xyzij", acquisition.field, outer)
        chi = frames.from_matrix(matrix) * acquisition.mask[..., None]
        return TensorField(chi, acquisition.affine, acquisition.mask, provenance={"iterations": []})

    def memory_bytes(self, shape, orientations, params):
        return 0


class Six(Sum):
    id, title = "six", "Six"
    needs: ClassVar[Needs] = Needs(orientations=6)


class Fussy(Sum):
    """Cannot do without the second orientation."""

    id, title = "fussy", "Fussy"

    def check(self, acquisition):
        super().check(acquisition)
        if "second" not in acquisition.labels:
            raise InputError("Fussy needs the second one", mend="leave it in")


class Broken(Sum):
    """Gives NaN in one voxel of one run."""

    id, title = "broken", "Broken"

    def run(self, acquisition, params, progress=silent, **options):
        found = super().run(acquisition, params, progress, **options)
        if acquisition.n_orientations == 5 or "third" in acquisition.labels:
            return found
        chi = np.array(found.chi)
        chi[2, 2, 1] = np.nan
        return TensorField(chi, found.affine, found.mask)


@pytest.fixture(autouse=True)
def known(monkeypatch):
    made = {kind.id: kind() for kind in (Sum, Six, Fussy, Broken)}
    original = registry.get_method

    def get_method(name):
        return made[name] if name in made else original(name)

    monkeypatch.setattr(registry, "get_method", get_method)
    monkeypatch.setattr(reconstruct, "get_method", get_method)


def acquisition(n=5, affine=None, seed=2, **more):
    rng = np.random.default_rng(seed)
    mask = np.ones(SHAPE, bool)
    mask[0, :2] = False
    labels = ("first", "second", "third", "fourth", "fifth")[:n]
    affine = np.diag([1.0, 1.5, 2.5, 1]) if affine is None else affine
    field = rng.uniform(0.01, 0.03, (n, *SHAPE))  # positive: the largest eigenvalue of the sum is a single one
    return Acquisition(field, DIRS[:n], mask, affine, frame="ras", labels=labels, name="tiny", **more)


def brute_force(acq):
    """Spreads of every voxel by loops, `numpy.linalg.eigh` and angles between vectors."""
    n = acq.n_orientations
    expected = {name: np.zeros(SHAPE) for name in ("pev", "msa", "mms")}
    for voxel in itertools.product(*map(range, SHAPE)):
        if not acq.mask[voxel]:
            continue
        vectors, msa, mms = [], [], []
        for left_out in range(n):
            tensor = sum(
                np.float64(acq.field[i][voxel]) * np.outer(acq.b0_dirs[i], acq.b0_dirs[i])
                for i in range(n)
                if i != left_out
            )
            values, axes = np.linalg.eigh(tensor)
            vectors.append(axes[:, 2] * (-1) ** left_out)  # of either sign
            msa.append(values[2] - (values[0] + values[1]) / 2)
            mms.append(values.mean())
        # The axis that lies nearest to all: the mean square of the sine of the angle to it is the smallest.
        _, axes = np.linalg.eigh(sum(np.outer(v, v) for v in vectors))
        sines = [np.linalg.norm(np.cross(v, axes[:, 2])) for v in vectors]
        expected["pev"][voxel] = np.degrees(np.arcsin(np.sqrt(np.mean(np.square(sines)))))
        expected["msa"][voxel], expected["mms"][voxel] = np.std(msa), np.std(mms)
    return expected


@pytest.mark.parametrize("n", [2, 5])
def test_against_a_brute_force(n):
    acq = acquisition(n)
    found, expected = leave_one_out(acq, "sum", device="cpu"), brute_force(acq)
    inside = acq.mask
    assert expected["pev"][inside].min() > 0.05, "there is something to compare"
    np.testing.assert_allclose(found.pev_spread, expected["pev"], atol=2e-3)
    np.testing.assert_allclose(found.msa_spread, expected["msa"], atol=3e-8)
    np.testing.assert_allclose(found.mms_spread, expected["mms"], atol=3e-8)
    for spread in found.spreads.values():
        assert spread.dtype == np.float32 and not spread[~inside].any()
    np.testing.assert_allclose(found.full.chi, reconstruct.reconstruct(acq, "sum", device="cpu").chi)


def test_parameters_reach_every_run():
    once, twice = (leave_one_out(acquisition(), "sum", device="cpu", gain=gain) for gain in (1.0, 2.0))
    np.testing.assert_allclose(twice.msa_spread, 2 * once.msa_spread, rtol=1e-5)
    np.testing.assert_allclose(twice.pev_spread, once.pev_spread, atol=1e-3)


@pytest.mark.parametrize("method", ["sum", "stiimag"])
@pytest.mark.parametrize("axes", [((1, -1), (2, 1), (0, -1)), ((0, -1), (1, -1), (2, 1))])
def test_storage_order_does_not_matter(method, axes):
    turn, move = np.eye(4), np.array(axes, float)
    c, s = np.cos(0.2), np.sin(0.2)
    turn[:3, :3] = [[c, -s, 0], [s, c, 0], [0, 0, 1]]
    affine = turn @ np.diag([1.0, 1.5, 2.5, 1])
    acq = acquisition(affine=affine)
    moved = Acquisition(
        field=np.stack([frames.reorder_volume(f, move) for f in acq.field]),
        b0_dirs=frames.rotate_vectors(acq.b0_dirs, frames.between("voxel", "ras", affine)),
        mask=frames.reorder_volume(acq.mask, move),
        affine=frames.reorder_affine(affine, move, SHAPE),
        frame="ras",
    )
    options = {} if method == "sum" else {"max_iterations": 4}
    first, second = (leave_one_out(a, method, device="cpu", **options) for a in (acq, moved))
    for name, spread in first.spreads.items():
        size = 1e-2 if name == "pev_spread" else 1e-3 * spread.max()
        np.testing.assert_allclose(second.spreads[name], frames.reorder_volume(spread, move), atol=size, err_msg=name)


def test_identical_directions_have_no_spread_and_random_ones_the_most():
    rng = np.random.default_rng(0)
    v = rng.normal(size=(50, 3))
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    signs = rng.choice([-1, 1], size=(7, 50, 1))
    same = sum(dyads((v * sign).astype(np.float32)) for sign in signs)
    assert angular_spread(same).max() < 1e-5
    axes = sum(dyads(np.tile(e, (1, 1))) for e in np.eye(3))
    assert angular_spread(axes)[0] == pytest.approx(MOST_SPREAD) == pytest.approx(54.7356, abs=1e-4)
    many = rng.normal(size=(20_000, 3))
    many /= np.linalg.norm(many, axis=1, keepdims=True)
    assert angular_spread(dyads(many).sum(axis=0, keepdims=True))[0] == pytest.approx(MOST_SPREAD, abs=0.5)
    assert angular_spread(dyads(np.zeros((1, 3))))[0] == pytest.approx(MOST_SPREAD), "no direction is any direction"


@pytest.mark.parametrize("angle", [0.01, 1.0, 20.0, 45.0])
def test_two_directions_lie_on_either_side_of_their_mean(angle):
    a = np.radians(angle)
    pair = dyads([[np.cos(a), np.sin(a), 0]]) + dyads([[-np.cos(a), np.sin(a), 0]])
    assert angular_spread(pair)[0] == pytest.approx(angle, rel=1e-6)


def test_a_run_without_finite_numbers_leaves_nan_and_not_a_number():
    found = leave_one_out(acquisition(), "broken", device="cpu")
    for name, spread in found.spreads.items():
        assert np.isnan(spread[2, 2, 1]), name
        assert np.isfinite(np.delete(spread.ravel(), np.ravel_multi_index((2, 2, 1), SHAPE))).all(), name


def test_progress_counts_through_all_runs_and_says_which():
    steps = []
    leave_one_out(acquisition(3), "sum", device="cpu", progress=steps.append)
    assert [step.iteration for step in steps] == list(range(1, 13))
    assert [step.total for step in steps] == [12] * 12
    messages = list(dict.fromkeys(step.message for step in steps))
    assert messages == [
        "Run 1 of 4, all orientations",
        "Run 2 of 4, without first",
        "Run 3 of 4, without second",
        "Run 4 of 4, without third",
    ]
    assert steps[0].residual == 1.0


@pytest.mark.parametrize("at", [2, 8])
def test_cancel_leaves_at_once(at):
    seen = []

    def stop(step):
        seen.append(step.iteration)
        if step.iteration == at:
            raise Cancelled

    with pytest.raises(Cancelled):
        leave_one_out(acquisition(), "sum", device="cpu", progress=stop)
    assert seen == list(range(1, at + 1))


def test_no_tensor_of_a_shortened_run_is_kept(monkeypatch):
    import gc
    import weakref

    alive, made = [], []
    original = reconstruct.reconstruct

    def counted(*args, **options):
        gc.collect()
        alive.append(sum(one() is not None for one in made))
        result = original(*args, **options)
        made.append(weakref.ref(result))
        return result

    monkeypatch.setattr(reconstruct, "reconstruct", counted)
    leave_one_out(acquisition(), "sum", device="cpu")
    assert max(alive) == 1, "only the result of all orientations stays"


def test_the_result_tells_how_it_was_found():
    told = leave_one_out(acquisition(4), "sum", device="cpu").full.provenance
    runs = told["leave_one_out"]
    assert runs["orientations"] == 4
    assert runs["jackknife_factor"] == pytest.approx(np.sqrt(3), abs=1e-6)
    assert [run["orientations"] for run in runs["runs"]] == ["all orientations"] + [
        f"without {name}" for name in ("first", "second", "third", "fourth")
    ]
    assert [run["iterations"] for run in runs["runs"]] == [3] * 5
    assert not told["remarks"]


def test_what_only_the_shortened_runs_lack_is_remarked():
    remarks = leave_one_out(acquisition(3), "sum", device="cpu").full.provenance["remarks"]
    assert len(remarks) == 1
    assert remarks[0].startswith("Of the runs without one orientation: 2 orientations leave the tensor underdetermined")


@pytest.mark.parametrize(
    ("method", "n", "sentence"),
    [
        ("sum", 1, "leaving one orientation out needs at least 2 orientations with Sum, and the study has 1; add"),
        ("six", 5, "leaving one orientation out needs at least 7 orientations with Six, and the study has 5; add"),
        ("fussy", 4, "without second, Fussy needs the second one; leave it in."),
    ],
)
def test_too_little_is_refused_before_anything_runs(method, n, sentence):
    with pytest.raises(InputError) as caught:
        leave_one_out(acquisition(n), method, device="cpu", progress=lambda step: pytest.fail("it ran"))
    assert str(caught.value).startswith(sentence)


def test_without_leaves_everything_else_as_it_was():
    acq = acquisition(
        3,
        magnitude=np.ones((3, *SHAPE)) * np.arange(3)[:, None, None, None],
        r2prime=np.ones((3, *SHAPE)),
        qsm=np.ones(SHAPE) * 0.01,
        wm_mask=np.ones(SHAPE),
        simulated=True,
    )
    less = without(acq, 1)
    assert less.labels == ("first", "third")
    np.testing.assert_array_equal(less.field, acq.field[[0, 2]])
    np.testing.assert_allclose(less.b0_dirs, acq.b0_dirs[[0, 2]])
    np.testing.assert_array_equal(less.magnitude[:, 2, 2, 1], [0, 2])
    assert len(less.r2prime) == 2 and less.simulated and less.wm_mask is not None
    np.testing.assert_array_equal(less.qsm, acq.qsm)
    one = acquisition(3, magnitude=np.ones(SHAPE))
    assert len(without(one, 0).magnitude) == 1, "one for all stays"


def test_the_estimate_covers_what_is_kept():
    shape, n = (10, 11, 12), 5
    spread = module._Spread(TensorField(np.zeros((*shape, 6)), np.eye(4)))
    kept = spread._dyads.nbytes + spread._mean.nbytes + spread._squares.nbytes
    assert kept < module.extra_bytes(shape, n) < 4 * kept
