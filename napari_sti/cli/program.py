"""From the words that were typed to the exit status.

Exit status 0, or 2 with one line on standard error that says what is wrong with the input and how to mend it;
1 with one line when the machine could not do it, 130 when interrupted.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from napari_sti import __version__
from napari_sti.cli.command import all_commands
from napari_sti.core.errors import Cancelled, InputError, OutOfMemory


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, like every other part of the program."""

    def error(self, message: str) -> NoReturn:
        raise InputError(message, mend=f"see '{self.prog} --help'")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words after the program's name; those of the process by default.
    """
    try:
        options = make_parser().parse_args(arguments)
        command: Callable[[argparse.Namespace], int] = options.command
        return command(options)
    except InputError as error:
        return _say(error, 2)
    except OutOfMemory as error:
        return _say(error, 1)
    except MemoryError:
        return _say("there is not enough memory for these volumes; close other programs or use a larger machine.", 1)
    except (Cancelled, KeyboardInterrupt):
        return _say("stopped; nothing was written", 130)


def _say(sentence: object, status: int) -> int:
    print(f"napari-sti: {sentence}", file=sys.stderr)
    return status


def make_parser() -> argparse.ArgumentParser:
    """Parser of all commands."""
    parser = _Parser(prog="napari-sti", description="Susceptibility tensor imaging, from field maps to tensors.")
    parser.add_argument("--version", action="version", version=f"napari-sti {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    for command in all_commands():
        help = command.HELP
        one = commands.add_parser(command.NAME, help=help, description=help[0].upper() + help[1:] + ".")
        command.add(one)
        one.set_defaults(command=command.run)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
