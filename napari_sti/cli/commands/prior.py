"""``napari-sti prior``."""

import argparse
from pathlib import Path
from typing import Any

from napari_sti.cli.command import DEVICES, Meter, add_out

NAME = "prior"
HELP = "what a learned prior thinks of an image: value, map, inverse; perturb, compare, cut and check"
ORDER = 48


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "image",
        nargs="?",
        metavar="IMAGE",
        help="NIfTI file: a volume, or a tensor of six volumes; networks for points are cut or checked without",
    )
    parser.add_argument(
        "--weights",
        required=True,
        metavar="FILE",
        help="learned proximal network (.safetensors, a published checkpoint, or the name of shipped weights); "
        "for --check also a denoiser in TorchScript or ONNX, which is a program that is run",
    )
    _add_actions(parser.add_mutually_exclusive_group())
    parser.add_argument("--other", metavar="FILE", help="image to blend with, or to cut towards")
    parser.add_argument(
        "--region",
        metavar="FILE",
        help="labels: each gets its share of R; only they are perturbed or cut; they are the lesion",
    )
    parser.add_argument("--lesion-value", type=float, metavar="V", help="of a lesion, in the unit of the image")
    parser.add_argument("--slice", type=int, metavar="K", help="for 2-D networks: index along the axis, from 0")
    parser.add_argument("--every-slice", action="store_true", help="for 2-D networks: all slices")
    parser.add_argument(
        "--axis", type=int, choices=(0, 1, 2), default=2, help="across which slices are taken (default: 2, the third)"
    )
    parser.add_argument(
        "--scale",
        type=float,
        metavar="S",
        help="multiply values by this first (default: what the weights state, else 1)",
    )
    parser.add_argument("--unit-range", action="store_true", help="bring values to 0 ... 1 by their quantiles first")
    parser.add_argument("--noise", type=float, metavar="SD", help="of --check, in the scale of the network")
    parser.add_argument(
        "--dims", type=int, choices=(2, 3), default=2, help="axes that a TorchScript or ONNX denoiser takes (default 2)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of noise and directions (default: 0)")
    parser.add_argument(
        "--tolerance", type=float, default=1e-4, help="relative residual of the inversion (default: 1e-4)"
    )
    parser.add_argument("--iterations", type=int, default=300, help="of the inversion, at most (default: 300)")
    parser.add_argument("--figure", metavar="NAME", help="draw what came out as well: .png, .pdf, .svg or .tif")
    parser.add_argument("--device", choices=DEVICES, default="auto")
    add_out(parser)


def _add_actions(group: Any) -> None:
    group.add_argument("--prox", action="store_true", help="only f(x)")
    group.add_argument("--compare", metavar="OTHER", help="value, line and map from the image to another one")
    group.add_argument(
        "--perturb", metavar="WAYS", help="R along some of noise, blur, contrast, blend, lesion (with commas)"
    )
    group.add_argument("--cut", action="store_true", help="psi, f and R along a line")
    group.add_argument("--check", action="store_true", help="whether it is a prox, with numbers")


def run(options: argparse.Namespace) -> int:
    """Do it; see ``HELP``."""
    from napari_sti.core.errors import InputError
    from napari_sti.io import atomic
    from napari_sti.io.results import check_folder
    from napari_sti.jobs.prior import answer, refuse_inputs, write_answer
    from napari_sti.lpn.question import question_of

    if not 0 < options.tolerance < 1 or options.iterations < 1:
        raise InputError("the tolerance has to lie between 0 and 1, and the iterations have to be at least 1")
    action = _action(options)
    question = question_of(action, _values(options))
    check_folder(options.out, overwrite=options.overwrite)
    refuse_inputs(options.out, question)
    with Meter("prior") as meter:
        found, asked, record = answer(action, question, options.device, meter)
    atomic.prepare_folder(options.out, overwrite=options.overwrite)
    write_answer(found, asked, record, options.out, overwrite=options.overwrite)
    if options.figure is not None:
        from napari_sti.evaluate.prior_figure import draw_answer

        draw_answer(options.out, options.out / options.figure, overwrite=options.overwrite)
    for line in said(record, options.out):
        print(line)
    return 0


def _action(options: argparse.Namespace) -> str:
    asked = ("prox", "compare", "perturb", "cut", "check")
    return next((name for name in asked if getattr(options, name)), "value")


def _values(options: argparse.Namespace) -> dict[str, Any]:
    from napari_sti.core.errors import InputError

    if options.compare and options.other:
        raise InputError("the other image is given twice", mend="leave --other out")
    values = {
        "weights": options.weights,
        "image": _path(options.image),
        "other": _path(options.compare or options.other),
        "region": _path(options.region),
        "lesion": options.lesion_value,
        "every_slice": options.every_slice,
    }
    for name in ("slice", "axis", "scale", "unit_range", "noise", "dims", "seed", "tolerance", "iterations"):
        values[name] = getattr(options, name)
    if options.perturb:
        values["ways"] = options.perturb
    return values


def _path(given: str | None) -> str:
    return "" if given is None else str(Path(given).expanduser().absolute())


def said(record: dict[str, Any], out: Path) -> list[str]:
    """What came out, in a few lines."""
    action = record["action"]
    if action == "value":
        return [_value(record, out)]
    if action == "prox":
        return [f"the prox changes the image by {100 * record['change']:.2g} % of its size; files in {out}"]
    if action == "compare":
        first, second, between = record["image"]["value"], record["other"]["value"], record["difference"]
        return [f"R = {_number(first)} and {_number(second)}, difference {_number(between)}; files in {out}"]
    if action == "perturb":
        return [
            f"{curve['name']}: "
            + ", ".join(f"{lv:g}: {_number(v)}" for lv, v in zip(curve["levels"], curve["values"], strict=True))
            for curve in record["curves"]
        ]
    if action == "cut":
        return [f"psi, f and R along {record['cut']['along']} in {out / 'cut.csv'}"]
    marks = {True: "passed", False: "FAILED", None: "      "}
    return [*(f"{marks[c['passed']]}  {c['title']}: {c['says']}" for c in record["checks"]), record["conclusion"]]


def _number(value: float | None) -> str:
    return "no value" if value is None else f"{value:.6g}"


def _value(record: dict[str, Any], out: Path) -> str:
    if record["in_range"]:
        return f"R = {record['value']:.6g} (up to a constant), residual {record['residual']:.1e}; files in {out}"
    return (
        f"the image is not in the range of the network as far as {record['iterations']} iterations tell "
        f"(residual {record['residual']:.2g}): the prior has no value there; prox in {out}"
    )
