"""Learned proximal networks by their family."""

from typing import Any

from napari_sti.core.errors import InputError
from napari_sti.lpn.networks.base import Lpn


def families() -> dict[str, type[Lpn]]:
    """All kinds of networks by the names under which they are saved."""
    from napari_sti.lpn.networks.local import LocalLpn
    from napari_sti.lpn.networks.published import Lpn1d, Lpn28, Lpn128

    return {kind.family: kind for kind in (Lpn1d, Lpn28, Lpn128, LocalLpn)}


def get_network(family: str, config: dict[str, Any]) -> Lpn:
    """Build a network with weights as they are before training.

    Raises
    ------
    InputError
        If there is no such family, or its config does not fit.
    """
    known = families()
    if family not in known:
        raise InputError(f"the network {family!r} is not known", mend=f"known are {', '.join(known)}")
    try:
        return known[family](**config)
    except TypeError as error:
        raise InputError(f"the config of {family} does not fit ({error})") from error
