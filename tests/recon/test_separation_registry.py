"""Contract tests: they walk the registry, so that every method of separation is held to the same."""

import json
import subprocess
import sys
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from napari_sti.core import frames, params
from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import Cancelled, InputError
from napari_sti.core.progress import Step
from napari_sti.core.separated import SeparatedField
from napari_sti.core.separation import SeparationMethod
from napari_sti.core.tensor_field import TensorField
from napari_sti.recon.forward import simulate_field
from napari_sti.recon.separate import separate
from napari_sti.recon.separation_registry import get_separation_method, separation_methods
from tests.recon.separation.given import SHAPE, directions, ellipsoid, rates_of, sources

EVERY = pytest.mark.parametrize("method", separation_methods().values(), ids=list(separation_methods()))
CASES = [(m, form) for m in separation_methods().values() for form in m.forms]
FORMS = pytest.mark.parametrize(("method", "form"), CASES, ids=[f"{m.id}-{form}" for m, form in CASES])


def study(form: str = "scalar", orientations: int = 2, *, order: str = "RAS", oblique: bool = False) -> Acquisition:
    """A simulated study with everything that any method can ask for, stored in some order."""
    pos, neg = sources()
    rng = np.random.default_rng(3)
    chi = neg.copy()
    chi[..., [0, 3, 5]] += pos[..., None]
    affine = np.diag([1.0, 1.4, 2.0, 1.0])
    if oblique:
        turn = np.linalg.qr(np.array([[0.94, -0.27, 0.21], [0.29, 0.95, -0.03], [-0.2, 0.1, 0.97]]))[0]
        affine[:3, :3] = turn @ np.diag([-1.0, -1.4, 2.0])
    tensor, h = TensorField(chi, affine, ellipsoid(SHAPE)), directions(orientations)
    rates = rates_of(pos, neg, h) + rng.normal(0, 0.5, (orientations, *SHAPE)).astype(np.float32)
    field = simulate_field(tensor.chi, affine, h, tensor.mask)
    magnitude = rng.random(SHAPE)
    target = nib.orientations.axcodes2ornt(tuple(order))
    move = nib.orientations.ornt_transform(frames.canonical_orientation(affine), target)
    moved = tensor.reordered(move)
    stack = [frames.reorder_volume(a, move, first_axis=1) for a in (np.array(field), rates * tensor.mask)]
    return Acquisition(
        stack[0],
        frames.rotate_vectors(h, frames.reordering_matrix(move)),
        moved.mask,
        moved.affine,
        b0=3.0,
        name="tiny",
        magnitude=frames.reorder_volume(magnitude, move),
        r2prime=stack[1],
        qsm=moved.mms if form == "scalar" else None,
        reference_tensor=moved if form == "tensor" else None,
        simulated=True,
    )


def few(method: SeparationMethod) -> dict[str, object]:
    known = {p.name for p in params.describe(method.Params)}
    return {name: value for name, value in {"max_iterations": 4, "rounds": 2}.items() if name in known}


@EVERY
def test_says_what_it_is(method: SeparationMethod) -> None:
    for text in (method.title, method.summary, method.formula, method.reference):
        assert text.strip()
    assert method.id.isidentifier() and method.id == method.id.lower()
    assert get_separation_method(method.id) is separation_methods()[method.id]
    assert method.starts_from in ("chi", "field")


@EVERY
def test_parameters_are_declared_in_full_and_travel(method: SeparationMethod) -> None:
    for p in params.describe(method.Params):
        assert p.label and p.help.endswith("."), p.name
        assert p.kind in (float, int, bool, str) and (p.kind in (bool, str) or p.low is not None), p.name
    plain = params.to_mapping(method.Params())
    assert params.from_mapping(method.Params, json.loads(json.dumps(plain))) == method.Params()


@FORMS
@pytest.mark.parametrize("orientations", [1, 3])
def test_runs_without_ground_truth(method: SeparationMethod, form: str, orientations: int) -> None:
    given, steps = study(form, orientations), []
    found = separate(given, method.id, device="cpu", progress=steps.append, **few(method))
    assert isinstance(found, SeparatedField)
    outside = ~given.mask
    for part in (found.chi_pos, found.chi_neg, found.total):
        assert part.shape == SHAPE and part.dtype == np.float32
        assert np.isfinite(part).all() and not part[outside].any()
    assert (found.chi_pos >= 0).all() and (found.chi_neg <= 0).all()
    assert found.chi_pos.any() and found.chi_neg.any()
    assert (found.chi_neg_tensor is not None) == (form == "tensor")
    np.testing.assert_array_equal(found.affine, given.affine)
    numbers = [s.iteration for s in steps if s.iteration]
    assert numbers == sorted(set(numbers)) and numbers


