"""White matter and fluid estimated from one image: simple, documented, and always to be looked at before it is used.

No substitute for a segmentation program (FSL FAST, SPM, FreeSurfer): masks of those are taken as files. What is done:

1. Slow changes of brightness (the coils') are divided out: the logarithm of the image, without fluid, is smoothed over
   `Settings.bias_mm` by a Gaussian that sees the mask only.
2. Noise is smoothed over half a voxel, again inside the mask only.
3. Three classes are begun with Otsu's thresholds [1]_ [2]_ and then drawn to the middles between the classes' centres;
   a centre is the median of those voxels whose neighbours are of the same class, which no mixed voxel pulls away.
4. White matter is what lies beyond the middle between grey and white matter. Fluid is what is close to the
   centre of fluid (`Settings.csf_share` of the way to grey matter, less than the middle), because a method that
   forbids anisotropy in fluid must not meet tissue there; most of it is in the ventricles.
5. Specks are removed, and pinholes in white matter are filled.

References
----------
.. [1] N. Otsu, A threshold selection method from gray-level histograms, IEEE Trans. SMC 9 (1979) 62-66.
.. [2] P.-S. Liao, T.-S. Chen, P.-C. Chung, A fast algorithm for multilevel thresholding, J. Inf. Sci. Eng. 17 (2001)
   713-727; skimage.filters.threshold_multiotsu.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.errors import InputError, shape_text

Contrast = Literal["t1", "t2star"]
CONTRASTS: tuple[str, ...] = get_args(Contrast)
"""t1: fluid dark, white matter bright. t2star: fluid bright, white matter darkest (magnitude of a gradient echo)."""

USUAL_WHITE = (0.2, 0.6)
"""Share of white matter in the brain outside of which the estimate is called unlikely."""
_FLUID_CUT = 0.45  # in the logarithm: further from the median than any tissue of the brain
_EXTREME = 15  # times the middle half of the values above it: brighter than any fluid, a defect
_ROUNDS = 5
_COARSE_MM = 4.0

Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Settings:
    """What the estimate depends on.

    Parameters
    ----------
    bias_mm : float
        Standard deviation in mm of the Gaussian that separates slow brightness from anatomy; 0 leaves it alone.
    noise_voxels : float
        Standard deviation in voxels of the smoothing against noise; 0 for none.
    csf_share : float
        Where fluid ends: this part of the way from the centre of fluid to that of grey matter.
    wm_speck_ml, csf_speck_ml : float
        Pieces of less volume are removed.
    wm_hole_ml : float
        Holes in white matter of less volume are filled.
    """

    bias_mm: float = 40.0
    noise_voxels: float = 0.5
    csf_share: float = 0.2
    wm_speck_ml: float = 1.0
    csf_speck_ml: float = 0.05
    wm_hole_ml: float = 0.02


@dataclass(frozen=True, eq=False)
class Tissue:
    """Masks that were estimated, and how.

    Attributes
    ----------
    wm, csf : (X, Y, Z) bool arrays
        White matter and fluid; they lie inside the brain mask and do not overlap.
    contrast : {"t1", "t2star"}
        How the image was read.
    settings : Settings
        With what they were estimated.
    centres : (float, float, float)
        Brightness of fluid, grey and white matter after slow brightness was divided out.
    voxel_ml : float
        Volume of a voxel.
    remarks : tuple of str
        Sentences that the person should read.
    """

    wm: Bools
    csf: Bools
    contrast: Contrast
    settings: Settings
    centres: tuple[float, float, float]
    voxel_ml: float
    remarks: tuple[str, ...] = field(default=())

    @property
    def wm_ml(self) -> float:
        """Volume of white matter."""
        return float(self.wm.sum()) * self.voxel_ml

    @property
    def csf_ml(self) -> float:
        """Volume of fluid."""
        return float(self.csf.sum()) * self.voxel_ml

    def description(self) -> dict[str, Any]:
        """Method and parameters as plain values, for sidecars."""
        return {
            "method": "three classes from Otsu's thresholds after a correction of slow brightness",
            "contrast": self.contrast,
            "settings": asdict(self.settings),
            "centres": dict(zip(("csf", "gm", "wm"), self.centres, strict=True)),
            "white_matter_ml": round(self.wm_ml, 3),
            "csf_ml": round(self.csf_ml, 3),
            "remarks": list(self.remarks),
        }


def estimate_tissue(
    image: NDArray[Any],
    mask: NDArray[Any],
    *,
    contrast: Contrast,
    voxel_size: tuple[float, float, float],
    settings: Settings | None = None,
) -> Tissue:
    """Estimate masks of white matter and fluid from a T1-weighted or a gradient-echo magnitude image.

    Parameters
    ----------
    image : (X, Y, Z) array
        Any units, positive inside the brain; what is not finite, not positive or absurdly bright is no
        tissue.
    mask : (X, Y, Z) array
        Inside of the brain, with ventricles and sulci.
    contrast : {"t1", "t2star"}
        Which tissue is bright; never guessed.
    voxel_size : (float, float, float)
        Edge lengths in mm along the stored axes.
    settings : Settings, optional
        By default those that were measured in ``docs/masks.md``.

    Returns
    -------
    Tissue

    Raises
    ------
    InputError
        If shapes differ, the mask is empty, or the image tells no tissues apart.
    """
    settings = settings or Settings()
    if contrast not in CONTRASTS:
        raise InputError(f"the contrast {contrast!r} is not known", mend=f"use one of {', '.join(CONTRASTS)}")
    box = _box(image, mask)
    values, brain, good = _check(np.asarray(image)[box], np.asarray(mask)[box] > 0.5)
    size = np.asarray(voxel_size, float)
    voxel_ml = float(np.prod(size)) / 1000
    even = _without_bias(values, good, size, settings.bias_mm)
    even = _blurred(even, good, np.full(3, settings.noise_voxels))
    rising = even if contrast == "t1" else -even  # from here on: fluid, grey matter, white matter
    centres, thresholds = _classes(rising, good)
    fluid_ends = centres[0] + settings.csf_share * (centres[1] - centres[0])
    # Whatever is as far beyond white matter as fluid is below it is none of the three: fat, or a vein.
    white_ends = centres[2] + (centres[2] - centres[0])
    wm = good & (rising >= thresholds[1]) & (rising <= white_ends)
    csf = good & (rising < fluid_ends)
    wm = _without_holes(_without_specks(wm, settings.wm_speck_ml / voxel_ml), settings.wm_hole_ml / voxel_ml, brain)
    csf = _without_specks(csf, settings.csf_speck_ml / voxel_ml) & ~wm
    signed = tuple(float(c if contrast == "t1" else -c) for c in centres)
    remarks = _remarks(wm, csf, brain, good)
    wm, csf = (_put_back(found, box, np.shape(mask)) for found in (wm, csf))
    return Tissue(wm, csf, contrast, settings, (signed[0], signed[1], signed[2]), voxel_ml, remarks)


def _box(image: NDArray[Any], mask: NDArray[Any]) -> tuple[slice, ...]:
    """The part of the volume that the brain takes: the rest needs no time."""
    from scipy import ndimage

    if np.ndim(image) != 3 or np.shape(image) != np.shape(mask):
        raise InputError(
            f"the image is {shape_text(np.shape(image))} voxels, the mask {shape_text(np.shape(mask))}",
            mend="bring both to the same grid",
        )
    found = ndimage.find_objects((np.asarray(mask) > 0.5).astype(np.uint8))
    if not found:
        raise InputError("the mask is empty", mend="give a mask that is not zero inside the brain")
    return tuple(found[0])


def _put_back(found: Bools, box: tuple[slice, ...], shape: tuple[int, ...]) -> Bools:
    whole = np.zeros(shape, bool)
    whole[box] = found
    return whole


def _check(values: NDArray[Any], brain: Bools) -> tuple[Floats, Bools, Bools]:
    """Image, brain, and where the image can be used."""
    if values.dtype.kind not in "biuf":
        raise InputError("the image is not made of real numbers", mend="give a T1-weighted or a magnitude image")
    values = values.astype(np.float32)
    with np.errstate(invalid="ignore"):
        good = brain & np.isfinite(values) & (values > 0)
    if good.any():
        low, high = np.percentile(values[good], (25, 75))
        good &= values <= high + _EXTREME * (high - low) if high > low else good
    if good.sum() < max(0.5 * brain.sum(), 8):
        raise InputError(
            f"the image can be used in only {good.sum() / brain.sum():.0%} of the brain, elsewhere it is not positive",
            mend="give a T1-weighted or a magnitude image of this brain",
        )
    inside = values[good]
    if len(np.unique(inside[: 1 << 20])) < 4 or np.ptp(np.percentile(inside, (1, 99))) < 1e-3 * np.median(inside):
        raise InputError(
            "the image is the same everywhere inside the mask, so that it tells no tissues apart",
            mend="give a T1-weighted or a magnitude image",
        )
    # Brightest vessels and darkest holes would stretch the histogram that the thresholds are found in.
    low, high = np.percentile(inside, (0.1, 99.9))
    return np.where(good, np.clip(values, low, high), 0).astype(np.float32), brain, good


def _without_bias(values: Floats, good: Bools, size: NDArray[np.float64], sigma_mm: float) -> Floats:
    """Divide slow brightness out; the median stays as it is."""
    if sigma_mm <= 0:
        return values
    log = np.zeros(values.shape, np.float32)
    log[good] = np.log(values[good])
    tissue = good & (np.abs(log - np.median(log[good])) < _FLUID_CUT)
    steps = np.clip(np.floor(_COARSE_MM / size), 1, None).astype(int)
    slow = _coarse_blur(np.where(tissue, log, 0), tissue.astype(np.float32), steps, sigma_mm / (size * steps))
    slow -= np.median(slow[good])
    out = np.zeros_like(values)
    out[good] = values[good] * np.exp(-slow[good])
    return out


def _coarse_blur(
    values: Floats, weights: Floats, steps: NDArray[np.int_], sigma: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Weighted Gaussian mean, computed on blocks of voxels: it is slow by nature, and a hundred times quicker so."""
    from scipy import ndimage
    from skimage.measure import block_reduce

    blocks = tuple(int(s) for s in steps)
    sums = [ndimage.gaussian_filter(block_reduce(v, blocks, np.sum), sigma, mode="constant") for v in (values, weights)]
    coarse = sums[0] / np.maximum(sums[1], 1e-6)
    # Voxel i lies at (i + 1/2) / step - 1/2 of the blocks.
    found = ndimage.affine_transform(
        coarse, 1 / steps, 0.5 / steps - 0.5, output_shape=values.shape, order=1, mode="nearest"
    )
    return np.asarray(found, np.float32)


