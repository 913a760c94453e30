"""Work in a thread comes back in the window's thread, newest only."""

import threading
import time

import pytest

from napari_sti.widgets.background import Background


@pytest.fixture
def background(qapp):
    made = Background()
    yield made
    made.close()


def test_answer_arrives_in_the_window_thread(background, qtbot):
    seen = []
    background.done.connect(lambda answer: seen.append((answer, threading.current_thread())))
    with qtbot.waitSignal(background.done):
        background.start(lambda x: (x + 1, threading.current_thread() is threading.main_thread()), 4)
    assert seen == [((5, False), threading.main_thread())]
    assert not background.busy


@pytest.mark.parametrize("error", [RuntimeError("CUDA"), ValueError("no"), MemoryError()])
def test_every_exception_is_delivered(background, qtbot, error):
    def fail():
        raise error

    with qtbot.waitSignal(background.failed) as caught:
        background.start(fail)
    assert caught.args[0] is error and not background.busy


def test_only_the_newest_answer_counts(background, qtbot):
    seen = []
    background.done.connect(seen.append)
    for i in range(5):
        background.start(lambda i=i: time.sleep(0.02) or i)
    qtbot.waitUntil(lambda: not background.busy)
    qtbot.wait(50)
    assert seen == [4]


def test_nothing_comes_after_closing(background, qtbot):
    seen = []
    background.done.connect(seen.append)
    background.start(lambda: time.sleep(0.03))
    background.close()
    qtbot.wait(80)
    assert not seen
