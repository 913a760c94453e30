"""Random brains to train on, made on the device: deformed anatomy, random fibres, random susceptibilities.

The anatomy is the MNI152 template, moved, scaled and warped; fibres are the hand-laid bundles with varied courses and
weights, turned at random over long, middle and short distances, or a field that knows no anatomy at all; every
susceptibility is drawn anew. All of it is simulated, nothing was measured.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import fft
from scipy.spatial.transform import Rotation
from torch.nn import functional

from napari_sti.learn.fibres import VARIANTS, FibrePool, principal_direction
from napari_sti.learn.smooth import smooth_field
from napari_sti.simulate import susceptibility
from napari_sti.simulate.anatomy import MARGIN_MM, Grid, anatomy_on, brain_grid
from napari_sti.simulate.fibres import DISPERSION, REFERENCE
from napari_sti.simulate.nuclei import nuclei_weights

TEMPLATE_MM = 1.5
"""Edge of the template's voxels."""
WHITE, GREY, FLUID, BRAIN, FIRST_NUCLEUS = 0, 1, 2, 3, 4

RANDOM_FIBRES = 0.25
"""Share of the brains whose fibres know no anatomy."""
TURN_MM, BEND_MM, ROUGH_MM = (12.0, 40.0), (3.5, 8.0), (1.0, 3.5)
"""Over what distances fibres turn: as a bundle is laid elsewhere, as bundles mix otherwise, and from voxel to voxel.
Bundles as they are laid are smoother than any brain: a network that has only seen those smooths what the data say."""
MSA_ROUGH_MM = (1.0, 6.0)
"""Over what distance anisotropy varies from voxel to voxel."""


@dataclass(frozen=True)
class BrainRanges:
    """Between what the properties of a brain are drawn.

    Parameters
    ----------
    voxel_size : (float, float)
        Edges in mm.
    anisotropic : float
        Share of brains whose voxels are longer along one axis.
    msa : (float, float)
        Anisotropy in ppm of fibres that all run one way.
    fibre_turn, fibre_bend, fibre_roughness : (float, float)
        Spread in radians of the rotation of the fibres over long, middle and short distances.
    msa_roughness : (float, float)
        Spread of the natural logarithm of the anisotropy from voxel to voxel.
    courses : int
        Courses that are laid of every bundle, to choose from.
    """

    voxel_size: tuple[float, float] = (1.0, 2.6)
    anisotropic: float = 0.2
    msa: tuple[float, float] = (0.015, 0.07)
    fibre_turn: tuple[float, float] = (0.03, 0.2)
    fibre_bend: tuple[float, float] = (0.1, 0.45)
    fibre_roughness: tuple[float, float] = (0.0, 0.35)
    msa_roughness: tuple[float, float] = (0.0, 0.4)
    courses: int = VARIANTS


@dataclass(frozen=True, eq=False)
class Brain:
    """A simulated brain on a grid in RAS order.

    Parameters
    ----------
    chi : (6, X, Y, Z) tensor
        Susceptibility tensor in ppm, voxel axes (which are RAS), 0 outside the mask.
    mask : (X, Y, Z) tensor of bool
        The brain.
    voxel_size : three floats
        In mm.
    """

    chi: torch.Tensor
    mask: torch.Tensor
    voxel_size: tuple[float, float, float]


