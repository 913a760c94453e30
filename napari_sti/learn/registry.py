"""Finds what can be trained: one file in ``learn/tasks`` is one task. Never imports torch or Lightning."""

import difflib
import importlib
import inspect
import pkgutil
from functools import cache
from types import MappingProxyType, ModuleType

from napari_sti.core.errors import InputError
from napari_sti.learn import tasks as _folder
from napari_sti.learn.task import Task


def tasks() -> dict[str, Task]:
    """All tasks by id, in the order of their titles."""
    return dict(_found())


def get_task(id: str) -> Task:
    """Return the task of this id.

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
    raise InputError(f"the training task {str(id)[:60]!r} is not known", mend=mend)


@cache
def _found() -> MappingProxyType[str, Task]:
    found: dict[str, Task] = {}
    for info in pkgutil.iter_modules(_folder.__path__, f"{_folder.__name__}."):
        if info.name.rpartition(".")[2].startswith("_"):
            continue
        task = _task_of(importlib.import_module(info.name))
        if task.id in found:
            raise TypeError(f"two tasks have the id {task.id!r}")
        found[task.id] = task
    return MappingProxyType(dict(sorted(found.items(), key=lambda item: item[1].title)))


def _task_of(module: ModuleType) -> Task:
    classes = [
        c
        for _, c in inspect.getmembers(module, inspect.isclass)
        if issubclass(c, Task) and not inspect.isabstract(c) and c.__module__ == module.__name__
    ]
    if len(classes) != 1:
        raise TypeError(f"{module.__name__} has {len(classes)} tasks instead of one")
    task: Task = classes[0]()
    return task
