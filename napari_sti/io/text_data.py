"""Read YAML and JSON that a person wrote: plain values only, with the line in every complaint."""

import json
import os
import reprlib
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from napari_sti.core.errors import InputError

_LARGEST = 16 << 20


def shown(value: Any) -> str:
    """Return a value as it may stand in a sentence, however long or deep it is."""
    try:
        return reprlib.repr(value)
    except ValueError:  # Python writes no numbers of more than some thousand digits
        return "a number of thousands of digits"


class _AliasError(yaml.MarkedYAMLError):
    """A part of the file stands for another one."""


class _PlainLoader(yaml.SafeLoader):
    """Plain values only; a key that is given twice is refused instead of quietly overwritten.

    Aliases are refused, too: a few lines of them can stand for more values than any memory holds.
    """

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.get_event()  # type: ignore[no-untyped-call]
            raise _AliasError(None, None, f"the alias *{event.anchor}", event.start_mark)
        return super().compose_node(parent, index)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, LookupError, AttributeError, TypeError, ArithmeticError):
            kind = node.tag.rsplit(":", 1)[-1]
            value = f"{shown(node.value)} is" if isinstance(node, yaml.ScalarNode) else "this is"
            raise yaml.constructor.ConstructorError(
                None, None, f"{value} no value of the type {shown(kind)}", node.start_mark
            ) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {shown(key.value)} is given twice", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def parse_text(path: Path) -> Any:
    """Return what a YAML or JSON file (by its ending) holds, as plain values.

    Raises
    ------
    InputError
        If the file is missing, not text, broken, or asks for objects to be constructed.
    """
    text = _text(path)
    if path.suffix.lower() == ".json":
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:  # ValueError: a number of thousands of digits
            line = f" in line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
            raise InputError(f"broken JSON{line}", file=path, mend="correct this line") from None
    try:
        return yaml.load(text, _PlainLoader)
    except _AliasError as error:
        raise InputError(
            f"{error.problem}{_line(error)} repeats another part of the file, which is not accepted",
            file=path,
            mend="write that part out",
        ) from None
    except yaml.constructor.ConstructorError as error:
        raise _refused(error, path) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(
            f"broken YAML{_line(error)}{_why(error)}",
            file=path,
            mend="correct this line (indent with spaces, write key: value)",
        ) from None


def _text(path: Path) -> str:
    if not os.path.exists(path):  # unlike the method it takes names that no file can have
        raise InputError("there is no such file", file=path, mend="check the path")
    try:
        if path.stat().st_size > _LARGEST:
            raise UnicodeError
        text = path.read_text(encoding="utf-8-sig")
        if "\0" in text:
            raise UnicodeError
        return text
    except UnicodeError:
        raise InputError("this is not a text file", file=path, mend="give a study in YAML or JSON") from None
    except OSError as error:
        raise InputError(f"the file cannot be read ({error.strerror})", file=path, mend="check the path") from None


def _refused(error: yaml.constructor.ConstructorError, path: Path) -> InputError:
    problem = str(error.problem or "")
    if "could not determine a constructor" not in problem:
        return InputError(f"broken YAML{_line(error)}: {problem}", file=path, mend="correct this line")
    tag = problem.rsplit("tag:yaml.org,2002:", 1)[-1].strip("'\" ")
    return InputError(
        f"the file asks for object construction ({tag}){_line(error)}, which is never done",
        file=path,
        mend="write plain values only, and do not trust the sender of this file",
    )


def _line(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return f" in line {mark.line + 1}" if mark is not None else ""


def _why(error: Exception) -> str:
    problem = getattr(error, "problem", None)
    return f" ({problem})" if problem else ""
