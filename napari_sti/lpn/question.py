"""What can be asked of a prior, as plain values: the same for job files, the command line and the window.

torch is not loaded for it: questions are put together in the viewer's process.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

from napari_sti.core.errors import InputError
from napari_sti.core.params import from_mapping, param

ACTIONS: Mapping[str, str] = {
    "value": "Value and map",
    "prox": "Prox",
    "compare": "Compare two images",
    "perturb": "Perturb",
    "cut": "Cut",
    "check": "Check this prior",
}
"""What can be asked, with the words for it."""

WAYS: Mapping[str, str] = {
    "noise": "noise",
    "blur": "blur",
    "contrast": "contrast",
    "blend": "blend",
    "lesion": "lesion",
}
"""Ways to lead an image away from what a prior was taught."""

PROGRAMS = (".ts", ".jit", ".torchscript", ".onnx")
"""Endings of denoisers that are programs of others; they can only be checked."""

RISK = "This runs the program in the file. Load only files of people whom you would let run a program here."
"""Said wherever such a file is chosen."""

FILES = ("image", "other", "region")
"""Fields that name files of images."""


@dataclass(frozen=True)
class Question:
    """Images, weights and numbers of a question; what is asked is one of `ACTIONS`."""

    weights: str = param(
        "", label="Prior", help="Learned proximal network, or for checks any TorchScript or ONNX denoiser.", path="file"
    )
    image: str = param("", label="Image", help="NIfTI file: a volume, or a tensor of six volumes.", path="file")
    other: str = param("", label="Other image", help="For compare, blend and cut; on the same grid.", path="file")
    region: str = param(
        "",
        label="Region",
        help="Labels on the same grid: each gets its share of R, only they are perturbed, and they are the lesion.",
        path="file",
    )
    axis: int = param(2, label="Axis", help="Across which 2-D networks take slices.", low=0, high=2)
    slice: int | None = param(None, label="Slice", help="Its index along the axis, from 0, for 2-D networks.", low=0)
    every_slice: bool = param(False, label="Every slice", help="Take all slices, one after the other.")
    scale: float | None = param(None, label="Scale", help="Values are multiplied by it; else what the weights state.")
    unit_range: bool = param(False, label="Unit range", help="Bring values to 0 ... 1 by their quantiles.")
    ways: str = param("noise,blur", label="Perturb by", help=f"Some of {', '.join(WAYS)}.")
    lesion: float | None = param(
        None, label="Lesion value", help="In the unit of the image; of a tensor its mean, without direction."
    )
    noise: float | None = param(
        None,
        label="Noise",
        help="Of a check: standard deviation in the scale of the network; else what the weights state, or 0.1.",
        low=1e-9,
        high=1e6,
    )
    dims: int = param(2, label="Axes", help="Spatial axes that a denoiser of others takes.", low=2, high=3)
    tolerance: float = param(
        1e-4, label="Tolerance", help="Relative residual of the inversion.", low=1e-9, high=0.999999
    )
    iterations: int = param(300, label="Iterations", help="Of the inversion, at most.", low=1, high=1_000_000)
    seed: int = param(0, label="Seed", help="Of noise and directions.", low=0, high=2**31 - 1)

    @property
    def chosen_ways(self) -> tuple[str, ...]:
        """Ways by their names, each once, in the order in which they are known."""
        given = {word.strip() for word in self.ways.split(",") if word.strip()}
        return tuple(way for way in WAYS if way in given)


def question_of(action: str, values: Mapping[str, object]) -> Question:
    """Read a question from plain values.

    Raises
    ------
    InputError
        If something is unknown or missing, or does not go together.
    """
    if action not in ACTIONS:
        raise InputError(f"{action!r} cannot be asked of a prior", mend=f"use one of {', '.join(ACTIONS)}")
    question = from_mapping(Question, values)
    _check_files(action, question)
    if question.unit_range and question.scale is not None:
        raise InputError("a scale and the unit range exclude each other", mend="give one of them")
    if question.scale == 0:
        raise InputError("values cannot be multiplied by 0")
    if question.every_slice and question.slice is not None:
        raise InputError("one slice and every slice exclude each other", mend="give one of them")
    if action == "perturb":
        _check_ways(question)
    return question


def _check_files(action: str, question: Question) -> None:
    if not question.weights:
        raise InputError("no weights are given", mend="name a learned proximal network")
    if Path(question.weights).suffix.lower() in PROGRAMS and action != "check":
        raise InputError(
            "only the prior of a learned proximal network can be computed; other denoisers can be checked",
            file=question.weights,
            mend="ask for a check",
        )
    if not question.image and action not in ("cut", "check"):  # which can be asked of networks for points
        raise InputError("no image is given", mend="name an image")
    if action == "compare" and not question.other:
        raise InputError("there is nothing to compare with", mend="name another image")


def _check_ways(question: Question) -> None:
    unknown = {word.strip() for word in question.ways.split(",") if word.strip()} - set(WAYS)
    if unknown or not question.chosen_ways:
        said = f"{sorted(unknown)[0]!r} is no way" if unknown else "no way is given"
        raise InputError(f"{said} to perturb an image", mend=f"give some of {', '.join(WAYS)}")
    if "blend" in question.chosen_ways and not question.other:
        raise InputError("there is no other image to blend with", mend="name another image, or leave blend out")
    if "lesion" in question.chosen_ways and (not question.region or question.lesion is None):
        raise InputError("a lesion needs a painted region and a value", mend="give both, or leave lesion out")


def resolved(question: Question, folder: Path) -> Question:
    """The same question with the paths of its images, where they are relative, taken from a folder."""
    found = {name: str(folder / getattr(question, name)) for name in FILES if getattr(question, name)}
    return replace(question, **found)  # type: ignore[arg-type]


def changed(question: Question) -> dict[str, object]:
    """What differs from the defaults, as plain values."""
    values = {field.name: (getattr(question, field.name), field.default) for field in fields(question)}
    return {name: value for name, (value, default) in values.items() if value != default}
