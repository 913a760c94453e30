"""The dipole kernel of the susceptibility tensor in k-space, applied without ever being stored.

With n = k/|k| and unit field direction h the field shift of a tensor X is, at every k (Liu 2010),

    y = h·X h / 3 − (h·n) (h·X n),        y = 0 at k = 0

(with Xᵀ n in place of X n where X is not taken to be symmetric: Cao 2021), so that X n, three numbers at every k, is
shared by all orientations. What remains for each orientation are sums with
constant weights, which are matrix products, and one multiplication. Compared with six stored kernels for each of N
orientations, 3 volumes are kept instead of 6 N, and 9 + N multiplications of (half) volumes replace 6 N. The work
goes slab by slab, so that everything between the transforms happens in cache.
"""

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from napari_sti.core import frames
from napari_sti.recon import fourier
from napari_sti.recon.halfspace import NyquistProduct, Shape, half_space
from napari_sti.recon.threads import share, slabs

SLAB_VALUES = 1 << 17
"""Values of one component in a slab on the CPU: few enough for the cache, enough that threads seldom meet."""

_PLACE = {6: ((0, 1, 2), (1, 3, 4), (2, 4, 5)), 9: ((0, 1, 2), (3, 4, 5), (6, 7, 8))}
"""Place of the tensor element of row a, column b among the six components of a symmetric tensor, or all nine."""


