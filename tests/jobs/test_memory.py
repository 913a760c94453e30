import subprocess
import sys

import pytest

from napari_sti.core.errors import OutOfMemory
from napari_sti.jobs import memory

LIMITED = """
import numpy as np
from napari_sti.jobs import memory
with memory.limited(50_000_000):
    np.ones(10_000_000, np.uint8)
    print("small")
    try:
        np.ones(100_000_000, np.uint8)
    except MemoryError:
        print("refused")
np.ones(100_000_000, np.uint8)
print("free")
with memory.limited(None):
    np.ones(100_000_000, np.uint8)
    print("unlimited")
"""


def test_sizes_as_people_say_them():
    assert [memory.size_text(n) for n in (1.234e9, 20e9, 5.04e6, 900)] == ["1.2 GB", "20 GB", "5.0 MB", "1 kB"]


def test_too_little_is_said_with_both_numbers():
    memory.check_enough(5, 5)
    with pytest.raises(OutOfMemory, match=r"needs about 31 GB and 2\.5 GB are free"):
        memory.check_enough(31_000_000_000, 2_500_000_000)
    memory.check_enough(5, 100, 5)
    with pytest.raises(OutOfMemory, match=r"may take 5\.0 MB, the limit that was set; raise the limit"):
        memory.check_enough(9_000_000, 100_000_000, 5_000_000)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux enforces the limit")
def test_the_limit_holds_while_it_lasts():
    # In a process of its own: what other tests gave back in this one could serve instead of new memory.
    done = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.split()) == (0, ["small", "refused", "free", "unlimited"]), done.stderr
