"""Fully convolutional networks on images that do not fit into memory at once: tile by tile, with the same result."""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import torch

from napari_sti.core.errors import InputError
from napari_sti.lpn.networks.base import Lpn, squares
from napari_sti.lpn.networks.local import LocalLpn

Slices = Any  # (..., slice, slice, slice), which the stubs of torch do not take


class TiledLpn(Lpn):
    """The same potential and prox as a `LocalLpn`, computed tile by tile without gradients.

    Exact, not blended: a term looks at most `radius` voxels away, so terms in a tile need an edge of that, and f there,
    which sums derivatives of terms within the radius, one of twice that. Tiles and edges begin at multiples of the
    coarsest blocks, so that all blocks are the same ones.

    Parameters
    ----------
    network : LocalLpn
        On any device; the image may be elsewhere, and tiles are brought to it.
    tile : int
        Edge of a tile in voxels, without what is added around; rounded up to the network's blocks.
    on_tile : callable, optional
        Called before each tile with the share of the image that is done; may raise to end it.
    """

    family = "tiled"

    def __init__(self, network: LocalLpn, tile: int, on_tile: Callable[[float], None] | None = None) -> None:
        super().__init__()
        if tile < 1:
            raise InputError(f"tiles of {tile} voxels cannot be")
        self.network = network
        self.config: dict[str, Any] = dict(network.config)
        self.channels, self.spatial, self.alpha = network.channels, network.spatial, network.alpha
        self._tile = _up(tile, network.stride)
        self._on_tile = on_tile

    @property
    def has_terms(self) -> bool:
        """Yes."""
        return True

    def constrained(self) -> list[torch.nn.Parameter]:
        """Return those of the network."""
        return self.network.constrained()

    def curvature_bound(self) -> float:
        """Return that of the network."""
        return self.network.curvature_bound()

    @torch.no_grad()
    def sweep(self, y: torch.Tensor, *, psi: bool, prox: bool) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        """Compute psi(y) and f(y) as asked for."""
        value = self.alpha * squares(y) if psi else None
        f = torch.empty_like(y) if prox else None
        for core, cut, inner in self._tiles(y, 2 if prox else 1):
            part = self._brought(y[cut])
            if value is None:
                assert f is not None
                f[core] = self.network.prox(part)[inner].to(y)
                continue
            if f is None:
                terms = self.network.terms(part)
            else:
                terms, image = self.network.terms_and_prox(part)
                f[core] = image[inner].to(y)
            own = terms[inner] - self.alpha * part[inner].square().sum(1)
            value = value + own.double().flatten(1).sum(1).to(y.device)
        return value, f

    @torch.no_grad()
    def terms(self, y: torch.Tensor) -> torch.Tensor:
        """Return the local terms of psi, (B, *spatial)."""
        self.checked(y)
        found = y.new_empty((y.shape[0], *y.shape[2:]))
        for core, cut, inner in self._tiles(y, 1):
            found[core] = self.network.terms(self._brought(y[cut]))[inner].to(y)
        return found

    def _brought(self, part: torch.Tensor) -> torch.Tensor:
        return part.to(next(self.network.parameters()).device)

    def _tiles(self, y: torch.Tensor, radii: int) -> Iterator[tuple[Slices, Slices, Slices]]:
        """Tile, tile with its edge, and where the tile lies in that, for all tiles."""
        places = self._places(y, radii)
        for number, place in enumerate(places):
            if self._on_tile is not None:
                self._on_tile(number / len(places))
            yield place

    def _places(self, y: torch.Tensor, radii: int) -> list[tuple[Slices, Slices, Slices]]:
        edge = _up(radii * self.network.radius, self.network.stride)
        along = []
        for n in y.shape[2:]:
            spans = []
            for start in range(0, n, self._tile):
                stop = min(start + self._tile, n)
                low, high = max(start - edge, 0), min(stop + edge, n)
                spans.append((slice(start, stop), slice(low, high), slice(start - low, stop - low)))
            along.append(spans)
        return [tuple((..., *part) for part in zip(*chosen, strict=True)) for chosen in product(*along)]  # type: ignore[misc]


def _up(n: int, step: int) -> int:
    return -(-n // step) * step
