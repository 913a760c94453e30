"""From the record of an answer to what is drawn and said of it."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from napari_sti.viz.numbers import MINUS
from napari_sti.widgets.prior_plot import Pane, Place
from napari_sti.widgets.words import count

_PSI = "\N{GREEK SMALL LETTER PSI}"


def panes_of_curve(curve: Mapping[str, Any]) -> tuple[Pane, ...]:
    """One pane: violins where an image has parts, with the median through them and R of all above; else R itself."""
    levels, values = curve["levels"], curve["values"]
    names = tuple((float(i), f"{level:g}".replace("-", MINUS)) for i, level in enumerate(levels))
    below = f"{curve['name']}, {curve['unit']}" + (f" ({curve['note']})" if curve.get("note") else "")
    known = [value for value in values if value is not None]
    least = min(known, default=0.0)
    samples = [[v for v in row if v is not None] for row in curve.get("samples") or ()]
    above = tuple((float(i), _relative(v, least)) for i, v in enumerate(values))
    if any(len(row) > 2 for row in samples):
        low = min(v for row in samples for v in row)
        violins = tuple((float(i), tuple(v - low for v in row)) for i, row in enumerate(samples) if len(row) > 2)
        line: tuple[Place, ...] = tuple((x, float(np.median(many))) for x, many in violins)
        title = f"R of each {curve['sample']}; above: R of all"
        return (Pane(title, below, line, violins=violins, names=names, above=above),)
    line = tuple((float(i), None if v is None else v - least) for i, v in enumerate(values))
    return (Pane("R, from its least value", below, line, names=names, above=above),)


def _relative(value: float | None, least: float) -> str:
    return "none" if value is None else f"+{value - least:.3g}" if value > least else "least"


def panes_of_cut(cut: Mapping[str, Any]) -> tuple[Pane, ...]:
    """Three panes: psi, f and R along the line."""
    t = cut["t"]
    f = tuple(zip(t, cut["f"], strict=True))
    low, high = min(cut["f"], default=0.0), max(cut["f"], default=1.0)
    identity = tuple((x, x) for x in t if low <= x <= high)
    return (
        Pane(f"{_PSI}, the potential", "", tuple(zip(t, cut["psi"], strict=True))),
        Pane("f, its slope: the denoiser (dashed: unchanged)", "", f, dashed=identity),
        Pane("R, the prior", str(cut["along"]), tuple(zip(t, cut["r"], strict=True))),
    )


def headline(record: Mapping[str, Any]) -> tuple[str, str]:
    """Kind of note and sentence: what came out."""
    action, seconds = record["action"], f"in {record['seconds']:.1f} s"
    if action == "value":
        return _headline_of_value(record, seconds)
    if action == "prox":
        return "good", f"The prox changes the image by {100 * record['change']:.2g} % of its size ({seconds})."
    if action == "compare":
        difference = record["difference"]
        if difference is None:
            return "warning", "One of the images is not in the range of the prior: it has no value there."
        which = "less" if difference > 0 else "more"
        return "good", f"The other image is {which} likely: R differs by {_signed(difference)} ({seconds})."
    if action == "check":
        return _headline_of_check(record)
    if action == "cut":
        return "good", f"Cut along {record['cut']['along']} ({seconds})."
    return "good", f"{_ways(record)} {seconds}."


def _headline_of_value(record: Mapping[str, Any], seconds: str) -> tuple[str, str]:
    if not record["in_range"]:
        return "warning", (
            f"The image is not in the range of the prior as far as {record['iterations']} iterations tell "
            f"(residual {record['residual']:.2g}), so that it has no value."
        )
    of = f"of {len(record['values'])} slices " if record.get("values") else ""
    value = f"R {of}= {record['value']:.6g}".replace("-", MINUS)
    return "good", f"{value}, up to a constant; residual {record['residual']:.1e} ({seconds})."


def _headline_of_check(record: Mapping[str, Any]) -> tuple[str, str]:
    judged = [check for check in record["checks"] if check["passed"] is not None]
    failed = sum(not check["passed"] for check in judged)
    if failed:
        return "error", f"Not a prox: {failed} of {count(len(judged), 'check')} failed. {record['conclusion']}"
    return "good", f"All {count(len(judged), 'check')} passed. {record['conclusion']}"


def check_lines(record: Mapping[str, Any]) -> tuple[tuple[str, str, str], ...]:
    """Kind of note, words and limit of every check; a mark stands for the colour."""
    kinds = {True: ("good", "\N{CHECK MARK} "), False: ("error", "\N{MULTIPLICATION X} "), None: ("accent", "")}
    found = []
    for check in record.get("checks", ()):
        kind, mark = kinds[check["passed"]]
        limit = check["limit"]
        word = "at least" if check["at_least"] else "at most"
        bound = f"It passes with {word} {limit:.2g}." if limit is not None and check["passed"] is not None else ""
        said = f"{mark}{check['title']}: {check['says'].replace('psi', _PSI).replace(' -', f' {MINUS}')}"
        found.append((kind, said, bound.replace("-", MINUS)))
    return tuple(found)


def details(record: Mapping[str, Any]) -> str:
    """Further numbers, a line each."""
    lines = []
    for region in record.get("regions") or ():
        name = f"label {region['label']}" if region["label"] else "outside"
        lines.append(f"{name}: R {_signed(region['value'])} in {region['voxels']} voxels, {region['mean']:.3g} each")
    if record["action"] == "compare":
        parts = [f"{title} {_signed(record[name]['value'])}" for title, name in (("this", "image"), ("other", "other"))]
        lines.insert(0, f"R: {', '.join(parts)}")
    if record.get("offset") is not None and (record["scale"] != 1 or record["offset"] != 0):
        less = f"values less {record['offset']:.4g}" if record["offset"] else "values"
        lines.append(f"Scale of the prior: {less}, times {record['scale']:.4g}")
    return "\n".join([*lines, *record.get("remarks", ())])


def _signed(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return "none"
    return f"{value:.4g}".replace("-", MINUS)


def _ways(record: Mapping[str, Any]) -> str:
    names = [curve["name"] for curve in record["curves"]]
    said = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    return f"R along {said},"
