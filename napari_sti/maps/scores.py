"""All figures of merit of a tensor at once, for the whole brain and for its regions, and as tables.

Each of them is defined in `napari_sti.maps.metrics`; here every tensor is decomposed once for all of them.
"""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from io import StringIO
from pathlib import Path
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.eigen import principal
from napari_sti.core.errors import InputError, shape_text
from napari_sti.io.atomic import write_text
from napari_sti.maps import metrics

ISOTROPIC = 1e-6
"""Anisotropy in ppm up to which, everywhere in the brain, a tensor claims no direction (what rounding leaves)."""

NOTHING = "–"
"""What stands in a table where a value is not defined."""

_NAN = float("nan")


@dataclass(frozen=True)
class Scores:
    """How far a tensor is from a reference.

    A value that is not defined is NaN: everything where no voxel counts, angles and ECSE of an isotropic method or of
    a region without anisotropy, SSIM of a volume of fewer than 11 voxels along an axis.

    Parameters
    ----------
    psnr, ssim, ecse, wpsnr, mse : float
        The published figures (dB, 0 to 1, 0 to 1, dB, ppm^2); see `napari_sti.maps.metrics`.
    mms_error, msa_error : float
        Mean absolute error in ppm.
    mms_error_percent, msa_error_percent : float
        Norm of the error divided by the norm of the reference, times 100.
    angle_mean, angle_median : float
        Angle between the principal directions in degrees, where the reference has one; 90 where the tensor has none.
    under_15, under_30 : float
        Share of those voxels, 0 to 1, with a smaller angle.
    voxels, angle_voxels : int
        Number of voxels compared, and number of those in which the reference has a direction.
    """

    psnr: float
    ssim: float
    ecse: float
    wpsnr: float
    mse: float
    mms_error: float
    mms_error_percent: float
    msa_error: float
    msa_error_percent: float
    angle_mean: float
    angle_median: float
    under_15: float
    under_30: float
    voxels: int
    angle_voxels: int


@dataclass(frozen=True)
class Column:
    """One figure as tables show it.

    Parameters
    ----------
    key : str
        Name of the attribute of `Scores`.
    title, unit : str
        As shown; the unit is that of ``value``.
    digits : int
        Decimals shown.
    better : {"higher", "lower"}
        Which way is better.
    factor : float
        From the unit of `Scores` to the shown one.
    """

    key: str
    title: str
    unit: str
    digits: int
    better: Literal["higher", "lower"]
    factor: float = 1.0

    @property
    def heading(self) -> str:
        """Title and unit, such as ``"PSNR [dB]"``."""
        return f"{self.title} [{self.unit}]" if self.unit else self.title

    def value(self, scores: Scores) -> float:
        """Return the figure in the shown unit."""
        return float(getattr(scores, self.key)) * self.factor

    def text(self, scores: Scores) -> str:
        """Write the figure in the shown unit, an en dash if it is not defined."""
        return self.write(self.value(scores))

    def write(self, shown: float) -> str:
        """Write a value that is in the shown unit already."""
        if math.isnan(shown):
            return NOTHING
        return "∞" if math.isinf(shown) else f"{shown:.{self.digits}f}"

    def best(self, values: Sequence[float]) -> float:
        """Return the best of some values; NaN if none is defined."""
        known = [value for value in values if not math.isnan(value)]
        if not known:
            return _NAN
        return max(known) if self.better == "higher" else min(known)


COLUMNS = (
    Column("psnr", "PSNR", "dB", 2, "higher"),
    Column("ssim", "SSIM", "", 4, "higher"),
    Column("ecse", "ECSE", "", 3, "lower"),
    Column("wpsnr", "wPSNR", "dB", 2, "higher"),
    Column("mse", "MSE", "ppb²", 1, "lower", 1e6),
    Column("mms_error", "MMS error", "ppb", 2, "lower", 1e3),
    Column("mms_error_percent", "MMS error", "%", 1, "lower"),
    Column("msa_error", "MSA error", "ppb", 2, "lower", 1e3),
    Column("msa_error_percent", "MSA error", "%", 1, "lower"),
    Column("angle_mean", "PEV angle, mean", "°", 1, "lower"),
    Column("angle_median", "PEV angle, median", "°", 1, "lower"),
    Column("under_15", "under 15°", "%", 1, "higher", 100.0),
    Column("under_30", "under 30°", "%", 1, "higher", 100.0),
)
"""All figures in the order of the tables. 1 ppb is 0.001 ppm: errors of brain tensors lie between 1 and 50 ppb."""


