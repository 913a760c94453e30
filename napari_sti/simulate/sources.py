"""The simulated brain as two sources, iron and myelin, with the R2' that they cause in every head orientation.

The sum of both is exactly the tensor of `napari_sti.simulate.susceptibility`, so that what is separated is the brain
that everything else is tried on. How much of each there is in a tissue is a choice; that they add up is not.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sti.core import frames, params
from napari_sti.core.acquisition import Acquisition
from napari_sti.core.params import param
from napari_sti.core.relaxometry import CYLINDERS, SPHERES
from napari_sti.core.tensor_field import TensorField
from napari_sti.simulate.anatomy import Anatomy
from napari_sti.simulate.fibres import FibreField, fibre_field
from napari_sti.simulate.nuclei import NUCLEI, nuclei_weights
from napari_sti.simulate.study import add_noise, parse_voxel_size
from napari_sti.simulate.susceptibility import CHI_GREY, CHI_WHITE, CHI_WHITE_COHERENT, MSA_COHERENT
from napari_sti.simulate.tilts import TILT_MODES, b0_directions

RateModel = Literal["consistent", "theory"]

IRON_WHITE = 0.015
"""chi+ of white matter in ppm: its oligodendrocytes hold iron. What is left of the total is myelin."""
MYELIN_GREY = -0.015
"""chi- of the cortex in ppm, without direction."""
MYELIN_NUCLEI = -0.020
"""chi- of the nuclei in ppm, without direction; veins have none."""


@dataclass(frozen=True, eq=False)
class Sources:
    """Both sources of the simulated brain.

    Parameters
    ----------
    pos : (X, Y, Z) array
        chi+ of iron (and of venous blood) in ppm, >= 0.
    neg : (X, Y, Z, 6) array
        X- of myelin in ppm, RAS frame, negative semi-definite; its least diamagnetic axis is the fibre.
    fibres : FibreField
        Direction and coherence of the fibres.
    mask : (X, Y, Z) array
        The brain.
    affine : (4, 4) array
        Voxel indices to RAS mm.
    """

    pos: NDArray[np.float32]
    neg: NDArray[np.float32]
    fibres: FibreField
    mask: NDArray[np.bool_]
    affine: NDArray[np.float64]

    @property
    def total(self) -> NDArray[np.float32]:
        """chi+ I + X-, (X, Y, Z, 6) in ppm, RAS frame."""
        chi = self.neg.copy()
        chi[..., [0, 3, 5]] += self.pos[..., None]
        return chi

    @property
    def neg_mean(self) -> NDArray[np.float32]:
        """Mean of X-, (X, Y, Z) in ppm, <= 0."""
        return np.asarray(self.neg[..., [0, 3, 5]].mean(-1))


def brain_sources(anatomy: Anatomy, fibres: FibreField | None = None) -> Sources:
    """Divide the simulated brain between iron and myelin. Simulated, not measured."""
    fibres = fibre_field(anatomy) if fibres is None else fibres
    white = CHI_WHITE + CHI_WHITE_COHERENT * fibres.coherence - IRON_WHITE
    pos = anatomy.wm * IRON_WHITE + anatomy.gm * (CHI_GREY - MYELIN_GREY)
    mean = anatomy.wm * white + anatomy.gm * MYELIN_GREY
    msa = MSA_COHERENT * fibres.coherence * anatomy.wm
    for index, (chi, fraction) in enumerate(nuclei_weights(anatomy)):
        myelin = MYELIN_NUCLEI if index < len(NUCLEI) else 0.0
        pos = pos * (1 - fraction) + (chi - myelin) * fraction
        mean = mean * (1 - fraction) + myelin * fraction
        msa = msa * (1 - fraction)
    v = fibres.direction
    neg = frames.from_matrix(v[..., :, None] * v[..., None, :]) * np.where(anatomy.mask, msa, 0)[..., None]
    neg[..., [0, 3, 5]] += np.where(anatomy.mask, mean - msa / 3, 0)[..., None]
    return Sources(
        np.where(anatomy.mask, pos, 0).astype(np.float32),
        neg.astype(np.float32),
        fibres,
        np.asarray(anatomy.mask),
        anatomy.grid.affine,
    )


def simulate_r2prime(
    sources: Sources,
    b0_dirs: ArrayLike,
    model: RateModel = "consistent",
    *,
    dr: float = 114.0,
    tesla: float = 3.0,
) -> NDArray[np.float32]:
    """R2' of every orientation without noise.

    Parameters
    ----------
    sources : Sources
        Iron and myelin.
    b0_dirs : (N, 3) array
        Unit vectors in RAS.
    model : {"consistent", "theory"}
        ``"consistent"``: Dr (chi+ − h^T X- h), which is what separation of tensors takes for granted. ``"theory"``:
        static dephasing, 107.84 B0 chi+ + 133.77 B0 |chi-| s, with s = sin² of the angle between fibre and B0 where
        fibres are coherent and its mean 2/3 where they are not: another Dr for each source, and another dependence
        on the angle, as in tissue.
    dr : float
        Dr in Hz/ppm of the consistent model.
    tesla : float
        Field strength of the theory.

    Returns
    -------
    (N, X, Y, Z) array
        In Hz, >= 0.
    """
    rates = []
    for h in np.atleast_2d(np.asarray(b0_dirs, np.float64)):
        if model == "consistent":
            along = np.array([h[a] * h[b] * (1 if a == b else 2) for a, b in _PAIRS])
            rate = dr * (sources.pos - sources.neg @ along)
        else:
            cosine = sources.fibres.direction @ h
            coherence = sources.fibres.coherence
            across = coherence * (1 - cosine**2) + (1 - coherence) * 2 / 3
            rate = tesla * (SPHERES * sources.pos - CYLINDERS * across * sources.neg_mean)
        rates.append(rate)
    found: NDArray[np.float32] = np.maximum(np.stack(rates), 0).astype(np.float32)
    return found


_PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))


@dataclass(frozen=True)
class SourceParams:
    """What to simulate for a separation."""

    orientations: int = param(4, label="Orientations", low=1, high=20, help="Number of head orientations.")
    tilts: str = param(
        "head", label="Tilts", choices=TILT_MODES, help="head: small tilts as in a scanner; spread: up to the largest."
    )
    max_tilt: float = param(37.0, label="Largest tilt", unit="deg", low=0, high=90, help="No head is tilted by more.")
    voxel_size: str = param("2", label="Voxel size", unit="mm", help="One number, or three such as 1x1x2.5.")
    b0: float = param(3.0, label="B0", unit="T", low=0.01, high=25, help="Field strength.")
    rates: str = param(
        "consistent",
        label="R2'",
        choices=("consistent", "theory"),
        help="consistent: one Dr for both sources; theory: static dephasing, which no single Dr fits.",
    )
    dr: float = param(114.0, label="Dr", unit="Hz/ppm", low=1, high=1e4, help="Of the consistent R2'.")
    snr: float = param(30.0, label="SNR of the field", unit="dB", low=0, high=120, help="Noise in the field maps.")
    rate_snr: float = param(10.0, label="SNR of R2'", unit="dB", low=0, high=120, help="Noise in R2'.")
    seed: int = param(0, label="Seed", low=0, high=2**31 - 1, help="Of the noise and of the tilts.")


def simulate_separation(wanted: SourceParams | None = None) -> tuple[Acquisition, Sources]:
    """Simulate field maps and R2' of the brain with two sources.

    Parameters
    ----------
    wanted : SourceParams, optional
        What to simulate.

    Returns
    -------
    acquisition : Acquisition
        RAS order, with the total tensor as `reference_tensor`; R2' below zero was set to zero.
    sources : Sources
        The truth.

    Raises
    ------
    InputError
        If a parameter is out of range.
    """
    from napari_sti.recon.forward import simulate_field
    from napari_sti.simulate.brain import brain_anatomy

    wanted = params.from_mapping(SourceParams, params.to_mapping(wanted or SourceParams()))
    anatomy = brain_anatomy(parse_voxel_size(wanted.voxel_size), 0.0)
    sources = brain_sources(anatomy)
    world = b0_directions(wanted.orientations, mode=wanted.tilts, max_tilt=wanted.max_tilt, seed=wanted.seed)
    model: RateModel = "theory" if wanted.rates == "theory" else "consistent"
    rates = simulate_r2prime(sources, world, model, dr=wanted.dr, tesla=wanted.b0)
    rng = np.random.default_rng([wanted.seed, 5])
    rates = add_noise(rates, sources.mask, wanted.rate_snr, rng)
    about = {
        "method": "simulation",
        "params": params.to_mapping(wanted),
        "simulated": True,
        "remarks": ["Simulated: MNI152 anatomy, iron and myelin of typical size, R2' of a model."],
    }
    tensor = TensorField(sources.total, sources.affine, sources.mask, "ras", about, "simulated tensor")
    dirs = frames.rotate_vectors(world, frames.between("ras", "voxel", sources.affine))
    voxel = tensor.in_frame("voxel")
    field = np.array(simulate_field(voxel.chi, voxel.affine, dirs, sources.mask))
    acquisition = Acquisition(
        field=add_noise(field, sources.mask, wanted.snr, rng),
        b0_dirs=dirs,
        mask=sources.mask,
        affine=sources.affine,
        b0=wanted.b0,
        name="simulated brain with two sources",
        wm_mask=anatomy.wm > 0.5,
        csf_mask=anatomy.csf > 0.8,
        magnitude=anatomy.t1[None],
        r2prime=rates,
        reference_tensor=voxel,
        simulated=True,
    )
    return acquisition, sources
