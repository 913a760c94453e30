"""How times, counts and sizes are said, the same everywhere in the window."""

from datetime import datetime

TIMES = " \N{MULTIPLICATION SIGN} "


def duration(seconds: float) -> str:
    """A time span as people say it: ``0.4 s``, ``12 s``, ``2 min 5 s``, ``1 h 3 min``."""
    if seconds < 1:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, rest = divmod(whole // 60, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def when(moment: datetime, now: datetime | None = None) -> str:
    """A moment in local time: the hour for today, else the date."""
    local = moment.astimezone()
    today = (now or datetime.now().astimezone()).date()
    return f"{local:%H:%M}" if local.date() == today else f"{local:%d %b %H:%M}"


def count(n: int, one: str, many: str = "") -> str:
    """A number with its noun: ``1 orientation``, ``7 orientations``."""
    return f"{n} {one if n == 1 else many or one + 's'}"


def size(shape: tuple[int, ...]) -> str:
    """A shape as people write it: ``84 x 92 x 56`` with the sign for times."""
    return TIMES.join(str(n) for n in shape)


def millimetres(edges: tuple[float, ...]) -> str:
    """Edge lengths of a voxel: ``2.2 mm`` where all are equal, else ``1 x 1 x 3 mm``."""
    texts = [f"{edge:.3g}" for edge in edges]
    return f"{texts[0] if len(set(texts)) == 1 else TIMES.join(texts)} mm"
