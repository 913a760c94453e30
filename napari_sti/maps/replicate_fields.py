"""What a run keeps of its runs without one orientation each, as directions that streamlines can follow.

The runs without one orientation differ far less than repeated measurements would: times the jackknife factor
sqrt(N - 1) their deviations estimate a standard error (Efron, The Jackknife, the Bootstrap and Other Resampling Plans,
1982). So every replicate is moved away from the result of all orientations by that factor before it is followed.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.progress import Progress, silent
from napari_sti.core.replicates import Replicates
from napari_sti.core.tracts import Tracts
from napari_sti.io.replicates import count_replicates, read_replicates
from napari_sti.io.sidecars import SIDECAR
from napari_sti.maps.fibre_field import FibreField, open_fibres
from napari_sti.maps.tracking import TrackParams, track_replicates

_TINY = 1e-6


class ReplicateFields(Sequence[FibreField]):
    """Fields to follow, unpacked one at a time: only the small whole numbers stay in memory.

    Parameters
    ----------
    full : FibreField
        Result of all orientations, in the same storage order.
    replicates : Replicates
        Of the runs without one orientation each.
    scale : float, optional
        What the deviations from the full result are multiplied by; by default the jackknife factor that it states.
        1 leaves the replicates as they are.
    """

    def __init__(self, full: FibreField, replicates: Replicates, scale: float | None = None) -> None:
        self.full, self.replicates = full, replicates
        self.scale = full.jackknife if scale is None else float(scale)

    def __len__(self) -> int:
        return len(self.replicates)

    @overload
    def __getitem__(self, number: int) -> FibreField: ...
    @overload
    def __getitem__(self, number: slice) -> list[FibreField]: ...

    def __getitem__(self, number: int | slice) -> FibreField | list[FibreField]:
        if isinstance(number, slice):
            return [self[i] for i in range(*number.indices(len(self)))]
        if not -len(self) <= number < len(self):
            raise IndexError(number)
        full, kept = self.full, self.replicates
        directions, anisotropy = kept.unpacked(number)
        where = kept.mask & full.mask
        inside = where[kept.mask]
        directions, anisotropy = directions[inside], anisotropy[inside]
        if self.scale != 1:
            directions = farther(full.directions[where], directions, self.scale)
            usual = full.anisotropy[where]
            anisotropy = np.maximum(usual + self.scale * (anisotropy - usual), 0)
        there = directions.any(-1)
        volume, amount, mask = np.zeros((*full.shape, 3), np.float32), np.zeros(full.shape, np.float32), where.copy()
        volume[where] = directions
        amount[where] = anisotropy * there
        mask[where] = there
        label = kept.labels[number]
        return replace(
            full,
            directions=volume,
            anisotropy=amount,
            mask=mask,
            spread=None,
            name=f"{full.name} without {label}",
            source={**full.source, "without": label},
        )


def farther(middle: NDArray[np.float32], directions: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    """Move unit directions (n, 3) away from their middle ones, on the plane that touches the sphere there.

    Angles grow as their tangents do, so that no direction turns by more than 90 degrees; a direction of 0 stays 0, and
    one beside a middle of 0 stays as it is.
    """
    along = np.einsum("nc,nc->n", middle, directions)
    across = directions - along[:, None] * middle
    moved = np.abs(along)[:, None] * middle + scale * np.sign(along + (along == 0))[:, None] * across
    length = np.sqrt(np.einsum("nc,nc->n", moved, moved))
    turned = moved / np.maximum(length, _TINY)[:, None]
    usable = middle.any(-1) & (length > _TINY)
    return np.where(usable[:, None], turned, directions).astype(np.float32)


def open_replicates(path: str | Path, *, name: str = "", scale: float | None = None) -> ReplicateFields:
    """Read a result folder that keeps replicates.

    Raises
    ------
    InputError
        If it holds no result, or none that keeps replicates.
    """
    folder = Path(path).parent if Path(path).name == SIDECAR else Path(path)
    replicates = read_replicates(folder)
    full, _ = open_fibres(folder, name=name)
    return ReplicateFields(full, replicates, scale)


def track_kept(
    fields: ReplicateFields,
    seeds: NDArray[np.floating],
    params: TrackParams | None = None,
    *,
    mask: NDArray[np.bool_] | None = None,
    progress: Progress = silent,
    name: str = "tracts",
) -> Tracts:
    """Follow every replicate of a run from every seed; all of them stop below the floor that suits the full result.

    Parameters are those of `napari_sti.maps.tracking.track_replicates`; `spread_scale` says how far the replicates are
    moved away from the full result.
    """
    params = params or TrackParams()
    if params.spread_scale is not None:
        fields = ReplicateFields(fields.full, fields.replicates, params.spread_scale)
    floor = fields.full.floor() if params.floor is None else params.floor
    found = track_replicates(fields, seeds, replace(params, floor=floor), mask=mask, progress=progress, name=name)
    about = {"what": "runs without one orientation each", "scale": fields.scale}
    return replace(found, provenance={**found.provenance, "spread": about})


__all__ = ["ReplicateFields", "count_replicates", "farther", "open_replicates", "track_kept"]
