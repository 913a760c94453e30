"""The half of k-space that a real volume needs, and what is special at its Nyquist planes.

On an even axis k and -k fall into the same bin at the Nyquist frequency. There the kernels are averaged with their
mirror images, so that real volumes have real fields: products of a Nyquist component of k with any other component
cancel, products of two Nyquist components stay (the sign of the latter is a convention: both count as negative).
The directions given here therefore have no Nyquist components; the products that stay are listed apart.
"""

from dataclasses import dataclass

import torch

Shape = tuple[int, int, int]


def spectrum_shape(shape: Shape) -> Shape:
    """Shape of the real transform of a volume: the last axis keeps its non-negative frequencies."""
    return shape[0], shape[1], shape[2] // 2 + 1


@dataclass(frozen=True, eq=False)
class NyquistProduct:
    """The product of two components of k/|k| where both are at their Nyquist frequency: a plane, or a line.

    Parameters
    ----------
    axes : (a, c)
        The two components; the same one twice for a plane.
    at : tuple of (int or None)
        Index along each axis of the half spectrum; None for an axis that is taken whole.
    value : tensor
        The product, along the axes that are taken whole.
    """

    axes: tuple[int, int]
    at: tuple[int | None, ...]
    value: torch.Tensor


@dataclass(frozen=True, eq=False)
class HalfSpace:
    """Directions of k for the real transform of a grid.

    Parameters
    ----------
    direction : (3, X, Y, Z//2 + 1) tensor
        k/|k| with the Nyquist components set to zero; zero at k = 0.
    nyquist : tuple of NyquistProduct
        What is missing in the products of two components of `direction`.
    """

    direction: torch.Tensor
    nyquist: tuple[NyquistProduct, ...]


def half_space(
    shape: Shape, voxel_size: tuple[float, float, float], *, device: torch.device, dtype: torch.dtype
) -> HalfSpace:
    """Compute the directions of k of a grid; voxel sizes in mm enter through the frequencies in 1/mm."""
    k = [_frequencies(shape, voxel_size, axis).to(device, dtype) for axis in range(3)]
    length = (k[0] ** 2 + k[1] ** 2 + k[2] ** 2).sqrt_()
    length[0, 0, 0] = 1  # k = 0: all components are zero anyway
    half = {axis: shape[axis] // 2 for axis in range(3) if shape[axis] % 2 == 0}  # where the Nyquist planes are
    products = []
    for a in half:
        for c in half:
            at = tuple(half[axis] if axis in (a, c) else None for axis in range(3))
            where = tuple(slice(None) if index is None else index for index in at)
            value = k[a].flatten()[half[a]] * k[c].flatten()[half[c]] / length[where] ** 2
            products.append(NyquistProduct((a, c), at, value))
    direction = torch.empty(3, *spectrum_shape(shape), device=device, dtype=dtype)
    for axis in range(3):
        if axis in half:
            k[axis].flatten()[half[axis]] = 0
        torch.div(k[axis], length, out=direction[axis])
    return HalfSpace(direction, tuple(products))


def _frequencies(shape: Shape, voxel_size: tuple[float, float, float], axis: int) -> torch.Tensor:
    """Frequencies in 1/mm along an axis of the half spectrum, shaped to be combined with the other axes."""
    n = shape[axis]
    index = torch.arange(spectrum_shape(shape)[axis], dtype=torch.float64)
    signed = torch.where(2 * index >= n, index - n, index) if n > 1 else index
    view = [1, 1, 1]
    view[axis] = -1
    return (signed / (n * voxel_size[axis])).reshape(view)
