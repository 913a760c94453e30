"""Make `.venv` for this checkout, with pinned versions of everything: `make setup`.

It stands in two parts, since what is needed from others takes minutes and gigabytes and is the same for all checkouts:

- the store, outside of the checkout: an environment with the third-party packages alone, named after a hash of all that
  determines it (the pinned versions, what pyproject.toml asks for, the Python), shared by all checkouts;
- `.venv` in the checkout: a thin environment that looks into the store, and in which this checkout is installed for
  editing. It never points at another checkout.

Both carry a stamp that is written last, so that a set-up that was interrupted is begun anew, and a lock lets one set-up
wait for another. Only the standard library is used here.
"""

import fcntl
import hashlib
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distributions
from pathlib import Path

from tools import system_packages

ROOT = Path(__file__).resolve().parents[1]
CONSTRAINTS = ROOT / "constraints.txt"
PYPROJECT = ROOT / "pyproject.toml"
EXTRA = "dev"
STAMP = "napari-sti-environment.json"


def main() -> None:
    """Bring the system's libraries, the store and `.venv` up to date; a matter of milliseconds where they are."""
    began = time.monotonic()
    system_packages.provide()
    cache = _cache()
    cache.mkdir(parents=True, exist_ok=True)
    with _lock(cache / "setup.lock"):
        store = cache / f"environment-{_store_key()}"
        made = _make_store(store)
        made |= _make_thin(ROOT / ".venv", store)
    if made:
        print(f"environment ready after {time.monotonic() - began:.0f} s: {ROOT / '.venv'} (packages in {store})")


# ---- the store --------------------------------------------------------------------------------------------------


def _make_store(store: Path) -> bool:
    """Third-party packages at their pinned versions; False if they were there."""
    if _stamp(store) is not None and _runs(_python(store)):
        return False
    if store.exists():
        shutil.rmtree(store)
    print(f"making {store} (once for every checkout; some minutes)", flush=True)
    _run(sys.executable, "-m", "venv", store)
    _pip(store, "install", "--constraint", CONSTRAINTS, *_requirements())
    _pip(store, "check")
    _write_stamp(store, {"python": platform.python_version()})
    return True


def _requirements() -> list[str]:
    """What pyproject.toml asks for: to build, to run, and to develop."""
    text = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))
    project = text["project"]
    wanted = [*text["build-system"]["requires"], *project["dependencies"]]
    extras, queue = project["optional-dependencies"], [EXTRA]
    for extra in queue:
        for requirement in extras[extra]:
            if requirement.startswith(f"{project['name']}["):
                queue += requirement.partition("[")[2].rstrip("]").split(",")
            else:
                wanted.append(requirement)
    return wanted


def _store_key() -> str:
    """A hash of all that decides what the store holds."""
    python = [platform.python_version(), platform.machine(), sys.base_prefix]
    parts = [CONSTRAINTS.read_text(encoding="utf-8"), _requirements(), python]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


# ---- .venv ------------------------------------------------------------------------------------------------------


def _make_thin(thin: Path, store: Path) -> bool:
    """The checkout's own environment; False if it was there and up to date."""
    wanted = {
        "checkout": str(ROOT),
        "store": str(store),
        "pyproject": hashlib.sha256(PYPROJECT.read_bytes()).hexdigest()[:12],
    }
    if _stamp(thin) == wanted and _runs(_python(thin)):
        return False
    _clear(thin)
    _run(sys.executable, "-m", "venv", "--without-pip", thin)
    (thin / "begun-by-napari-sti").touch()
    _look_into(thin, store)
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check")
    _run(_python(store), "-m", "pip", "--python", _python(thin), "install", *options, "--editable", ROOT)
    # setuptools leaves its notes in the checkout, where they would be taken for a second installation.
    shutil.rmtree(ROOT / "napari_sti.egg-info", ignore_errors=True)
    _share_programs(thin, store)
    _write_stamp(thin, wanted)
    return True


def _look_into(thin: Path, store: Path) -> None:
    """Let the checkout's Python import what the store holds, after what it holds itself."""
    line = f"import site; site.addsitedir({str(_packages(store))!r})\n"
    (_packages(thin) / "napari_sti_store.pth").write_text(line, encoding="utf-8")


def _clear(thin: Path) -> None:
    """Remove an earlier `.venv`, but only one made here."""
    if thin.is_symlink():
        thin.unlink()
    elif thin.exists():
        if not (thin / "begun-by-napari-sti").exists() and any(thin.iterdir()):
            raise SystemExit(f"{thin} was not made by 'make setup': move it away, and run make again")
        shutil.rmtree(thin)


def _share_programs(thin: Path, store: Path) -> None:
    """Make the store's programs (pytest, ruff, napari ...) run with this checkout's Python."""
    for distribution in distributions(path=[str(_packages(store))]):
        for entry in distribution.entry_points.select(group="console_scripts"):
            program = thin / "bin" / entry.name
            if program.exists():
                continue
            # By way of sh, since the path may be too long for a first line, or hold spaces.
            program.write_text(
                f"#!/bin/sh\n'''exec' {shlex.quote(str(_python(thin)))} \"$0\" \"$@\"\n' '''\n"
                f"import sys\nfrom {entry.module} import {entry.attr.partition('.')[0]}\n"
                f"sys.exit({entry.attr}())\n",
                encoding="utf-8",
            )
            program.chmod(0o755)
    for program in (store / "bin").iterdir():
        mine = thin / "bin" / program.name
        if not mine.exists() and not program.name.lower().startswith(("activate", "pip", "python")):
            mine.symlink_to(program)


# ---- small things -----------------------------------------------------------------------------------------------


def _cache() -> Path:
    chosen = os.environ.get("NAPARI_STI_CACHE")
    if chosen:
        return Path(chosen).expanduser().resolve()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "napari-sti"


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waiting for another set-up to end ...", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _stamp(environment: Path) -> dict[str, str] | None:
    try:
        stamp: dict[str, str] = json.loads((environment / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return stamp


def _write_stamp(environment: Path, content: dict[str, str]) -> None:
    partial = environment / f"{STAMP}.part"
    partial.write_text(json.dumps(content, indent=2), encoding="utf-8")
    partial.replace(environment / STAMP)


def _python(environment: Path) -> Path:
    return environment / "bin" / "python"


def _packages(environment: Path) -> Path:
    variables = {"base": str(environment), "platbase": str(environment)}
    return Path(sysconfig.get_path("purelib", "venv", variables))


def _runs(python: Path) -> bool:
    """Whether an environment's Python is still there: it is a link to one that may have been removed."""
    return python.exists() and os.access(python, os.X_OK)


def _pip(environment: Path, *arguments: object) -> None:
    _run(_python(environment), "-m", "pip", "--disable-pip-version-check", *arguments)


def _run(*words: object) -> None:
    variables = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    command = [str(word) for word in words]
    process = subprocess.run(command, env=variables, stdin=subprocess.DEVNULL, check=False)
    if process.returncode:
        raise SystemExit(f"the set-up stopped, since this failed: {' '.join(command)}")


if __name__ == "__main__":
    main()
