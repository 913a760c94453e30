"""Contract tests: they walk the registry, so that every method is held to the same."""

import json
import subprocess
import sys

import numpy as np
import pytest

from napari_sti.core import frames, params
from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import Cancelled, InputError
from napari_sti.core.method import Method
from napari_sti.core.progress import Step
from napari_sti.core.tensor_field import TensorField
from napari_sti.recon.forward import simulate_field
from napari_sti.recon.reconstruct import reconstruct
from napari_sti.recon.registry import get_method, methods
from tests.recon.orders import every_order_agrees

EVERY = pytest.mark.parametrize("method", methods().values(), ids=list(methods()))
SHAPE = (7, 5, 9)


def acquisition(orientations: int = 7, *, odd_values: bool = False) -> Acquisition:
    rng = np.random.default_rng(0)
    h = rng.normal(size=(orientations, 3))
    mask = np.zeros(SHAPE, bool)
    mask[1:-1, 1:-1, 1:-2] = True
    field = 0.05 * rng.normal(size=(orientations, *SHAPE))
    field[:, ~mask] = np.nan  # nobody promises anything outside of the mask
    affine = np.diag([1.0, 1.3, 2.2, 1.0])
    white = mask & (rng.random(SHAPE) < 0.5)
    return Acquisition(
        field,
        h / np.linalg.norm(h, axis=1, keepdims=True),
        mask,
        affine,
        name="tiny",
        wm_mask=white,
        csf_mask=mask & ~white,
        magnitude=np.abs(field),
        simulated=True,
    )


def few(method: Method) -> dict[str, object]:
    """Parameters that make a run short, where a method knows them."""
    names = {p.name for p in params.describe(method.Params)}
    return {"max_iterations": 4} if "max_iterations" in names else {}


@EVERY
def test_says_what_it_is(method: Method) -> None:
    for text in (method.title, method.summary, method.formula, method.reference):
        assert text.strip()
    assert method.id.isidentifier()
    assert method.id == method.id.lower()
    assert methods()[method.id] is method
    assert method.needs.orientations >= 1
    assert all(hasattr(Acquisition, name) for name in method.needs.masks)


@EVERY
def test_parameters_are_declared_in_full_and_travel(method: Method) -> None:
    given = method.Params()
    for p in params.describe(method.Params):
        assert p.label, p.name
        assert p.help.endswith("."), p.name
        assert p.kind in (float, int, bool, str), p.name
        if p.kind in (float, int):
            assert p.low is not None, p.name
    plain = params.to_mapping(given)
    assert params.from_mapping(method.Params, json.loads(json.dumps(plain))) == given
    as_typed = {name: "none" if value is None else str(value) for name, value in plain.items()}
    assert params.from_mapping(method.Params, as_typed) == given
    with pytest.raises(Exception, match="cannot assign"):
        given.anything = 1


@EVERY
@pytest.mark.parametrize("orientations", range(1, 8))
def test_runs_with_any_number_of_orientations(method: Method, orientations: int) -> None:
    if orientations < method.needs.orientations:
        with pytest.raises(InputError, match="needs at least"):
            reconstruct(acquisition(orientations), method.id, device="cpu", **few(method))
        return
    given = acquisition(orientations)
    steps: list[Step] = []
    found = reconstruct(given, method.id, device="cpu", progress=steps.append, **few(method))
    assert found.chi.shape == (*SHAPE, 6)
    assert found.chi.dtype == np.float32
    assert np.isfinite(found.chi).all()
    assert not found.chi[~given.mask].any()
    assert found.chi[given.mask].any()
    assert found.frame == "voxel"
    np.testing.assert_array_equal(found.affine, given.affine)
    np.testing.assert_array_equal(found.mask, given.mask)
    numbers = [s.iteration for s in steps if s.iteration]
    assert numbers == sorted(set(numbers))
    undetermined = [r for r in found.provenance["remarks"] if "underdetermined" in r]
    assert bool(undetermined) == (orientations < method.needs.determined_from)


@EVERY
def test_provenance_is_complete_and_plain(method: Method) -> None:
    found = reconstruct(acquisition(), method.id, device="cpu", **few(method))
    known = json.loads(json.dumps(dict(found.provenance), allow_nan=False))
    expected = {"method", "params", "device", "seconds", "finished", "versions", "inputs", "remarks", "simulated"}
    assert expected | {"iterations", "orientations"} <= set(known)
    assert known["method"] == method.id
    assert known["device"] == "cpu"
    assert known["simulated"] is True
    assert set(known["params"]) == {p.name for p in params.describe(method.Params)}
    assert {item["role"] for item in known["inputs"]} == {"field", "mask", "b0_dirs"}
    assert all(len(item["sha256"]) == 64 for item in known["inputs"])


@EVERY
def test_is_the_same_every_time(method: Method) -> None:
    one, other = (reconstruct(acquisition(), method.id, device="cpu", **few(method)) for _ in range(2))
    np.testing.assert_array_equal(one.chi, other.chi)


@EVERY
def test_cancel_is_heeded_at_the_second_iteration_or_the_only_one(method: Method) -> None:
    seen = []

    def leave(step: Step) -> None:
        seen.append(step.iteration)
        if step.iteration == min(2, step.total):
            raise Cancelled

    with pytest.raises(Cancelled):
        reconstruct(acquisition(), method.id, device="cpu", progress=leave)
    assert max(seen) <= 2


