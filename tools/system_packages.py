"""The system libraries that the window needs: find what is missing, install it where that is allowed.

Qt comes from PyPI and brings itself, but not the libraries of X11, OpenGL and fonts that it stands on. Each of them is
looked for on its own, so that a machine that has them all is not touched. Only the standard library is used here: this
runs before there is an environment.
"""

import ctypes
import glob
import importlib.util
import os
import shutil
import subprocess
import sys

from napari_sti.widgets.screen import has_screen

# What a napari window on X11 has loaded once it is drawn, less what these packages depend on themselves. More than
# `ldd` names for Qt's xcb plugin: OpenGL loads its vendor's part at run time.
LIBRARIES = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libOpenGL.so.0": "libopengl0",
    "libGLX_mesa.so.0": "libglx-mesa0",
    "libX11.so.6": "libx11-6",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libxcb.so.1": "libxcb1",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-glx.so.0": "libxcb-glx0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render.so.0": "libxcb-render0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-util.so.1": "libxcb-util1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
}
# Without a screen the window is drawn on a virtual one.
PROGRAMS = {"Xvfb": "xvfb", "xvfb-run": "xvfb", "xauth": "xauth"}
# The software renderer is loaded by Mesa from a folder of its own.
DRIVERS = ("/usr/lib*/dri/swrast_dri.so", "/usr/lib/*/dri/swrast_dri.so", "/usr/lib/*/libgallium-*.so")
FONTS = ("/usr/share/fonts/**/*.[to]tf", "/usr/local/share/fonts/**/*.[to]tf", "~/.local/share/fonts/**/*.[to]tf")


def missing() -> dict[str, str]:
    """What is not there, and the Debian package that holds it."""
    lacking = {name: package for name, package in LIBRARIES.items() if not _loads(name)}
    if not has_screen():
        lacking |= {name: package for name, package in PROGRAMS.items() if shutil.which(name) is None}
        if not _any_file(DRIVERS):
            lacking["a software renderer for OpenGL"] = "libgl1-mesa-dri"
    if not _any_file(FONTS):
        lacking["a font"] = "fonts-dejavu-core"
    if importlib.util.find_spec("ensurepip") is None:
        # Debian keeps the part of Python that makes environments in a package of its own.
        lacking["Python's ensurepip"] = f"python3.{sys.version_info.minor}-venv"
    return lacking


def provide() -> None:
    """Install what is missing, or leave with a message that names it."""
    if not sys.platform.startswith("linux"):
        return
    lacking = missing()
    if not lacking:
        return
    packages = sorted(set(lacking.values()))
    runner = _administrator()
    if runner is None or shutil.which("apt-get") is None:
        raise SystemExit(_instructions(lacking, packages))
    print(f"installing system packages: {' '.join(packages)}", flush=True)
    if not _install(runner, packages):
        raise SystemExit(f"apt-get could not install them.\n{_instructions(lacking, packages)}")
    importlib.invalidate_caches()
    lacking = missing()
    if lacking:
        raise SystemExit(f"apt-get installed {' '.join(packages)}, and still:\n{_instructions(lacking, packages)}")


def _instructions(lacking: dict[str, str], packages: list[str]) -> str:
    return (
        f"this machine lacks {', '.join(sorted(lacking))}, which the set-up or the window needs.\n"
        f"On Debian or Ubuntu install them with\n\n    sudo apt-get install {' '.join(packages)}\n\n"
        "and run make again; elsewhere install the packages of your system that hold these libraries."
    )


def _install(runner: list[str], packages: list[str]) -> bool:
    """Install, with a fresh list of packages only if the one at hand does not do."""
    apt = [*runner, "apt-get", "-o", "DPkg::Lock::Timeout=300"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}

    def call(*arguments: str, quiet: bool = False) -> bool:
        output = subprocess.DEVNULL if quiet else None
        process = subprocess.run(
            [*apt, *arguments], env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False
        )
        return process.returncode == 0

    install = ("install", "-y", "-q", "--no-install-recommends", *packages)
    return call(*install, quiet=True) or (call("update", "-q") and call(*install))


def _administrator() -> list[str] | None:
    """What to put before a command to run it as root without being asked for a password; None if nothing does."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    trial = subprocess.run(["sudo", "-n", "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return ["sudo", "-n"] if trial.returncode == 0 else None


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _any_file(patterns: tuple[str, ...]) -> bool:
    return any(True for pattern in patterns for _ in glob.iglob(os.path.expanduser(pattern), recursive=True))
