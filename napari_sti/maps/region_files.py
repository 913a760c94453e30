"""Numbers of regions as comma-separated values, as a Markdown table and as files in a folder."""

import csv
import math
from collections.abc import Callable
from io import StringIO
from pathlib import Path

from napari_sti.io import atomic
from napari_sti.maps.regions import Regions, Summary

CSV_FILE, HISTOGRAM_FILE, MARKDOWN_FILE, FIGURE_FILE = "regions.csv", "histograms.csv", "regions.md", "regions.png"
_NUMBERS = ("mean", "sd", "low", "p5", "p25", "median", "p75", "p95", "high")


def regions_csv(found: Regions) -> str:
    """Write one line for each region, result and map, in full precision; undefined values are empty."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    heads = ["region", "label", "result", "map", "unit", "voxels", "left_out", "volume_mm3"]
    writer.writerow([*heads, *_NUMBERS, "direction_R", "direction_A", "direction_S"])
    for one in found.maps:
        for region, result, row in found.of_map(one.key):
            head = [region, found.regions[region], result, one.key, one.unit, row.voxels, row.left_out]
            numbers = [_full(getattr(row, name)) for name in _NUMBERS]
            direction = ["", "", ""] if row.direction is None else [_full(value) for value in row.direction]
            writer.writerow([*head, _full(row.volume), *numbers, *direction])
    return out.getvalue()


def histograms_csv(found: Regions) -> str:
    """Write one line for each bin of each histogram; the first and last bin hold what lies beyond, too."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["region", "result", "map", "unit", "from", "to", "voxels"])
    for one in found.maps:
        edges = found.edges[one.key]
        for region, result, _ in found.of_map(one.key):
            for low, high, count in zip(edges[:-1], edges[1:], found.counts[result, region, one.key], strict=True):
                writer.writerow([region, result, one.key, one.unit, _full(low), _full(high), int(count)])
    return out.getvalue()


def regions_markdown(found: Regions) -> str:
    """Write a table for each map, and what has to be known to read it."""
    parts = [f"# Regions of {found.source}", ""]
    for one in found.maps:
        parts += [f"## {one.heading}", "", "| region | result | voxels | mean | sd | median | 5 to 95 % |"]
        parts.append("|---|---|---:|---:|---:|---:|---:|")
        write = number_writer([row for _, _, row in found.of_map(one.key)])
        for region, result, row in found.of_map(one.key):
            cells = [write(row.mean), write(row.sd), write(row.median), f"{write(row.p5)} to {write(row.p95)}"]
            parts.append(f"| {region} | {result} | {row.voxels} | {' | '.join(cells)} |")
        parts.append("")
    parts += ["The data are simulated.", ""] if found.simulated else []
    return "\n".join([*parts, *(f"- {note}" for note in found.notes)]).rstrip() + "\n"


def number_writer(rows: list[Summary], *, factor: float = 1.0) -> Callable[[float], str]:
    """Return a function that writes the numbers of one map, all with as many decimals as their spread asks for."""
    spreads = sorted(row.p95 - row.p5 for row in rows if row.p95 > row.p5) or [
        abs(row.mean) for row in rows if row.mean
    ]
    typical = spreads[len(spreads) // 2] * factor if spreads else 1.0
    decimals = min(max(2 - math.floor(math.log10(typical)), 0), 6) if typical > 0 else 3

    def write(value: float) -> str:
        return f"{value * factor:.{decimals}f}" if math.isfinite(value) else "\N{EN DASH}"

    return write


def write_regions(found: Regions, folder: Path, *, overwrite: bool = False) -> tuple[Path, ...]:
    """Write ``regions.csv``, ``histograms.csv``, ``regions.md`` and box plots of all maps, ``regions.png``.

    Returns
    -------
    tuple of Path
        What was written.

    Raises
    ------
    InputError
        If the folder is not empty (unless `overwrite`) or cannot be written.
    """
    from napari_sti.maps.region_figure import save_boxes

    atomic.prepare_folder(folder, overwrite=overwrite)
    texts = {
        CSV_FILE: regions_csv(found),
        HISTOGRAM_FILE: histograms_csv(found),
        MARKDOWN_FILE: regions_markdown(found),
    }
    for name, text in texts.items():
        atomic.write_text(folder / name, text, overwrite=overwrite)
    save_boxes(found, folder / FIGURE_FILE, overwrite=overwrite)
    return (*(folder / name for name in texts), folder / FIGURE_FILE)


def _full(value: float) -> str:
    return "" if not math.isfinite(value) else f"{float(value):.7g}"