class DipoleKernel:
    """The kernels of all orientations of one study.

    Parameters
    ----------
    shape : (X, Y, Z)
        Grid of the volumes.
    voxel_size : three floats
        Edge lengths in mm.
    b0_dirs : (N, 3) array
        Unit vectors of the main field in voxel axes.
    components : {6, 9}
        Of the tensor: xx, xy, xz, yy, yz, zz, or all nine, row by row, of one that is not taken to be symmetric.
    """

    def __init__(
        self,
        shape: Shape,
        voxel_size: tuple[float, float, float],
        b0_dirs: ArrayLike,
        *,
        device: torch.device,
        dtype: torch.dtype,
        components: int = 6,
    ) -> None:
        h = np.asarray(b0_dirs, np.float64)
        self.components = components
        self.shape, self.orientations = shape, len(h)
        space = half_space(shape, voxel_size, device=device, dtype=dtype)
        # Every value twice, beside the real and the imaginary part that it multiplies: plain real arithmetic on
        # contiguous rows is several times faster than complex times real.
        self._n = space.direction.repeat_interleave(2, dim=-1).flatten(2)
        self._h = torch.tensor(h, device=device, dtype=dtype)
        self._isotropic = torch.tensor(_products(h, components) / 3, device=device, dtype=dtype)
        self._patches = [_Patch(product, self._h, components) for product in space.nyquist]
        self.slab = max(1, SLAB_VALUES // self._n.shape[2])
        self._kept = threading.local()

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the room that threads have for their arithmetic: scans go from one process to another."""
        return {name: value for name, value in vars(self).items() if name != "_kept"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _kept=threading.local())

    def forward(self, chi: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
        """Half spectra of the tensor (6, X, Y, Zh) to those of the field (N, X, Y, Zh), written to `out`."""
        x, y = _rows(chi), _rows(out)

        def one(slab: slice) -> None:
            self._field(self._n[:, slab].flatten(1), x[:, slab].flatten(1), y[:, slab].flatten(1))

        self._each(one)
        for patch in self._patches:
            patch.forward(chi, out)
        out[:, 0, 0, 0] = 0
        return out

    def adjoint(self, field: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
        """Half spectra of the field (N, X, Y, Zh) to those of the tensor (6, X, Y, Zh), written to `out`."""
        y, x = _rows(field), _rows(out)

        def one(slab: slice) -> None:
            self._tensor(self._n[:, slab].flatten(1), y[:, slab].flatten(1), x[:, slab].flatten(1))

        self._each(one)
        for patch in self._patches:
            patch.adjoint(field, out)
        out[:, 0, 0, 0] = 0
        return out

    def _field(self, n: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> None:
        """Set y = h·X h / 3 − (h·n) (h·X n) for every orientation; n is (3, B), x (C, B), y (N, B)."""
        v, hn, hv = self._scratch(n.shape[1])
        if self.components == 6:
            times_direction(n, x, v)
        else:
            _transposed_times_direction(n, x, v)
        torch.mm(self._h, v, out=hv)
        torch.mm(self._h, n, out=hn)
        torch.mm(self._isotropic, x, out=y)
        y.addcmul_(hn, hv, value=-1)

    def _tensor(self, n: torch.Tensor, y: torch.Tensor, x: torch.Tensor) -> None:
        """Transpose of `_field`: x is the sum over orientations of y times each of the kernels."""
        u, hn, _ = self._scratch(n.shape[1])
        torch.mm(self._h, n, out=hn)
        torch.mm(self._h.T, hn.mul_(y), out=u)
        torch.mm(self._isotropic.T, y, out=x)
        if self.components == 6:
            take_symmetric_products(n, u, x)
        else:
            for a in range(3):
                x[3 * a : 3 * a + 3].addcmul_(n[a], u, value=-1)

    def _each(self, one: Callable[[slice], None]) -> None:
        """Call a function with every slab, on all threads of the CPU; a GPU takes all in one."""
        length = self.shape[0]
        if self._n.device.type != "cpu":
            one(slice(0, length))
            return
        threads = torch.get_num_threads()
        count = -(-length // self.slab)
        count = min(length, -(-count // threads) * threads)  # as many for every thread
        share(one, slabs(length, -(-length // count)))

    def _scratch(self, values: int) -> "_Scratch":
        """Room for one slab, kept for each thread: fresh memory would cost more than the arithmetic."""
        count = self.orientations
        rows: torch.Tensor | None = getattr(self._kept, "rows", None)
        if rows is None or rows.shape[1] < values:
            rows = fourier.empty(3 + 2 * count, values, device=self._n.device, dtype=self._n.dtype)
            self._kept.rows = rows
        rows = rows[:, :values]
        return _Scratch(rows[:3], rows[3 : 3 + count], rows[3 + count :])


class _Scratch(NamedTuple):
    """Room for what a slab needs in between."""

    vector: torch.Tensor  # (3, B)
    one: torch.Tensor  # (N, B)
    other: torch.Tensor  # (N, B)


class _Patch:
    """What a product n_a n_c of two Nyquist components adds: y −= h_a n_a n_c (X h)_c for every orientation."""

    def __init__(self, product: NyquistProduct, h: torch.Tensor, components: int) -> None:
        a, c = product.axes
        self._at = (slice(None), *(slice(None) if index is None else index for index in product.at))
        kind = fourier.complex_type(h.dtype)
        self._value = product.value.to(kind)
        self._weights = h.new_zeros(len(h), components)
        self._weights[:, _PLACE[components][c]] = h[:, a : a + 1] * h
        self._tensor = fourier.empty(components, *self._value.shape, device=h.device, dtype=kind)
        self._field = fourier.empty(len(h), *self._value.shape, device=h.device, dtype=kind)

    def forward(self, chi: torch.Tensor, field: torch.Tensor) -> None:
        """Add to the field what the tensor makes."""
        torch.mul(chi[self._at], self._value, out=self._tensor)
        torch.mm(self._weights, _flat(self._tensor), out=_flat(self._field))
        field[self._at].sub_(self._field)

    def adjoint(self, field: torch.Tensor, chi: torch.Tensor) -> None:
        """Add to the tensor what belongs to the field."""
        torch.mul(field[self._at], self._value, out=self._field)
        torch.mm(self._weights.T, _flat(self._field), out=_flat(self._tensor))
        chi[self._at].sub_(self._tensor)


def _products(h: NDArray[np.float64], components: int) -> NDArray[np.float64]:
    """Weights (N, C) with which the components make h·X h."""
    outer = h[:, :, None] * h[:, None, :]
    if components == 9:
        return outer.reshape(-1, 9)
    twice = np.array([1, 2, 2, 1, 2, 1])  # off-diagonals stand in the tensor twice
    weights: NDArray[np.float64] = frames.from_matrix(outer) * twice
    return weights


def times_direction(n: torch.Tensor, x: torch.Tensor, v: torch.Tensor) -> None:
    """Set v = X n for a symmetric tensor: the columns of X in turn."""
    torch.mul(n[0], x[0:3], out=v)
    v[0].addcmul_(n[1], x[1])
    v[1:3].addcmul_(n[1], x[3:5])
    v[0].addcmul_(n[2], x[2])
    v[1:3].addcmul_(n[2], x[4:6])


def take_symmetric_products(n: torch.Tensor, u: torch.Tensor, x: torch.Tensor) -> None:
    """Take from the six components of x the products of n and u: transpose of `times_direction`, negative."""
    x[0:3].addcmul_(n[0], u, value=-1)
    x[1].addcmul_(n[1], u[0], value=-1)
    x[3:5].addcmul_(n[1], u[1:3], value=-1)
    x[2].addcmul_(n[2], u[0], value=-1)
    x[4:6].addcmul_(n[2], u[1:3], value=-1)


def _transposed_times_direction(n: torch.Tensor, x: torch.Tensor, v: torch.Tensor) -> None:
    """Set v = Xᵀ n for a tensor of nine components: the rows of X in turn."""
    torch.mul(n[0], x[0:3], out=v)
    v.addcmul_(n[1], x[3:6])
    v.addcmul_(n[2], x[6:9])


def _flat(spectra: torch.Tensor) -> torch.Tensor:
    """View complex (C, ...) as real (C, B)."""
    return torch.view_as_real(spectra).flatten(1)


def _rows(spectra: torch.Tensor) -> torch.Tensor:
    """View complex (C, X, Y, Zh) as real (C, X, Y * Zh * 2)."""
    return torch.view_as_real(spectra).flatten(2)
