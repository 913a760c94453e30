"""What a run takes at its peak, measured in a process of its own, beside what the method says."""

import json
import subprocess
import sys

import pytest

from napari_sti.recon.registry import get_method

SHAPE = (96, 104, 80)

PEAK = """
import ctypes, json, sys
import numpy as np, psutil, torch
from napari_sti.core.acquisition import Acquisition
from napari_sti.recon.reconstruct import reconstruct
torch.set_num_threads(1)
method, shape, n, params = json.loads(sys.argv[1])
def acquisition(shape, n):
    h = np.random.default_rng(0).normal(size=(n, 3))
    field = np.random.default_rng(0).normal(size=(n, *shape)).astype(np.float32)
    white = np.random.default_rng(1).random(shape) < 0.5
    h /= np.linalg.norm(h, axis=1, keepdims=True)
    return Acquisition(field, h, np.ones(shape), np.eye(4), wm_mask=white, csf_mask=~white)
reconstruct(acquisition((12, 12, 12), n), method, **params)
given = acquisition(shape, n)
# What was freed and not returned would be used again, by chance up to a third of what a run takes.
getattr(ctypes.CDLL(None), "malloc_trim", lambda _: None)(0)
before = psutil.Process().memory_info().rss
reconstruct(given, method, **params)
# Of this program alone: getrusage starts with the size of the parent.
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]
print(int(peak) * 1024 - before)
"""


def peak_and_estimate(method: str, orientations: int, **params: object) -> tuple[int, int]:
    """Bytes that a run takes over what was there before, and its estimate."""
    if not sys.platform.startswith("linux"):
        pytest.skip("memory is measured in Linux's way")
    given = get_method(method)
    estimate = given.memory_bytes(SHAPE, orientations, given.Params(**params))
    command = [sys.executable, "-c", PEAK, json.dumps([method, SHAPE, orientations, params])]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout), estimate
