"""The writing on the canvas: letters, colour key, colour bar, scale bar, caption; and the status line.

``annotate(viewer)`` is all that is needed. The pictures are part of napari's own canvas, so they are in its
screenshots, let the mouse through, and go away with it. They are painted again only when what they say changes.
"""

import weakref
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from napari_sti.viz import _compat, _quick, numbers, status
from napari_sti.viz.compare_writing import grid_legend, grid_sprites
from napari_sti.viz.legend import Legend, is_dark, legend
from napari_sti.viz.numbers import Unit

OVERLAY = "napari_sti"
"""Under this name the writing is found in ``viewer.canvas.overlays``."""

MARGIN = 8
PARTS = ("letters", "caption", "key", "bar")


@dataclass(frozen=True, eq=False)
class Sprite:
    """A small picture and its place on the canvas.

    Parameters
    ----------
    name : str
        Which one it is.
    picture : (height, width, 4) uint8 array
        In device pixels; the same object as long as it does not change.
    x, y : float
        Of its top left corner, in logical pixels.
    """

    name: str
    picture: Any
    x: float
    y: float


class Annotations:
    """What is written on the canvas of one viewer.

    Attributes
    ----------
    overlay : napari overlay or None
        None where this version of napari cannot show it; the status line works all the same.
    unit : {"ppm", "ppb"}
        Unit of susceptibilities and fields on the canvas and in the status line.
    brief : bool
        Whether the caption says plane and convention only, for small views beside a large one.
    """

    def __init__(self) -> None:
        self.unit: Unit = "ppm"
        self.shown = dict.fromkeys(PARTS, True)
        self.overlay: Any = None
        self.brief = False

    def configure(self, *, unit: str | None = None, **parts: bool) -> None:
        """Choose the unit, or which parts (letters, caption, key, bar) are shown.

        Raises
        ------
        InputError
            If the unit is neither ppm nor ppb.
        """
        if unit is not None:
            self.unit = numbers.check_unit(unit)
        for part in PARTS:
            if part in parts:
                self.shown[part] = bool(parts[part])
        self.refresh()

    def refresh(self) -> None:
        """Look again at what is to be written."""
        if self.overlay is not None:
            self.overlay.revision += 1

    def chosen_unit(self) -> Unit:
        """Return the unit that is chosen now."""
        return self.unit

    def legend(self, viewer: Any) -> Legend:
        """Return what is to be written now."""
        found = legend(viewer, self.unit)
        return replace(found, caption=tuple(filter(None, (found.plane,)))) if self.brief else found

    def paint(self, viewer: Any, width: float, height: float, ratio: float) -> list[Sprite]:
        """Paint everything for a canvas of this size in logical pixels."""
        if _compat.grid(viewer).enabled:
            grid = grid_legend(viewer, self.unit, width, height)
            placed = grid_sprites(grid, self.shown, width, height, ratio, is_dark(viewer))
            return [_placed(*one, ratio=ratio) for one in placed]
        return list(_sprites(self.legend(viewer), self.shown, width, height, ratio, is_dark(viewer)))

    def watch(self, viewer: Any) -> None:
        """Let our layers answer for the status line, those that are there and those that come."""
        for layer in viewer.layers:
            status.attach(layer, self.chosen_unit)
        viewer.layers.events.inserted.connect(self._on_inserted)

    def _on_inserted(self, event: Any) -> None:
        status.attach(event.value, self.chosen_unit)


def _sprites(
    state: Legend, shown: dict[str, bool], width: float, height: float, ratio: float, dark: bool
) -> Iterator[Sprite]:
    from napari_sti.viz import paint  # here, so that a viewer without Qt never needs it

    place = partial(_placed, ratio=ratio)
    if state.letters is not None and shown["letters"]:
        right, left, top, bottom = (paint.letter(text, ratio, dark) for text in state.letters)
        yield place("right", right, width - MARGIN, height / 2, (1, 0.5))
        yield place("left", left, MARGIN, height / 2, (0, 0.5))
        yield place("top", top, width / 2, MARGIN / 2, (0.5, 0))
        yield place("bottom", bottom, width / 2, height - MARGIN / 2, (0.5, 1))
    room = width - 2 * MARGIN
    if state.bar is not None and shown["bar"]:
        picture = paint.bar(state.bar, ratio, dark)
        yield place("bar", picture, width - MARGIN, MARGIN, (1, 0))
        room -= picture.shape[1] / ratio + MARGIN
    if shown["caption"]:
        lines = [paint.line(text, room, ratio, dark, bold=i == 0) for i, text in enumerate(state.caption)]
        if state.warning:
            lines.append(paint.line(state.warning.upper(), room, ratio, dark, bold=True, larger=3))
        y = _caption_top(lines, state.letters is not None and shown["letters"], width, ratio)
        for i, picture in enumerate(lines):
            yield place(f"caption {i + 1}", picture, MARGIN, y, (0, 0))
            y += picture.shape[0] / ratio
    if state.key is not None and shown["key"]:
        yield place("key", paint.key(state.key, ratio, dark), MARGIN, height - MARGIN, (0, 1))


def _placed(name: str, picture: Any, x: float, y: float, anchor: tuple[float, float], *, ratio: float) -> Sprite:
    """Put a picture so that the given part of it (0 to 1 across and down) lies at a place."""
    h, w = picture.shape[0] / ratio, picture.shape[1] / ratio
    return Sprite(name, picture, round(x - anchor[0] * w), round(y - anchor[1] * h))


def _caption_top(lines: list[Any], letters: bool, width: float, ratio: float) -> float:
    """Beside the letter of the top edge if there is room for the longest line, else below it."""
    from napari_sti.viz import paint

    widest = max((picture.shape[1] / ratio for picture in lines), default=0)
    beside = MARGIN + widest < width / 2 - paint.LETTER_PIXELS
    return MARGIN if beside or not letters else MARGIN + 1.4 * paint.LETTER_PIXELS


def annotate(viewer: Any) -> Annotations:
    """Write letters, colour key, colour bar, scale bar and caption on the canvas, and serve the status line.

    May be called again: the second call returns what the first one made. In a `ViewerModel` without a window only
    the status line has an effect.

    Parameters
    ----------
    viewer : napari.Viewer or ViewerModel
        Only layers with this package's metadata are written about.
    """
    viewer = _compat.unwrap(viewer)
    overlays = _compat.canvas_overlays(viewer)
    if overlays is not None and OVERLAY in overlays:
        found = getattr(overlays[OVERLAY].paint, "__self__", None)
        if isinstance(found, Annotations):
            return found
    annotations = Annotations()
    annotations.watch(viewer)
    annotations.overlay = _compat.add_painted_overlay(viewer, OVERLAY, annotations.paint)
    if annotations.overlay is None:
        weakref.finalize(viewer, _release, annotations)
    _compat.scale_bar(viewer).visible = True
    _quick.opaque_canvas(viewer)
    return annotations


def _release(annotations: Annotations) -> None:
    """Do nothing: as an argument of a finalizer the annotations live as long as their viewer."""
