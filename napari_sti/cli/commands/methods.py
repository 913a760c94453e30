"""``napari-sti methods``."""

import argparse
import json
from typing import Any

from napari_sti.cli.command import span, word
from napari_sti.core.params import describe
from napari_sti.core.separation import SeparationMethod

NAME = "methods"
HELP = "what can be run, with parameters and units"
ORDER = 30


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--json", action="store_true", help="the same as JSON")
    parser.add_argument("--separation", action="store_true", help="the methods of source separation instead")


def run(options: argparse.Namespace) -> int:
    """Do it; see ``HELP``."""
    from napari_sti.recon.registry import methods
    from napari_sti.recon.separation_registry import separation_methods

    listed: dict[str, Any] = dict(separation_methods() if options.separation else methods())
    if options.json:
        print(json.dumps({name: _as_json(method) for name, method in listed.items()}, indent=2))
        return 0
    for name, method in listed.items():
        print(f"{name}: {method.title}\n  {method.summary}\n  minimises {method.formula}\n  {method.reference}")
        for p in describe(method.Params):
            print(f"    -p {p.name}={word(p.default)}{f' {p.unit}' if p.unit else ''}  {span(p)}{p.help}")
    return 0


def _as_json(method: Any) -> dict[str, Any]:
    keys = ("title", "summary", "formula", "reference")
    parameters = [
        {
            "name": p.name,
            "type": p.kind.__name__,
            "default": p.default,
            "unit": p.unit,
            "low": p.low,
            "high": p.high,
            "choices": list(p.choices),
            "help": p.help,
        }
        for p in describe(method.Params)
    ]
    if isinstance(method, SeparationMethod):
        needs: dict[str, Any] = {"starts_from": method.starts_from, "forms": list(method.forms)}
    else:
        needs = {"orientations": method.needs.orientations, "determined_from": method.needs.determined_from}
    return {**{key: getattr(method, key) for key in keys}, "needs": needs, "parameters": parameters}
