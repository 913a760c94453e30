"""What the Prior panel is asked to do, and why it cannot be done."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from napari_sti.lpn.question import Question
from napari_sti.widgets.number_boxes import number_text
from napari_sti.widgets.session.prior_model import Model
from napari_sti.widgets.session.prior_sources import TENSOR, Source

_TENSOR = 6  # values per voxel
SCALINGS = {"stated": "as the weights state", "range": "to 0 \N{HORIZONTAL ELLIPSIS} 1", "factor": "times"}


@dataclass(frozen=True)
class PriorChoice:
    """A question of the window.

    Parameters
    ----------
    weights : str
        Name or file.
    action : str
        One of `napari_sti.lpn.question.ACTIONS`.
    image, other : str
        Keys of sources; empty for none.
    region : str
        Name of a Labels layer; empty for none.
    ways : tuple of str
        For perturbations.
    every_slice : bool
        Whether a 2-D network takes all slices of a volume, or the one that is looked at.
    scaling : {"stated", "range", "factor"}
        How values are brought to the scale of the network.
    factor, lesion, noise, tolerance : float
        Numbers of a question.
    dims : int
        Spatial axes of a denoiser of others.
    device : str
    """

    weights: str = ""
    action: str = "value"
    image: str = ""
    other: str = ""
    region: str = ""
    ways: tuple[str, ...] = ("noise", "blur")
    every_slice: bool = False
    scaling: str = "stated"
    factor: float = 1.0
    lesion: float = 1.0
    noise: float = 0.1
    tolerance: float = 1e-4
    dims: int = 2
    device: str = "auto"

    @property
    def wants_other(self) -> bool:
        """Whether another image has to be there."""
        return self.action == "compare" or (self.action == "perturb" and "blend" in self.ways)

    @property
    def takes_other(self) -> bool:
        """Whether another image means something."""
        return self.wants_other or self.action == "cut"

    def params(self, model: Model) -> dict[str, Any]:
        """Parameters of the job, but for the files of the images."""
        values: dict[str, Any] = {"weights": self.weights}
        if self.scaling == "range":
            values["unit_range"] = True
        elif self.scaling == "factor":
            values["scale"] = self.factor
        if self.action == "perturb":
            values["ways"] = ",".join(self.ways)
            if "lesion" in self.ways:
                values["lesion"] = self.lesion
        if self.action == "check":
            values["noise"] = self.noise
            if model.program:
                values["dims"] = self.dims
        if self.tolerance != Question.tolerance:
            values["tolerance"] = self.tolerance
        return values


def dims_of(choice: PriorChoice, model: Model) -> int:
    """Spatial axes that are asked about; 0 where only the file knows."""
    return choice.dims if model.program else model.dims


def fits(image: Source | None, model: Model) -> bool:
    """Whether a prior takes as many values per voxel as an image has; what nobody knows fits."""
    return image is None or not model.channels or model.dims == 1 or image.channels == model.channels


def why_not(choice: PriorChoice, model: Model, known: Sequence[Source], region_names: Sequence[str]) -> str:
    """Why the question cannot be asked, in one line; empty if it can."""
    if model.problem:
        return model.problem
    if model.program and choice.action != "check":
        return "A denoiser of others has no prior that could be computed; it can be checked."
    if model.dims == 1:
        return "" if choice.action in ("cut", "check") else "This prior is of one variable: ask for a cut or a check."
    image = next((one for one in known if one.key == choice.image), None)
    if image is None:
        return "Open an image, or choose one." if not known else "Choose an image."
    if model.channels == _TENSOR and all(one.channels != _TENSOR for one in known):
        return "This prior is of tensors, and there is none: reconstruct one first."
    return _unfit(image, choice, model) or _lacks(choice, known, region_names, image)


def _unfit(image: Source, choice: PriorChoice, model: Model) -> str:
    if not fits(image, model):
        if model.channels == _TENSOR:
            return "This prior is of tensors: choose the tensor of a run as image."
        return f"This prior takes {model.channels} values per voxel, and the image has {image.channels}."
    dims = dims_of(choice, model)
    if image.shape and dims == 3 and image.dims == 2:
        return "This prior is of volumes, and the image is flat."
    if image.key.startswith(TENSOR) and dims == 2 and not choice.every_slice:
        return "Of a tensor every slice has to be taken: set Slices under More."
    if model.edge and image.shape:
        flat = [n for n in image.shape if n > 1]
        if flat.count(model.edge) < 2:
            return f"This prior takes images of {model.edge} x {model.edge} pixels alone."
    return ""


def _lacks(choice: PriorChoice, known: Sequence[Source], region_names: Sequence[str], image: Source) -> str:
    if choice.wants_other:
        other = next((one for one in known if one.key == choice.other), None)
        if other is None:
            return "Choose the other image."
        if other.key == image.key:
            return "The other image is the same one: choose another."
        if other.shape != image.shape or other.channels != image.channels:
            return "The other image has another size: R has one constant for each size."
    if choice.action == "perturb" and not choice.ways:
        return "Choose at least one way to perturb the image."
    if choice.action == "perturb" and "lesion" in choice.ways and not choice.region:
        painted = "choose it as region" if region_names else "add a Labels layer and paint it"
        return f"A lesion has to be painted: {painted}."
    return ""


def prior_command(choice: PriorChoice, model: Model, *, at: tuple[int, int] | None = None) -> str:
    """Write ``napari-sti prior ...``; files of layers are placeholders, named after them.

    Parameters
    ----------
    choice, model
        The question.
    at : (int, int), optional
        Axis and index of the slice that is looked at, where one is taken.
    """
    words = ["napari-sti", "prior"]
    words += [_placeholder(choice.image)] if choice.image and model.dims != 1 else []
    words += ["--weights", choice.weights]
    if choice.action == "compare":
        words += ["--compare", _placeholder(choice.other)]
    elif choice.action == "perturb":
        words += ["--perturb", ",".join(choice.ways)]
    elif choice.action != "value":
        words += [f"--{choice.action}"]
    if choice.action != "compare" and choice.takes_other and choice.other:
        words += ["--other", _placeholder(choice.other)]
    if choice.region:
        words += ["--region", _placeholder(choice.region)]
    words += _numbers(choice, model)
    if dims_of(choice, model) == 2:
        if choice.every_slice:
            words += ["--every-slice"]
        elif at is not None:
            words += ["--axis", str(at[0]), "--slice", str(at[1])]
    if choice.device != "auto":
        words += ["--device", choice.device]
    return shlex.join([*words, "-o", "prior"])


def _numbers(choice: PriorChoice, model: Model) -> list[str]:
    words = []
    for name, value in choice.params(model).items():
        if name == "unit_range":
            words += ["--unit-range"]
        elif name == "lesion":
            words += ["--lesion-value", number_text(value)]
        elif name in ("scale", "noise", "tolerance"):
            words += [f"--{name}", number_text(value)]
        elif name == "dims":
            words += ["--dims", str(value)]
    return words


def _placeholder(key: str) -> str:
    kind, colon, name = key.partition(":")
    return f"{name if colon and kind in ('layer', 'tensor') else key}.nii.gz"