@EVERY
def test_previews_are_tensors(method: Method) -> None:
    given, shapes = acquisition(), set()

    def look(step: Step) -> None:
        if step.preview is not None:
            picture = step.preview()
            shapes.add(picture.shape)
            assert np.isfinite(picture).all()

    reconstruct(given, method.id, device="cpu", progress=look, **few(method))
    assert shapes <= {(*SHAPE, 6)}


@EVERY
def test_states_its_memory(method: Method) -> None:
    assert method.memory_bytes((64, 64, 64), 4, method.Params()) > 4 * 64**3 * 6


@EVERY
def test_no_field_maps_are_refused(method: Method) -> None:
    empty = Acquisition(None, [[0, 0, 1.0]], np.ones(SHAPE), np.eye(4))
    with pytest.raises(InputError, match="needs field maps and the study has none"):
        reconstruct(empty, method.id)


@EVERY
def test_does_not_depend_on_the_order_of_storage(method: Method) -> None:
    every_order_agrees(method.id, orientations=7, **few(method))


def isotropic_blocks() -> Acquisition:
    """Noise-free field maps of blocks that are isotropic and constant within, measured everywhere."""
    shape = (12, 10, 9)
    mms = np.zeros(shape)
    mms[2:6, 2:8, 2:7], mms[7:11, 2:8, 2:7] = -0.04, 0.03
    mms -= mms.mean()  # nothing tells the value at k = 0
    chi = np.zeros((*shape, 6))
    chi[..., [0, 3, 5]] = mms[..., None]
    affine = np.diag([1.0, 1.3, 2.0, 1.0])
    h = np.random.default_rng(0).normal(size=(12, 3))
    h /= np.linalg.norm(h, axis=1, keepdims=True)
    white, fluid = mms == mms.min(), mms == mms.max()
    field = simulate_field(chi, affine, h)
    return Acquisition(field, h, np.ones(shape), affine, wm_mask=white, csf_mask=fluid, qsm=mms)


@EVERY
def test_an_isotropic_phantom_comes_out_isotropic(method: Method) -> None:
    given = isotropic_blocks()
    names = {p.name for p in params.describe(method.Params)}
    most = 20 if "weights" in names else 400  # a network in every iteration takes its time
    wanted = {"tol": 1e-6, "max_iterations": most, "lam": 0.0, "smooth": 0.0}
    found = reconstruct(given, method.id, device="cpu", **{k: v for k, v in wanted.items() if k in names})
    if "wavelet" in names:  # pads the grid, where nothing is measured then; its own tests have grids that fit
        assert found.msa.mean() < 0.1 * np.ptp(given.qsm)
        return
    assert found.msa.max() < (1e-6 if method.isotropic else 0.05 * np.ptp(given.qsm))
    if method.needs.orientations > 1 or not method.isotropic:  # one orientation leaves a cone that nobody measured
        difference = found.mms - given.qsm
        if "weights" in names:  # nothing in these fields tells the value at k = 0: a trained network may set it
            difference = difference - difference.mean()
        assert np.abs(difference).mean() < 0.02 * np.ptp(given.qsm)


@EVERY
def test_starts_from_another_result_or_says_that_it_cannot(method: Method) -> None:
    given = acquisition()
    first = reconstruct(given, method.id, device="cpu", **few(method))
    if not method.takes_start:
        with pytest.raises(InputError, match="does not iterate from a first estimate"):
            reconstruct(given, method.id, device="cpu", start=first)
        return
    move = frames.orientation_between(first.affine, np.diag([-1.0, 1.3, 2.2, 1.0]))
    start = first.reordered(move).in_frame("lps")  # however it is stored, it is placed where it belongs
    again = reconstruct(given, method.id, device="cpu", start=start, **few(method))
    assert again.provenance["iterations"][-1]["objective"] <= first.provenance["iterations"][-1]["objective"] * 1.001


@EVERY
def test_a_start_on_another_grid_is_refused(method: Method) -> None:
    if not method.takes_start:
        pytest.skip("does not start from a result")
    other = TensorField(np.zeros((4, 4, 4, 6)), np.eye(4), np.ones((4, 4, 4)))
    with pytest.raises(InputError, match="is on another grid than the study"):
        reconstruct(acquisition(), method.id, device="cpu", start=other)


def test_unknown_methods_name_the_nearest() -> None:
    with pytest.raises(InputError, match=r"the method 'sti_imag' is not known; did you mean 'stiimag'\?"):
        get_method("sti_imag")
    with pytest.raises(InputError, match=r"known are .*stiimag"):
        get_method("zzzz")


def test_the_list_is_a_copy() -> None:
    methods().clear()
    assert "stiimag" in methods()


def test_forms_are_made_without_torch() -> None:
    program = (
        "import sys; from napari_sti.core.params import describe; from napari_sti.recon.registry import methods;"
        "[describe(m.Params) for m in methods().values()];"
        "sys.exit(sum(name in sys.modules for name in ('torch', 'napari', 'qtpy')))"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
