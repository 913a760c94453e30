"""Many small pictures on the canvas, drawn by OpenGL in one go; only `_compat` uses it.

One visual for each of the dozen letters, captions, bars and keys costs more with every frame than the image below them.
"""

from functools import cache
from typing import Any

import numpy as np

_VERTEX = """
attribute vec2 a_place;
attribute vec2 a_texel;
varying vec2 v_texel;
void main() {
    v_texel = a_texel;
    gl_Position = $transform(vec4(a_place, 0.0, 1.0));
}
"""
_FRAGMENT = """
uniform sampler2D u_atlas;
varying vec2 v_texel;
void main() {
    gl_FragColor = texture2D(u_atlas, v_texel);
}
"""
_CORNERS = np.array([[0, 0], [1, 0], [1, 1], [0, 0], [1, 1], [0, 1]], np.float32)
"""Of the two triangles of a picture."""


def sprites_visual(parent: Any) -> Any:
    """Make the visual: its ``show(sprites, ratio)`` takes those with ``picture`` (RGBA), ``x`` and ``y``."""
    return _sprites_class()(parent=parent)


@cache
def _sprites_class() -> Any:
    from vispy.gloo import Texture2D, VertexBuffer
    from vispy.scene.visuals import create_visual_node
    from vispy.visuals import Visual

    class SpritesVisual(Visual):
        """Pictures below one another in a texture, each shown at its place."""

        def __init__(self) -> None:
            super().__init__(vcode=_VERTEX, fcode=_FRAGMENT)
            self._pictures: list[Any] = []
            self._tops: Any = ()
            self._texture = Texture2D(np.zeros((1, 1, 4), np.uint8), interpolation="nearest")
            self._place, self._texel = VertexBuffer(), VertexBuffer()
            self._empty = True
            self.shared_program["u_atlas"] = self._texture
            self.shared_program["a_place"] = self._place
            self.shared_program["a_texel"] = self._texel
            self._draw_mode = "triangles"
            self.set_gl_state("translucent", depth_test=False, cull_face=False)
            self.freeze()

        def show(self, sprites: Any, ratio: float) -> None:
            """Show these pictures, `ratio` pixels of the screen for one of the canvas, and no others."""
            pictures = [sprite.picture for sprite in sprites]
            self._empty = not pictures
            if self._empty:
                return
            sizes = np.array([picture.shape[1::-1] for picture in pictures], np.float32)  # width, height
            tops = np.concatenate([[0], np.cumsum(sizes[:, 1])]).astype(int)
            whole = np.array([sizes[:, 0].max(), tops[-1]], np.float32)
            self._hold(pictures, tops, whole)
            corners = _CORNERS[None] * sizes[:, None]
            begin = np.stack([np.zeros(len(pictures)), tops[:-1]], axis=1).astype(np.float32)
            places = np.array([(sprite.x, sprite.y) for sprite in sprites], np.float32)
            self._place.set_data((places[:, None] + corners / np.float32(ratio)).reshape(-1, 2))
            self._texel.set_data(((begin[:, None] + corners) / whole).reshape(-1, 2))

        def _hold(self, pictures: list[Any], tops: Any, whole: Any) -> None:
            """Bring the pictures into the texture; of as many as before and of the same height only the new ones."""
            width = self._texture.shape[1]
            if len(pictures) == len(self._pictures) and np.array_equal(tops, self._tops) and whole[0] <= width:
                for picture, before, top in zip(pictures, self._pictures, tops[:-1], strict=True):
                    if picture is not before:
                        row = np.zeros((picture.shape[0], width, 4), np.uint8)
                        row[:, : picture.shape[1]] = picture
                        self._texture.set_data(row, offset=(int(top), 0))
            else:
                atlas = np.zeros((int(whole[1]), int(whole[0]), 4), np.uint8)
                for picture, top in zip(pictures, tops[:-1], strict=True):
                    atlas[top : top + picture.shape[0], : picture.shape[1]] = picture
                self._texture.set_data(atlas)
            self._pictures, self._tops = pictures, tops
            whole[:] = self._texture.shape[1::-1]

        def _prepare_transforms(self, view: Any) -> None:
            view.view_program.vert["transform"] = view.transforms.get_transform()

        def _prepare_draw(self, view: Any) -> bool | None:
            return False if self._empty else None

        def _compute_bounds(self, axis: int, view: Any) -> tuple[float, float]:
            return (0.0, 0.0)

    return create_visual_node(SpritesVisual)
