"""How tests run side by side: everything that opens windows stays in one process, which has the screen to itself."""

import os
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OPENS_WINDOWS = re.compile(r"\b(qtbot|qapp|make_napari_viewer|mark\.window)\b")
OWN_PATHS = ("NAPARI_CONFIG", "NAPARI_STI_RUNS")
"""Settings and runs that two processes must not share; each has its own beside that of a process alone."""

if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    for name in OWN_PATHS:
        if given := os.environ.get(name):
            os.environ[name] = str(Path(given).with_stem(f"{Path(given).stem}-{worker}"))


@cache
def work_unit(file: str) -> str:
    """What a test file is given to a process together with: two windows would take the keyboard from each other."""
    path = ROOT / file
    windows = path.is_relative_to(ROOT / "tests" / "widgets") or OPENS_WINDOWS.search(path.read_text(encoding="utf-8"))
    return "windows" if windows else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Share tests among processes by file, and all windows as if they were one."""
    from xdist.scheduler import LoadFileScheduling

    class FilesAndWindows(LoadFileScheduling):
        def _split_scope(self, nodeid):
            return work_unit(nodeid.split("::", 1)[0])

    return FilesAndWindows(config, log)
