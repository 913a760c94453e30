"""Probes as text, plain values and comma-separated values."""

import csv
from collections.abc import Sequence
from io import StringIO
from typing import Any

import numpy as np

from napari_sti.core.frames import COMPONENTS, from_matrix
from napari_sti.io.sidecars import plain
from napari_sti.maps.probe import FieldsHere, Probe


def probe_values(probe: Probe) -> dict[str, Any]:
    """Return a probe as plain values that fit in JSON: ppm, mm, degrees, RAS axes; undefined ones are null."""
    return {
        "result": probe.name,
        "place_ras_mm": plain(probe.place),
        "voxel": list(probe.voxel),
        "voxel_centre_ras_mm": plain(np.round(probe.centre, 6)),
        "where": probe.where,
        "frame": "ras",
        "order": list(COMPONENTS),
        "chi_ppm": plain(from_matrix(probe.chi)),
        "eigenvalues_ppm": plain(probe.eigenvalues),
        "mms_ppm": plain(probe.mms),
        "msa_ppm": plain(probe.msa),
        "direction": plain(probe.direction),
        "fields": None if probe.fields is None else _field_values(probe.fields),
        "misfit_ppm": None if probe.fields is None else plain(probe.fields.misfit),
    }


def _field_values(fields: FieldsHere) -> list[dict[str, Any]]:
    return [
        {
            "orientation": fields.labels[i],
            "tilt_deg": round(float(fields.tilts[i]), 4),
            "b0_ras": plain(fields.b0_ras[i]),
            "measured_ppm": plain(float(fields.measured[i])),
            "predicted_ppm": plain(float(fields.predicted[i])),
        }
        for i in range(len(fields.labels))
    ]


def probe_text(probe: Probe) -> str:
    """Write a probe for reading: a few lines, ppm with five decimals."""
    r, a, s = probe.place
    head = f"{probe.name}: R {r:.1f}, A {a:.1f}, S {s:.1f} mm = voxel {probe.voxel} of its file"
    if not probe.inside:
        return f"{head}: {probe.where}"
    lines = [head, "  tensor [ppm], axes R A S"]
    lines += ["    " + "  ".join(f"{value: .5f}" for value in row) for row in probe.chi]
    lines.append(f"  eigenvalues {' '.join(f'{value:.5f}' for value in probe.eigenvalues)} ppm")
    lines.append(f"  MMS {probe.mms:.5f} ppm, MSA {probe.msa:.5f} ppm")
    x, y, z = probe.direction
    lines.append(f"  direction R {x:.3f} A {y:.3f} S {z:.3f}" if probe.direction.any() else "  direction: none")
    if probe.fields is not None:
        fields = probe.fields
        width = max(map(len, fields.labels))
        lines.append(f"  field [ppm]{'':{max(width - 5, 1)}}  tilt   measured  predicted")
        for label, tilt, seen, made in zip(fields.labels, fields.tilts, fields.measured, fields.predicted, strict=True):
            lines.append(f"    {label:<{width}}  {tilt:6.1f}°  {seen: .5f}  {made: .5f}")
        lines.append(f"  misfit {fields.misfit:.5f} ppm (root mean square over the orientations)")
    return "\n".join(lines)


def probes_csv(probes: Sequence[Sequence[Probe]]) -> str:
    """Write probes as comma-separated values: one line for each place and result, undefined values empty.

    Parameters
    ----------
    probes : sequence of sequences of Probe
        For each place, one for each result. Places are numbered from 1.
    """
    count = max((len(p.fields.labels) for row in probes for p in row if p.fields is not None), default=0)
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        [
            *("probe", "result", "R_mm", "A_mm", "S_mm", "voxel_i", "voxel_j", "voxel_k", "where"),
            *("mms_ppm", "msa_ppm", "l1_ppm", "l2_ppm", "l3_ppm", "pev_R", "pev_A", "pev_S"),
            *(f"chi_{a}{b}_ppm" for a, b in ("RR", "RA", "RS", "AA", "AS", "SS")),
            "misfit_ppm",
            *(f"{what}_{i + 1}_ppm" for i in range(count) for what in ("measured", "predicted")),
        ]
    )
    for number, row in enumerate(probes, 1):
        for probe in row:
            values = [probe.mms, probe.msa, *probe.eigenvalues, *probe.direction, *from_matrix(probe.chi)]
            values = [*values, _misfit(probe), *_pairs(probe.fields, count)]
            place = [round(float(value), 4) for value in probe.place]
            texts = (_text(float(value)) if probe.inside else "" for value in values)
            writer.writerow([number, probe.name, *place, *probe.voxel, probe.where, *texts])
    return out.getvalue()


def _misfit(probe: Probe) -> float:
    return float("nan") if probe.fields is None else probe.fields.misfit


def _pairs(fields: FieldsHere | None, count: int) -> list[float]:
    if fields is None:
        return [float("nan")] * (2 * count)
    pairs = np.stack([fields.measured, fields.predicted], axis=1).ravel().tolist()
    return [*pairs, *[float("nan")] * (2 * count - len(pairs))]


def _text(value: float) -> str:
    """Full precision of what was computed in float32; empty where it is not defined."""
    return "" if not np.isfinite(value) else f"{value:.7g}"
