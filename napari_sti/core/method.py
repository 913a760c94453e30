"""What every reconstruction method states about itself, and what it is called with."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import InputError
from napari_sti.core.frames import count_distinct
from napari_sti.core.progress import Progress, silent
from napari_sti.core.tensor_field import TensorField


@dataclass(frozen=True)
class Needs:
    """What a method cannot do without.

    Parameters
    ----------
    orientations : int
        Fewest field maps with which it runs at all.
    determined_from : int
        Fewest orientations with which the answer is determined by the data; below it the run says so.
    masks : tuple of str
        Extra masks that it needs: names of attributes of `Acquisition`, such as ``"wm_mask"``.
    weights : bool
        Whether it needs trained weights.
    """

    orientations: int = 1
    determined_from: int = 6
    masks: tuple[str, ...] = ()
    weights: bool = False


MASKS = {"wm_mask": "white matter", "csf_mask": "CSF"}
"""What the masks of a study are of."""


class Method(ABC):
    """One reconstruction method; a subclass in ``recon/methods/<id>.py`` is found by the registry.

    The module of a method imports torch only inside functions, so that forms can be made without it.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    formula: ClassVar[str]
    """The minimised functional in plain Unicode, shown in the panel."""
    reference: ClassVar[str]
    needs: ClassVar[Needs]
    Params: ClassVar[type]
    isotropic: ClassVar[bool] = False
    """Whether it finds one susceptibility for each voxel instead of a tensor; forms list such methods last."""
    takes_start: ClassVar[bool] = False
    """Whether `run` can begin at the tensor of another result."""
    keeps_iterates: ClassVar[bool] = False
    """Whether a job keeps the tensor of every iteration, for a look back at how the result came about."""

    @abstractmethod
    def run(
        self,
        acquisition: Acquisition,
        params: Any,
        progress: Progress = silent,
        *,
        device: str = "cpu",
        home: str = "",
        start: TensorField | None = None,
    ) -> TensorField:
        """Reconstruct the tensor.

        Parameters
        ----------
        acquisition : Acquisition
            Field maps in ppm, directions in voxel axes.
        params : Params
            An instance of this method's own ``Params``.
        progress : callable
            Called once per iteration with a `Step`; may raise `Cancelled`.
        device : {"cpu", "cuda", "mps"}
            Where to compute.
        home : str
            Where what is kept from one iteration to the next lives, if not on the device: ``"cpu"`` for a GPU that is
            too small for all of it.
        start : TensorField, optional
            First estimate, in voxel axes and on the same grid, for methods that take one.

        Returns
        -------
        TensorField
            In voxel axes, with ``provenance["iterations"]`` (a list of plain dictionaries) filled in.
        """

    @abstractmethod
    def memory_bytes(self, shape: tuple[int, int, int], orientations: int, params: Any) -> int:
        """Estimate the peak memory of a run in bytes, without computing anything."""

    def device_bytes(self, shape: tuple[int, int, int], orientations: int, params: Any) -> int:
        """Peak memory on the device alone when `home` is another; all of it for methods that do not divide it."""
        return self.memory_bytes(shape, orientations, params)

    def check(self, acquisition: Acquisition) -> None:
        """Refuse an acquisition that lacks something.

        Raises
        ------
        InputError
            That names what is missing.
        """
        if acquisition.field is None:
            raise InputError(f"{self.title} needs field maps and the study has none", mend="add one per orientation")
        n = acquisition.n_orientations
        if n < self.needs.orientations:
            raise InputError(
                f"{self.title} needs at least {self.needs.orientations} orientations and the study has {n}",
                mend="add orientations or choose another method",
            )
        lacking = [name for name in self.needs.masks if getattr(acquisition, name) is None]
        if lacking:
            masks = " and ".join(f"{MASKS.get(name, name)} ({name})" for name in lacking)
            raise InputError(
                f"{self.title} needs a mask of {masks}", mend="add it to the study, or make one with napari-sti masks"
            )

    def remarks(self, acquisition: Acquisition) -> tuple[str, ...]:
        """Say in plain sentences what the person should know before believing the result."""
        n = acquisition.n_orientations
        distinct = n
        if np.isfinite(acquisition.b0_dirs).all():
            distinct = count_distinct(acquisition.b0_dirs)
        if distinct >= self.needs.determined_from:
            return ()
        which = "One orientation leaves" if n == 1 else f"{n} orientations leave"
        if distinct < n:
            which = f"{n} orientations with only {distinct} different B0 direction{'s' * (distinct > 1)} leave"
        said = f"{which} the tensor underdetermined ({self.needs.determined_from} are needed for its six components)"
        if n == 1:
            return (
                f"{said}. Cannot be known from one orientation: the anisotropy and the direction of the fibres. "
                "What looks like them here is not measured.",
            )
        return (f"{said}: anisotropy and directions are then set by the method rather than by the data.",)
