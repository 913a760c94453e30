"""Several tensors beside one reference: brought to one grid, scored in the same voxels, with a map of the angle error.

Everything is compared in the nearest RAS order of axes, so that no number depends on how a file happens to be stored
(the published figures are means over components, which change places with the axes).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.core.progress import Progress, Step, silent
from napari_sti.core.tensor_field import TensorField
from napari_sti.io.grid import order_onto
from napari_sti.io.nifti import Volume
from napari_sti.maps import metrics
from napari_sti.maps.dti import FA_THRESHOLD, DtiReference
from napari_sti.maps.one_grid import Grid, Reference
from napari_sti.maps.scores import COLUMNS, ISOTROPIC, Column, Scores, column, score, score_regions

Mask = NDArray[np.bool_]

_NAN = float("nan")


@dataclass(frozen=True)
class FibreScores:
    """How far the principal eigenvectors of a tensor are from the fibres of a diffusion tensor.

    Susceptibilities themselves cannot be judged by diffusion. Values that are not defined are NaN.

    Parameters
    ----------
    angle_mean, angle_median : float
        Angle in degrees where FA exceeds `FA_THRESHOLD`; 90 in a voxel where the tensor has no direction.
    under_15, under_30 : float
        Share of those voxels, 0 to 1, with a smaller angle.
    fa_correlation : float
        Pearson correlation of MSA and FA over all voxels compared.
    voxels, angle_voxels : int
        Number of voxels compared, and of those in which the DTI has a direction that counts.
    """

    angle_mean: float
    angle_median: float
    under_15: float
    under_30: float
    fa_correlation: float
    voxels: int
    angle_voxels: int


FIBRE_COLUMNS = (
    *(column(key) for key in ("angle_mean", "angle_median", "under_15", "under_30")),
    Column("fa_correlation", "MSA-FA correlation", "", 3, "higher"),
)
"""What is told about a tensor beside a DTI."""

AnyScores = Scores | FibreScores


@dataclass(frozen=True, eq=False)
class Comparison:
    """Tensors beside a reference, all on one grid.

    Parameters
    ----------
    results : mapping of str to TensorField
        In voxel axes, in the nearest RAS order.
    reference : TensorField or DtiReference
        In the same order.
    reference_name : str
        What the reference is called.
    mask : (X, Y, Z) array
        Voxels that were compared: those that all masks have in common and in which all values are finite.
    counted : (X, Y, Z) array
        Voxels in which angles count: inside the mask (and the white matter, if it was given) where the reference has a
        direction, MSA above 0.015 ppm or FA above 0.2.
    scores : mapping of str to Scores or FibreScores
        For each result.
    columns : tuple of Column
        Figures of the table.
    regions : mapping of str to mappings
        For each region the scores of each result.
    angle_maps : mapping of str to (X, Y, Z) float32 arrays
        Angle between the principal directions in degrees, 0 to 90; NaN where it does not count.
    notes : tuple of str
        Sentences that belong beside the table.
    """

    results: Mapping[str, TensorField]
    reference: Reference
    reference_name: str
    mask: Mask
    counted: Mask
    scores: Mapping[str, AnyScores]
    columns: tuple[Column, ...]
    regions: Mapping[str, Mapping[str, AnyScores]]
    angle_maps: Mapping[str, NDArray[np.float32]]
    notes: tuple[str, ...] = ()

    @property
    def affine(self) -> NDArray[np.float64]:
        """Voxel indices of everything here to RAS mm."""
        return self.reference.affine

    @property
    def simulated(self) -> bool:
        """Whether any of it was simulated."""
        tensors = [*self.results.values(), self.reference]
        return any(isinstance(t, TensorField) and bool(t.provenance.get("simulated")) for t in tensors)

    @property
    def where(self) -> str:
        """Where angles count, in words that follow "where"."""
        return _what_counts(self.reference, self.reference_name)

    def angle_map_like(self, name: str, like: TensorField) -> NDArray[np.float32]:
        """Return an angle map in the storage order of `like`, which lies on the same grid of the world."""
        orientation = order_onto(self.mask.shape, self.affine, like.shape, like.affine)
        if orientation is None:
            raise InputError(f"{name} lies on another grid than the comparison", mend="compare it again")
        return np.ascontiguousarray(frames.reorder_volume(self.angle_maps[name], orientation))


def compare(
    results: Mapping[str, TensorField],
    reference: Reference,
    *,
    reference_name: str = "reference",
    mask: Volume | None = None,
    white: Volume | None = None,
    labels: Volume | None = None,
    names: Mapping[int, str] | None = None,
    progress: Progress = silent,
) -> Comparison:
    """Score tensors against a reference in the same voxels.

    Parameters
    ----------
    results : mapping of str to TensorField
        In any frame and order of storage, on one grid of the world.
    reference : TensorField or DtiReference
        A tensor, with which everything is compared; or directions and FA, with which only directions are.
    reference_name : str
        What the reference is called in notes and names.
    mask : Volume, optional
        Compare only where it exceeds 0.5.
    white : Volume, optional
        White matter: count angles only where it exceeds 0.5.
    labels : Volume, optional
        Regions, whole numbers, 0 for none.
    names : mapping, optional
        Name of each label.
    progress : callable
        Told before each result; may raise `Cancelled`.

    Raises
    ------
    InputError
        If two of them lie on different grids, or there is no voxel that all have in common.
    """
    if not results:
        raise InputError("there is nothing to compare", mend="choose a result besides the reference")
    first_name, first = next(iter(results.items()))
    ordered = first.canonical()
    grid = Grid(ordered.shape, ordered.affine, first_name)
    brought = {name: grid.tensor(result, name) for name, result in results.items()}
    on_grid = grid.reference(reference, reference_name)
    white_mask = grid.mask(white, "white matter mask")
    regions = grid.labels(labels)
    common, notes = _common_mask(brought, on_grid, reference_name, grid.mask(mask, "mask"))
    counted = _counted(on_grid, common, white_mask)
    scored: dict[str, AnyScores] = {}
    by_region: dict[str, dict[str, AnyScores]] = {}
    angle_maps: dict[str, NDArray[np.float32]] = {}
    for number, (name, result) in enumerate(brought.items()):
        progress(Step(number, len(brought), message=f"comparing {name}"))
        directed = has_directions(result, common)
        angle_maps[name] = _angle_map(result, on_grid, counted, directed)
        if not directed:
            notes.append(f"{name} is isotropic: it has no directions, and no angles.")
        if isinstance(on_grid, DtiReference):
            scored[name], parts = _fibre_scores_of(result, on_grid, common, counted, angle_maps[name], regions, names)
        else:
            scored[name], parts = _scores_of(result, on_grid, common, white_mask, regions, names)
            if not directed:
                scored[name] = _without_anisotropy(scored[name])
                parts = {region: _without_anisotropy(values) for region, values in parts.items()}
        for region, values in parts.items():
            by_region.setdefault(region, {})[name] = values
    if isinstance(on_grid, DtiReference):
        notes += [on_grid.warning] if on_grid.warning else []
    if not counted.any():
        notes.append(f"No angle counts: nowhere {_what_counts(on_grid, reference_name)}.")
    return Comparison(
        results=brought,
        reference=on_grid,
        reference_name=reference_name,
        mask=common,
        counted=counted,
        scores=scored,
        columns=FIBRE_COLUMNS if isinstance(on_grid, DtiReference) else COLUMNS,
        regions=by_region,
        angle_maps=angle_maps,
        notes=tuple(notes),
    )


def _without_anisotropy(scores: AnyScores) -> AnyScores:
    """An isotropic tensor claims no anisotropy either: its 100 % of error are not to be the best of a column."""
    if not isinstance(scores, Scores):
        return scores
    return replace(scores, msa_error=_NAN, msa_error_percent=_NAN)


def has_directions(tensor: TensorField, mask: Mask) -> bool:
    """Whether a tensor claims directions inside a mask; an isotropic one (COSMOS) does not."""
    inside = tensor.msa[mask]
    return bool(inside.size and np.nanmax(inside) > ISOTROPIC)


def _common_mask(
    results: Mapping[str, TensorField], reference: Reference, reference_name: str, given: Mask | None
) -> tuple[Mask, list[str]]:
    masks = {name: cast(Mask, result.mask) for name, result in results.items()}
    masks[reference_name] = cast(Mask, reference.mask)
    if given is not None:
        masks["the mask"] = given
    common = np.logical_and.reduce(list(masks.values()))
    if not common.any():
        raise InputError(
            f"there is no voxel inside the masks of all ({', '.join(masks)})", mend="check that they are of one brain"
        )
    notes = []
    tensors = {**results, **({reference_name: reference} if isinstance(reference, TensorField) else {})}
    for name, tensor in tensors.items():
        bad = common & ~np.isfinite(tensor.chi).all(-1)
        if bad.any():
            common = common & ~bad
            notes.append(f"{name} is NaN or infinite in {bad.sum()} voxels, which were left out for all.")
    if not common.any():
        raise InputError("no voxel is finite in all of the tensors", mend="check the results for NaN")
    return common, notes


# ---- scores -----------------------------------------------------------------------------------------------------


def _strength(reference: Reference) -> tuple[NDArray[np.float32], float]:
    """What tells where the reference has a direction, and above which value."""
    if isinstance(reference, DtiReference):
        return reference.fa, FA_THRESHOLD
    return reference.msa, metrics.ECSE_THRESHOLD


def _what_counts(reference: Reference, name: str) -> str:
    if isinstance(reference, DtiReference):
        return f"the FA of {name} exceeds {FA_THRESHOLD:g}"
    return f"the MSA of {name} exceeds {metrics.ECSE_THRESHOLD:g} ppm"


def _counted(reference: Reference, mask: Mask, white: Mask | None) -> Mask:
    strength, threshold = _strength(reference)
    counted = mask & (strength > threshold)
    return counted if white is None else counted & white


def _directions(reference: Reference) -> NDArray[np.float32]:
    return reference.directions if isinstance(reference, DtiReference) else reference.pev


def _angle_map(result: TensorField, reference: Reference, counted: Mask, directed: bool) -> NDArray[np.float32]:
    out = np.full(counted.shape, np.nan, np.float32)
    if directed:
        angle = metrics.pev_angle(result.pev[counted], _directions(reference)[counted])
        out[counted] = np.nan_to_num(angle, nan=90.0)  # as the scores count a voxel without a direction
    return out


Parts = dict[str, AnyScores]
Names = Mapping[int, str] | None


def _scores_of(
    result: TensorField,
    reference: TensorField,
    mask: Mask,
    white: Mask | None,
    labels: NDArray[np.int64] | None,
    names: Names,
) -> tuple[AnyScores, Parts]:
    parts: Parts = {}
    if labels is not None:
        parts.update(score_regions(result.chi, reference.chi, mask, labels, names, white=white))
    return score(result.chi, reference.chi, mask, white=white), parts


def _fibre_scores_of(
    result: TensorField,
    reference: DtiReference,
    mask: Mask,
    counted: Mask,
    angles: NDArray[np.float32],
    labels: NDArray[np.int64] | None,
    names: Names,
) -> tuple[AnyScores, Parts]:
    def scores(where: Mask) -> FibreScores:
        inside, white = mask & where, counted & where
        known = angles[white & np.isfinite(angles)]
        summary = metrics.summarise_angles(known) if known.size else metrics.AngleSummary(_NAN, _NAN, _NAN, _NAN, 0)
        return FibreScores(
            angle_mean=summary.mean,
            angle_median=summary.median,
            under_15=summary.under_15,
            under_30=summary.under_30,
            fa_correlation=_correlation(result.msa[inside], reference.fa[inside]),
            voxels=int(inside.sum()),
            angle_voxels=int(white.sum()),
        )

    found = [] if labels is None else [int(label) for label in np.unique(labels[mask]) if label != 0]
    parts: Parts = {(names or {}).get(label, f"region {label}"): scores(np.asarray(labels == label)) for label in found}
    return scores(mask), parts


def _correlation(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    if a.size < 2 or float(a.std()) < ISOTROPIC or not b.std() > 0:
        return _NAN
    return float(np.corrcoef(a.astype(np.float64), b.astype(np.float64))[0, 1])
