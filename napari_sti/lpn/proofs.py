"""Is it a prox? Checks of any denoiser, each with its number.

A map f is the prox of some function R, convex or not, if and only if it is the gradient of a convex potential psi. So
its Jacobian has to be symmetric (a gradient) with no negative eigenvalue (of something convex), everywhere. No finite
number of tries proves that for a denoiser off the shelf, but one failure refutes it, and the sizes of the failures say
how far from a prox it is. A learned proximal network is one by its construction; here its checks say that the program
does what the theorem says.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from napari_sti.core.progress import Progress, Step, silent
from napari_sti.lpn.denoiser import Denoiser, as_denoiser
from napari_sti.lpn.inversion import invert
from napari_sti.lpn.networks.base import Lpn

_NODES, _WEIGHTS = (torch.from_numpy(values) for values in np.polynomial.legendre.leggauss(8))


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes
    ----------
    id, title : str
        What is checked.
    value : float
        The number that was found.
    limit : float
        What it must not exceed (or, if `at_least`, not fall below).
    at_least : bool
        See `limit`.
    passed : bool or None
        None: a number that is stated and judges nothing.
    says : str
        The result in a sentence.
    """

    id: str
    title: str
    value: float
    limit: float
    passed: bool | None
    says: str
    at_least: bool = False


@dataclass(frozen=True)
class Report:
    """All checks of a denoiser.

    Attributes
    ----------
    name : str
        Of the denoiser.
    checks : tuple of Check
        In the order in which they were made.
    is_prox : bool
        Whether none of them failed.
    conclusion : str
        What follows for reconstructions.
    """

    name: str
    checks: tuple[Check, ...]
    is_prox: bool
    conclusion: str

    def check(self, id: str) -> Check:
        """Return the check of this id."""
        return next(c for c in self.checks if c.id == id)


def check_prior(
    denoiser: "Denoiser | Lpn | Callable[[torch.Tensor], torch.Tensor]",
    images: torch.Tensor,
    *,
    noise: float = 0.1,
    seed: int = 0,
    tries: int = 8,
    progress: Progress = silent,
) -> Report:
    """Check whether a denoiser is a prox, near the given images.

    Parameters
    ----------
    denoiser : Denoiser, Lpn or callable
        See `napari_sti.lpn.denoiser.load_denoiser` for files.
    images : (B, ...) tensor
        Some images of the kind that it is for; not touched.
    noise : float
        Standard deviation of the noise with which they are given to it.
    seed : int
        Of noise and directions.
    tries : int
        Directions, pairs and triangles of each check.

    Raises
    ------
    InputError
        If the denoiser cannot take the images.
    """
    work = _Work(as_denoiser(denoiser), images, noise, seed, tries)
    found: list[Check] = []
    made = list(work.all())
    for number, make in enumerate(made, start=1):
        found.append(make())
        progress(Step(number, len(made), message=found[-1].title))
    failed = [c for c in found if c.passed is False]
    return Report(work.denoiser.name, tuple(found), not failed, _conclusion(work, failed))


