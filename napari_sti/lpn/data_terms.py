"""What a reconstruction knows of the measurement: the value of the data term, its slope, and its own prox."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property

import torch
import torch.nn.functional as F

from napari_sti.core.errors import InputError

Map = Callable[[torch.Tensor], torch.Tensor]


class DataTerm(ABC):
    """A smooth convex function D of an image, (1, C, *spatial); subclass it for a measurement of your own."""

    @abstractmethod
    def start(self) -> torch.Tensor:
        """First estimate of the image."""

    @abstractmethod
    def value(self, x: torch.Tensor) -> float:
        """D(x)."""

    @abstractmethod
    def gradient(self, x: torch.Tensor) -> torch.Tensor:
        """Return the slope of D at x."""

    @property
    @abstractmethod
    def lipschitz(self) -> float:
        """Lipschitz constant of the gradient."""

    @abstractmethod
    def prox(self, v: torch.Tensor, rho: float, start: torch.Tensor) -> torch.Tensor:
        """Return argmin of D(x) + rho / 2 |x - v|^2, begun at `start`."""


class LeastSquares(DataTerm):
    """D(x) = scale |A x - measured|^2 for a linear A.

    Parameters
    ----------
    forward, adjoint : callable
        A and its transpose.
    measured : tensor
        What was measured.
    scale : float
        Published settings state it; 0.5 gives half the squared norm.
    tolerance, iterations : float, int
        Of the conjugate gradients by which `prox` is found.
    """

    def __init__(
        self,
        forward: Map,
        adjoint: Map,
        measured: torch.Tensor,
        *,
        scale: float = 0.5,
        tolerance: float = 1e-5,
        iterations: int = 30,
    ) -> None:
        if not scale > 0:
            raise InputError(f"the scale {scale:g} of the data term is not above 0")
        if not torch.isfinite(measured).all():
            raise InputError("the measurement holds NaN or infinity", mend="mask or mend it")
        self.forward, self.adjoint, self.measured, self.scale = forward, adjoint, measured, scale
        self._tolerance, self._iterations = tolerance, iterations

    def start(self) -> torch.Tensor:
        """A^T of the measurement."""
        return self.adjoint(self.measured)

    def value(self, x: torch.Tensor) -> float:
        """D(x)."""
        return self.scale * float((self.forward(x) - self.measured).double().square().sum())

    def gradient(self, x: torch.Tensor) -> torch.Tensor:
        """2 scale A^T (A x - measured)."""
        return 2 * self.scale * self.adjoint(self.forward(x) - self.measured)

    @cached_property
    def lipschitz(self) -> float:
        """2 scale |A^T A|, by power iteration, and a hundredth more since that comes from below."""
        v = torch.randn(self.start().shape, generator=torch.Generator().manual_seed(0)).to(self.measured)
        norm = 0.0
        for _ in range(60):
            v = v / v.norm().clamp_min(1e-30)
            v = self.adjoint(self.forward(v))
            norm = float(v.norm())
        return 2 * self.scale * norm * 1.01

    def prox(self, v: torch.Tensor, rho: float, start: torch.Tensor) -> torch.Tensor:
        """Conjugate gradients on (2 scale A^T A + rho) x = 2 scale A^T measured + rho v."""
        x = start.clone()
        right = 2 * self.scale * self.adjoint(self.measured) + rho * v
        r = right - self._normal(x, rho)
        p, size = r.clone(), float(r.square().sum())
        stop = self._tolerance**2 * float(right.square().sum())
        for _ in range(self._iterations):
            if size <= stop:
                break
            q = self._normal(p, rho)
            step = size / float((p * q).sum())
            x = x + step * p
            r = r - step * q
            size, before = float(r.square().sum()), size
            p = r + size / before * p
        return x

    def _normal(self, x: torch.Tensor, rho: float) -> torch.Tensor:
        return 2 * self.scale * self.adjoint(self.forward(x)) + rho * x


def denoising(noisy: torch.Tensor, *, scale: float = 0.5) -> LeastSquares:
    """Data term of an image that noise was added to."""
    return LeastSquares(lambda x: x, lambda x: x, noisy, scale=scale)


def blurring(blurred: torch.Tensor, kernel: torch.Tensor, *, full: bool = False, scale: float = 0.5) -> LeastSquares:
    """Data term of a blurred image (1, C, *spatial).

    Parameters
    ----------
    blurred : tensor
        What was seen.
    kernel : (k, ...) tensor
        Of as many axes as the image has, with an odd edge; the same for all channels.
    full : bool
        Whether all that the kernel reaches was seen, as in the published experiments: the image then is smaller than
        `blurred` by k - 1. Otherwise both are as large, and zeros lie around the image.
    scale : float
        See `LeastSquares`.
    """
    forward, adjoint = blur_maps(kernel, blurred.shape[1], full=full)
    if kernel.ndim != blurred.ndim - 2:
        raise InputError(f"the kernel has {kernel.ndim} axes and the image {blurred.ndim - 2}")
    return LeastSquares(forward, adjoint, blurred, scale=scale)


def blur_maps(kernel: torch.Tensor, channels: int, *, full: bool = False) -> tuple[Map, Map]:
    """Convolution with a kernel, zeros around the image, and its transpose; see `blurring`."""
    if any(n % 2 == 0 for n in kernel.shape) or kernel.ndim not in (2, 3):
        raise InputError(f"the kernel is {tuple(kernel.shape)} and needs odd edges in two or three axes")
    convolve = F.conv2d if kernel.ndim == 2 else F.conv3d
    turned = kernel.flip(tuple(range(kernel.ndim)))
    weights = [k.expand(channels, 1, *k.shape).contiguous() for k in (turned, kernel)]
    out = [n - 1 if full else n // 2 for n in kernel.shape]
    back = [0 if full else n // 2 for n in kernel.shape]
    return (
        lambda x: convolve(x, weights[0].to(x), padding=out, groups=channels),
        lambda y: convolve(y, weights[1].to(y), padding=back, groups=channels),
    )


def gaussian_kernel(edge: int, sigma: float, dims: int = 2) -> torch.Tensor:
    """Gaussian kernel with the sum 1; published: edge 5, sigma 1, and edge 7, sigma 2."""
    taps = torch.exp(-0.5 * ((torch.arange(edge) - (edge - 1) / 2) / sigma) ** 2)
    kernel = taps
    for _ in range(dims - 1):
        kernel = kernel[..., None] * taps
    return kernel / kernel.sum()
