"""Whether there is a screen, and a virtual one where there is none.

Nothing but the standard library is imported here: set-up asks it before there is an environment.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence

from napari_sti.core.errors import InputError

VIRTUAL_SCREEN = ("-a", "-s", "-screen 0 1600x1200x24")


def has_screen() -> bool:
    """Whether a window can be opened: on Linux, whether the X server named by DISPLAY answers.

    Qt ends the whole program where none does, and vispy draws through X11 under Wayland, too.
    """
    if not sys.platform.startswith("linux"):
        return True
    match = re.fullmatch(r"(?P<host>.*):(?P<number>\d+)(\.\d+)?", os.environ.get("DISPLAY", ""))
    if match is None:
        return False
    host, number = match["host"], int(match["number"])
    if host in ("", "unix"):
        path = f"/tmp/.X11-unix/X{number}"
        return any(_answers(socket.AF_UNIX, address) for address in (path, f"\0{path}"))
    return _answers(socket.AF_INET, (host, 6000 + number))


def _answers(family: socket.AddressFamily, address: str | tuple[str, int]) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(2)
        try:
            connection.connect(address)
        except OSError:
            return False
    return True


def check_screen() -> None:
    """Refuse to open a window where there is no screen.

    Raises
    ------
    InputError
        With what to do instead.
    """
    if not has_screen():
        raise InputError(
            "there is no screen to open a window on (no X server answers at DISPLAY)",
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
