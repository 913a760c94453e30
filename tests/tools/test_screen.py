"""Whether there is a screen, and what a command is run with."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tools import screen


@pytest.fixture(autouse=True)
def on_linux(monkeypatch):
    monkeypatch.setattr(screen.sys, "platform", "linux")


@pytest.fixture
def executed(monkeypatch):
    """What would have replaced this process."""
    calls = []
    monkeypatch.setattr(screen.os, "execvpe", lambda file, words, variables: calls.append((words, variables)))
    monkeypatch.setattr(screen.shutil, "which", lambda name: f"/usr/bin/{name}")
    return calls


@pytest.mark.parametrize("display", ["", "nonsense", ":98765", "localhost:59000"])
def test_display_that_does_not_answer_is_no_screen(monkeypatch, display):
    monkeypatch.setenv("DISPLAY", display)
    assert not screen.has_screen()


def test_display_that_answers_is_a_screen(monkeypatch):
    number = 54321
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"\0/tmp/.X11-unix/X{number}")
        server.listen()
        monkeypatch.setenv("DISPLAY", f":{number}.0")
        assert screen.has_screen()


def test_other_systems_always_have_one(monkeypatch):
    monkeypatch.setattr(screen.sys, "platform", "darwin")
    monkeypatch.delenv("DISPLAY", raising=False)
    assert screen.has_screen()


def test_on_a_screen_the_command_runs_as_it_is(monkeypatch, executed):
    monkeypatch.setattr(screen, "has_screen", lambda: True)
    monkeypatch.delenv("LIBGL_ALWAYS_SOFTWARE", raising=False)
    screen.main(["--without-screen", "--headless", "napari-sti", "demo"])
    ((words, variables),) = executed
    assert words == ["napari-sti", "demo"]
    assert "LIBGL_ALWAYS_SOFTWARE" not in variables


def test_without_a_screen_it_runs_on_a_virtual_one_with_its_option(monkeypatch, executed):
    monkeypatch.setattr(screen, "has_screen", lambda: False)
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    screen.main(["--without-screen", "--headless", "napari-sti", "demo"])
    ((words, variables),) = executed
    assert words[0] == "xvfb-run"
    assert words[-3:] == ["napari-sti", "demo", "--headless"]
    assert variables["LIBGL_ALWAYS_SOFTWARE"] == "1"
    assert variables["QT_QPA_PLATFORM"] == "xcb"
    assert "WAYLAND_DISPLAY" not in variables


def test_neither_screen_nor_virtual_one_is_said(monkeypatch, executed):
    monkeypatch.setattr(screen, "has_screen", lambda: False)
    monkeypatch.setattr(screen.shutil, "which", lambda name: None)
    with pytest.raises(SystemExit, match="neither a screen nor xvfb-run: run 'make setup'"):
        screen.main(["napari-sti", "demo"])
    assert not executed


def test_without_a_command_its_use_is_said():
    with pytest.raises(SystemExit, match=r"python -m tools.screen"):
        screen.main([])


def test_set_up_can_ask_before_there_is_an_environment():
    root = Path(__file__).resolve().parents[2]
    code = "import sys; import tools.system_packages, tools.screen; print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert "numpy" not in done.stdout
