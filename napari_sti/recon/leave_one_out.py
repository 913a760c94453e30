"""What can be trusted: how far the result moves when any one head orientation is left out.

With N orientations a method runs N + 1 times, on all of them and without each one. A voxel whose direction or
anisotropy hangs on a single orientation shows it by a large spread over the N shortened runs; what all of them agree
upon does not depend on the choice. Systematic errors that all orientations share are not seen this way.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sti.core import eigen
from napari_sti.core.acquisition import Acquisition
from napari_sti.core.convergence import IterationsLeft
from napari_sti.core.errors import InputError
from napari_sti.core.method import Method
from napari_sti.core.progress import Progress, Step, silent
from napari_sti.core.replicates import VOXEL_BYTES, Keeper, Replicates
from napari_sti.core.tensor_field import TensorField
from napari_sti.recon import registry

MOST_SPREAD = float(np.degrees(np.arcsin(np.sqrt(2 / 3))))
"""Spread in degrees of directions that are all equally likely: 54.7."""

SPREADS = ("pev_spread", "msa_spread", "mms_spread")
"""Names of the maps, as attributes of `Trust` and as files."""


@dataclass(frozen=True, eq=False)
class Trust:
    """A result and how far it moves without any one orientation.

    Parameters
    ----------
    full : TensorField
        Result of all orientations; its provenance tells of the shortened runs under ``leave_one_out``.
    pev_spread : (X, Y, Z) float32 array
        Angular spread of the principal eigenvector in degrees, 0 (always the same) to 54.7 (every direction alike).
        Where there is hardly any anisotropy it says nothing: an isotropic tensor has no direction to spread.
    msa_spread, mms_spread : (X, Y, Z) float32 arrays
        Standard deviation of MSA and MMS over the shortened runs in ppm.
    replicates : Replicates or None
        Directions and anisotropy of every shortened run, for streamlines; None of an isotropic result.

    All maps are 0 outside the mask and NaN where a run gave no finite tensor; in the storage order of `full`.
    """

    full: TensorField
    pev_spread: NDArray[np.float32]
    msa_spread: NDArray[np.float32]
    mms_spread: NDArray[np.float32]
    replicates: Replicates | None = None

    @property
    def spreads(self) -> dict[str, NDArray[np.float32]]:
        """The three maps by their names."""
        return {name: getattr(self, name) for name in SPREADS}


def leave_one_out(
    acquisition: Acquisition,
    method: str = "stiimag",
    *,
    device: str = "auto",
    progress: Progress = silent,
    **params: Any,
) -> Trust:
    """Run a method on all orientations and without each one, and map how far the results differ.

    No run begins at the result of another, although that would be quicker: what the orientation left out alone had
    determined would stay as it was, since nothing in the other orientations moves it, and the spread would be many
    times too small (docs/trust.md has the numbers).

    Parameters
    ----------
    acquisition : Acquisition
        At least two orientations; at least one more than the method needs.
    method, device, params
        As for `napari_sti.recon.reconstruct.reconstruct`.
    progress : callable
        Called with a `Step` once per iteration of every run, counted through all of them; `Step.total` is what they
        are expected to take together. May raise `Cancelled`.

    Returns
    -------
    Trust
        Spreads over the runs v_1 ... v_N without one orientation each. PEV: with the mean dyad T = (1/N) sum v_i v_i^T,
        which has no sign, and its largest eigenvalue t, the spread is arcsin sqrt(1 - t), the root mean square of
        sin(angle to the mean axis) as an angle (Basser and Pajevic, MRM 44:41, 2000, for the mean dyad). MSA and MMS:
        sqrt((1/N) sum (m_i - mean)^2). All are as the runs differ, without a jackknife factor; times sqrt(N - 1) they
        estimate the standard error that the choice of the orientations leaves (Efron, 1982), while they are small.

    Raises
    ------
    InputError
        If there are too few orientations to leave one out, or for what `reconstruct` refuses.
    Cancelled
        If the progress callable raises it.
    """
    from napari_sti.recon.reconstruct import reconstruct  # torch comes with it, and the viewer asks `check_enough`

    chosen = registry.get_method(method)
    check_enough(chosen, acquisition.n_orientations)
    count = acquisition.n_orientations
    for left_out in range(count):  # what a later run would refuse is refused at once
        with _naming(acquisition.labels[left_out]):
            chosen.check(without(acquisition, left_out))
    runs = _Runs(count + 1, progress)
    full = reconstruct(acquisition, method, device=device, progress=runs, **params)
    runs.next(full)
    spread, keeper = _Spread(full), Keeper(full, count)
    for left_out in range(count):
        runs.about = f"without {acquisition.labels[left_out]}"
        with _naming(acquisition.labels[left_out]):
            one = reconstruct(without(acquisition, left_out), method, device=device, progress=runs, **params)
        spread.add(one)
        keeper.add(one, acquisition.labels[left_out])
        runs.next(one)
        del one  # before the next one takes its place
    told = {
        "orientations": count,
        "jackknife_factor": round(float(np.sqrt(count - 1)), 6),
        "runs": runs.told,
    }
    remarks = list(full.provenance.get("remarks", ()))
    remarks += [f"Of the runs without one orientation: {said}" for said in runs.remarks if said not in remarks]
    told_full = replace(full, provenance={**full.provenance, "remarks": remarks, "leave_one_out": told})
    return replace(spread.trust(told_full), replicates=keeper.kept())


def check_enough(method: Method, orientations: int) -> None:
    """Refuse a number of orientations of which none can be spared.

    Raises
    ------
    InputError
        That names how many are needed.
    """
    needed = max(1, method.needs.orientations) + 1
    if orientations < needed:
        have = f"the study has {orientations}"
        raise InputError(
            f"leaving one orientation out needs at least {needed} orientations with {method.title}, and {have}",
            mend="add orientations or choose a method that needs fewer",
        )


@contextmanager
def _naming(left_out: str) -> Iterator[None]:
    """Say in a refusal which orientation was left out."""
    try:
        yield
    except InputError as error:
        raise InputError(f"without {left_out}, {error.what}", mend=error.mend) from None


def without(acquisition: Acquisition, left_out: int) -> Acquisition:
    """Return the acquisition without one of its orientations (counted from 0).

    Maps that belong to no single orientation stay, as do magnitudes that are not one for each.
    """
    count = acquisition.n_orientations
    keep = [i for i in range(count) if i != left_out]
    changed: dict[str, Any] = {
        "b0_dirs": acquisition.b0_dirs[keep],
        "labels": tuple(acquisition.labels[i] for i in keep),
    }
    for name in ("field", "magnitude", "r2prime", "r2star"):
        stack = getattr(acquisition, name)
        if stack is not None and len(stack) == count:
            changed[name] = stack[keep]
    return replace(acquisition, te=None, **changed)


class _Runs:
    """The progress callable of all runs: counts iterations through, and says which run it is.

    Parameters
    ----------
    count : int
        Number of runs.
    progress : callable
        Who listens.
    """

    def __init__(self, count: int, progress: Progress) -> None:
        self.about = "all orientations"
        self.told: list[dict[str, Any]] = []
        self.remarks: dict[str, None] = {}  # in their order, each once
        self._count, self._progress = count, progress
        self._done: list[int] = []  # iterations of the runs that are done
        self._now, self._left = 0, IterationsLeft()

    def __call__(self, step: Step) -> None:
        self._now = step.iteration
        before, total = sum(self._done), self._expected(step)
        self._progress(
            Step(
                before + step.iteration,
                max(total, before + step.iteration) if total else 0,
                residual=step.residual,
                message=f"Run {len(self._done) + 1} of {self._count}, {self.about}",
                preview=step.preview if not self._done else None,
            )
        )

    def _expected(self, step: Step) -> int:
        """Iterations of all runs together as things look; 0 while nobody knows."""
        left = self._left.update(step)
        usual = float(np.mean(self._done[-3:])) if self._done else None
        if usual is not None and step.iteration < usual / 2:
            left = usual - step.iteration  # the runs are much alike, and this one has hardly begun
        if left is None:
            return 0
        this = step.iteration + left
        later = self._count - 1 - len(self._done)
        return sum(self._done) + round(this + (this if usual is None else usual) * later)

    def next(self, result: TensorField) -> None:
        """Take note of what a run left."""
        entry = {"orientations": self.about, "iterations": self._now}
        entry |= {key: result.provenance[key] for key in ("stopped", "seconds") if key in result.provenance}
        if self._done:
            self.remarks |= dict.fromkeys(result.provenance.get("remarks", ()))
        self.told.append(entry)
        self._done.append(self._now)
        self._now, self._left = 0, IterationsLeft()


class _Spread:
    """Sums over runs in the voxels of a mask; no tensor is kept.

    Means and squares follow Welford, so that a spread far below its mean loses no digits.
    """

    def __init__(self, full: TensorField) -> None:
        self._mask = np.asarray(full.mask, bool)
        voxels = int(self._mask.sum())
        self._n = 0
        self._dyads = np.zeros((voxels, 6))
        self._mean = np.zeros((2, voxels))
        self._squares = np.zeros((2, voxels))

    def add(self, tensor: TensorField) -> None:
        """Take another run into account."""
        mms, msa, pev = (array[self._mask] for array in (tensor.mms, tensor.msa, tensor.pev))
        self._n += 1
        self._dyads += dyads(pev)
        for row, values in enumerate((msa, mms)):
            away = values - self._mean[row]
            self._mean[row] += away / self._n
            self._squares[row] += away * (values - self._mean[row])

    def trust(self, full: TensorField) -> Trust:
        """Maps of the spread, as `leave_one_out` states them."""
        unknown = ~np.isfinite(self._squares[0])
        angles = angular_spread(self._dyads)
        angles[unknown] = np.nan
        deviations = np.sqrt(self._squares / self._n)
        return Trust(full, self._volume(angles), self._volume(deviations[0]), self._volume(deviations[1]))

    def _volume(self, values: NDArray[np.float64]) -> NDArray[np.float32]:
        volume = np.zeros(self._mask.shape, np.float32)
        volume[self._mask] = values
        return volume


def dyads(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return v v^T of unit vectors (n, 3) as six components (n, 6); a vector of zero stands for every direction."""
    v = np.asarray(vectors, np.float64)
    x, y, z = v.T
    found = np.stack([x * x, x * y, x * z, y * y, y * z, z * z], axis=1)
    found[~v.any(axis=1)] = np.array([1, 0, 0, 1, 0, 1]) / 3
    return found


def angular_spread(total: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return arcsin sqrt(1 - t) in degrees of sums of dyads (n, 6), t being the largest eigenvalue over the trace."""
    values = eigen.eigenvalues(total)
    # The sum of the two smaller ones keeps its digits where one minus the largest has none left.
    rest = np.clip(values[:, 1] + values[:, 2], 0, None) / np.maximum(values.sum(axis=1), 1e-300)
    return np.asarray(np.degrees(np.arcsin(np.sqrt(np.minimum(rest, 2 / 3)))))


def extra_bytes(shape: tuple[int, int, int], orientations: int) -> int:
    """Memory in bytes that sums, replicates and the result of all orientations take beside the run under way."""
    voxels = int(np.prod(shape))
    sums, kept, shortened = 10 * 8, (6 + 5) * 4, 2 * 4 * max(0, orientations - 1)
    return voxels * (sums + kept + shortened + VOXEL_BYTES * orientations)


def replicate_bytes(shape: tuple[int, int, int], orientations: int) -> int:
    """Bytes on disk that the replicates take at most, before they are packed and without what lies outside the mask."""
    return int(np.prod(shape)) * VOXEL_BYTES * orientations
