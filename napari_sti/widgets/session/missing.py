"""What is missing in a study, said once for all orientations that lack the same, with where it is mended."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from napari_sti.io.study import Problem

_PLACES = (
    ("te", re.compile(r"echo time|\bte\b", re.I)),
    ("tesla", re.compile(r"field strength|tesla|\bB0 of\b", re.I)),
    ("unit", re.compile(r"\bunit|arbitrary", re.I)),
    ("frame", re.compile(r"frame of the B0", re.I)),
    ("b0", re.compile(r"B0 direction", re.I)),
    ("mask", re.compile(r"mask", re.I)),
    ("fields", re.compile(r"no field maps|has no field map", re.I)),
)
"""Controls of the panel that mend a problem, by the words of the problem; the first that matches."""


@dataclass(frozen=True)
class Missing:
    """One thing to mend.

    Parameters
    ----------
    text : str
        The whole sentence, with the mend.
    place : str
        Which control mends it; empty if none does.
    orientations : tuple of int
        Which orientations it concerns, from 0.
    """

    text: str
    place: str
    orientations: tuple[int, ...] = ()


def missing(problems: Iterable[Problem]) -> tuple[Missing, ...]:
    """Put together the problems that are the same but for the orientation."""
    groups: dict[tuple[str, str], list[Problem]] = {}
    for problem in problems:
        groups.setdefault((_without_names(problem), problem.mend), []).append(problem)
    return tuple(_one(group) for group in groups.values())


def _without_names(problem: Problem) -> str:
    text = problem.text
    if problem.file is not None:
        text = text.replace(problem.file.name, "FILE")
    return re.sub(r"orientation \d+", "orientation N", text)


def _one(group: list[Problem]) -> Missing:
    first = group[0]
    rows = tuple(sorted({p.orientation for p in group if p.orientation is not None}))
    text = first.text
    if len(group) > 1 and rows:
        text = _for_all(first, rows)
    place = next((name for name, words in _PLACES if words.search(first.text)), "")
    names_a_file = first.file is not None and text.startswith(first.file.name)
    sentence = text if names_a_file else text[0].upper() + text[1:]
    return Missing(f"{sentence}; {first.mend}." if first.mend else f"{sentence}.", place, rows)


def _for_all(first: Problem, rows: tuple[int, ...]) -> str:
    which = f"orientations {_ranges(rows)}"
    text = first.text
    if first.file is not None and text.startswith(f"{first.file.name}: "):
        return f"{which}: {text[len(first.file.name) + 2 :]}"
    plural = re.sub(r"orientation \d+ has", f"{which} have", text)
    return re.sub(r"orientation \d+", which, plural)


def _ranges(rows: tuple[int, ...]) -> str:
    """Rows counted from one: ``1 to 7`` or ``1, 3, 4``."""
    numbers = [row + 1 for row in rows]
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"{numbers[0]} to {numbers[-1]}"
    return ", ".join(map(str, numbers))
