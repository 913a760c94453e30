"""How well a tensor explains the field maps that it was made from: a residual for every orientation."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import InputError
from napari_sti.core.tensor_field import TensorField
from napari_sti.maps.one_grid import Grid


@dataclass(frozen=True)
class OrientationFit:
    """How well one orientation is explained; over the mask, in ppm.

    Parameters
    ----------
    label : str
        What the study calls it.
    tilt : float
        Degrees between its B0 and that of the first.
    field, rms : float
        Root mean square of the measured field and of the residual.
    offset : float
        Mean of the residual: a constant that no tensor can explain, such as a shift of the centre frequency.
    correlation : float
        Of measured and predicted field; NaN where one is constant.
    noise : float
        Of the measured field, estimated by `field_noise`.
    """

    label: str
    tilt: float
    field: float
    rms: float
    offset: float
    correlation: float
    noise: float

    @property
    def relative(self) -> float:
        """Residual over field; NaN for a field that is 0."""
        return self.rms / self.field if self.field > 0 else float("nan")


@dataclass(frozen=True, eq=False)
class DataFit:
    """Residuals of all orientations.

    Parameters
    ----------
    orientations : tuple of OrientationFit
        In the order of the study.
    residual : (N, X, Y, Z) float32 array
        Measured minus predicted field in ppm, 0 outside the mask, in the order of the study.
    mask : (X, Y, Z) array
        Where the field is measured and the tensor finite.
    """

    orientations: tuple[OrientationFit, ...]
    residual: NDArray[np.float32]
    mask: NDArray[np.bool_]

    @property
    def relative(self) -> float:
        """Norm of all residuals over the norm of all fields."""
        rms = np.array([[one.rms, one.field] for one in self.orientations])
        sums = np.sqrt((rms**2).sum(0))
        return float(sums[0] / sums[1]) if sums[1] > 0 else float("nan")

    @property
    def worst(self) -> int:
        """Number (from 0) of the orientation whose residual is the largest beside its field."""
        return int(np.nanargmax([one.relative for one in self.orientations]))

    @property
    def worst_over_others(self) -> float:
        """Relative residual of the worst over the median of the others; NaN for a single orientation."""
        shares = [one.relative for one in self.orientations]
        others = np.delete(shares, self.worst)
        return float(shares[self.worst] / np.median(others)) if len(others) else float("nan")


def data_fit(tensor: TensorField, acquisition: Acquisition) -> DataFit:
    """Compare measured field maps with those that a tensor predicts; loads torch.

    Parameters
    ----------
    tensor : TensorField
        On the grid of the study, in any order of storage.
    acquisition : Acquisition
        With field maps.

    Raises
    ------
    InputError
        If the study has no field maps, or lies on another grid of the world than the tensor.
    """
    from napari_sti.recon.forward import simulate_field

    if acquisition.field is None:
        raise InputError("the study has no field maps, so that there are no residuals", mend="leave the study out")
    grid = Grid(acquisition.shape, acquisition.affine, f"the study {acquisition.name}")
    brought = grid.tensor(tensor, tensor.name)
    finite = np.asarray(np.isfinite(brought.chi).all(-1))
    chi = np.where(finite[..., None], brought.chi, 0)
    mask = np.asarray(acquisition.mask & finite)
    predicted = simulate_field(chi, brought.affine, acquisition.b0_dirs, acquisition.mask)
    residual = np.where(mask, acquisition.field - predicted, 0).astype(np.float32)
    rows = tuple(
        _row(acquisition, number, acquisition.field[number], predicted[number], residual[number], mask)
        for number in range(acquisition.n_orientations)
    )
    return DataFit(rows, residual, mask)


def _row(
    acquisition: Acquisition,
    number: int,
    field: NDArray[np.float32],
    predicted: NDArray[np.float32],
    residual: NDArray[np.float32],
    mask: NDArray[np.bool_],
) -> OrientationFit:
    y, p, r = (volume[mask].astype(np.float64) for volume in (field, predicted, residual))
    moving = y.size > 1 and y.std() > 0 and p.std() > 0
    return OrientationFit(
        label=acquisition.labels[number],
        tilt=float(acquisition.tilts[number]),
        field=_rms(y),
        rms=_rms(r),
        offset=float(r.mean()) if r.size else float("nan"),
        correlation=float(np.corrcoef(y, p)[0, 1]) if moving else float("nan"),
        noise=field_noise(field, mask),
    )


def field_noise(field: NDArray[np.floating], mask: NDArray[np.bool_]) -> float:
    """Estimate the white noise of a field map in its unit, from differences between neighbours.

    Second differences a - 2 b + c of three voxels in a row leave nothing of whatever is smooth, and have √6 times
    the noise; their spread is taken by the median absolute deviation (times 1.4826), along the axis where it is least,
    since anatomy only ever adds to it. NaN where no three voxels lie in a row.
    """
    found = []
    for axis in range(3):
        f, m = np.moveaxis(np.asarray(field, np.float64), axis, 0), np.moveaxis(mask, axis, 0)
        inside = m[:-2] & m[1:-1] & m[2:]
        if inside.any():
            second = (f[:-2] - 2 * f[1:-1] + f[2:])[inside]
            found.append(1.4826 * float(np.median(np.abs(second - np.median(second)))) / np.sqrt(6))
    return min(found) if found else float("nan")


def _rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(values**2))) if values.size else float("nan")
