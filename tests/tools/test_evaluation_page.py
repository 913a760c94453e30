import re

import pytest

from tools import evaluation_page as tool

REPORT = """# Evaluation

Made by

    napari-sti evaluate --methods stiimag -o DIR

with napari-sti 0.1.0, computed on cpu.

- words

## Sample brain

![Directions](directions-sample.png)

### 30 dB

![Curves](curves-sample-30dB-40deg.png)

| 1 orientation | PSNR |

## Brain with real fibres

![Directions](directions-dti.png)

text
"""


def test_tables_replace_tables_and_words_stay():
    words = f"# Title\n\nmine\n\n{tool.BEGIN}\nold\n{tool.END}\n\nalso mine\n"
    page = tool.page(words, REPORT)
    assert page.startswith("# Title\n\nmine\n") and page.endswith("\n\nalso mine\n") and "old" not in page
    assert "    napari-sti evaluate --methods stiimag -o DIR" in page and "with napari-sti 0.1.0" in page
    assert "### Sample brain" in page and "#### 30 dB" in page and "\n## Sample" not in page
    assert re.findall(r"\]\((.*?)\)", page) == [
        "pictures/evaluation-directions-sample.png",
        "pictures/evaluation-curves-sample-30dB-40deg.png",
    ]
    assert tool.page(page, REPORT) == page


def test_anything_else_is_refused():
    with pytest.raises(SystemExit, match="not the report of an evaluation"):
        tool.taken_over("# Something\n\n## Else\n")


def test_the_page_has_the_marks():
    words = tool.PAGE.read_text(encoding="utf-8")
    assert words.count(tool.BEGIN) == words.count(tool.END) == 1
