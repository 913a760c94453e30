"""``napari-sti tracts``."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sti.cli.command import Meter, add_overwrite, add_parameters, assignments
from napari_sti.core.errors import InputError
from napari_sti.core.frames import FRAMES

if TYPE_CHECKING:
    from napari_sti.core.tracts import Tracts
    from napari_sti.maps.fibre_field import FibreField

NAME = "tracts"
HELP = "streamlines along the principal directions of a result, or of V1 and FA of a DTI"
ORDER = 60

PARAMETERS = (
    "floor",
    "angle",
    "min_length",
    "max_length",
    "step",
    "integration",
    "sampling",
    "per_seed",
    "spread_scale",
    "seed",
)
"""Those of `TrackParams`, named here so that nothing is imported for ``--help``."""


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "results",
        nargs="+",
        type=Path,
        metavar="RESULT",
        help="result folder, tensor file, or V1; several results of one study are replicates, each streamline in one",
    )
    parser.add_argument(
        "--replicates",
        action="store_true",
        help="probabilistic: follow the runs without one orientation each, which a result of 'trust' keeps",
    )
    parser.add_argument("--fa", type=Path, metavar="FA", help="FA of the same DTI, with V1")
    parser.add_argument("--frame", choices=FRAMES, help="axes of V1 or of a tensor file, where no sidecar tells them")
    parser.add_argument("--seeds", type=Path, metavar="FILE", help="mask or labels in which streamlines start")
    parser.add_argument("--label", type=int, metavar="N", help="only this label of the seeds")
    parser.add_argument(
        "--at", type=float, nargs=3, metavar=("R", "A", "S"), help="seeds in a ball around this place, RAS mm"
    )
    parser.add_argument("--radius", type=float, default=4.0, metavar="MM", help="of that ball (default: 4)")
    parser.add_argument("--most", type=int, default=10_000, metavar="N", help="seeds at most (default: 10000)")
    parser.add_argument("--mask", type=Path, metavar="FILE", help="streamlines end where they leave it")
    parser.add_argument("--beside", type=Path, metavar="FILE", help="other tracts (.trk, .tck, .trx): say the overlap")
    parser.add_argument("--density", type=Path, metavar="FILE", help="write the share of streamlines in each voxel")
    add_parameters(parser)
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="FILE", help="ends in .trk, .tck or .trx")
    add_overwrite(parser)
    parser.epilog = f"Parameters for -p: {', '.join(PARAMETERS)}; docs/tracts.md says what they are."


def run(options: argparse.Namespace) -> int:
    """Do it; see ``HELP``."""
    from napari_sti.core.params import from_mapping
    from napari_sti.io.tracts import check_target, load_tracts, save_tracts
    from napari_sti.maps.tracking import TrackParams
    from napari_sti.maps.tract_scores import overlap

    check_target(options.out, overwrite=options.overwrite)
    _check_density(options)
    params = from_mapping(TrackParams, assignments(options.param))
    beside = None if options.beside is None else load_tracts(options.beside)
    found, field = _track(options, params)
    if not len(found):
        raise InputError("no streamline is long enough", mend="lower min_length or floor, or seed elsewhere")
    save_tracts(found, options.out, overwrite=options.overwrite)
    _say(found, field)
    if beside is not None:
        shared = overlap(found, beside, field.affine, field.shape)
        print(
            f"Dice with {beside.name}: {shared.dice:.3f} by voxels, {shared.weighted_dice:.3f} weighted by visits; "
            f"overlap {shared.overlap:.3f}, overreach {shared.overreach:.3f}"
        )
    print(f"streamlines in {options.out}")
    _write_density(options, found, field)
    return 0


def _track(options: argparse.Namespace, params: Any) -> "tuple[Tracts, FibreField]":
    """The streamlines, and the directions on whose grid they lie."""
    from napari_sti.maps.fibre_field import open_fibres
    from napari_sti.maps.replicate_fields import open_replicates, track_kept
    from napari_sti.maps.tracking import track, track_replicates

    name = options.out.stem
    if options.replicates:
        if len(options.results) > 1:
            raise InputError("--replicates goes with one result", mend="leave it out: several results are replicates")
        kept = open_replicates(options.results[0])
        seeds, mask = _seeds(options, kept.full, params), _mask(options, kept.full)
        with Meter("tracts") as meter:
            return track_kept(kept, seeds, params, mask=mask, progress=meter, name=name), kept.full
    fields = []
    for path in options.results:
        field, notes = open_fibres(path, fa=options.fa, frame=options.frame)
        fields.append(field)
        for note in notes:
            print(f"note: {note}", file=sys.stderr)
    first = fields[0]
    seeds, mask = _seeds(options, first, params), _mask(options, first)
    if mask is not None and len(fields) > 1:
        raise InputError("--mask goes with one result", mend="leave it out, or track the replicates one by one")
    with Meter("tracts") as meter:
        if len(fields) > 1:
            return track_replicates(fields, seeds, params, progress=meter, name=name), first
        return track(first, seeds, params, mask=mask, progress=meter, name=name), first


def _check_density(options: argparse.Namespace) -> None:
    """Refuse the file of the density before anything is tracked."""
    path = options.density
    if path is not None and not path.name.endswith((".nii", ".nii.gz")):
        raise InputError("the density is a NIfTI file", file=path, mend="let its name end in .nii.gz")
    if path is not None and path.exists() and not options.overwrite:
        raise InputError("this file exists already", file=path, mend="choose another name or allow --overwrite")


def _write_density(options: argparse.Namespace, found: "Tracts", field: "FibreField") -> None:
    if options.density is None:
        return
    from napari_sti.io.nifti import write_volume
    from napari_sti.maps.tract_scores import density

    share = density(found, field.affine, field.shape)
    title = "share of the streamlines that pass, 0 to 1"
    write_volume(options.density, share, field.affine, overwrite=options.overwrite, description=title)
    print(f"share of the streamlines in each voxel in {options.density}")


def _seeds(options: argparse.Namespace, field: "FibreField", params: Any) -> Any:
    import numpy as np

    from napari_sti.core import frames
    from napari_sti.io.nifti import read_volume
    from napari_sti.maps.tract_seeds import at_most, seeds_around, seeds_everywhere, seeds_in

    if options.most < 1:
        raise InputError(f"--most {options.most} leaves no seed", mend="give 1 or more")
    if options.at is not None:
        if options.seeds is not None:
            raise InputError("--at and --seeds were both given", mend="give one of them")
        return seeds_around(options.at, options.radius, min(frames.voxel_size(field.affine)) / 2)
    if options.seeds is None:
        floor = field.floor() if params.floor is None else params.floor
        return at_most(seeds_everywhere(field, floor), options.most, seed=params.seed)
    volume = read_volume(options.seeds, what="seeds")
    values = np.nan_to_num(volume.data)
    region = values > 0.5 if options.label is None else values == options.label
    if not region.any():
        which = "no voxel" if options.label is None else f"no voxel of the label {options.label}"
        raise InputError(f"the seeds hold {which}", file=options.seeds, mend="give a mask or labels, or another label")
    return at_most(seeds_in(region, volume.affine), options.most, seed=params.seed)


def _mask(options: argparse.Namespace, field: "FibreField") -> Any:
    if options.mask is None:
        return None
    from napari_sti.io.nifti import read_volume
    from napari_sti.maps.one_grid import Grid

    return Grid(field.shape, field.affine, field.name).mask(read_volume(options.mask, what="mask"), "mask")


def _say(found: "Tracts", field: "FibreField") -> None:
    from napari_sti.maps.tract_scores import numbers_of

    numbers = numbers_of(found)
    told = found.provenance["params"]
    print(
        f"{numbers.count} streamlines of {found.provenance['seeds']} seeds; length mean {numbers.mean:.1f}, median "
        f"{numbers.median:.1f}, {numbers.shortest:.1f} to {numbers.longest:.1f} mm"
    )
    if "replicates" in found.provenance:
        scale = found.provenance.get("spread", {}).get("scale")
        moved = "" if scale is None else f", deviations times {scale:.3g}"
        print(f"{found.provenance['replicates']} replicates{moved}")
    print(
        f"stopped below {field.measure} {told['floor']:.3g} {field.unit}".rstrip()
        + f", turns above {told['angle']:g} degrees, steps of {told['step']:.3g} mm"
    )
