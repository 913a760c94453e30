"""Trained weights: where they are, what their card says, and whether a study is like what they saw.

Forms are made from this in the viewer's process, so torch is never loaded here.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_sti.core import frames
from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import InputError

SHIPPED = Path(__file__).resolve().parent.parent / "weights"
"""Folder of the weights that come with the package."""

SAMPLE_ANATOMY = "mni152"
"""What a card says of its training brains if they are made like the sample brain."""

PICKLES = (".pkl", ".pt", ".pth", ".ckpt")
"""Endings of checkpoints as the published program writes them."""


@dataclass(frozen=True)
class Header:
    """What a safetensors file says of its numbers: family of the network, how to build it, and its card."""

    family: str
    config: dict[str, Any]
    card: dict[str, Any]


def read_header(file: Path) -> Header:
    """Read what a file of weights says of itself, without its numbers.

    Raises
    ------
    InputError
        If it is missing, not a safetensors file, or was not written by napari-sti.
    """
    metadata = _metadata(file)
    try:
        family = metadata["family"]
        config, card = (json.loads(metadata[key]) for key in ("config", "card"))
    except (KeyError, TypeError, ValueError) as error:
        raise unfit_header(file, "it does not say which network it belongs to") from error
    if not (isinstance(family, str) and isinstance(config, dict) and isinstance(card, dict)):
        raise unfit_header(file, "it does not say which network it belongs to")
    return Header(family, config, card)


def _metadata(file: Path) -> dict[str, Any]:
    """The text beside the numbers: eight bytes of length, then JSON."""
    try:
        with open(file, "rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if not 2 <= length <= 10_000_000:
                raise unfit_header(file, "it is not a safetensors file")
            header = json.loads(stream.read(length))
    except OSError as error:
        raise InputError(f"the weights cannot be read ({error.strerror})", file=file, mend="check the path") from error
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise unfit_header(file, "it is not a safetensors file, or is cut off") from error
    found = header.get("__metadata__") if isinstance(header, dict) else None
    return found if isinstance(found, dict) else {}


def unfit_header(file: Path, why: str) -> InputError:
    """The refusal of a file of weights."""
    return InputError(
        f"the weights cannot be used: {why}", file=file, mend="give a .safetensors written by napari-sti train"
    )


# ---- finding ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Weights:
    """Trained weights that are there.

    Parameters
    ----------
    name : str
        As it was asked for, or the name of the file.
    file : path
    header : Header or None
        None for checkpoints of the published program, of which nothing is stated.
    """

    name: str
    file: Path
    header: Header | None

    @property
    def card(self) -> dict[str, Any]:
        """What is known of them."""
        return {} if self.header is None else self.header.card

    @property
    def title(self) -> str:
        """What people call them."""
        return str(self.card.get("title") or self.name)


def find_weights(asked: str | Path) -> Weights:
    """Find weights that come with the package by their name, and others by their path.

    Parameters
    ----------
    asked : str
        Such as ``"deepsti-compact"``, or the path of a ``.safetensors`` or of a checkpoint of the published program.

    Raises
    ------
    InputError
        If there are none, or they cannot be used.
    """
    text = str(asked).strip()
    shipped = SHIPPED / f"{text}.safetensors"
    if Path(text).name == text and shipped.is_file():
        return Weights(text, shipped, read_header(shipped))
    file = Path(text).expanduser()
    if not file.suffix and Path(text).name == text:
        raise InputError(f"there are no weights of the name {text!r}", mend=_others())
    if not file.is_file():
        raise InputError("there is no such file of weights", file=file, mend="check the path")
    return Weights(file.stem, file, None if file.suffix.lower() in PICKLES else read_header(file))


def _others() -> str:
    known = sorted(path.stem for path in SHIPPED.glob("*.safetensors") if not path.stem.startswith("lpn-"))
    if known:
        return f"known are {', '.join(known)}; or give the path of a file"
    return "none come with this version: give the path of a file, or train some with napari-sti train"


# ---- what they are made for -------------------------------------------------------------------------------------


def domain_remarks(weights: Weights, acquisition: Acquisition) -> tuple[str, ...]:
    """Say in plain sentences where a study is unlike what the weights saw in their training, or too much like it."""
    domain = weights.card.get("domain")
    if not isinstance(domain, dict) or not domain:
        return (
            f"Nothing is stated of what the weights {weights.name} were trained on, so that voxel size, field "
            "strength, orientations and field of this study could not be checked against it.",
        )
    outside = [
        *_outside("voxels of", " mm", acquisition.voxel_size, domain.get("voxel_size_mm"), 0.02),
        *_outside("a field strength of", " T", _strength(acquisition), domain.get("b0_t"), 0.05),
        *_outside("a number of orientations of", "", (acquisition.n_orientations,), domain.get("orientations"), 0.0),
        *_tilted(acquisition, domain.get("max_tilt_deg")),
        *_unlike_fields(acquisition, domain.get("field_ppm")),
    ]
    unlike = tuple(f"Outside of what the weights saw in their training, so not to be relied on: {o}." for o in outside)
    return unlike + _too_much_alike(weights, acquisition)


def _too_much_alike(weights: Weights, acquisition: Acquisition) -> tuple[str, ...]:
    if not acquisition.simulated or weights.card.get("anatomy") != SAMPLE_ANATOMY:
        return ()
    return (
        "The weights were trained on brains made like the simulated sample brain, from the same anatomy and bundles: "
        "on that one the result looks better than it would on any other.",
    )


def _strength(acquisition: Acquisition) -> tuple[float, ...]:
    return () if acquisition.b0 is None else (acquisition.b0,)


def _outside(what: str, unit: str, values: Sequence[float], seen: Any, slack: float) -> list[str]:
    if not seen or not values:
        return []
    low, high = (float(end) for end in seen)
    if min(values) >= low * (1 - slack) and max(values) <= high * (1 + slack):
        return []
    found = " x ".join(f"{value:.3g}" for value in values)
    limits = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    return [f"{what} {found}{unit} (they saw {limits}{unit})"]


def _tilted(acquisition: Acquisition, most: Any) -> list[str]:
    """Angle of the field to the upright axis of the world: the network knows the anatomy by its axes."""
    if most is None or not np.isfinite(acquisition.b0_dirs).all():
        return []
    turn = frames.between("voxel", "ras", acquisition.affine)
    upright = np.abs(frames.rotate_vectors(acquisition.b0_dirs, turn)[:, 2]).clip(0, 1)
    largest = float(np.degrees(np.arccos(upright)).max())
    if largest <= float(most) + 1:
        return []
    return [f"a head tilted by {largest:.0f} degrees (they saw tilts up to {float(most):.0f})"]


def _unlike_fields(acquisition: Acquisition, seen: Any) -> list[str]:
    """Percentiles of the field: beyond those that were seen, or so far within that the unit may be wrong."""
    if not seen or acquisition.field is None:
        return []
    low, high = (float(end) for end in seen)
    inside = acquisition.field[:, acquisition.mask]
    first, last = (float(v) for v in np.percentile(inside, (1, 99)))
    slack = 0.1 * (high - low)
    wide, narrow = first < low - slack or last > high + slack, last - first < 0.2 * (high - low)
    if not wide and not narrow:
        return []
    than = "wider" if wide else "much narrower"
    return [f"a field of {first:.3f} to {last:.3f} ppm (1st to 99th percentile; {than} than {low:.3f} to {high:.3f})"]
