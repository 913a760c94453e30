"""The network of the compact model: a residual 3-D U-Net on half resolution, told about the scan by a few numbers."""

import copy
from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import nn

WIDTHS = (48, 96, 128)
"""Channels at a half, a quarter and an eighth of the resolution."""


_Module = TypeVar("_Module", bound=nn.Module)


class Block(nn.Module):
    """x + conv(silu(conv(x))); the inner channels can be scaled and shifted."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv3d(width, width, 3, padding=1)
        self.second = nn.Conv3d(width, width, 3, padding=1)
        self.active = nn.SiLU(inplace=True)
        with torch.no_grad():
            self.second.weight.mul_(0.3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Plain, as `CompactNetwork.for_scan` leaves it."""
        out: torch.Tensor = x + self.second(self.active(self.first(x)))
        return out

    def told(self, x: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
        """With the inner channels (B, C) scaled and shifted."""
        inner = torch.addcmul(_spread(shift), self.first(x), _spread(scale))
        out: torch.Tensor = x + self.second(self.active(inner))
        return out


class CompactNetwork(nn.Module):
    """Corrects six volumes, given those and others beside them.

    All convolutions work on half resolution or below, where a core does most for the memory that it touches: the
    first convolution takes blocks of 2x2x2 voxels apart, the last one puts them together again. There is no
    normalisation: every value depends on its surroundings alone, so that the result does not depend on how much of
    the volume is looked at.

    Parameters
    ----------
    inputs, outputs : int
        Volumes in and out.
    conditions : int
        Numbers that describe the scan.
    widths : three ints
        Channels at a half, a quarter and an eighth of the resolution.
    """

    multiple = 8
    """Numbers of voxels have to be multiples of it."""

    def __init__(self, inputs: int, outputs: int, conditions: int, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        fine, middle, low = widths
        self.enter = nn.Conv3d(inputs, fine, 2, stride=2)
        self.to_middle = nn.Conv3d(fine, middle, 2, stride=2)
        self.middle_in = Block(middle)
        self.to_coarse = nn.Conv3d(middle, low, 2, stride=2)
        self.coarse = Block(low)
        self.from_coarse = nn.ConvTranspose3d(low, middle, 2, stride=2)
        self.middle_out = Block(middle)
        self.from_middle = nn.ConvTranspose3d(middle, fine, 2, stride=2)
        self.fine_out = Block(fine)
        self.leave = nn.ConvTranspose3d(fine, outputs, 2, stride=2)
        with torch.no_grad():
            self.leave.weight.mul_(0.1)
        blocks = [block for block in self.children() if isinstance(block, Block)]
        self.told = nn.Sequential(nn.Linear(conditions, 64), nn.SiLU())
        films = [nn.Linear(64, 2 * block.first.out_channels) for block in blocks]
        for film in films:
            nn.init.zeros_(film.weight)
            nn.init.zeros_(film.bias)
        self.films = nn.ModuleList(films)

    def forward(self, volumes: torch.Tensor) -> torch.Tensor:
        """Evaluate a network that `for_scan` has made at volumes (B, inputs, X, Y, Z)."""
        a = self.enter(volumes)
        b = self.middle_in(self.to_middle(a))
        c = self.coarse(self.to_coarse(b))
        b = self.middle_out(b + self.from_coarse(c))
        a = self.fine_out(a + self.from_middle(b))
        out: torch.Tensor = self.leave(a)
        return out

    def correct(self, volumes: torch.Tensor, conditions: torch.Tensor) -> torch.Tensor:
        """Evaluate at volumes (B, inputs, X, Y, Z) of scans that differ, described by (B, conditions)."""
        told = self.told(conditions)
        film = iter([_bounded(layer(told)) for layer in self.films])
        a = self.enter(volumes)
        b = self.middle_in.told(self.to_middle(a), *next(film))
        c = self.coarse.told(self.to_coarse(b), *next(film))
        b = self.middle_out.told(b + self.from_coarse(c), *next(film))
        a = self.fine_out.told(a + self.from_middle(b), *next(film))
        out: torch.Tensor = self.leave(a)
        return out

    def for_scan(self, conditions: torch.Tensor) -> "CompactNetwork":
        """Return the network for one scan, (conditions,): scale and shift go into the weights of the convolutions."""
        plain = copy.deepcopy(self)
        with torch.no_grad():
            told = self.told(conditions[None])
            blocks = [block for block in plain.children() if isinstance(block, Block)]
            for block, layer in zip(blocks, self.films, strict=True):
                scale, shift = (part[0] for part in _bounded(layer(told)))
                block.first.weight.mul_(scale[:, None, None, None, None])
                assert block.first.bias is not None
                block.first.bias.mul_(scale).add_(shift)
        del plain.told, plain.films
        return channels_last(plain)


def channels_last(module: _Module) -> _Module:
    """Bring the weights of a network into the order in which convolutions on a CPU are fastest."""
    module.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    return module


def _bounded(film: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Scale and shift (B, C): a scan unlike all others must not multiply channels by much."""
    scale, shift = film.chunk(2, 1)
    return 1 + torch.tanh(scale), 2 * torch.tanh(shift / 2)


def _spread(values: torch.Tensor) -> torch.Tensor:
    return values[:, :, None, None, None]
