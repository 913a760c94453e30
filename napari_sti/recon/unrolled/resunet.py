"""The residual 3-D U-Net of the published network, with the names of its parameters."""

import itertools
from collections.abc import Sequence

import torch
from torch import nn

GROUPS = 8


class SingleConv(nn.Module):
    """Convolution, group normalisation and, unless it is the last of its block, ELU."""

    def __init__(self, inputs: int, outputs: int, *, activate: bool) -> None:
        super().__init__()
        self.conv = nn.Conv3d(inputs, outputs, 3, padding=1, bias=False)
        self.groupnorm = nn.GroupNorm(GROUPS if outputs % GROUPS == 0 else 1, outputs)
        self.activate = activate

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features (N, C, X, Y, Z) to features of the same grid."""
        x = self.groupnorm(self.conv(x))
        return nn.functional.elu(x) if self.activate else x


class ResidualBlock(nn.Module):
    """One convolution, and two more whose result is added to that of the first."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = SingleConv(inputs, outputs, activate=True)
        self.conv2 = SingleConv(outputs, outputs, activate=True)
        self.conv3 = SingleConv(outputs, outputs, activate=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features to features of the same grid."""
        first = self.conv1(x)
        return nn.functional.elu(self.conv3(self.conv2(first)) + first)


class Encoder(nn.Module):
    """Maximum over 2x2x2 voxels, except in the first, and a residual block."""

    def __init__(self, inputs: int, outputs: int, *, pool: bool) -> None:
        super().__init__()
        self.pooling = nn.MaxPool3d(2) if pool else None
        self.basic_module = ResidualBlock(inputs, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features to features of half the grid."""
        features: torch.Tensor = self.basic_module(x if self.pooling is None else self.pooling(x))
        return features


class Decoder(nn.Module):
    """Transposed convolution to twice the grid, sum with what the encoder found there, residual block."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.upsample = nn.ConvTranspose3d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)
        self.basic_module = ResidualBlock(outputs, outputs)

    def forward(self, x: torch.Tensor, found: torch.Tensor) -> torch.Tensor:
        """Features and those of the encoder, of twice the grid, to features of the latter."""
        features: torch.Tensor = self.basic_module(self.upsample(x) + found)
        return features


class ResidualUNet3D(nn.Module):
    """Residual U-Net of 3-D volumes with summation skips and no activation at its end.

    Parameters
    ----------
    inputs, outputs : int
        Channels of the volumes.
    features : sequence of int
        Channels of every level; sizes of volumes have to be multiples of 2 to the number of levels less one.
    """

    def __init__(self, inputs: int = 6, outputs: int = 6, features: Sequence[int] = (32, 64, 128, 256, 512)) -> None:
        super().__init__()
        self.multiple = 2 ** (len(features) - 1)
        channels = [inputs, *features]
        self.encoders = nn.ModuleList(
            Encoder(i, o, pool=level > 0) for level, (i, o) in enumerate(itertools.pairwise(channels))
        )
        rising = list(features)[::-1]
        self.decoders = nn.ModuleList(Decoder(i, o) for i, o in itertools.pairwise(rising))
        self.final_conv = nn.Conv3d(features[0], outputs, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Volumes (N, inputs, X, Y, Z) to (N, outputs, X, Y, Z)."""
        kept = []
        for encoder in self.encoders:
            x = encoder(x)
            kept.append(x)
        kept.pop()
        for decoder in self.decoders:
            x = decoder(x, kept.pop())
        volumes: torch.Tensor = self.final_conv(x)
        return volumes
