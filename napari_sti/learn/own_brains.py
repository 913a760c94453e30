"""A supply of brains from a dataset of one's own, in place of the simulated ones."""

from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sti.core.errors import InputError
from napari_sti.learn.brains import Brain
from napari_sti.learn.datasets import Entry, OwnTensor, Use, load_entry, read_dataset

KEPT = 2
"""Brains that are kept in memory: as 224x224x126 voxels, each is 150 MB."""

_MIRRORED = np.array([1, -1, -1, 1, 1, 1], np.float32)
"""Signs of xx, xy, xz, yy, yz, zz in a head whose left and right are exchanged."""


class OwnBrains:
    """Brains of a dataset; number `i` is always the same one.

    Nothing is resampled and no value is changed, but that every other brain, on average, has left and right exchanged.

    Parameters
    ----------
    path : path
        Folder of the dataset, or its list (see `napari_sti.learn.datasets`).
    seed : int
        Of the draw.
    device : str or torch.device
        Where brains are left.
    use : {"train", "validation"}
        Which of its tensors.

    Raises
    ------
    InputError
        If the dataset is not right, or has no tensor for this use.
    """

    def __init__(self, path: str | Path, seed: int, device: str | torch.device = "cpu", *, use: Use = "train") -> None:
        self.entries = tuple(entry for entry in read_dataset(path) if entry.use == use)
        if not self.entries:
            raise InputError(f"no tensor of the dataset is for {use}", file=path, mend=f"give one use: {use}")
        self._seed, self._device = seed, torch.device(device)
        self._loaded: OrderedDict[Path, OwnTensor] = OrderedDict()

    def brain(self, number: int) -> Brain:
        """Return the brain of this number, drawn with equal chances, half of them mirrored."""
        rng = np.random.default_rng([self._seed, 211, number])
        chosen = self._load(self.entries[int(rng.integers(len(self.entries)))])
        chi, mask = chosen.chi, chosen.mask
        if rng.random() < 0.5:
            chi, mask = chi[:, ::-1] * _MIRRORED[:, None, None, None], mask[::-1]
        return self._placed(chi, mask, chosen)

    def as_listed(self, index: int) -> Brain:
        """Return the tensor at this place among those of this use as it is, for a validation."""
        chosen = self._load(self.entries[index])
        return self._placed(chosen.chi, chosen.mask, chosen)

    def _placed(self, chi: NDArray[np.float32], mask: NDArray[np.bool_], of: OwnTensor) -> Brain:
        return Brain(
            torch.tensor(np.ascontiguousarray(chi), device=self._device),
            torch.tensor(np.ascontiguousarray(mask), device=self._device),
            of.voxel_size,
        )

    def _load(self, entry: Entry) -> OwnTensor:
        if entry.tensor not in self._loaded:
            while len(self._loaded) >= KEPT:
                self._loaded.popitem(last=False)
            self._loaded[entry.tensor] = load_entry(entry)
        self._loaded.move_to_end(entry.tensor)
        return self._loaded[entry.tensor]
