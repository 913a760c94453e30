import sys

import numpy as np
import pytest

from napari_sti.core.errors import OutOfMemory
from napari_sti.jobs import memory


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
    with memory.limited(50_000_000):
        np.ones(10_000_000, np.uint8)
        with pytest.raises(MemoryError):
            np.ones(100_000_000, np.uint8)
    assert np.ones(100_000_000, np.uint8)[-1] == 1
    with memory.limited(None):
        np.ones(100_000_000, np.uint8)
