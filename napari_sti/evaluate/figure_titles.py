"""Titles of the panels of a figure, short enough for their panels and still told apart."""

from collections.abc import Callable, Sequence

_DOTS = "\N{HORIZONTAL ELLIPSIS}"


def fitted_titles(titles: Sequence[str], fits: Callable[[str], bool]) -> list[str]:
    """Shorten titles that are too long by what they have in common, so that what differs is left.

    Parameters
    ----------
    titles : sequence of str
        Of all panels of a figure.
    fits : callable
        Whether a title has room.

    Returns
    -------
    list of str
        Titles as they are where all fit. Else those that do not are without the words with which all titles begin,
        then without those with which all end, and at last without their middle.
    """
    told = [title for title in dict.fromkeys(titles) if title]
    begin, end = _common(told) if len(told) > 1 else (0, 0)
    return [title if fits(title) else _shortened(title, begin, end, fits) for title in titles]


def _shortened(title: str, begin: int, end: int, fits: Callable[[str], bool]) -> str:
    tail = len(title) - end
    tries = [_DOTS + title[begin:]] if begin else []
    tries += [(_DOTS if begin else "") + title[begin:tail].rstrip(" ,") + _DOTS] if end else []
    for shorter in tries:
        if fits(shorter):
            return shorter
    return _without_middle(tries[-1].strip(_DOTS) if tries else title, fits)


def _without_middle(title: str, fits: Callable[[str], bool]) -> str:
    """Leave out as little of the middle as it takes: names begin with what they are and end with what differs."""
    for left in range(len(title) - 1, 1, -1):
        shorter = title[: left - left // 2].rstrip() + _DOTS + title[len(title) - left // 2 :].lstrip()
        if fits(shorter):
            return shorter
    return _DOTS


def _common(titles: Sequence[str]) -> tuple[int, int]:
    """How many characters all titles have in common at their beginning and at their end, in whole words."""
    begin = _alike(titles)
    begin = max((at + 1 for at in range(begin) if titles[0][at] in " ,"), default=0)
    rest = [title[begin:][::-1] for title in titles]
    end = _alike(rest)
    end = max((at + 1 for at in range(end) if rest[0][at] in " ,"), default=0)
    return begin, end


def _alike(texts: Sequence[str]) -> int:
    """How many characters all texts begin with."""
    shortest = min(len(text) for text in texts)
    return next((at for at in range(shortest) if len({text[at] for text in texts}) > 1), shortest)
