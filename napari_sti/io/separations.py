"""Separated susceptibility as files: both parts as NIfTI, and beside them what they are and how they were made.

``result.json`` has the format of other results, with ``kind: separation`` in its provenance, and is written last.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.core.frames import COMPONENTS, Frame, parse_frame
from napari_sti.core.provenance import file_hash
from napari_sti.core.relaxometry import Relaxation
from napari_sti.core.separated import SeparatedField
from napari_sti.io import atomic
from napari_sti.io.nifti import read_volume, write_volume
from napari_sti.io.results import load_tensor, refuse_to_replace
from napari_sti.io.sidecars import FORMAT, SIDECAR, VERSION, plain

NAMINGS = {"sti": ("chi_pos", "chi_neg"), "para-dia": ("chi-para", "chi-dia")}
"""Names of the files of both parts: ours, and those of other programs that score them."""
FURTHER = {
    "r2": ("Hz", "R2, found together with the sources"),
    "kernel": ("Hz/ppm", "decay kernel, in the place of Dr"),
}


def check_separation_folder(folder: Path, inputs: list[Any], *, naming: str = "sti") -> None:
    """Refuse a folder in which a result would replace what it is made from, even with leave to overwrite.

    Raises
    ------
    InputError
        That names the file that would be lost.
    """
    names = (*NAMINGS[naming], "chi_total", "mask", "chi_neg_tensor", "chi_neg_msa", "chi_neg_pev", *FURTHER)
    names += ("closed_form_chi_pos", "closed_form_chi_neg")
    refuse_to_replace(folder, names, inputs)


def save_separation(
    result: SeparatedField,
    folder: str | Path,
    *,
    frame: Frame = "voxel",
    naming: str = "sti",
    overwrite: bool = False,
) -> Path:
    """Write both parts, and everything that belongs to them, with the affine of the study.

    ``chi_pos.nii.gz``, ``chi_neg.nii.gz`` (magnitude), ``chi_total.nii.gz``, ``mask.nii.gz``; for tensors
    ``chi_neg.nii.gz`` is the magnitude of the mean, with ``chi_neg_tensor.nii.gz`` (negative, as it is),
    ``chi_neg_msa.nii.gz`` and ``chi_neg_pev.nii.gz``; the closed-form split as ``closed_form_chi_pos.nii.gz`` and
    ``closed_form_chi_neg.nii.gz``; and further maps such as ``r2.nii.gz``.

    Parameters
    ----------
    result : SeparatedField
        What to write.
    folder : path
        Made if it is missing; must be empty unless `overwrite`.
    frame : {"voxel", "ras", "lps", "fsl"}
        Axes in which the components of the tensor are written; the storage order stays.
    naming : {"sti", "para-dia"}
        ``"para-dia"`` calls both parts ``chi-para.nii.gz`` and ``chi-dia.nii.gz``.
    overwrite : bool
        Whether to write into a folder that holds something.

    Returns
    -------
    Path
        ``result.json``.

    Raises
    ------
    InputError
        If the folder is not empty or cannot be written, or the naming is not known.
    """
    if naming not in NAMINGS:
        raise InputError(f"the naming {naming!r} is not known", mend=f"use one of {', '.join(NAMINGS)}")
    folder = Path(folder)
    sources = [entry.get("path") for entry in result.provenance.get("inputs", ())]
    check_separation_folder(folder, sources, naming=naming)
    written = result.in_frame(parse_frame(frame))
    atomic.prepare_folder(folder, overwrite=overwrite)
    (folder / SIDECAR).unlink(missing_ok=True)  # an old one must not stand beside new maps
    files = {}
    for role, name, data, units, title in _maps(written, naming):
        path = folder / f"{name}.nii.gz"
        write_volume(path, data, result.affine, overwrite=True, description=title)
        files[role] = {"file": path.name, "units": units, "sha256": file_hash(path), "title": title}
    content = _sidecar(written, files)
    atomic.write_text(folder / SIDECAR, json.dumps(content, indent=2, ensure_ascii=False) + "\n", overwrite=True)
    return folder / SIDECAR


def _maps(result: SeparatedField, naming: str) -> list[tuple[str, str, NDArray[Any], str, str]]:
    """Role, name, values, unit and title of every file."""
    pos, neg = NAMINGS[naming]
    tensor = result.chi_neg_tensor
    mean = "mean of the " if tensor is not None else ""
    maps: list[tuple[str, str, NDArray[Any], str, str]] = [
        ("chi_pos", pos, result.chi_pos, "ppm", "paramagnetic susceptibility, ppm"),
        ("chi_neg", neg, result.chi_neg_magnitude, "ppm", f"magnitude of the {mean}diamagnetic susceptibility, ppm"),
        ("chi_total", "chi_total", result.total, "ppm", "total susceptibility chi+ + chi-, ppm"),
        ("mask", "mask", np.asarray(result.mask), "1 inside", "mask of the separation"),
    ]
    if tensor is not None:
        axes = f"axes {tensor.frame}"
        maps += [
            ("chi_neg_tensor", "chi_neg_tensor", tensor.chi, "ppm", f"diamagnetic tensor xx xy xz yy yz zz, {axes}"),
            ("chi_neg_msa", "chi_neg_msa", tensor.msa, "ppm", "anisotropy of the diamagnetic tensor, ppm"),
            ("chi_neg_pev", "chi_neg_pev", tensor.pev, "unit vector", f"its least diamagnetic axis, {axes}"),
        ]
    if result.closed_form is not None:
        floor = result.closed_form
        for part, data in (("pos", floor.chi_pos), ("neg", floor.chi_neg_magnitude)):
            name = f"closed_form_chi_{part}"
            maps.append((name, name, data, "ppm", "the same without regularisation, ppm"))
    for name, data in result.further.items():
        units, title = FURTHER.get(name, ("", name))
        maps.append((name, name, data, units, title))
    return maps


def _sidecar(result: SeparatedField, files: dict[str, Any]) -> dict[str, Any]:
    tensor = result.chi_neg_tensor
    constants = result.relaxation
    return {
        "format": FORMAT,
        "version": VERSION,
        "kind": "separation",
        "name": result.name,
        "dr": {"pos": constants.pos, "neg": constants.neg, "unit": "Hz/ppm", "source": constants.source},
        "signs": "chi_neg is written as a magnitude" + (", chi_neg_tensor as it is" if tensor is not None else ""),
        **({} if tensor is None else {"frame": tensor.frame, "order": list(COMPONENTS)}),
        "units": {name: entry["units"] for name, entry in files.items()},
        "shape": list(result.shape),
        "voxel_size_mm": [round(size, 6) for size in result.voxel_size],
        "orientation": frames.axis_codes(result.affine),
        "affine": result.affine.tolist(),
        "files": files,
        "provenance": plain(result.provenance),
    }


def load_separation(folder: str | Path) -> SeparatedField:
    """Read back what `save_separation` wrote, with components in voxel axes.

    Parameters
    ----------
    folder : path
        The folder, or the ``result.json`` in it.

    Raises
    ------
    InputError
        If it holds no finished separation.
    """
    folder = Path(folder)
    folder = folder.parent if folder.name == SIDECAR else folder
    sidecar = folder / SIDECAR
    content = _read(sidecar)
    files, dr = content["files"], content["dr"]

    def read(role: str) -> NDArray[np.float32]:
        return read_volume(folder / str(files[role]["file"]), what=role).data

    try:
        pos, magnitude, mask = read("chi_pos"), read("chi_neg"), read("mask") > 0.5
        affine = read_volume(folder / str(files["chi_pos"]["file"])).affine
        constants = Relaxation(float(dr["pos"]), float(dr["neg"]), str(dr["source"]))
        further = {name: read(name) for name in FURTHER if name in files}
        tensor = None
        if "chi_neg_tensor" in files:
            tensor = load_tensor(folder / str(files["chi_neg_tensor"]["file"]))
        floor = None
        if "closed_form_chi_pos" in files:
            parts = read("closed_form_chi_pos"), -read("closed_form_chi_neg")
            floor = SeparatedField(*parts, affine, constants, mask, name="closed form")
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError("this sidecar lacks an entry", file=sidecar, mend="run the separation again") from None
    signed = bool((pos >= 0).all() and (magnitude >= 0).all())
    return SeparatedField(
        chi_pos=pos,
        chi_neg=-magnitude,
        affine=affine,
        relaxation=constants,
        mask=mask,
        chi_neg_tensor=tensor,
        further=further,
        closed_form=floor,
        signed=signed,
        provenance=content.get("provenance") or {},
        name=str(content.get("name", folder.name)),
    )


def _read(sidecar: Path) -> dict[str, Any]:
    if not sidecar.is_file():
        raise InputError(
            f"the folder holds no finished result ({SIDECAR} is missing)",
            file=sidecar.parent,
            mend="choose another folder",
        )
    try:
        content = json.loads(sidecar.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        content = None
    known = isinstance(content, dict) and content.get("format") == FORMAT and content.get("kind") == "separation"
    if not known or not all(isinstance(content.get(key), dict) for key in ("files", "dr")):
        raise InputError(
            "this is not the sidecar of a separation", file=sidecar, mend="choose a folder that separate wrote"
        )
    return dict(content)
