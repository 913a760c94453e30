"""From what is given to the separated field, by the voxel model and its iterations."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sti.core.separated import SeparatedField
from napari_sti.core.separation import SeparationInput
from napari_sti.core.tensor_field import TensorField
from napari_sti.recon.canonical import CanonicalGrid
from napari_sti.recon.solvers.cgls import Solution
from napari_sti.recon.sources.model import PriorR2, VoxelModel
from napari_sti.recon.sources.solver import Problem, functional
from napari_sti.recon.wavelet_filters import Shape, decomposition_filter, padded_shape
from napari_sti.recon.wavelets import SparseWavelets


@dataclass(frozen=True)
class Sparsity:
    """The wavelets and how strongly they act.

    Parameters
    ----------
    pos, neg, r2 : float
        Weights of the coefficients of chi+, of chi- (every component), and of R2 / Dr+.
    wavelet : str
        One of `wavelet_filters.WAVELETS`.
    levels : int or None
        How many times to halve; None takes as many as `deepest` allows.
    """

    pos: float
    neg: float
    r2: float = 0.0
    wavelet: str = "db4"
    levels: int | None = None


def deepest(shape: Sequence[int], wavelet: str) -> int:
    """Levels of PyWavelets' ``level=None``: the last leaves the shortest axis as long as the filter; at least one."""
    taps = len(decomposition_filter(wavelet))
    short = min((n for n in shape if n > 1), default=1)
    return max(1, int(math.log2(max(short / (taps - 1), 2))))


def grid_of(given: SeparationInput, sparsity: Sparsity) -> tuple[CanonicalGrid, int]:
    """The grid on which wavelets fit, and how many levels they have."""
    levels = sparsity.levels or deepest(given.acquisition.shape, sparsity.wavelet)

    def padded(shape: Shape) -> Shape:
        return padded_shape(shape, levels)

    return CanonicalGrid(given.acquisition, padded), levels


class Posed:
    """A separation posed on its grid: the problem, and the way back.

    Parameters
    ----------
    given : SeparationInput
        With a susceptibility.
    sparsity : Sparsity
        Of the wavelets.
    prior : PriorR2, optional
        Where R2 is found as well.
    chi_weight, rate_weight : float
        See `VoxelModel`.
    """

    def __init__(
        self,
        given: SeparationInput,
        sparsity: Sparsity,
        *,
        prior: PriorR2 | None = None,
        chi_weight: float = 1.0,
        rate_weight: float = 1.0,
        device: str = "cpu",
    ) -> None:
        self.given = given
        self.grid, self.levels = grid_of(given, sparsity)
        self.model = VoxelModel(given, self.grid, chi_weight=chi_weight, rate_weight=rate_weight, prior=prior)
        b, constant = self.model.right_hand_side()
        middle = self.model.channels - 1 - (prior is not None)
        weights = [sparsity.pos, *[sparsity.neg] * middle, *([sparsity.r2] if prior else [])]
        self.problem = Problem(
            hessian=torch.from_numpy(self.model.hessian.astype(np.float32)).to(device),
            b=torch.from_numpy(b).to(device),
            metric=self.model.metric.tolist(),
            curvature=self.model.curvature,
            mask=torch.from_numpy(self.grid.mask.astype(np.float32)).to(device),
            tensor=self.model.tensor,
            weights=weights,
            wavelets=SparseWavelets(self.grid.shape, 1.0, sparsity.wavelet, self.levels, device=device),
            constant=constant,
        )
        self._finds_r2 = prior is not None

    def separated(self, x: torch.Tensor, **more: Any) -> SeparatedField:
        """The field of unknowns (C, X, Y, Z), in the study's order."""
        given, take = self.given, self.grid.take
        further: dict[str, NDArray[np.float32]] = dict(more.pop("further", {}))
        if self._finds_r2:
            further["r2"] = take(x[-1].cpu().numpy()) * np.float32(given.relaxation.pos)
        tensor = None
        if self.model.tensor:
            chi = self.grid.take_tensor(volume.cpu().numpy() for volume in x[1:7])
            tensor = TensorField(chi, given.acquisition.affine, given.acquisition.mask, name="chi-")
        return SeparatedField(
            chi_pos=take(x[0].cpu().numpy()),
            chi_neg=None if tensor is not None else take(x[1].cpu().numpy()),
            chi_neg_tensor=tensor,
            affine=given.acquisition.affine,
            mask=given.acquisition.mask,
            relaxation=given.relaxation,
            further=further,
            **more,
        )

    def preview(self, x: torch.Tensor) -> NDArray[np.float32]:
        """chi+ and |chi-| (X, Y, Z, 2) in the study's order, for a look while it runs."""
        neg = -(x[1] + x[4] + x[6]) / 3 if self.model.tensor else -x[1]
        return np.stack([self.grid.take(part.cpu().numpy()) for part in (x[0], neg)], axis=-1)

    def result(self, found: Solution, **more: Any) -> SeparatedField:
        """The field that a solver found, with its records."""
        provenance = {
            "iterations": found.iterations,
            "stopped": found.stopped,
            "functional": functional(self.problem, found.x),
            **more.pop("provenance", {}),
        }
        return self.separated(found.x, provenance=provenance, **more)
