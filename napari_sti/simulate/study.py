"""A simulated study: the brain, its tensor, head orientations, field maps and noise."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_sti.core import frames, params
from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import InputError
from napari_sti.core.params import param
from napari_sti.core.progress import Progress, Step, silent
from napari_sti.core.tensor_field import TensorField
from napari_sti.simulate.tilts import TILT_MODES, b0_directions

if TYPE_CHECKING:
    from napari_sti.simulate.anatomy import Anatomy

BRAIN_BOX_MM3 = 180.0 * 216.0 * 180.0
"""About the volume of the grid around the brain."""
MAX_VOXELS = 20_000_000
"""More would not fit into the memory of an ordinary computer together with six components."""


@dataclass(frozen=True)
class SimulationParams:
    """What to simulate; the brain is always that of the MNI152 template with hand-laid fibre bundles."""

    orientations: int = param(7, label="Orientations", low=1, high=20, help="Number of head orientations.")
    tilts: str = param(
        "spread",
        label="Tilts",
        choices=TILT_MODES,
        help="spread: the first untilted, the others all around up to the largest tilt; "
        "head: small random tilts as people reach them in a scanner (median 12, 90 % below 23 degrees).",
    )
    max_tilt: float = param(60.0, label="Largest tilt", unit="deg", low=0, high=90, help="No head is tilted by more.")
    snr: float = param(
        40.0,
        label="SNR",
        unit="dB",
        low=0,
        high=120,
        help="White noise in the field: its power is mean(field^2 in the mask) / 10^(SNR/10).",
    )
    voxel_size: str = param(
        "2", label="Voxel size", unit="mm", help="One number, or three along the axes such as 1x1x2.5."
    )
    b0: float = param(3.0, label="B0", unit="T", low=0.01, high=25, help="Field strength stated in the study.")
    r2prime: str = param(
        "none",
        label="R2'",
        choices=("none", "consistent", "theory"),
        help="R2' of every orientation, for separations, of the brain as iron and myelin. consistent: one Dr for both; "
        "theory: static dephasing, which no single Dr fits.",
    )
    dr: float = param(114.0, label="Dr", unit="Hz/ppm", low=1, high=1e4, help="Of the consistent R2'.", advanced=True)
    r2prime_snr: float = param(
        10.0,
        label="SNR of R2'",
        unit="dB",
        low=0,
        high=120,
        help="White noise in R2', as for the field.",
        advanced=True,
    )
    storage: str = param(
        "RAS",
        label="Storage order",
        advanced=True,
        help="Where the stored axes point: one letter each of R or L, A or P, S or I, in any order (48 ways).",
    )
    oblique: float = param(
        0.0,
        label="Oblique",
        unit="deg",
        low=0,
        high=35,
        advanced=True,
        help="Turn of the voxel grid against the head about an axis that is none of the world's.",
    )
    seed: int = param(
        0, label="Seed", low=0, high=2**31 - 1, advanced=True, help="Of the noise and of the random tilts."
    )


def simulate(wanted: SimulationParams | None = None, progress: Progress = silent) -> Acquisition:
    """Simulate a scan of the sample brain.

    The field of every orientation is the forward model applied to the simulated tensor, with white Gaussian noise
    inside the mask. The grid of the simulation is the one of the study, so that a reconstruction meets no error of
    discretisation: real data are harder.

    Parameters
    ----------
    wanted : SimulationParams, optional
        What to simulate.
    progress : callable
        Called before each stage; may raise `Cancelled`.

    Returns
    -------
    Acquisition
        With ``simulated`` set, the true tensor as `reference_tensor`, a T1-weighted image as magnitude, masks of
        white matter and fluid, and R2' where it is wanted.

    Raises
    ------
    InputError
        If a parameter is out of range.
    """
    from napari_sti.simulate.brain import brain_anatomy, brain_tensor

    wanted = params.from_mapping(SimulationParams, params.to_mapping(wanted or SimulationParams()))
    size = parse_voxel_size(wanted.voxel_size)
    order = _storage_affine(wanted.storage)
    stage = _stages(progress, 4)
    stage("reading the MNI152 anatomy")
    _check_size(size, wanted.voxel_size)
    anatomy = brain_anatomy(size, wanted.oblique)
    stage("laying fibres")
    chi = brain_tensor(size, wanted.oblique)
    what = _provenance(wanted)
    tensor = TensorField(chi, anatomy.grid.affine, anatomy.mask, "ras", what, "simulated tensor").in_frame("voxel")
    stage("simulating the field maps")
    field, dirs = _measure(tensor, wanted)
    stage("putting the study together")
    return _acquisition(anatomy, tensor, field, dirs, order, wanted, _rates(anatomy, wanted))


def parse_voxel_size(text: str) -> tuple[float, float, float]:
    """Read ``"2"``, ``"1x1x2.5"`` or ``"1, 1, 2.5"`` as edge lengths in mm.

    Raises
    ------
    InputError
        If there are not one or three numbers from 0.5 to 10.
    """
    words = str(text).lower().replace("mm", "").replace("x", " ").replace(",", " ").split()
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        numbers = []
    if len(numbers) == 1:
        numbers *= 3
    if len(numbers) != 3 or not all(0.5 <= n <= 10 for n in numbers):
        raise InputError(
            f"voxel_size = {text!r} is not a voxel size",
            mend="give one number or three from 0.5 to 10 mm, such as 2 or 1x1x2.5",
        )
    return numbers[0], numbers[1], numbers[2]


def _storage_affine(code: str) -> NDArray[np.float64]:
    """An affine whose axes point as the letters say, in order to name a storage order to `core.frames`."""
    letters = str(code).strip().upper()
    lines = ("LR", "PA", "IS")
    axes = [line for letter in letters for line in lines if letter in line]
    if len(letters) != 3 or len(set(axes)) != 3 or len(axes) != 3:
        raise InputError(
            f"storage = {code!r} is not a storage order",
            mend="give one letter each of R or L, A or P, S or I, such as LAS",
        )
    affine = np.zeros((4, 4))
    affine[3, 3] = 1
    for column, (letter, line) in enumerate(zip(letters, axes, strict=True)):
        affine[lines.index(line), column] = 1.0 if line.index(letter) else -1.0
    return affine


def _check_size(size: tuple[float, float, float], text: str) -> None:
    voxels = BRAIN_BOX_MM3 / np.prod(size)
    if voxels > MAX_VOXELS:
        raise InputError(
            f"voxel_size = {text!r} makes {voxels / 1e6:.0f} million voxels",
            mend=f"choose larger voxels (at most {MAX_VOXELS / 1e6:.0f} million)",
        )


def _stages(progress: Progress, total: int) -> Callable[[str], None]:
    done = iter(range(total))

    def stage(message: str) -> None:
        progress(Step(next(done), total, message=message))

    return stage


def _provenance(wanted: SimulationParams) -> dict[str, Any]:
    return {
        "method": "simulation",
        "params": params.to_mapping(wanted),
        "simulated": True,
        "remarks": ["Simulated: MNI152 anatomy, hand-laid fibre bundles, susceptibilities of typical size."],
    }


def _measure(tensor: TensorField, wanted: SimulationParams) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Field maps (N, X, Y, Z) in ppm with noise, and B0 directions (N, 3) in voxel axes, both in RAS order."""
    from napari_sti.recon.forward import simulate_field

    ras = b0_directions(wanted.orientations, mode=wanted.tilts, max_tilt=wanted.max_tilt, seed=wanted.seed)
    dirs = frames.rotate_vectors(ras, frames.between("ras", "voxel", tensor.affine))
    assert tensor.mask is not None
    field = np.array(simulate_field(tensor.chi, tensor.affine, dirs, tensor.mask))
    return add_noise(field, tensor.mask, wanted.snr, np.random.default_rng(wanted.seed)), dirs


