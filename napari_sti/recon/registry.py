"""Finds the reconstruction methods: one file in ``recon/methods`` is one method. Never imports torch."""

from collections.abc import Mapping
from functools import cache

from napari_sti.core.method import Method
from napari_sti.recon import methods as _folder
from napari_sti.recon.finding import choose, find_methods


def methods() -> dict[str, Method]:
    """All methods by id, in the order of their titles."""
    return dict(_found())


def get_method(id: str) -> Method:
    """Return the method of this id.

    Raises
    ------
    InputError
        If there is none; the nearest known id is named.
    """
    return choose(_found(), id)


@cache
def _found() -> Mapping[str, Method]:
    return find_methods(_folder, Method)  # type: ignore[type-abstract]
