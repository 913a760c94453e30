"""Freed memory stays with the process while it is asked to, and leaves it afterwards."""

import resource
import sys

import pytest
import torch

from napari_sti.learn.kept_memory import kept_memory

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mallopt belongs to Linux")


def faults() -> int:
    """Pages that were touched anew while a large block was taken and freed a few times."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(8):
        torch.ones(1 << 22)  # 16 MiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def test_a_block_that_comes_again_costs_no_new_pages():
    faults()
    with kept_memory():
        faults()
        kept = faults()
    given_back = faults()
    pages = 8 * (1 << 24) // resource.getpagesize()
    assert kept < 0.1 * pages
    assert given_back > kept, "afterwards the process is as it was"
