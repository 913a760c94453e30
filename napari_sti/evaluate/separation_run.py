"""Run every method of separation on simulated scans whose two sources are known, and keep what comes of it."""

from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sti import __version__
from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import Cancelled, InputError
from napari_sti.core.progress import Progress, Step, silent
from napari_sti.core.separated import SeparatedField
from napari_sti.evaluate.records import DONE, FAILED, went_wrong
from napari_sti.evaluate.separation_design import (
    DR_CASES,
    TRUE_CHI,
    TRUE_CHI_NOISE,
    SeparationCell,
    SeparationDesign,
    form_of,
)
from napari_sti.evaluate.separation_records import SeparationRecord, append_separation, key_of, read_separations
from napari_sti.maps import metrics
from napari_sti.maps.separation_scores import source_scores
from napari_sti.recon.reconstruct import reconstruct
from napari_sti.recon.separate import separate
from napari_sti.recon.separation_registry import get_separation_method
from napari_sti.simulate.sources import SourceParams, Sources, simulate_separation

CSV = "separations.csv"


@dataclass(frozen=True, eq=False)
class SeparationOutcome:
    """All lines of a design.

    Parameters
    ----------
    design : SeparationDesign
        What was asked for.
    records : list of SeparationRecord
        One for each cell, in the order of the design.
    folder : path
        Where everything lies.
    """

    design: SeparationDesign
    records: list[SeparationRecord]
    folder: Path


def evaluate_separations(design: SeparationDesign, folder: Path, *, progress: Progress = silent) -> SeparationOutcome:
    """Run what of a design has not been run yet.

    Every cell is a line of ``separations.csv`` as soon as it is done. A method that refuses or crashes is a line that
    says so, and the others go on.

    Parameters
    ----------
    design : SeparationDesign
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
    known = {record.key: record for record in read_separations(path) if record.status != FAILED}
    cells = list(design.cells())
    todo = [cell for cell in cells if key_of(cell, design) not in known]
    scans = _Scans(design)
    for number, cell in enumerate(todo):
        words = f"{cell.method}, Dr {cell.case}, {cell.orientations} orientations, seed {cell.seed}"

        def passed_on(step: Step, words: str = words, number: int = number) -> None:
            progress(Step(number, len(todo), message=words))

        passed_on(Step(0))
        record = _run_cell(cell, scans, passed_on)
        append_separation(path, record)
        known[record.key] = record
    return SeparationOutcome(design, [known[key_of(cell, design)] for cell in cells], folder)


class _Scans:
    """The scan that the last cells were run on, and the susceptibility that was reconstructed from it."""

    def __init__(self, design: SeparationDesign) -> None:
        self.design = design
        self._scan: tuple[tuple[str, int, int], tuple[Acquisition, Sources]] | None = None
        self._chi: tuple[tuple[int, int], NDArray[np.float32]] | None = None

    def scan(self, cell: SeparationCell) -> tuple[Acquisition, Sources]:
        """Simulated scan of a cell, and the truth."""
        wanted = (cell.case, cell.orientations, cell.seed)
        if self._scan is None or self._scan[0] != wanted:
            d = self.design
            noise: dict[str, Any] = dict(snr=d.snr, rate_snr=d.rate_snr, voxel_size=f"{d.voxel_size:g}")
            case = DR_CASES[cell.case].simulated
            params = SourceParams(orientations=cell.orientations, seed=cell.seed, **noise, **case)
            self._scan = wanted, simulate_separation(params)
        return self._scan[1]

    def chi(self, cell: SeparationCell, progress: Progress) -> NDArray[np.float32]:
        """Tensor (X, Y, Z, 6) in ppm, voxel axes; all cases of Dr share the field maps that it comes from."""
        wanted = (cell.orientations, cell.seed)
        if self._chi is None or self._chi[0] != wanted:
            acquisition, _ = self.scan(cell)
            if self.design.chi == TRUE_CHI:
                truth = acquisition.reference_tensor
                assert truth is not None
                noise = np.random.default_rng([cell.seed, 9]).standard_normal(truth.chi.shape)
                chi = np.where(acquisition.mask[..., None], truth.chi + TRUE_CHI_NOISE * noise, 0)
            else:
                device = self.design.device
                found = reconstruct(acquisition, self.design.chi, device=device, progress=progress)
                chi = found.in_frame("voxel").chi
            self._chi = wanted, chi.astype(np.float32)
        return self._chi[1]


def _run_cell(cell: SeparationCell, scans: _Scans, progress: Progress) -> SeparationRecord:
    """Separate and score; whatever goes wrong becomes a line."""
    design, case = scans.design, DR_CASES[cell.case]
    key = key_of(cell, design)
    try:
        acquisition, truth = scans.scan(cell)
        given: dict[str, Any] = {}
        if get_separation_method(cell.method).starts_from == "chi":
            chi = scans.chi(cell, progress)
            given = {"chi": chi if form_of(cell.method) == "tensor" else chi[..., [0, 3, 5]].mean(-1)}
        began = process_time()
        found = separate(acquisition, cell.method, dr=case.assumed, device=design.device, progress=progress, **given)
        spent = process_time() - began
    except Cancelled:
        raise
    except Exception as error:  # one broken method must not cost the others their night
        return SeparationRecord(cell, key, *went_wrong(error), version=__version__)
    return SeparationRecord(
        cell,
        key,
        DONE,
        dr_assumed=str(found.relaxation),
        form="scalar" if found.chi_neg_tensor is None else "tensor",
        pos=source_scores(found.chi_pos, truth.pos, truth.mask),
        neg=source_scores(found.negative, truth.neg_mean, truth.mask),
        pev_angle=_angle(found, acquisition, truth),
        seconds=float(found.provenance.get("seconds", np.nan)),
        cpu_seconds=spent,
        device=str(found.provenance.get("device", "")),
        version=__version__,
    )


def _angle(found: SeparatedField, acquisition: Acquisition, truth: Sources) -> float:
    """Mean angle in degrees between found and true fibres of X-, where the truth is anisotropic."""
    if found.chi_neg_tensor is None:
        return float("nan")
    ours = found.chi_neg_tensor.in_frame("ras").chi
    try:
        return float(metrics.angle_summary(ours, truth.neg, acquisition.mask).mean)
    except InputError:  # voxels so coarse that no fibres are left
        return float("nan")
