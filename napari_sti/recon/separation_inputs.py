"""What is separated, from a study and from what is stated beside it: checked, in ppm, Hz and voxel axes."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import InputError, shape_text
from napari_sti.core.provenance import array_hash, file_hash
from napari_sti.core.relaxometry import (
    Relaxation,
    check_rates,
    negatives_remark,
    r2prime_from,
    strength_remark,
    without_negatives,
)
from napari_sti.core.separation import SeparationInput
from napari_sti.core.tensor_field import TensorField
from napari_sti.core.values import check_values
from napari_sti.io.grid import order_onto
from napari_sti.io.load import read_on_grid
from napari_sti.io.nifti import Header, read_header
from napari_sti.io.results import load_result, load_tensor

Rates = ArrayLike | str | Path | Sequence[str | Path]
Chi = TensorField | ArrayLike | str | Path

LARGE_CHI = 5.0
"""ppm: the 99th percentile of a brain stays far below; above, the values are in ppb."""


@dataclass(frozen=True, eq=False)
class Stated:
    """What a person states beside the study; nothing stated is taken from the study.

    Parameters
    ----------
    chi : TensorField, array, path, "qsm", "tensor" or None
        Susceptibility in ppm: (X, Y, Z), or (X, Y, Z, 6) in the voxel axes of the study; a file, or the folder of a
        result; or one of the two that a study can hold.
    frame : str, optional
        Axes of the components of a tensor's file, where no sidecar states them.
    r2prime, r2star, r2 : array or paths, optional
        Rates in Hz.
    constant_r2 : float, optional
        One value of R2 in Hz for all voxels, in the place of a map.
    r2_orientation : int, optional
        Which orientation of the study, from 1, a single map of rates belongs to.
    """

    chi: Chi | None = None
    frame: str | None = None
    r2prime: Rates | None = None
    r2star: Rates | None = None
    r2: Rates | None = None
    constant_r2: float | None = None
    r2_orientation: int | None = None


@dataclass(eq=False)
class Gathering:
    """Gathers the input of a separation and keeps the books.

    Parameters
    ----------
    acquisition : Acquisition
        The study.
    stated : Stated
        What is stated beside it.

    Attributes
    ----------
    remarks : list of str
        Sentences for the person.
    inputs : list of dict
        Files, for the provenance.
    facts : dict
        What the sidecar states about the inputs.
    """

    acquisition: Acquisition
    stated: Stated
    remarks: list[str] = field(default_factory=list)
    inputs: list[dict[str, Any]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def gather(self, constants: Relaxation, *, with_chi: bool, finds_tensor: bool = False) -> SeparationInput:
        """Everything together.

        Parameters
        ----------
        constants : Relaxation
            Dr+ and Dr-.
        with_chi : bool
            Whether a susceptibility is needed.
        finds_tensor : bool
            Whether a tensor is found without one, so that the direction of every map of rates counts.
        """
        self.remarks += [f"{constants}.", *strength_remark(constants, self.acquisition.b0)]
        self.facts["dr"] = {"pos": constants.pos, "neg": constants.neg, "unit": "Hz/ppm", "source": constants.source}
        chi = self._chi() if with_chi else None
        rates, hold_r2 = self._rates()
        tensor = finds_tensor if chi is None else chi.ndim == 4
        directions = self._directions(len(rates), tensor)
        return SeparationInput(self.acquisition, rates, directions, constants, chi, hold_r2)

    # ---- susceptibility ----

    def _chi(self) -> NDArray[np.float32]:
        given = self.stated.chi
        if given is None or (isinstance(given, str) and given in ("qsm", "tensor")):
            chi, what = self._of_study(given)
        elif isinstance(given, str | Path):
            chi, what = self._chi_file(Path(given)), str(given)
        elif isinstance(given, TensorField):
            chi, what = self._placed(given), f"the tensor {given.name!r}"
        else:
            chi, what = np.asarray(given, np.float32), "an array"
        self._check_chi(chi, what)
        mask = self.acquisition.mask
        self.facts["chi"] = {"from": what, "form": "tensor" if chi.ndim == 4 else "scalar"}
        if not isinstance(given, str | Path):
            self.inputs.append({"role": "chi", "path": None, "sha256": array_hash(chi)})
        return np.where(mask if chi.ndim == 3 else mask[..., None], chi, np.float32(0)).astype(np.float32, copy=False)

    def _of_study(self, which: Any) -> tuple[NDArray[np.float32], str]:
        qsm, tensor = self.acquisition.qsm, self.acquisition.reference_tensor
        if which is None and qsm is not None and tensor is not None:
            raise InputError(
                "the study has both a susceptibility map and a tensor", mend="state which: chi = qsm or chi = tensor"
            )
        if which == "qsm" or (which is None and qsm is not None):
            if qsm is None:
                raise InputError("the study has no susceptibility map (qsm)", mend="add one, or give chi as a file")
            return qsm, "the study's susceptibility map (qsm)"
        if tensor is None:
            lacks = "tensor" if which == "tensor" else "susceptibility, scalar or tensor,"
            raise InputError(
                f"the study has no {lacks} to separate",
                mend="give one as a file (chi), the folder of a result, or add qsm to the study",
            )
        if self.acquisition.simulated:
            self.remarks.append("The tensor that was separated is that of the study: the truth of a simulation.")
        return self._placed(tensor), "the study's tensor (reference_tensor)"

    def _chi_file(self, path: Path) -> NDArray[np.float32]:
        if path.is_dir() or path.name == "result.json":
            return self._placed(load_result(path), file=path)
        self.inputs.append({"role": "chi", "path": str(path.absolute()), "sha256": None})
        header = read_header(path, what="susceptibility")
        self.inputs[-1]["sha256"] = file_hash(path)
        if len(header.shape) > 3:
            return self._placed(load_tensor(path, frame=self.stated.frame), file=path)
        return read_on_grid(path, self._grid, "susceptibility")[0]

    def _placed(self, tensor: TensorField, file: Path | None = None) -> NDArray[np.float32]:
        """Components in the study's voxel axes and storage order."""
        study = self.acquisition
        move = order_onto(tensor.shape, tensor.affine, study.shape, study.affine)
        if move is None:
            raise InputError(
                f"the tensor ({shape_text(tensor.shape)} voxels) lies on another grid than the study "
                f"({shape_text(study.shape)})",
                file=file,
                mend="resample it to the grid of the study",
            )
        return replace(tensor.reordered(move).in_frame("voxel"), affine=study.affine).chi

    def _check_chi(self, chi: NDArray[np.float32], what: str) -> None:
        shape = self.acquisition.shape
        if chi.shape not in (shape, (*shape, 6)):
            raise InputError(
                f"the susceptibility is {shape_text(chi.shape)} and the study {shape_text(shape)} voxels",
                mend="bring both to one grid; a tensor has six components in the last axis",
            )
        inside = chi[self.acquisition.mask]
        check_values(inside, "the susceptibility")
        spread = float(np.percentile(np.abs(inside), 99))
        if spread > LARGE_CHI:
            raise InputError(
                f"the susceptibility reaches {spread:.3g} ppm, far more than any brain; this looks like ppb",
                file=what if isinstance(self.stated.chi, str | Path) and "/" in what else None,
                mend="divide it by 1000",
            )

    # ---- rates ----

    def _rates(self) -> tuple[NDArray[np.float32], bool]:
        """R2', or R2* and True where R2 has to be found."""
        study, stated = self.acquisition, self.stated
        star = self._stack(stated.r2star, "R2*") if stated.r2star is not None else study.r2star
        prime = self._stack(stated.r2prime, "R2'") if stated.r2prime is not None else study.r2prime
        if stated.r2prime is not None and stated.r2star is not None:
            raise InputError("both R2' and R2* are stated", mend="state one of them")
        if stated.r2star is not None or prime is None:
            return self._from_star(star)
        if stated.constant_r2 is not None:
            raise InputError("a constant R2 is stated, and R2' is given already", mend="leave one of them out")
        check_rates(prime[:, study.mask], "R2'")
        rates = self._clipped(prime)
        self.facts["rates"] |= {"from": "R2'"}
        return rates, False

    def _from_star(self, star: NDArray[np.float32] | None) -> tuple[NDArray[np.float32], bool]:
        study, stated = self.acquisition, self.stated
        if star is None:
            raise InputError(
                "the study has neither R2' nor R2*", mend="add r2prime [Hz], or r2star [Hz] with r2 [Hz] to it"
            )
        check_rates(star[:, study.mask], "R2*")
        r2 = study.r2 if stated.r2 is None else self._stack(stated.r2, "R2")[0]
        if stated.constant_r2 is not None:
            if stated.r2 is not None:
                raise InputError("both a map of R2 and a constant R2 are stated", mend="state one of them")
            constant = float(stated.constant_r2)
            if not np.isfinite(constant) or not 0.5 <= constant <= 1000:
                raise InputError(f"a constant R2 of {constant:g} Hz is not that of a brain", mend="give it in Hz (1/s)")
            rates = self._clipped(r2prime_from(star, constant, study.mask))
            self.facts["rates"] |= {"from": "R2* and a constant R2", "constant_r2_hz": constant}
            self.remarks.append(
                f"R2' is R2* less a constant R2 of {constant:g} Hz, as was asked for: where R2 differs from it, the "
                "sources are wrong."
            )
            return rates, False
        if r2 is not None:
            check_rates(r2[study.mask], "R2")
            rates = self._clipped(r2prime_from(star, r2, study.mask))
            self.facts["rates"] |= {"from": "R2* and R2"}
            return rates, False
        self.facts["rates"] = {"from": "R2*, R2 to be found"}
        return np.where(study.mask, star, np.float32(0)).astype(np.float32), True

    def _clipped(self, rates: NDArray[np.float32]) -> NDArray[np.float32]:
        kept, count = without_negatives(rates, self.acquisition.mask)
        self.remarks += negatives_remark(count, rates, self.acquisition.mask)
        self.facts["rates"] = {"negatives_set_to_zero": count}
        if not kept.any():
            raise InputError("R2' is zero everywhere inside the mask", mend="check R2* and R2")
        return kept

    def _stack(self, given: Rates, name: str) -> NDArray[np.float32]:
        """Rates (M, X, Y, Z) that are stated beside the study, as arrays or files."""
        paths = [given] if isinstance(given, str | Path) else list(given) if isinstance(given, list | tuple) else []
        if paths and all(isinstance(path, str | Path) for path in paths):
            volumes = [self._rate_file(Path(path), name) for path in paths if isinstance(path, str | Path)]
            return np.stack(volumes)
        rates = np.asarray(given, np.float32)
        rates = rates[None] if rates.ndim == 3 else rates
        if rates.ndim != 4 or rates.shape[1:] != self.acquisition.shape:
            raise InputError(
                f"{name} is {shape_text(rates.shape)} and the study {shape_text(self.acquisition.shape)} voxels",
                mend="bring both to one grid, with the orientations first",
            )
        check_values(rates[:, self.acquisition.mask], name)
        self.inputs.append({"role": name, "path": None, "sha256": array_hash(rates)})
        return np.where(self.acquisition.mask, rates, np.float32(0)).astype(np.float32)

    def _rate_file(self, path: Path, name: str) -> NDArray[np.float32]:
        volume, _ = read_on_grid(path, self._grid, f"{name} map")
        inside = volume[self.acquisition.mask]
        check_values(inside, f"the {name} map", file=path)
        check_rates(inside, name, file=path)
        self.inputs.append({"role": name, "path": str(path.absolute()), "sha256": file_hash(path)})
        return np.where(self.acquisition.mask, volume, np.float32(0)).astype(np.float32)

    def _directions(self, maps: int, tensor: bool) -> NDArray[np.float64]:
        """B0 direction of every map of rates."""
        dirs, which = self.acquisition.b0_dirs, self.stated.r2_orientation
        if which is not None and not 1 <= which <= len(dirs):
            raise InputError(
                f"the study has {len(dirs)} orientations and no orientation {which}", mend="count them from 1"
            )
        if maps == len(dirs) and (maps > 1 or which in (None, 1)):
            return dirs
        if maps > 1:
            raise InputError(
                f"{maps} maps of rates for {len(dirs)} orientations", mend="give one, or one for each orientation"
            )
        if which is None and tensor:
            raise InputError(
                f"there is one map of R2' for {len(dirs)} orientations, and that of a tensor depends on the direction",
                mend="state the orientation in which it was measured (r2_orientation), or give one map for each",
            )
        return dirs[[(which or 1) - 1]]

    @property
    def _grid(self) -> Header:
        """Stand-in for the header of the study's first file."""
        return Header(self.acquisition.shape, self.acquisition.affine, Path(self.acquisition.name))
