"""Reader for napari: NIfTI images, tensors and maps of a result, result folders and study files.

Nothing here loads torch, and a file that is not ours is left to other readers after a look at its first bytes.
"""

import json
import os
import re
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sti.io.load import load_study
from napari_sti.io.nifti import read_header, read_volume
from napari_sti.io.results import load_further, load_result, load_tensor
from napari_sti.io.sidecars import SIDECAR, sidecar_frame
from napari_sti.io.study import STUDY_NAMES
from napari_sti.viz.display import METADATA_KEY, DisplayGrid, tell_path
from napari_sti.viz.layers import MMS_COLORMAP, MSA_COLORMAP, LayerData, acquisition_layers, tensor_layers
from napari_sti.viz.shown_maps import symmetric_limit
from napari_sti.viz.spreads import SPREADS, result_layers

_NIFTI = (".nii", ".nii.gz")
_TEXT = (".json", ".yaml", ".yml")
_LOOK_AT = 65_536
_RESULT = re.compile(r'"format"\s*:\s*"napari-sti result"')
_KEYS = "orientations|field|b0_dirs|phase|H0|H0_fn_list|R2p_fn_list|sti_fn|mask|mask_fn|tesla"
_STUDY_KEYS = re.compile(rf"""(?:^|[\n{{,])[ \t-]*["']?({_KEYS})["']?\s*:""")
"""Keys of which a study file has at least two."""

Reader = Callable[[str | os.PathLike[str] | Sequence[str]], list[LayerData]]


def get_reader(path: str | os.PathLike[str] | Sequence[str]) -> Reader | None:
    """Return the function that reads this path (or these paths), or None if it is not ours.

    Parameters
    ----------
    path : path or list of paths
        NIfTI files, a study file, ``result.json``, or a folder that holds one of the latter two.
    """
    paths = _as_paths(path)
    if paths and all(kind_of(p) is not None for p in paths):
        return read
    return None


def read(path: str | os.PathLike[str] | Sequence[str]) -> list[LayerData]:
    """Read files as layers, in the nearest RAS order, in mm and with integer slopes applied.

    Raises
    ------
    InputError
        With one sentence that names the file; napari shows it.
    """
    layers = []
    for one in _as_paths(path):
        layers += _READERS[kind_of(one) or "nifti"](one)
    return layers


def _as_paths(path: str | os.PathLike[str] | Sequence[str]) -> list[Path]:
    if isinstance(path, str | os.PathLike):
        return [Path(path)]
    return [Path(p) for p in path]


def kind_of(path: Path) -> str | None:
    """Tell what a path is to us: ``study``, ``result``, ``nifti`` or None; of a text file the beginning is read."""
    name = path.name.lower()
    if path.is_dir():
        if (path / SIDECAR).is_file():
            return "result"
        return "study" if any((path / study).is_file() for study in STUDY_NAMES) else None
    if name.endswith(_NIFTI):
        return "nifti"
    if not name.endswith(_TEXT):
        return None
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            beginning = stream.read(_LOOK_AT)
    except OSError:
        return None
    if _RESULT.search(beginning):
        return "result"
    ours = ".sti." in name or len(set(_STUDY_KEYS.findall(beginning))) >= 2
    return "study" if ours else None


def _read_study(path: Path) -> list[LayerData]:
    acquisition = load_study(path)
    for text in acquisition.warnings:
        warnings.warn(text, stacklevel=2)
    layers = acquisition_layers(acquisition)
    for _, keywords, _ in layers:
        keywords["metadata"][METADATA_KEY]["study"] = str(path.absolute())
    return layers


def _read_result(path: Path) -> list[LayerData]:
    # A tensor that was saved alone has its own sidecar, not a folder.
    if path.is_file() and path.name != SIDECAR:
        files = json.loads(path.read_text(encoding="utf-8")).get("files", {})
        file = path.with_name(str(files.get("chi", {}).get("file", "chi.nii.gz")))
        tensor = load_tensor(file)
        layers = tensor_layers(tensor, run=tensor.name)
        tell_path(layers, file)
        return layers
    tensor = load_result(path)
    folder = path.parent if path.name == SIDECAR else path
    layers = result_layers(tensor, load_further(path), run=tensor.name if tensor.name != "tensor" else folder.name)
    tell_path(layers, folder)
    return layers


