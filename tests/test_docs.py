"""The documentation says what the program does."""

import re
from pathlib import Path

import pytest

from tools import methods_page

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


def test_methods_page_is_up_to_date():
    written = methods_page.PAGE.read_text(encoding="utf-8")
    assert written == methods_page.page(), "run python -m tools.methods_page"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} names {target}"


def test_readme_commands_exist():
    from napari_sti.cli.program import make_parser as _parser

    words = set(re.findall(r"^\s*napari-sti (\w+)", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE))
    known = _parser().format_help()
    assert words and all(word in known for word in words)
