"""What a learned prior thinks of an image: its value R(x), and where in the image it comes from.

With x = f(y), R(x) = <y, x> - |x|^2 / 2 - psi(y), up to one constant that is the same for all images of a size. R is
known only where such a y exists: elsewhere the value is NaN, and the residual of the inversion says how far it is.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from napari_sti.core.errors import InputError
from napari_sti.core.progress import Progress, silent
from napari_sti.lpn.inversion import TOLERANCE, Inversion, invert
from napari_sti.lpn.networks.base import Lpn


@dataclass(frozen=True, eq=False)
class PriorValue:
    """The learned prior at each image of a batch.

    Attributes
    ----------
    value : (B,) float64 tensor
        R(x) up to one constant; NaN where x is not in the range of f.
    inversion : Inversion
        The inverse, its residual, and whether x is in the range of f.
    """

    value: torch.Tensor
    inversion: Inversion


@torch.no_grad()
def prior(
    network: Lpn,
    x: torch.Tensor,
    *,
    tolerance: float = TOLERANCE,
    iterations: int = 300,
    progress: Progress = silent,
) -> PriorValue:
    """Evaluate the learned prior of images (B, ...).

    Raises
    ------
    InputError
        If an image holds NaN or infinity, or does not fit the network.
    """
    x = network.checked(x)
    found = invert(network, x, tolerance=tolerance, iterations=iterations, progress=progress)
    value = value_at(x, found.y, network.psi(found.y))
    return PriorValue(torch.where(found.in_range, value, torch.nan), found)


def value_at(x: torch.Tensor, y: torch.Tensor, psi: torch.Tensor) -> torch.Tensor:
    """<y, x> - |x|^2 / 2 - psi(y) in float64, which never is above R(x)."""
    points, inverses = x.double().flatten(1), y.double().flatten(1)
    return (points * (inverses - points / 2)).sum(1) - psi


@torch.no_grad()
def prior_map(network: Lpn, x: torch.Tensor, inverse: torch.Tensor) -> torch.Tensor:
    """Local terms of the prior, (B, *spatial) float64, which add up to R(x) exactly.

    Parameters
    ----------
    network : Lpn
        One whose potential is a sum of local terms.
    x, inverse : (B, C, *spatial) tensor
        Images, and the inverses that `prior` found for them.

    Raises
    ------
    InputError
        If the potential of the network is not such a sum.
    """
    if not network.has_terms:
        raise InputError(
            f"a network of the kind {network.family} has one value for an image and none for its voxels",
            mend="use a fully convolutional one",
        )
    x, y = network.checked(x).double(), inverse.double()
    terms: Callable[[torch.Tensor], torch.Tensor] = network.terms  # type: ignore[assignment]
    return (x * (y - x / 2)).sum(1) - terms(inverse).double()


@dataclass(frozen=True, eq=False)
class Curve:
    """The prior along a path of images.

    Attributes
    ----------
    name, unit : str
        What changes along the path.
    levels : tuple of float
        How far.
    values : (levels, B) float64 tensor
        R at each level for each image; NaN where an image left the range of f.
    residuals : (levels, B) tensor
        Of the inversions.
    """

    name: str
    unit: str
    levels: tuple[float, ...]
    values: torch.Tensor
    residuals: torch.Tensor


def prior_along(
    network: Lpn,
    path: Callable[[float], torch.Tensor],
    levels: tuple[float, ...],
    *,
    name: str,
    unit: str = "",
    tolerance: float = TOLERANCE,
    progress: Progress = silent,
) -> Curve:
    """Evaluate the prior along ``path(level)``, which gives a batch of images; see `napari_sti.lpn.paths`."""
    found = [prior(network, path(level), tolerance=tolerance, progress=progress) for level in levels]
    values = torch.stack([each.value for each in found])
    return Curve(name, unit, tuple(levels), values, torch.stack([each.inversion.residual for each in found]))