class _Work:
    """The points at which a denoiser is checked, and its derivatives there."""

    def __init__(self, denoiser: Denoiser, images: torch.Tensor, noise: float, seed: int, tries: int) -> None:
        self.denoiser, self.tries = denoiser, tries
        self.network = denoiser.network
        if self.network is not None:
            self.network.checked(images)
        self.generator = torch.Generator().manual_seed(seed)
        self.images = images.detach().clone()
        self.noise = noise
        self.y = self.images + noise * self._random(self.images)
        with torch.no_grad():
            self.f = denoiser(self.y)
        self._exact = denoiser.differentiable and self._jvp_works()
        self._exact_back = denoiser.differentiable and self._vjp_works()

    def all(self) -> Iterator[Callable[[], Check]]:
        """Return the checks that can be made of this denoiser."""
        yield self.symmetry
        yield self.circulation
        yield self.monotonicity
        yield self.convexity
        yield self.prox_property
        if self.network is not None:
            yield self.potential
            yield self.inverse
        yield self.lipschitz

    def symmetry(self) -> Check:
        """|J - J^T| / |J| (Frobenius norms), estimated with random directions."""
        difference = size = 0.0
        for _ in range(self.tries):
            v = self._random(self.y)
            ahead = self._jvp(v)
            if self._exact_back:
                difference += _square(ahead - self._vjp(v))
                size += _square(ahead)
            else:
                u = self._random(self.y)
                difference += float((_dots(u, ahead) - _dots(v, self._jvp(u))).square().sum())
                size += float(_dots(u, ahead).square().sum())
        value = math.sqrt(difference / max(size, 1e-300))
        limit = 1e-3 if self._exact and self._exact_back else 2e-2
        says = f"|J - Jᵀ| is {_percent(value)} of |J|"
        return Check("symmetry", "Symmetric Jacobian", value, limit, value <= limit, says)

    def circulation(self) -> Check:
        """Work of f around random triangles, relative to what goes along their edges: 0 for a gradient.

        A potential with sharp bends asks for shorter pieces of the quadrature. What is left of the work of a gradient
        falls with them; that of another map stays.
        """
        limit, value = 1e-2, math.inf
        ways = [[self.images + 2 * self.noise * self._random(self.y) for _ in range(3)] for _ in range(self.tries)]
        for pieces in (1, 2, 4, 8):
            value = min(value, self._left_over(ways, pieces))
            if value <= limit / 2:
                break
        says = f"around a closed way, {_percent(value)} of the work is left over"
        return Check("circulation", "Gradient of a potential", value, limit, value <= limit, says)

    def _left_over(self, ways: list[list[torch.Tensor]], pieces: int) -> float:
        around = along = 0.0
        for corners in ways:
            edges = [self._work(corners[i], corners[(i + 1) % 3], relative=True, pieces=pieces) for i in range(3)]
            around += float((edges[0] + edges[1] + edges[2]).square().sum())
            along += float(sum(edge.square().sum() for edge in edges))
        return math.sqrt(around / max(along, 1e-300))

    def monotonicity(self) -> Check:
        """Smallest eigenvalue of the symmetric part of J that power iteration finds, and of pairs of points."""
        with torch.no_grad():
            pairs = [self.images + 2 * self.noise * self._random(self.y) for _ in range(self.tries)]
            least = math.inf
            for a, b in zip(pairs, pairs[1:] + pairs[:1], strict=True):
                step = a - b
                slope = _dots(self.denoiser(a) - self.denoiser(b), step) / _dots(step, step)
                least = min(least, float(slope.min()))
        top = max(self._largest(lambda v: self._symmetric(v)), 1e-12)
        low = top - self._largest(lambda v: top * v - self._symmetric(v))
        value = min(least, low)
        limit = -1e-3 * top
        says = f"the smallest eigenvalue of the Jacobian found is {value:.3g} (largest {top:.3g})"
        return Check("monotonicity", "Monotone", value, limit, value >= limit, says, at_least=True)

    def convexity(self) -> Check:
        """Smallest second difference of psi along random segments, relative to |h|^2."""
        least, scale = math.inf, 1e-300
        with torch.no_grad():
            for _ in range(self.tries):
                a, b = (self.images + 2 * self.noise * self._random(self.y) for _ in range(2))
                middle = (a + b) / 2
                bend = (self._rise(middle, b) + self._rise(middle, a)) / _dots(b - middle, b - middle)
                least, scale = min(least, float(bend.min())), max(scale, float(bend.abs().max()))
        limit = -1e-4 * scale
        says = f"the smallest curvature of the potential along a segment is {least:.3g}"
        return Check("convexity", "Convex along segments", least, limit, least >= limit, says, at_least=True)

    def prox_property(self) -> Check:
        """By how much f(y) is better than other points in the problem whose solution it is, at the worst.

        With p' = f(y'), R(p') = <y', p'> - |p'|^2 / 2 - psi(y') is known without inversion. The margin of f(y) in
        |p - y|^2 / 2 + R(p) then is psi(y) - psi(y') - <f(y'), y - y'>.
        """
        least = math.inf
        with torch.no_grad():
            for scale in np.geomspace(0.02, 5, 2 * self.tries):
                other = self.y + float(scale) * self.noise * self._random(self.y)
                step = self.y - other
                margin = self._rise(other, self.y) / _dots(step, step)
                least = min(least, float(margin.min()))
        limit = -1e-4
        says = f"the worst margin over {2 * self.tries * len(self.y)} other points, by squared distance, is {least:.3g}"
        return Check("prox", "Solves its own problem", least, limit, least >= limit, says, at_least=True)

    def potential(self) -> Check:
        """Difference between psi(b) - psi(a) and the work of f from a to b, relative to the latter."""
        network = self.network
        assert network is not None
        with torch.no_grad():
            a, b = (self.images + 2 * self.noise * self._random(self.y) for _ in range(2))
            rise = network.psi(b) - network.psi(a)
            ends = torch.stack([network.prox(x).double().flatten(1).norm(dim=1) for x in (self.y, a, b)])
            length = (b - a).double().flatten(1).norm(dim=1) * ends.amax(0)
            # A bend that one quadrature passes over is met by shorter ones; a psi of another f is not mended by them.
            for pieces in (1, 8, 64):
                stops = [a + (b - a) * (k / pieces) for k in range(pieces + 1)]
                work = sum(self._work(p, q) for p, q in itertools.pairwise(stops))
                value = float(((work - rise).abs() / length).max())
                if value <= 1e-4:
                    break
        says = f"psi and the work of f along a segment differ by {value:.1e} of their size"
        return Check("potential", "f is the gradient of psi", value, 1e-4, value <= 1e-4, says)

    def inverse(self) -> Check:
        """Largest relative residual of f(f^-1(x)) = x for x = f(y)."""
        network = self.network
        assert network is not None
        value = float(invert(network, self.f, tolerance=1e-4, iterations=500).residual.max())
        says = f"|f(f⁻¹(x)) - x| / |x| is at most {value:.1e}"
        return Check("inverse", "Inverse", value, 1e-3, value <= 1e-3, says)

    def lipschitz(self) -> Check:
        """Largest eigenvalue of J that power iteration finds; it judges nothing."""
        value = self._largest(lambda v: self._vjp(self._jvp(v)) if self._exact_back else self._jvp(v))
        value = math.sqrt(max(value, 0.0)) if self._exact_back else value
        bound = "" if self.network is None else f"; provably below {self.network.curvature_bound():.3g}"
        says = f"the largest slope found is {value:.4g}{bound}"
        if value > 1:
            says += f"; the prior is at most {1 - 1 / value:.2g}-weakly convex there"
        return Check("lipschitz", "Lipschitz constant", value, math.inf, None, says)

    def _random(self, like: torch.Tensor) -> torch.Tensor:
        return torch.randn(like.shape, generator=self.generator).to(like)

    def _jvp_works(self) -> bool:
        try:
            self._push(self.y[:1], self.y[:1])
        except (RuntimeError, NotImplementedError, TypeError):
            return False
        return True

    def _vjp_works(self) -> bool:
        try:
            self._pull(self.y[:1], self.y[:1])
        except (RuntimeError, NotImplementedError, TypeError):
            return False
        return True

    def _jvp(self, v: torch.Tensor) -> torch.Tensor:
        if self._exact:
            return self._push(self.y, v)
        step = 1e-2 * self.noise
        with torch.no_grad():
            return (self.denoiser(self.y + step * v) - self.denoiser(self.y - step * v)) / (2 * step)

    def _vjp(self, v: torch.Tensor) -> torch.Tensor:
        return self._pull(self.y, v)

    def _pull(self, y: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        with torch.enable_grad():
            point = y.detach().clone().requires_grad_()
            return torch.autograd.grad(self.denoiser.function(point), point, v)[0]

    def _push(self, y: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """J v as the derivative of <J^T w, v> by w."""
        with torch.enable_grad():
            point = y.detach().clone().requires_grad_()
            w = torch.zeros_like(v, requires_grad=True)
            (back,) = torch.autograd.grad(self.denoiser.function(point), point, w, create_graph=True)
            return torch.autograd.grad(back, w, v)[0]

    def _symmetric(self, v: torch.Tensor) -> torch.Tensor:
        return (self._jvp(v) + self._vjp(v)) / 2 if self._exact_back else self._jvp(v)

    def _largest(self, apply: Callable[[torch.Tensor], torch.Tensor]) -> float:
        """Largest eigenvalue over the points, by power iteration on all of them at once."""
        v = self._random(self.y)
        quotient = torch.zeros(len(self.y))
        for _ in range(3 * self.tries):
            v = v / v.flatten(1).norm(dim=1).clamp_min(1e-30).reshape(-1, *(1,) * (v.ndim - 1))
            image = apply(v)
            quotient = _dots(v, image)
            v = image
        return float(quotient.max())

    def _work(self, a: torch.Tensor, b: torch.Tensor, *, relative: bool = False, pieces: int = 1) -> torch.Tensor:
        """Integral of <f, dl> from a to b (Gauss, eight nodes a piece); `relative` leaves out what f at y would do."""
        with torch.no_grad():
            total = torch.zeros(len(a), dtype=torch.float64, device=a.device)
            for piece in range(pieces):
                for node, weight in zip(_NODES.tolist(), _WEIGHTS.tolist(), strict=True):
                    f = self.denoiser(a + (piece + (node + 1) / 2) / pieces * (b - a))
                    total += weight / 2 / pieces * _dots(f - self.f if relative else f, b - a)
        return total

    def _rise(self, start: torch.Tensor, end: torch.Tensor) -> torch.Tensor:
        """psi(end) - psi(start) - <f(start), end - start> by quadrature: not below 0 for a convex potential."""
        base = self.denoiser(start)
        total = torch.zeros(len(start), dtype=torch.float64, device=start.device)
        for node, weight in zip(_NODES.tolist(), _WEIGHTS.tolist(), strict=True):
            f = self.denoiser(start + (node + 1) / 2 * (end - start))
            total += weight / 2 * _dots(f - base, end - start)
        return total


def _conclusion(work: _Work, failed: list[Check]) -> str:
    if failed:
        names = ", ".join(c.title.lower() for c in failed)
        return (
            f"This denoiser is not a prox ({names}). It minimises nothing that a reconstruction could be said to "
            "find, and no step size makes plug-and-play converge for that reason."
        )
    if work.network is None:
        return "Nothing speaks against this denoiser being a prox near these images; that does not prove it."
    said = "Proximal gradient converges with steps below 1 / |AᵀA|, and its objective never rises"
    if 0 < work.network.alpha < 1:
        return f"{said}; ADMM converges with ρ above |AᵀA|."
    return f"{said}; ADMM has no such theorem for it, since alpha is {work.network.alpha:g}."


def _dots(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (a.double() * b.double()).flatten(1).sum(1)


def _square(a: torch.Tensor) -> float:
    return float(a.double().square().sum())


def _percent(value: float) -> str:
    return f"{100 * value:.2g} %"
