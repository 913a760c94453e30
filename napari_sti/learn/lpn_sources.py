"""Clean images for learned proximal networks: example number i is the same whenever and wherever it is made."""

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch.utils.data import Dataset

from napari_sti.core.errors import InputError, shape_text
from napari_sti.io.nifti import read_volume
from napari_sti.learn.brains import Brain, BrainRanges, Brains
from napari_sti.learn.datasets import USES
from napari_sti.learn.own_brains import OwnBrains
from napari_sti.lpn.images import unit_range
from napari_sti.recon.unrolled.whitened import from_tensor
from napari_sti.simulate.anatomy import read_template

PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".npy")
HELD_BACK = (10.0, 26.0)
"""Axial slices of the MNI152 template, in mm, that no training of slices sees; 3 mm beside them are left out, too."""

TISSUE_BRIGHTNESS = (0.0, 0.27, 0.655, 0.86)
"""Of air, fluid, grey and white matter in the MNI152 T1: the medians where one of them is nearly alone."""

_BRAINS = BrainRanges(voxel_size=(1.4, 2.6))
_KEPT = 2  # brains or volumes in memory at a time
_PATCHES_OF_A_BRAIN = 96
_VALIDATION = 1 << 40  # numbers from here on are for validation


class Source(ABC):
    """Patches (C, *patch) float32 by their number.

    Parameters
    ----------
    patch : int
        Edge of a patch.
    seed : int
        Of everything.
    """

    channels: int
    dims: int

    def __init__(self, patch: int, seed: int) -> None:
        self.patch, self.seed = patch, seed

    def example(self, number: int) -> torch.Tensor:
        """Make the patch of this number."""
        rng = np.random.default_rng([self.seed, 401, number])
        patch = self._draw(number, rng)
        return torch.from_numpy(np.ascontiguousarray(patch, dtype=np.float32))

    @abstractmethod
    def _draw(self, number: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """Draw a patch with nothing but this generator."""


class Examples(Dataset[torch.Tensor]):
    """A source as training examples, or as a few validation examples."""

    def __init__(self, source: Source, *, validation: int = 0) -> None:
        self._source, self._validation = source, validation

    def __len__(self) -> int:
        return self._validation

    def __getitem__(self, number: int) -> torch.Tensor:
        """Clean patch of this number."""
        if self._validation and number >= self._validation:
            raise IndexError
        return self._source.example(number + (_VALIDATION if self._validation else 0))


class _Files(Source):
    """Patches of files, as many from each; those for validation come from the last tenth of the files."""

    def __init__(self, folder: Path, endings: tuple[str, ...], patch: int, seed: int) -> None:
        super().__init__(patch, seed)
        found = [p for p in sorted(folder.rglob("*")) if p.name.lower().endswith(endings) and p.is_file()]
        if not found:
            raise InputError(f"the folder holds no {' or '.join(endings)}", file=folder, mend="choose another")
        held = len(found) // 10
        self._train, self._held = found[: len(found) - held], found[len(found) - held :] or found
        self._loaded: OrderedDict[Path, NDArray[np.float32]] = OrderedDict()
        first = self._load(found[0])
        self.channels, self.dims = first.shape[0], self._dims(first)
        if min(first.shape[1 : 1 + self.dims]) < patch:
            raise InputError(
                f"an image of {shape_text(first.shape[1:])} is smaller than the patch of {patch}",
                file=found[0],
                mend="take a smaller patch",
            )

    def _dims(self, image: NDArray[np.float32]) -> int:
        return image.ndim - 1

    @abstractmethod
    def _read(self, path: Path) -> NDArray[np.float32]:
        """Read a file as (C, *spatial), values about 0 to 1."""

    def _load(self, path: Path) -> NDArray[np.float32]:
        if path not in self._loaded:
            image = self._read(path)
            if not np.isfinite(image).all():
                raise InputError("the image holds NaN or infinity", file=path, mend="mend it or take it out")
            while len(self._loaded) >= 32 * _KEPT:
                self._loaded.popitem(last=False)
            self._loaded[path] = image
        return self._loaded[path]

    def _chosen(self, number: int, rng: np.random.Generator) -> NDArray[np.float32]:
        files = self._held if number >= _VALIDATION else self._train
        path = files[int(rng.integers(len(files)))]
        image = self._load(path)
        if image.shape[0] != self.channels:
            raise InputError(f"the image has {image.shape[0]} channels and others have {self.channels}", file=path)
        return image

    def _draw(self, number: int, rng: np.random.Generator) -> NDArray[np.float32]:
        image = self._chosen(number, rng)
        return mirrored(crop(image, self.patch, self.dims, rng), rng, range(1, 1 + self.dims))


class Pictures(_Files):
    """Patches of pictures: PNG, JPEG, TIFF, or arrays (H, W) and (H, W, C) in .npy."""

    def __init__(self, folder: Path, patch: int, seed: int) -> None:
        super().__init__(folder, PICTURES, patch, seed)

    def _read(self, path: Path) -> NDArray[np.float32]:
        from skimage import io  # type: ignore[attr-defined]

        try:
            image: NDArray[Any] = np.load(path, allow_pickle=False) if path.suffix == ".npy" else io.imread(path)
        except Exception as error:  # image readers raise whatever they like
            raise InputError("this is not a readable image", file=path, mend="mend it or take it out") from error
        if image.ndim == 3 and image.shape[2] == 4:
            image = image[..., :3]
        if image.ndim not in (2, 3) or image.dtype.kind not in "uifb":
            raise InputError(f"the image has the shape {shape_text(image.shape)}", file=path, mend="give 2-D images")
        if image.dtype.kind in "ui":
            image = image / np.float32(np.iinfo(image.dtype).max)
        image = image.astype(np.float32)
        return image[None] if image.ndim == 2 else np.moveaxis(image, -1, 0)


class Volumes(_Files):
    """Patches of NIfTI volumes, or of their slices; each volume is brought to 0 ... 1 by its quantiles."""

    def __init__(self, folder: Path, patch: int, seed: int, *, slices: bool) -> None:
        self._slices = slices
        super().__init__(folder, (".nii", ".nii.gz"), patch, seed)

    def _dims(self, image: NDArray[np.float32]) -> int:
        return 2 if self._slices else 3

    def _read(self, path: Path) -> NDArray[np.float32]:
        volume = read_volume(path, dims=(3, 4))
        data = volume.data[..., None] if volume.data.ndim == 3 else volume.data
        return np.moveaxis(unit_range(data)[0], -1, 0)

    def _draw(self, number: int, rng: np.random.Generator) -> NDArray[np.float32]:
        if not self._slices:
            return super()._draw(number, rng)
        volume = self._chosen(number, rng)
        at = int(rng.integers(volume.shape[3] // 10, max(volume.shape[3] - volume.shape[3] // 10, 1)))
        return mirrored(crop(volume[..., at], self.patch, 2, rng), rng, (1, 2))


class TemplateSlices(Source):
    """Axial slices of the MNI152 T1 template with random contrast, place, size and deformation."""

    channels, dims = 1, 2

    def __init__(self, patch: int, seed: int) -> None:
        super().__init__(patch, seed)
        t1, affine = read_template("t1")
        heights = affine[2, 3] + np.arange(t1.shape[2]) * affine[2, 2]
        much = (t1 > 0.05).mean((0, 1)) > 0.15
        held = (heights > HELD_BACK[0]) & (heights < HELD_BACK[1])
        near = (heights > HELD_BACK[0] - 3) & (heights < HELD_BACK[1] + 3)
        self._t1 = t1
        self._train, self._held = np.flatnonzero(much & ~near), np.flatnonzero(much & held)
        if patch > min(self._t1.shape[:2]):
            raise InputError(f"a slice is {shape_text(self._t1.shape[:2])}", mend="take a smaller patch")

    def _draw(self, number: int, rng: np.random.Generator) -> NDArray[np.float32]:
        slices = self._held if number >= _VALIDATION else self._train
        image = self._t1[..., int(rng.choice(slices))]
        if number >= _VALIDATION:
            return self._finished(crop(image[None], self.patch, 2, rng), rng, held_back=True)
        return mirrored(self._finished(deformed(image, self.patch, rng), rng), rng, (1, 2))

    def _finished(
        self, patch: NDArray[np.float32], rng: np.random.Generator, *, held_back: bool = False
    ) -> NDArray[np.float32]:
        """What becomes of a patch once it is cut out; those that are held back stay as they are."""
        return patch if held_back else contrasted(patch, rng)


class SharpSlices(TemplateSlices):
    """The same slices with one contrast and sharp edges: every pixel has the brightness of one tissue.

    The template is the average of many brains, so its own edges are blurred, and a prior that has seen many
    contrasts has no reason to doubt a brightness between those of two tissues. This one has.
    """

    def _finished(
        self, patch: NDArray[np.float32], rng: np.random.Generator, *, held_back: bool = False
    ) -> NDArray[np.float32]:
        return sharpened(patch)


class Tensors(Source):
    """Cubes of susceptibility tensors in whitened components, around voxels of brains by their number.

    Left and right, front and back, and top and bottom are exchanged at random, with the signs of xy, xz and yz.

    Parameters
    ----------
    patch, seed : int
        See `Source`.
    train, held : callable
        Return the brain of a number, for training and for validation.
    """

    channels, dims = 6, 3

    def __init__(self, patch: int, seed: int, train: Callable[[int], Brain], held: Callable[[int], Brain]) -> None:
        super().__init__(patch, seed)
        self._train, self._held = train, held
        self._loaded: OrderedDict[int, tuple[NDArray[np.float32], NDArray[np.int64]]] = OrderedDict()

    def _draw(self, number: int, rng: np.random.Generator) -> NDArray[np.float32]:
        chi, inside = self._brain(number)
        middle = inside[int(rng.integers(len(inside)))]
        cube = _around(chi, middle, self.patch)
        for axis, odd in enumerate(((1, 2), (1, 4), (2, 4))):  # components with one index of this axis
            if rng.random() < 0.5:
                cube = np.flip(cube, axis + 1).copy()
                cube[list(odd)] *= -1
        return from_tensor(torch.from_numpy(cube)).numpy()

    def _brain(self, number: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        which = number // _PATCHES_OF_A_BRAIN
        if which not in self._loaded:
            while len(self._loaded) >= _KEPT:
                self._loaded.popitem(last=False)
            brain = (self._held if number >= _VALIDATION else self._train)(which)
            self._loaded[which] = (brain.chi.numpy(), np.argwhere(brain.mask.numpy()))
        return self._loaded[which]


def make_source(kind: str, folder: Path | None, patch: int, seed: int) -> Source:
    """Make the source that a training names; `folder` where its kind needs one."""
    if kind in ("template", "sharp"):
        return (TemplateSlices if kind == "template" else SharpSlices)(patch, seed)
    if kind == "simulated":
        simulated = Brains(_BRAINS, seed).brain
        return Tensors(patch, seed, simulated, simulated)
    assert folder is not None
    makers: dict[str, Callable[[], Source]] = {
        "images": lambda: Pictures(folder, patch, seed),
        "slices": lambda: Volumes(folder, patch, seed, slices=True),
        "volumes": lambda: Volumes(folder, patch, seed, slices=False),
        "tensors": lambda: Tensors(patch, seed, *(OwnBrains(folder, seed, use=use).brain for use in USES)),
    }
    return makers[kind]()


def crop(image: NDArray[np.float32], patch: int, dims: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Cut a patch out of (C, *spatial) at a random place."""
    sizes = image.shape[1 : 1 + dims]
    if min(sizes) < patch:
        raise InputError(f"an image of {shape_text(sizes)} is smaller than the patch of {patch}")
    starts = [int(rng.integers(n - patch + 1)) for n in sizes]
    return image[(slice(None), *(slice(s, s + patch) for s in starts))]


def mirrored(image: NDArray[np.float32], rng: np.random.Generator, axes: Sequence[int]) -> NDArray[np.float32]:
    """Flip each of the axes with a chance of one half."""
    chosen = [axis for axis in axes if rng.random() < 0.5]
    return np.flip(image, tuple(chosen)) if chosen else image


def deformed(image: NDArray[np.float32], patch: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Sample a patch (1, patch, patch) of an image that is turned, scaled and warped, 0 outside."""
    angle, scale = rng.normal(0, 0.2), np.exp(rng.normal(0, 0.12))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * scale
    places = np.stack(np.meshgrid(*[np.arange(patch) - (patch - 1) / 2] * 2, indexing="ij"), -1) @ turn.T
    knots = torch.from_numpy(rng.normal(0, rng.uniform(0, 3), (1, 2, 6, 6)).astype(np.float32))
    places = places + F.interpolate(knots, size=(patch, patch), mode="bicubic")[0].permute(1, 2, 0).numpy()
    reach = [max(n - patch, 0) / 2 for n in image.shape]
    middle = [(n - 1) / 2 + rng.uniform(-r, r) for n, r in zip(image.shape, reach, strict=True)]
    at = (places + middle) * (2 / (np.array(image.shape) - 1)) - 1
    grid = torch.from_numpy(at[..., ::-1].astype(np.float32))[None]
    return F.grid_sample(torch.from_numpy(image)[None, None], grid, align_corners=True)[0].numpy()


def sharpened(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give every pixel of T1-like images the brightness of the tissue that it is nearest to."""
    levels = np.array(TISSUE_BRIGHTNESS, np.float32)
    return levels[np.digitize(image, (levels[1:] + levels[:-1]) / 2)]


def contrasted(image: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Change the brightness by a random increasing curve of values 0 ... 1, now and then one that inverts tissue."""
    heights = np.cumsum(rng.uniform(0.3, 1.7, 5))
    if rng.random() < 0.25:
        heights = rng.permutation(heights)
    curve = np.concatenate([[0.0], heights / heights.max() * rng.uniform(0.7, 1.0)])
    out = np.zeros_like(image)
    for (x0, x1), (y0, y1) in zip(pairwise(np.linspace(0, 1, 6)), pairwise(curve), strict=True):
        inside = (image >= x0) & ((image < x1) | (x1 == 1))
        out[inside] = y0 + (image[inside] - x0) * (y1 - y0) / (x1 - x0)
    return out


def _around(volume: NDArray[np.float32], middle: NDArray[np.int64], edge: int) -> NDArray[np.float32]:
    """Cut a cube around a voxel, 0 beyond the volume."""
    cube = np.zeros((volume.shape[0], *(edge,) * 3), np.float32)
    starts = [int(m) - edge // 2 for m in middle]
    spans = [(max(s, 0), min(s + edge, n)) for s, n in zip(starts, volume.shape[1:], strict=True)]
    to = tuple(slice(a - s, b - s) for (a, b), s in zip(spans, starts, strict=True))
    cube[(slice(None), *to)] = volume[(slice(None), *(slice(a, b) for a, b in spans))]
    return cube