def _rates(anatomy: "Anatomy", wanted: SimulationParams) -> NDArray[np.float32] | None:
    """R2' (N, X, Y, Z) in Hz with noise, in RAS order; None where none is wanted."""
    from napari_sti.simulate.sources import brain_sources, simulate_r2prime

    if wanted.r2prime == "none":
        return None
    world = b0_directions(wanted.orientations, mode=wanted.tilts, max_tilt=wanted.max_tilt, seed=wanted.seed)
    model: Literal["consistent", "theory"] = "theory" if wanted.r2prime == "theory" else "consistent"
    rates = simulate_r2prime(brain_sources(anatomy), world, model, dr=wanted.dr, tesla=wanted.b0)
    # Of its own, so that the field maps are the same with and without it.
    noisy = add_noise(rates, anatomy.mask, wanted.r2prime_snr, np.random.default_rng([wanted.seed, 5]))
    return np.maximum(noisy, 0)


def add_noise(
    field: NDArray[np.float32], mask: NDArray[np.bool_], snr: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Add white Gaussian noise of power mean(field^2 in the mask) / 10^(snr/10) inside the mask.

    Parameters
    ----------
    field : (N, X, Y, Z) array
        Noise-free field maps; the mean runs over all of them together.
    mask : (X, Y, Z) array
        Where there is noise.
    snr : float
        In dB of power.
    rng : numpy.random.Generator
        Source of the noise.
    """
    noisy = field.copy()
    inside = field[:, mask]
    sigma = np.sqrt(np.mean(inside.astype(np.float64) ** 2) / 10 ** (snr / 10))
    noisy[:, mask] = inside + np.float32(sigma) * rng.standard_normal(inside.shape, np.float32)
    return noisy


def _acquisition(
    anatomy: "Anatomy",
    tensor: TensorField,
    field: NDArray[np.float32],
    dirs: NDArray[np.float64],
    order: NDArray[np.float64],
    wanted: SimulationParams,
    rates: NDArray[np.float32] | None = None,
) -> Acquisition:
    """Put everything into the storage order that was asked for; every voxel keeps its place in the world."""
    move = frames.orientation_between(tensor.affine, order)
    return Acquisition(
        field=frames.reorder_volume(field, move, first_axis=1),
        b0_dirs=frames.rotate_vectors(dirs, frames.reordering_matrix(move)),
        mask=frames.reorder_volume(anatomy.mask, move),
        affine=frames.reorder_affine(tensor.affine, move, tensor.shape),
        b0=wanted.b0,
        name="simulated brain, oblique" if wanted.oblique else "simulated brain",
        wm_mask=frames.reorder_volume(anatomy.wm > 0.5, move),
        csf_mask=frames.reorder_volume(anatomy.csf > 0.8, move),
        magnitude=frames.reorder_volume(anatomy.t1, move)[None],
        reference_tensor=tensor.reordered(move),
        r2prime=None if rates is None else frames.reorder_volume(rates, move, first_axis=1),
        simulated=True,
    )
