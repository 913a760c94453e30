"""R2 found together with the sources, from R2* alone, for methods that themselves know of R2' only.

Minimised in turns over the sources and over R2: ½ mean_i ‖(R2*_i − R2)/Dr − r_i(sources)‖² + ½ w ‖(R2 − typical)/Dr‖²,
with the method's own terms for the sources, R2 smooth, and 0 <= R2 <= R2* less what the total susceptibility alone
brings: the strength chi+ + |chi-| is nowhere below |chi+ + chi-|.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.progress import Progress, Step
from napari_sti.core.separated import SeparatedField
from napari_sti.core.separation import SeparationInput

SMOOTH_MM = 2.0
"""Standard deviation of the Gaussian under which R2 is found: the noise of R2* is to stay in R2'."""

Separate = Callable[[SeparationInput, Progress], SeparatedField]


@dataclass(frozen=True)
class TypicalR2:
    """What is known of R2 before, and how often it is found anew.

    Parameters
    ----------
    hertz : float
        About which it lies.
    weight : float
        w, of its distance from that.
    rounds : int
        Turns; the sources are found once more than R2.
    """

    hertz: float
    weight: float
    rounds: int


def separate_with_r2(
    separate: Separate, given: SeparationInput, typical: TypicalR2, progress: Progress
) -> SeparatedField:
    """Find the sources and R2 in turns.

    Parameters
    ----------
    separate : callable
        Finds the sources from an input with R2'.
    given : SeparationInput
        Whose rates are R2* in Hz.
    typical : TypicalR2
        Of R2.
    progress : callable
        Called with the steps of every turn.

    Returns
    -------
    SeparatedField
        With ``further["r2"]`` in Hz, and ``provenance["r2_rounds"]``: how far R2 moved in every turn, in Hz.
    """
    blur = _Blur(given)
    r2 = _start(given, typical, blur)
    moved = []
    for turn in range(typical.rounds + 1):
        found = separate(less_r2(given, r2), _told(progress, turn, typical.rounds + 1))
        if turn == typical.rounds:
            break
        r2, before = _updated(given, found, typical, blur), r2
        moved.append(float(np.sqrt(np.mean(np.square(r2 - before)[given.acquisition.mask], dtype=np.float64))))
    made = {**found.provenance, "r2_rounds": [{"turn": k + 1, "rms_change_hz": v} for k, v in enumerate(moved)]}
    return replace(found, further={**found.further, "r2": r2}, provenance=made)


def less_r2(given: SeparationInput, r2: NDArray[np.float32]) -> SeparationInput:
    """The same with R2' = R2* − R2 as rates, nowhere below 0."""
    return replace(given, rates=np.maximum(given.rates - r2, np.float32(0)), rates_hold_r2=False)


def predicted_rates(given: SeparationInput, found: SeparatedField) -> NDArray[np.float32]:
    """R2' (N, X, Y, Z) in Hz that sources bring in the directions of the rates."""
    dr = given.relaxation
    if found.chi_neg_tensor is None:
        one = dr.pos * found.chi_pos - dr.neg * found.negative
        return np.broadcast_to(one, given.rates.shape).astype(np.float32)
    chi = found.chi_neg_tensor.in_frame("voxel").chi
    x, y, z = np.asarray(given.b0_dirs, np.float32).T
    along = np.stack([x * x, 2 * x * y, 2 * x * z, y * y, 2 * y * z, z * z], axis=-1)
    return np.stack([np.float32(dr.pos) * (found.chi_pos - chi @ h) for h in along])


def _start(given: SeparationInput, typical: TypicalR2, blur: "_Blur") -> NDArray[np.float32]:
    """The typical value, where R2* reaches that far."""
    star = blur(given.rates.mean(0, dtype=np.float32))
    return np.asarray(np.clip(star, 0, typical.hertz) * given.acquisition.mask, np.float32)


def _updated(given: SeparationInput, found: SeparatedField, typical: TypicalR2, blur: "_Blur") -> NDArray[np.float32]:
    dr, mask = given.relaxation, given.acquisition.mask
    left = (given.rates - predicted_rates(given, found)).mean(0, dtype=np.float32)
    # What the sources of the same total would have to bring at least, in the place of what they bring.
    bound = left + dr.pos * found.chi_pos - dr.neg * found.negative
    bound -= np.where(found.total > 0, dr.pos, dr.neg) * np.abs(found.total)
    wanted = (blur(left) + np.float32(typical.weight * typical.hertz)) / np.float32(1 + typical.weight)
    return np.asarray(np.clip(wanted, 0, np.maximum(blur(bound), 0)) * mask, np.float32)


class _Blur:
    """Means under a Gaussian inside the mask."""

    def __init__(self, given: SeparationInput) -> None:
        self._mask = np.asarray(given.acquisition.mask, np.float32)
        self._sizes = [SMOOTH_MM / edge for edge in given.acquisition.voxel_size]
        self._share = np.maximum(self._under(self._mask), np.float32(1e-3))

    def __call__(self, volume: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(self._under(volume * self._mask) / self._share)

    def _under(self, volume: NDArray[np.float32]) -> NDArray[np.float32]:
        from scipy.ndimage import gaussian_filter

        blurred: NDArray[np.float32] = gaussian_filter(volume, self._sizes, mode="constant", truncate=3.0)
        return blurred


def _told(progress: Progress, turn: int, turns: int) -> Progress:
    """A progress callable that says which turn it is."""

    def passed_on(step: Step) -> None:
        message = f"turn {turn + 1} of {turns}, R2 in between: {step.message}"
        progress(replace(step, message=message, convergence=None))

    return passed_on