class Brains:
    """A supply of random brains; number `i` is always the same one.

    Parameters
    ----------
    ranges : BrainRanges
        What to draw from.
    seed : int
        Of everything.
    device : str or torch.device
        Where brains are made and left.
    """

    def __init__(self, ranges: BrainRanges, seed: int, device: str | torch.device = "cpu") -> None:
        self.ranges, self.seed, self.device = ranges, seed, torch.device(device)
        self._fibres = FibrePool(seed, self.device, ranges.courses)
        anatomy = anatomy_on(brain_grid((TEMPLATE_MM,) * 3))
        nuclei = nuclei_weights(anatomy)
        maps = [anatomy.wm, anatomy.gm, anatomy.csf, anatomy.mask.astype(np.float32), *(share for _, share in nuclei)]
        self._maps = torch.from_numpy(np.stack(maps)).to(self.device)
        self._grid = anatomy.grid
        self._nuclei_chi = [chi for chi, _ in nuclei]
        inside = np.argwhere(anatomy.mask) @ anatomy.grid.affine[:3, :3].T + anatomy.grid.affine[:3, 3]
        self._low, self._high = inside.min(0), inside.max(0)

    def brain(self, number: int) -> Brain:
        """Make the brain of this number."""
        return Making(self, *self.chances(number)).brain()

    def chances(self, number: int) -> tuple[np.random.Generator, torch.Generator]:
        """Sources of everything that is drawn for the brain of this number."""
        rng = np.random.default_rng([self.seed, 101, number])
        return rng, torch.Generator(self.device).manual_seed(int(rng.integers(2**62)))


