import json

import pytest
import torch

from napari_sti.core.errors import InputError
from napari_sti.lpn.checkpoint import load_lpn, save_lpn
from napari_sti.lpn.networks.local import LocalLpn
from tests.lpn.formula import formula_network


def refusal(*args, **options):
    with pytest.raises(InputError) as caught:
        load_lpn(*args, **options)
    return str(caught.value)


def test_there_and_back(tmp_path):
    network = LocalLpn(dims=2, channels=3, widths=(4, 5), alpha=0.02)
    file = save_lpn(network, {"name": "mine", "limits": "none"}, tmp_path / "mine.safetensors")
    again, card = load_lpn(file)
    y = torch.rand(1, 3, 9, 8)
    assert torch.equal(again.prox(y), network.prox(y).detach()) and again.alpha == 0.02
    assert card["name"] == json.loads((tmp_path / "mine.json").read_text())["name"] == "mine"
    assert not any(p.requires_grad for p in again.parameters()) and not again.training
    with pytest.raises(InputError, match="exists already"):
        save_lpn(network, {}, file)
    save_lpn(network, {}, file, overwrite=True)


@pytest.mark.parametrize("beside", ["model_config.json", "model.json", "checkpoint.json"])
def test_published_checkpoint(tmp_path, beside):
    network, data = formula_network("lpn_28")
    state = {f"module.{name}": value for name, value in network.state_dict().items()}
    torch.save({"model_state_dict": state, "iteration": 7, "loss": 0.1}, tmp_path / "checkpoint.pt")
    config = {"model": "lpn_mnist", "params": {"in_dim": 1, "hidden": 8, "beta": 10, "alpha": 0.01}}
    (tmp_path / beside).write_text(json.dumps(config))
    again, card = load_lpn(tmp_path / "checkpoint.pt")
    x = torch.from_numpy(data["x"])
    assert torch.equal(again.prox(x), network.prox(x)) and card == {}


def test_sentences(tmp_path):
    network, _ = formula_network("lpn_28")
    file = tmp_path / "checkpoint.pt"
    assert "no such weights" in refusal(file)
    torch.save({"weights": {}}, file)
    assert "no model_state_dict" in refusal(file)
    torch.save({"model_state_dict": network.state_dict()}, file)
    assert "config that says which network" in refusal(file)
    config = tmp_path / "model_config.json"
    config.write_text('{"model": "unet", "params": {}}')
    assert "'unet'" in refusal(file)
    config.write_text('{"model": "lpn_mnist", "params": {"hidden": 9}}')
    assert "is 8x1x3x3 instead of 9x1x3x3" in refusal(file)
    config.write_text('{"model": "lpn_128", "params": {"hidden": 8}}')
    assert "missing" in refusal(file) or "instead of" in refusal(file)
    config.write_text('{"model": "lpn_mnist", "params": {"hidden": 8}}')
    state = network.state_dict()
    torch.save({"model_state_dict": {**state, "lin.1.weight": state["lin.1.weight"] - 1}}, file)
    assert "negative" in refusal(file)
    torch.save({"model_state_dict": {**state, "lin.1.weight": state["lin.1.weight"] * float("nan")}}, file)
    assert "not finite" in refusal(file)


def test_safetensors_sentences(tmp_path):
    from safetensors.torch import save_file

    file = tmp_path / "a.safetensors"
    file.write_bytes(b"abc")
    assert "damaged or cut short" in refusal(file)
    save_file({"a": torch.zeros(1)}, file)
    assert "does not say which network" in refusal(file)
    save_file({"a": torch.zeros(1)}, file, {"family": "compact", "config": "{}", "card": "{}"})
    assert "no learned proximal network" in refusal(file)
    save_file({"a": torch.zeros(1)}, file, {"family": "local", "config": '{"widths": [1000000]}', "card": "{}"})
    assert "too large" in refusal(file)
