"""Least squares for the six tensor components at every frequency on its own, in closed form or nearly so.

With n = k/|k|, the linear map T(n) X = X/3 − ½ (n nᵀX + X n nᵀ) of symmetric tensors turns the field of all
orientations into h·Q h with Q = T(n) X, so that the system at k is D(k) = H T(n): H, six weights for each orientation,
does not depend on k, and T(n), whose eigenvalues are 1/3, −1/6 and −2/3, does not depend on the orientations. With
the singular value decomposition H = U S Vᵀ:

* What the field says about the tensor are six combinations d = Uᵀ y, the same for every voxel. So they are formed
  before anything is transformed, and six transforms each way are enough whatever the number of orientations.
* Without a ridge, Q = V S⁻¹ d and X = 3 Q − 9 (n qᵀ + q nᵀ) + 13.5 (n·q) n nᵀ with q = Q n. No system is solved.
* With a ridge λ, the minimum of ‖S Vᵀ T x − d‖² + λ ‖x‖² is x = Tᵀ V w with (Vᵀ T Tᵀ V + λ S⁻²) w = S⁻¹ d (Woodbury).
  The elements of the first matrix are polynomials of fourth degree in n: 15 products of its components times a
  constant matrix. Its eigenvalues lie within a factor of 64, and the second matrix is diagonal, so that float32 is
  enough however close to each other the orientations are. The systems are solved all together, component by
  component (L D Lᵀ), slab by slab in the cache.
"""

import itertools
import math
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sti.core.progress import Progress, silent
from napari_sti.recon import fourier
from napari_sti.recon.design import field_weights
from napari_sti.recon.dipole import take_symmetric_products, times_direction
from napari_sti.recon.halfspace import Shape, half_space, spectrum_shape
from napari_sti.recon.stages import Stages
from napari_sti.recon.threads import share, slabs

SLAB_VALUES = 1 << 15
"""Frequencies in a slab on the CPU: enough that threads seldom meet; its 90 rows of 128 kB stay near the core."""
SLAB_VALUES_GPU = 1 << 18
"""The same on a GPU, where slabs follow each other: 100 MB."""

_PAIRS = (slice(0, 2), slice(2, 4), slice(4, 6))
"""Components that are transformed between two looks at the progress."""
_PARTS = 4
"""Parts of k-space that are solved, the same."""

_TWICE = np.array([1.0, 2, 2, 1, 2, 1])
"""How often each component stands in the tensor."""
_SQUARES = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
"""Products of two components of n, in the order in which they are computed."""
_FOURTHS = tuple(
    tuple(sorted(one + other))
    for one, others in (
        (_SQUARES[0], _SQUARES),
        (_SQUARES[3], _SQUARES[1:]),
        (_SQUARES[5], _SQUARES[1:3] + _SQUARES[4:]),
    )
    for other in others
)
"""Products of four, the same."""
_LOWER = tuple((row, column) for column in range(6) for row in range(column, 6))
"""Elements of a symmetric 6x6 matrix: its columns, from the diagonal down."""


