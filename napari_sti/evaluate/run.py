"""Run every method on every simulated scan of a design, and keep what comes of it cell by cell."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from napari_sti import __version__
from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import Cancelled, InputError
from napari_sti.core.params import from_mapping
from napari_sti.core.progress import Progress, silent
from napari_sti.core.tensor_field import TensorField
from napari_sti.evaluate.design import Cell, Design, Study, default_params
from napari_sti.evaluate.pace import Pace
from napari_sti.evaluate.records import (
    DONE,
    FAILED,
    FLOOR,
    REFUSED,
    Key,
    Record,
    append_record,
    key_of,
    read_records,
    went_wrong,
)
from napari_sti.io.results import load_tensor, save_tensor
from napari_sti.maps.scores import score
from napari_sti.recon.reconstruct import reconstruct
from napari_sti.recon.registry import get_method
from napari_sti.simulate.phantom import Phantom, sample_phantom, scan
from napari_sti.simulate.real_fibres import real_directions, real_fibre_phantom
from napari_sti.simulate.tilts import b0_directions

CSV = "evaluation.csv"
SMALL_SCAN = 200_000
"""Voxels below which one CPU thread is used: at 50,000, two took twice the CPU time, and longer on a busy machine."""

TENSORS = "tensors"
"""Folder of the tensors that the picture shows."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """All lines of a design.

    Parameters
    ----------
    design : Design
        What was asked for.
    records : list of Record
        One for each cell and one for the floor of each brain, in the order of the design.
    folder : path
        Where everything lies.
    """

    design: Design
    records: list[Record]
    folder: Path


def evaluate(design: Design, folder: Path, *, progress: Progress = silent) -> Outcome:
    """Run what of a design has not been run yet.

    Every cell is a line of ``evaluation.csv`` as soon as it is done; a cell that is there is not run again, unless it
    failed. A method that refuses a scan or crashes is a line that says so, and the others go on.

    Parameters
    ----------
    design : Design
        What to run.
    folder : path
        Existing folder; of an earlier evaluation to go on with it.
    progress : callable
        Called with a `Step` for each cell and each iteration; may raise `Cancelled`, which passes through.

    Raises
    ------
    InputError
        If the folder holds another kind of evaluation or cannot be written.
    """
    path = folder / CSV
    known = {record.key: record for record in read_records(path) if record.status != FAILED}
    plan = _plan(design)
    todo = {study: [m for m, key in keys.items() if key not in known] for study, keys in plan.items()}
    pace = Pace(progress, [Cell(study, method) for study, methods in todo.items() for method in methods])
    for study, methods in todo.items():
        if not methods:
            continue
        pace.begin(f"simulating {_words(study)}")
        for record in _run_study(study, methods, _phantom(study.brain, design), design, folder, pace):
            append_record(path, record)
            known[record.key] = record
            pace.finish(record.cell)
    pace.begin("all cells are there")
    return Outcome(design, [known[key] for keys in plan.values() for key in keys.values()], folder)


def simulate_study(study: Study, design: Design) -> Acquisition:
    """Simulate the scan of a study as `evaluate` does."""
    return _scan(study, _phantom(study.brain, design), design)[0]


def voxel_size_of(brain: str, design: Design) -> float:
    """Edge of a voxel in mm: that of the brain with real fibres is a multiple of the scan's own."""
    return float(np.mean(_phantom(brain, design).truth.voxel_size))


def shown_tensors(outcome: Outcome, brain: str) -> dict[str, dict[int, TensorField | str]]:
    """Tensors of the scans that the picture of a brain shows, by method and number of orientations.

    Where there is none, the reason.
    """
    shown: dict[str, dict[int, TensorField | str]] = {}
    for record in outcome.records:
        study, method = record.cell.study, record.cell.method
        if study.brain != brain or method == FLOOR or not outcome.design.is_shown(study):
            continue
        row = shown.setdefault(method, {})
        file = tensor_file(outcome.folder, record.cell)
        if record.status == DONE and file.is_file():
            row[study.orientations] = load_tensor(file)
        else:
            row[study.orientations] = _gap(record)
    return shown


def tensor_file(folder: Path, cell: Cell) -> Path:
    """Where the tensor of a cell is kept for the picture."""
    s = cell.study
    grid = "finer" if s.finer else "same"
    words = (s.brain, cell.method, f"n{s.orientations}", f"{s.snr:g}dB", f"{s.max_tilt:g}deg", f"{s.voxel_size:g}mm")
    return folder / TENSORS / ("_".join((*words, grid, f"seed{s.seed}")) + ".nii.gz")


def _gap(record: Record) -> str:
    """Say in a few words why there is no tensor; the full sentence stands in the table."""
    needed = get_method(record.cell.method).needs.orientations
    if record.status == REFUSED and record.cell.study.orientations < needed:
        return f"needs {needed} orientations"
    return {DONE: "tensor not kept", REFUSED: "did not run", FAILED: "failed"}[record.status]


