"""Writing what a quality page proposes: a mended result with its layers, a mended copy of V1; for a thread."""

from pathlib import Path
from typing import Any

from napari_sti.io.results import load_further, load_result
from napari_sti.maps.dti_mends import write_mended_dti
from napari_sti.maps.mend_files import Mended, write_mended
from napari_sti.viz.display import tell_path
from napari_sti.viz.spreads import result_layers


def write_mended_result(path: Path, mend: str, folder: Path, frame: str | None, name: str) -> tuple[Mended, list[Any]]:
    """Write the mended result, and make its layers."""
    done = write_mended(path, mend, folder, frame=frame)
    layers = list(result_layers(load_result(folder), load_further(folder), run=name))
    tell_path(layers, folder)
    return done, layers


def write_mended_v1(v1: Path, fa: Path | None, mend: str, target: Path, frame: str) -> Path:
    """Write a mended copy of V1; a dialog has asked about overwriting already."""
    return write_mended_dti(v1, fa, mend, target, frame=frame, overwrite=True).path


def frame_in(record: Any) -> str | None:
    """The axes that were stated for a tensor without a sidecar."""
    words = str(record.get("command") or "").split()
    return words[words.index("--frame") + 1] if "--frame" in words else None
