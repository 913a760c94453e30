"""A further view of the layers of a viewer: another plane of the same arrays, moved by the same crosshair.

The layers of the further view are copies that share their arrays and follow their originals: napari keeps the slice in
the layer, so one layer cannot be shown in two planes. Lines and ellipsoids are not copied but drawn for the plane.
"""

from typing import Any

import numpy as np

from napari_sti.viz import _compat, _crosshair, views
from napari_sti.viz.display import METADATA_KEY, layer_info
from napari_sti.viz.follow import FOLLOWED
from napari_sti.viz.views import Plane

FOLLOWING = (
    *("visible", "opacity", "blending", "contrast_limits", "colormap", "gamma", "interpolation2d", "rendering"),
    *("edge_color", "face_color", "edge_width", "length", "size", "selected_label", "contour", "shading"),
)
"""Properties whose changes are handed on, for the layers that have them."""
CROSSHAIR = "napari_sti_crosshair"


class LinkedView:
    """Shows the layers of one viewer in another, in a plane of its own.

    Parameters
    ----------
    main : napari.Viewer or ViewerModel
        Whose layers are shown.
    plane : {"axial", "coronal", "sagittal"}
        In which plane.

    Attributes
    ----------
    viewer : ViewerModel
        The further view.
    """

    def __init__(self, main: Any, plane: Plane) -> None:
        from napari.components import ViewerModel

        self.main, self.plane = _compat.unwrap(main), plane
        self.viewer = ViewerModel(title=plane)
        self.radiological = False
        self._copies: dict[Any, Any] = {}
        self._moving = False
        layers = self.main.layers.events
        self._connected = [
            (layers.inserted, self._inserted),
            (layers.removed, self._removed),
            (layers.reordered, self._reordered),
            (self.main.dims.events.point, self._point_from_main),
            (self.viewer.dims.events.point, self._point_to_main),
        ]
        for layer in self.main.layers:
            self._add(layer)
        for emitter, slot in self._connected:
            emitter.connect(slot)
        self.turn(plane)

    def turn(self, plane: Plane, *, radiological: bool = False) -> None:
        """Show another plane, in the convention of the main view."""
        self.plane, self.radiological = plane, radiological
        views.show_plane(self.viewer, plane, radiological=radiological)
        self._point_from_main()
        if len(self.viewer.layers):
            self.viewer.reset_view()

    def followed(self) -> list[Any]:
        """Copies of lines and ellipsoids, which have to be drawn for this view."""
        kinds = {copy: (layer_info(copy.metadata) or {}).get("kind") for copy in self._copies.values()}
        return [copy for copy, kind in kinds.items() if kind in FOLLOWED]

    def close(self) -> None:
        """Let go of the main viewer."""
        for emitter, slot in self._connected:
            emitter.disconnect(slot)
        self._connected = []
        for layer in list(self._copies):
            self._forget(layer)
        self.viewer.layers.clear()

    def _inserted(self, event: Any) -> None:
        self._add(event.value)
        self._reordered()

    def _add(self, layer: Any) -> None:
        from napari.layers import Layer

        data, state, kind = layer.as_layer_data_tuple()
        info = layer_info(layer.metadata)
        if info is not None:  # its own marks, the same maps
            state["metadata"] = {**layer.metadata, METADATA_KEY: {**info, "followed": False}}
        copy = Layer.create(data, state, kind)
        self._copies[layer] = copy
        self.viewer.add_layer(copy)
        for name in FOLLOWING:
            if hasattr(layer.events, name):
                getattr(layer.events, name).connect(self._hand_on)
        layer.events.data.connect(self._have_data)
        layer.events.metadata.connect(self._said)
        if hasattr(layer.events, "paint"):
            layer.events.paint.connect(self._painted)

    def _forget(self, layer: Any) -> Any:
        copy = self._copies.pop(layer, None)
        if copy is not None:
            for name in FOLLOWING:
                if hasattr(layer.events, name):
                    getattr(layer.events, name).disconnect(self._hand_on)
            layer.events.data.disconnect(self._have_data)
            layer.events.metadata.disconnect(self._said)
            if hasattr(layer.events, "paint"):
                layer.events.paint.disconnect(self._painted)
        return copy

    def _removed(self, event: Any) -> None:
        copy = self._forget(event.value)
        if copy is not None and copy in self.viewer.layers:
            self.viewer.layers.remove(copy)

    def _reordered(self, event: Any = None) -> None:
        wanted = [self._copies[layer] for layer in self.main.layers if layer in self._copies]
        for place, copy in enumerate(wanted):
            there = self.viewer.layers.index(copy)
            if there != place:
                self.viewer.layers.move(there, place)

    def _hand_on(self, event: Any) -> None:
        layer, name = event.source, event.type
        copy = self._copies.get(layer)
        if copy is None or not hasattr(copy, name):
            return
        if name in ("edge_color", "face_color") and layer_info(layer.metadata) is not None and _drawn(layer):
            return
        setattr(copy, name, getattr(layer, name))

    def _have_data(self, event: Any) -> None:
        copy = self._copies.get(event.source)
        if copy is not None and not _drawn(event.source):
            copy.data = event.source.data

    def _painted(self, event: Any) -> None:
        """Labels share their array: what is painted in one view only has to be shown in the other."""
        copy = self._copies.get(event.source)
        if copy is not None:
            copy.refresh(extent=False)

    def _said(self, event: Any) -> None:
        """What a layer says of itself has changed, and with it the colours in its array."""
        layer = event.source
        copy, info = self._copies.get(layer), layer_info(layer.metadata)
        if copy is None or info is None:
            return
        copy.metadata = {**layer.metadata, METADATA_KEY: {**info, "followed": _drawn(layer)}}
        if not _drawn(layer):
            copy.refresh(extent=False)

    def _point_from_main(self, event: Any = None) -> None:
        self._hand_point(self.main, self.viewer)

    def _point_to_main(self, event: Any = None) -> None:
        self._hand_point(self.viewer, self.main)

    def _hand_point(self, source: Any, target: Any) -> None:
        if self._moving or source.dims.ndim < 3 or target.dims.ndim != source.dims.ndim:
            return
        if np.allclose(source.dims.point, target.dims.point):
            return
        self._moving = True
        try:
            target.dims.point = source.dims.point
        finally:
            self._moving = False


