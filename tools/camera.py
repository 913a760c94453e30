"""Pictures of the real window: take one, and wait for what it is to show."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"
SIZE = (1280, 800)
LONGEST = 300_000
"""Milliseconds."""


def camera(viewer: Any) -> Callable[[str], None]:
    """Give the function that takes a picture of a window under a name."""
    PICTURES.mkdir(parents=True, exist_ok=True)

    def take(name: str) -> None:
        viewer.window.screenshot(str(PICTURES / f"{name}.png"), flash=False, canvas_only=False)
        print(PICTURES / f"{name}.png", flush=True)

    return take


def wait(milliseconds: int) -> None:
    """Let the window work for a while."""
    from qtpy.QtTest import QTest

    QTest.qWait(milliseconds)


def until(condition: Callable[[], bool]) -> None:
    """Let the window work until something has come about.

    Raises
    ------
    TimeoutError
        If it does not within five minutes.
    """
    waited = 0
    while not condition():
        wait(50)
        waited += 50
        if waited > LONGEST:
            raise TimeoutError("the window did not come to what the picture is to show")
