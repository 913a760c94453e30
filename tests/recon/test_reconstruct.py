"""The way in: what is refused, what is recorded, and how missing memory is said."""

import re
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import InputError, OutOfMemory
from napari_sti.recon import devices
from napari_sti.recon.methods.stiimag import StiImag
from napari_sti.recon.reconstruct import reconstruct

SHAPE = (6, 7, 5)


def acquisition(**changes: object) -> Acquisition:
    field = 0.05 * np.random.default_rng(0).normal(size=(2, *SHAPE))
    given = dict(field=field, b0_dirs=[[0, 0, 1.0], [0.6, 0, 0.8]], mask=np.ones(SHAPE), affine=np.eye(4))
    return Acquisition(**(given | changes))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (dict(method="stimag"), r"the method 'stimag' is not known; did you mean 'stiimag'\?"),
        (dict(lamb=1.0), r"the parameter 'lamb' is not known; did you mean 'lam'\?"),
        (dict(lam=-1.0), "lam = -1.0 is out of range; give a number from 0"),
        (dict(max_iterations=2.5), "is not a whole number"),
        (dict(device="gpu"), "the device 'gpu' is not known; use auto, cpu, cuda or mps"),
        (dict(device="cuda:x"), "the device 'cuda:x' is not known"),
        (dict(device="cpu:0"), "the device 'cpu:0' is not known"),
    ],
)
def test_bad_requests_are_refused(options: dict, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        reconstruct(acquisition(), **options)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_device_that_is_not_there_is_said() -> None:
    with pytest.raises(InputError, match="there is no CUDA device that torch can use; use the device cpu or auto"):
        reconstruct(acquisition(), device="cuda")
    assert devices.resolve("auto") == "cpu"


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="there is an Apple GPU here")
def test_an_apple_gpu_that_is_not_there_is_said() -> None:
    with pytest.raises(InputError, match="there is no Apple GPU"):
        reconstruct(acquisition(), device="mps")


def test_devices_are_listed_with_their_memory() -> None:
    first = devices.available()[0]
    assert first["name"] == "cpu"
    assert "CPU" in first["title"]
    assert 0 < first["free"] <= first["total"]
    assert devices.free_bytes("cpu") > 0
    assert [devices.resolve(d["name"]) for d in devices.available()] == [d["name"] for d in devices.available()]


def test_files_and_warnings_are_passed_on() -> None:
    files = ({"role": "field", "path": "a.nii.gz", "sha256": "0" * 64},)
    given = acquisition(inputs=files, b0_dirs=[[0, 0, 1.001], [0.6, 0, 0.8]])
    known = reconstruct(given, max_iterations=2).provenance
    assert known["inputs"] == list(files)
    assert any("was normalised" in remark for remark in known["remarks"])
    assert known["params"] == {"lam": 0.0, "max_iterations": 2, "tol": 1e-3}
    assert known["orientations"] == 2


def test_seconds_are_without_those_of_the_listener() -> None:
    start = time.perf_counter()
    known = reconstruct(acquisition(), progress=lambda step: time.sleep(0.3), max_iterations=3, tol=0).provenance
    assert known["seconds"] <= time.perf_counter() - start - 0.9


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        np._core._exceptions._ArrayMemoryError((10**6, 10**6), np.dtype("f4")),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you "),
        RuntimeError("[enforce fail at alloc_cpu.cpp:75] DefaultCPUAllocator: not enough memory: you tried to "),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
    ],
)
def test_missing_memory_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*args: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(StiImag, "run", fail)
    with pytest.raises(OutOfMemory) as raised:
        reconstruct(acquisition())
    sentence = str(raised.value)
    assert re.match(r"STIimag .* needs about [\d.]+ [GM]B of memory on cpu and [\d.]+ GB are free; ", sentence)
    assert sentence.endswith("crop the volumes to the head, or use fewer orientations.")
    assert raised.value.__cause__ is error


def test_other_errors_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **options: object) -> None:
        raise RuntimeError("something else")

    monkeypatch.setattr(StiImag, "run", fail)
    with pytest.raises(RuntimeError, match=r"^something else$"):
        reconstruct(acquisition())


SHORT_OF_MEMORY = """
import resource
import numpy as np, psutil
from napari_sti import Acquisition, reconstruct
from napari_sti.core.errors import OutOfMemory
def acquisition(shape):
    return Acquisition(np.random.default_rng(0).normal(size=(1, *shape)), [[0, 0, 1.0]], np.ones(shape), np.eye(4))
reconstruct(acquisition((8, 8, 8)), max_iterations=2)
given = acquisition((160, 160, 160))
limit = psutil.Process().memory_info().vms + 100_000_000
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    reconstruct(given, max_iterations=2)
except OutOfMemory as error:
    print(error)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit is set in Linux's way")
def test_memory_that_is_really_missing() -> None:
    done = subprocess.run([sys.executable, "-c", SHORT_OF_MEMORY], capture_output=True, text=True)
    assert "needs about" in done.stdout, done.stderr[-2000:]


def test_what_comes_out_does_not_depend_on_the_name() -> None:
    given = acquisition()
    one, other = reconstruct(given), reconstruct(replace(given, name="other", te=None))
    np.testing.assert_array_equal(one.chi, other.chi)
    assert other.name == "other stiimag"
