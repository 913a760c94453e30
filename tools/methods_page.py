"""Write docs/methods.md from the registry, so that it never differs from what can be run.

``python -m tools.methods_page`` writes it, with ``--check`` it fails if the page is out of date.
"""

import sys
from pathlib import Path

from napari_sti.core.method import Method
from napari_sti.core.params import Parameter, describe
from napari_sti.recon.registry import methods

PAGE = Path(__file__).resolve().parents[1] / "docs" / "methods.md"

HEAD = """# Methods

What can be run from the window, with `napari-sti recon STUDY -m METHOD` and with `reconstruct(acquisition, "METHOD")`.
This page is made from the registry by `python -m tools.methods_page`.
"""


def page() -> str:
    """Return the page as Markdown."""
    return "\n".join([HEAD, *(_section(method) for method in methods().values())])


def _section(method: Method) -> str:
    needs = method.needs
    lines = [
        f"## `{method.id}`: {method.title}",
        "",
        method.summary,
        "",
        f"{'Iterates' if '←' in method.formula else 'Minimises'} {method.formula}",
        "",
        f"Reference: {method.reference}. Runs from {needs.orientations} orientation"
        f"{'s' if needs.orientations != 1 else ''}, determined by the data from {needs.determined_from}.",
        "",
        "| parameter | meaning | default | range |",
        "|---|---|---|---|",
        *(_row(p) for p in describe(method.Params)),
        "",
    ]
    return "\n".join(lines)


def _row(p: Parameter) -> str:
    unit = f" {p.unit}" if p.unit else ""
    default = f"{p.default:g}" if isinstance(p.default, float) else str(p.default)
    limits = ", ".join(p.choices) or " to ".join(f"{x:g}" for x in (p.low, p.high) if x is not None)
    return f"| `{p.name}` | {p.help.replace('|', chr(92) + '|')} | {default}{unit} | {limits} |"


def main() -> int:
    """Write the page, or check it."""
    text = page()
    if "--check" in sys.argv[1:]:
        return 0 if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text else 1
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
