"""What streamlines follow: a direction and an anisotropy in every voxel, of a susceptibility or a diffusion tensor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.errors import InputError, shape_text
from napari_sti.core.frames import Frame
from napari_sti.core.provenance import file_hash
from napari_sti.core.tensor_field import TensorField
from napari_sti.io.grid import order_onto
from napari_sti.io.results import FurtherMap, load_further
from napari_sti.io.sidecars import SIDECAR
from napari_sti.maps.dti import DtiReference
from napari_sti.maps.one_grid import Reference
from napari_sti.maps.references import open_reference

MSA_SHARE = 0.25
"""Suggested floor of the MSA as a share of its 99th percentile inside the mask."""

FA_FLOOR = 0.2
"""Usual floor of the FA in tractography (Basser et al., MRM 44:625, 2000, and most programs since)."""


@dataclass(frozen=True, eq=False)
class FibreField:
    """Directions on a grid, in the storage order of their file.

    Parameters
    ----------
    directions : (X, Y, Z, 3) float32 array
        Unit vectors in VOXEL axes, sign free; 0 where there is none.
    anisotropy : (X, Y, Z) float32 array
        MSA in ppm or FA; 0 where there is no direction.
    mask : (X, Y, Z) bool array
        Where both are meant.
    affine : (4, 4) array
        Voxel indices to RAS mm.
    measure : {"MSA", "FA"}
        What the anisotropy is.
    spread : (X, Y, Z) float32 array, optional
        Angular spread of the directions over the runs without one orientation each, degrees.
    jackknife : float
        What `spread` has to be multiplied by to estimate a standard error; 1 where the run does not say.
    name : str
        Of the result.
    source : mapping
        Path and hash of the file that it was read from.
    simulated : bool
        Whether the data were simulated.
    """

    directions: NDArray[np.float32]
    anisotropy: NDArray[np.float32]
    mask: NDArray[np.bool_]
    affine: NDArray[np.float64]
    measure: str = "MSA"
    spread: NDArray[np.float32] | None = None
    jackknife: float = 1.0
    name: str = "result"
    source: Mapping[str, Any] = field(default_factory=dict)
    simulated: bool = False

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along i, j, k."""
        x, y, z = self.anisotropy.shape
        return x, y, z

    @property
    def unit(self) -> str:
        """Unit of the anisotropy, empty for the FA."""
        return "ppm" if self.measure == "MSA" else ""

    def floor(self) -> float:
        """Anisotropy at which tracking may reasonably stop, rounded to two digits."""
        if self.measure == "FA":
            return FA_FLOOR
        values = self.anisotropy[self.mask]
        top = float(np.percentile(values, 99)) if values.size else 0.0
        return float(f"{MSA_SHARE * top:.2g}")

    def world(self, voxels: NDArray[Any]) -> NDArray[np.float64]:
        """RAS mm (..., 3) of voxel indices (..., 3)."""
        return np.asarray(np.asarray(voxels, np.float64) @ self.affine[:3, :3].T + self.affine[:3, 3])

    def voxels(self, world: NDArray[Any]) -> NDArray[np.float64]:
        """Voxel indices (..., 3) of RAS mm (..., 3)."""
        back = np.linalg.inv(self.affine)
        return np.asarray(np.asarray(world, np.float64) @ back[:3, :3].T + back[:3, 3])


def fibres_of(tensor: TensorField, further: Mapping[str, FurtherMap] | None = None) -> FibreField:
    """Take directions and anisotropy of a tensor of any frame; with the spread of its directions where that is known.

    Voxels in which the tensor is not finite are outside the mask.
    """
    voxel = tensor.in_frame("voxel")
    mask = np.asarray(voxel.mask, bool) & np.isfinite(voxel.chi).all(-1)
    spread = (further or {}).get("pev_spread")
    told = tensor.provenance.get("leave_one_out") or {}
    return FibreField(
        directions=np.where(mask[..., None], np.nan_to_num(voxel.pev), 0).astype(np.float32),
        anisotropy=np.where(mask, np.nan_to_num(voxel.msa), 0).astype(np.float32),
        mask=mask & voxel.pev.any(-1),
        affine=tensor.affine,
        spread=None if spread is None else np.asarray(spread.data, np.float32),
        jackknife=float(told.get("jackknife_factor", 1.0)),
        name=tensor.name,
        simulated=bool(tensor.provenance.get("simulated", False)),
    )


def fibres_of_dti(dti: DtiReference) -> FibreField:
    """Take V1 and FA of a diffusion tensor."""
    return FibreField(dti.directions, dti.fa, dti.mask, dti.affine, measure="FA", name=dti.name)


def open_fibres(
    path: str | Path, *, fa: str | Path | None = None, frame: Frame | str | None = None, name: str = ""
) -> tuple[FibreField, tuple[str, ...]]:
    """Read a result folder, a tensor file, or V1 and FA of a DTI fit.

    Parameters
    ----------
    path, fa, frame
        As for `napari_sti.maps.references.open_reference`.
    name : str
        What it is called; by default its own name, or that of its folder.

    Returns
    -------
    field : FibreField
        What is followed.
    notes : tuple of str
        What the person should know, such as that the directions of a DTI are probably in another frame.

    Raises
    ------
    InputError
        If it is none of these.
    """
    path = Path(path)
    reference: Reference = open_reference(path, fa=fa, frame=frame)
    folder = path.parent if path.name == SIDECAR else path
    if isinstance(reference, DtiReference):
        found, file = fibres_of_dti(reference), path
        notes = (reference.warning,) if reference.warning else ()
    else:
        further = load_further(folder) if (folder / SIDECAR).is_file() else {}
        found, notes = fibres_of(reference, further), ()
        file = folder / "chi.nii.gz" if folder.is_dir() else path
    source = {"path": str(file.absolute()), "sha256": file_hash(file)} if file.is_file() else {"path": str(file)}
    called = name or (folder.name if found.name in ("", "tensor") else found.name)
    return replace(found, name=called, source=source), notes


def check_same_grid(fields: Sequence[FibreField]) -> None:
    """Refuse replicates that do not lie on one grid of the world; orders of storage may differ.

    Raises
    ------
    InputError
        That names the two that differ.
    """
    first = fields[0]
    for other in fields[1:]:
        if order_onto(other.shape, other.affine, first.shape, first.affine) is None:
            raise InputError(
                f"the replicates {first.name} ({shape_text(first.shape)} voxels) and {other.name} "
                f"({shape_text(other.shape)}) lie on different grids",
                mend="give replicates of one study",
            )
