"""The quality page: one HTML file that needs nothing else, with pictures, numbers, rules of thumb and provenance."""

import html
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from napari_sti.core import frames
from napari_sti.core.provenance import now, versions
from napari_sti.evaluate.quality_figures import Picture, quality_pictures
from napari_sti.io.sidecars import plain
from napari_sti.maps.dti_mends import dti_mend_words
from napari_sti.maps.flips import mend_text
from napari_sti.maps.quality import Quality
from napari_sti.maps.quality_lines import SECTIONS, TITLES, Line, ppm, quality_lines

FORMAT, VERSION = "napari-sti quality", 1

_STYLE = """
:root { color-scheme: light dark; --ink: #1d2430; --dim: #5f6875; --paper: #ffffff; --wash: #f4f6fa; --line: #dfe4ec;
  --mark: #b4511a; --accent: #3a55b4; }
@media screen and (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --dim: #9aa3b2; --paper: #161a21;
  --wash: #1e242e; --line: #303947; --mark: #f0a35e; --accent: #8fa5f5; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 920px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 26px; line-height: 1.2; margin: 0 0 4px; }
h2 { font-size: 18px; margin: 36px 0 8px; padding-bottom: 4px; border-bottom: 1px solid var(--line); }
p { margin: 6px 0; } .dim { color: var(--dim); }
a { color: var(--accent); }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
table.lines { table-layout: fixed; } table.lines td { overflow-wrap: break-word; }
table.lines th:nth-child(1) { width: 27%; } table.lines th:nth-child(2) { width: 38%; }
td, th { text-align: left; vertical-align: top; padding: 6px 10px 6px 0; border-bottom: 1px solid var(--line); }
th { color: var(--dim); font-weight: 600; font-size: 12.5px; }
td.value { font-variant-numeric: tabular-nums; font-weight: 600; } td.number, th.number { text-align: right; }
td.number { font-variant-numeric: tabular-nums; }
.rule { color: var(--dim); font-size: 13px; } .rule i { font-style: normal; opacity: .85; }
.outside { border-left: 3px solid var(--mark); padding-left: 8px; }
.tag { display: inline-block; color: var(--mark); font-size: 12.5px; font-weight: 600; }
.note { background: var(--wash); border-left: 3px solid var(--accent); padding: 8px 12px; margin: 10px 0; }
.mend { border-left-color: var(--mark); }
figure { margin: 14px 0; break-inside: avoid; } figure img { width: 100%; height: auto; display: block; }
figcaption { color: var(--dim); font-size: 13px; margin-top: 4px; }
code { font: 13px ui-monospace, monospace; background: var(--wash); padding: 1px 4px; overflow-wrap: anywhere; }
.note code { display: inline-block; max-width: 100%; overflow-x: auto; white-space: nowrap; vertical-align: bottom; }
nav a { text-decoration: none; margin-right: 14px; font-size: 14px; }
details summary { cursor: pointer; color: var(--accent); }
.wide { overflow-x: auto; }
@media print { body { font-size: 10.5pt; } main { max-width: none; padding: 0; } nav { display: none; }
  h2 { break-after: avoid; } tr { break-inside: avoid; } }
"""


def quality_html(quality: Quality, *, about: Mapping[str, Any], pictures: Iterable[Picture] | None = None) -> str:
    """Write the page.

    Parameters
    ----------
    quality : Quality
        What was found.
    about : mapping
        ``inputs``: list of role, path and hash; ``command``: how to make the page again.
    pictures : iterable of Picture, optional
        By default those of `quality_pictures`.

    Returns
    -------
    str
        One HTML document without any outside reference.
    """
    lines = quality_lines(quality)
    drawn = list(quality_pictures(quality) if pictures is None else pictures)
    parts = [_head(quality), _summary(lines, quality), _pictures(drawn, "maps")]
    for section in SECTIONS:
        mine = [line for line in lines if line.section == section]
        if mine:
            extra = _fit_table(quality) if section == "data" else ""
            parts += [_section(section, mine), _pictures(drawn, section), extra]
    parts.append(_provenance(quality, about))
    title = html.escape(f"Quality of {quality.tensor.name}")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head>\n<body><main>\n"
        + "\n".join(part for part in parts if part)
        + "\n</main></body></html>\n"
    )


