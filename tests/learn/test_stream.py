"""Numbered examples: taken up anywhere, shared among processes without a gap or a repetition."""

from itertools import islice
from types import SimpleNamespace

import pytest
from torch.utils.data import Dataset

from napari_sti.learn.stream import Numbers, numbered_loader


class _Itself(Dataset):
    def __getitem__(self, number):
        return number


def test_begins_anywhere():
    whole = list(islice(Numbers(3), 10))
    assert whole[0] == [0, 1, 2]
    assert list(islice(Numbers(3, first_step=4), 6)) == whole[4:]


@pytest.mark.parametrize("world", [1, 2, 5])
def test_processes_share_the_numbers_without_gap_or_repetition(world):
    parts = [list(islice(Numbers(4, first_step=2, rank=rank, world=world), 3)) for rank in range(world)]
    seen = sorted(number for part in parts for batch in part for number in batch)
    assert seen == list(range(2 * world * 4, 5 * world * 4))


@pytest.mark.parametrize("workers", [0, 1])
def test_loader_begins_with_the_step_of_its_trainer(workers):
    trainer = SimpleNamespace(global_step=7, global_rank=1, world_size=3)
    loader = numbered_loader(_Itself(), 2, trainer, workers=workers)
    batches = [batch.tolist() for batch in islice(loader, 2)]
    assert batches == [[(7 * 3 + 1) * 2, (7 * 3 + 1) * 2 + 1], [(8 * 3 + 1) * 2, (8 * 3 + 1) * 2 + 1]]


def test_loader_without_trainer_begins_at_the_first():
    assert next(iter(numbered_loader(_Itself(), 2, None))).tolist() == [0, 1]
