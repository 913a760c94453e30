"""The set-up: what it asks for, when it begins anew, and what it leaves alone."""

import importlib.metadata
import json
import subprocess
import sys

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools import setup_environment as setup


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A small project of its own, so that its files can be changed."""
    (tmp_path / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools>=77"]\n'
        '[project]\nname = "napari-sti"\ndependencies = ["numpy>=1"]\n'
        '[project.optional-dependencies]\ntest = ["pytest"]\nqt = ["napari[pyqt6]"]\n'
        'dev = ["napari-sti[test,qt]", "ruff"]\nother = ["never"]\n'
    )
    (tmp_path / "constraints.txt").write_text("numpy==2.0.0\n")
    monkeypatch.setattr(setup, "PYPROJECT", tmp_path / "pyproject.toml")
    monkeypatch.setattr(setup, "CONSTRAINTS", tmp_path / "constraints.txt")
    return tmp_path


def test_requirements_follow_extras_of_the_project_itself(project):
    assert setup._requirements() == ["setuptools>=77", "numpy>=1", "ruff", "pytest", "napari[pyqt6]"]


@pytest.mark.parametrize(
    ("file", "old", "new", "changes"),
    [
        ("constraints.txt", "2.0.0", "2.0.1", True),
        ("pyproject.toml", "numpy>=1", "numpy>=2", True),
        ("pyproject.toml", '"ruff"', '"ruff", "mypy"', True),
        ("pyproject.toml", '"never"', '"nevermore"', False),
    ],
)
def test_store_is_made_anew_when_what_decides_it_changes(project, file, old, new, changes):
    before = setup._store_key()
    text = (project / file).read_text()
    (project / file).write_text(text.replace(old, new))
    assert (setup._store_key() != before) == changes


def test_every_requirement_is_pinned_to_a_version_that_satisfies_it():
    lines = setup.CONSTRAINTS.read_text().splitlines()
    pins = {}
    for line in lines:
        if line and not line.startswith("#"):
            name, equals, version = line.partition("==")
            assert equals, line
            pins[canonicalize_name(name)] = version
    for requirement in map(Requirement, setup._requirements()):
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)]), requirement


def test_environment_that_was_not_finished_has_no_stamp(tmp_path):
    assert setup._stamp(tmp_path) is None
    (tmp_path / setup.STAMP).write_text('{"checkout": ')
    assert setup._stamp(tmp_path) is None
    setup._write_stamp(tmp_path, {"checkout": "here"})
    assert setup._stamp(tmp_path) == {"checkout": "here"}
    assert [file.name for file in tmp_path.iterdir()] == [setup.STAMP]


def test_environment_of_somebody_else_is_left_alone(tmp_path):
    theirs = tmp_path / ".venv"
    theirs.mkdir()
    (theirs / "pyvenv.cfg").touch()
    with pytest.raises(SystemExit, match="was not made by 'make setup': move it away"):
        setup._clear(theirs)
    assert (theirs / "pyvenv.cfg").exists()


def test_link_is_removed_and_what_it_points_to_stays(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / ".venv"
    link.symlink_to("elsewhere")
    setup._clear(link)
    assert not link.is_symlink()
    assert (tmp_path / "elsewhere").exists()


def test_environment_made_here_is_removed(tmp_path):
    mine = tmp_path / ".venv"
    mine.mkdir()
    (mine / "begun-by-napari-sti").touch()
    setup._clear(mine)
    assert not mine.exists()


def test_second_set_up_waits_for_the_first(tmp_path):
    path = tmp_path / "setup.lock"
    code = f"from pathlib import Path\nfrom tools.setup_environment import _lock\nwith _lock(Path({str(path)!r})): pass"
    with setup._lock(path):
        second = subprocess.Popen([sys.executable, "-c", code], cwd=setup.ROOT, stdout=subprocess.PIPE, text=True)
        assert second.stdout is not None
        assert second.stdout.readline() == "waiting for another set-up to end ...\n"
        assert second.poll() is None
    assert second.wait(timeout=20) == 0
    second.stdout.close()


def test_programs_of_the_store_run_with_the_python_of_the_checkout(tmp_path):
    thin, store = tmp_path / "thin here", tmp_path / "store"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", thin], check=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", store], check=True)
    (setup._packages(store) / "teller.py").write_text("import sys\ndef main(): print(sys.prefix)\n")
    information = setup._packages(store) / "teller-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: teller\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[console_scripts]\ntell = teller:main\n")
    (store / "bin" / "binary").write_text("#!/bin/sh\necho binary\n")
    (store / "bin" / "binary").chmod(0o755)
    setup._look_into(thin, store)
    setup._share_programs(thin, store)

    def run(name):
        return subprocess.run([thin / "bin" / name], capture_output=True, text=True, check=True).stdout.strip()

    assert run("tell") == str(thin)
    assert run("binary") == "binary"


def test_this_environment_is_the_one_that_was_asked_for():
    stamp = setup._stamp(setup.ROOT / ".venv")
    if stamp is None or sys.prefix != str(setup.ROOT / ".venv"):
        pytest.skip("these tests do not run in the environment of 'make setup'")
    assert stamp["checkout"] == str(setup.ROOT)
    url = importlib.metadata.distribution("napari-sti").read_text("direct_url.json")
    assert json.loads(url)["url"] == setup.ROOT.as_uri()
