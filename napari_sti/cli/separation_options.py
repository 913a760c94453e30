"""What ``napari-sti evaluate --separation`` takes beside, and instead of, the options for reconstructions."""

import argparse
from typing import TYPE_CHECKING, Any

from napari_sti.core.errors import InputError

if TYPE_CHECKING:
    from napari_sti.evaluate.separation_design import SeparationDesign

QUICK: dict[str, Any] = dict(orientations=(1, 4), seeds=1, voxel_size=5.0)
FULL: dict[str, Any] = dict(orientations=(1, 2, 3, 4, 5, 6), seeds=2, voxel_size=3.0)

OF_SEPARATION = {"dr_cases": "--dr-cases", "chi": "--chi", "rate_snr": "--rate-snr"}
OF_RECONSTRUCTION = {"max_tilt": "--max-tilt", "brains": "--brains", "real_data": "--real-data"}


def add_separation_options(parser: argparse.ArgumentParser) -> None:
    """Add the options; nothing stated is None, so that it is known what was stated."""
    group = parser.add_argument_group("separation (with --separation)")
    group.add_argument(
        "--separation",
        action="store_true",
        help="evaluate methods of source separation instead, on the brain with iron and myelin: --methods are those of"
        " 'napari-sti methods --separation'; --orientations, --snr (one value), --seeds, --voxel-size and --quick as"
        " above [1-6, 30, 2, 3; with --quick 1 4, 30, 1, 5]",
    )
    group.add_argument(
        "--dr-cases",
        nargs="+",
        metavar="CASE",
        help="consistent (the Dr that made R2' is assumed), inconsistent (137 made it, 114 is assumed), theory (static"
        " dephasing, which no single Dr fits) [all]",
    )
    group.add_argument(
        "--chi",
        metavar="METHOD",
        help="reconstructs the tensor for methods that start from one; truth takes the true one with noise"
        " [deepsti; with --quick stiimag]",
    )
    group.add_argument("--rate-snr", type=float, metavar="DB", help="noise level of R2' in dB [10]")


def refuse_mixed(options: argparse.Namespace) -> None:
    """Refuse options of the other kind of evaluation.

    Raises
    ------
    InputError
        If there are any.
    """
    unfit = OF_RECONSTRUCTION if options.separation else OF_SEPARATION
    for name, flag in unfit.items():
        if getattr(options, name) is not None:
            other = "reconstructions" if options.separation else "separations"
            raise InputError(
                f"{flag} belongs to the evaluation of {other}",
                mend="leave it out" if options.separation else "add --separation, or leave it out",
            )


def separation_design(
    options: argparse.Namespace,
    methods: list[str],
    cases: list[str],
    orientations: tuple[int, ...] | None,
    snr: tuple[float, ...] | None,
) -> "SeparationDesign":
    """Make the design of what was asked for.

    Raises
    ------
    InputError
        If it cannot be.
    """
    from napari_sti.evaluate.separation_design import DR_CASES, SeparationDesign

    if snr is not None and len(snr) > 1:
        raise InputError(
            "separations are evaluated at one noise level of the field maps", mend="give one value of --snr"
        )
    values = dict(QUICK if options.quick else FULL)
    given = {"orientations": orientations, "seeds": options.seeds, "voxel_size": options.voxel_size}
    values |= {name: value for name, value in given.items() if value is not None}
    return SeparationDesign(
        methods=tuple(methods or _usual(options.quick)),
        cases=tuple(cases or DR_CASES),
        chi=options.chi or ("stiimag" if options.quick else "deepsti"),
        snr=30.0 if snr is None else snr[0],
        rate_snr=10.0 if options.rate_snr is None else options.rate_snr,
        device=options.device,
        **values,
    )


def _usual(quick: bool) -> list[str]:
    """All methods, the closed form first; coarse voxels of ``--quick`` are unlike anything that weights have seen."""
    from napari_sti.core.params import describe
    from napari_sti.recon.separation_registry import separation_methods

    known = separation_methods()
    trained = {id_ for id_, method in known.items() if any(p.name == "weights" for p in describe(method.Params))}
    return sorted((id_ for id_ in known if not (quick and id_ in trained)), key=lambda id_: id_ != "closed_form")
