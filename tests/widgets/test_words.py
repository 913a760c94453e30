"""Times and sizes as people say them."""

from datetime import UTC, datetime, timedelta

import pytest

from napari_sti.widgets.words import count, duration, millimetres, size, when


@pytest.mark.parametrize(
    "seconds, text",
    [(0, "0.0 s"), (0.42, "0.4 s"), (12.4, "12 s"), (59.7, "1 min"), (125, "2 min 5 s"), (3780, "1 h 3 min")],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_when():
    now = datetime.now(UTC).astimezone()
    assert when(now, now) == f"{now:%H:%M}"
    assert when(now - timedelta(days=3), now) == f"{now - timedelta(days=3):%d %b %H:%M}"


def test_counts_and_sizes():
    assert count(1, "orientation") == "1 orientation" and count(7, "orientation") == "7 orientations"
    assert size((84, 92, 56)) == "84 × 92 × 56"
    assert millimetres((2.2, 2.2, 2.2)) == "2.2 mm" and millimetres((1, 1, 3)) == "1 × 1 × 3 mm"