def _drawn(layer: Any) -> bool:
    """Whether a layer is drawn anew for every slice."""
    return (layer_info(layer.metadata) or {}).get("kind") in FOLLOWED


def add_crosshair(viewer: Any, on: bool) -> None:
    """Show or hide the crosshair of a viewer."""
    overlay = _crosshair.add_crosshair(viewer, CROSSHAIR)
    if overlay is not None:
        overlay.visible = on


def move_on_click(viewer: Any, event: Any) -> Any:
    """Move the crosshair to where the mouse was clicked; with Shift it follows the mouse. A drag pans as ever.

    For ``viewer.mouse_drag_callbacks``; in slices only, and not while a layer is being painted on.
    """
    viewer = _compat.unwrap(viewer)
    active = viewer.layers.selection.active
    busy = active is not None and str(getattr(active, "mode", "pan_zoom")) != "pan_zoom"
    if viewer.dims.ndisplay != 2 or event.button != 1 or busy:
        return
    start, live = np.array(event.pos, float), "Shift" in event.modifiers
    if live:
        _go(viewer, event.position)
    yield
    far = False
    while event.type == "mouse_move":
        far = far or float(np.abs(np.array(event.pos, float) - start).max()) > 4
        if live:
            event.handled = True
            _go(viewer, event.position)
        yield
    if not far and not live:
        _go(viewer, event.position)


def _go(viewer: Any, position: Any) -> None:
    place = np.array(viewer.dims.point, float)
    given = np.asarray(position, float)
    for axis in viewer.dims.displayed:
        low, high = viewer.dims.range[axis].start, viewer.dims.range[axis].stop
        place[axis] = np.clip(given[axis], low, high)
    viewer.dims.point = tuple(place)