class Making:
    """The making of one brain; a subclass may draw other susceptibilities."""

    def __init__(self, brains: Brains, rng: np.random.Generator, generator: torch.Generator) -> None:
        self.source, self.rng, self.generator = brains, rng, generator
        self.device = brains.device
        self.voxel_size = self._draw_voxel_size()
        self._draw_pose()

    def brain(self) -> Brain:
        """Make it."""
        places, jacobian = self._warp()
        maps = _sample(self.source._maps, self.source._grid, places).clamp_(0, 1)
        mask = maps[BRAIN] > 0.5
        white = maps[WHITE] * mask
        inside = white > 0.02
        direction, coherence = self._fibres(places, jacobian, inside)
        mms, msa = self._susceptibilities(maps, mask, inside, coherence)
        chi = torch.zeros(6, *mask.shape, device=self.device)
        x, y, z = direction
        m = msa[inside]
        for c, product in enumerate((x * x, x * y, x * z, y * y, y * z, z * z)):
            chi[c][inside] = m * product
        for c in (0, 3, 5):
            chi[c] += mms - msa / 3
        return Brain(chi * mask, mask, self.voxel_size)

    def _draw_voxel_size(self) -> tuple[float, float, float]:
        low, high = self.source.ranges.voxel_size
        edges = np.full(3, self.rng.uniform(low, high))
        if self.rng.random() < self.source.ranges.anisotropic:
            edges[self.rng.integers(3)] = self.rng.uniform(low, high)
        return tuple(float(e) for e in edges)  # type: ignore[return-value]

    def _draw_pose(self) -> None:
        """Affine map from the grid's world to the template's, and the grid: the turned head with its rim."""
        rng, source = self.rng, self.source
        turn = _rotation(rng.normal(0, 0.1, 3))
        scale = np.exp(rng.normal(0, 0.05) + rng.normal(0, 0.03, 3))
        self.mirrored = rng.random() < 0.5
        flip = np.diag([-1.0 if self.mirrored else 1.0, 1, 1])
        self.linear = flip @ np.diag(1 / scale) @ turn
        middle = (source._low + source._high) / 2
        half = np.abs(np.linalg.inv(self.linear)) @ ((source._high - source._low) / 2) * 0.97 + MARGIN_MM
        nx, ny, nz = (
            fft.next_fast_len(int(np.ceil(2 * h / e)), real=True) for h, e in zip(half, self.voxel_size, strict=True)
        )
        self.shape = (int(nx), int(ny), int(nz))
        self.middle = middle

    def _warp(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Template's world coordinates (3, X, Y, Z) of every voxel in mm, and their derivatives (3, 3, X, Y, Z)."""
        axes = [
            (torch.arange(n, device=self.device, dtype=torch.float32) - (n - 1) / 2) * edge
            for n, edge in zip(self.shape, self.voxel_size, strict=True)
        ]
        world = torch.stack(torch.meshgrid(*axes, indexing="ij"))
        reach = float(self.rng.uniform(1.0, 5.0))
        moved = world + reach * smooth_field(
            3, self.shape, self.voxel_size, self.rng.uniform(25, 45), generator=self.generator
        )
        linear = torch.tensor(self.linear, dtype=torch.float32, device=self.device)
        places = torch.einsum("ab,bxyz->axyz", linear, moved)
        places += torch.tensor(self.middle, dtype=torch.float32, device=self.device)[:, None, None, None]
        steps = tuple(self.voxel_size)
        jacobian = torch.stack([torch.stack(torch.gradient(p, spacing=steps)) for p in places])
        return places, jacobian

    def _fibres(
        self, places: torch.Tensor, jacobian: torch.Tensor, inside: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Unit vectors (3, P) and coherence (P,) of the fibres in the voxels of white matter."""
        dyadic = self._fibres_of_template(places, inside)
        direction, first = principal_direction(dyadic)
        trace = dyadic[0] + dyadic[3] + dyadic[5]
        coherence = ((1.5 * first - 0.5 * trace) / (trace + DISPERSION)).clamp(0, 1)
        if self.rng.random() < RANDOM_FIBRES:
            length = self._length(4, 35)
            direction = self._smooth(3, length, inside)
            coherence = torch.sigmoid(self._smooth(1, length, inside)[0] + 0.5)
        else:
            direction = _carried_along(direction, jacobian[:, :, inside])
        direction = direction / direction.norm(dim=0).clamp_min(1e-9)
        ranges = self.source.ranges
        turns = (ranges.fibre_turn, TURN_MM), (ranges.fibre_bend, BEND_MM), (ranges.fibre_roughness, ROUGH_MM)
        for spread, lengths in turns:
            direction = self._turned(direction, inside, spread, self._length(*lengths))
        return direction, coherence

    def _fibres_of_template(self, places: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
        return _sample(self.source._fibres.draw(self.rng), REFERENCE, places[:, inside][:, None, None])[:, 0, 0]

    def _turned(
        self, direction: torch.Tensor, inside: torch.Tensor, spread: tuple[float, float], length: float
    ) -> torch.Tensor:
        """Rotate by a random field (Rodrigues): courses differ from person to person, and so does our laying."""
        axis = self.rng.uniform(*spread) * self._smooth(3, length, inside)
        angle = axis.norm(dim=0).clamp_min(1e-9)
        unit = axis / angle
        along = (unit * direction).sum(0) * (1 - angle.cos())
        across = torch.linalg.cross(unit, direction, dim=0)
        turned: torch.Tensor = direction * angle.cos() + across * angle.sin() + unit * along
        return turned

    def _susceptibilities(
        self, maps: torch.Tensor, mask: torch.Tensor, inside: torch.Tensor, coherence: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean susceptibility and anisotropy (X, Y, Z) in ppm."""
        rng, white = self.rng, maps[WHITE]
        bundled = torch.zeros_like(white)
        bundled[inside] = coherence ** float(rng.uniform(0.7, 1.5))
        mms = (
            white
            * (
                rng.normal(susceptibility.CHI_WHITE, 0.012)
                + rng.normal(susceptibility.CHI_WHITE_COHERENT, 0.012) * bundled
            )
            + maps[GREY] * rng.normal(susceptibility.CHI_GREY, 0.012)
            + maps[FLUID] * rng.normal(susceptibility.CHI_FLUID, 0.01)
        )
        mms = mms + float(rng.uniform(0.002, 0.012)) * self._smooth(1, rng.uniform(3, 20))[0]
        msa = float(rng.uniform(*self.source.ranges.msa)) * bundled * white
        msa = msa * torch.exp(float(rng.uniform(0, 0.35)) * self._smooth(1, rng.uniform(6, 25))[0])
        rough = self._smooth(1, self._length(*MSA_ROUGH_MM))[0]
        msa = msa * torch.exp(float(rng.uniform(*self.source.ranges.msa_roughness)) * rough)
        shares = [
            (chi * float(np.exp(rng.normal(0, 0.4))), maps[FIRST_NUCLEUS + i])
            for i, chi in enumerate(self.source._nuclei_chi)
        ]
        for chi, share in [*shares, *self._bodies(mask)]:
            mms, msa = mms * (1 - share) + chi * share, msa * (1 - share)
        msa = msa * self._spared(mask)
        return mms * mask, msa.clamp_(0, 0.1) * mask

    def _bodies(self, mask: torch.Tensor) -> list[tuple[float, torch.Tensor]]:
        """Iron-rich or calcified bodies and lesions anywhere in the brain."""
        found = []
        for _ in range(self.rng.poisson(3)):
            chi = float(
                self.rng.choice(
                    [self.rng.uniform(0.02, 0.15), self.rng.uniform(-0.08, 0.02), self.rng.uniform(0.1, 0.35)],
                    p=[0.5, 0.4, 0.1],
                )
            )
            found.append(
                (
                    chi,
                    self._ellipsoid(mask, 1.5 if chi > 0.15 else self.rng.uniform(2, 8))
                    * float(self.rng.uniform(0.5, 1)),
                )
            )
        return found

    def _spared(self, mask: torch.Tensor) -> torch.Tensor:
        """1, and less in lesions that have lost their fibres and kept their mean susceptibility."""
        kept = torch.ones(self.shape, device=self.device)
        if self.rng.random() < 0.5:
            for _ in range(3):
                kept = kept * (1 - self._ellipsoid(mask, self.rng.uniform(3, 10)) * float(self.rng.uniform(0.4, 1)))
        return kept

    def _ellipsoid(self, mask: torch.Tensor, radius: float) -> torch.Tensor:
        """Share (X, Y, Z) of a soft-edged ellipsoid around a random voxel of the brain."""
        half = [n // 2 * e for n, e in zip(self.shape, self.voxel_size, strict=True)]
        centre = [self.rng.uniform(-0.75, 0.75) * (h - MARGIN_MM) for h in half]
        radii = radius * np.exp(self.rng.normal(0, 0.3, 3))
        square = torch.zeros(self.shape, device=self.device)
        for axis, (n, e) in enumerate(zip(self.shape, self.voxel_size, strict=True)):
            line = ((torch.arange(n, device=self.device) - (n - 1) / 2) * e - centre[axis]) / radii[axis]
            square += (line**2).reshape([-1 if a == axis else 1 for a in range(3)])
        return ((1 - square.sqrt()) * radius / 1.5 + 0.5).clamp(0, 1) * mask

    def _length(self, low: float, high: float) -> float:
        """Draw a length in mm, short ones as often as long ones."""
        return float(np.exp(self.rng.uniform(np.log(low), np.log(high))))

    def _smooth(self, channels: int, length: float, inside: torch.Tensor | None = None) -> torch.Tensor:
        volume = smooth_field(channels, self.shape, self.voxel_size, float(length), generator=self.generator)
        return volume if inside is None else volume[:, inside]


def _carried_along(direction: torch.Tensor, jacobian: torch.Tensor) -> torch.Tensor:
    """Fibre directions (3, P) of the template in the deformed brain: times the inverse of the map's derivative.

    The inverse is the adjugate but for a factor, and its rows are cross products of the columns.
    """
    a, b, c = jacobian.unbind(1)
    rows = (torch.linalg.cross(b, c, dim=0), torch.linalg.cross(c, a, dim=0), torch.linalg.cross(a, b, dim=0))
    return torch.stack([(row * direction).sum(0) for row in rows])


def _sample(volumes: torch.Tensor, grid: Grid, places: torch.Tensor) -> torch.Tensor:
    """Sample volumes (C, X, Y, Z) of an RAS grid at world coordinates (3, ...) in mm, linearly, 0 outside."""
    index = [(places[a] - grid.affine[a, 3]) / grid.affine[a, a] * (2 / (grid.shape[a] - 1)) - 1 for a in (2, 1, 0)]
    at = torch.stack(index, -1)[None]
    return functional.grid_sample(volumes[None], at, align_corners=True)[0]


def _rotation(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(Rotation.from_rotvec(vector).as_matrix())
