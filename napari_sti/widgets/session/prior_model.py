"""What a prior is for, from the header of its file: torch is never loaded for it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_sti.core.errors import InputError
from napari_sti.lpn.question import PROGRAMS
from napari_sti.recon.weights import find_weights

_FIXED = {"lpn_28": 28, "lpn_mnist": 28, "lpn_128": 128}
_CONFIGS = ("model_config.json", "model.json", "config.json")


@dataclass(frozen=True)
class Model:
    """A prior or denoiser, as far as its file says what it is.

    Parameters
    ----------
    weights : str
        Name or file.
    dims : int
        Spatial axes that it takes: 2 or 3; 1 for points, 0 where that is not known before it runs.
    channels : int
        Values per voxel; 0 where that is not known.
    edge : int
        The only size of an image that fits; 0 for any.
    has_terms : bool
        Whether it has a value for each voxel.
    program : bool
        Whether it is a program of others, that can be checked and nothing else.
    domain : mapping
        Of its card.
    problem : str
        Why it cannot be used; empty if it can.
    """

    weights: str
    dims: int = 0
    channels: int = 0
    edge: int = 0
    has_terms: bool = True
    program: bool = False
    domain: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""

    @property
    def wants_unit_range(self) -> bool:
        """Whether its card says that it saw brightness from 0 to 1."""
        return str(self.domain.get("unit", "")).startswith("brightness")

    @property
    def noise(self) -> float:
        """Standard deviation of the noise that it was made for."""
        stated = self.domain.get("noise")
        values = [float(v) for v in stated] if isinstance(stated, list | tuple) else []
        return max(values, default=0.0) or 0.1


def model_of(weights: str) -> Model:
    """Read what the file says."""
    if not weights:
        return Model("", problem="Choose a prior.")
    file = Path(weights).expanduser()
    if file.suffix.lower() in PROGRAMS:
        problem = "" if file.is_file() else "There is no such file of a denoiser: check the path."
        return Model(weights, has_terms=False, program=True, problem=problem)
    try:
        found = find_weights(weights)
    except InputError as error:
        return Model(weights, problem=str(error))
    if found.header is None:
        return _published(weights, found.file)
    stated = found.card.get("domain")
    return _of(weights, found.header.family, found.header.config, stated if isinstance(stated, dict) else {})


def _of(weights: str, family: str, config: Mapping[str, Any], domain: Mapping[str, Any]) -> Model:
    if family == "local":
        return Model(weights, int(config.get("dims", 3)), int(config.get("channels", 1)), domain=domain)
    if family in ("lpn_1d", "lpn"):
        return Model(weights, 1, 0, has_terms=False, domain=domain)
    if family in _FIXED:
        return Model(weights, 2, int(config.get("in_dim", 1)), _FIXED[family], has_terms=False, domain=domain)
    return Model(weights, problem=f"These are weights of {family}, which is no learned proximal network.")


def _published(weights: str, file: Path) -> Model:
    """A published checkpoint: which network it is stands in a JSON file beside it."""
    for path in (file.with_suffix(".json"), *(file.with_name(name) for name in _CONFIGS)):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return _of(weights, str(content["model"]), dict(content["params"]), {})
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return Model(weights)  # what is missing is said when it is read