def _blurred(values: Floats, good: Bools, sigma: NDArray[np.float64]) -> Floats:
    """Gaussian mean of the voxels inside only."""
    from scipy import ndimage

    if not sigma.any():
        return values
    total = ndimage.gaussian_filter(values, sigma, mode="constant")  # values are 0 outside
    weight = ndimage.gaussian_filter(good.astype(np.float32), sigma, mode="constant")
    return np.where(good, total / np.maximum(weight, 1e-6), 0).astype(np.float32)


def _classes(rising: Floats, good: Bools) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centres (3,) of fluid, grey and white matter, and the thresholds (2,) in the middles between them."""
    from skimage.filters import threshold_multiotsu

    inside = rising[good]
    try:
        thresholds = np.asarray(threshold_multiotsu(inside, classes=3), float)
        for _ in range(_ROUNDS):
            below, beyond = rising < thresholds[0], rising >= thresholds[1]
            owns = (good & below, good & ~below & ~beyond, good & beyond)
            centres = np.array([_centre(rising, own) for own in owns])
            thresholds = (centres[1:] + centres[:-1]) / 2
    except ValueError:  # fewer than three kinds of values, or a class without a voxel
        raise InputError(
            "the image does not show three tissues inside the mask",
            mend="give a T1-weighted or a magnitude image with contrast between fluid, grey and white matter",
        ) from None
    return centres, thresholds


def _centre(rising: Floats, own: Bools) -> float:
    """Median of the voxels in the midst of a class, where there are enough of them, else of all."""
    from scipy import ndimage

    if not own.any():
        raise ValueError
    core = ndimage.binary_erosion(own)
    chosen = core if core.sum() >= max(50, 0.02 * own.sum()) else own
    return float(np.median(rising[chosen]))


def _without_specks(found: Bools, voxels: float) -> Bools:
    """Remove pieces (joined by faces) of fewer voxels, and single ones in any case."""
    from skimage.measure import label

    pieces = label(found, connectivity=1)
    large = np.bincount(pieces.ravel()) >= max(voxels, 2)
    large[0] = False
    return np.asarray(large[pieces], bool)


def _without_holes(found: Bools, voxels: float, brain: Bools) -> Bools:
    """Fill what is enclosed by a tissue and has fewer voxels."""
    from skimage.measure import label

    pieces = label(~found, connectivity=1)
    sizes = np.bincount(pieces.ravel())
    small = sizes < max(voxels, 2)
    small[0] = False
    return np.asarray(found | (small[pieces] & brain), bool)


def _remarks(wm: Bools, csf: Bools, brain: Bools, good: Bools) -> tuple[str, ...]:
    said = []
    lost = int(brain.sum() - good.sum())
    if lost:
        said.append(f"{lost} voxels of the brain are not positive or far too bright in the image: they are no tissue.")
    share = wm.sum() / brain.sum()
    if not USUAL_WHITE[0] <= share <= USUAL_WHITE[1]:
        said.append(
            f"White matter is {share:.0%} of the brain, which is unlikely: is the contrast right, and is the mask that "
            "of the brain?"
        )
    if not csf.any():
        said.append("No fluid was found.")
    return tuple(said)