def quality_record(quality: Quality, *, about: Mapping[str, Any]) -> dict[str, Any]:
    """Return all numbers of the page as plain values, for ``quality.json``."""
    fit, flips = quality.fit, quality.flips
    record: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "name": quality.tensor.name,
        "made": now(),
        "versions": versions(),
        "shape": list(quality.tensor.shape),
        "affine": quality.tensor.affine.tolist(),
        "lines": [asdict(line) for line in quality_lines(quality)],
        "values": asdict(quality.values),
        "notes": list(quality.notes),
        "mend": mend_text(flips.mend) if flips is not None and flips.needed else "",
        "mend_words": flips.sentence if flips is not None else "",
        **about,
    }
    if flips is not None:
        record["coherence"] = {
            mend_text(matrix): float(index)
            for matrix, index in zip(flips.table.transforms, flips.table.index, strict=True)
        }
    if fit is not None:
        record["fit"] = [asdict(one) | {"relative": one.relative} for one in fit.orientations]
        record["worst"] = fit.worst
    if quality.fibres is not None:
        record["dti"] = asdict(quality.fibres.scores) | {
            "frame": quality.fibres.frame,
            "fitting_frame": quality.fibres.fitting_frame,
            "mend": mend_text(quality.fibres.flips.mend) if quality.fibres.flips.needed else "",
            "mend_words": dti_mend_words(quality.fibres.flips),
            "mended": quality.fibres.mended,
            "mends": list(quality.fibres.mends),
        }
    found: dict[str, Any] = plain(record)
    return found


# ---- parts ------------------------------------------------------------------------------------------------------


def _head(q: Quality) -> str:
    t = q.tensor
    size = " x ".join(f"{edge:.3g}" for edge in t.voxel_size)
    study = "" if q.acquisition is None else f" &middot; study {html.escape(q.acquisition.name)}"
    simulated = ' &middot; <b class="tag">simulated data</b>' if t.provenance.get("simulated") else ""
    method = html.escape(str(t.provenance.get("method", "") or "method not stated"))
    facts = f"{' x '.join(map(str, t.shape))} voxels of {size} mm, stored {frames.axis_codes(t.affine)}"
    return (
        f"<h1>Quality of {html.escape(t.name)}</h1>"
        f'<p class="dim">{method}{study} &middot; {facts} &middot; {now()[:16].replace("T", " ")} UTC{simulated}</p>'
    )


def _summary(lines: tuple[Line, ...], q: Quality) -> str:
    beside = [line for line in lines if line.outside]
    parts = [_mend_note(q), _dti_mend_note(q)]
    if beside:
        said = "; ".join(f'<a href="#line-{line.key}">{html.escape(_within(line.title))}</a>' for line in beside)
        parts.append(f'<p class="note">Outside of a rule of thumb: {said}.</p>')
    parts += [f'<p class="note">{html.escape(note)}</p>' for note in q.notes]
    parts.append(
        '<p class="dim">Rules of thumb say what is usual and who says so. They are no verdict: what is right for one '
        "study can be wrong for another.</p>"
    )
    sections = dict.fromkeys(line.section for line in lines)
    links = "".join(f'<a href="#{name}">{TITLES[name]}</a>' for name in sections)
    parts.append(f'<nav>{links}<a href="#provenance">Provenance</a></nav>')
    return "\n".join(part for part in parts if part)


def _within(title: str) -> str:
    """A title inside a sentence: without its capital, unless it begins with an abbreviation."""
    return title if title[1:2].isupper() else f"{title[:1].lower()}{title[1:]}"


def _whole(text: str) -> str:
    """Escaped, with numbers and their units on one line."""
    return re.sub(r" (%|ppm|ppb|mm|ml)(?![a-z])", "\N{NO-BREAK SPACE}\\1", html.escape(text))


def _mend_note(q: Quality) -> str:
    if q.flips is None or not q.flips.needed:
        return ""
    spec = mend_text(q.flips.mend)
    return (
        f'<p class="note mend"><b>Proposed mend: {spec}.</b> {html.escape(q.flips.sentence)} '
        f"Applied only on request, into a new folder: <code>napari-sti quality RESULT --mend={spec} -o DIR</code>, "
        "and undone by <code>--mend undo</code>.</p>"
    )


