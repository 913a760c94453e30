"""The command line: everything that the window can do. One file in ``commands/`` is one command."""

from napari_sti.cli.program import main

__all__ = ["main"]
