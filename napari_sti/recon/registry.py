"""Finds the reconstruction methods: one file in ``recon/methods`` is one method. Never imports torch."""

import difflib
import importlib
import inspect
import pkgutil
from functools import cache
from types import MappingProxyType, ModuleType

from napari_sti.core.errors import InputError
from napari_sti.core.method import Method
from napari_sti.recon import methods as _folder


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
    found = _found()
    if id in found:
        return found[id]
    near = difflib.get_close_matches(str(id).strip().lower(), list(found), n=1, cutoff=0.4)
    mend = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(found)}"
    raise InputError(f"the method {id!r} is not known", mend=mend)


@cache
def _found() -> MappingProxyType[str, Method]:
    found: dict[str, Method] = {}
    for info in pkgutil.iter_modules(_folder.__path__, f"{_folder.__name__}."):
        if info.name.rpartition(".")[2].startswith("_"):
            continue
        method = _method_of(importlib.import_module(info.name))
        if method.id in found:
            raise TypeError(f"two methods have the id {method.id!r}")
        found[method.id] = method
    return MappingProxyType(dict(sorted(found.items(), key=lambda item: item[1].title)))


def _method_of(module: ModuleType) -> Method:
    classes = [
        c
        for _, c in inspect.getmembers(module, inspect.isclass)
        if issubclass(c, Method) and not inspect.isabstract(c) and c.__module__ == module.__name__
    ]
    if len(classes) != 1:
        raise TypeError(f"{module.__name__} has {len(classes)} methods instead of one")
    method: Method = classes[0]()
    return method
