"""What the maps of several results hold in every region: mean, spread, percentiles, histograms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.errors import InputError
from napari_sti.core.progress import Progress, Step, silent
from napari_sti.maps.map_sets import MapSet
from napari_sti.maps.region_labels import Labels

DISPERSION = "pev_dispersion"
"""Name of the angle between PEV and the mean direction of the region: how much the fibres of a region fan out."""

PERCENTILES = (5, 25, 50, 75, 95)
BINS = 48
ISOTROPIC = 1e-6
"""Anisotropy in ppm up to which a voxel claims no direction (what rounding leaves)."""
_NAN = float("nan")


@dataclass(frozen=True)
class Summary:
    """One map of one result in one region, in the unit of the map; NaN where no voxel counts.

    Parameters
    ----------
    voxels : int
        Of the region, inside the mask of the result, with a value.
    left_out : int
        Of the region, but outside the mask of the result or without a value.
    volume : float
        Of the voxels that count, in mm³.
    mean, sd : float
        Mean and standard deviation of the sample (N - 1; NaN for a single voxel).
    low, p5, p25, median, p75, p95, high : float
        Smallest value, percentiles (linear interpolation), largest value.
    direction : three floats or None
        For the dispersion of PEV: the mean direction in RAS, sign free.
    """

    voxels: int
    left_out: int
    volume: float
    mean: float = _NAN
    sd: float = _NAN
    low: float = _NAN
    p5: float = _NAN
    p25: float = _NAN
    median: float = _NAN
    p75: float = _NAN
    p95: float = _NAN
    high: float = _NAN
    direction: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Measured:
    """A map that was measured.

    Parameters
    ----------
    key : str
        Its name in the results.
    title, unit : str
        As shown.
    """

    key: str
    title: str
    unit: str

    @property
    def heading(self) -> str:
        """Title and unit, such as ``"MSA [ppm]"``."""
        return f"{self.title} [{self.unit}]" if self.unit else self.title


Key = tuple[str, str, str]
"""Name of the result, name of the region, name of the map."""


@dataclass(frozen=True, eq=False)
class Regions:
    """Numbers of all regions.

    Parameters
    ----------
    results : tuple of str
        Names, in the order in which they were given.
    regions : mapping of str to int
        Label of each region, by its name, in the order of the labels.
    maps : tuple of Measured
        Every map that at least one result has.
    rows : mapping of Key to Summary
        For every result, region and map of that result.
    edges : mapping of str to (BINS + 1,) array
        Bins of the histograms of each map, the same for all results and regions.
    counts : mapping of Key to (BINS,) array
        Histograms; the first and the last bin hold what lies beyond, too.
    source : str
        Where the regions are from.
    notes : tuple of str
        What has to be known to read the numbers.
    simulated : bool
        Whether the data of at least one result were simulated.
    """

    results: tuple[str, ...]
    regions: Mapping[str, int]
    maps: tuple[Measured, ...]
    rows: Mapping[Key, Summary]
    edges: Mapping[str, NDArray[np.float64]]
    counts: Mapping[Key, NDArray[np.int64]]
    source: str = ""
    notes: tuple[str, ...] = ()
    simulated: bool = False

    def of_map(self, key: str) -> list[tuple[str, str, Summary]]:
        """Region, result and numbers of one map, region by region."""
        every = ((region, result) for region in self.regions for result in self.results)
        return [(g, r, self.rows[r, g, key]) for g, r in every if (r, g, key) in self.rows]


def measure(
    results: Sequence[MapSet], labels: Labels, *, resample: bool = False, progress: Progress = silent
) -> Regions:
    """Measure every map of every result in every region.

    Parameters
    ----------
    results : sequence of MapSet
        On any grids; each is measured on its own.
    labels : Labels
        The regions.
    resample : bool
        Whether labels on another grid are brought to that of a result by taking the nearest voxel.
    progress : callable
        Told which result is measured; may raise `Cancelled`.

    Raises
    ------
    OtherGridError
        If the labels lie on another grid than a result, and `resample` is false.
    InputError
        If there is no result, or two of them have one name.
    """
    names = [one.name for one in results]
    if not names or len(set(names)) < len(names):
        what = "two results have the same name" if names else "there is no result to measure"
        raise InputError(what, mend="give each result once, with a name of its own")
    samples: dict[Key, _Sample] = {}
    titles = region_names(labels)
    notes = list(labels.notes)
    for number, one in enumerate(results):
        progress(Step(number, len(results), message=f"measuring {one.name}"))
        volume = labels.on_grid(one.mask.shape, one.affine, resample=resample)
        if not (volume[one.mask] != 0).any():
            notes.append(f"No region lies inside the mask of {one.name}.")
        samples |= {(one.name, titles[label], key): found for label, key, found in _samples(one, volume, titles)}
    maps = tuple(dict.fromkeys(Measured(key[2], one.title, one.unit) for key, one in samples.items()))
    notes += _empty_notes(samples, titles)
    edges = {one.key: _edges([s.values for key, s in samples.items() if key[2] == one.key]) for one in maps}
    return Regions(
        results=tuple(names),
        regions={name: label for label, name in titles.items()},
        maps=maps,
        rows={key: sample.summary() for key, sample in samples.items()},
        edges=edges,
        counts={key: _histogram(sample.values, edges[key[2]]) for key, sample in samples.items()},
        source=labels.source,
        notes=tuple(dict.fromkeys(notes)),
        simulated=any(one.simulated for one in results),
    )


def region_names(labels: Labels) -> dict[int, str]:
    """Return the name of every label that marks a voxel; two regions of one name keep their labels behind it."""
    found = [int(label) for label in np.unique(labels.data) if label != 0]
    plain = {label: labels.names.get(label, f"region {label}") for label in found}
    twice = [name for name in plain.values() if list(plain.values()).count(name) > 1]
    return {label: f"{name} ({label})" if name in twice else name for label, name in plain.items()}


@dataclass(frozen=True, eq=False)
class _Sample:
    """Values of one map in one region."""

    title: str
    unit: str
    values: NDArray[np.float64]
    left_out: int
    voxel: float
    direction: tuple[float, float, float] | None = None

    def summary(self) -> Summary:
        n = self.values.size
        if n == 0:
            return Summary(0, self.left_out, 0.0)
        p5, p25, median, p75, p95 = (float(p) for p in np.percentile(self.values, PERCENTILES))
        sd = float(self.values.std(ddof=1)) if n > 1 else _NAN
        ends = float(self.values.min()), float(self.values.max())
        mean = float(self.values.mean())
        return Summary(
            n, self.left_out, n * self.voxel, mean, sd, ends[0], p5, p25, median, p75, p95, ends[1], self.direction
        )


def _samples(one: MapSet, volume: NDArray[np.int64], titles: Mapping[int, str]) -> list[tuple[int, str, _Sample]]:
    """Label, map and values of every region of one result."""
    flat = volume.ravel()
    marked = np.flatnonzero(flat)
    order = marked[np.argsort(flat[marked], kind="stable")]  # one sort for all regions, however many there are
    starts = np.searchsorted(flat[order], list(titles))
    ends = np.searchsorted(flat[order], list(titles), side="right")
    voxel = abs(float(np.linalg.det(one.affine[:3, :3])))
    inside = one.mask.ravel()
    found = []
    for label, start, end in zip(titles, starts, ends, strict=True):
        where = order[start:end]
        for key, scalar in one.maps.items():
            values = scalar.data.ravel()[where].astype(np.float64)
            good = values[inside[where] & np.isfinite(values)]
            found.append((label, key, _Sample(scalar.title, scalar.unit, good, len(where) - good.size, voxel)))
        if one.directions is not None:
            found.append((label, DISPERSION, _dispersion(one, where[inside[where]], len(where), voxel)))
    return found


def _dispersion(one: MapSet, where: NDArray[np.intp], count: int, voxel: float) -> _Sample:
    """Angles to the mean direction: the first axis of the mean of v vᵀ, since directions have no sign."""
    assert one.directions is not None
    vectors = one.directions.reshape(-1, 3)[where].astype(np.float64)
    claimed = np.linalg.norm(vectors, axis=1) > 0.5
    if "msa" in one.maps:
        claimed &= one.maps["msa"].data.ravel()[where] > ISOTROPIC
    vectors = vectors[claimed]
    angles, direction = np.empty(0), None
    if len(vectors):
        axis = np.linalg.eigh(vectors.T @ vectors)[1][:, -1]
        axis = axis * np.sign(axis[np.argmax(np.abs(axis))])
        angles = np.degrees(np.arccos(np.clip(np.abs(vectors @ axis), 0, 1)))
        x, y, z = axis.tolist()
        direction = (x, y, z)
    title = "PEV angle to the region's mean"
    return _Sample(title, "\N{DEGREE SIGN}", angles, count - len(angles), voxel, direction)


def _empty_notes(samples: Mapping[Key, _Sample], titles: Mapping[int, str]) -> list[str]:
    """Say which regions have no voxel at all in a result."""
    notes = []
    for result in dict.fromkeys(key[0] for key in samples):
        mine: dict[str, int] = dict.fromkeys(titles.values(), 0)
        for key, sample in samples.items():
            if key[0] == result:
                mine[key[1]] += sample.values.size
        empty = [name for name, size in mine.items() if size == 0]
        if empty and len(empty) < len(mine):
            more = f" and {len(empty) - 3} more" if len(empty) > 3 else ""
            notes.append(f"Without a voxel inside the mask of {result}: {', '.join(empty[:3])}{more}.")
    return notes


def _edges(values: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Bins from a robust minimum to a robust maximum of all regions and results."""
    pooled = np.concatenate([*values, np.empty(0)])
    if not pooled.size:
        return np.linspace(0, 1, BINS + 1)
    low, high = (float(p) for p in np.percentile(pooled, (0.5, 99.5)))
    if not high > low:
        low, high = low - 0.5 * abs(low) - 1e-6, high + 0.5 * abs(high) + 1e-6
    return np.linspace(low, high, BINS + 1)


def _histogram(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    counts: Any = np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0]
    return np.asarray(counts, np.int64)
