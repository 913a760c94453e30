"""Share work on volumes among threads in large pieces.

torch splits every single operation among its threads and waits for the slowest, hundreds of times for one operator.
On a machine that has something else to do, such as drawing the viewer, each of these waits can last as long as the
system lets the other program run (8 ms were seen), and an operator takes ten times longer. Here each thread takes
whole volumes or slabs, computes on its own, and all wait once at the end.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from typing import TypeVar

import torch

Item = TypeVar("Item")


def share(function: Callable[[Item], object], items: Iterable[Item]) -> None:
    """Call the function with every item, on as many threads as torch uses; what it raises is raised here.

    Inside the function torch computes on one thread. Items should take about equally long.
    """
    work = list(items)
    count = min(torch.get_num_threads(), len(work))
    if count <= 1:
        for item in work:
            function(item)
        return
    futures = [_pool(count).submit(function, item) for item in work]
    wait(futures)
    for future in futures:
        future.result()


def share_volumes(function: Callable[[int, int], object], count: int) -> None:
    """Call ``function(index, threads)`` for `count` volumes, with the number of threads that it may use itself.

    As many volumes at a time as there are threads, each on one; what is left is done one by one on all threads.
    """
    threads = torch.get_num_threads()
    even = count // threads * threads
    share(lambda index: function(index, 1), range(even))
    for index in range(even, count):
        function(index, threads)


def share_rows(function: Callable[..., object], *tensors: torch.Tensor) -> None:
    """Call the function with the first rows of all tensors, the second rows, and so on; on a GPU with all at once."""
    if tensors[0].device.type == "cpu":
        share(lambda rows: function(*rows), list(zip(*tensors, strict=True)))
    else:
        function(*tensors)


@cache
def _pool(count: int) -> ThreadPoolExecutor:
    """Make the threads, each of which computes on its own; torch keeps that number for each thread by itself."""
    outside = torch.get_num_threads()
    ready = threading.Barrier(count + 1)

    def start() -> None:
        torch.get_num_threads()  # the first call in a thread sets its number, and must not come later
        torch.set_num_threads(1)
        ready.wait()

    pool = ThreadPoolExecutor(count, thread_name_prefix="napari-sti", initializer=start)
    for _ in range(count):
        pool.submit(int)
    ready.wait()
    # Setting it in a thread also sets what threads to come begin with.
    torch.set_num_threads(outside)
    return pool


def slabs(length: int, thickness: int) -> Sequence[slice]:
    """Cut an axis into slabs."""
    return [slice(start, min(start + thickness, length)) for start in range(0, length, thickness)]
