"""Names of the regions of a segmentation, from the simple tables that lie beside such files.

Read are: JSON (``{"1": "left thalamus"}``, also below ``labels``, or a list of objects with ``index`` and ``name``);
tables with a header that has a column ``index`` (or ``label``, ``value``, ``id``) and one ``name`` (BIDS ``dseg.tsv``);
and text whose lines begin with a number: colour tables of FreeSurfer (``10 Left-Thalamus 0 118 14 0``) and label
descriptions of ITK-SNAP (``1 255 0 0 1 1 1 "left thalamus"``).
"""

import csv
import json
import re
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from napari_sti.core.errors import InputError

ENDINGS = (".json", ".tsv", ".csv", ".lut", ".label", ".txt")
"""Of tables, in the order in which they are looked for."""

_NUMBERS = ("index", "label", "value", "id", "key")
_NAMES = ("name", "region", "structure", "label_name", "labelname")
_QUOTED = re.compile(r'^(\d+)\s.*"([^"]*)"\s*$')
_LARGEST = 4 << 20


def names_beside(path: Path) -> Path | None:
    """Return the table of names that lies beside a segmentation: the same name with another ending; None if none.

    A table without a single name (such as a JSON sidecar of a scanner) is passed over.
    """
    stem = path.name.removesuffix(".gz").removesuffix(".nii")
    for ending in ENDINGS:
        found = path.with_name(f"{stem}{ending}")
        if found.is_file():
            try:
                if read_names(found):
                    return found
            except InputError:
                continue
    return None


def read_names(path: Path) -> dict[int, str]:
    """Read the names of labels, whichever of the forms above the table has.

    Raises
    ------
    InputError
        If it cannot be read, or holds no pair of a number and a name.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise UnicodeError
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"the table cannot be read ({error.strerror})", file=path, mend="check the path") from None
    except UnicodeError:
        raise InputError("this is not a text file", file=path, mend="give a table of numbers and names") from None
    names = _from_json(text, path) if path.suffix.lower() == ".json" else _from_table(text) or _from_lines(text)
    if not names:
        raise InputError(
            "no names of labels were found in this table",
            file=path,
            mend='write a line such as "1 left thalamus" for each label',
        )
    return names


def _from_json(text: str, path: Path) -> dict[int, str]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise InputError("this is broken JSON", file=path, mend='write {"1": "left thalamus"}') from None
    for key in ("labels", "LabelMap", "names"):
        if isinstance(content, dict) and isinstance(content.get(key), dict | list):
            content = content[key]
    if isinstance(content, dict):
        pairs: list[tuple[Any, Any]] = list(content.items())
    elif isinstance(content, list):
        rows = [{str(k).lower(): v for k, v in row.items()} for row in content if isinstance(row, dict)]
        pairs = [(_first(row, _NUMBERS), _first(row, _NAMES)) for row in rows]
    else:
        pairs = []
    return _kept([pair if _is_number(pair[0]) else pair[::-1] for pair in pairs])


def _from_table(text: str) -> dict[int, str]:
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return {}
    delimiter = "\t" if "\t" in lines[0] else ","
    rows = list(csv.DictReader(StringIO("\n".join(lines)), delimiter=delimiter))
    lowered = [{str(k).strip().lower(): v for k, v in row.items() if k is not None} for row in rows]
    return _kept([(_first(row, _NUMBERS), _first(row, _NAMES)) for row in lowered])


def _from_lines(text: str) -> dict[int, str]:
    pairs = []
    for line in text.splitlines():
        line = line.strip()
        quoted = _QUOTED.match(line)
        if quoted:
            pairs.append((quoted[1], quoted[2]))
            continue
        words = re.split(r"[\s,;:=]+", line, maxsplit=1)
        if len(words) == 2 and words[0].isdecimal():
            # Colours follow the name in FreeSurfer's tables.
            pairs.append((words[0], re.sub(r"(?:\s+\d{1,3}(?:\.\d+)?){3,4}\s*$", "", words[1])))
    return _kept(pairs)


def _first(row: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    return next((row[key] for key in keys if row.get(key) not in (None, "")), None)


def _is_number(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | str) and str(value).strip().isdecimal()


def _kept(pairs: list[Any]) -> dict[int, str]:
    """Those pairs that are a positive number and a name; 0 is no region."""
    found: dict[int, str] = {}
    for number, name in pairs:
        if _is_number(number) and isinstance(name, str) and name.strip() and not _is_number(name):
            label = int(str(number).strip()[:18])
            if label > 0:
                found[label] = " ".join(name.split())[:200]
    return found
