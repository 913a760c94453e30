"""Everything that can be told about the quality of a susceptibility tensor, in one pass.

What is put together here is computed elsewhere: flips (`flips`), residuals (`quality_fit`), values and mask
(`quality_values`), streaks (`quality_streaks`), the worth of the directions (`orientation_worth`), and the comparison
with a DTI (`comparison`). What the numbers mean is said by `quality_lines`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import InputError
from napari_sti.core.progress import Progress, Step, silent
from napari_sti.core.tensor_field import TensorField
from napari_sti.io.nifti import Volume
from napari_sti.maps.comparison import Comparison, FibreScores, compare
from napari_sti.maps.dti import DtiReference
from napari_sti.maps.dti_mends import find_flip_of_dti, net_words
from napari_sti.maps.flips import FlipFinding, find_flip_of_tensor, fitting_frame, mended
from napari_sti.maps.one_grid import Grid
from napari_sti.maps.orientation_worth import KGrid, OrientationWorth, orientation_worth
from napari_sti.maps.quality_fit import DataFit, data_fit
from napari_sti.maps.quality_streaks import Streaks, anisotropic_part, streaks
from napari_sti.maps.quality_values import MaskLeaks, Values, mask_leaks, values_of
from napari_sti.maps.scores import ISOTROPIC

RESULT = "result"
_STEPS = 6


@dataclass(frozen=True, eq=False)
class FibreAgreement:
    """Principal eigenvectors beside the directions of a DTI.

    Parameters
    ----------
    comparison : Comparison
        As `napari_sti.maps.comparison.compare` gives it, in the nearest RAS order.
    angle : (X, Y, Z) float32 array
        Degrees, 0 to 90, in the order of the tensor; NaN where it does not count.
    frame : str
        In which the file of the DTI was read.
    fitting_frame : str
        In which its directions would run along its own bundles best.
    where : str
        Which voxels counted, in words.
    flips : FlipFinding
        Which flip or swap of the components in the file would make V1 run along its own bundles, as it was compared.
    mended : str
        What was mended of V1 before, all in all, such as ``"x,-y,z"``; empty if nothing was.
    mends : tuple of mapping
        Records of these mends.
    """

    comparison: Comparison
    angle: NDArray[np.float32]
    frame: str
    fitting_frame: str
    where: str
    flips: FlipFinding
    mended: str = ""
    mends: tuple[Mapping[str, Any], ...] = ()

    @property
    def scores(self) -> FibreScores:
        """Mean and shares of the angles."""
        return cast(FibreScores, self.comparison.scores[RESULT])


@dataclass(frozen=True, eq=False)
class Quality:
    """What was found about a tensor; a part that could not be computed is None.

    Parameters
    ----------
    tensor : TensorField
        In voxel axes; in the order of storage of the study, else in its own. So are all maps here.
    mask : (X, Y, Z) array
        Brain mask: of the study, else of the tensor.
    values, leaks
        Values and mask.
    flips : FlipFinding or None
        None for an isotropic tensor.
    fit, mended_fit : DataFit or None
        Residuals of the fields as stored, and after the proposed mend.
    worth : OrientationWorth or None
        Of the directions of the study.
    mean_streaks, anisotropic_streaks : Streaks or None
        Of MMS and of the anisotropic part.
    fibres : FibreAgreement or None
        Comparison with a DTI.
    acquisition : Acquisition or None
        The study.
    notes : tuple of str
        Sentences that belong beside the numbers.
    """

    tensor: TensorField
    mask: NDArray[np.bool_]
    values: Values
    leaks: MaskLeaks
    flips: FlipFinding | None = None
    fit: DataFit | None = None
    mended_fit: DataFit | None = None
    worth: OrientationWorth | None = None
    mean_streaks: Streaks | None = None
    anisotropic_streaks: Streaks | None = None
    fibres: FibreAgreement | None = None
    acquisition: Acquisition | None = None
    notes: tuple[str, ...] = ()


def assess(
    tensor: TensorField,
    *,
    acquisition: Acquisition | None = None,
    dti: DtiReference | None = None,
    white: Volume | None = None,
    progress: Progress = silent,
) -> Quality:
    """Look at a tensor from every side that the inputs allow.

    Parameters
    ----------
    tensor : TensorField
        In any frame and order of storage.
    acquisition : Acquisition, optional
        The study that it was made from: for residuals, streaks and the worth of the directions.
    dti : DtiReference, optional
        On the same grid of the world: for the angles.
    white : Volume, optional
        White matter: angles count only there. By default that of the study, else wherever FA exceeds 0.2.
    progress : callable
        Told before each part; may raise `Cancelled`. Residuals load torch.

    Raises
    ------
    InputError
        If something lies on another grid of the world, or no voxel of the tensor is finite.
    """
    stored, study = _on_grid(_without_infinity(tensor), acquisition), acquisition
    mask = cast(NDArray[np.bool_], stored.mask)
    if not (np.isfinite(stored.chi).all(-1) & mask).any():
        raise InputError("no voxel of the tensor is finite inside the mask", mend="check the result and its mask")
    notes: list[str] = []
    progress(Step(0, _STEPS, message="Directions of the tensor"))
    anisotropic = np.nanmax(stored.msa[mask]) > ISOTROPIC
    flips = find_flip_of_tensor(stored) if anisotropic else None
    fit = mended_fit = worth = None
    if study is not None:
        progress(Step(1, _STEPS, message="Predicting the fields"))
        fit, mended_fit = _fits(stored, study, flips)
        worth = orientation_worth(study.b0_dirs, KGrid(stored.shape, stored.voxel_size))
    progress(Step(2, _STEPS, message="Values and mask"))
    values = values_of(stored, *((None, None) if study is None else (study.wm_mask, study.csf_mask)))
    leaks = mask_leaks(stored, mask, None if fit is None else fit.residual)
    progress(Step(3, _STEPS, message="Streaks"))
    mean_streaks, anisotropic_streaks = _streaks(stored, mask, study)
    fibres = None
    if dti is not None:
        progress(Step(4, _STEPS, message="Comparing with the DTI"))
        fibres, more = _fibres(stored, dti, white, study)
        notes += more
    if study is not None:
        notes += study.warnings
    return Quality(
        tensor=stored,
        mask=mask,
        values=values,
        leaks=leaks,
        flips=flips,
        fit=fit,
        mended_fit=mended_fit,
        worth=worth,
        mean_streaks=mean_streaks,
        anisotropic_streaks=anisotropic_streaks,
        fibres=fibres,
        acquisition=study,
        notes=tuple(dict.fromkeys(notes)),
    )


def _on_grid(tensor: TensorField, acquisition: Acquisition | None) -> TensorField:
    """The tensor in voxel axes, in the storage order of the study where there is one."""
    if acquisition is None:
        return tensor.in_frame("voxel")
    grid = Grid(acquisition.shape, acquisition.affine, f"the study {acquisition.name}")
    return replace(grid.tensor(tensor, tensor.name), mask=acquisition.mask)


def _without_infinity(tensor: TensorField) -> TensorField:
    """NaN for infinity, which cannot be turned; both count as not finite."""
    if np.isfinite(tensor.chi).all():
        return tensor
    return replace(tensor, chi=np.where(np.isfinite(tensor.chi), tensor.chi, np.float32(np.nan)))


def _fits(tensor: TensorField, study: Acquisition, flips: FlipFinding | None) -> tuple[DataFit | None, DataFit | None]:
    """Residuals as stored, and after the mend that is proposed, for which the data have a word, too."""
    if study.field is None:
        return None, None
    fit = data_fit(tensor, study)
    if flips is None or not flips.needed:
        return fit, None
    return fit, data_fit(mended(tensor, flips.mend), study)


def _streaks(
    tensor: TensorField, mask: NDArray[np.bool_], study: Acquisition | None
) -> tuple[Streaks | None, Streaks | None]:
    if study is None:
        return None, None
    of_mean = streaks(tensor.mms[None], mask, tensor.voxel_size, study.b0_dirs)
    return of_mean, streaks(anisotropic_part(tensor.chi), mask, tensor.voxel_size, study.b0_dirs)


def _fibres(
    tensor: TensorField, dti: DtiReference, white: Volume | None, study: Acquisition | None
) -> tuple[FibreAgreement, list[str]]:
    given = white
    if given is None and study is not None and study.wm_mask is not None:
        given = Volume(study.wm_mask.astype(np.float32), tensor.affine, Path("white matter mask of the study"))
    comparison = compare({RESULT: tensor}, dti, reference_name=dti.name, white=given)
    where = comparison.where if given is None else f"{comparison.where}, inside the white matter mask"
    found = FibreAgreement(
        comparison,
        comparison.angle_map_like(RESULT, tensor),
        dti.frame,
        fitting_frame(dti)[0],
        where,
        find_flip_of_dti(dti),
        net_words(dti),
        dti.mends,
    )
    return found, [*dti.remarks, *comparison.notes]
