"""Finds the methods of source separation: one file in ``recon/separation`` is one method. Never imports torch."""

from collections.abc import Mapping
from functools import cache

from napari_sti.core.separation import SeparationMethod
from napari_sti.recon import separation as _folder
from napari_sti.recon.finding import choose, find_methods


def separation_methods() -> dict[str, SeparationMethod]:
    """All methods by id, in the order of their titles."""
    return dict(_found())


def get_separation_method(id: str) -> SeparationMethod:
    """Return the method of this id.

    Raises
    ------
    InputError
        If there is none; the nearest known id is named.
    """
    return choose(_found(), id)


@cache
def _found() -> Mapping[str, SeparationMethod]:
    return find_methods(_folder, SeparationMethod)  # type: ignore[type-abstract]
