"""The layers of 3-D networks, so that each can be evaluated for a few planes of its output at a time."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

Shape = tuple[int, int, int, int]
"""Channels and voxels along X, Y, Z."""

Planes = tuple[int, int]
"""First plane along X, and the one behind the last."""


_ONEDNN = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]


class Untraceable(Exception):
    """The network has something that is not known to be computable in slabs."""


class Layer(ABC):
    """Makes planes of one volume of features from planes of others; zeros are outside of the grid."""

    step: int = 1
    """Planes of the output come in groups of so many."""

    @abstractmethod
    def shape(self, *inputs: Shape) -> Shape:
        """Shape of the output."""

    @abstractmethod
    def reach(self, planes: Planes) -> Planes:
        """Planes of the inputs that these planes of the output depend on; some may be outside of the grid."""

    @abstractmethod
    def compute(self, planes: Planes, *slabs: torch.Tensor) -> torch.Tensor:
        """Those planes (1, C, planes, Y, Z) of the output, from the slabs (1, C, reach, Y, Z) of the inputs."""

    def to(self, device: torch.device, dtype: torch.dtype) -> None:  # noqa: B027
        """Bring the parameters to where it is computed."""


class Convolution(Layer):
    """Convolution with any kernel, stride and dilation."""

    def __init__(self, module: nn.Conv3d) -> None:
        if module.padding_mode != "zeros" or isinstance(module.padding, str):
            raise Untraceable("padding other than with a number of zeros")
        self.module = module
        self.kernel = [d * (k - 1) + 1 for d, k in zip(module.dilation, module.kernel_size, strict=True)]
        self.padding = [int(p) for p in module.padding]
        self.stride = module.stride
        self.weight, self.bias = module.weight.detach(), None if module.bias is None else module.bias.detach()

    def to(self, device: torch.device, dtype: torch.dtype) -> None:
        """Bring the parameters to where it is computed."""
        self.weight = self.module.weight.detach().to(device, dtype).to(memory_format=torch.channels_last_3d)
        self.bias = None if self.module.bias is None else self.module.bias.detach().to(device, dtype)

    def shape(self, *inputs: Shape) -> Shape:
        """Shape of the output."""
        sizes = zip(inputs[0][1:], self.kernel, self.padding, self.stride, strict=True)
        x, y, z = ((n + 2 * p - k) // s + 1 for n, k, p, s in sizes)
        return self.module.out_channels, x, y, z

    def reach(self, planes: Planes) -> Planes:
        """Planes of the input."""
        start = -self.padding[0]
        return planes[0] * self.stride[0] + start, (planes[1] - 1) * self.stride[0] + start + self.kernel[0]

    def compute(self, planes: Planes, *slabs: torch.Tensor) -> torch.Tensor:
        """Planes of the output."""
        m, padding = self.module, [0, *self.padding[1:]]
        if slabs[0].device.type == "cpu" and slabs[0].dtype == torch.float32 and _ONEDNN:
            # torch leaves slabs of few channels to a convolution that is ten times slower.
            slab, weight = self._laid_out(slabs[0])
            return torch.mkldnn_convolution(slab, weight, self.bias, padding, m.stride, m.dilation, m.groups)
        return functional.conv3d(slabs[0], self.weight, self.bias, m.stride, padding, m.dilation, m.groups)

    def _laid_out(self, slab: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Slab and weights in the order in memory that is fastest for them.

        Where no two outputs look at one voxel, bringing volumes that lie one behind the other into the order of
        channels takes longer than the convolution: then a plain copy of the slab does it in half the time.
        """
        apart = all(s >= k for s, k in zip(self.stride, self.kernel, strict=True))
        if apart and slab.stride(1) != 1:
            return slab.contiguous(), self.weight.contiguous()
        return slab, self.weight


