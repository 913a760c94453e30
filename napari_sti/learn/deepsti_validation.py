"""How a DeepSTI model is doing: whole scans of brains that training never sees, beside least squares alone."""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sti.learn.scans import random_directions, scan
from napari_sti.maps import metrics
from napari_sti.recon.unrolled.compact import CompactModel, Problem
from napari_sti.recon.unrolled.whitened import to_tensor

if TYPE_CHECKING:
    from napari_sti.learn.brains import Brain
    from napari_sti.learn.tasks.deepsti import DeepStiTraining

UNSEEN = 10**9
"""Numbers of the validation's brains begin here."""
SNR = 20.0
FIT_ITERATIONS = 12
"""Of least squares alone; the angles have stopped falling much by then."""


class Validation:
    """Fixed scans with real-looking head tilts and 20 dB, simulated on a finer grid.

    Parameters
    ----------
    params : DeepStiTraining
        Ranges of the brains, and how many there are.
    """

    ORIENTATIONS: ClassVar[tuple[int, ...]] = (1, 3, 5)

    def __init__(self, params: "DeepStiTraining") -> None:
        self._params = params
        self._brains: dict[int, Brain] = {}
        self._supply: Any = None
        self._of_least_squares: dict[int, tuple[float, float]] = {}
        self._pictures: dict[str, NDArray[np.uint8]] = {}

    def score(self, model: CompactModel, index: int) -> dict[str, float]:
        """Mean PEV angle in degrees and relative error of scan `index`, by the model and by least squares."""
        number, which = divmod(index, len(self.ORIENTATIONS))
        count = self.ORIENTATIONS[which]
        brain = self._brain(number)
        rng = np.random.default_rng([number, count])
        made = scan(brain, random_directions(count, 0.0, rng), SNR, rng, finer=True)
        with torch.inference_mode():
            chi = model.estimate(made.operator, made.field)
            if index not in self._of_least_squares:
                fitted = to_tensor(Problem.of(made.operator, made.field).fit.fit(None, 1.0, FIT_ITERATIONS))
                self._of_least_squares[index] = _scores(fitted, brain)
                self._picture(fitted, brain, f"{count} orientations, least squares", number)
        angle, error = _scores(chi, brain)
        self._picture(chi, brain, f"{count} orientations, network", number)
        self._picture(brain.chi, brain, "truth", number)
        angle_before, error_before = self._of_least_squares[index]
        return {
            f"val/angle_{count}": angle,
            f"val/error_{count}": error,
            f"val/angle_{count}_least_squares": angle_before,
            f"val/error_{count}_least_squares": error_before,
            "val/angle": angle,
            "val/error": error,
        }

    def pictures(self) -> dict[str, NDArray[np.uint8]]:
        """Direction maps of the first brain by name, (H, W, 3)."""
        return dict(self._pictures)

    def _brain(self, number: int) -> "Brain":
        if number not in self._brains:
            self._brains[number] = self._make(number)
        return self._brains[number]

    def _make(self, number: int) -> "Brain":
        if self._supply is None:
            from napari_sti.learn.deepsti_data import supply

            self._supply = supply(self._params, torch.device("cpu"), use="validation")
        # Tensors of one's own are taken as they are, those that are for validation; simulated brains by unseen numbers.
        own = getattr(self._supply, "entries", None)
        made: Brain = self._supply.brain(UNSEEN + number) if own is None else self._supply.as_listed(number % len(own))
        return made

    def _picture(self, chi: torch.Tensor, brain: "Brain", name: str, number: int) -> None:
        if number:
            return
        from napari_sti.core import eigen
        from napari_sti.maps.colour import pev_colour

        middle = brain.mask.shape[2] // 2
        found, true = (eigen.principal(np.moveaxis(t[..., middle].cpu().numpy(), 0, -1)) for t in (chi, brain.chi))
        # One brightness for all pictures: that of the truth.
        ceiling = max(float(np.percentile(true[1][brain.mask[..., middle].cpu().numpy()], 98)), 1e-3)
        colour = pev_colour(found[2], found[1], 0.0, ceiling)
        bytes_ = colour if colour.dtype == np.uint8 else (np.clip(colour, 0, 1) * 255).astype(np.uint8)
        self._pictures[name] = np.ascontiguousarray(np.swapaxes(bytes_, 0, 1)[::-1])


def _scores(chi: torch.Tensor, brain: "Brain") -> tuple[float, float]:
    found, true = (np.moveaxis(t.cpu().numpy(), 0, -1) for t in (chi, brain.chi))
    angle = metrics.angle_summary(found, true, brain.mask.cpu().numpy()).mean
    return angle, float((chi - brain.chi).norm() / brain.chi.norm())
