import json
import math
from pathlib import Path

import numpy as np

from napari_sti.jobs import protocol


def test_a_message_is_one_line_whatever_is_in_it():
    line = protocol.encode(
        {"text": "a\nb\u2028ü", "path": Path("x/y"), "n": np.float32(0.5), "bad": math.nan, "on": True}
    )
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert line.isascii()
    back = protocol.decode(line)
    assert back == {"text": "a\nb\u2028ü", "path": str(Path("x/y")), "n": 0.5, "bad": None, "on": True}


def test_infinity_and_nested_values():
    line = protocol.encode({"curve": [(1, math.inf, None), [np.int64(2), 0.1, 3]]})
    assert json.loads(line) == {"curve": [[1, None, None], [2, 0.1, 3]]}


def test_what_is_no_message_is_none():
    for line in (b"", b"hello\n", b"[1]\n", b"\xff\xfe\n", b'{"a":'):
        assert protocol.decode(line) is None
