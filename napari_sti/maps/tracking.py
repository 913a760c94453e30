"""Streamlines along principal eigenvectors: all of them take their steps at once, in numpy.

The direction between voxels is the trilinear mean of the eight around it. An eigenvector has no sign, so each of them
is first turned to the side to which the streamline runs (its product with the last direction is positive). Positions
are voxel indices while tracking, directions lie in the voxel axes, and a step has its length in mm along them; the
affine takes the points to the world. So nothing is rotated here, whatever the order of storage or the obliquity.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.core.params import param, to_mapping
from napari_sti.core.progress import Progress, Step, silent
from napari_sti.core.tracts import Tracts
from napari_sti.maps.fibre_field import FibreField, check_same_grid
from napari_sti.maps.tract_spread import tangent_width

Floats = NDArray[np.float32]

BLOCK = 4096
"""Seeds that are followed together: what their corners need stays in the cache."""

_TINY = 1e-6


@dataclass(frozen=True)
class TrackParams:
    """When a streamline ends, and how it goes on."""

    floor: float | None = param(
        None,
        label="Stop below",
        help="A streamline ends where MSA [ppm] or FA falls below it; by default a quarter of the 99th percentile of "
        "the MSA, or an FA of 0.2.",
        low=0.0,
    )
    angle: float = param(
        45.0,
        label="Largest turn",
        unit="deg",
        low=1.0,
        high=90.0,
        help="A streamline ends where it would turn by more between two steps.",
    )
    min_length: float = param(
        15.0, label="At least", unit="mm", low=0.0, high=1000.0, help="Shorter streamlines are left out."
    )
    max_length: float = param(
        250.0, label="At most", unit="mm", low=1.0, high=2000.0, help="A streamline ends when it is as long."
    )
    step: float | None = param(
        None,
        label="Step",
        unit="mm",
        low=0.01,
        high=20.0,
        advanced=True,
        help="Length of a step; by default half of the shortest edge of a voxel.",
    )
    integration: str = param(
        "midpoint",
        label="Integration",
        choices=("midpoint", "euler"),
        advanced=True,
        help="Midpoint (second order) follows curves without drifting outwards; Euler is what EuDX does "
        "(Garyfallidis 2012).",
    )
    sampling: str = param(
        "none",
        label="Directions",
        choices=("none", "spread"),
        advanced=True,
        help="none: as they are. spread: every step draws its direction from the spread of the run without one "
        "orientation each (napari-sti trust).",
    )
    per_seed: int = param(
        1, label="Per seed", low=1, high=10_000, advanced=True, help="Streamlines from each seed, where they are drawn."
    )
    spread_scale: float | None = param(
        None,
        label="Spread times",
        low=0.0,
        high=100.0,
        advanced=True,
        help="By default the jackknife factor sqrt(N - 1) that the run states, which makes a standard error of a "
        "spread (Efron 1982).",
    )
    seed: int = param(0, label="Random seed", low=0, high=2**31 - 1, advanced=True, help="Same seed, same streamlines.")


def track(
    field: FibreField,
    seeds: NDArray[np.floating],
    params: TrackParams | None = None,
    *,
    mask: NDArray[np.bool_] | None = None,
    progress: Progress = silent,
    name: str = "tracts",
) -> Tracts:
    """Follow the directions from every seed to both sides.

    Parameters
    ----------
    field : FibreField
        What is followed.
    seeds : (n, 3) array
        RAS mm. Those where there is no direction, or too little anisotropy, give nothing.
    params : TrackParams, optional
        When to stop.
    mask : (X, Y, Z) bool array, optional
        On the grid of the field: streamlines end where they leave it.
    progress : callable
        Told after every block of seeds; may raise `Cancelled`.
    name : str
        Of the tracts.

    Returns
    -------
    Tracts
        Streamlines of at least the least length, in the order of their seeds, each from one end to the other.

    Raises
    ------
    InputError
        If there is no seed, or directions are to be drawn from a spread that the run does not have.
    """
    params = params or TrackParams()
    seeds = np.asarray(seeds, np.float64).reshape(-1, 3)
    if not len(seeds):
        raise InputError("there is no seed", mend="choose a region that holds voxels, or a wider one")
    _check(field, params)
    walker = _Walker(field, params, mask)
    drawn = params.sampling == "spread"
    starts = np.repeat(seeds, params.per_seed, axis=0) if drawn else seeds
    parts: list[tuple[NDArray[np.float64], NDArray[np.int64]]] = []
    for number, first in enumerate(range(0, len(starts), BLOCK)):
        progress(Step(first, len(starts), message="tracking"))
        rng = np.random.default_rng([params.seed, number])
        points, counts = walker.follow(field.voxels(starts[first : first + BLOCK]).astype(np.float32), rng)
        parts.append((field.world(points), counts))
    progress(Step(len(starts), len(starts), message="tracking"))
    points = np.concatenate([part[0] for part in parts]).astype(np.float32)
    offsets = np.concatenate([[0], np.cumsum(np.concatenate([part[1] for part in parts]))]).astype(np.int64)
    about = {
        "seeds": len(seeds),
        "params": {**to_mapping(params), "step": walker.step, "floor": walker.floor},
        "measure": field.measure,
        "source": [{"name": field.name, **field.source}],
        "simulated": field.simulated,
    }
    if drawn:
        what = "directions drawn at every step from the leave-one-out spread"
        about["spread"] = {"scale": walker.scale, "what": what}
    return Tracts(points, offsets, field.affine, field.shape, name, about)


def track_replicates(
    fields: Sequence[FibreField],
    seeds: NDArray[np.floating],
    params: TrackParams | None = None,
    *,
    mask: NDArray[np.bool_] | None = None,
    progress: Progress = silent,
    name: str = "tracts",
) -> Tracts:
    """Follow each replicate of a result (without one orientation each, or with another noise) from every seed.

    Every streamline follows one replicate from end to end, as in a bootstrap; the share of the streamlines that pass
    through a voxel is what `napari_sti.maps.tract_scores.density` maps.

    Parameters
    ----------
    fields : sequence of FibreField
        The replicates; those of a `napari_sti.maps.replicate_fields.ReplicateFields` are unpacked one by one.
    seeds, params, progress, name
        As for `track`. The provenance of the tracts says under ``counts`` how many streamlines are of each replicate.
    mask : (X, Y, Z) bool array, optional
        On the grid and in the storage order of all of them: streamlines end where they leave it.

    Raises
    ------
    InputError
        If the replicates lie on different grids, or directions are to be drawn from a spread as well.
    """
    if params is not None and params.sampling != "none":
        raise InputError(
            "streamlines follow replicates, or draw their directions from a spread, not both",
            mend="leave the sampling out",
        )
    if isinstance(fields, list | tuple):
        check_same_grid(fields)
    found = []
    for number, field in enumerate(fields):
        found.append(track(field, seeds, params, mask=mask, progress=_part(progress, number, len(fields)), name=name))
    offsets = [np.zeros(1, np.int64)]
    for one in found:
        offsets.append(one.offsets[1:] + offsets[-1][-1])
    about = {**found[0].provenance, "source": [entry for one in found for entry in one.provenance["source"]]}
    about |= {"replicates": len(found), "counts": [len(one) for one in found]}
    points = np.concatenate([one.points for one in found])
    return Tracts(points, np.concatenate(offsets), found[0].affine, found[0].shape, name, about)


def _part(progress: Progress, number: int, count: int) -> Progress:
    """Progress of one replicate as part of that of all."""

    def told(step: Step) -> None:
        message = f"tracking replicate {number + 1} of {count}"
        progress(Step(number * step.total + step.iteration, count * step.total, message=message))

    return told


def _check(field: FibreField, params: TrackParams) -> None:
    if params.sampling == "spread" and field.spread is None:
        raise InputError(
            f"{field.name} has no spread of its directions",
            mend="make it with 'napari-sti trust', or track the directions as they are",
        )
    if not field.mask.any():
        raise InputError(f"{field.name} holds no direction", mend="choose another result")


class _Walker:
    """Follows a block of seeds through one field.

    Attributes
    ----------
    step, floor, scale : float
        Those that were chosen, or that suit the field.
    """

    def __init__(self, field: FibreField, params: TrackParams, mask: NDArray[np.bool_] | None) -> None:
        size = np.array(frames.voxel_size(field.affine))
        self.step = float(params.step or size.min() / 2)
        self.floor = field.floor() if params.floor is None else params.floor
        self.scale = field.jackknife if params.spread_scale is None else params.spread_scale
        self._stride = (self.step / size).astype(np.float32)  # of a step along a voxel axis, in voxels
        self._most = max(1, int(params.max_length / self.step))
        self._least = params.min_length
        self._cosine = np.float32(np.cos(np.radians(params.angle)))
        self._drawn = params.sampling == "spread"
        # A drawn direction is followed as it was drawn, not as what lies half a step ahead.
        self._midpoint = params.integration == "midpoint" and not self._drawn
        self._shape = np.array(field.shape)
        columns = [field.directions, field.anisotropy[..., None]]
        if self._drawn and field.spread is not None:
            columns.append(tangent_width(field.spread, self.scale)[..., None])
        # A rim of nothing around the grid, so that every place in it has eight corners.
        values = np.concatenate(columns, axis=-1).astype(np.float32)
        values[~field.mask] = 0
        self._table = np.pad(values, ((1, 1), (1, 1), (1, 1), (0, 0))).reshape(-1, values.shape[-1])
        _, rows, columns_ = (n + 2 for n in field.shape)
        self._rows = np.array([rows * columns_, columns_, 1], np.int64)
        corners = np.array([(i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1)])
        self._corners = corners @ self._rows
        inside = field.mask if mask is None else field.mask & mask
        self._inside = np.pad(inside, 1).reshape(-1)

    def follow(self, seeds: Floats, rng: np.random.Generator) -> tuple[Floats, NDArray[np.int64]]:
        """Return points (P, 3) in voxels and the number of points of every streamline that is long enough."""
        seeds = seeds[self._in_grid(seeds)]
        nearest = self._table[self._flat(np.rint(seeds).astype(np.int64))]
        begin = nearest[:, :3]
        direction, good = self._look(seeds, begin, rng)
        seeds, direction = seeds[good], direction[good]
        n = len(seeds)
        place = np.concatenate([seeds, seeds])
        heading = np.concatenate([direction, -direction])
        alive = np.arange(2 * n)
        steps = np.zeros(2 * n, np.int64)
        trail: list[tuple[NDArray[np.int64], Floats]] = []
        while len(alive):
            place, heading, good = self._advance(place, heading, rng)
            place, heading, alive = place[good], heading[good], alive[good]
            if not len(alive):
                break
            steps[alive] += 1
            trail.append((alive, place))
            room = (steps[:n] + steps[n:])[alive % max(n, 1)] < self._most
            place, heading, alive = place[room], heading[room], alive[room]
        return self._joined(seeds, steps, trail)

    def _advance(
        self, place: Floats, heading: Floats, rng: np.random.Generator
    ) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        """Take one step; those that end keep any values."""
        along = heading
        if self._midpoint:
            middle = place + 0.5 * self._stride * heading
            good = self._in_grid(middle)
            found, length, _ = self._interpolate(np.where(good[:, None], middle, place), heading)
            # Where the middle holds no direction the step goes straight on, and what lies at its end decides.
            usable = good & (length > _TINY)
            along = np.where(usable[:, None], found, heading)
        after = place + self._stride * along
        turned, good = self._look(after, along, rng, heading)
        return after, turned, good

    def _look(
        self, place: Floats, towards: Floats, rng: np.random.Generator, before: Floats | None = None
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """Direction at these places, and where a streamline may be: inside, anisotropic, not bent too much."""
        inside = self._in_grid(place)
        place = np.where(inside[:, None], place, np.float32(0))
        direction, length, rest = self._interpolate(place, towards)
        good = inside & self._inside[self._flat(np.rint(place).astype(np.int64))]
        good &= (length > _TINY) & (rest[:, 0] >= self.floor)
        if self._drawn:
            direction = _drawn(direction, rest[:, 1], rng)
        if before is not None:
            good &= np.einsum("nc,nc->n", direction, before) >= self._cosine
        return direction, good

    def _interpolate(self, place: Floats, towards: Floats) -> tuple[Floats, Floats, Floats]:
        """Unit direction (n, 3) on the side of `towards`, length of the mean (n,), and what else the table holds."""
        low = np.floor(place)
        part = place - low
        x, y, z = part.T
        across = np.stack([(1 - y) * (1 - z), (1 - y) * z, y * (1 - z), y * z], axis=1)
        weight = np.concatenate([across * (1 - x)[:, None], across * x[:, None]], axis=1)
        corners = self._table.take(self._flat(low.astype(np.int64))[:, None] + self._corners, axis=0)
        vectors = corners[..., :3]
        side = np.einsum("nkc,nc->nk", vectors, towards)
        mean = np.einsum("nk,nkc->nc", np.copysign(weight, side), vectors)
        rest = np.einsum("nk,nkc->nc", weight, corners[..., 3:])
        length = np.sqrt(np.einsum("nc,nc->n", mean, mean))
        return mean / np.maximum(length, np.float32(_TINY))[:, None], length, rest

    def _in_grid(self, place: Floats) -> NDArray[np.bool_]:
        return np.asarray(((place >= -0.5) & (place <= self._shape - 0.5)).all(axis=1))

    def _flat(self, index: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.asarray((index + 1) @ self._rows)

    def _joined(
        self, seeds: Floats, steps: NDArray[np.int64], trail: list[tuple[NDArray[np.int64], Floats]]
    ) -> tuple[Floats, NDArray[np.int64]]:
        """Put both halves of every streamline together at its seed: the second one backwards, then the first one."""
        n = len(seeds)
        behind = steps[n:]
        counts = steps[:n] + behind + 1
        begin = np.cumsum(counts) - counts + behind
        points = np.empty((int(counts.sum()), 3), np.float32)
        points[begin] = seeds
        for number, (alive, place) in enumerate(trail, 1):
            second = alive >= n
            points[begin[alive % n] + np.where(second, -number, number)] = place
        keep = (counts - 1) * self.step >= self._least - 1e-6
        keep &= counts > 1
        return points[np.repeat(keep, counts)], counts[keep]


def _drawn(direction: Floats, width: Floats, rng: np.random.Generator) -> Floats:
    """Turn unit directions by chance: a Gaussian of this width in the plane across each of them."""
    chance = rng.standard_normal(direction.shape, dtype=np.float32)
    chance -= np.einsum("nc,nc->n", chance, direction)[:, None] * direction
    turned = direction + width[:, None] * chance
    return np.asarray(turned / np.linalg.norm(turned, axis=1, keepdims=True), np.float32)
