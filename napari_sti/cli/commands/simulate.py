"""``napari-sti simulate``."""

import argparse

from napari_sti.cli.command import Meter, add_out, span, word
from napari_sti.core.params import describe, from_mapping

NAME = "simulate"
HELP = "a simulated study of the sample brain"
ORDER = 60


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    from napari_sti.simulate.study import SimulationParams

    for p in describe(SimulationParams):
        # argparse reads % as a format, and prints the help through it.
        text = f"{p.help} {span(p)}[{word(p.default)}{f' {p.unit}' if p.unit else ''}]".replace("%", "%%")
        parser.add_argument(f"--{p.name.replace('_', '-')}", dest=p.name, metavar=p.kind.__name__.upper(), help=text)
    add_out(parser)


def run(options: argparse.Namespace) -> int:
    """Do it; see ``HELP``."""
    from napari_sti.io.results import check_folder
    from napari_sti.io.save import save_acquisition
    from napari_sti.simulate.study import SimulationParams, simulate

    values = {p.name: getattr(options, p.name) for p in describe(SimulationParams)}
    params = from_mapping(SimulationParams, {name: value for name, value in values.items() if value is not None})
    check_folder(options.out, overwrite=options.overwrite)
    with Meter("simulation") as meter:
        acquisition = simulate(params, progress=meter)
    print(f"study in {save_acquisition(acquisition, options.out, overwrite=options.overwrite)}")
    return 0
