"""The language between the viewer and its worker process: one JSON object per line, both ways.

Commands (to the worker's standard input)
    ``{"do": "run", "id": ID, "job": PATH or {...}, "preview": bool, "check_memory": bool, "memory_limit": BYTES|null}``
    ``{"do": "cancel", "id": ID}``, ``{"do": "preview", "id": ID, "on": bool}``,
    ``{"do": "devices", "id": ID}``, ``{"do": "estimate", "id": ID, "study": PATH, "method": ..., "params": {...},
    "kind": "recon"|"trust", "device": ...}``, ``{"do": "quit"}``. End of input means quit at once.

Events (from the worker's standard output)
    ``ready`` (pid, devices, versions), ``fatal`` (sentence; the worker leaves), ``answer`` and ``refused`` (to
    `devices` and `estimate`), and for each run, bound to it by ``id``: ``started`` (folder), ``progress``,
    ``preview`` (path, iteration) and one of ``done`` (result, seconds), ``failed`` (sentence, details),
    ``cancelled``. The client adds ``queued`` (position), ``cancelling`` and ``lost`` (sentence, no id).

``progress`` carries iteration, total (the limit, 0: unknown), expected (iterations in all as things look, 0: unknown),
residual, objective, elapsed and left (seconds, null: unknown), message, and ``curve``: ``[iteration, residual,
objective]`` of every iteration since the last one, so that nothing is lost when lines are held back. That of a training
also carries ``metrics``, the latest of all numbers by name (``train/loss``, ``learning_rate``, ``val/...``), and
``rows``: ``[iteration, {name: number}]`` of everything recorded since the last line, as it stands in ``metrics.csv``.
"""

import json
import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

FINAL = frozenset({"done", "failed", "cancelled"})
"""Events after which a run says nothing more."""


def encode(message: Mapping[str, Any]) -> bytes:
    """Return one line; numbers that JSON does not know (NaN, infinity) become null, paths become text."""
    return json.dumps(_plain(message), allow_nan=False, ensure_ascii=True).encode() + b"\n"


def decode(line: bytes) -> dict[str, Any] | None:
    """Return the message of one line, or None if the line is none."""
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, PurePath):
        return str(value)
    number = float(value)
    return number if math.isfinite(number) else None
