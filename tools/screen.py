"""Run a command on the screen, or on a virtual one where there is none.

    python -m tools.screen [--without-screen OPTION] COMMAND...

With a display that answers, the command runs on it as it is. Without one it runs under Xvfb with OpenGL drawn in
software, and OPTION is added to it.
"""

import os
import shutil
import sys
import tempfile

from napari_sti.widgets.screen import has_screen

# The size of the pictures in the documentation fits in, with room for dialogs.
VIRTUAL_SCREEN = "-screen 0 1600x1200x24 +extension GLX +render -noreset"


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
