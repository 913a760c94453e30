"""How far a tensor is from a reference: the published figures of merit, and angles between principal directions.

The five figures are those of DeepSTI (Fang et al., Med Image Anal 87:102829, 2023), with its constants, so that
numbers can be compared with published ones. Every function takes tensors (X, Y, Z, 6) in ppm and in the same axes,
order xx, xy, xz, yy, yz, zz; off-diagonal components count once.
"""

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.eigen import principal
from napari_sti.core.errors import InputError, shape_text

Tensors = NDArray[np.floating]
Mask = NDArray[np.bool_]
DirectionMaps = tuple[NDArray[np.floating], NDArray[np.floating]]

PSNR_RANGE = (-0.8574115, 0.63124019)
"""Smallest and largest component in the published training data, ppm; the peak of the PSNR is their difference.

It is set by iron and veins: an all-zero tensor already reaches about 37 dB. Give that floor beside the figure.
"""

SSIM_RANGE = (
    (-0.85735506, -0.035069, -0.03404218, -0.8565219, -0.03716843, -0.8574115),
    (0.63124019, 0.03752329, 0.03726987, 0.63124019, 0.03810212, 0.63124019),
)
"""Smallest and largest value of each component in the published training data, ppm."""

SSIM_WINDOW = 11
"""Voxels along an edge of the window of the SSIM; smaller volumes have none."""

ECSE_THRESHOLD = 0.015
"""Anisotropy of the reference, ppm, above which a direction counts."""

WPSNR_PEAK = 0.08
"""Largest anisotropy, ppm, for the PSNR of the directions weighted by it."""


@dataclass(frozen=True)
class AngleSummary:
    """Angles between two fields of directions where they count.

    Parameters
    ----------
    mean, median : float
        In degrees, 0 to 90.
    under_15, under_30 : float
        Share of the voxels, 0 to 1, with a smaller angle.
    voxels : int
        Number of voxels that counted.
    """

    mean: float
    median: float
    under_15: float
    under_30: float
    voxels: int


def mse(chi: Tensors, reference: Tensors, mask: Mask) -> float:
    """Mean squared error in ppm^2 over the mask and the six components."""
    a, b, inside = _checked(chi, reference, mask)
    return float(np.mean((a[inside] - b[inside]) ** 2))


def psnr(chi: Tensors, reference: Tensors, mask: Mask) -> float:
    """Peak signal-to-noise ratio in dB: `chi` clipped to `PSNR_RANGE`, whose width is the peak; infinite if equal."""
    a, b, inside = _checked(chi, reference, mask)
    low, high = PSNR_RANGE
    return _decibel((high - low) ** 2, np.mean((np.clip(a[inside], low, high) - b[inside]) ** 2))


def ssim(chi: Tensors, reference: Tensors, mask: Mask | None = None) -> float:
    """Structural similarity of the whole volume, background included, after scaling every component to 0..1.

    Gaussian window with sigma 1.5, averaged over the components; `chi` is clipped to `SSIM_RANGE`. With a mask, both
    tensors are set to 0 outside it first, as in the published evaluation.

    Raises
    ------
    InputError
        If the volume is smaller than the window of 11 voxels.
    """
    return _structural_similarity(chi, reference, mask, full=False)[0]


def ssim_map(chi: Tensors, reference: Tensors, mask: Mask | None = None) -> tuple[float, NDArray[np.float64]]:
    """Structural similarity of the whole volume as `ssim` gives it, and of every voxel, mean of the components."""
    value, local = _structural_similarity(chi, reference, mask, full=True)
    return value, local.mean(-1)


def _structural_similarity(
    chi: Tensors, reference: Tensors, mask: Mask | None, *, full: bool
) -> tuple[float, NDArray[np.float64]]:
    """Value and, if `full`, map (X, Y, Z, 6)."""
    from skimage.metrics import structural_similarity

    everywhere = np.ones(np.shape(reference)[:-1], bool) if mask is None else mask
    a, b, inside = _checked(chi, reference, everywhere)
    if min(inside.shape) < SSIM_WINDOW:
        raise InputError(
            f"SSIM needs {SSIM_WINDOW} voxels along every axis and the volume has {shape_text(inside.shape)}",
            mend="compare a larger volume",
        )
    low, high = np.array(SSIM_RANGE)
    a, b = np.where(inside[..., None], a, 0), np.where(inside[..., None], b, 0)
    scaled = [(x - low) / (high - low) for x in (np.clip(a, low, high), b)]
    found = structural_similarity(
        *scaled,
        channel_axis=-1,
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=full,
    )
    return (float(found[0]), found[1]) if full else (float(found), np.empty(0))


