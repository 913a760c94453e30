"""How many iterations a method still needs, judged from how what it stops by has fallen so far."""

import math
from collections import deque

from napari_sti.core.progress import Step

LATEST = 400
"""Iterations that are looked back upon at most."""
FEWEST = 5
"""Points from which a slope is believed."""


class IterationsLeft:
    """Extrapolates `Step.convergence`, which falls about exponentially, to where it reaches 1.

    The slope of its logarithm is that of a straight line through the later half of the iterations: the first ones fall
    faster, and single ones jump (the gradient of conjugate gradients is not monotonic). The limit of iterations always
    bounds the answer, and is the answer for a method that says nothing or makes no headway.
    """

    def __init__(self) -> None:
        self._points: deque[tuple[int, float]] = deque(maxlen=LATEST)

    def update(self, step: Step) -> float | None:
        """Take note of a step and return the iterations left, None while nothing is known.

        A step with a smaller iteration than the last begins anew.
        """
        if self._points and step.iteration < self._points[-1][0]:
            self._points.clear()
        limit = float(max(0, step.total - step.iteration)) if step.total > 0 else None
        value = step.convergence
        if value is not None and math.isfinite(value) and value > 0:
            if self._points and self._points[-1][0] == step.iteration:
                self._points.pop()
            self._points.append((step.iteration, math.log(value)))
        expected = self._extrapolated(step.iteration)
        if expected is None and 0 < len(self._points) < 2 * FEWEST:
            return None  # soon known; until then the limit would say far too much
        known = [left for left in (limit, expected) if left is not None]
        return min(known, default=None)

    def _extrapolated(self, iteration: int) -> float | None:
        points = list(self._points)[len(self._points) // 2 :]
        if len(points) < FEWEST or points[-1][0] != iteration:
            return None
        n = len(points)
        mean_x, mean_y = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
        spread = sum((x - mean_x) ** 2 for x, _ in points)
        slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
        if slope >= 0:
            return None
        now = mean_y + slope * (iteration - mean_x)
        return max(0.0, now) / -slope
