"""A tiny study, the odd methods, and a worker that is started once for each module."""

import importlib.util
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from napari_sti.core.acquisition import Acquisition

HERE = Path(__file__).parent
ODD_WORKER = [sys.executable, "-X", "faulthandler", str(HERE / "odd_worker.py")]


class Events(list):
    """Everything that a client said, to be waited for."""

    def __init__(self):
        super().__init__()
        self.changed = threading.Condition()

    def __call__(self, event):
        with self.changed:
            self.append(event)
            self.changed.notify_all()

    def until(self, kind, handle=None, *, timeout=20.0, **values):
        """Wait for an event and return it."""
        end = time.monotonic() + timeout
        with self.changed:
            while True:
                for event in self:
                    if (
                        event["event"] == kind
                        and (handle is None or event.get("id") == handle.id)
                        and all(event.get(name) == value for name, value in values.items())
                    ):
                        return event
                if not self.changed.wait(end - time.monotonic()):
                    raise TimeoutError(f"no {kind!r} among {[e['event'] for e in self]}")

    def of(self, handle):
        with self.changed:
            return [event for event in self if event.get("id") == handle.id]


@pytest.fixture(scope="session")
def study(tmp_path_factory) -> Path:
    """Two orientations on a 7 x 6 x 5 grid of anisotropic voxels."""
    from napari_sti.io.save import save_acquisition

    rng = np.random.default_rng(3)
    mask = np.zeros((7, 6, 5), bool)
    mask[1:-1, 1:-1, 1:-1] = True
    acquisition = Acquisition(
        field=0.02 * rng.standard_normal((2, 7, 6, 5)),
        b0_dirs=[[0, 0, 1], [0.5, 0, np.sqrt(0.75)]],
        mask=mask,
        affine=np.diag([1.0, 1.2, 2.5, 1]),
        b0=3.0,
        name="tiny",
    )
    return save_acquisition(acquisition, tmp_path_factory.mktemp("study") / "tiny")


@pytest.fixture
def odd(monkeypatch):
    """Register the odd methods in this process."""
    spec = importlib.util.spec_from_file_location("odd_methods_of_jobs", HERE / "odd_methods.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.install(monkeypatch.setattr)


@pytest.fixture(scope="module")
def warm():
    """One client with a warm worker for the module, and what it says."""
    from napari_sti.jobs.client import WorkerClient

    events = Events()
    with WorkerClient(events, command=ODD_WORKER, grace=1.5) as client:
        events.until("ready", timeout=60)
        yield client, events


@pytest.fixture
def fresh():
    """Make clients with a worker of their own; returns client and events."""
    from napari_sti.jobs.client import WorkerClient

    made = []

    def make(**options):
        events = Events()
        client = WorkerClient(**{"on_event": events, "command": ODD_WORKER, "grace": 0.6, **options})
        made.append(client)
        client.start()
        return client, events

    yield make
    for client in made:
        client.close()
