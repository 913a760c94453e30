"""A worker that knows the toy training: a program, started by the tests."""

import sys
from pathlib import Path
from types import MappingProxyType

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from napari_sti.jobs import worker
from napari_sti.learn import registry
from tests.learn.toy import Toy

registry._found = lambda: MappingProxyType({"toy": Toy()})
worker.main()
