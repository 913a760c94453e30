import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_sti.core.errors import Cancelled, InputError
from napari_sti.core.progress import Step
from napari_sti.core.provenance import file_hash
from napari_sti.recon import weights
from napari_sti.recon.checkpoint import save_model
from napari_sti.recon.methods.deepsti import DeepStiParams
from napari_sti.recon.operator import StiOperator
from napari_sti.recon.reconstruct import reconstruct
from napari_sti.recon.registry import get_method
from napari_sti.recon.unrolled import inference
from napari_sti.recon.unrolled.compact import CompactModel
from tests.recon import test_registry as contract
from tests.recon.orders import every_order_agrees
from tests.recon.unrolled.formula import CARD, tiny_model

METHOD = get_method("deepsti")


@pytest.fixture(autouse=True)
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Weights of a tiny network, as if they came with the package."""
    monkeypatch.setattr(weights, "SHIPPED", tmp_path)
    return save_model(tiny_model(3), CARD, tmp_path / "deepsti-compact.safetensors")


@pytest.mark.parametrize("orientations", [1, 2, 5, 6, 7])
def test_contract_any_number_of_orientations(orientations: int) -> None:
    contract.test_runs_with_any_number_of_orientations(METHOD, orientations)


@pytest.mark.parametrize(
    "check",
    [
        contract.test_provenance_is_complete_and_plain,
        contract.test_is_the_same_every_time,
        contract.test_cancel_is_heeded_at_the_second_iteration_or_the_only_one,
        contract.test_previews_are_tensors,
        contract.test_starts_from_another_result_or_says_that_it_cannot,
    ],
)
def test_contract(check: object) -> None:
    check(METHOD)  # type: ignore[operator]


@pytest.mark.parametrize("chunk", ["auto", "whole"])
def test_does_not_depend_on_the_order_of_storage(chunk: str) -> None:
    every_order_agrees("deepsti", orientations=2, chunk=chunk)


def test_the_network_sees_the_axes_that_it_was_trained_in() -> None:
    """A study in LPS order goes in as it is: the result is that of the model itself."""
    given = replace(contract.acquisition(3), affine=np.diag([-1.0, -1.3, 2.2, 1.0]))
    operator = StiOperator(given.shape, given.voxel_size, given.b0_dirs, given.mask)
    with torch.inference_mode():
        expected = tiny_model(3).estimate(operator, torch.tensor(given.field))
    found = reconstruct(given, "deepsti", device="cpu", chunk="whole")
    np.testing.assert_allclose(np.moveaxis(found.chi, -1, 0), expected.numpy(), atol=1e-6)


def test_the_result_says_what_made_it(shipped: Path) -> None:
    steps: list[Step] = []
    found = reconstruct(contract.acquisition(7), "deepsti", device="cpu", progress=steps.append)
    made = json.loads(json.dumps(dict(found.provenance)))
    assert made["weights"]["name"] == "deepsti-compact"
    assert made["weights"]["sha256"] == file_hash(shipped)
    assert made["weights"]["title"] == CARD["title"]
    assert (made["weights"]["family"], made["precision"]) == ("resunet", "float32")
    assert made["weights"]["parameters"] == sum(p.numel() for p in tiny_model().parameters())
    assert "slabs" in made["chunks"]
    assert CARD["disclaimer"] in made["remarks"]
    assert any("a number of orientations of 7 (they saw 1 to 6)" in remark for remark in made["remarks"])
    assert [set(record) for record in made["iterations"]] == 3 * [{"iteration", "residual", "step", "seconds"}]
    assert [(s.iteration, s.total) for s in steps] == [(1, 3), (2, 3), (3, 3)]
    last = steps[-1]
    assert last.preview is not None and last.residual is not None and last.change is not None
    np.testing.assert_array_equal(last.preview(), found.chi)
    assert not np.array_equal(steps[0].preview(), found.chi)  # type: ignore[misc]


def test_chunks_change_nothing() -> None:
    given = contract.acquisition(3)
    results = [reconstruct(given, "deepsti", device="cpu", chunk=c).chi for c in ("whole", "auto", "100")]
    for other in results[1:]:
        assert np.abs(other - results[0]).max() < 1e-5 * np.ptp(results[0])
    with pytest.raises(InputError, match="chunk = 'few' is not known; use auto, whole, or a number of voxels"):
        reconstruct(given, "deepsti", device="cpu", chunk="few")


@pytest.mark.parametrize("chunk", ["whole", "auto"])
def test_less_precision_is_a_stated_choice(chunk: str) -> None:
    given = contract.acquisition(3)
    exact = reconstruct(given, "deepsti", device="cpu").chi
    for precision, limit in (("float16", 0.01), ("bfloat16", 0.05)):
        found = reconstruct(given, "deepsti", device="cpu", precision=precision, chunk=chunk)
        assert 1e-6 * np.ptp(exact) < np.abs(found.chi - exact).max() < limit * np.ptp(exact)
        assert any(precision in remark for remark in found.provenance["remarks"])


def test_other_numbers_of_iterations_are_said() -> None:
    found = reconstruct(contract.acquisition(3), "deepsti", device="cpu", iterations=5)
    assert len(found.provenance["iterations"]) == 5
    assert "The network was trained for 3 iterations and 5 were done." in found.provenance["remarks"]


def test_tells_where_it_is_within_an_iteration_and_can_be_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "HEARTBEAT", 0.0)
    monkeypatch.setattr(inference, "SMALL", 0)
    steps: list[Step] = []

    def leave(step: Step) -> None:
        steps.append(step)
        if len(steps) == 40:
            raise Cancelled

    with pytest.raises(Cancelled):
        reconstruct(contract.acquisition(3), "deepsti", device="cpu", progress=leave)
    assert any(s.message.startswith("network, ") and s.message.endswith("of iteration 2") for s in steps)
    done = [s.iteration for s in steps]
    assert done == sorted(done) and max(done) < 3  # iterations done, never ahead of them
    assert all(s.preview is None for s in steps if "%" in s.message)


def test_tells_that_least_squares_are_on_and_can_be_left_there(shipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "HEARTBEAT", 0.0)
    monkeypatch.setattr(inference, "SMALL", 0)
    save_model(CompactModel(iterations=1, widths=(6, 8, 10)), {"name": "compact"}, shipped, overwrite=True)
    steps: list[Step] = []
    reconstruct(contract.acquisition(3), "deepsti", device="cpu", progress=steps.append)
    said = [step.message.split(",")[0] for step in steps]
    assert said[0] == said[-2] == "least squares" and "network" in said, "before the network and after it"

    def leave(step: Step) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        reconstruct(contract.acquisition(3), "deepsti", device="cpu", progress=leave)


def test_without_weights_it_says_what_is_missing(shipped: Path) -> None:
    shipped.unlink()
    with pytest.raises(InputError, match="no weights of the name 'deepsti-compact'"):
        reconstruct(contract.acquisition(3), "deepsti", device="cpu")
    assert METHOD.memory_bytes((64, 64, 64), 3, DeepStiParams()) > 0  # forms ask for it all the same


def test_memory_is_that_of_its_parts() -> None:
    def memory(**params: object) -> int:
        return METHOD.memory_bytes((96, 96, 96), 4, DeepStiParams(**params))  # type: ignore[arg-type]

    assert memory(chunk="whole") > memory() > memory(precision="bfloat16")
    assert METHOD.device_bytes((96, 96, 96), 4, DeepStiParams()) < memory()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("chunk", ["auto", "whole", "100"])
def test_on_a_gpu(chunk: str) -> None:
    given = contract.acquisition(3)
    expected = reconstruct(given, "deepsti", device="cpu").chi
    found = reconstruct(given, "deepsti", device="cuda", chunk=chunk).chi
    assert np.abs(found - expected).max() < 1e-4 * np.ptp(expected)


@pytest.mark.skipif(not torch.backends.mps.is_available(), reason="no Apple GPU")
def test_on_an_apple_gpu() -> None:
    given = contract.acquisition(3)
    expected = reconstruct(given, "deepsti", device="cpu").chi
    assert np.abs(reconstruct(given, "deepsti", device="mps").chi - expected).max() < 1e-3 * np.ptp(expected)
