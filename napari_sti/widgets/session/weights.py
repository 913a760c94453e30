"""Which trained weights there are for a method, what their cards say, and whether a study is like what they saw.

torch is never loaded for it.
"""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.errors import InputError
from napari_sti.core.method import Method
from napari_sti.io.study import Study
from napari_sti.recon import weights as known
from napari_sti.recon.weights import Weights, domain_remarks, find_weights
from napari_sti.widgets.session.study_check import StudyCheck
from napari_sti.widgets.words import duration

_BETWEEN = "{} to {}"


def shipped(method: str, *, any_use: bool = False) -> tuple[Weights, ...]:
    """Weights of a method that come with the package; their names begin with that of the method.

    Some are for other things, and their cards list the methods that they are for; `any_use` takes these, too.
    """
    names = sorted(path.stem for path in known.SHIPPED.glob(f"{method}*.safetensors"))
    found = (find_weights(name) for name in names if not weights_problem(name))
    return tuple(weights for weights in found if any_use or method in weights.card.get("methods", [method]))


def weights_problem(weights: str) -> str:
    """Why weights cannot be used, in a sentence; empty if they can, or none are chosen."""
    try:
        if weights:
            find_weights(weights)
    except InputError as error:
        return str(error)
    return ""


def has_weights(method: Method) -> bool:
    """Whether a method can run with the weights that it takes by default, or needs none."""
    default = getattr(method.Params(), "weights", "")
    return not method.needs.weights or bool(default and not weights_problem(str(default)))


def unlike_training(
    weights: str, study: Study, check: StudyCheck, field: tuple[float, float] | None
) -> tuple[str, ...]:
    """Say where a study is unlike what weights saw in their training; nothing is said of those that cannot be used.

    Parameters
    ----------
    weights : str
        Name or file.
    study, check
        The study, and what its headers tell.
    field : (float, float), optional
        1st and 99th percentile of its field inside the mask in ppm, if that is known.
    """
    if not weights or weights_problem(weights):
        return ()
    outline: Any = SimpleNamespace(
        voxel_size=check.voxel_size or (),
        b0=study.tesla,
        n_orientations=len(study.orientations),
        b0_dirs=np.array([d or (np.nan,) * 3 for d in check.directions]).reshape(-1, 3),
        affine=np.eye(4),  # the directions are those of the world
        field=None if field is None else _with_percentiles(*field),
        mask=np.ones(101, bool),
        simulated=study.simulated,
    )
    return domain_remarks(find_weights(weights), outline)


def _with_percentiles(low: float, high: float) -> NDArray[np.float64]:
    """A stand-in for field maps with these percentiles (1st and 99th)."""
    return np.repeat([low, high], (50, 51))[None]


def card_lines(card: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """What a card says, as labels with their texts, in the order in which it matters."""
    given = dict(card)
    lines = [
        ("Trained on", _text(given.get("trained_on"))),
        ("Made for", "; ".join(_domain(given.get("domain") or {}))),
        ("Scores", _text(given.get("scores"))),
        ("Limits", _text(given.get("limits"))),
        ("Network", _network(given)),
        ("Training", _training(given)),
        ("Machine", _text(given.get("machine"))),
    ]
    return tuple((label, text) for label, text in lines if text)


def _network(card: Mapping[str, Any]) -> str:
    parts = [str(card["family"])] if card.get("family") else []
    if isinstance(card.get("parameters"), int):
        parts.append(f"{card['parameters'] / 1e6:.2g} million parameters")
    return ", ".join(parts)


def _training(card: Mapping[str, Any]) -> str:
    parts = [str(card["recipe"])] if card.get("recipe") else []
    parts += [f"seed {card['seed']}"] if card.get("seed") is not None else []
    parts += [f"{card['steps']} steps"] if card.get("steps") else []
    parts += [duration(float(card["seconds"]))] if card.get("seconds") else []
    return ", ".join(parts)


def _domain(domain: Mapping[str, Any]) -> list[str]:
    words = (
        ("orientations", "{} orientations"),
        ("voxel_size_mm", "voxels of {} mm"),
        ("max_tilt_deg", "tilts up to {}°"),
        ("b0_t", "{} T"),
        ("field_ppm", "fields of {} ppm"),
        ("snr_db", "noise of {} dB"),
        ("dims", "{}-D images"),
        ("channels", "values per voxel: {}"),
        ("unit", "{}"),
        ("noise", "noise of {}"),
    )
    return [text.format(_range(domain[name])) for name, text in words if domain.get(name) is not None]


def _range(value: Any) -> str:
    if isinstance(value, list | tuple) and len(value) == 2:
        low, high = (_text(end) for end in value)
        return low if low == high else _BETWEEN.format(low, high)
    return _text(value)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return ", ".join(
            f"{str(name).rpartition('/')[2].replace('_', ' ')} {_text(one)}" for name, one in value.items()
        )
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_text, value))
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)
