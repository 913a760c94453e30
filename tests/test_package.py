"""The package as a whole: what importing it costs and drags in, what napari is told, what the wheel holds."""

import importlib
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from npe2 import PluginManifest

import napari_sti

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "napari_sti"
MANIFEST = PACKAGE / "napari.yaml"
VIEWER = ("napari", "qtpy", "PyQt5", "PyQt6", "PySide2", "PySide6", "vispy", "magicgui", "superqt", "pyqtgraph")
# What runs without a viewer: on a cluster, in a notebook, in the worker process.
BELOW_VIZ = ("core", "io", "lpn", "recon", "maps", "simulate", "learn", "jobs")


def _python(code: str) -> str:
    """What a fresh process prints."""
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    return process.stdout.strip()


def _blocked(names: tuple[str, ...], code: str) -> str:
    """Run code in a fresh process in which some packages cannot be imported."""
    # An entry that is None makes the import of that name fail.
    return _python(f"import sys\nfor name in {names!r}: sys.modules[name] = None\n{code}")


def _modules(*rooms: str) -> list[str]:
    files = sorted(file for room in rooms for file in (PACKAGE / room).rglob("*.py"))
    names = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files]
    return [name.removesuffix(".__init__") for name in names if not name.endswith("__main__")]


def _commands() -> list[dict[str, str]]:
    contributions = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))["contributions"]
    commands: list[dict[str, str]] = contributions["commands"]
    return commands


# ---- importing --------------------------------------------------------------------------------------------------


def test_importing_the_package_loads_nothing_heavy():
    heavy = ("torch", "nibabel", "nilearn", "skimage", "scipy", "numpy", *VIEWER)
    loaded = _python(f"import sys, napari_sti\nprint([name for name in {heavy!r} if name in sys.modules])")
    assert loaded == "[]"


def test_importing_the_package_is_quick():
    # A small part of this is usual; the bound holds on a machine that is busy with other things, and the best of three
    # is no matter of luck.
    seconds = [
        float(
            _python(
                "import time\nbegan = time.perf_counter()\nimport napari_sti\nprint(time.perf_counter() - began)",
            )
        )
        for _ in range(3)
    ]
    assert min(seconds) < 0.1


def test_public_names_are_there_without_a_viewer():
    names = napari_sti.__all__
    _blocked(VIEWER, f"import napari_sti\nfor name in {names!r}: getattr(napari_sti, name)")


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'chi_of_nothing'"):
        napari_sti.chi_of_nothing  # noqa: B018


def test_methods_are_listed_without_viewer_and_torch():
    code = "from napari_sti.recon.registry import methods\nmethods()\nprint('torch' in sys.modules)"
    assert _blocked(VIEWER, code) == "False"


def test_below_viz_nothing_needs_a_viewer():
    modules = _modules(*BELOW_VIZ)
    assert len(modules) > 20
    code = f"import importlib\nfor name in {modules!r}: importlib.import_module(name)\nprint('done')"
    assert _blocked(VIEWER, code) == "done"


def test_outside_of_recon_and_lpn_nothing_loads_torch():
    modules = [*_modules("core", "io", "maps", "simulate", "jobs", "viz", "widgets", "cli")]
    code = f"import importlib\nfor name in {modules!r}: importlib.import_module(name)\nprint('torch' in sys.modules)"
    assert _blocked((), code) == "False"


def test_command_line_answers_without_viewer_and_torch():
    code = (
        "from napari_sti.cli import main\n"
        "try: main(['--version'])\nexcept SystemExit: pass\n"
        "print(['torch' in sys.modules, 'numpy' in sys.modules and 'nilearn' in sys.modules])"
    )
    printed = _blocked(VIEWER, code).splitlines()
    assert printed == [f"napari-sti {napari_sti.__version__}", "[False, False]"]


# ---- the manifest -----------------------------------------------------------------------------------------------


def test_manifest_is_valid_and_named_like_the_distribution():
    assert PluginManifest.from_file(MANIFEST).name == "napari-sti"


def test_napari_finds_the_manifest_of_this_checkout():
    assert Path(napari_sti.__file__).parent == PACKAGE
    assert (
        PluginManifest.from_distribution("napari-sti").contributions == PluginManifest.from_file(MANIFEST).contributions
    )


@pytest.mark.parametrize("command", _commands(), ids=lambda command: command["id"])
def test_every_command_points_to_something_that_can_be_called(command):
    module, name = command["python_name"].split(":")
    assert callable(getattr(importlib.import_module(module), name))
    assert command["title"]


def test_every_contribution_uses_a_declared_command_and_none_is_idle():
    contributions = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))["contributions"]
    items = [item for kind in ("widgets", "readers", "writers", "sample_data") for item in contributions[kind]]
    items += [item for menu in contributions["menus"].values() for item in menu]
    assert {item["command"] for item in items} == {command["id"] for command in contributions["commands"]}


def test_menus_are_ones_that_napari_lets_plugins_fill():
    # There is no public list of them; where napari moves it, this test is what has to follow.
    menus = pytest.importorskip("napari._app_model.constants._menus")
    contributions = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))["contributions"]
    assert all(menus.is_menu_contributable(menu) for menu in contributions["menus"])


def test_simulated_samples_say_so():
    contributions = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))["contributions"]
    assert all("simulated" in sample["display_name"] for sample in contributions["sample_data"])


# ---- the wheel --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> list[str]:
    """Names of the files in a wheel, built from a copy since a build leaves files behind."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in ("napari_sti", "tools", "tests/core"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check")
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, "-w", folder, source], check=True)
    (file,) = folder.glob("*.whl")
    return zipfile.ZipFile(file).namelist()


def test_wheel_holds_the_package_alone(wheel):
    assert {name.partition("/")[0].partition("-")[0] for name in wheel} == {"napari_sti"}
    assert not [name for name in wheel if "test" in name]


def test_wheel_holds_what_is_not_python(wheel):
    assert {"napari_sti/napari.yaml", "napari_sti/py.typed"} <= set(wheel)
    assert [name for name in wheel if name.endswith("licenses/LICENSE")]


def test_wheel_holds_every_module(wheel):
    assert {file.relative_to(ROOT).as_posix() for file in PACKAGE.rglob("*.py")} <= set(wheel)


def test_requirements_name_no_qt_binding_and_no_torch_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [requirement.lower() for requirement in project["dependencies"]]
    assert not [name for name in names if name.startswith(("pyqt5", "pyqt6", "pyside", "napari["))]
    assert [name for name in names if name.startswith("torch>=")]
