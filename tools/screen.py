"""Run a command on the screen, or on a virtual one where there is none.

    python -m tools.screen [--without-screen OPTION] COMMAND...

With a display that answers, the command runs on it as it is. Without one it runs under Xvfb with OpenGL drawn in
software, and OPTION is added to it. Only the standard library is used here.
"""

import os
import re
import shutil
import socket
import sys
import tempfile

# The size of the pictures in the documentation fits in, with room for dialogs.
VIRTUAL_SCREEN = "-screen 0 1600x1200x24 +extension GLX +render -noreset"


def has_screen() -> bool:
    """Whether a window can be opened: on Linux, whether the X server named by DISPLAY answers."""
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


def environment(screen: bool) -> dict[str, str]:
    """Variables for a program with a window."""
    variables = dict(os.environ)
    if not sys.platform.startswith("linux"):
        return variables
    # Under Wayland, too: vispy draws through X11.
    variables["QT_QPA_PLATFORM"] = "xcb"
    if not screen:
        variables.pop("WAYLAND_DISPLAY", None)
        variables["LIBGL_ALWAYS_SOFTWARE"] = "1"
    if not os.path.isdir(variables.get("XDG_RUNTIME_DIR", "")):
        # The one that Qt would make itself, and complain.
        folder = os.path.join(tempfile.gettempdir(), f"runtime-{os.getuid()}")
        os.makedirs(folder, mode=0o700, exist_ok=True)
        variables["XDG_RUNTIME_DIR"] = folder
    return variables


def main(arguments: list[str]) -> None:
    """Replace this process by the command."""
    extra: list[str] = []
    if arguments[:1] == ["--without-screen"]:
        extra, arguments = arguments[1:2], arguments[2:]
    if not arguments:
        raise SystemExit(__doc__)
    screen = has_screen()
    if not screen:
        if shutil.which("xvfb-run") is None:
            raise SystemExit("there is neither a screen nor xvfb-run: run 'make setup', or set DISPLAY")
        arguments = ["xvfb-run", "-a", "-s", VIRTUAL_SCREEN, *arguments, *extra]
    sys.stdout.flush()
    os.execvpe(arguments[0], arguments, environment(screen))


if __name__ == "__main__":
    main(sys.argv[1:])
