"""Files of trained unrolled models: our own (safetensors with everything beside the numbers) and the published one.

Nothing that is read can run code: safetensors hold numbers and text only, and pickles go through
`napari_sti.recon.pickled`.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from napari_sti.core.errors import InputError
from napari_sti.lpn.state import fill
from napari_sti.recon.unrolled.model import UnrolledModel, get_family
from napari_sti.recon.weights import PICKLES, read_header, unfit_header


def load_model(path: str | Path, device: str | torch.device = "cpu") -> tuple[UnrolledModel, dict[str, Any]]:
    """Read a trained model.

    Parameters
    ----------
    path : path
        ``.safetensors`` as written by `save_model`, or a checkpoint of the published program (``.pkl``, ``.pt``,
        ``.pth``, ``.ckpt``: a dictionary with ``model_state``).
    device : str
        Where the model is to be.

    Returns
    -------
    model : UnrolledModel
        In evaluation mode, without gradients.
    card : dict
        What is known of it; empty for checkpoints of the published program.

    Raises
    ------
    InputError
        If the file is missing, damaged, of another kind, does not fit the network, or would have to run code.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError("there are no trained weights", file=file, mend="check the path")
    if file.suffix.lower() in PICKLES:
        from napari_sti.recon.unrolled.published import read_published

        model: UnrolledModel = read_published(file)
        card: dict[str, Any] = {}
    else:
        model, card = _load_safetensors(file)
    return model.to(device).eval().requires_grad_(False), card


def save_model(model: UnrolledModel, card: Mapping[str, Any], path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a model with its card to a safetensors file, and the card beside it as ``<name>.json``.

    Both appear whole or not at all.

    Parameters
    ----------
    model : UnrolledModel
        Its `family`, `config` and state are written.
    card : mapping
        Plain JSON-able values: what it is, where it comes from, what it saw.
    path : path
        Should end in ``.safetensors``.
    overwrite : bool
        Whether to replace files that are there.

    Returns
    -------
    Path
        The written file.

    Raises
    ------
    InputError
        If a file is there already, or the folder cannot be written to.
    """
    from safetensors.torch import save

    file = Path(path)
    if file.suffix != ".safetensors":
        raise InputError("weights are written as .safetensors", file=file, mend="let the name end in .safetensors")
    beside = file.with_suffix(".json")
    for existing in (file, beside):
        if existing.exists() and not overwrite:
            raise InputError("the file exists already", file=existing, mend="use another name, or overwrite it")
    text = json.dumps(dict(card), indent=2, ensure_ascii=False, allow_nan=False)
    metadata = {"family": model.family, "config": json.dumps(model.config), "card": text}
    state = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    _write_whole(file, save(state, metadata))
    _write_whole(beside, text.encode())
    return file


def save_published(model: UnrolledModel, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a model as the published program does: ``{"model_state": ...}`` with ``module.`` before every name.

    Raises
    ------
    InputError
        If the file is there already or cannot be written.
    """
    file = Path(path)
    if file.exists() and not overwrite:
        raise InputError("the file exists already", file=file, mend="use another name, or overwrite it")
    state = {f"module.{name}": value.detach().cpu().clone() for name, value in model.state_dict().items()}
    part = file.with_name(f".{file.name}.part")
    torch.save({"model_state": state}, part)
    os.replace(part, file)
    return file


def _load_safetensors(file: Path) -> tuple[UnrolledModel, dict[str, Any]]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    header = read_header(file)
    kind = get_family(header.family, file)
    try:
        model = kind(**header.config)
    except (TypeError, ValueError, RuntimeError) as error:
        raise unfit_header(file, "its configuration does not fit the family of networks it names") from error
    try:
        state = load_file(file)
    except (SafetensorError, OSError) as error:
        raise unfit_header(file, "it is damaged or cut off") from error
    fill(model, state, file)
    return model, header.card


def _write_whole(file: Path, content: bytes) -> None:
    """Write beside and move into place, so that nobody finds half a file."""
    part = file.with_name(f".{file.name}.part")
    try:
        part.write_bytes(content)
        os.replace(part, file)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise InputError(f"the file cannot be written ({error.strerror})", file=file, mend="choose another") from error
