"""A comparison as files: the table as CSV and Markdown, and the angle error of each result as NIfTI."""

import csv
import re
from collections.abc import Mapping
from dataclasses import asdict
from io import StringIO
from pathlib import Path

from napari_sti.core.errors import InputError
from napari_sti.core.tensor_field import TensorField
from napari_sti.io import atomic
from napari_sti.io.nifti import write_volume
from napari_sti.maps.comparison import AnyScores, Comparison
from napari_sti.maps.dti import DtiReference
from napari_sti.maps.scores import markdown_table

CSV_FILE, MARKDOWN_FILE, FIGURE_FILE = "comparison.csv", "comparison.md", "figure.png"

WHOLE = "all"
"""What the CSV calls the region of all voxels compared."""


def comparison_csv(comparison: Comparison) -> str:
    """Write all scores as comma-separated values, one line for each region and result; undefined values are empty.

    Units are those of `Scores` (ppm, degrees, shares from 0 to 1), in full precision.
    """
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    first = next(iter(comparison.scores.values()))
    keys = list(asdict(first))
    writer.writerow(["result", "reference", "region", *keys])
    for region, rows in {WHOLE: comparison.scores, **comparison.regions}.items():
        for name, scores in rows.items():
            values = asdict(scores)
            numbers = ("" if values[key] != values[key] else repr(values[key]) for key in keys)
            writer.writerow([name, comparison.reference_name, region, *numbers])
    return out.getvalue()


def comparison_markdown(comparison: Comparison) -> str:
    """Write the table, a table for each region, and what has to be known to read them."""
    parts = [f"# Compared with {comparison.reference_name}", "", *_facts(comparison), "", _table(comparison, None)]
    for region in comparison.regions:
        parts += [f"## {region}", "", _table(comparison, region)]
    if comparison.notes:
        parts += [*(f"- {note}" for note in comparison.notes), ""]
    return "\n".join(parts)


def write_comparison(
    comparison: Comparison, given: Mapping[str, TensorField], folder: Path, *, overwrite: bool = False
) -> tuple[Path, ...]:
    """Write ``comparison.csv``, ``comparison.md`` and ``angle_NAME.nii.gz`` (degrees) for each result.

    Parameters
    ----------
    comparison : Comparison
        What is written.
    given : mapping of str to TensorField
        The results as they were read; each angle map has the storage order and the affine of its result. Where angles
        do not count it is NaN.
    folder : path
        Made if it is missing; must be empty unless `overwrite`.

    Returns
    -------
    tuple of Path
        What was written.

    Raises
    ------
    InputError
        If the folder is not empty or cannot be written.
    """
    files = angle_files(given)
    atomic.prepare_folder(folder, overwrite=overwrite)
    atomic.write_text(folder / CSV_FILE, comparison_csv(comparison), overwrite=overwrite)
    atomic.write_text(folder / MARKDOWN_FILE, comparison_markdown(comparison), overwrite=overwrite)
    for name, tensor in given.items():
        write_volume(
            folder / files[name],
            comparison.angle_map_like(name, tensor),
            tensor.affine,
            overwrite=overwrite,
            description=f"PEV angle to {comparison.reference_name}, degrees",
        )
    return (folder / CSV_FILE, folder / MARKDOWN_FILE, *(folder / file for file in files.values()))


def angle_files(names: Mapping[str, object]) -> dict[str, str]:
    """Return the file name of the angle map of each result.

    Raises
    ------
    InputError
        If two results would be written to one file.
    """
    files = {name: f"angle_{re.sub(r'[^A-Za-z0-9._-]+', '-', name).strip('-.') or 'result'}.nii.gz" for name in names}
    if len(set(files.values())) < len(files):
        raise InputError(
            f"two of the results ({', '.join(names)}) would be written to one file", mend="rename a folder"
        )
    return files


def _facts(comparison: Comparison) -> list[str]:
    scores: AnyScores = next(iter(comparison.scores.values()))
    facts = [
        f"{scores.voxels} voxels that all masks have in common; angles in the {int(comparison.counted.sum())} "
        f"of them where {comparison.where}.",
    ]
    if isinstance(comparison.reference, DtiReference):
        facts.append(
            f"{comparison.reference_name}: directions of a diffusion tensor read as {comparison.reference.frame}; "
            f"fibre coherence index {comparison.reference.share_of_best:.2f} of the best among all flips and swaps."
        )
    if comparison.simulated:
        facts.append("The data are simulated.")
    return facts


def _table(comparison: Comparison, region: str | None) -> str:
    rows = comparison.scores if region is None else comparison.regions[region]
    return markdown_table(rows, comparison.columns, heading="result")  # type: ignore[arg-type]
