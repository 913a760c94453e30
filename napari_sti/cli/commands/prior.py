"""``napari-sti prior``."""

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

from napari_sti.cli.command import DEVICES, Meter, add_out

NAME = "prior"
HELP = "what a learned prior thinks of an image: value, map, inverse"
ORDER = 48

WRITTEN = ("inverse", "prox", "prior_map")


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("image", type=Path, metavar="IMAGE", help="NIfTI file: a volume, or a tensor of six volumes")
    parser.add_argument(
        "--weights",
        required=True,
        metavar="FILE",
        help="learned proximal network (.safetensors, or a published checkpoint)",
    )
    parser.add_argument("--slice", type=int, metavar="K", help="for 2-D networks: index along the third axis, from 0")
    parser.add_argument(
        "--scale",
        type=float,
        metavar="S",
        help="multiply values by this first (default: what the weights state, else 1)",
    )
    parser.add_argument("--unit-range", action="store_true", help="bring values to 0 ... 1 by their quantiles first")
    parser.add_argument(
        "--tolerance", type=float, default=1e-4, help="relative residual of the inversion (default: 1e-4)"
    )
    parser.add_argument("--iterations", type=int, default=300, help="of the inversion, at most (default: 300)")
    parser.add_argument("--device", choices=DEVICES, default="auto")
    add_out(parser)


def run(options: argparse.Namespace) -> int:
    """Do it; see ``HELP``."""
    from napari_sti.core.errors import InputError
    from napari_sti.io import atomic
    from napari_sti.io.nifti import write_volume
    from napari_sti.io.results import check_folder, check_no_input
    from napari_sti.lpn.checkpoint import load_lpn
    from napari_sti.lpn.images import from_batch, to_batch
    from napari_sti.lpn.prior import prior, prior_map
    from napari_sti.recon.devices import resolve

    if not 0 < options.tolerance < 1 or options.iterations < 1:
        raise InputError("the tolerance has to lie between 0 and 1, and the iterations have to be at least 1")
    check_folder(options.out, overwrite=options.overwrite)
    device = resolve(options.device)
    network, card = load_lpn(options.weights, device)
    values, affine, scale, offset = _read(options, network, card)
    check_no_input(options.out, [str(options.image)], further=WRITTEN)
    x = to_batch(values, network).to(device)
    start = time.perf_counter()
    with Meter("prior") as meter:
        found = prior(network, x, tolerance=options.tolerance, iterations=options.iterations, progress=meter)
    seconds = time.perf_counter() - start
    inside = bool(found.inversion.in_range[0])
    atomic.prepare_folder(options.out, overwrite=options.overwrite)
    volumes = {"prox": network.prox(x) / scale + offset}
    if inside:
        volumes["inverse"] = found.inversion.y / scale + offset
        if network.has_terms:
            volumes["prior_map"] = prior_map(network, x, found.inversion.y)
    for name in WRITTEN:
        path = options.out / f"{name}.nii.gz"
        if name in volumes:
            write_volume(path, from_batch(volumes[name], values), affine, overwrite=options.overwrite, description=name)
        else:  # of an earlier run, and no longer true
            path.unlink(missing_ok=True)
    record = _record(options, found, seconds, device, scale, offset)
    atomic.write_text(options.out / "prior.json", json.dumps(record, indent=2) + "\n", overwrite=options.overwrite)
    _tell(record, options.out)
    return 0


def _read(options: argparse.Namespace, network: Any, card: dict[str, Any]) -> tuple[Any, Any, float, float]:
    """Values in the scale of the network, (X, Y, Z[, C]), their affine, and the line that brought them there."""
    import numpy as np

    from napari_sti.core.errors import InputError
    from napari_sti.io.nifti import read_volume
    from napari_sti.lpn.images import unit_range

    if options.unit_range and options.scale is not None:
        raise InputError("--scale and --unit-range exclude each other", mend="give one of them")
    volume = read_volume(options.image, dims=(3, 4))
    values, affine = volume.data, volume.affine.copy()
    if options.slice is not None:
        if network.spatial != 2:
            raise InputError("--slice is for 2-D networks, and this one is for volumes", mend="leave it out")
        if not 0 <= options.slice < values.shape[2]:
            raise InputError(
                f"there is no slice {options.slice}", file=options.image, mend=f"0 to {values.shape[2] - 1}"
            )
        values = values[:, :, options.slice : options.slice + 1]
        affine[:3, 3] += affine[:3, 2] * options.slice
    if options.unit_range:
        return (*_line(unit_range(values), affine),)
    stated = card.get("domain", {}).get("scale", 1.0) if isinstance(card.get("domain"), dict) else 1.0
    scale = float(stated if options.scale is None else options.scale)
    if not math.isfinite(scale) or scale == 0:
        raise InputError(f"values cannot be multiplied by {scale:g}")
    return values * np.float32(scale), affine, scale, 0.0


def _line(found: tuple[Any, float, float], affine: Any) -> tuple[Any, Any, float, float]:
    values, scale, offset = found
    return values, affine, scale, offset


def _record(
    options: argparse.Namespace, found: Any, seconds: float, device: str, scale: float, offset: float
) -> dict[str, Any]:
    from napari_sti.core.provenance import file_hash, versions

    value, inversion = float(found.value[0]), found.inversion
    return {
        "value": value if math.isfinite(value) else None,
        "residual": float(inversion.residual[0]),
        "in_range": bool(inversion.in_range[0]),
        "slack": float(inversion.slack[0]) if math.isfinite(float(inversion.slack[0])) else None,
        "iterations": inversion.iterations,
        "tolerance": options.tolerance,
        "scale": scale,
        "offset": offset,
        "slice": options.slice,
        "image": {"path": str(options.image.absolute()), "sha256": file_hash(options.image)},
        "weights": str(options.weights),
        "device": device,
        "seconds": round(seconds, 2),
        "versions": versions(),
    }


def _tell(record: dict[str, Any], out: Path) -> None:
    if record["in_range"]:
        print(f"R = {record['value']:.6g} (up to a constant), residual {record['residual']:.1e}; files in {out}")
    else:
        print(
            f"the image is not in the range of the network as far as {record['iterations']} iterations tell "
            f"(residual {record['residual']:.2g}): the prior has no value there; prox in {out}"
        )
