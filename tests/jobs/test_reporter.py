import numpy as np
import pytest

from napari_sti.core.errors import Cancelled
from napari_sti.core.progress import Step
from napari_sti.jobs.reporter import Reporter, TimeLeft


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_lines_are_held_back_and_no_iteration_is_lost():
    clock, sent = Clock(), []
    reporter = Reporter(sent.append, lambda: False, clock=clock)
    for i in range(1, 1001):
        reporter(Step(i, 1000, residual=1 / i, objective=2.0))
        clock.now += 0.001
    reporter.flush()
    reporter.flush()
    assert 20 <= len(sent) <= 22  # one second
    curve = [point for event in sent for point in event["curve"]]
    assert [point[0] for point in curve] == list(range(1, 1001))
    assert curve[9] == [10, 0.1, 2.0]
    assert sent[-1]["iteration"] == 1000
    assert sent[-1]["elapsed"] == pytest.approx(0.999)


def test_the_message_stays_until_there_is_another():
    clock, sent = Clock(), []
    reporter = Reporter(sent.append, lambda: False, clock=clock)
    reporter(Step(0, message="Reading the study"))
    clock.now += 1
    reporter(Step(1, 3, residual=0.5))
    assert [event["message"] for event in sent] == ["Reading the study"] * 2
    assert sent[0]["curve"] == []
    assert sent[0]["left"] is None
    clock.now += 1
    reporter(Step(1, 3, message="Writing the result"))
    assert (sent[2]["message"], sent[2]["residual"], sent[2]["curve"]) == ("Writing the result", 0.5, [])


def test_cancel_leaves_at_the_next_step():
    flag = []
    reporter = Reporter(lambda event: None, lambda: bool(flag))
    reporter(Step(1))
    flag.append(1)
    with pytest.raises(Cancelled):
        reporter(Step(2))


def test_time_left_is_not_disturbed_by_one_slow_iteration():
    left, now = TimeLeft(), 0.0
    assert left.update(Step(0, 100), now) is None
    now += 30  # loading and the first iteration, which warms up
    assert left.update(Step(1, 100), now) is None
    for i in range(2, 11):
        now += 20 if i == 6 else 2
        value = left.update(Step(i, 100), now)
    assert value == pytest.approx(90 * 2)
    assert left.update(Step(11, 0), now) is None  # total unknown


def test_time_left_starts_anew_with_a_new_stage():
    left = TimeLeft()
    for i in range(5):
        left.update(Step(i, 10), i)
    assert left.update(Step(1, 10), 50) is None
    assert left.update(Step(2, 10), 60) == pytest.approx(80)


def test_time_left_counts_to_the_tolerance_and_not_to_the_limit():
    left = TimeLeft()
    for i in range(1, 21):
        value = left.update(Step(i, 1000, convergence=10 ** (3 - i / 10)), 2.0 * i)
    assert value == pytest.approx(10 * 2.0), "the convergence is 1 in iteration 30"
    assert left.expected == 30


def test_the_limit_bounds_the_time_left():
    left = TimeLeft()
    for i in range(1, 21):
        value = left.update(Step(i, 25, convergence=10 ** (3 - i / 10)), 2.0 * i)
    assert value == pytest.approx(5 * 2.0)
    assert left.expected == 25


def test_the_viewer_hears_how_many_iterations_are_expected():
    clock, sent = Clock(), []
    reporter = Reporter(sent.append, lambda: False, clock=clock)
    for i in range(1, 13):
        reporter(Step(i, 500, convergence=np.exp(4 - i / 5)))
        clock.now += 0.5
    assert (sent[-1]["expected"], sent[-1]["total"]) == (20, 500)
    assert sent[-1]["left"] == pytest.approx(4.0)
    reporter(Step(1))
    reporter.flush()
    assert (sent[-1]["expected"], sent[-1]["left"]) == (0, None), "a new stage, of which nothing is known"


def test_previews_four_times_a_second_and_never_half(tmp_path):
    clock, sent = Clock(), []
    path = tmp_path / "preview.npy"
    reporter = Reporter(sent.append, lambda: False, preview=path, clock=clock)
    for i in range(1, 101):
        reporter(Step(i, 100, preview=lambda i=i: np.full((2, 3, 1, 6), i)))
        clock.now += 0.02
    previews = [event for event in sent if event["event"] == "preview"]
    assert 7 <= len(previews) <= 9  # two seconds
    last = np.load(path)
    assert last.dtype == np.float32
    assert last.shape == (2, 3, 1, 6)
    assert last[0, 0, 0, 0] == previews[-1]["iteration"]
    assert [p.name for p in tmp_path.iterdir()] == ["preview.npy"]


def test_slow_previews_take_at_most_a_tenth_of_the_time(tmp_path):
    clock, sent = Clock(), []
    reporter = Reporter(sent.append, lambda: False, preview=tmp_path / "preview.npy", clock=clock)

    def slow():
        clock.now += 1.0
        return np.zeros((1, 1, 1, 6))

    for i in range(1, 2001):
        reporter(Step(i, preview=slow))
        clock.now += 0.02
    assert 4 <= sum(event["event"] == "preview" for event in sent) <= 5  # 40 s of iterations


def test_nobody_looks_nothing_is_made(tmp_path):
    reporter = Reporter(lambda event: None, lambda: False)
    reporter(Step(1, preview=lambda: pytest.fail("made for nobody")))


def test_an_unwritable_preview_is_not_worth_a_run(tmp_path):
    reporter = Reporter(lambda event: None, lambda: False, preview=tmp_path / "gone" / "preview.npy")
    reporter(Step(1, preview=lambda: np.zeros((1, 1, 1, 6))))
