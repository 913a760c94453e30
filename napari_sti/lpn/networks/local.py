"""A fully convolutional learned proximal network in 2-D or 3-D, for images of any size and any number of channels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import nn

from napari_sti.core.errors import InputError
from napari_sti.lpn.activations import get_activation
from napari_sti.lpn.networks.base import Lpn, squares
from napari_sti.lpn.networks.shrink import halve, halve_back, repeat

_IDENTITY = 0.6  # of an image is let through before any training


@dataclass(frozen=True)
class _Layer:
    """Where a layer lies: its level, and by how much it strides over the one before (0 for the first of all)."""

    level: int
    stride: int


class LocalLpn(Lpn):
    r"""psi(y) = sum over voxels v of t_v(y) + alpha |y|^2, with local convex terms t_v on several scales.

    With y_0 = y and y_l the means of blocks of 2^l voxels along every axis,

        z_1 = s(H_1 * y_0 + b_1),    z_k = s(W_k * z_{k-1} + H_k * y_{l(k)} + b_k),
        psi(y) = sum_k sum_v <w_k, z_k(v)> + 1/2 sum_l |Q_l * y_l|^2 + alpha |y|^2,

    where * is convolution with 3 taps an axis (W_k strides by two from one level to the next), and W_k, w_k >= 0.

    **It is exactly a prox at every size.** Take images of any spatial shape S, with zeros outside of S in each
    convolution. (1) H_1 * y_0 + b_1 is affine in y, and s is convex, so each entry of z_1 is a convex function of y.
    (2) If the entries of z_{k-1} are convex in y, so are sums of them with weights W_k >= 0 (leaving some out at the
    border, which zeros outside amount to, does not change this), plus what is affine in y; s is convex and increasing,
    and a convex increasing function of a convex function is convex. So every entry of z_k is convex in y. (3) Sums with
    weights w_k >= 0, squares of what is linear in y, and alpha |y|^2 are convex, so psi_S is. (4) s has a continuous
    derivative, so psi_S has. Hence f_S = grad psi_S is the prox of a function R_S (Gribonval and Nikolova 2020,
    theorem 1), which is R_S(x) = <x, y> - |x|^2 / 2 - psi_S(y) where x = f_S(y). Nothing here asked what S is: the same
    weights give a prox at every size. And they all are one function: t_v looks at the voxels within `radius` of v
    alone, with the same weights everywhere, so the terms of two images agree wherever the images do, away from borders.

    **The prior has terms, too.** R(x) = sum_v [<x_v, y_v> - |x_v|^2 / 2 - alpha |y_v|^2 - t_v(y)]: local terms that add
    up to R(x) exactly. What is counted on blocks of 2^l voxels is shared among these equally.

    Parameters
    ----------
    dims : int
        Spatial axes, 2 or 3.
    channels : int
        Channels of an image: 1, 3 for colours, 6 for tensors.
    widths : sequence of int
        Features on each level; their number is the number of levels.
    depth : int
        Layers on each level.
    quadratic : int
        Features of each level that count squared: the part of f that is linear in y.
    beta : float
        Sharpness of the activation.
    alpha : float
        Strong convexity; above 0 every image is in the range of f.
    activation : {"hinge", "softplus"}
        See `napari_sti.lpn.activations`.
    """

    family: ClassVar[str] = "local"
    skip: Any  # lists of modules, whose weights mypy cannot see
    mix: Any
    out: Any
    quad: Any

    def __init__(
        self,
        dims: int = 3,
        channels: int = 1,
        widths: Sequence[int] = (16, 32, 32),
        depth: int = 2,
        quadratic: int = 4,
        beta: float = 10.0,
        alpha: float = 0.01,
        activation: str = "hinge",
    ) -> None:
        super().__init__()
        _check(dims, channels, widths, depth, quadratic, alpha)
        self.config = dict(dims=dims, channels=channels, widths=list(widths), depth=depth, quadratic=quadratic)
        self.config |= dict(beta=beta, alpha=alpha, activation=activation)
        self.spatial, self.channels, self.alpha = dims, channels, float(alpha)
        self._act = get_activation(activation, beta)
        self._layers = tuple(
            _Layer(level, 0 if level == i == 0 else 2 if i == 0 else 1)
            for level in range(len(widths))
            for i in range(depth)
        )
        conv = nn.Conv2d if dims == 2 else nn.Conv3d
        features = [widths[layer.level] for layer in self._layers]
        self.skip = nn.ModuleList(conv(channels, n, 3, padding=1) for n in features)
        self.mix = nn.ModuleList(
            conv(a, b, 3, layer.stride, padding=1, bias=False)
            for a, b, layer in zip(features[:-1], features[1:], self._layers[1:], strict=True)
        )
        self.out = nn.ParameterList(nn.Parameter(torch.empty(n)) for n in features)
        self.quad = nn.ModuleList(conv(channels, quadratic, 3, padding=1, bias=False) for _ in widths if quadratic)
        self._start()

    @torch.no_grad()
    def _start(self) -> None:
        """Begin with sums of z that keep their size, and with f not far from a part of the identity."""
        for layer in self.mix:
            weight = layer.weight
            weight.uniform_(0.0, 2.0 / weight[0].numel())
        for out in self.out:
            out.uniform_(0.0, 0.1 / out.numel())
        for level, layer in enumerate(self.quad):
            layer.weight.mul_(0.1)
            if level == 0:
                middle = (slice(None), slice(None), *(1,) * self.spatial)
                layer.weight[middle] = 0
                for c in range(min(self.channels, layer.weight.shape[0])):
                    layer.weight[(c, c, *(1,) * self.spatial)] = _IDENTITY**0.5

    @property
    def has_terms(self) -> bool:
        """Yes."""
        return True

    @property
    def stride(self) -> int:
        """Voxels of a block of the coarsest level along an axis; tiles have to begin at multiples of it."""
        return int(2 ** (len(self.config["widths"]) - 1))

    @property
    def radius(self) -> int:
        """How many voxels away from a voxel its term looks at most."""
        steps = sum(2 ** max(layer.level - (layer.stride == 2), 0) for layer in self._layers)
        return int(steps + 2 * self.stride - 1)

    def constrained(self) -> list[nn.Parameter]:
        """Weights that have to be non-negative for psi to be convex."""
        return [layer.weight for layer in self.mix] + list(self.out)

    def sweep(self, y: torch.Tensor, *, psi: bool, prox: bool) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        """Compute psi(y) and f(y) as asked for."""
        images = self._images(y)
        slopes, totals = self._ahead(images, slopes=prox, totals=psi)
        value = None
        if psi:
            value = self.alpha * squares(y)
            for total in totals:
                value = value + total.double().flatten(1).sum(1)
        return value, self._back(images, slopes) if prox else None

    def terms(self, y: torch.Tensor) -> torch.Tensor:
        """Return the local terms of psi, (B, *spatial), alpha |y_v|^2 included: they add up to psi(y)."""
        _, totals = self._ahead(self._images(self.checked(y)), slopes=False, totals=True)
        return self._spread(y, totals)

    def terms_and_prox(self, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Both of them at the price of f."""
        images = self._images(self.checked(y))
        slopes, totals = self._ahead(images, slopes=True, totals=True)
        return self._spread(y, totals), self._back(images, slopes)

    def _spread(self, y: torch.Tensor, totals: list[torch.Tensor]) -> torch.Tensor:
        """Share what was counted on blocks among their voxels."""
        spread = totals[-1]
        for level in range(len(totals) - 2, -1, -1):
            shape = tuple(totals[level].shape[2:])
            share = (
                halve(torch.ones_like(totals[level][:1])) * 2**self.spatial
            )  # voxels of each block, fewer at an edge
            spread = totals[level] + repeat(spread / share, shape)
        return spread[:, 0] + self.alpha * y.square().sum(1)

    def _images(self, y: torch.Tensor) -> list[torch.Tensor]:
        images = [y]
        for _ in self.config["widths"][1:]:
            images.append(halve(images[-1]))
        return images

    def _ahead(
        self, images: list[torch.Tensor], *, slopes: bool, totals: bool
    ) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Go through the layers; return their slopes and, for each level, the terms (B, 1, *spatial) counted on it."""
        kept, z = [], None
        sums = [self._square(level, image) for level, image in enumerate(images)] if totals else []
        for k, layer in enumerate(self._layers):
            u = self._conv(images[layer.level], self.skip[k])
            if z is not None:
                u = (
                    u + self._conv(z, self.mix[k - 1])
                    if torch.is_grad_enabled()
                    else u.add_(self._conv(z, self.mix[k - 1]))
                )
            z, slope = self._act(u, slope=slopes)
            kept.append(slope)
            if totals:
                weights = self.out[k].view(1, -1, *(1,) * self.spatial)
                sums[layer.level] = sums[layer.level] + _convolve(z, weights)
        return kept, sums

    def _back(self, images: list[torch.Tensor], slopes: list[torch.Tensor]) -> torch.Tensor:
        """Go back through the layers with the derivative of psi."""
        gradients = [self._square_back(level, image) for level, image in enumerate(images)]
        g: torch.Tensor | None = None
        for k in range(len(self._layers) - 1, -1, -1):
            level, out = self._layers[k].level, self.out[k].view(-1, *(1,) * self.spatial)
            slope = slopes.pop()
            g = out * slope if g is None else (g + out) * slope
            gradients[level] = gradients[level] + self._transposed(g, self.skip[k], images[level].shape, 1)
            if k:
                below = images[self._layers[k - 1].level].shape
                g = self._transposed(g, self.mix[k - 1], below, self._layers[k].stride)
        for level in range(len(images) - 1, 0, -1):
            gradients[level - 1] = gradients[level - 1] + halve_back(
                gradients[level], tuple(images[level - 1].shape[2:])
            )
        return gradients[0] + 2 * self.alpha * images[0]

    def _square(self, level: int, image: torch.Tensor) -> torch.Tensor:
        if not len(self.quad):
            return torch.zeros_like(image[:, :1])
        return self._conv(image, self.quad[level]).square().sum(1, keepdim=True) / 2

    def _square_back(self, level: int, image: torch.Tensor) -> torch.Tensor:
        if not len(self.quad):
            return torch.zeros_like(image)
        return self._transposed(self._conv(image, self.quad[level]), self.quad[level], image.shape, 1)

    def _conv(self, z: torch.Tensor, layer: Any) -> torch.Tensor:
        return _convolve(z, self._weight(layer), layer.bias, layer.stride, 1)

    def _transposed(self, g: torch.Tensor, layer: Any, shape: torch.Size, stride: int) -> torch.Tensor:
        left = tuple(n - 1 - (m - 1) * stride for n, m in zip(shape[2:], g.shape[2:], strict=True))
        transpose = F.conv_transpose2d if self.spatial == 2 else F.conv_transpose3d
        return transpose(g, self._weight(layer), None, stride, 1, left)

    def _weight(self, layer: Any) -> torch.Tensor:
        """Return weights in the order of memory in which the CPU convolves fastest; results keep it."""
        order = torch.channels_last if self.spatial == 2 else torch.channels_last_3d
        weight: torch.Tensor = layer.weight.contiguous(memory_format=order)
        return weight

    def curvature_bound(self) -> float:
        """A number that the Lipschitz constant of f provably does not exceed; see `Lpn1d.curvature_bound`."""
        reach: list[float] = []
        for k in range(len(self._layers)):
            before = _norm(self.mix[k - 1]) * reach[-1] if k else 0.0
            reach.append(before + _norm(self.skip[k]))
        bound, most = 2 * self.alpha + sum(_norm(layer) ** 2 for layer in self.quad), 0.0
        for k in range(len(reach) - 1, -1, -1):
            most += float(self.out[k].detach().max())
            bound += most * self._act.bend * reach[k] ** 2
            if k:
                weight = self.mix[k - 1].weight.detach()
                most *= float(weight.sum((0, *range(2, weight.ndim))).max())
        return bound


def _convolve(
    z: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None, stride: int = 1, padding: int = 0
) -> torch.Tensor:
    convolve = F.conv2d if weight.ndim == 4 else F.conv3d
    return convolve(z, weight, bias, stride, padding)


def _norm(layer: Any) -> float:
    """Bound of the spectral norm of a convolution: sqrt(row sums x column sums)."""
    weight = layer.weight.detach().abs()
    taps = tuple(range(2, weight.ndim))
    return float((weight.sum((1, *taps)).max() * weight.sum((0, *taps)).max()).sqrt())


def _check(dims: int, channels: int, widths: Sequence[int], depth: int, quadratic: int, alpha: float) -> None:
    said = dict(dims=dims, channels=channels, widths=widths, depth=depth, quadratic=quadratic, alpha=alpha)
    whole = all(isinstance(n, int) and n >= 1 for n in (channels, depth, *widths)) and isinstance(quadratic, int)
    if dims not in (2, 3) or not whole or not widths or len(widths) > 6 or quadratic < 0 or not alpha >= 0:
        raise InputError(f"a network cannot be built with {', '.join(f'{k} = {v}' for k, v in said.items())}")
    if max(widths) > 4096 or max(channels, depth, quadratic) > 256:
        raise InputError(f"a network with {', '.join(f'{k} = {v}' for k, v in said.items())} is too large")