class Transposed(Layer):
    """Transposed convolution."""

    def __init__(self, module: nn.ConvTranspose3d) -> None:
        if any(d != 1 for d in module.dilation):
            raise Untraceable("a dilated transposed convolution")
        self.module, self.step = module, module.stride[0]
        self.padding = [int(p) for p in module.padding]
        self.weight, self.bias = module.weight.detach(), None if module.bias is None else module.bias.detach()

    def to(self, device: torch.device, dtype: torch.dtype) -> None:
        """Bring the parameters to where it is computed."""
        self.weight = self.module.weight.detach().to(device, dtype).to(memory_format=torch.channels_last_3d)
        self.bias = None if self.module.bias is None else self.module.bias.detach().to(device, dtype)

    def shape(self, *inputs: Shape) -> Shape:
        """Shape of the output."""
        m = self.module
        sizes = zip(inputs[0][1:], m.kernel_size, self.padding, m.stride, m.output_padding, strict=True)
        x, y, z = ((n - 1) * s - 2 * p + k + o for n, k, p, s, o in sizes)
        return m.out_channels, x, y, z

    def reach(self, planes: Planes) -> Planes:
        """Planes of the input: all whose kernel touches the output, and one where none does."""
        s, p, k = self.step, self.padding[0], self.module.kernel_size[0]
        return -((k - 1 - planes[0] - p) // s), max((planes[1] - 1 + p) // s, -((k - 1 - planes[0] - p) // s)) + 1

    def compute(self, planes: Planes, *slabs: torch.Tensor) -> torch.Tensor:
        """Planes of the output."""
        m, s = self.module, self.step
        first = planes[0] + self.padding[0] - self.reach(planes)[0] * s
        last = first + planes[1] - planes[0]
        beyond = last - ((slabs[0].shape[2] - 1) * s + m.kernel_size[0])  # planes that no kernel touches
        padding, added = [0, *self.padding[1:]], [max(0, beyond), *m.output_padding[1:]]
        out = functional.conv_transpose3d(slabs[0], self.weight, self.bias, m.stride, padding, added, m.groups)
        return out[:, :, first:last]


class Pooling(Layer):
    """Maximum or mean over blocks of voxels."""

    def __init__(self, module: nn.MaxPool3d | nn.AvgPool3d) -> None:
        kernel, stride = _three(module.kernel_size), _three(module.stride)
        if any(_three(module.padding)) or module.ceil_mode or _three(getattr(module, "dilation", 1)) != [1, 1, 1]:
            raise Untraceable("a pooling with padding or dilation")
        if getattr(module, "divisor_override", None) is not None or getattr(module, "return_indices", False):
            raise Untraceable("an unusual pooling")
        self.kernel, self.stride = kernel, stride
        self.pool = functional.max_pool3d if isinstance(module, nn.MaxPool3d) else functional.avg_pool3d

    def shape(self, *inputs: Shape) -> Shape:
        """Shape of the output."""
        c, *grid = inputs[0]
        x, y, z = ((n - k) // s + 1 for n, k, s in zip(grid, self.kernel, self.stride, strict=True))
        return c, x, y, z

    def reach(self, planes: Planes) -> Planes:
        """Planes of the input."""
        return planes[0] * self.stride[0], (planes[1] - 1) * self.stride[0] + self.kernel[0]

    def compute(self, planes: Planes, *slabs: torch.Tensor) -> torch.Tensor:
        """Planes of the output."""
        out: torch.Tensor = self.pool(slabs[0], self.kernel, self.stride)
        return out


class Concatenation(Layer):
    """Channels of several volumes, one after the other."""

    def shape(self, *inputs: Shape) -> Shape:
        """Shape of the output."""
        return sum(shape[0] for shape in inputs), *inputs[0][1:]

    def reach(self, planes: Planes) -> Planes:
        """Planes of the inputs."""
        return planes

    def compute(self, planes: Planes, *slabs: torch.Tensor) -> torch.Tensor:
        """Planes of the output."""
        return torch.cat(slabs, 1)


def make_layer(module: nn.Module) -> Layer:
    """The layer of a module of torch.

    Raises
    ------
    Untraceable
        If it is none that is known.
    """
    if isinstance(module, nn.ConvTranspose3d):
        return Transposed(module)
    if isinstance(module, nn.Conv3d):
        return Convolution(module)
    if isinstance(module, nn.MaxPool3d | nn.AvgPool3d):
        return Pooling(module)
    raise Untraceable(f"a layer of the kind {type(module).__name__}")


Pointwise = Callable[..., torch.Tensor]
"""Changes a block of values in place where it can, given as many others of the same shape as it takes."""


def elu(x: torch.Tensor, alpha: float = 1.0, inplace: bool = True) -> torch.Tensor:
    """ELU in place: faster than torch's own, as long as the block is small enough for the cache."""
    if alpha != 1 or x.device.type != "cpu":
        return functional.elu(x, alpha, inplace=True)
    negative = torch.clamp(x, max=0).exp_().sub_(1)
    return torch.maximum(x, negative, out=x)


_MODULES: dict[type[nn.Module], Callable[[Any], Pointwise]] = {
    nn.ELU: lambda m: lambda x: elu(x, m.alpha),
    nn.SiLU: lambda m: lambda x: functional.silu(x, inplace=True),
    nn.ReLU: lambda m: lambda x: x.relu_(),
    nn.LeakyReLU: lambda m: lambda x: functional.leaky_relu_(x, m.negative_slope),
    nn.GELU: lambda m: lambda x: functional.gelu(x, approximate=m.approximate),
    nn.Identity: lambda m: lambda x: x,
    nn.Dropout: lambda m: lambda x: x,
    nn.Dropout3d: lambda m: lambda x: x,
}


def pointwise_module(module: nn.Module) -> Pointwise | None:
    """What a module does to every value by itself, None if it is not of that kind."""
    make = _MODULES.get(type(module))
    return None if make is None else make(module)


def _three(value: Any) -> list[int]:
    return [int(v) for v in value] if isinstance(value, tuple | list) else 3 * [int(value)]