def column(key: str) -> Column:
    """Return the column of a figure.

    Raises
    ------
    InputError
        If there is no such figure.
    """
    for found in COLUMNS:
        if found.key == key:
            return found
    raise InputError(f"the figure {key!r} is not known", mend=f"use one of {', '.join(c.key for c in COLUMNS)}")


def score(
    chi: metrics.Tensors, reference: metrics.Tensors, mask: metrics.Mask, *, white: metrics.Mask | None = None
) -> Scores:
    """Compute all figures.

    Parameters
    ----------
    chi, reference : (X, Y, Z, 6) arrays
        Tensors in ppm, in the same axes, order xx, xy, xz, yy, yz, zz.
    mask : (X, Y, Z) array
        Where they are compared.
    white : (X, Y, Z) array, optional
        Where angles count: white matter; by default wherever the anisotropy of the reference exceeds
        `metrics.ECSE_THRESHOLD`, which is demanded inside `white`, too. The ECSE, as published, always counts there.

    Raises
    ------
    InputError
        If the shapes differ.
    """
    pair = _Pair(chi, reference, mask, white)
    return pair.scores(pair.inside, pair.ssim()[0])


def score_regions(
    chi: metrics.Tensors,
    reference: metrics.Tensors,
    mask: metrics.Mask,
    labels: NDArray[np.integer],
    names: Mapping[int, str] | None = None,
    *,
    white: metrics.Mask | None = None,
) -> dict[str, Scores]:
    """Compute all figures for every region of a label volume.

    Parameters
    ----------
    chi, reference, mask, white
        As `score` takes them.
    labels : (X, Y, Z) array of int
        Region of each voxel, 0 for none.
    names : mapping, optional
        Name of each label; ``"region 3"`` where it has none. A name for a label that is nowhere gives a row without
        values, so that tables of several results have the same rows.

    Returns
    -------
    dict of str to Scores
        In the order of the labels. SSIM is the mean of its map over the voxels of the region, which is not the
        published figure: that one averages over the whole volume, background included.
    """
    pair = _Pair(chi, reference, mask, white)
    regions = np.asarray(labels)
    if regions.shape != pair.inside.shape:
        raise InputError(
            f"the labels are {shape_text(regions.shape)} voxels and the tensor {shape_text(pair.inside.shape)}",
            mend="draw the labels on the grid of the tensor",
        )
    if regions.dtype.kind not in "iub":
        raise InputError("the labels are not whole numbers", mend="give one whole number for each region, 0 for none")
    regions = regions.astype(np.int64)
    named = {int(key): str(name) for key, name in (names or {}).items() if int(key) != 0}
    found = sorted({*np.unique(regions[pair.inside]).tolist(), *named} - {0})
    local = pair.ssim()[1]
    rows: dict[str, Scores] = {}
    for label in found:
        where = pair.inside & (regions == label)
        similarity = float(local[where].mean()) if local.size and where.any() else _NAN
        name = named.get(label, f"region {label}")
        # Two regions may have been given one name; neither may hide the other.
        rows[name if name not in rows else f"{name} ({label})"] = pair.scores(where, similarity)
    return rows


