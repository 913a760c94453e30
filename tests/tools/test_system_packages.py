"""Missing system libraries are installed where that is allowed, and named where it is not."""

import pytest

from tools import system_packages


@pytest.fixture
def machine(monkeypatch):
    """A machine without a screen that has everything, on which nothing is installed in earnest."""
    lacking: set[str] = set()
    monkeypatch.setattr(system_packages.sys, "platform", "linux")
    monkeypatch.setattr(system_packages, "has_screen", lambda: False)
    monkeypatch.setattr(system_packages, "_loads", lambda name: name not in lacking)
    monkeypatch.setattr(system_packages, "_any_file", lambda patterns: str(patterns) not in lacking)
    monkeypatch.setattr(system_packages.shutil, "which", lambda name: None if name in lacking else f"/bin/{name}")
    monkeypatch.setattr(system_packages.importlib.util, "find_spec", lambda name: None if name in lacking else object())
    monkeypatch.setattr(system_packages, "_install", lambda runner, packages: pytest.fail(f"installed {packages}"))
    monkeypatch.setattr(system_packages, "_administrator", list)
    return lacking


def test_machine_with_everything_is_not_touched(machine):
    assert system_packages.missing() == {}
    system_packages.provide()


def test_each_missing_thing_is_known_by_its_package(machine):
    machine |= {"libxcb-cursor.so.0", "Xvfb", "ensurepip", str(system_packages.FONTS), str(system_packages.DRIVERS)}
    packages = set(system_packages.missing().values())
    assert {"libxcb-cursor0", "xvfb", "fonts-dejavu-core", "libgl1-mesa-dri"} < packages
    assert len(packages) == 5
    assert any(package.startswith("python3.") and package.endswith("-venv") for package in packages)


def test_with_a_screen_no_virtual_one_is_asked_for(machine, monkeypatch):
    monkeypatch.setattr(system_packages, "has_screen", lambda: True)
    machine |= {"Xvfb", "xvfb-run", "xauth", str(system_packages.DRIVERS)}
    assert system_packages.missing() == {}


def test_what_is_missing_is_installed_in_one_call(machine, monkeypatch):
    machine |= {"libGL.so.1", "libEGL.so.1"}
    calls = []

    def install(runner, packages):
        calls.append((runner, packages))
        machine.clear()
        return True

    monkeypatch.setattr(system_packages, "_administrator", lambda: ["sudo", "-n"])
    monkeypatch.setattr(system_packages, "_install", install)
    system_packages.provide()
    assert calls == [(["sudo", "-n"], ["libegl1", "libgl1"])]


def test_without_the_right_to_install_everything_is_named(machine, monkeypatch):
    machine |= {"libxcb-cursor.so.0", "Xvfb"}
    monkeypatch.setattr(system_packages, "_administrator", lambda: None)
    with pytest.raises(SystemExit, match=r"lacks Xvfb, libxcb-cursor\.so\.0") as leaving:
        system_packages.provide()
    assert "sudo apt-get install libxcb-cursor0 xvfb\n" in str(leaving.value)


def test_failed_installation_is_said(machine, monkeypatch):
    machine |= {"Xvfb"}
    monkeypatch.setattr(system_packages, "_install", lambda runner, packages: False)
    with pytest.raises(SystemExit, match="apt-get could not install them"):
        system_packages.provide()


def test_installation_that_did_not_help_is_said(machine, monkeypatch):
    machine |= {"Xvfb"}
    monkeypatch.setattr(system_packages, "_install", lambda runner, packages: True)
    with pytest.raises(SystemExit, match=r"apt-get installed xvfb, and still:\nthis machine lacks Xvfb"):
        system_packages.provide()


def test_list_of_packages_is_fetched_only_if_the_one_at_hand_does_not_do(monkeypatch):
    calls = []

    class Process:
        returncode = 0

    def run(command, **options):
        calls.append(command[-2:])
        Process.returncode = 1 if len(calls) == 1 else 0
        return Process

    monkeypatch.setattr(system_packages.subprocess, "run", run)
    assert system_packages._install([], ["xvfb"])
    assert calls == [["--no-install-recommends", "xvfb"], ["update", "-q"], ["--no-install-recommends", "xvfb"]]


def test_other_systems_are_left_alone(machine, monkeypatch):
    machine |= {"Xvfb"}
    monkeypatch.setattr(system_packages.sys, "platform", "darwin")
    system_packages.provide()
