"""How a DeepSepSTI model is doing: whole scans of brains that training never sees, beside least squares."""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sti.learn.deepsepsti_data import SourceScan, measure_rates, source_supply
from napari_sti.learn.scans import random_directions, scan
from napari_sti.maps import metrics
from napari_sti.recon.unrolled.separating import SeparatingModel, SourceProblem
from napari_sti.recon.unrolled.separating_fit import to_sources, with_signs

if TYPE_CHECKING:
    from napari_sti.learn.deepsepsti_brains import SourceBrain
    from napari_sti.learn.tasks.deepsepsti import DeepSepStiTraining

UNSEEN = 10**9
"""Numbers of the validation's brains begin here."""
SNR, RATE_SNR = 30.0, 10.0
FIT_ITERATIONS = 12
"""Of least squares alone."""

Sources = tuple[torch.Tensor, torch.Tensor]


class SourceValidation:
    """Fixed scans with real-looking head tilts, simulated on a finer grid.

    Parameters
    ----------
    params : DeepSepStiTraining
        Ranges of the brains, and how many there are.
    """

    ORIENTATIONS: ClassVar[tuple[int, ...]] = (1, 4)

    def __init__(self, params: "DeepSepStiTraining") -> None:
        self._params = params
        self._brains: dict[int, SourceBrain] = {}
        self._scans: dict[int, SourceScan] = {}
        self._supply: Any = None
        self._of_least_squares: dict[int, dict[str, float]] = {}
        self._pictures: dict[str, NDArray[np.uint8]] = {}

    def score(self, model: SeparatingModel, index: int) -> dict[str, float]:
        """Relative errors of both sources and PEV angle of scan `index`, by the model and by least squares."""
        number, which = divmod(index, len(self.ORIENTATIONS))
        count = self.ORIENTATIONS[which]
        brain = self._brain(number)
        made = self.scan(index)
        with torch.inference_mode():
            found = model.separate(made.operator, made.field, made.rates, made.rate_dirs)
            if index not in self._of_least_squares:
                plain = least_squares(made.posed())
                self._of_least_squares[index] = source_errors(plain, brain)
                self._picture(plain, brain, f"{count} orientations, least squares", number)
        self._picture(found, brain, f"{count} orientations, network", number)
        self._picture((brain.pos, brain.neg), brain, "truth", number)
        errors = source_errors(found, brain)
        before = self._of_least_squares[index]
        said = {f"val/{name}_{count}": value for name, value in errors.items()}
        said |= {f"val/{name}_{count}_least_squares": value for name, value in before.items()}
        return said | {f"val/{name}": value for name, value in errors.items()}

    def scan(self, index: int) -> SourceScan:
        """Scan `index` of the validation; kept."""
        if index not in self._scans:
            number, which = divmod(index, len(self.ORIENTATIONS))
            count = self.ORIENTATIONS[which]
            brain = self._brain(number)
            rng = np.random.default_rng([number, count])
            dirs = random_directions(count, 0.0, rng)
            made = scan(brain, dirs, SNR, rng, finer=True)
            rates = measure_rates(brain, dirs, RATE_SNR, rng)
            self._scans[index] = SourceScan(made.field, made.operator, made.snr, rates, dirs)
        return self._scans[index]

    def pictures(self) -> dict[str, NDArray[np.uint8]]:
        """chi+ beside |mean of X-| of the first brain by name, (H, W, 3)."""
        return dict(self._pictures)

    def _brain(self, number: int) -> "SourceBrain":
        if number not in self._brains:
            if self._supply is None:
                self._supply = source_supply(self._params, torch.device("cpu"))
            self._brains[number] = self._supply.brain(UNSEEN + number)
        return self._brains[number]

    def _picture(self, found: Sources, brain: "SourceBrain", name: str, number: int) -> None:
        if number:
            return
        middle = brain.mask.shape[2] // 2
        maps = [found[0][..., middle], -found[1][[0, 3, 5], ..., middle].mean(0)]
        # One brightness for all pictures: 0 to 0.1 ppm.
        grey = [np.clip(m.cpu().numpy() / 0.1, 0, 1) * 255 for m in maps]
        beside = np.concatenate([np.swapaxes(g, 0, 1)[::-1] for g in grey], axis=1).astype(np.uint8)
        self._pictures[name] = np.repeat(beside[..., None], 3, axis=2)


def least_squares(problem: SourceProblem) -> Sources:
    """Both sources by least squares of field maps and R2' alone, with the signs."""
    return to_sources(with_signs(problem.joint.fitted(None, FIT_ITERATIONS)))


def source_errors(found: Sources, brain: "SourceBrain") -> dict[str, float]:
    """Norm of the error over norm of the truth of chi+ and of the mean of X-, and mean PEV angle in degrees."""
    mask = brain.mask
    pairs = {
        "pos": (found[0], brain.pos),
        "neg": tuple(t[[0, 3, 5]].mean(0) for t in (found[1], brain.neg)),
    }
    errors = {name: float(((a - b) * mask).norm() / b.norm()) for name, (a, b) in pairs.items()}
    ours, theirs = (np.moveaxis(t.cpu().numpy(), 0, -1) for t in (found[1], brain.neg))
    return errors | {"angle": metrics.angle_summary(ours, theirs, mask.cpu().numpy()).mean}
