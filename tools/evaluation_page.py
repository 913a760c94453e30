"""Take the tables and pictures of an evaluation over into the documentation.

    napari-sti evaluate --quick -o DIR
    python -m tools.evaluation_page DIR

The words of ``docs/evaluation.md`` around them are written by hand and stay as they are.
"""

import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "evaluation.md"
PICTURES = ROOT / "docs" / "pictures"
BEGIN, END = "<!-- begin: written by tools/evaluation_page.py -->", "<!-- end -->"

NOT_SHOWN = ("directions-dti.png",)
"""The picture of the brain with real fibres shows data of a person that are not distributed with this project."""


def taken_over(report: str) -> str:
    """The part of a report that goes into the page: headings one level lower, pictures beside the others."""
    made = report.split("\n## ", 1)
    command = re.search(r"^    napari-sti .*$", made[0], re.MULTILINE)
    conditions = re.search(r"^with (.*)$", made[0], re.MULTILINE)
    if len(made) < 2 or command is None or conditions is None:
        raise SystemExit("this is not the report of an evaluation")
    body = "\n## " + made[1]
    for name in NOT_SHOWN:
        body = re.sub(rf"!\[[^\]]*\]\({re.escape(name)}\)\n\n?", "", body)
    body = re.sub(r"\]\(([\w.-]+\.png)\)", r"](pictures/evaluation-\1)", body)
    body = re.sub(r"^(#+) ", r"#\1 ", body, flags=re.MULTILINE)
    return f"Made by\n\n{command.group()}\n\nwith {conditions.group(1)}\n{body}"


def page(words: str, report: str) -> str:
    """The page with everything between the marks replaced."""
    before, rest = words.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    return f"{before}{BEGIN}\n\n{taken_over(report)}\n{END}{after}"


def main(folder: Path) -> None:
    """Write the page and copy the pictures."""
    written = page(PAGE.read_text(encoding="utf-8"), (folder / "evaluation.md").read_text(encoding="utf-8"))
    PAGE.write_text(written, encoding="utf-8")
    for picture in folder.glob("*.png"):
        if picture.name not in NOT_SHOWN:
            shutil.copyfile(picture, PICTURES / f"evaluation-{picture.name}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
