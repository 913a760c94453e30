"""The toy task takes the place of the real ones."""

from types import MappingProxyType

import pytest

from napari_sti.learn import registry
from tests.learn.toy import Toy


@pytest.fixture
def toy(monkeypatch):
    """Let the registry know the toy alone."""
    task = Toy()
    monkeypatch.setattr(registry, "_found", lambda: MappingProxyType({"toy": task, "other": _Other()}))
    return task


class _Other(Toy):
    id = "other"
    title = "Other"
