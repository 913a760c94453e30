"""Files of learned proximal networks: our own (safetensors with config and card) and the published ones.

Nothing that is read can run code: safetensors hold numbers and text, and pickles go through
`napari_sti.lpn.safe_load`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from napari_sti.core.errors import InputError
from napari_sti.io import atomic
from napari_sti.io.text_data import parse_text
from napari_sti.lpn.networks import families, get_network
from napari_sti.lpn.networks.base import Lpn
from napari_sti.lpn.safe_load import read_checkpoint, strip_prefix
from napari_sti.lpn.state import check_state

SHIPPED = Path(__file__).resolve().parent.parent / "weights"
"""Folder of the weights that come with the package."""

_PUBLISHED = {"lpn_mnist": "lpn_28", "lpn_28": "lpn_28", "lpn_128": "lpn_128", "lpn_1d": "lpn_1d", "lpn": "lpn_1d"}
_CONFIGS = ("model_config.json", "model.json", "config.json")


def load_lpn(
    path: str | Path, device: str | torch.device = "cpu", *, config: str | Path | None = None
) -> tuple[Lpn, dict[str, Any]]:
    """Read a learned proximal network.

    Parameters
    ----------
    path : path or name
        ``.safetensors`` as written by `save_lpn`, a checkpoint of the published program (``.pt``, ``.pth``, ``.pkl``,
        ``.ckpt``: a dictionary with ``model_state_dict``), or the name of shipped weights.
    device : str
        Where the network is to be.
    config : path, optional
        For a published checkpoint, the JSON file that says which network it is; looked for beside the checkpoint as
        ``<name>.json``, ``model_config.json``, ``model.json`` or ``config.json`` if not given.

    Returns
    -------
    network : Lpn
        In evaluation mode, without gradients.
    card : dict
        What is known of it; empty for checkpoints of the published program.

    Raises
    ------
    InputError
        If the file is missing, damaged, does not fit, would have to run code, or holds weights that are not convex.
    """
    file = _find(path)
    network, card = _load_safetensors(file) if file.suffix.lower() == ".safetensors" else _load_published(file, config)
    if not network.is_convex():
        raise InputError(
            "some weights are negative where a convex potential needs them not to be",
            file=file,
            mend="set them to zero as the training does, or give the weights of a finished training",
        )
    return network.to(device).eval().requires_grad_(False), card


def save_lpn(network: Lpn, card: Mapping[str, Any], path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a network to a safetensors file that states its family, config and card, and the card beside it as JSON.

    Raises
    ------
    InputError
        If a file is there already and must not be replaced, or cannot be written.
    """
    from safetensors.torch import save

    file = Path(path)
    if file.suffix != ".safetensors":
        raise InputError("weights are written as .safetensors", file=file, mend="let the name end in .safetensors")
    text = json.dumps(dict(card), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    metadata = {"family": network.family, "config": json.dumps(network.config), "card": text}
    state = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    beside = file.with_suffix(".json")
    if beside.exists() and not overwrite:
        raise InputError("this file exists already", file=beside, mend="choose another name or allow overwriting")
    with atomic.replacing(file, overwrite=overwrite) as temporary:
        temporary.write_bytes(save(state, metadata))
    atomic.write_text(beside, text, overwrite=overwrite)
    return file


def _find(path: str | Path) -> Path:
    file = Path(path)
    if not file.suffix and not file.exists() and (SHIPPED / f"{file.name}.safetensors").is_file():
        return SHIPPED / f"{file.name}.safetensors"
    if not file.is_file():
        shipped = ", ".join(sorted(p.stem for p in SHIPPED.glob("lpn-*.safetensors")))
        raise InputError(
            "there are no such weights",
            file=file,
            mend=f"give a file, or one of {shipped}" if shipped else "check the path",
        )
    return file


def _load_safetensors(file: Path) -> tuple[Lpn, dict[str, Any]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(file), framework="pt") as stream:
            metadata = stream.metadata() or {}
            state = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
        family = metadata["family"]
        config, card = json.loads(metadata["config"]), json.loads(metadata["card"])
    except (SafetensorError, OSError) as error:
        raise InputError("the weights are damaged or cut short", file=file, mend="copy the file again") from error
    except (KeyError, ValueError) as error:
        raise InputError(
            "the file does not say which network its weights belong to",
            file=file,
            mend="give a .safetensors written by napari-sti train lpn",
        ) from error
    if family not in families():
        raise InputError(
            f"these are weights of {family!r}, which is no learned proximal network",
            file=file,
            mend="give weights trained with napari-sti train lpn",
        )
    return _filled(family, config, state, file), card if isinstance(card, dict) else {}


def _load_published(file: Path, config: str | Path | None) -> tuple[Lpn, dict[str, Any]]:
    state = read_checkpoint(file).get("model_state_dict")
    if not isinstance(state, dict):
        raise InputError(
            "the checkpoint has no model_state_dict",
            file=file,
            mend="give a checkpoint of a learned proximal network",
        )
    family, params = _published_config(file, None if config is None else Path(config))
    return _filled(family, params, strip_prefix(state), file), {}


def _published_config(file: Path, config: Path | None) -> tuple[str, dict[str, Any]]:
    """Family and parameters that the JSON file beside a published checkpoint states."""
    candidates = [config] if config else [file.with_suffix(".json"), *(file.with_name(name) for name in _CONFIGS)]
    found = next((c for c in candidates if c.is_file()), None)
    if found is None:
        raise InputError(
            "the config that says which network this is was not found beside the checkpoint",
            file=file,
            mend='put model_config.json there, such as {"model": "lpn_128", "params": {"in_dim": 1, "hidden": 256, '
            '"beta": 100, "alpha": 1e-6}}',
        )
    stated = parse_text(found)
    name = stated.get("model") if isinstance(stated, dict) else None
    params = stated.get("params") if isinstance(stated, dict) else None
    if name not in _PUBLISHED or not isinstance(params, dict):
        raise InputError(
            f"the config names the network {name!r}, and known are {', '.join(_PUBLISHED)}",
            file=found,
            mend="give it 'model' and 'params'",
        )
    return _PUBLISHED[name], params


def _filled(family: str, config: Any, state: Mapping[str, Any], file: Path) -> Lpn:
    """Build the network and give it its numbers; names and shapes have to be just right."""
    if not isinstance(config, dict):
        raise InputError("the config of the network is not a set of names and values", file=file)
    try:
        with torch.device("meta"):  # nothing is allocated for a config that the weights do not bear out
            wanted = get_network(family, config).state_dict()
    except (InputError, RuntimeError) as error:
        raise InputError(f"the config does not fit ({error})", file=file) from error
    check_state(wanted, state, file)
    network = get_network(family, config)
    network.load_state_dict(dict(state))
    return network
