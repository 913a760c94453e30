"""One level of the wavelet transform of a volume, in place.

A large volume on the CPU is taken through the steps of `napari_sti.recon.wavelet_steps`, in pieces that stay in the
cache. At 128x144x112 with eight taps that takes about half the time of products with blocks of matrices (13 to 17
instead of 31 to 38 ms there and back on one busy core), and no second volume. Along the last axis, whose neighbours lie
beside each other in memory, they are the real and imaginary parts of complex numbers, and a rotation is the product
with one. Small volumes are multiplied with whole matrices, and all volumes on a GPU.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sti.recon.threads import share, slabs
from napari_sti.recon.unlocked import unlocked
from napari_sti.recon.wavelet_filters import Shape, level_matrix
from napari_sti.recon.wavelet_steps import Shears, rotations

SMALL = 1 << 17
"""Voxels up to which whole matrices are as fast."""
CACHED = 1 << 20
"""Voxels that are taken through all steps before the next ones are, on the CPU."""

PIECE = 1 << 17
"""The same for shrinking."""


class Level(Protocol):
    """Coefficients take the place of the volume, in an order of their own.

    Attributes
    ----------
    places : three lists
        For each axis: where its coefficients are in memory, first the averages, then the details.
    following : three ints
        For each axis: where the first average is among the averages.
    """

    places: list[list[int]]
    following: list[int]

    def there(self, volume: torch.Tensor, coarser: torch.Tensor | None, threshold: float) -> float:
        """Transform a contiguous volume, and move its coefficients towards zero by a threshold, if that is positive.

        The averages are moved to `coarser` as they are, if that is given. Returned is the sum of the magnitudes of all
        others after that, times the threshold.
        """

    def back(self, volume: torch.Tensor, coarser: torch.Tensor | None) -> None:
        """Take the averages back from `coarser`, and make the volume of the coefficients."""


def make_level(
    shape: Shape, wavelet: str, starts: Sequence[int], device: torch.device, dtype: torch.dtype
) -> "StepLevel | MatrixLevel":
    """Whatever is faster; `starts` are the places of the first voxel along each axis."""
    if device.type != "cpu" or math.prod(shape) <= SMALL:
        return MatrixLevel(shape, wavelet, starts, device, dtype)
    return StepLevel(shape, wavelet, starts, dtype)


class MatrixLevel:
    """By products with the whole matrix of each axis; see `Level`."""

    def __init__(
        self, shape: Shape, wavelet: str, starts: Sequence[int], device: torch.device, dtype: torch.dtype
    ) -> None:
        matrices = [np.roll(level_matrix(n, wavelet), start, axis=1) for n, start in zip(shape, starts, strict=True)]
        x, y, z = (torch.tensor(matrix, device=device, dtype=dtype) for matrix in matrices)
        self._there = x, y, z
        self._back = x.T.contiguous(), y.T.contiguous(), z.T.contiguous()
        self.places = [list(range(n)) for n in shape]
        self.following = [0, 0, 0]

    def there(self, volume: torch.Tensor, coarser: torch.Tensor | None, threshold: float) -> float:
        """See `Level`."""
        return float(_multiply_there(volume, *self._there, coarser, threshold, _piece(volume)))

    def back(self, volume: torch.Tensor, coarser: torch.Tensor | None) -> None:
        """See `Level`."""
        _multiply_back(volume, *self._back, coarser)


class StepLevel:
    """By shears along the first two axes and complex products along the last; see `Level`."""

    def __init__(self, shape: Shape, wavelet: str, starts: Sequence[int], dtype: torch.dtype) -> None:
        self.shape = shape
        self._x, self._y = (
            Shears(wavelet, start) if n > 1 else None for n, start in zip(shape[:2], starts[:2], strict=True)
        )
        outer = [[0] if own is None else own.places(n) for own, n in zip((self._x, self._y), shape, strict=False)]
        self.places = [*outer, [*range(0, shape[2], 2), *range(1, shape[2], 2)]]  # a single one is even, too
        self.following = [0 if own is None else own.low[1] for own in (self._x, self._y)] + [0]
        self._steps = [[_Steps.of(own, back) for own in (self._x, self._y)] for back in (False, True)]
        self._scales = [_scales(self._x, self._y, back) for back in (False, True)]
        self._turns = _Turns(wavelet, dtype) if shape[2] > 1 else None

    def there(self, volume: torch.Tensor, coarser: torch.Tensor | None, threshold: float) -> float:
        """See `Level`."""
        averages, sums = self._averages(volume), list[float]()

        def planes(part: slice) -> None:
            piece, few = volume[part], self._halved(part)
            _shear_and_scale(piece, *self._steps[False][1], self._scales[False])
            if self._turns is not None:
                self._turns.there(piece)
            room = None if coarser is None else coarser[few]
            sums.append(_move_and_shrink(piece, averages[few], room, threshold, _piece(piece)))

        self._across(volume, back=False)
        share(planes, self._parts(self.shape[0]))
        return math.fsum(sums)

    def back(self, volume: torch.Tensor, coarser: torch.Tensor | None) -> None:
        """See `Level`."""
        averages = self._averages(volume)

        def planes(part: slice) -> None:
            piece = volume[part]
            if coarser is not None:
                averages[self._halved(part)] = coarser[self._halved(part)]
            if self._turns is not None:
                self._turns.back(piece)
            _scale_and_shear(piece, *self._steps[True][1], self._scales[True])

        share(planes, self._parts(self.shape[0]))
        self._across(volume, back=True)

    def _across(self, volume: torch.Tensor, *, back: bool) -> None:
        """Along the first axis."""
        columns, steps = volume.view(1, len(volume), -1), self._steps[back][0]
        share(lambda part: _across(columns[..., part], *steps), self._parts(columns.shape[2]))

    def _parts(self, length: int) -> Sequence[slice]:
        """Cut an axis into pieces for the cache, at least one for each thread, of even lengths where possible."""
        count = max(math.ceil(math.prod(self.shape) / CACHED), torch.get_num_threads())
        return slabs(length, 2 * max(1, math.ceil(length / count / 2)))

    def _halved(self, part: slice) -> slice:
        return part if self._x is None else slice(part.start // 2, part.stop // 2)

    def _averages(self, volume: torch.Tensor) -> torch.Tensor:
        halves = [slice(None) if own is None else slice(own.low[0], None, 2) for own in (self._x, self._y)]
        return volume[(*halves, slice(0, None, 2))]


class _Steps(NamedTuple):
    """Shears as lists, in the order in which they are to be done."""

    targets: list[int]
    shifts: list[int]
    factors: list[float]

    @classmethod
    def of(cls, shears: Shears | None, back: bool) -> "_Steps":
        if shears is None:
            return cls([], [], [])
        steps = shears.steps[::-1] if back else shears.steps
        factors = [-step.factor if back else step.factor for step in steps]
        return cls([step.target for step in steps], [step.shift for step in steps], factors)


def _scales(x: Shears | None, y: Shears | None, back: bool) -> list[list[float]]:
    """What the shears of both axes leave to do for each of their halves; an axis that is left alone has one."""
    both = [[a * b for b in ((1.0,) if y is None else y.scales)] for a in ((1.0,) if x is None else x.scales)]
    return [[1 / scale if back else scale for scale in row] for row in both]


class _Turns:
    """Rotations along the last axis: pairs of neighbours are complex numbers, and exp(-i t) turns them by the angle t.

    By numpy, since torch has no complex numbers that begin at an odd place.
    """

    def __init__(self, wavelet: str, dtype: torch.dtype) -> None:
        angles, sign = rotations(wavelet)
        self._kind: Any = np.complex128 if dtype == torch.float64 else np.complex64
        self._reflect = sign < 0
        last = len(angles) - 1
        self._turns = [(angle, (last - number) % 2 == 1) for number, angle in enumerate(angles)]

    def there(self, piece: torch.Tensor) -> None:
        """Replace rows by averages at even places and details at odd ones."""
        rows, pairs = self._views(piece)
        for angle, odd in self._turns:
            self._turn(rows, pairs, angle, odd)
        if self._reflect:
            np.conjugate(pairs, out=pairs)

    def back(self, piece: torch.Tensor) -> None:
        """Undo `there`."""
        rows, pairs = self._views(piece)
        if self._reflect:
            np.conjugate(pairs, out=pairs)
        for angle, odd in reversed(self._turns):
            self._turn(rows, pairs, -angle, odd)

    def _views(self, piece: torch.Tensor) -> tuple[NDArray[Any], NDArray[Any]]:
        rows: NDArray[Any] = piece.detach().numpy().reshape(-1, piece.shape[-1])
        return rows, rows.reshape(-1).view(self._kind)

    def _turn(self, rows: NDArray[Any], pairs: NDArray[Any], angle: float, odd: bool) -> None:
        factor = self._kind(np.exp(-1j * angle))
        if not odd:
            np.multiply(pairs, factor, out=pairs)
            return
        # The last and the first of a row are a pair, and not what stands beside each other in memory.
        ends = np.empty(len(rows), self._kind)
        ends.real, ends.imag = rows[:, -1], rows[:, 0]
        ends *= factor
        crossing = rows.reshape(-1)[1:-1].view(self._kind)
        np.multiply(crossing, factor, out=crossing)
        rows[:, -1], rows[:, 0] = ends.real, ends.imag


def shrink(values: torch.Tensor, threshold: float) -> float:
    """Move all values towards zero by a positive threshold, in place, and return the sum of their magnitudes."""
    return float(_shrink_all(values.view(-1), threshold, _piece(values))) / threshold


def _piece(values: torch.Tensor) -> int:
    """How many values are taken through all arithmetic at a time."""
    return PIECE if values.device.type == "cpu" else max(1, values.numel())


# ---- what runs without Python's lock ----------------------------------------------------------------------------


def _shrink(flat: torch.Tensor, threshold: float, length: int) -> float:
    """The sum of what is left of each value times what was taken from it.

    What is left is zero, or has the sign of what was taken, which is then all of the threshold: the sum of magnitudes
    itself takes four times as long.
    """
    size = 0.0
    if threshold > 0:
        taken = torch.empty_like(flat[:length])
        for piece in torch.split(flat, length):
            part = torch.clamp(piece, -threshold, threshold, out=taken[: len(piece)])
            piece.sub_(part)
            size += float(torch.dot(piece, part))
    return size


_shrink_all = unlocked(_shrink)


@unlocked
def _move_and_shrink(
    volume: torch.Tensor, averages: torch.Tensor, coarser: torch.Tensor | None, threshold: float, length: int
) -> float:
    """Move averages, a part of the volume, to where they are transformed further, and shrink what is left."""
    if coarser is not None:
        coarser.copy_(averages)
        averages.zero_()
    return _shrink(volume.view(-1), threshold, length)


def _multiply(volume: torch.Tensor, x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> None:
    """Multiply a volume with a matrix along each axis."""
    count = volume.shape[0]
    turned = torch.mm(volume.view(-1, volume.shape[2]), z.t()).view(volume.shape)
    turned = torch.bmm(y.expand([count, y.shape[0], y.shape[1]]), turned)
    torch.mm(x, turned.view(count, -1), out=volume.view(count, -1))


def _corner(volume: torch.Tensor) -> torch.Tensor:
    """Averages of a volume of coefficients in the usual order."""
    x, y, z = volume.shape
    return volume[: max(1, x // 2), : max(1, y // 2), : max(1, z // 2)]


@unlocked
def _multiply_there(
    volume: torch.Tensor,
    x: torch.Tensor,
    y: torch.Tensor,
    z: torch.Tensor,
    coarser: torch.Tensor | None,
    threshold: float,
    length: int,
) -> float:
    _multiply(volume, x, y, z)
    if coarser is not None:
        averages = _corner(volume)
        coarser.copy_(averages)
        averages.zero_()
    return _shrink(volume.view(-1), threshold, length)


@unlocked
def _multiply_back(
    volume: torch.Tensor, x: torch.Tensor, y: torch.Tensor, z: torch.Tensor, coarser: torch.Tensor | None
) -> None:
    if coarser is not None:
        _corner(volume).copy_(coarser)
    _multiply(volume, x, y, z)


def _shear(piece: torch.Tensor, targets: list[int], shifts: list[int], factors: list[float]) -> None:
    """Take an array (A, n, B) through shears along its second axis."""
    if len(targets) > 0:
        halves = piece.view(piece.shape[0], -1, 2, piece.shape[2]).unbind(2)
        count = halves[0].shape[1]
        for i in range(len(targets)):
            target, other, shift = halves[targets[i]], halves[1 - targets[i]], shifts[i] % count
            if shift == 0:
                target.add_(other, alpha=factors[i])
            else:
                target[:, : count - shift].add_(other[:, shift:], alpha=factors[i])
                target[:, count - shift :].add_(other[:, :shift], alpha=factors[i])


_across = unlocked(_shear)


def _scale(piece: torch.Tensor, scales: list[list[float]]) -> None:
    """Multiply the halves of the first two axes; one that is scaled up and one that is scaled down make up for it."""
    for x in range(len(scales)):
        for y in range(len(scales[x])):
            if abs(scales[x][y] - 1) > 1e-9:
                piece[x :: len(scales), y :: len(scales[x])].mul_(scales[x][y])


@unlocked
def _shear_and_scale(
    piece: torch.Tensor, targets: list[int], shifts: list[int], factors: list[float], scales: list[list[float]]
) -> None:
    _shear(piece, targets, shifts, factors)
    _scale(piece, scales)


@unlocked
def _scale_and_shear(
    piece: torch.Tensor, targets: list[int], shifts: list[int], factors: list[float], scales: list[list[float]]
) -> None:
    _scale(piece, scales)
    _shear(piece, targets, shifts, factors)
