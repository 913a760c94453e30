"""How a result was made, as plain JSON-able values."""

import hashlib
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_PACKAGES = ("napari-sti", "numpy", "nibabel", "torch")


def versions() -> dict[str, str]:
    """Versions of Python, this package and what the numbers depend on (read without importing any)."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def file_hash(path: str | Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def array_hash(array: NDArray[Any]) -> str:
    """SHA-256 of an array's type, shape and values, hexadecimal."""
    a = np.ascontiguousarray(array)
    digest = hashlib.sha256(f"{a.dtype.str}{a.shape}".encode())
    digest.update(a.view(np.uint8).data if a.size else b"")
    return digest.hexdigest()


def now() -> str:
    """Time in UTC, ISO 8601 to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def make_provenance(
    *,
    method: str,
    params: Mapping[str, Any],
    device: str,
    seconds: float,
    inputs: list[dict[str, Any]],
    remarks: tuple[str, ...] = (),
    simulated: bool = False,
    **more: Any,
) -> dict[str, Any]:
    """Collect what a sidecar states about a result.

    Parameters
    ----------
    method, params, device
        What was run, with which parameters, on what.
    seconds : float
        Wall time of the reconstruction alone.
    inputs : list of dict
        For each input its ``role``, ``path`` (None if it came from memory) and ``sha256``.
    remarks : tuple of str
        Sentences that belong beside the result, such as that it is underdetermined.
    simulated : bool
        Whether the data were simulated.
    """
    return {
        "method": method,
        "params": dict(params),
        "device": device,
        "seconds": round(seconds, 3),
        "finished": now(),
        "versions": versions(),
        "inputs": inputs,
        "remarks": list(remarks),
        "simulated": simulated,
        **more,
    }