def _read_nifti(path: Path) -> list[LayerData]:
    colours = _colours(path)
    if colours is not None:
        return [colours]
    header = read_header(path)
    for text in header.warnings:
        warnings.warn(text, stacklevel=2)
    part = _part_of_result(path)
    if part == "chi":
        return _read_result(path.parent)
    if part == "pev" or part in SPREADS:
        wanted = ("pev_colour", "pev_lines") if part == "pev" else (part,)
        chosen = [layer for layer in _read_result(path.parent) if layer[1]["metadata"][METADATA_KEY]["kind"] in wanted]
        chosen[0][1]["visible"] = True
        return chosen
    if len(header.shape) in (4, 5) and header.shape[-1] == 6 and sidecar_frame(path) is not None:
        tensor = load_tensor(path)
        layers = tensor_layers(tensor, run=tensor.name)
        tell_path(layers, path)
        return layers
    volume = read_volume(path, dims=(3, 4))
    return [_image(volume.data, volume.affine, path, part)]


def _part_of_result(path: Path) -> str | None:
    """Which map of a result a file is, by the sidecar beside it: chi, mms, msa, pev or mask; None if none."""
    try:
        content = json.loads(path.with_name(SIDECAR).read_text(encoding="utf-8"))
        files = content["files"] if content["format"] == "napari-sti result" else {}
        return next((str(part) for part, entry in files.items() if entry["file"] == path.name), None)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _is_simulated(path: Path) -> bool:
    """Whether the sidecar beside a map of a result says that the data were simulated."""
    try:
        provenance = json.loads(path.with_name(SIDECAR).read_text(encoding="utf-8"))["provenance"]
        return bool(provenance["simulated"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def _image(data: NDArray[np.float32], affine: NDArray[np.float64], path: Path, part: str | None) -> LayerData:
    grid = DisplayGrid(affine, (data.shape[0], data.shape[1], data.shape[2]))
    shown = grid.to_shown(data) if data.ndim == 3 else grid.to_shown(np.moveaxis(data, -1, 0), first_axis=1)
    stem = path.name.removesuffix(".gz").removesuffix(".nii")
    simulated = part is not None and _is_simulated(path)
    run = path.parent.name
    titled = f"{run} (simulated)" if simulated and "simulated" not in run.lower() else run
    name, unit, kind = stem, "", "image"
    low, high = _range(data)
    colormap = MMS_COLORMAP
    if part == "mms":
        name, unit, kind = f"{titled} - MMS [ppm]", "ppm", "mms"
        high = symmetric_limit(data[data != 0])
        low = -high
    elif part == "msa":
        name, unit, kind, colormap, low = f"{titled} - MSA [ppm]", "ppm", "msa", MSA_COLORMAP, 0.0
    what = part.upper() if part in ("mms", "msa") else ""
    info = {**grid.metadata(), "kind": kind, "map": what or stem, "unit": unit, "path": str(path.absolute())}
    if part is not None:
        info["simulated"] = simulated
    if what:
        info["run"] = run
    keywords = {
        "name": name,
        "colormap": colormap,
        "contrast_limits": (low, high if high > low else low + 1),
        "blending": "translucent_no_depth",
        "projection_mode": "none",
        "metadata": {METADATA_KEY: info},
        **grid.layer_keywords(leading=shown.ndim - 3),
    }
    return shown, keywords, "image"


def _range(data: NDArray[np.float32]) -> tuple[float, float]:
    """Robust range of the values that are not 0 (the empty surroundings would narrow it)."""
    good = data[np.isfinite(data) & (data != 0)]
    if good.size == 0:
        return 0.0, 1.0
    low, high = (float(x) for x in np.percentile(good[:: max(1, good.size // 2_000_000)], (0.5, 99.5)))
    if low > 0 and low < 0.5 * high:
        low = 0.0
    return (low, high) if high > low else (min(low, 0.0), max(high, 0.0))


def _colours(path: Path) -> LayerData | None:
    """Read NIfTI's RGB24 and RGBA32 volumes; None for files of numbers (and for those that cannot be read)."""
    import nibabel

    try:
        image: Any = nibabel.load(path)
        names = image.get_data_dtype().names
    except (OSError, ValueError, EOFError, nibabel.filebasedimages.ImageFileError):
        return None  # the reader of numbers says what is wrong
    if not names or len(image.shape) != 3:
        return None
    raw = np.asarray(image.dataobj)
    data = np.stack([raw[name] for name in names], axis=-1)
    grid = DisplayGrid(image.affine, data.shape[:3])
    stem = path.name.removesuffix(".gz").removesuffix(".nii")
    info = {**grid.metadata(), "kind": "colours", "map": stem, "unit": "", "rgb": True, "path": str(path.absolute())}
    keywords = {"name": stem, "rgb": True, "metadata": {METADATA_KEY: info}, **grid.layer_keywords()}
    return grid.to_shown(data), keywords, "image"


_READERS: dict[str, Callable[[Path], list[LayerData]]] = {
    "nifti": _read_nifti,
    "study": _read_study,
    "result": _read_result,
}
