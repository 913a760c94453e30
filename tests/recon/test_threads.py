"""Sharing work among threads: everything is done, errors come through, torch's own setting stays."""

import threading

import pytest
import torch

from napari_sti.recon.operator import StiOperator
from napari_sti.recon.threads import share, share_rows, share_volumes, slabs


@pytest.fixture(params=[1, 2, 3])
def threads(request: pytest.FixtureRequest) -> int:
    torch.set_num_threads(request.param)
    return int(request.param)


def test_everything_is_done_once(threads: int) -> None:
    done: list[int] = []
    share(done.append, range(20))
    assert sorted(done) == list(range(20))
    assert torch.get_num_threads() == threads


def test_each_thread_computes_on_its_own(threads: int) -> None:
    inside, names = [], set()
    together = threading.Barrier(threads)

    def look(item: int) -> None:
        together.wait(10)
        inside.append(torch.get_num_threads())
        names.add(threading.current_thread().name)

    share(look, range(threads))
    assert inside == [1] * threads
    assert len(names) == threads
    later: list[int] = []
    thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert later == [threads]


def test_errors_come_through_after_all_have_ended(threads: int) -> None:
    done = []

    def fail(item: int) -> None:
        if item == 1:
            raise MemoryError("no room")
        done.append(item)

    with pytest.raises(MemoryError, match="no room"):
        share(fail, range(4))
    share(done.append, [9])
    assert 9 in done


def test_volumes_that_are_left_over_get_all_threads(threads: int) -> None:
    seen: dict[int, int] = {}
    share_volumes(lambda index, count: seen.update({index: count}), 7)
    assert sorted(seen) == list(range(7))
    left = 7 % threads
    assert [seen[i] for i in range(7 - left, 7)] == [threads] * left
    assert all(seen[i] == 1 for i in range(7 - left))


def test_rows_meet_their_like(threads: int) -> None:
    a, b = torch.arange(10.0).reshape(5, 2), torch.ones(5, 2)
    share_rows(lambda x, y: x.add_(y, alpha=2), a, b)
    torch.testing.assert_close(a, torch.arange(10.0).reshape(5, 2) + 2)


def test_slabs_cover_the_axis() -> None:
    assert slabs(7, 3) == [slice(0, 3), slice(3, 6), slice(6, 7)]
    assert slabs(2, 5) == [slice(0, 2)]


def test_the_operator_does_not_depend_on_threads_or_inference_mode(threads: int) -> None:
    shape = (9, 6, 7)
    op = StiOperator(shape, (1, 1, 2), [[0, 0, 1.0], [0.6, 0, 0.8], [0, 0.6, 0.8]], None, dtype=torch.float64)
    chi = torch.randn(6, *shape, dtype=torch.float64)
    op.kernel.slab = 2
    with torch.inference_mode():
        inside = op.normal(chi)
    outside = op.normal(chi.requires_grad_())
    torch.set_num_threads(1)
    torch.testing.assert_close(outside, op.normal(chi))
    torch.testing.assert_close(inside.clone(), outside.detach())
    outside.sum().backward()
    assert chi.grad is not None
