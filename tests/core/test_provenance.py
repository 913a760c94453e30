"""What a sidecar states: plain values, hashes that depend on content alone."""

import hashlib
import json
from datetime import UTC, datetime

import numpy as np

from napari_sti.core import provenance


def test_hash_of_a_file(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"x" * 100_000)
    assert provenance.file_hash(path) == provenance.file_hash(str(path)) == hashlib.sha256(b"x" * 100_000).hexdigest()


def test_hash_of_an_array_is_that_of_its_values():
    a = np.random.default_rng(0).random((3, 4, 5)).astype(np.float32)
    assert (
        provenance.array_hash(a) == provenance.array_hash(np.asfortranarray(a)) == provenance.array_hash(a[::-1][::-1])
    )
    others = [
        a + 1,
        a.astype(np.float64),
        a.reshape(4, 3, 5),
        a.transpose(2, 1, 0),
        a > 0.5,
        np.zeros((0, 3)),
        a[0, 0, 0],
    ]
    assert len({provenance.array_hash(other) for other in [a, *others]}) == len(others) + 1


def test_provenance_is_plain_and_complete():
    made = provenance.make_provenance(
        method="stiimag",
        params={"lam": 0.1},
        device="cpu",
        seconds=1.23456,
        inputs=[{"role": "mask", "path": None, "sha256": "ab"}],
        remarks=("Underdetermined.",),
        simulated=True,
        iterations=[{"residual": 0.5}],
    )
    assert json.loads(json.dumps(made)) == made
    assert made["seconds"] == 1.235 and made["remarks"] == ["Underdetermined."] and made["simulated"] is True
    assert made["iterations"] == [{"residual": 0.5}] and made["inputs"][0]["role"] == "mask"
    age = (datetime.now(UTC) - datetime.fromisoformat(made["finished"])).total_seconds()
    assert 0 <= age < 60


def test_versions_are_named_without_importing_anything():
    found = provenance.versions()
    assert {"python", "numpy", "napari-sti"} <= set(found)
    assert found["numpy"] == np.__version__


def test_the_parameters_are_copied():
    params = {"lam": 0.1}
    made = provenance.make_provenance(method="m", params=params, device="cpu", seconds=0, inputs=[])
    params["lam"] = 9
    assert made["params"] == {"lam": 0.1} and made["remarks"] == [] and made["simulated"] is False
