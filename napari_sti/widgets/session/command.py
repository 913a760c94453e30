"""The command line that does the same as a run, to copy."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_sti.recon.registry import get_method
from napari_sti.widgets.number_boxes import number_text


def recon_command(
    study: Path | None,
    method: str,
    params: Mapping[str, Any],
    *,
    kind: str = "recon",
    device: str = "auto",
    start: Path | None = None,
    out: str = "result",
) -> str:
    """Write ``napari-sti recon ...``, or ``trust``, with what differs from the defaults.

    Parameters
    ----------
    study : Path or None
        The study file; a placeholder where it is not saved yet.
    method : str
        Id of the method.
    params : mapping
        Values of its parameters.
    kind : {"recon", "trust"}
        Which of the two.
    device, out : str
        Where to compute and where to write.
    start : Path, optional
        Folder of the result to start from.
    """
    defaults = get_method(method).Params()
    words = ["napari-sti", kind, str(study or "STUDY"), "-m", method]
    for name, value in params.items():
        if value != getattr(defaults, name, None):
            words += ["-p", f"{name}={_text(value)}"]
    if device != "auto":
        words += ["--device", device]
    if start is not None:
        words += ["--start", str(start)]
    return shlex.join([*words, "-o", out])


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return number_text(value) if isinstance(value, float) else str(value)
