"""The command line: everything that the window can do.

Exit status 0, or 2 with one line on standard error that says what is wrong with the input and how to mend it;
1 with one line when the machine could not do it, 130 when interrupted.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from napari_sti import __version__
from napari_sti.core.errors import Cancelled, InputError, OutOfMemory
from napari_sti.core.frames import FRAMES
from napari_sti.core.params import Parameter, describe, from_mapping
from napari_sti.core.progress import Step

DEVICES = ("auto", "cpu", "cuda", "mps")


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
        options = _parser().parse_args(arguments)
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


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="napari-sti", description="Susceptibility tensor imaging, from field maps to tensors.")
    parser.add_argument("--version", action="version", version=f"napari-sti {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)

    demo = _command(commands, "demo", _demo, "the sample brain: simulated scan, reconstruction, overlay, screenshots")
    demo.add_argument("--out", type=Path, help="folder for maps and screenshots (with --headless: demo-output)")
    demo.add_argument("--headless", action="store_true", help="no window stays: write maps and screenshots, then leave")
    _overwrite(demo)

    view = _command(commands, "view", _view, "the viewer with the workbench open")
    view.add_argument("paths", nargs="*", type=Path, metavar="STUDY-or-FILES", help="a study, results or NIfTI images")

    methods = _command(commands, "methods", _methods, "what can be run, with parameters and units")
    methods.add_argument("--json", action="store_true", help="the same as JSON")

    recon = _command(commands, "recon", _recon, "reconstruct the susceptibility tensor of a study")
    recon.add_argument("study", type=Path, metavar="STUDY", help="study file (YAML or JSON)")
    recon.add_argument("-m", "--method", required=True, help="see 'napari-sti methods'")
    recon.add_argument("-p", "--param", action="append", default=[], metavar="NAME=VALUE", help="set a parameter")
    recon.add_argument("--weights", type=Path, metavar="FILE", help="trained weights, for methods that need them")
    recon.add_argument("--device", choices=DEVICES, default="auto")
    recon.add_argument("--frame", choices=FRAMES, default="voxel", help="axes of the written tensor (default: voxel)")
    recon.add_argument("-o", "--out", type=Path, required=True, metavar="DIR")
    _overwrite(recon)

    maps = _command(commands, "maps", _maps, "mms, msa, pev and colour map of any six-volume tensor")
    maps.add_argument("tensor", type=Path, metavar="CHI.nii.gz", help="components xx, xy, xz, yy, yz, zz in ppm")
    maps.add_argument("--frame", choices=FRAMES, help="axes of its components, where no sidecar tells them")
    maps.add_argument("-o", "--out", type=Path, required=True, metavar="DIR")
    _overwrite(maps)

    simulate = _command(commands, "simulate", _simulate, "a simulated study of the sample brain")
    _add_simulation_options(simulate)
    simulate.add_argument("-o", "--out", type=Path, required=True, metavar="DIR")
    _overwrite(simulate)

    run = _command(commands, "run", _run, "run a job file, such as the window leaves beside every result")
    run.add_argument("job", type=Path, metavar="job.json")
    _overwrite(run)
    return parser


def _command(commands: Any, name: str, function: Callable[[argparse.Namespace], int], help: str) -> Any:
    parser = commands.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".")
    parser.set_defaults(command=function)
    return parser


def _overwrite(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--overwrite", action="store_true", help="replace what an earlier run left in the folder")


# ---- commands ---------------------------------------------------------------------------------------------------


def _recon(options: argparse.Namespace) -> int:
    from napari_sti.io.load import load_study
    from napari_sti.io.results import check_folder, check_no_input, save_result
    from napari_sti.recon.reconstruct import reconstruct
    from napari_sti.recon.registry import get_method

    method = get_method(options.method)
    params = _assignments(options.param)
    from_mapping(method.Params, params)  # a wrong name or value is said before the study is read
    if options.weights is not None and not method.needs.weights:
        raise InputError(f"{method.title} uses no weights", mend="leave --weights out")
    check_folder(options.out, overwrite=options.overwrite)
    acquisition = load_study(options.study)
    check_no_input(options.out, (entry.get("path") for entry in acquisition.inputs))
    for sentence in (*acquisition.warnings, *method.remarks(acquisition)):
        print(f"note: {sentence}", file=sys.stderr)
    with _Meter(method.title) as meter:
        tensor = reconstruct(acquisition, options.method, device=options.device, progress=meter, **params)
    save_result(tensor, options.out, frame=options.frame, overwrite=options.overwrite)
    seconds, device = tensor.provenance["seconds"], tensor.provenance["device"]
    print(f"{method.title} took {seconds:.1f} s on {device}; maps in {options.out}")
    return 0


def _maps(options: argparse.Namespace) -> int:
    from napari_sti.io.results import check_folder
    from napari_sti.maps.files import write_maps

    check_folder(options.out, overwrite=options.overwrite)
    for note in write_maps(options.tensor, options.out, frame=options.frame, overwrite=options.overwrite):
        print(f"note: {note}", file=sys.stderr)
    print(f"maps in {options.out}")
    return 0


def _methods(options: argparse.Namespace) -> int:
    from napari_sti.recon.registry import methods

    if options.json:
        print(json.dumps({name: _as_json(method) for name, method in methods().items()}, indent=2))
        return 0
    for name, method in methods().items():
        print(f"{name}: {method.title}\n  {method.summary}\n  minimises {method.formula}\n  {method.reference}")
        for p in describe(method.Params):
            print(f"    -p {p.name}={_word(p.default)}{f' {p.unit}' if p.unit else ''}  {_span(p)}{p.help}")
    return 0


def _as_json(method: Any) -> dict[str, Any]:
    keys = ("title", "summary", "formula", "reference")
    parameters = [
        {
            "name": p.name,
            "type": p.kind.__name__,
            "default": p.default,
            "unit": p.unit,
            "low": p.low,
            "high": p.high,
            "choices": list(p.choices),
            "help": p.help,
        }
        for p in describe(method.Params)
    ]
    needs = {"orientations": method.needs.orientations, "determined_from": method.needs.determined_from}
    return {**{key: getattr(method, key) for key in keys}, "needs": needs, "parameters": parameters}


def _simulate(options: argparse.Namespace) -> int:
    from napari_sti.io.results import check_folder
    from napari_sti.io.save import save_acquisition
    from napari_sti.simulate.study import SimulationParams, simulate

    values = {p.name: getattr(options, p.name) for p in describe(SimulationParams)}
    params = from_mapping(SimulationParams, {name: value for name, value in values.items() if value is not None})
    check_folder(options.out, overwrite=options.overwrite)
    with _Meter("simulation") as meter:
        acquisition = simulate(params, progress=meter)
    print(f"study in {save_acquisition(acquisition, options.out, overwrite=options.overwrite)}")
    return 0


def _add_simulation_options(parser: argparse.ArgumentParser) -> None:
    from napari_sti.simulate.study import SimulationParams

    for p in describe(SimulationParams):
        # argparse reads % as a format, and prints the help through it.
        text = f"{p.help} {_span(p)}[{_word(p.default)}{f' {p.unit}' if p.unit else ''}]".replace("%", "%%")
        parser.add_argument(f"--{p.name.replace('_', '-')}", dest=p.name, metavar=p.kind.__name__.upper(), help=text)


def _run(options: argparse.Namespace) -> int:
    from napari_sti.jobs.job import read_job
    from napari_sti.jobs.run import run_job

    job = read_job(options.job)
    with _Meter(job.name or job.kind) as meter:
        result = run_job(job, meter, overwrite=options.overwrite)
    print(f"result in {result}")
    return 0


def _view(options: argparse.Namespace) -> int:
    from napari_sti.widgets.screen import check_screen

    for path in options.paths:
        if not os.path.exists(path):  # Path.exists raises for names that are too long
            raise InputError("there is no such file", file=path, mend="check the path")
    check_screen()
    from napari_sti.widgets.app import view

    return view(options.paths)


def _demo(options: argparse.Namespace) -> int:
    from napari_sti.io.results import check_folder
    from napari_sti.widgets.screen import check_screen, has_screen, on_virtual_screen

    out = options.out
    if out is None and options.headless:
        out = Path("demo-output")
    if out is not None:
        check_folder(out, overwrite=options.overwrite)
    if options.headless and not has_screen():
        again = ["--overwrite"] if options.overwrite else []
        return on_virtual_screen(["demo", "--headless", "--out", str(out), *again])
    check_screen()
    from napari_sti.widgets.demo import demo

    return demo(out, headless=options.headless)


# ---- words ------------------------------------------------------------------------------------------------------


def _assignments(words: Sequence[str]) -> dict[str, str]:
    values = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.strip():
            raise InputError(f"-p {word} is not an assignment", mend="write -p NAME=VALUE, for example -p lam=0.001")
        values[name.strip()] = value.strip()
    return values


def _word(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)


def _span(p: Parameter) -> str:
    if p.choices:
        return f"({', '.join(p.choices)}) "
    low = "" if p.low is None else f"from {p.low:g}"
    high = "" if p.high is None else f"to {p.high:g}"
    words = " ".join(w for w in (low, high) if w)
    return f"({words}) " if words else ""


class _Meter:
    """Progress on standard error: one line that renews itself on a terminal, one line in ten per cent elsewhere."""

    def __init__(self, title: str) -> None:
        self._title, self._live, self._last = title, sys.stderr.isatty(), -1.0
        self._start = time.monotonic()

    def __enter__(self) -> "_Meter":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live and self._last >= 0:
            print(file=sys.stderr)

    def __call__(self, step: Step) -> None:
        share = step.iteration / step.total if step.total else 0.0
        if not self._live and share < self._last + 0.1 and step.iteration != step.total:
            return
        self._last = share
        words = [f"{self._title}:", step.message or "iteration", f"{step.iteration}/{step.total or '?'}"]
        if step.residual is not None:
            words.append(f"residual {step.residual:.3g}")
        if share > 0:
            words.append(f"{(time.monotonic() - self._start) * (1 - share) / share:.0f} s left")
        line = " ".join(words)
        print(f"\r{line:<100}" if self._live else line, end="" if self._live else "\n", file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
