"""The toy task takes the place of the real ones."""

from types import MappingProxyType

import pytest

from napari_sti.learn import registry
from napari_sti.learn.brains import BrainRanges, Brains
from tests.learn.toy import Toy


@pytest.fixture(scope="session")
def coarse_brains():
    """A supply of simulated brains with large voxels, whose bundles are laid once."""
    return Brains(BrainRanges(voxel_size=(5.0, 7.0), courses=1), seed=5)


@pytest.fixture
def toy(monkeypatch):
    """Let the registry know the toy alone."""
    task = Toy()
    monkeypatch.setattr(registry, "_found", lambda: MappingProxyType({"toy": task, "other": _Other()}))
    return task


class _Other(Toy):
    id = "other"
    title = "Other"