# ---- one scan ---------------------------------------------------------------------------------------------------


def _plan(design: Design) -> dict[Study, dict[str, Key]]:
    """For every scan the methods and their keys; the floors of the brains come first."""
    plan: dict[Study, dict[str, Key]] = {}
    for brain in design.brains:
        floor = Study(brain, 0, 0.0, 0.0, design.voxel_size, design.finer, 0)
        plan[floor] = {FLOOR: key_of(Cell(floor, FLOOR), "")}
    for study in design.studies():
        plan[study] = {method: key_of(Cell(study, method), default_params(method)) for method in design.methods}
    return plan


def _phantom(brain: str, design: Design) -> Phantom:
    """The brain of a study; the last one of each kind is kept."""
    size = design.voxel_size
    if brain == "sample":
        return sample_phantom((size, size, size), 2 if design.finer else 1)
    assert design.real_data is not None
    return real_fibre_phantom(design.real_data, size, finer=design.finer)


def _scan(study: Study, phantom: Phantom, design: Design) -> tuple[Acquisition, str]:
    """Acquisition, and where its directions came from."""
    n, tilt = study.orientations, study.max_tilt
    tilts = "spread"
    dirs = None
    if study.brain == "dti":
        dirs = real_directions(design.real_data, n, max_tilt=tilt, seed=study.seed)
        tilts = "head" if dirs is None else "real"
    if dirs is None:
        dirs = b0_directions(n, mode=tilts, max_tilt=tilt, seed=study.seed)
    return scan(phantom, dirs, snr=study.snr, seed=study.seed), tilts


def _run_study(
    study: Study, methods: list[str], phantom: Phantom, design: Design, folder: Path, pace: Pace
) -> Iterator[Record]:
    """Run the methods on one scan; a line for each as soon as it is done."""
    if methods == [FLOOR]:
        truth = phantom.truth
        scores = score(np.zeros_like(truth.chi), truth.chi, phantom.mask, white=phantom.wm_mask)
        yield Record(Cell(study, FLOOR), "", DONE, scores=scores, version=__version__)
        return
    try:
        acquisition, tilts = _scan(study, phantom, design)
    except InputError as error:  # such as fewer real head orientations than asked for
        for method in methods:
            yield _line(Cell(study, method), REFUSED, str(error))
        return
    for method in methods:
        cell = Cell(study, method)
        pace.begin(f"{method}, {_words(study)}")
        with _suited_threads(acquisition):
            record, tensor = _run_cell(cell, acquisition, design.device, pace)
        if tensor is not None and design.is_shown(study):
            file = tensor_file(folder, cell)
            file.parent.mkdir(exist_ok=True)
            save_tensor(tensor, file, overwrite=True)
        yield replace(record, tilts=tilts)


def _run_cell(
    cell: Cell, acquisition: Acquisition, device: str, progress: Progress
) -> tuple[Record, TensorField | None]:
    """Reconstruct and score; whatever goes wrong becomes a line."""
    began = process_time()
    try:
        tensor = reconstruct(acquisition, cell.method, device=device, progress=progress)
        spent = process_time() - began
        truth = acquisition.reference_tensor
        assert truth is not None
        scores = score(tensor.chi, truth.chi, acquisition.mask, white=acquisition.wm_mask)
    except Cancelled:
        raise
    except Exception as error:  # one broken method must not cost the others their night
        return _line(cell, *went_wrong(error)), None
    made = tensor.provenance
    record = Record(
        cell=cell,
        params=cell.params,
        status=DONE,
        scores=scores,
        seconds=float(made.get("seconds", math.nan)),
        cpu_seconds=spent,
        memory_mb=_memory(cell.method, acquisition),
        iterations=len(made["iterations"]) if made.get("iterations") else None,
        device=str(made.get("device", "")),
        version=__version__,
    )
    return record, tensor


@contextmanager
def _suited_threads(acquisition: Acquisition) -> Iterator[None]:
    """Compute small scans on one CPU thread, since cutting up so little costs more than it saves."""
    import torch

    before = torch.get_num_threads()
    if np.prod(acquisition.shape) < SMALL_SCAN:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _memory(method: str, acquisition: Acquisition) -> float:
    """Peak in megabytes as the method estimates it."""
    chosen = get_method(method)
    params: Any = from_mapping(chosen.Params, {})
    return chosen.memory_bytes(acquisition.shape, acquisition.n_orientations, params) / 1e6


def _line(cell: Cell, status: str, message: str) -> Record:
    return Record(cell, cell.params, status, " ".join(message.split()), version=__version__)


def _words(study: Study) -> str:
    if study.orientations == 0:
        return f"{study.brain} brain"
    heads = f"{study.orientations} orientation{'s' * (study.orientations > 1)}"
    return f"{study.brain} brain, {heads}, {study.snr:g} dB, {study.max_tilt:g}°, seed {study.seed}"
