"""The published DeepSTI model: unrolled proximal gradient with a residual 3-D U-Net (Fang et al., 2023)."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import torch
from torch import nn

from napari_sti.lpn.state import fill, read_state
from napari_sti.recon.operator import StiOperator
from napari_sti.recon.unrolled.model import (
    Iterate,
    OnIterate,
    UnrolledModel,
    misfit,
    relative_residual,
    relative_step,
)
from napari_sti.recon.unrolled.resunet import ResidualUNet3D

MEAN = (
    -4.4201082332073673e-04,
    1.0098924593247593e-03,
    4.4664968777314169e-04,
    7.1135110987442289e-05,
    3.5544228966421989e-04,
    -1.2975568479521558e-03,
)
STD = (
    0.02972507022049098,
    0.00571608648985358,
    0.00545526741850743,
    0.02961947971519772,
    0.00520236497218223,
    0.02928337773048005,
)
"""Of the six components of the tensors that the published network was trained on, in ppm and LPS voxel axes."""

STEP = 0.5
"""First value of the learned step."""


class PublishedModel(UnrolledModel):
    """x ← f(x − α Aᵀ(A x − y)) from x = 0, with the same network f in every iteration and a learned step α.

    The network takes the tensor less `mean`, divided by `std`, 0 outside the mask and in the voxels that are added at
    the far ends to reach a multiple of 32 (for five levels); its result is brought back the same way.

    Parameters
    ----------
    iterations : int
        Four in the published program.
    features : sequence of int
        Channels of the levels of the network.
    mean, std : six floats
        In ppm.
    """

    family: ClassVar[str] = "resunet"
    axes: ClassVar[str] = "LPS"

    def __init__(
        self,
        iterations: int = 4,
        features: Sequence[int] = (32, 64, 128, 256, 512),
        mean: Sequence[float] = MEAN,
        std: Sequence[float] = STD,
    ) -> None:
        super().__init__()
        self.config = {
            "iterations": int(iterations),
            "features": [int(count) for count in features],
            "mean": [float(value) for value in mean],
            "std": [float(value) for value in std],
        }
        self.iterations = int(iterations)
        self.gen = ResidualUNet3D(6, 6, features)
        self.alpha = nn.Parameter(torch.full((1,), STEP))

    def estimate(
        self,
        operator: StiOperator,
        field: torch.Tensor,
        on_iterate: OnIterate | None = None,
        iterations: int | None = None,
    ) -> torch.Tensor:
        """Estimate the tensor; see `UnrolledModel.estimate`."""
        total = self.iterations if iterations is None else iterations
        alpha, left = float(self.alpha), None
        x: torch.Tensor | None = None
        for number in range(1, total + 1):
            left = field * operator.mask if left is None else left.neg_()  # y − A x
            z = operator.adjoint(left).mul_(alpha)
            before, x = x, None
            x = self.regularised(z if before is None else z.add_(before), operator.mask)
            if on_iterate is None and number == total:
                break
            left = misfit(operator, x, field)
            if on_iterate is not None:
                residual = relative_residual(left, field, operator.mask)
                on_iterate(Iterate(number, total, x, residual, relative_step(x, before)))
        assert x is not None
        return x

    def regularised(self, chi: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Evaluate the network at a tensor (6, X, Y, Z) in ppm, in place where it can: the same, 0 outside the mask."""
        shape = chi.shape[1:]
        mean, std = (chi.new_tensor(self.config[name]).view(6, 1, 1, 1) for name in ("mean", "std"))
        into = chi.new_zeros(1, 6, *(_multiple(n, self.gen.multiple) for n in shape))
        into[0, :, : shape[0], : shape[1], : shape[2]] = chi.sub_(mean).div_(std).mul_(mask)
        out: torch.Tensor = self.evaluation(self.gen, into)[0, :, : shape[0], : shape[1], : shape[2]]
        return out.to(chi.dtype).mul(std).add_(mean).mul_(mask)


def _multiple(n: int, of: int) -> int:
    return -(-n // of) * of


def read_published(file: Path) -> PublishedModel:
    """Read a checkpoint of the published program.

    Raises
    ------
    InputError
        If it cannot be read, would have to run code, or does not fit the network.
    """
    with torch.device("meta"):  # 35 million random numbers would be made for nothing
        model = PublishedModel()
    fill(model, read_state(file), file)
    return model
