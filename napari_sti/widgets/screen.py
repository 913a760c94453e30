"""Whether there is a screen, and a virtual one where there is none."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

from napari_sti.core.errors import InputError

VIRTUAL_SCREEN = ("-a", "-s", "-screen 0 1600x1200x24")


def has_screen() -> bool:
    """Whether a window can be shown: Qt ends the whole program where it cannot."""
    if not sys.platform.startswith("linux"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))


def check_screen() -> None:
    """Refuse to open a window where there is no screen.

    Raises
    ------
    InputError
        With what to do instead.
    """
    if not has_screen():
        raise InputError(
            "there is no screen to open a window on (DISPLAY is not set)",
            mend="log in with a screen, or use recon, maps or demo --headless",
        )


def on_virtual_screen(arguments: Sequence[str]) -> int:
    """Run the command line again with these arguments on a virtual screen, and return its exit status.

    Raises
    ------
    InputError
        If Xvfb is not installed.
    """
    xvfb = shutil.which("xvfb-run")
    if xvfb is None:
        raise InputError("there is no screen and no virtual one", mend="install Xvfb (Debian: xvfb and xauth)")
    environment = {**os.environ, "LIBGL_ALWAYS_SOFTWARE": "1"}
    command = [xvfb, *VIRTUAL_SCREEN, sys.executable, "-m", "napari_sti", *arguments]
    return subprocess.run(command, env=environment, check=False).returncode
