"""Every example runs, and says what it promises."""

import importlib.util
from pathlib import Path

import pytest

SHORT = {
    "laplacian_prior": ("--share", "0.002", "--out", "laplacian"),
    "image_priors": ("--share", "0.01", "--out", "priors"),
}
"""Words for examples that would take minutes without them."""

EXAMPLES = sorted((Path(__file__).resolve().parents[1] / "examples").glob("*.py"))


def run(path):
    """Run the ``main`` of an example and return its answer."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main(*SHORT.get(path.stem, ()))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_runs(path, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = run(path)
    assert capsys.readouterr().out.strip()
    if path.stem == "reconstruct_sample":
        assert answer < 12, "directions are found on the coarse grid, too"
