"""The three networks of Fang, Buchanan and Sulam (ICLR 2024, arXiv 2310.14344), as their checkpoints hold them.

All three are one chain, z_1 = s(H_1 y + b_1), z_k = s(W_k z_{k-1} + H_k S_k y + b_k), psi = w z_K + alpha |y|^2, with
softplus s, non-negative W_k and w, and images shrunk by S_k where W_k has strides. Parameters are called as there:
``lin.0`` is H_1, ``lin.K`` is W_{K+1}, ``res.K`` is H_{K+2}.
"""

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import nn

from napari_sti.lpn.activations import Softplus
from napari_sti.lpn.networks.base import Lpn, need, squares
from napari_sti.lpn.networks.shrink import centres, centres_back

_FEW = 3
"""Convolutions of so few channels take several times less as a product with all patches (oneDNN, on CPUs)."""


class _Chain(Lpn):
    """The chain that the three have in common; subclasses lay out `lin`, `res` and by how much `y` is shrunk."""

    lin: Any  # lists of modules, whose weights mypy cannot see
    res: Any
    _factors: tuple[int, ...]

    def _lay_out(self, config: dict[str, Any], lin: list[nn.Module], res: list[nn.Module]) -> None:
        self.config = dict(config)
        self.alpha, self._act = float(config["alpha"]), Softplus(config["beta"])
        self.lin, self.res = nn.ModuleList(lin), nn.ModuleList(res)
        with torch.no_grad():  # the published start: hardly anything but what the unconstrained weights do
            for weight in self.constrained():
                weight.normal_(-10, 0.1).exp_()

    def constrained(self) -> list[nn.Parameter]:
        """Weights that have to be non-negative for psi to be convex."""
        return [layer.weight for layer in self.lin[1:]]

    def sweep(self, y: torch.Tensor, *, psi: bool, prox: bool) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        """Compute psi(y) and f(y) as asked for."""
        z, slope = self._act(_ahead(self.lin[0], y), slope=prox)
        slopes, sizes = [slope], [y.shape, z.shape]
        for layer, skip, factor in zip(self.lin[1:], self.res, self._factors, strict=False):
            if len(slopes) == len(self.lin) - 1:
                break
            u = _ahead(layer, z)
            added = _ahead(skip, centres(y, factor))
            z, slope = self._act(u + added if torch.is_grad_enabled() else u.add_(added), slope=prox)
            slopes.append(slope)
            sizes.append(z.shape)
        value = self._value(y, z) if psi else None
        return value, self._back(y, slopes, sizes) if prox else None

    def _value(self, y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        value = F.linear(z.double(), self.lin[-1].weight.double(), _double(self.lin[-1].bias))
        if len(self.res) == len(self.lin) - 1:  # a linear term of y beside the last layer
            value = value + F.linear(y.double(), self.res[-1].weight.double(), _double(self.res[-1].bias))
        value = value.squeeze(1)
        return value + self.alpha * squares(y) if self.alpha else value

    def _back(self, y: torch.Tensor, slopes: list[torch.Tensor], sizes: list[torch.Size]) -> torch.Tensor:
        f = 2 * self.alpha * y
        if len(self.res) == len(self.lin) - 1:
            f = f + self.res[-1].weight
        g = self.lin[-1].weight * slopes[-1]
        for k in range(len(slopes) - 1, 0, -1):
            factor = self._factors[k - 1]
            small = torch.Size((*y.shape[:2], *(n // factor for n in y.shape[2:])))
            f = f + centres_back(_back(self.res[k - 1], g, small), factor)
            back = _back(self.lin[k], g, sizes[k])
            g = back * slopes[k - 1] if torch.is_grad_enabled() else back.mul_(slopes[k - 1])
        return f + _back(self.lin[0], g, sizes[0])

    def curvature_bound(self) -> float:
        """A number that the Lipschitz constant of f provably does not exceed.

        The Hessian is the sum over layers of J_k^T diag(c_k s''(u_k)) J_k, with J_k the Jacobian of u_k and c_k >= 0
        the derivative of psi by z_k. |J_k| <= |W_k| |J_{k-1}| + |H_k|, since s' <= 1, and max c_{k-1} <= max column
        sum of W_k times max c_k.
        """
        reach = [_norm(self.lin[0])]
        for layer, skip in zip(self.lin[1:-1], self.res, strict=False):
            reach.append(_norm(layer) * reach[-1] + _norm(skip))
        bound, most = 2 * self.alpha, float(self.lin[-1].weight.detach().max())
        for k in range(len(reach) - 1, -1, -1):
            bound += most * self._act.bend * reach[k] ** 2
            most *= _most_handed_back(self.lin[k]) if k else 1.0
        return bound


def _double(bias: torch.Tensor | None) -> torch.Tensor | None:
    return None if bias is None else bias.double()


def _ahead(layer: Any, z: torch.Tensor) -> torch.Tensor:
    """Apply a layer; kernels as large as the image, and linear layers, as one product of matrices."""
    weight, bias = layer.weight, layer.bias
    if weight.ndim == 2 or weight.shape[2] > 3:
        return F.linear(z.flatten(1), weight.flatten(1), bias)
    if weight.shape[1] > _FEW:
        return F.conv2d(z, weight, bias, layer.stride, padding=1)
    height, width = (-(-n // step) for n, step in zip(z.shape[2:], layer.stride, strict=True))
    patches = F.unfold(z, 3, padding=1, stride=layer.stride)
    out: torch.Tensor = torch.matmul(weight.flatten(1), patches).reshape(len(z), -1, height, width)
    return out if bias is None else out + bias[:, None, None]


def _back(layer: Any, g: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """Apply the transpose of a layer, without its bias."""
    weight = layer.weight
    if weight.ndim == 2 or weight.shape[2] > 3:
        return torch.matmul(g, weight.flatten(1)).reshape(shape)
    if weight.shape[1] <= _FEW:
        patches = torch.matmul(weight.flatten(1).T, g.flatten(2))
        return F.fold(patches, tuple(shape[2:]), 3, padding=1, stride=layer.stride)
    left = tuple(n - 1 - (m - 1) * s for n, m, s in zip(shape[2:], g.shape[2:], layer.stride, strict=True))
    return F.conv_transpose2d(g, weight, None, layer.stride, 1, left)


def _most_handed_back(layer: Any) -> float:
    """Largest column sum of the matrix of a layer with non-negative weights."""
    weight = layer.weight.detach()
    axes = (0, 2, 3) if weight.ndim == 4 and weight.shape[2] <= 3 else (0,)
    return float(weight.sum(axes).max())


def _norm(layer: Any) -> float:
    """Bound of the spectral norm: of a matrix the norm itself, of a convolution sqrt(row sums x column sums)."""
    weight = layer.weight.detach()
    if weight.ndim == 2 or weight.shape[2] > 3:
        return float(torch.linalg.matrix_norm(weight.flatten(1), 2))
    weight = weight.abs()
    return float((weight.sum((1, 2, 3)).max() * weight.sum((0, 2, 3)).max()).sqrt())


class Lpn1d(_Chain):
    """The network of the Laplacian experiment: points of any dimension, `layers` + 1 activations."""

    family: ClassVar[str] = "lpn_1d"

    def __init__(self, in_dim: int = 1, hidden: int = 50, layers: int = 4, beta: float = 10.0, alpha: float = 0.0):
        super().__init__()
        config = dict(in_dim=in_dim, hidden=hidden, layers=layers, beta=beta, alpha=alpha)
        need(config, self.family, in_dim=int, hidden=int, layers=int, beta=float, alpha=float)
        self.channels, self.spatial, self._width = 0, 1, in_dim
        lin = [nn.Linear(in_dim, hidden), *(nn.Linear(hidden, hidden, bias=False) for _ in range(layers))]
        lin[0] = nn.Linear(in_dim, hidden, bias=False)
        res = [nn.Linear(in_dim, hidden) for _ in range(layers)]
        self._factors = (1,) * layers
        self._lay_out(config, [*lin, nn.Linear(hidden, 1, bias=False)], [*res, nn.Linear(in_dim, 1)])

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Points of `in_dim` numbers."""
        return (self._width,)


class Lpn28(_Chain):
    """The network for images of 28 x 28 pixels (published as ``lpn_mnist``)."""

    family: ClassVar[str] = "lpn_28"

    def __init__(self, in_dim: int = 1, hidden: int = 64, beta: float = 10.0, alpha: float = 0.01):
        super().__init__()
        config = dict(in_dim=in_dim, hidden=hidden, beta=beta, alpha=alpha)
        need(config, self.family, in_dim=int, hidden=int, beta=float, alpha=float)
        self.channels, self.spatial = in_dim, 2
        lin = [_conv(in_dim, hidden, 1, False), *(_conv(hidden, hidden, stride, False) for stride in (2, 1, 2))]
        lin += [nn.Linear(49 * hidden, 64, bias=False), nn.Linear(64, 1, bias=False)]
        res = [*(_conv(in_dim, hidden, stride, True) for stride in (2, 1, 2)), nn.Linear(49 * in_dim, 64)]
        self._factors = (1, 2, 2, 4)
        self._lay_out(config, lin, res)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """28 x 28."""
        return (28, 28)


class Lpn128(_Chain):
    """The network for images of 128 x 128 pixels."""

    family: ClassVar[str] = "lpn_128"

    def __init__(self, in_dim: int = 1, hidden: int = 256, beta: float = 100.0, alpha: float = 1e-6):
        super().__init__()
        config = dict(in_dim=in_dim, hidden=hidden, beta=beta, alpha=alpha)
        need(config, self.family, in_dim=int, hidden=int, beta=float, alpha=float)
        self.channels, self.spatial = in_dim, 2
        strides = (2, 1, 2, 1, 2)
        lin = [_conv(in_dim, hidden, 1, True), *(_conv(hidden, hidden, stride, False) for stride in strides)]
        lin += [nn.Conv2d(hidden, 64, 16, bias=False), nn.Linear(64, 1)]
        res = [*(_conv(in_dim, hidden, stride, True) for stride in strides), nn.Conv2d(in_dim, 64, 16)]
        self._factors = (1, 2, 2, 4, 4, 8)
        self._lay_out(config, lin, res)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """128 x 128."""
        return (128, 128)


def _conv(inputs: int, outputs: int, stride: int, bias: bool) -> nn.Module:
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=bias)
