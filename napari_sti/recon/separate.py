"""Run a method of source separation: the one way in for the command line, jobs and notebooks."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sti.core import frames
from napari_sti.core.acquisition import Acquisition
from napari_sti.core.memory import size_text
from napari_sti.core.params import from_mapping, to_mapping
from napari_sti.core.progress import Progress, Step, silent
from napari_sti.core.provenance import array_hash, make_provenance
from napari_sti.core.relaxometry import DEFAULT_DR, relaxation
from napari_sti.core.separated import SeparatedField
from napari_sti.core.separation import SeparationInput, SeparationMethod
from napari_sti.io.load import load, load_study
from napari_sti.io.study_model import Study
from napari_sti.recon import devices
from napari_sti.recon.memory_words import memory_in_words
from napari_sti.recon.separation_inputs import Chi, Gathering, Rates, Stated
from napari_sti.recon.separation_registry import get_separation_method
from napari_sti.recon.sources.found_r2 import less_r2
from napari_sti.recon.timing import TimedProgress


def separate(
    study: Acquisition | Study | str | Path,
    method: str = "wavesep",
    *,
    chi: Chi | None = None,
    frame: str | None = None,
    r2prime: Rates | None = None,
    r2star: Rates | None = None,
    r2: Rates | None = None,
    constant_r2: float | None = None,
    r2_orientation: int | None = None,
    dr: float | str = DEFAULT_DR,
    dr_neg: float | str | None = None,
    device: str = "auto",
    progress: Progress = silent,
    **params: Any,
) -> SeparatedField:
    """Separate susceptibility into its paramagnetic and its diamagnetic part.

    Parameters
    ----------
    study : Acquisition, Study or path
        Mask, B0 directions, and what else is known; a study file is read.
    method : str
        Id of the method, such as ``"wavesep"`` or ``"closed_form"``.
    chi : TensorField, array, path or str, optional
        Susceptibility in ppm: a scalar (X, Y, Z), or a tensor (X, Y, Z, 6) in the voxel axes of the study; a file or
        the folder of a result; ``"qsm"`` or ``"tensor"`` for what the study holds. The only one of the study if
        nothing is stated. Methods that start from field maps do without.
    frame : {"voxel", "ras", "lps", "fsl"}, optional
        Axes of the components of a tensor's file that has no sidecar.
    r2prime : array or paths, optional
        R2' in Hz, (X, Y, Z), or (N, X, Y, Z) with one for each orientation; that of the study if nothing is stated.
    r2star, r2 : array or paths, optional
        R2* and R2 in Hz, from which R2' is made. R2* alone is for methods that find R2 as well.
    constant_r2 : float, optional
        One value of R2 in Hz instead of a map; the result says so.
    r2_orientation : int, optional
        The orientation, from 1, in which a single map of rates was measured.
    dr, dr_neg : float or str
        Dr+ in Hz/ppm (and Dr-, unless that is stated), or one of `napari_sti.core.relaxometry.PRESETS`.
    device : {"auto", "cpu", "cuda", "mps"}
        Where to compute.
    progress : callable
        Called with a `Step` once per iteration; may raise `Cancelled`, which passes through.
    **params
        Parameters of the method.

    Returns
    -------
    SeparatedField
        In ppm and voxel axes, 0 outside the mask, with the closed-form split of the same inputs beside it, and with
        provenance: method, parameters, Dr, inputs, remarks, and a record of every iteration.

    Raises
    ------
    InputError
        If something is missing, does not fit, or cannot be in the stated unit.
    Cancelled
        If the progress callable raises it.
    OutOfMemory
        If the device has not enough memory.
    """
    chosen = get_separation_method(method)
    checked: Any = from_mapping(chosen.Params, params)
    acquisition = _acquisition(study)
    constants = relaxation(dr, dr_neg, tesla=acquisition.b0)
    stated = Stated(chi, frame, r2prime, r2star, r2, constant_r2, r2_orientation)
    books = Gathering(acquisition, stated)
    from_field = chosen.starts_from == "field"
    given = books.gather(constants, with_chi=not from_field, finds_tensor=from_field and "tensor" in chosen.forms)
    chosen.check(given)
    where, moved = _place(chosen, given, checked, devices.resolve(device))
    clock = TimedProgress.of(progress)

    def needed() -> int:
        return chosen.memory_bytes(acquisition.shape, len(given.rates), checked, given.form)

    with memory_in_words(chosen.title, needed, where):
        result = chosen.run(given, checked, clock, device=where)
        seconds = clock.seconds
        floor = _closed_form(chosen, checked, given, result, clock, where)
    made = dict(result.provenance)
    if floor is not None:
        books.facts["closed_form"] = _difference(result, floor)
    provenance = make_provenance(
        method=chosen.id,
        params=to_mapping(checked),
        device=where,
        seconds=seconds,
        inputs=[*_inputs(given), *books.inputs],
        remarks=tuple(
            dict.fromkeys(
                (*acquisition.warnings, *books.remarks, *chosen.remarks(given), *moved, *made.pop("remarks", ()))
            )
        ),
        simulated=acquisition.simulated,
        kind="separation",
        form="scalar" if result.chi_neg_tensor is None else "tensor",
        orientations=len(given.rates),
        b0_dirs={"frame": "ras", "vectors": _world_directions(given)},
        tesla=acquisition.b0,
        **books.facts,
        **made,
    )
    return replace(result, closed_form=floor, provenance=provenance)


def _acquisition(study: Acquisition | Study | str | Path) -> Acquisition:
    if isinstance(study, Acquisition):
        return study
    return load(study) if isinstance(study, Study) else load_study(study)


def _place(method: SeparationMethod, given: SeparationInput, params: Any, device: str) -> tuple[str, tuple[str, ...]]:
    """The device, or the CPU where that is too small, and what was decided."""
    if device == "cpu":
        return device, ()
    needed = method.memory_bytes(given.acquisition.shape, len(given.rates), params, given.form)
    free = devices.free_bytes(device)
    if needed <= free:
        return device, ()
    said = (
        f"The run needs about {size_text(needed)} and {size_text(free)} are free on {device}: it was computed on the "
        "CPU instead, which is slower and just as precise."
    )
    return "cpu", (said,)


def _closed_form(
    method: SeparationMethod,
    params: Any,
    given: SeparationInput,
    result: SeparatedField,
    progress: Progress,
    device: str,
) -> SeparatedField | None:
    """The floor: the split without regularisation; None where it is the result itself."""
    closed = get_separation_method("closed_form")
    if method.id == closed.id and params.signs:
        return None
    remarks = []
    if given.rates_hold_r2:
        given = less_r2(given, np.asarray(result.further["r2"], np.float32))
        remarks.append("The closed form takes the R2 that the method found from R2*.")

    def beside(step: Step) -> None:
        progress(Step(0, 0, message="Splitting in closed form beside it"))

    if given.chi is None:
        given = replace(given, chi=_total(result))
        remarks.append("The closed form splits the total susceptibility that the method found.")
    floor = closed.run(given, closed.Params(), beside, device=device)
    about = {"method": closed.id, "params": to_mapping(closed.Params()), "remarks": remarks}
    return replace(floor, provenance={**floor.provenance, **about})


def _total(result: SeparatedField) -> NDArray[np.float32]:
    """What a method found in all: a scalar (X, Y, Z), or a tensor (X, Y, Z, 6) in voxel axes."""
    if result.chi_neg_tensor is None:
        return result.total
    chi = result.chi_neg_tensor.in_frame("voxel").chi.copy()
    chi[..., [0, 3, 5]] += result.chi_pos[..., None]
    return np.asarray(chi)


def _difference(result: SeparatedField, floor: SeparatedField) -> dict[str, float]:
    """How far the result is from the floor, in ppm."""
    inside = result.mask
    parts = (("chi_pos", result.chi_pos, floor.chi_pos), ("chi_neg", result.negative, floor.negative))
    return {
        f"rms_difference_{name}_ppm": float(np.sqrt(np.mean(np.square(a[inside] - b[inside], dtype=np.float64))))
        for name, a, b in parts
    }


def _inputs(given: SeparationInput) -> list[dict[str, Any]]:
    acquisition = given.acquisition
    if acquisition.inputs:
        return [dict(item) for item in acquisition.inputs]
    arrays = {"mask": acquisition.mask, "b0_dirs": acquisition.b0_dirs, "rates": given.rates}
    return [{"role": role, "path": None, "sha256": array_hash(array)} for role, array in arrays.items()]


def _world_directions(given: SeparationInput) -> list[list[float]]:
    turn = frames.between("voxel", "ras", given.acquisition.affine)
    directions: list[list[float]] = np.round(frames.rotate_vectors(given.b0_dirs, turn), 6).tolist()
    return directions