def _dti_mend_note(q: Quality) -> str:
    """What was mended of V1, and what would be: two things that a reader must not overlook."""
    if q.fibres is None:
        return ""
    said, flips = "", q.fibres.flips
    if q.fibres.mended:
        why = html.escape(str(q.fibres.mends[-1].get("why", "")).rstrip(".") + ".")
        said += (
            f'<p class="note"><b>V1 was compared as mended: {q.fibres.mended}</b>. '
            f"Why: {why} The file itself is as it was.</p>"
        )
    if flips.needed:
        spec = mend_text(flips.mend)
        said += (
            f'<p class="note mend"><b>Proposed mend of V1: {spec}.</b> {html.escape(dti_mend_words(flips))} Applied '
            f"only on request: <code>--dti-mend={spec}</code> for this page, or as a mended copy with its record, "
            f"<code>napari-sti quality V1 --fa FA --frame {q.fibres.frame} --mend={spec} -o DIR</code>.</p>"
        )
    return said


def _section(section: str, lines: list[Line]) -> str:
    rows = "\n".join(_row(line) for line in lines)
    return (
        f'<h2 id="{section}">{TITLES[section]}</h2>\n<div class="wide"><table class="lines">'
        "<tr><th>What</th><th>Found</th><th>Rule of thumb, and its source</th></tr>"
        f"{rows}</table></div>"
    )


def _row(line: Line) -> str:
    rule = html.escape(line.rule)
    if line.source:
        rule += f" <i>[{html.escape(line.source)}]</i>"
    tag = '<br><span class="tag">outside of the rule of thumb</span>' if line.outside else ""
    title = _whole(line.title)
    cell = f'<td class="outside">{title}</td>' if line.outside else f"<td>{title}</td>"
    found = f'<td class="value">{_whole(line.value)}{tag}</td>'
    return f'<tr id="line-{line.key}">{cell}{found}<td class="rule">{rule}</td></tr>'


def _pictures(pictures: list[Picture], section: str) -> str:
    return "\n".join(
        f'<figure><picture><source media="screen and (prefers-color-scheme: dark)" srcset="{one.uri(dark=True)}">'
        f'<img src="{one.uri()}" alt="{html.escape(one.words)}"></picture>'
        f"<figcaption>{html.escape(one.words)}</figcaption></figure>"
        for one in pictures
        if one.section == section
    )


def _fit_table(q: Quality) -> str:
    if q.fit is None:
        return ""
    heads = ("orientation", "tilt", "field, rms", "residual, rms", "share", "constant part", "correlation", "noise")
    head = "".join(f'<th class="{"number" if n else ""}">{name}</th>' for n, name in enumerate(heads))
    rows = []
    for number, one in enumerate(q.fit.orientations):
        cells = [
            f"{one.tilt:.1f}\N{DEGREE SIGN}",
            ppm(one.field),
            ppm(one.rms),
            f"{100 * one.relative:.1f} %",
            ppm(one.offset),
            f"{one.correlation:.3f}" if np.isfinite(one.correlation) else "\N{EN DASH}",
            ppm(one.noise),
        ]
        worst = ' <span class="tag">fits worst</span>' if number == q.fit.worst and len(q.fit.orientations) > 1 else ""
        told = "".join(f'<td class="number">{cell}</td>' for cell in cells)
        rows.append(f"<tr><td>{number + 1} {html.escape(one.label)}{worst}</td>{told}</tr>")
    return f'<div class="wide"><table><tr>{head}</tr>{"".join(rows)}</table></div>'


def _provenance(q: Quality, about: Mapping[str, Any]) -> str:
    given = "".join(
        f"<tr><td>{html.escape(str(entry.get('role', '')))}</td>"
        f"<td><code>{html.escape(str(entry.get('path', '')))}</code></td>"
        f"<td><code>{html.escape(str(entry.get('sha256', ''))[:16])}</code></td></tr>"
        for entry in about.get("inputs", ())
    )
    made = html.escape(json.dumps(plain(q.tensor.provenance), indent=1, ensure_ascii=False))
    told = ", ".join(f"{name} {number}" for name, number in versions().items())
    command = html.escape(str(about.get("command", "")))
    again = f"<p>Made by <code>{command}</code></p>" if command else ""
    return (
        f'<h2 id="provenance">Provenance</h2>{again}<p class="dim">{html.escape(told)}</p>'
        f'<div class="wide"><table><tr><th>input</th><th>file</th><th>SHA-256</th></tr>{given}</table></div>'
        f"<details><summary>How the result was made</summary><pre><code>{made}</code></pre></details>"
    )