class _Pair:
    """A tensor and its reference, decomposed once."""

    def __init__(
        self, chi: metrics.Tensors, reference: metrics.Tensors, mask: metrics.Mask, white: metrics.Mask | None
    ) -> None:
        self.chi, self.reference = np.asarray(chi), np.asarray(reference)
        self.inside = cast(metrics.Mask, np.asarray(mask) != 0)
        if self.chi.shape != self.reference.shape or self.chi.shape != (*self.inside.shape, 6):
            raise InputError(
                f"the tensor is {shape_text(self.chi.shape)}, the reference {shape_text(self.reference.shape)} "
                f"and the mask {shape_text(self.inside.shape)}",
                mend="bring all to the same grid",
            )
        self.maps = principal(self.chi, mask=self.inside)
        self.expected = principal(self.reference, mask=self.inside)
        self.anisotropic = self.inside & (self.expected[1] > metrics.ECSE_THRESHOLD)
        self.white = self.anisotropic if white is None else self.anisotropic & (np.asarray(white) != 0)
        anisotropy = self.maps[1][self.inside]
        finite = anisotropy[np.isfinite(anisotropy)]
        self.has_directions = bool(finite.size and finite.max() > ISOTROPIC)

    def ssim(self) -> tuple[float, NDArray[np.float64]]:
        """SSIM of the whole volume and its map; NaN and empty where it is not defined."""
        if min(self.inside.shape) < metrics.SSIM_WINDOW or not self.inside.any():
            return _NAN, np.empty(0)
        return metrics.ssim_map(self.chi, self.reference, self.inside)

    def scores(self, where: metrics.Mask, similarity: float) -> Scores:
        """Figures of the voxels of one region."""
        counted, white = where & self.anisotropic, where & self.white
        if not where.any():
            return Scores(*(_NAN,) * 13, voxels=0, angle_voxels=0)
        chi, reference, everywhere = self.chi[where], self.reference[where], where[where]
        mms, msa, pev = (found[where] for found in self.maps)
        true_mms, true_msa, true_pev = (found[where] for found in self.expected)
        angles = metrics.AngleSummary(_NAN, _NAN, _NAN, _NAN, int(white.sum()))
        error = _NAN
        if self.has_directions and white.any():
            angles = metrics.summarise_angles(metrics.pev_angle(self.maps[2][white], self.expected[2][white]))
        if self.has_directions and counted.any():
            error = metrics.cosine_error(self.maps[2][counted], self.expected[2][counted])
        return Scores(
            psnr=metrics.psnr(chi, reference, everywhere),
            ssim=similarity,
            ecse=error,
            wpsnr=metrics.weighted_psnr((msa, pev), (true_msa, true_pev)),
            mse=metrics.mse(chi, reference, everywhere),
            mms_error=_mean_error(mms, true_mms),
            mms_error_percent=_percent(mms, true_mms),
            msa_error=_mean_error(msa, true_msa),
            msa_error_percent=_percent(msa, true_msa),
            angle_mean=angles.mean,
            angle_median=angles.median,
            under_15=angles.under_15,
            under_30=angles.under_30,
            voxels=int(where.sum()),
            angle_voxels=angles.voxels,
        )


def _mean_error(values: NDArray[np.floating], expected: NDArray[np.floating]) -> float:
    return float(np.mean(np.abs(values.astype(np.float64) - expected)))


def _percent(values: NDArray[np.floating], expected: NDArray[np.floating]) -> float:
    norm = float(np.linalg.norm(expected.astype(np.float64)))
    return float(np.linalg.norm(values.astype(np.float64) - expected)) / norm * 100 if norm > 0 else _NAN


# ---- tables -----------------------------------------------------------------------------------------------------


def markdown_table(
    rows: Mapping[str, Scores],
    columns: Sequence[Column] = COLUMNS,
    *,
    heading: str = "",
    bold_best: bool = True,
) -> str:
    """Write scores as a Markdown table, one line for each row, the best of each column in bold.

    Parameters
    ----------
    rows : mapping of str to Scores
        What each row is called.
    columns : sequence of Column
        Which figures, in which order.
    heading : str
        Above the names.
    bold_best : bool
        Whether the best value of a column is bold; with fewer than two rows none is.
    """
    lines = [[heading, *(column.heading for column in columns)]]
    cells = {name: [column.text(scores) for column in columns] for name, scores in rows.items()}
    if bold_best and len(rows) > 1:
        for i, each in enumerate(columns):
            best = each.write(each.best([each.value(scores) for scores in rows.values()]))
            for line in cells.values():
                line[i] = f"**{line[i]}**" if line[i] == best != NOTHING else line[i]
    lines += [[name, *line] for name, line in cells.items()]
    return markdown(lines)


def markdown(lines: Sequence[Sequence[str]]) -> str:
    """Write lines of cells, the first of them headings, as a Markdown table with numbers to the right."""
    first, *rest = [[cell.replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines]
    rule = [":--", *("--:" for _ in first[1:])]
    return "\n".join(f"| {' | '.join(line)} |" for line in (first, rule, *rest)) + "\n"


def csv_text(rows: Mapping[str, Scores], *, heading: str = "result") -> str:
    """Write scores as comma-separated values in the units of `Scores`; what is not defined is empty."""
    out = StringIO()
    names = [field.name for field in fields(Scores)]
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([heading, *names])
    for name, scores in rows.items():
        values = asdict(scores)
        writer.writerow([name, *("" if values[key] != values[key] else repr(values[key]) for key in names)])
    return out.getvalue()


def write_csv(path: Path, rows: Mapping[str, Scores], *, heading: str = "result", overwrite: bool = False) -> None:
    """Write scores as a CSV file.

    Raises
    ------
    InputError
        If the file exists and must not be overwritten, or cannot be written.
    """
    write_text(Path(path), csv_text(rows, heading=heading), overwrite=overwrite)
