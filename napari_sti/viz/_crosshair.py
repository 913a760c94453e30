"""Lines through the common place of linked views; like `_compat`, of which it is a part, it knows napari's inside."""

import logging
from functools import cache
from typing import Any

_LOG = logging.getLogger(__name__)


def add_crosshair(viewer: Any, name: str) -> Any:
    """Draw lines through ``viewer.dims.point`` in the scene; returns the overlay, None before 0.9."""
    overlays = getattr(getattr(viewer, "scene", None), "overlays", None)
    if overlays is None:
        return None
    if name not in overlays:
        try:
            overlays[name] = _crosshair_class()(visible=True)
        except (ImportError, AttributeError, TypeError, ValueError) as error:
            _LOG.warning("This version of napari cannot show a crosshair: %s", error)
            overlays.pop(name, None)
            return None
    return overlays[name]


@cache
def _crosshair_class() -> Any:
    """Make the overlay's model and tell napari how it is drawn."""
    import numpy as np
    from napari._vispy.overlays.base import ViewerOverlayMixin, VispySceneOverlay
    from napari._vispy.utils.visual import overlay_to_visual
    from napari.components.overlays import SceneOverlay
    from vispy.scene.visuals import Line

    class Crosshair(SceneOverlay):
        """Lines along the displayed dimensions, with a gap around the place itself."""

        blending: Any = "translucent_no_depth"
        color: tuple[float, float, float, float] = (1.0, 0.85, 0.2, 0.9)
        gap: float = 9.0

    class VispyCrosshair(ViewerOverlayMixin, VispySceneOverlay):
        """Two lines in slices, three in the volume."""

        def __init__(self, **keywords: Any) -> None:
            super().__init__(node=Line(connect="segments", method="gl", width=1), **keywords)
            for emitter in self._emitters():
                emitter.connect(self._place)
            self.overlay.events.visible.connect(self._place)
            self._place()
            self.reset()

        def _emitters(self) -> tuple[Any, ...]:
            dims = self.viewer.dims.events
            return (dims.point, dims.order, dims.ndisplay, dims.range, self.viewer.scene.camera.events.zoom)

        def _place(self, event: Any = None) -> None:
            dims = self.viewer.dims
            displayed = [axis for axis in dims.displayed if dims.range[axis].stop > dims.range[axis].start]
            if not self.overlay.visible or len(displayed) != dims.ndisplay:
                return
            gap = self.overlay.gap / max(float(self.viewer.scene.camera.zoom), 1e-6)
            points = []
            for axis in displayed:
                low, high = dims.range[axis].start, dims.range[axis].stop
                for ends in ((low, dims.point[axis] - gap), (dims.point[axis] + gap, high)):
                    for end in ends:
                        place = [dims.point[other] for other in displayed]
                        place[displayed.index(axis)] = end
                        points.append([*place[::-1], 0.0][:3])
            self.node.set_data(pos=np.array(points, np.float32), color=self.overlay.color)

        def close(self) -> None:
            for emitter in self._emitters():
                emitter.disconnect(self._place)
            super().close()

    overlay_to_visual[Crosshair] = VispyCrosshair
    return Crosshair
