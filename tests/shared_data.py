"""Find the real data that lies beside the checkout and is never committed; skip where it is absent."""

import os
from pathlib import Path

import pytest

ROOT = Path(os.environ.get("NAPARI_STI_SHARED", Path(__file__).resolve().parents[2] / "shared"))


def shared(relative: str) -> Path:
    """Return the path of a shared file or folder, or skip the test."""
    path = ROOT / relative
    if not path.exists():
        pytest.skip(f"real data {relative} is not here (set NAPARI_STI_SHARED to the folder that holds it)")
    return path
