"""The forward operator for unknowns that live in image space, where masks and gradients can be asked of them."""

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sti.recon.operator import StiOperator
from napari_sti.recon.solvers.cgls import squared_norm

SYMMETRIC = {6: ((0,), (1,), (2,), (3,), (4,), (5,)), 9: ((0,), (1, 3), (2, 6), (4,), (5, 7), (8,))}
"""Components of the unknown whose mean is each of the six of the symmetric tensor."""


class ImageOperator:
    """y = A χ on tensors (C, X, Y, Z): 2 C + 2 N transforms for each iteration of a solver.

    Parameters
    ----------
    operator : StiOperator
        With six components or nine.
    home : device, optional
        Where unknowns and data live, if not on the operator's device: a GPU that is too small for the vectors of a
        solver still computes the transforms.
    """

    def __init__(self, operator: StiOperator, home: str | torch.device = "") -> None:
        self.operator = operator
        self.home = torch.device(home) if home else operator.device

    def forward(self, x: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """Field maps (N, X, Y, Z), 0 outside the mask."""
        op = self.operator
        there = out if out is not None and self._is_near else op.empty_volumes(op.orientations)
        return self._bring(op.write_forward(x.to(op.device), there), out)

    def adjoint(self, y: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
        """Tensor (C, X, Y, Z) of field maps."""
        op = self.operator
        there = out if out is not None and self._is_near else op.empty_volumes(op.components)
        return self._bring(op.write_adjoint(y.to(op.device), there), out)

    def squared_norm(self, x: torch.Tensor) -> float:
        """Sum of squares of all components."""
        return squared_norm(x)

    def from_tensor(self, chi: NDArray[np.floating]) -> torch.Tensor:
        """Unknown of a tensor (X, Y, Z, 6)."""
        op = self.operator
        x = torch.empty(op.components, *op.shape, dtype=op.dtype, device=self.home)
        for c, places in enumerate(SYMMETRIC[op.components]):
            for place in places:
                x[place] = torch.from_numpy(np.ascontiguousarray(chi[..., c]))
        return x

    def to_tensor(self, x: torch.Tensor) -> NDArray[np.float32]:
        """Symmetric part (X, Y, Z, 6) of an unknown, 0 outside the mask, as a numpy array on the host."""
        op = self.operator
        chi = np.empty((*op.shape, 6), np.float32)
        mask = op.mask.to(self.home)
        for c, places in enumerate(SYMMETRIC[op.components]):
            volume = sum(x[place] for place in places) / len(places) * mask
            chi[..., c] = volume.cpu().numpy()
        return chi

    @property
    def _is_near(self) -> bool:
        return self.home == self.operator.device

    def _bring(self, there: torch.Tensor, out: torch.Tensor | None) -> torch.Tensor:
        if out is None:
            return there.to(self.home)
        return out if out is there else out.copy_(there)
