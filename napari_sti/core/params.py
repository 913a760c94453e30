"""Parameters of a method, declared once: forms, command-line options, sidecars and documentation follow from it.

Method modules must not use ``from __future__ import annotations``: the annotations are read here.
"""

import dataclasses
import difflib
import math
import reprlib
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, Union, get_args, get_origin

from napari_sti.core.errors import InputError

P = TypeVar("P")


@dataclass(frozen=True)
class Parameter:
    """One declared parameter, as forms and command lines need it.

    `kind` is ``float``, ``int``, ``bool`` or ``str``; `optional` tells that None (nothing stated) is a value, too;
    `path` is ``"file"`` or ``"folder"`` for a text that names one.
    """

    name: str
    kind: type
    default: Any
    optional: bool
    label: str
    unit: str
    help: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    advanced: bool
    path: str = ""


def param(
    default: Any,
    *,
    label: str,
    help: str,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    advanced: bool = False,
    path: str = "",
) -> Any:
    """Declare a field of a frozen ``Params`` dataclass.

    Parameters
    ----------
    default : float, int, bool, str or None
        Value when nothing is said.
    label, help, unit : str
        Name in the form, one sentence with the source, and the unit shown behind the number.
    low, high : float, optional
        Smallest and largest accepted value, both inclusive.
    choices : tuple of str
        Accepted words of a text parameter.
    advanced : bool
        Shown under *More* in the form.
    path : {"", "file", "folder"}
        Whether a text parameter names a file or a folder, which forms let the person choose.
    """
    metadata = dict(
        label=label, help=help, unit=unit, low=low, high=high, choices=choices, advanced=advanced, path=path
    )
    return dataclasses.field(default=default, metadata=metadata)


def param_again(params_type: type, name: str, **changes: Any) -> Any:
    """Declare a parameter of another class again, such as of the parent, with another default or other words.

    Parameters
    ----------
    params_type : type
        The class that declares it.
    name : str
        Of the parameter.
    **changes
        What differs, as for `param`.
    """
    declared = params_type.__dataclass_fields__[name]  # type: ignore[attr-defined]
    return param(**{"default": declared.default, **declared.metadata, **changes})


def describe(params_type: type) -> tuple[Parameter, ...]:
    """List the declared parameters of a ``Params`` dataclass in their order."""
    found = []
    for field in dataclasses.fields(params_type):
        kind, optional = _kind(field.type)
        found.append(
            Parameter(name=field.name, kind=kind, default=field.default, optional=optional, **dict(field.metadata))
        )
    return tuple(found)


def _kind(annotation: Any) -> tuple[type, bool]:
    if get_origin(annotation) in (Union, types.UnionType):
        members = [a for a in get_args(annotation) if a is not type(None)]
        return members[0], True
    return annotation, False


def to_mapping(params: Any) -> dict[str, Any]:
    """Plain JSON-able dictionary of a ``Params`` object."""
    return dataclasses.asdict(params)


def from_mapping(params_type: type[P], values: Mapping[str, Any]) -> P:
    """Build and check a ``Params`` object from plain values or from text as typed on a command line.

    Raises
    ------
    InputError
        If a name is unknown (the nearest known one is named) or a value is outside its range.
    """
    known = {p.name: p for p in describe(params_type)}
    for name in values:
        if name not in known:
            raise InputError(f"the parameter {name!r} is not known", mend=_suggestion(name, tuple(known)))
    return params_type(**{name: _coerce(known[name], value) for name, value in values.items()})


def _suggestion(name: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known are {', '.join(known)}" if known else "this method has none"


def _coerce(p: Parameter, value: Any) -> Any:
    if value is None or (p.optional and isinstance(value, str) and value.strip().lower() in ("", "none")):
        if p.optional:
            return None
        raise InputError(f"the parameter {p.name!r} needs a value", mend=f"its default is {p.default!r}")
    if p.kind is bool:
        return _as_bool(p, value)
    if p.kind is str:
        text = str(value)
        if p.choices and text not in p.choices:
            raise InputError(f"{p.name} = {text!r} is not known", mend=f"use one of {', '.join(p.choices)}")
        return text
    return _as_number(p, value)


def _as_bool(p: Parameter, value: Any) -> bool:
    words = {
        "true": True,
        "yes": True,
        "on": True,
        "1": True,
        "false": False,
        "no": False,
        "off": False,
        "0": False,
    }
    text = str(value).strip().lower()
    if text not in words:
        raise InputError(f"{p.name} = {value!r} is neither yes nor no", mend="write true or false")
    return words[text]


def _as_number(p: Parameter, value: Any) -> float | int:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    except OverflowError:
        number, value = math.inf, "a number of hundreds of digits"
    whole = p.kind is int
    if isinstance(value, bool) or not math.isfinite(number) or (whole and number != int(number)):
        raise InputError(f"{p.name} = {reprlib.repr(value)} is not a {'whole ' if whole else ''}number", mend=_range(p))
    if (p.low is not None and number < p.low) or (p.high is not None and number > p.high):
        raise InputError(f"{p.name} = {str(value)[:40]} is out of range", mend=_range(p))
    return int(number) if whole else number


def _range(p: Parameter) -> str:
    unit = f" {p.unit}" if p.unit else ""
    low = "" if p.low is None else f" from {p.low:g}"
    high = "" if p.high is None else f" to {p.high:g}"
    example = p.default if p.default is not None else p.low
    return f"give a number{low}{high}{unit}" + ("" if example is None else f", such as {example}")