@FORMS
def test_provenance_is_complete_and_shows_dr(method: SeparationMethod, form: str) -> None:
    found = separate(study(form), method.id, device="cpu", dr=120, **few(method))
    known = json.loads(json.dumps(dict(found.provenance), allow_nan=False))
    assert {"method", "params", "device", "seconds", "inputs", "remarks", "iterations", "dr", "rates"} <= set(known)
    assert known["dr"] == {"pos": 120.0, "neg": 120.0, "unit": "Hz/ppm", "source": "as stated"}
    assert "Dr = 120 Hz/ppm (as stated)." in known["remarks"]
    assert known["kind"] == "separation" and known["simulated"] is True and known["method"] == method.id
    assert known["form"] == form or method.starts_from == "field"


@FORMS
def test_the_closed_form_stands_beside_it(method: SeparationMethod, form: str) -> None:
    found = separate(study(form), method.id, device="cpu", **few(method))
    if method.id == "closed_form":
        assert found.closed_form is None
        return
    assert found.closed_form is not None
    assert found.closed_form.relaxation == found.relaxation
    assert found.closed_form.chi_pos.shape == found.chi_pos.shape
    difference = found.provenance["closed_form"]
    assert difference["rms_difference_chi_pos_ppm"] > 0 and difference["rms_difference_chi_neg_ppm"] > 0


@FORMS
def test_is_the_same_every_time(method: SeparationMethod, form: str) -> None:
    one, other = (separate(study(form), method.id, device="cpu", **few(method)) for _ in range(2))
    np.testing.assert_array_equal(one.chi_pos, other.chi_pos)
    np.testing.assert_array_equal(one.chi_neg, other.chi_neg)


@FORMS
def test_cancel_is_heeded(method: SeparationMethod, form: str) -> None:
    seen = []

    def leave(step: Step) -> None:
        seen.append(step.iteration)
        raise Cancelled

    with pytest.raises(Cancelled):
        separate(study(form), method.id, device="cpu", progress=leave)
    assert len(seen) == 1


@FORMS
def test_does_not_depend_on_the_order_of_storage(method: SeparationMethod, form: str) -> None:
    expected = separate(study(form, oblique=True), method.id, device="cpu", **few(method))
    scale = float(expected.chi_pos.max())
    for order in ("LAS", "SPL", "AIR"):
        found = separate(study(form, order=order, oblique=True), method.id, device="cpu", **few(method))
        back = frames.orientation_between(found.affine, expected.affine)
        np.testing.assert_allclose(frames.reorder_volume(found.chi_pos, back), expected.chi_pos, atol=1e-4 * scale)
        np.testing.assert_allclose(frames.reorder_volume(found.chi_neg, back), expected.chi_neg, atol=1e-4 * scale)
        if found.chi_neg_tensor is not None:
            one, other = (r.chi_neg_tensor.in_frame("ras").canonical().chi for r in (found, expected))
            np.testing.assert_allclose(one, other, atol=1e-4 * scale)


@EVERY
def test_states_its_memory(method: SeparationMethod) -> None:
    for form in method.forms:
        assert method.memory_bytes((64, 64, 64), 4, method.Params(), form) > 4 * 64**3 * 4


@EVERY
def test_what_it_cannot_separate_is_refused(method: SeparationMethod) -> None:
    given = study()
    if method.starts_from == "field":
        bare = replace(given, te=None, field=None)
        with pytest.raises(InputError, match="starts from field maps and the study has none"):
            separate(bare, method.id)
    elif "tensor" not in method.forms:
        with pytest.raises(InputError, match="does not separate tensors; give a scalar susceptibility"):
            separate(study("tensor"), method.id)
    if not method.finds_r2:
        star = replace(given, te=None, r2prime=None, r2star=given.r2prime + 15)
        with pytest.raises(InputError, match=r"needs R2' and was given R2\* alone; give R2 as well"):
            separate(star, method.id)


def test_unknown_methods_name_the_nearest() -> None:
    with pytest.raises(InputError, match=r"the method 'wave_sep' is not known; did you mean 'wavesep'\?"):
        get_separation_method("wave_sep")


def test_forms_are_made_without_torch() -> None:
    program = (
        "import sys; from napari_sti.core.params import describe;"
        "from napari_sti.recon.separation_registry import separation_methods;"
        "[describe(m.Params) for m in separation_methods().values()];"
        "sys.exit(sum(name in sys.modules for name in ('torch', 'napari', 'qtpy')))"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
