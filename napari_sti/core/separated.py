"""A separated susceptibility: what iron and what myelin are held to add to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from napari_sti.core import frames
from napari_sti.core.errors import InputError, shape_text
from napari_sti.core.frames import Frame
from napari_sti.core.relaxometry import Relaxation
from napari_sti.core.tensor_field import TensorField

TOLERANCE = 1e-6
"""ppm: by so much rounding may move a part over to the wrong sign."""


@dataclass(frozen=True, eq=False)
class SeparatedField:
    """Paramagnetic and diamagnetic susceptibility of every voxel.

    Parameters
    ----------
    chi_pos : (X, Y, Z) array
        Paramagnetic part in ppm, >= 0.
    chi_neg : (X, Y, Z) array or None
        Diamagnetic part in ppm, <= 0 in memory (its magnitude is what files hold). With a tensor it is the mean of
        that, and may be left out.
    affine : (4, 4) array
        Voxel indices to RAS mm.
    relaxation : Relaxation
        The constants Dr+ and Dr- that were used.
    mask : (X, Y, Z) array, optional
        Where it is meant; everywhere by default.
    chi_neg_tensor : TensorField, optional
        Diamagnetic part as a tensor, negative semi-definite; ``.mms``, ``.msa`` and ``.pev`` are its maps.
    further : mapping of (X, Y, Z) arrays
        What else was found, such as ``r2`` in Hz or ``kernel`` in Hz/ppm.
    closed_form : SeparatedField, optional
        The split without any regularisation, from the same inputs and constants: the floor to compare with.
    signed : bool
        Whether the signs are right everywhere; False for an unconstrained split.
    provenance : mapping
        How it was made, plain JSON-able values.
    name : str
        What the person calls it.

    Raises
    ------
    InputError
        If shapes differ, or a part has the wrong sign.
    """

    chi_pos: NDArray[np.float32]
    chi_neg: NDArray[np.float32] | None
    affine: NDArray[np.float64]
    relaxation: Relaxation
    mask: NDArray[np.bool_] | None = None
    chi_neg_tensor: TensorField | None = None
    further: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    closed_form: "SeparatedField | None" = None
    signed: bool = True
    provenance: Mapping[str, Any] = field(default_factory=dict)
    name: str = "separated"

    def __post_init__(self) -> None:
        pos = np.array(self.chi_pos, np.float32)
        if pos.ndim != 3:
            raise InputError(f"chi+ has the shape {shape_text(pos.shape)}", mend="give one volume")
        if self.chi_neg is None and self.chi_neg_tensor is None:
            raise InputError("the diamagnetic part is missing", mend="give it as a volume or as a tensor")
        neg = np.array(self.chi_neg if self.chi_neg_tensor is None else self.chi_neg_tensor.mms, np.float32)
        mask = np.ones(pos.shape, bool) if self.mask is None else np.nan_to_num(self.mask) > 0.5
        for what, volume in (("chi-", neg), ("the mask", mask), *self.further.items()):
            if volume.shape != pos.shape:
                raise InputError(
                    f"{what} is {shape_text(volume.shape)} voxels and chi+ {shape_text(pos.shape)}",
                    mend="bring both to one grid",
                )
        if self.signed:
            _check_signs(pos, neg)
            np.maximum(pos, 0, out=pos)
            np.minimum(neg, 0, out=neg)
        affine = frames.check_affine(self.affine)
        for name, value in (("chi_pos", pos), ("chi_neg", neg), ("mask", mask), ("affine", affine)):
            value.setflags(write=False)
            object.__setattr__(self, name, value)
        object.__setattr__(self, "further", dict(self.further))
        object.__setattr__(self, "provenance", dict(self.provenance))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along i, j, k."""
        return cast(tuple[int, int, int], self.chi_pos.shape)

    @property
    def voxel_size(self) -> tuple[float, float, float]:
        """Edge lengths of a voxel in mm along i, j, k."""
        return frames.voxel_size(self.affine)

    @property
    def negative(self) -> NDArray[np.float32]:
        """`chi_neg`, for readers that know it is there."""
        return cast(NDArray[np.float32], self.chi_neg)

    @property
    def chi_neg_magnitude(self) -> NDArray[np.float32]:
        """How diamagnetic, (X, Y, Z) in ppm, >= 0 where `signed`."""
        return np.asarray(-self.negative + np.float32(0))  # no minus zeros

    @property
    def total(self) -> NDArray[np.float32]:
        """chi+ + chi-, (X, Y, Z) in ppm."""
        return np.asarray(self.chi_pos + self.negative)

    def in_frame(self, frame: Frame) -> "SeparatedField":
        """Return the same with the components of the tensor in another frame."""
        if self.chi_neg_tensor is None:
            return self
        return replace(self, chi_neg_tensor=self.chi_neg_tensor.in_frame(frame))


def _check_signs(pos: NDArray[np.float32], neg: NDArray[np.float32]) -> None:
    if pos.size and float(pos.min()) < -TOLERANCE:
        raise InputError(f"chi+ goes down to {pos.min():.3g} ppm", mend="give the paramagnetic part, which is >= 0")
    if neg.size and float(neg.max()) > TOLERANCE:
        raise InputError(
            f"chi- goes up to {neg.max():.3g} ppm", mend="give the diamagnetic part as negative numbers, not magnitudes"
        )
