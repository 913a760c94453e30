"""Least squares from an acquisition to a tensor: what the iterative methods have in common."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sti.core.acquisition import Acquisition
from napari_sti.core.progress import Progress
from napari_sti.core.tensor_field import TensorField
from napari_sti.recon.operator import StiOperator
from napari_sti.recon.penalties import Tissue, TissuePenalty
from napari_sti.recon.preconditioner import TissuePreconditioner
from napari_sti.recon.solvers.cgls import Rule, Solution, cgls
from napari_sti.recon.solvers.imagespace import ImageOperator
from napari_sti.recon.solvers.kspace import KSpaceOperator

Preview = Callable[[torch.Tensor], NDArray[np.float32]]


def fit_in_kspace(
    acquisition: Acquisition,
    *,
    components: int = 6,
    ridge: float = 0.0,
    device: str = "cpu",
    home: str = "",
    start: TensorField | None = None,
    **how: Any,
) -> TensorField:
    """Fit a tensor of which nothing is asked in image space: 2 N transforms for each iteration.

    Parameters
    ----------
    acquisition : Acquisition
        Field maps in ppm, directions in voxel axes.
    components : {6, 9}
        Unknowns; of nine the symmetric part is returned.
    ridge : float
        Weight of ‖χ‖².
    device, home, start
        See `Method.run`.
    **how
        ``tol``, ``rule``, ``max_iterations``, ``progress`` of `cgls`.
    """
    operator = KSpaceOperator(_operator(acquisition, components, device), home)
    found = cgls(
        operator,
        torch.tensor(acquisition.field, device=operator.home),
        ridge=ridge,
        start=None if start is None else operator.from_tensor(start.chi),
        preview=operator.to_tensor,
        overwrite_data=True,
        **how,
    )
    return _tensor(acquisition, operator.to_tensor(found.x), found)


def fit_with_tissue(
    acquisition: Acquisition,
    tissue: Tissue,
    *,
    components: int = 6,
    precondition: bool = False,
    tol: float,
    rule: Rule,
    max_iterations: int,
    progress: Progress,
    device: str = "cpu",
    home: str = "",
    start: TensorField | None = None,
) -> TensorField:
    """Fit a tensor that has to obey the tissue, too: 2 C + 2 N transforms for each iteration.

    Parameters
    ----------
    tissue : Tissue
        Weights of the penalties.
    precondition : bool
        Whether to use `TissuePreconditioner`.

    Other parameters are those of `fit_in_kspace` and `cgls`.
    """
    operator = ImageOperator(_operator(acquisition, components, device), home)
    penalty = TissuePenalty(tissue, acquisition.voxel_size, components, device=operator.home)
    found = cgls(
        operator,
        torch.tensor(acquisition.field, device=operator.home),
        penalty=penalty,
        preconditioner=TissuePreconditioner(penalty, acquisition.n_orientations) if precondition else None,
        start=None if start is None else operator.from_tensor(start.chi),
        tol=tol,
        rule=rule,
        max_iterations=max_iterations,
        progress=progress,
        preview=operator.to_tensor,
        overwrite_data=True,
    )
    return _tensor(acquisition, operator.to_tensor(found.x), found)


def _operator(acquisition: Acquisition, components: int, device: str) -> StiOperator:
    return StiOperator(
        acquisition.shape,
        acquisition.voxel_size,
        acquisition.b0_dirs,
        acquisition.mask,
        device=device,
        components=components,
    )


def _tensor(acquisition: Acquisition, chi: NDArray[np.float32], found: Solution) -> TensorField:
    return TensorField(
        chi,
        acquisition.affine,
        mask=acquisition.mask,
        provenance={"iterations": found.iterations, "stopped": found.stopped},
        name=acquisition.name,
    )