class DirectSolve:
    """The six components of one study from the spectra of `combine`, in place.

    Nothing is known at k = 0. On the Nyquist planes of even axes the kernel that a real volume sees is averaged with
    its mirror image, which makes it singular on a curve there. These planes and k = 0 of the tensor are set to zero.

    Parameters
    ----------
    shape : (X, Y, Z)
        Grid of the volumes.
    voxel_size : three floats
        Edge lengths in mm.
    b0_dirs : (N, 3) array
        Unit vectors of the main field in voxel axes, which determine all six components.
    ridge : float
        λ in ½ ‖D x − y‖² + ½ λ ‖x‖²; the norm is that of the six components, each counted once.

    Attributes
    ----------
    misfit, penalty : float
        ‖D x − y‖² and λ ‖x‖² of what was solved so far, over the whole volume, in ppm².
    """

    def __init__(
        self,
        shape: Shape,
        voxel_size: tuple[float, float, float],
        b0_dirs: NDArray[np.float64],
        ridge: float = 0.0,
        *,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.shape, self.voxel_size, self.ridge = shape, voxel_size, float(ridge)
        self.device, self.dtype = torch.device(device), dtype
        u, s, vt = np.linalg.svd(field_weights(b0_dirs))
        self._combinations = self._tensor(u.T)  # six that make d, then those that no tensor explains
        self._to_w = self._tensor(1 / s)[:, None, None]
        self._to_q = self._tensor(vt.T / s)
        self._to_half, self._to_third = self._tensor(vt.T / _TWICE[:, None]), self._tensor(vt.T / 3)
        self._matrix = self._tensor(_kernel_polynomials(vt) + _diagonal_polynomials(ridge / s**2))
        self._three_of_all, self._one_of_each = (self._tensor(c)[:, None, None] for c in (3 * _TWICE, 1 / _TWICE))
        self._kept = threading.local()
        self.misfit = self.penalty = self._data = 0.0

    @property
    def residual(self) -> float:
        """‖D x − y‖ / ‖y‖, 0 if there are no data."""
        return math.sqrt(self.misfit / self._data) if self._data else 0.0

    def combine(self, field: NDArray[np.float32]) -> torch.Tensor:
        """Combinations d (6, X, Y, Z) of field maps (N, X, Y, Z)."""
        given = field.reshape(len(field), -1)
        out = fourier.empty(6, *self.shape, device=self.device, dtype=self.dtype)
        flat, left_over, norms = out.view(6, -1), [], []

        def one(slab: slice) -> None:
            y = torch.tensor(given[:, slab], device=self.device, dtype=self.dtype)
            norms.append(_square(y))
            torch.mm(self._combinations[:6], y, out=flat[:, slab])
            if len(field) > 6:
                left_over.append(_square(torch.mm(self._combinations[6:], y)))

        self._each(one, slabs(given.shape[1], 4 * self._slab))
        self.misfit += math.fsum(left_over)
        self._data = math.fsum(norms)
        return out

    def clear(self, spectra: torch.Tensor) -> None:
        """Set what is not solved for to zero in spectra (6, X, Y, Zh)."""
        for axis in (2, 1, 0):  # the last first: of the other planes then only k_z = 0 has no mirror image
            if self.shape[axis] % 2 == 0:
                plane = spectra.select(axis + 1, self.shape[axis] // 2)
                self.misfit += _square(plane) if axis == 2 else 2 * _square(plane) - _square(plane[..., 0])
                plane.zero_()
        self.misfit += _square(spectra[:, 0, 0, 0])
        spectra[:, 0, 0, 0] = 0

    def parts(self, count: int) -> list[slice]:
        """Cut the frequencies into `count` parts of about equal size, for `solve`; some are empty on tiny grids."""
        ends = [self.shape[0] * self.shape[1] * i // count for i in range(count + 1)]
        return [slice(start, stop) for start, stop in itertools.pairwise(ends)]

    def solve(self, spectra: torch.Tensor, part: slice) -> None:
        """Put the tensor in the place of the combinations in one part of spectra (6, X, Y, Zh)."""
        n, rows = self._direction[:, part], torch.view_as_real(spectra).flatten(1, 2)[:, part]
        length, solution = n.shape[2], self._ridge_solution if self.ridge else self._plain_solution
        costs = []

        def one(lines: slice) -> None:
            room = self._room_for(n[:, lines].shape[1] * length)
            here = rows[:, lines].flatten(1, 2)
            room.n.copy_(n[:, lines].flatten(1))
            room.d.copy_(here.movedim(-1, 1))
            costs.append(solution(room, length))
            here.copy_(room.x.movedim(1, -1))

        self._each(one, slabs(n.shape[1], max(1, self._slab // length)))
        self.misfit += math.fsum(misfit for misfit, _ in costs)
        self.penalty += math.fsum(penalty for _, penalty in costs)

    def _plain_solution(self, room: "_Room", length: int) -> tuple[float, float]:
        """X = 3 Q − (n uᵀ + u nᵀ) with u = 9 q − 6.75 (n·q) n: the field is met without any misfit."""
        n, x, q = room.n, room.x, room.vector
        torch.mm(self._to_q, room.d.flatten(1), out=x.flatten(1))
        times_direction(n, x, q)
        torch.mul(n[0], q[0], out=room.scalar)
        room.scalar.addcmul_(n[1], q[1]).addcmul_(n[2], q[2])
        u = q.mul_(18).addcmul_(n[:, None], room.scalar, value=-13.5)
        # What follows takes each product once, as off-diagonals of n uᵀ + u nᵀ want it; diagonals want it twice.
        x.mul_(self._three_of_all)
        take_symmetric_products(n, u, x)
        x.mul_(self._one_of_each)
        return 0.0, 0.0

    def _ridge_solution(self, room: "_Room", length: int) -> tuple[float, float]:
        """Solve (Vᵀ T Tᵀ V + λ S⁻²) w = S⁻¹ d for x = Tᵀ V w, which leaves the residual λ S⁻¹ w."""
        _fourth_products(room)
        torch.mm(self._matrix, room.fourths, out=room.system.matrix)
        room.system.factorise()
        w = room.d.mul_(self._to_w)
        room.system.solve(w)
        torch.mm(self._to_half, w.flatten(1), out=room.half.flatten(1))
        torch.mm(self._to_third, w.flatten(1), out=room.x.flatten(1))
        times_direction(room.n, room.half, room.vector)
        take_symmetric_products(room.n, room.vector, room.x)
        misfit = self.ridge**2 * _half_space_square(w.mul_(self._to_w), length)
        return misfit, self.ridge * _half_space_square(room.x, length)

    @cached_property
    def _direction(self) -> torch.Tensor:
        """Directions n (3, X * Y, Zh); any unit vector where nothing is solved, so that all systems have a solution."""
        n = half_space(self.shape, self.voxel_size, device=self.device, dtype=self.dtype).direction
        upright = self._tensor(np.array([0.0, 0, 1]))[:, None, None]
        for axis, size in enumerate(self.shape):
            if size % 2 == 0:
                n.select(axis + 1, size // 2).copy_(upright.expand_as(n.select(axis + 1, size // 2)))
        n[:, 0, 0, 0] = upright[:, 0, 0]
        return n.flatten(1, 2)

    def _each(self, one: Callable[[slice], None], parts: Sequence[slice]) -> None:
        """Call a function with every slab, on all threads of the CPU."""
        if self.device.type == "cpu":
            share(one, parts)
        else:
            for part in parts:
                one(part)

    @property
    def _slab(self) -> int:
        return SLAB_VALUES if self.device.type == "cpu" else SLAB_VALUES_GPU

    def _tensor(self, values: NDArray[np.float64]) -> torch.Tensor:
        return torch.tensor(values, device=self.device, dtype=self.dtype)

    def _room_for(self, values: int) -> "_Room":
        """Room for one slab, kept for each thread: fresh memory would cost more than the arithmetic."""
        room: _Room | None = getattr(self._kept, "room", None)
        if room is None or room.values != values:
            room = self._kept.room = _Room(values, self.device, self.dtype)
        return room


def solve_directly(
    solver: DirectSolve, field: NDArray[np.float32], mask: NDArray[np.bool_], progress: Progress = silent
) -> tuple[NDArray[np.float32], list[dict[str, Any]]]:
    """Tensor (X, Y, Z, 6) of field maps (N, X, Y, Z), 0 outside the mask, and a record of the stages."""
    stages = Stages(2 + 2 * len(_PAIRS) + _PARTS, progress)
    volumes = solver.combine(field)
    stages.done("Combining orientations")
    kind = fourier.complex_type(solver.dtype)
    spectra = fourier.empty(6, *spectrum_shape(solver.shape), device=solver.device, dtype=kind)
    for pair in _PAIRS:
        fourier.to_spectra(volumes[pair], spectra[pair])
        stages.done("Transforming")
    solver.clear(spectra)
    for part in solver.parts(_PARTS):
        solver.solve(spectra, part)
        stages.done("Solving")
    inside = torch.from_numpy(np.array(mask)).to(solver.device, solver.dtype)
    for pair in _PAIRS:
        fourier.to_images(spectra[pair], volumes[pair], inside)
        stages.done("Transforming back")
    del spectra
    chi = _components_last(volumes)
    stages.done("Writing", residual=solver.residual, objective=(solver.misfit + solver.penalty) / 2)
    return chi, stages.records


def _components_last(volumes: torch.Tensor) -> NDArray[np.float32]:
    """Bring (6, X, Y, Z) to the host as (X, Y, Z, 6), a few planes at a time so that they stay in the cache."""
    chi = np.empty((*volumes.shape[1:], 6), np.float32)

    def one(plane: int) -> None:
        chi[plane] = volumes[:, plane].movedim(0, -1).cpu().numpy()

    share(one, range(len(chi)))
    return chi


class _Room:
    """What is needed for one slab of frequencies; real and imaginary parts in rows of their own."""

    def __init__(self, values: int, device: torch.device, dtype: torch.dtype) -> None:
        def rows(*shape: int) -> torch.Tensor:
            return fourier.empty(*shape, values, device=device, dtype=dtype)

        self.values = values
        self.n, self.squares, self.fourths = rows(3), rows(6), rows(15)
        self.d, self.x, self.half = rows(6, 2), rows(6, 2), rows(6, 2)
        self.vector, self.scalar = rows(3, 2), rows(2)
        self.system = _Systems(rows(21), self.fourths, rows(6))


class _Systems:
    """Symmetric 6x6 systems, one in each column, solved all together by L D Lᵀ (Golub and Van Loan, section 4.1).

    Parameters
    ----------
    matrix : (21, B) tensor
        Elements by columns, from the diagonal down; overwritten by `factorise`.
    lower : (15, B) tensor
        Room for L below its diagonal; may hold what the matrix is made of.
    inverse : (6, B) tensor
        Room for D⁻¹.
    """

    def __init__(self, matrix: torch.Tensor, lower: torch.Tensor, inverse: torch.Tensor) -> None:
        self.matrix = matrix
        self._inverse, self._scale = inverse.unbind(), inverse[:, None]
        self._columns = torch.split(matrix, [6, 5, 4, 3, 2, 1])
        self._lower = torch.split(lower, [5, 4, 3, 2, 1])
        # Views are made once: making them takes as long as the arithmetic.
        self._diagonal = [column[0] for column in self._columns]
        self._below = [column[1:] for column in self._columns[:5]]
        self._updates = [
            [(self._columns[k], self._lower[j][k - j - 1 :], self._below[j][k - j - 1]) for k in range(j + 1, 6)]
            for j in range(5)
        ]

    def factorise(self) -> None:
        """Find L and D⁻¹, column after column."""
        for j in range(6):
            torch.reciprocal(self._diagonal[j], out=self._inverse[j])
            if j < 5:
                torch.mul(self._below[j], self._inverse[j], out=self._lower[j])
                for column, factors, row in self._updates[j]:
                    column.addcmul_(factors, row, value=-1)

    def solve(self, b: torch.Tensor) -> None:
        """Put the solutions in the place of the right sides (6, 2, B)."""
        rows = b.unbind()
        for j, factors in enumerate(self._lower):
            b[j + 1 :].addcmul_(factors[:, None], rows[j], value=-1)
        b.mul_(self._scale)
        for j in range(4, -1, -1):
            for factor, row in zip(self._lower[j].unbind(), rows[j + 1 :], strict=True):
                rows[j].addcmul_(factor, row, value=-1)


def _fourth_products(room: _Room) -> None:
    """Products of two components of n, and of four, in the order of `_SQUARES` and `_FOURTHS`."""
    n, two, four = room.n, room.squares, room.fourths
    torch.mul(n[0], n, out=two[:3])
    torch.mul(n[1], n[1:], out=two[3:5])
    torch.mul(n[2], n[2], out=two[5])
    torch.mul(two[0], two, out=four[:6])
    torch.mul(two[3], two[1:], out=four[6:11])
    torch.mul(two[5], two[1:3], out=four[11:13])
    torch.mul(two[5], two[4:], out=four[13:])


def _kernel_polynomials(vt: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights (21, 15) of the products of four components of n in the lower elements of Vᵀ T Tᵀ V."""
    parts = {square: vt @ _square_part(square) for square in _SQUARES}
    weights = np.zeros((21, 15))
    for one, left in parts.items():
        for other, right in parts.items():
            product = left @ right.T
            weights[:, _FOURTHS.index(tuple(sorted(one + other)))] += [product[at] for at in _LOWER]
    return weights


def _square_part(square: tuple[int, int]) -> NDArray[np.float64]:
    """What stands before n_a n_b in T(n), (6, 6); the term without n is taken times n·n = 1."""
    a, b = square
    part = np.eye(6) / 3 if a == b else np.zeros((6, 6))
    for column, (c, d) in enumerate(_SQUARES):
        x = np.zeros((3, 3))
        x[c, d] = x[d, c] = 1
        outer = np.zeros((3, 3))
        outer[a, b] += 1
        outer[b, a] += a != b
        q = -(outer @ x + x @ outer) / 2
        part[:, column] += [q[at] for at in _SQUARES]
    return part


def _diagonal_polynomials(diagonal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights (21, 15) of the products of four components of n in a diagonal matrix, taken times (n·n)² = 1."""
    counts = Counter(tuple(sorted((a, a, b, b))) for a in range(3) for b in range(3))
    weights = np.zeros((21, 15))
    for i, value in enumerate(diagonal):
        weights[_LOWER.index((i, i))] = [value * counts[product] for product in _FOURTHS]
    return weights


def _square(x: torch.Tensor) -> float:
    """Sum of squares of a real or complex tensor."""
    return float(torch.linalg.vector_norm(x)) ** 2


def _half_space_square(rows: torch.Tensor, length: int) -> float:
    """Sum of squares over all of k-space of rows of half spectra, whose lines along Z have this length.

    All planes but k_z = 0 have a mirror image in the missing half; the last plane of even axes is zero.
    """
    flat = rows.flatten()
    return float(2 * torch.dot(flat, flat)) - _square(rows[..., ::length])