def ecse(chi: Tensors, reference: Tensors, mask: Mask, *, threshold: float = ECSE_THRESHOLD) -> float:
    """Eigenvector cosine similarity error: mean of 1 - abs(cos) between the principal directions.

    Over the mask where the anisotropy of the reference exceeds `threshold` in ppm. 0 is perfect, random directions
    give 0.5. A tensor without direction counts with the third axis, which is what LAPACK gives the published code.

    Raises
    ------
    InputError
        If no voxel of the reference exceeds the threshold.
    """
    a, b, inside = _checked(chi, reference, mask)
    counted = _anisotropic(b, inside, threshold)
    return cosine_error(principal(a[counted])[2], principal(b[counted])[2])


def cosine_error(pev: NDArray[np.floating], reference: NDArray[np.floating]) -> float:
    """Mean of 1 - abs(cos) between unit vectors (N, 3) and those of the reference; see `ecse`."""
    directions = np.where(pev.any(-1, keepdims=True), pev, np.array((0, 0, 1), pev.dtype))
    cosine = np.abs(np.sum(directions * reference, axis=-1, dtype=np.float64))
    return float(np.mean(1 - np.minimum(cosine, 1)))


def wpsnr(chi: Tensors, reference: Tensors, mask: Mask) -> float:
    """PSNR in dB of the directions weighted by anisotropy, abs(PEV) times MSA, with the peak `WPSNR_PEAK`.

    That of `chi` is clipped to 0..`WPSNR_PEAK`. It is the error of the usual colour picture.
    """
    a, b, inside = _checked(chi, reference, mask)
    return weighted_psnr(principal(a[inside])[1:], principal(b[inside])[1:])


def weighted_psnr(maps: DirectionMaps, reference: DirectionMaps) -> float:
    """PSNR in dB of abs(PEV) times MSA, from MSA (N,) in ppm and PEV (N, 3) of both; see `wpsnr`."""
    weighted, expected = (np.abs(pev) * msa[..., None] for msa, pev in (maps, reference))
    return _decibel(WPSNR_PEAK**2, np.mean((np.clip(weighted, 0, WPSNR_PEAK) - expected) ** 2, dtype=np.float64))


def pev_angle(pev: NDArray[np.floating], reference: NDArray[np.floating]) -> NDArray[np.float32]:
    """Angle in degrees, 0 to 90, between two fields of directions (..., 3) in the same axes; their signs do not matter.

    NaN where either has no direction (a zero vector).
    """
    a, b = np.asarray(pev), np.asarray(reference)
    # From sine and cosine: the arc cosine alone cannot tell small angles apart in float32.
    cosine = np.abs(np.sum(a * b, axis=-1, dtype=np.float64))
    sine = np.linalg.norm(np.cross(a.astype(np.float64), b.astype(np.float64)), axis=-1)
    angle = np.degrees(np.arctan2(sine, cosine))
    none = ~(a.any(-1) & b.any(-1))
    return cast(NDArray[np.float32], np.where(none, np.nan, angle).astype(np.float32))


def angle_summary(chi: Tensors, reference: Tensors, mask: Mask, *, threshold: float = ECSE_THRESHOLD) -> AngleSummary:
    """Summarise the angles between principal directions where the anisotropy of the reference exceeds `threshold` ppm.

    A voxel in which `chi` has no direction counts with 90 degrees.

    Raises
    ------
    InputError
        If no voxel of the reference exceeds the threshold.
    """
    a, b, inside = _checked(chi, reference, mask)
    counted = _anisotropic(b, inside, threshold)
    return summarise_angles(pev_angle(principal(a[counted])[2], principal(b[counted])[2]))


def summarise_angles(angle: NDArray[np.floating]) -> AngleSummary:
    """Summarise angles (N,) in degrees as `pev_angle` gives them; NaN, no direction, counts with 90 degrees."""
    angle = np.nan_to_num(angle, nan=90.0).astype(np.float64)
    return AngleSummary(
        mean=float(angle.mean()),
        median=float(np.median(angle)),
        under_15=float(np.mean(angle < 15)),
        under_30=float(np.mean(angle < 30)),
        voxels=int(angle.size),
    )


def _checked(chi: Tensors, reference: Tensors, mask: Mask) -> tuple[NDArray[np.float64], NDArray[np.float64], Mask]:
    a, b = np.asarray(chi, np.float64), np.asarray(reference, np.float64)
    inside = np.asarray(mask) != 0
    if a.shape != b.shape or a.shape != (*inside.shape, 6):
        raise InputError(
            f"the tensor has the shape {a.shape}, the reference {b.shape} and the mask {inside.shape}",
            mend="bring all to the same grid",
        )
    if not inside.any():
        raise InputError("the mask is empty", mend="give a mask that is not zero where the tensors are compared")
    return a, b, inside


def _anisotropic(reference: NDArray[np.float64], mask: Mask, threshold: float) -> Mask:
    counted = mask & (principal(reference, mask=mask)[1] > threshold)
    if not counted.any():
        raise InputError(
            f"the anisotropy of the reference exceeds {threshold:g} ppm nowhere inside the mask",
            mend="lower the threshold or check the unit of the reference",
        )
    return counted


def _decibel(peak_squared: float, error: float | np.floating) -> float:
    return float("inf") if error == 0 else float(10 * np.log10(peak_squared / error))
