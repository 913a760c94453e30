"""What every method of source separation states about itself, and what it is called with."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import InputError
from napari_sti.core.progress import Progress, silent
from napari_sti.core.relaxometry import Relaxation
from napari_sti.core.separated import SeparatedField

Form = Literal["scalar", "tensor"]


@dataclass(frozen=True, eq=False)
class SeparationInput:
    """What is separated; `napari_sti.recon.separate.separate` checks it and makes it.

    Parameters
    ----------
    acquisition : Acquisition
        Mask, affine, and the field maps where there are any.
    rates : (N, X, Y, Z) array
        R2' in Hz, or R2* where `rates_hold_r2`; 0 outside the mask.
    b0_dirs : (N, 3) array
        Unit vector of the main field for each of the rates, in voxel axes.
    relaxation : Relaxation
        Dr+ and Dr-.
    chi : (X, Y, Z) or (X, Y, Z, 6) array or None
        Susceptibility in ppm, a tensor in voxel axes; 0 outside the mask. None where it is found from field maps.
    rates_hold_r2 : bool
        Whether the rates are R2*, so that R2 is an unknown, too.
    """

    acquisition: Acquisition
    rates: NDArray[np.float32]
    b0_dirs: NDArray[np.float64]
    relaxation: Relaxation
    chi: NDArray[np.float32] | None = None
    rates_hold_r2: bool = False

    @property
    def form(self) -> Form:
        """Whether the susceptibility is a scalar or a tensor."""
        return "tensor" if self.chi is not None and self.chi.ndim == 4 else "scalar"


class SeparationMethod(ABC):
    """One method; a subclass in ``recon/separation/<id>.py`` is found by the registry.

    The module of a method imports torch only inside functions, so that forms can be made without it.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    formula: ClassVar[str]
    """The minimised functional in plain Unicode, shown in the panel."""
    reference: ClassVar[str]
    Params: ClassVar[type]
    forms: ClassVar[tuple[Form, ...]] = ("scalar",)
    """What it can separate; of methods that start from field maps, what they find."""
    starts_from: ClassVar[Literal["chi", "field"]] = "chi"
    """Whether it is given a susceptibility, or finds it from field maps."""
    finds_r2: ClassVar[bool] = False
    """Whether it takes R2* and finds R2 as well."""
    takes_unequal_dr: ClassVar[tuple[Form, ...]] = ("scalar",)
    """Forms in which Dr+ and Dr- may differ."""

    @abstractmethod
    def run(
        self, given: SeparationInput, params: Any, progress: Progress = silent, *, device: str = "cpu"
    ) -> SeparatedField:
        """Separate.

        Parameters
        ----------
        given : SeparationInput
            Everything in ppm, Hz and voxel axes.
        params : Params
            An instance of this method's own ``Params``.
        progress : callable
            Called once per iteration with a `Step`; may raise `Cancelled`.
        device : {"cpu", "cuda", "mps"}
            Where to compute.

        Returns
        -------
        SeparatedField
            With ``provenance["iterations"]`` (a list of plain dictionaries) filled in.
        """

    @abstractmethod
    def memory_bytes(self, shape: tuple[int, int, int], orientations: int, params: Any, form: Form) -> int:
        """Estimate the peak memory of a run in bytes, without computing anything."""

    def check(self, given: SeparationInput) -> None:
        """Refuse what the method cannot separate.

        Raises
        ------
        InputError
            That names what is missing.
        """
        if self.starts_from == "field" and given.acquisition.field is None:
            raise InputError(
                f"{self.title} starts from field maps and the study has none",
                mend="add them, or choose a method that separates a given susceptibility",
            )
        if self.starts_from == "chi" and given.form not in self.forms:
            raise InputError(f"{self.title} does not separate tensors", mend="give a scalar susceptibility (qsm)")
        if given.rates_hold_r2 and not self.finds_r2:
            raise InputError(
                f"{self.title} needs R2' and was given R2* alone",
                mend="give R2 as well, state a constant R2, or choose a method that finds R2, such as wavesep",
            )
        form = given.form if self.starts_from == "chi" else self.forms[0]
        if not given.relaxation.equal and form not in self.takes_unequal_dr:
            raise InputError(
                f"{self.title} needs Dr+ = Dr- for a {form} and was given {given.relaxation.pos:g} and "
                f"{given.relaxation.neg:g} Hz/ppm",
                mend="give one Dr for both",
            )

    def remarks(self, given: SeparationInput) -> tuple[str, ...]:
        """Say in plain sentences what the person should know before believing the result."""
        return ()
