"""From the numbers in a file to a network: names and shapes have to be just right."""

from collections.abc import Mapping
from pathlib import Path

import torch

from napari_sti.core.errors import InputError, shape_text
from napari_sti.lpn.safe_load import read_checkpoint, strip_prefix


def read_state(file: Path, key: str = "model_state") -> dict[str, torch.Tensor]:
    """Read the parameters of a network from somebody else's checkpoint, without running what is in it.

    Parameters
    ----------
    file : path
        As written by ``torch.save``: a dictionary with the parameters under `key`. ``module.`` before every name,
        which parallel training leaves, is taken off.

    Raises
    ------
    InputError
        If the file is damaged, would have to run code to be read, or holds something else.
    """
    content = read_checkpoint(file)
    state = content.get(key)
    mend = "give a checkpoint of the published program"
    if not isinstance(state, dict) or not state:
        has = ", ".join(map(repr, list(content)[:4])) or "nothing"
        raise InputError(f"the checkpoint holds no {key!r} (it has {has})", file=file, mend=mend)
    if not all(isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in state.items()):
        raise InputError(f"{key!r} of the checkpoint is not a table of named parameters", file=file, mend=mend)
    return strip_prefix(state)


def fill(network: torch.nn.Module, state: Mapping[str, torch.Tensor], file: Path) -> None:
    """Give a network, which may be on the device ``meta``, its numbers; see `check_state`."""
    wanted = network.state_dict()
    check_state(wanted, state, file)
    network.load_state_dict({name: value.to(wanted[name].dtype) for name, value in state.items()}, assign=True)


def check_state(wanted: Mapping[str, torch.Tensor], state: Mapping[str, object], file: Path) -> None:
    """Refuse parameters whose names and shapes are not just those of a network, or that are not finite real numbers.

    Parameters
    ----------
    wanted : mapping
        ``state_dict()`` of the network; on the device ``meta`` it costs no memory.
    state : mapping
        What the file holds.
    file : path
        Where from.

    Raises
    ------
    InputError
        That names the first thing that does not fit.
    """
    missing, unknown = [n for n in wanted if n not in state], [n for n in state if n not in wanted]
    if missing:
        raise _unfit(f"{len(missing)} of {len(wanted)} parameters are missing, such as {missing[0]}", file)
    if unknown:
        raise _unfit(f"{len(unknown)} parameters are unknown to the network, such as {unknown[0]}", file)
    for name, value in wanted.items():
        given = state[name]
        if not isinstance(given, torch.Tensor):
            raise _unfit(f"the parameter {name} is {type(given).__name__} and not a tensor", file)
        if given.shape != value.shape:
            shapes = f"{shape_text(given.shape)} instead of {shape_text(value.shape)}"
            raise _unfit(f"the parameter {name} is {shapes}", file)
        if not given.is_floating_point() and value.is_floating_point():
            raise _unfit(f"the parameter {name} is not made of real numbers", file)
        if not torch.isfinite(given).all():
            raise _unfit(f"the parameter {name} has values that are not finite", file)


def _unfit(what: str, file: Path) -> InputError:
    return InputError(f"{what}", file=file, mend="choose a file that belongs to this network")
