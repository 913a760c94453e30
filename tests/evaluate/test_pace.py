import pytest

from napari_sti.core.errors import Cancelled
from napari_sti.core.progress import Step
from napari_sti.evaluate.design import Cell, Study
from napari_sti.evaluate.pace import Pace


def cell(method, n=4, seed=0):
    return Cell(Study("sample", n, 30.0, 40.0, 5.0, True, seed), method)


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_each_method_is_timed_for_itself():
    clock, seen = Clock(), []
    cells = [cell("slow"), cell("quick"), cell("slow", seed=1), cell("quick", seed=1), cell("new")]
    pace = Pace(seen.append, cells, clock=clock)
    pace.begin("slow")
    assert pace.seconds_left() is None and seen[-1].message == "slow" and (seen[-1].iteration, seen[-1].total) == (0, 5)
    clock.now += 60
    pace.finish(cells[0])
    pace.begin("quick")
    clock.now += 2
    pace.finish(cells[1])
    pace.begin("slow again")
    # 60 s and 2 s of the known ones, and the usual 31 s for the one that is not known.
    assert pace.seconds_left() == pytest.approx(93)
    clock.now += 20
    pace(Step(7, 100))
    assert pace.seconds_left() == pytest.approx(73)
    assert seen[-1].message == "slow again, about 73 s left" and seen[-1].iteration == 2


def test_more_orientations_take_longer():
    clock = Clock()
    pace = Pace(lambda step: None, [cell("a", 4), cell("a", 14)], clock=clock)
    pace.begin("a")
    clock.now += 10
    pace.finish(cell("a", 4))
    pace.begin("a")
    assert pace.seconds_left() == pytest.approx(20)


def test_at_the_end_nothing_is_left_and_cancel_passes():
    clock, seen = Clock(), []
    pace = Pace(seen.append, [cell("a")], clock=clock)
    pace.begin("a")
    pace.finish(cell("a"))
    pace.begin("all cells are there")
    assert seen[-1] == Step(1, 1, message="all cells are there")

    def stop(step):
        raise Cancelled

    with pytest.raises(Cancelled):
        Pace(stop, []).begin("a")
