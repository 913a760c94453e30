"""Finds methods in a folder: one file is one method. Never imports torch."""

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType, ModuleType
from typing import Any, TypeVar

from napari_sti.core.errors import InputError

M = TypeVar("M")


def find_methods(folder: ModuleType, kind: type[M]) -> Mapping[str, M]:
    """One instance of every method in a folder by its id, in the order of their titles.

    Parameters
    ----------
    folder : package
        Modules whose names begin with an underscore are left out.
    kind : type
        Base class; each module defines one subclass of it.
    """
    found: dict[str, Any] = {}
    for info in pkgutil.iter_modules(folder.__path__, f"{folder.__name__}."):
        if info.name.rpartition(".")[2].startswith("_"):
            continue
        method: Any = _method_of(importlib.import_module(info.name), kind)
        if method.id in found:
            raise TypeError(f"two methods have the id {method.id!r}")
        found[method.id] = method
    return MappingProxyType(dict(sorted(found.items(), key=lambda item: str(item[1].title))))


def choose(found: Mapping[str, M], id: str) -> M:
    """Return the method of this id.

    Raises
    ------
    InputError
        If there is none; the nearest known id is named.
    """
    if id in found:
        return found[id]
    near = difflib.get_close_matches(str(id).strip().lower(), list(found), n=1, cutoff=0.4)
    mend = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(found)}"
    raise InputError(f"the method {id!r} is not known", mend=mend)


def _method_of(module: ModuleType, kind: type[M]) -> M:
    classes = [
        c
        for _, c in inspect.getmembers(module, inspect.isclass)
        if issubclass(c, kind) and not inspect.isabstract(c) and c.__module__ == module.__name__
    ]
    if len(classes) != 1:
        raise TypeError(f"{module.__name__} has {len(classes)} methods instead of one")
    method: M = classes[0]()
    return method
