import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_sti.core.errors import InputError
from napari_sti.recon.checkpoint import load_model, save_model, save_published
from napari_sti.recon.unrolled.published import PublishedModel
from tests.recon.unrolled.formula import CARD, published_model, tiny_model

STATE = {"module.alpha": torch.full((1,), 0.5)}


class Evil:
    """Runs a command when it is read."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.mark}",)


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_model(path)
    said = str(caught.value)
    assert path.name in said
    assert said.endswith(".") and "\n" not in said
    return said


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint as the published program writes it, with what stands beside the parameters there."""
    model = published_model()
    alpha = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.Adam([alpha], lr=1e-4, weight_decay=5e-4)
    alpha.sum().backward()
    optimizer.step()
    path = tmp_path_factory.mktemp("published") / "DeepSTI_best_ecse.pkl"
    content = {
        "model_state": {f"module.{name}": value for name, value in model.state_dict().items()},
        "optimizer_state": optimizer.state_dict(),
        "epoch": 499,
        "lr": np.float64(1e-4),
        "val_mse": np.float32(0.1),
        "iters": np.int64(500_000),
    }
    torch.save(content, path)
    return path


def test_published_checkpoints_load_as_they_are(published: Path) -> None:
    model, card = load_model(published)
    assert isinstance(model, PublishedModel)
    assert card == {}
    assert model.iterations == 4
    assert not model.training
    assert not any(p.requires_grad for p in model.parameters())
    for name, value in published_model().state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], value, rtol=0, atol=0)


def test_what_is_written_in_the_published_format_comes_back(published: Path, tmp_path: Path) -> None:
    model, _ = load_model(published)
    written = save_published(model, tmp_path / "again.pkl")
    assert set(torch.load(written, weights_only=True)) == {"model_state"}
    again, _ = load_model(written)
    for name, value in model.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, rtol=0, atol=0)
    with pytest.raises(InputError, match="exists already"):
        save_published(model, written)
    assert [p.name for p in tmp_path.iterdir()] == ["again.pkl"]


@pytest.mark.parametrize("archive", [True, False])
@pytest.mark.parametrize("place", ["beside", "among the parameters"])
def test_a_checkpoint_that_runs_code_is_refused_and_nothing_runs(tmp_path: Path, archive: bool, place: str) -> None:
    file, mark = tmp_path / "evil.pkl", tmp_path / "ran"
    content = {"model_state": dict(STATE), "optimizer_state": {}}
    (content if place == "beside" else content["model_state"])["module.x"] = Evil(mark)
    torch.save(content, file, _use_new_zipfile_serialization=archive)
    said = refusal(file)
    assert not mark.exists()
    assert "could run code" in said and "posix.system" in said


def test_the_malicious_file_would_have_run_otherwise(tmp_path: Path) -> None:
    file, mark = tmp_path / "evil.pkl", tmp_path / "ran"
    torch.save({"model_state": {}, "x": Evil(mark)}, file)
    torch.load(file, weights_only=False)
    assert mark.exists()


def test_files_that_are_something_else(tmp_path: Path, published: Path) -> None:
    file = tmp_path / "a.pkl"
    assert "there are no trained weights" in refusal(file)
    file.write_bytes(published.read_bytes()[:5000])
    assert "cut short" in refusal(file)
    file.write_text("no checkpoint at all")
    assert "not a readable" in refusal(file)
    torch.save({"state_dict": STATE}, file)
    assert "holds no 'model_state' (it has 'state_dict')" in refusal(file)
    torch.save({"model_state": {"module.alpha": 0.5}}, file)
    assert "not a table of named parameters" in refusal(file)
    torch.save([1, 2], file)
    assert "a list where a dictionary" in refusal(file)


def test_parameters_that_do_not_fit_are_named(tmp_path: Path) -> None:
    file, good = tmp_path / "a.pkl", published_model().state_dict()

    def said(**changes: torch.Tensor | None) -> str:
        state = {**good, **{name.replace("__", "."): value for name, value in changes.items()}}
        torch.save({"model_state": {n: v for n, v in state.items() if v is not None}}, file)
        return refusal(file)

    assert "1 of 92 parameters are missing, such as alpha" in said(alpha=None)
    assert "1 parameters are unknown to the network, such as gen.other" in said(gen__other=torch.zeros(2))
    assert "the parameter alpha is 2 instead of 1" in said(alpha=torch.zeros(2))
    assert "the parameter alpha has values that are not finite" in said(alpha=torch.full((1,), torch.nan))
    assert "the parameter alpha is not made of real numbers" in said(alpha=torch.ones(1, dtype=torch.int64))


def test_own_files_travel_with_their_card(tmp_path: Path) -> None:
    model, path = tiny_model(5), tmp_path / "tiny.safetensors"
    assert save_model(model, CARD, path) == path
    again, card = load_model(path)
    assert card == CARD
    assert json.loads((tmp_path / "tiny.json").read_text()) == CARD
    assert (again.family, again.config, again.iterations) == ("resunet", model.config, 5)
    for name, value in model.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, rtol=0, atol=0)
    with pytest.raises(InputError, match="exists already"):
        save_model(model, CARD, path)
    save_model(model, {**CARD, "title": "new"}, path, overwrite=True)
    assert load_model(path)[1]["title"] == "new"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["tiny.json", "tiny.safetensors"]
    with pytest.raises(InputError, match=r"let the name end in \.safetensors"):
        save_model(model, CARD, tmp_path / "tiny.pt")


def test_own_files_that_are_damaged(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    model, path = tiny_model(), tmp_path / "tiny.safetensors"
    whole = save_model(model, CARD, path).read_bytes()
    path.write_bytes(whole[:-100])
    assert "damaged or cut off" in refusal(path)
    path.write_bytes(whole[:100])
    assert "is cut off" in refusal(path)
    path.write_bytes(b"")
    assert "not a safetensors file" in refusal(path)
    state = model.state_dict()
    save_file(state, path)
    assert "does not say which network" in refusal(path)
    for metadata, what in (
        ({"family": "other", "config": "{}", "card": "{}"}, "family 'other' are not known"),
        ({"family": "resunet", "config": '{"depth": 3}', "card": "{}"}, "does not fit the family"),
        ({"family": "resunet", "config": '{"features": "x"}', "card": "{}"}, "does not fit the family"),
        ({"family": "resunet", "config": "{", "card": "{}"}, "does not say which network"),
        ({"family": "resunet", "config": '{"features": [8, 8]}', "card": "{}"}, "is 16x8x3x3x3 instead of 8x8x3x3x3"),
    ):
        save_file(state, path, metadata)
        assert what in refusal(path)
