"""How the layers of a window are looked at: plane, convention, legend, window of the anisotropy."""

from dataclasses import replace
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_sti.viz import _compat, views
from napari_sti.viz.canvas import annotate
from napari_sti.viz.display import layer_info
from napari_sti.viz.follow import FOLLOWED, Drawn
from napari_sti.viz.front import front_of
from napari_sti.viz.iterates import result_maps
from napari_sti.viz.layers import set_style
from napari_sti.viz.style import PLAIN, style_of
from napari_sti.widgets.session.drawing import Drawing, ellipsoids
from napari_sti.widgets.session.layers import MAP_KINDS, LayerSession
from napari_sti.widgets.session.on_top import OnTop, front_of_study, is_map, seen_view
from napari_sti.widgets.session.view_state import SPREAD_OF
from napari_sti.widgets.session.view_state import MapKind as MapKind
from napari_sti.widgets.session.view_state import View as View
from napari_sti.widgets.session.view_style import StyleSource

_THROTTLE = 80
"""Milliseconds between two repaints while the slider is dragged."""


class ViewSession(QObject):
    """Keeps the viewer as the `View` says; hiding or showing layers by hand is taken over.

    Parameters
    ----------
    layers : LayerSession
        Finds the layers.
    """

    changed = Signal()
    wanted_back = Signal()
    """The map of the view is wanted on the screen: what covers all of it should go."""
    closing = Signal()
    """The window is about to close."""

    def __init__(self, layers: LayerSession, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.layers, self.viewer = layers, layers.viewer
        self._view = View()
        self._annotations: Any = None
        self._field: Any = None  # shown when the field maps are chosen
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_THROTTLE)
        self._timer.timeout.connect(self._apply_window)
        self.drawing = Drawing(self.viewer, self)
        self.styles = StyleSource(self.viewer, self)
        self.styles.ready.connect(self._map_ready)
        self.on_top = OnTop(self.viewer, self)
        self._told: tuple[Any, ...] = ()
        self.on_top.changed.connect(self._follow_screen)
        layers.first.connect(self.prepare)
        layers.begun.connect(self.apply_plane)
        layers.added.connect(self._have_added)
        layers.runs_changed.connect(self._runs_changed)

    def value(self) -> View:
        """What is shown now."""
        return self._view

    def set(self, view: View) -> None:
        """Show something else."""
        before, self._view = self._view, view
        if view.modulate != before.modulate or (view.run != before.run and view.modulate):
            self._view = view = replace(view, **self._suited(view))
        if view.run != before.run:
            wait = not view.run or self.layers.coming(view.run)
            if not wait and view.map not in ("field", "none", *self.layers.kinds(view.run)):
                self._view = replace(view, map=self._map_of(view.run))
            self._take_window()
            view = self._view
        if view.over != before.over:
            self._apply_maps(uncover=(view.run, view.map, view.spread) != (before.run, before.map, before.spread))
        otherwise = view.run != before.run and self._painted_otherwise()
        if (otherwise or view.painting != before.painting) and not self._timer.isActive():
            self._timer.start()
        if (view.legend, view.unit) != (before.legend, before.unit):
            self._apply_legend()
        if (view.plane, view.radiological, view.solid) != (before.plane, before.radiological, before.solid):
            self.apply_plane()
        if view != before:
            self.changed.emit()

    def change(self, **values: Any) -> None:
        """Change some of it."""
        self.set(replace(self._view, **values))

    def prepare(self) -> None:
        """Make the viewer ready for the first of our layers: writing on the canvas, status line."""
        self._annotations = annotate(self.viewer)
        self._apply_legend()

    def close(self) -> None:
        """Stop what is still due."""
        self._timer.stop()
        self.closing.emit()
        self.on_top.close()
        self.styles.close()
        self.drawing.close()

    def limits(self) -> tuple[float, float]:
        """Range of the floor and the ceiling: of the MSA in ppm from 0 to a robust maximum, or of another map."""
        return self.styles.limits(self._view, self._maps())

    def auto_window(self) -> None:
        """Floor and ceiling that suit the data."""
        self.change(**self._suited(self._view))

    def clip_limits(self) -> tuple[float, float]:
        """Range of the map that clips."""
        maps = self._maps()
        return (0.0, 1.0) if maps is None else self.styles.range_of(self._view.clip, maps)

    def can_draw(self, kind: str) -> bool:
        """Whether the run can be drawn as lines or ellipsoids (``pev_lines``, ``pev_glyphs``)."""
        maps = self._maps()
        if kind == "pev_glyphs":
            return maps is not None and maps.chi is not None
        return kind in self.layers.kinds(self._view.run)

    def covered(self) -> str:
        """What stands on the screen in place of the map of the view, in one sentence; empty while that is seen."""
        front = front_of(self.viewer)
        foreign_cells = front.cells and "cell" not in front.info
        there = bool(self._view.run or self.layers.fields())
        return "" if front.layer is None or is_map(front) or foreign_cells or not there else front.words

    def bring_back(self) -> None:
        """Show the map of the view again, and what covers it no more."""
        self.wanted_back.emit()
        if self._view.map == "none":
            self._view = replace(self._view, map=self._map_of(self._view.run))
        self._apply_maps(uncover=True)
        self.changed.emit()

    def _follow_screen(self) -> None:
        """Take over what was shown or hidden by hand or by another panel, and say what else is on top."""
        front = self.on_top.front
        before, coming = self._view, self.layers.coming
        if not front.cells and not coming(front.run) and not coming(before.run):
            self._view = seen_view(before, front, self.layers)
            self._field = front.layer if front.kind == "field" else self._field
        if self._view.run != before.run:
            self._take_window()
            self._follow_slices()
            if self._painted_otherwise():
                self._timer.start()
        told = (self._view, self.covered())
        if told != self._told:
            self._told = told
            self.changed.emit()

    def _suited(self, view: View) -> dict[str, Any]:
        """Floor and ceiling that suit the map that modulates."""
        return self.styles.suited(view, result_maps(self.layers.of_run(view.run)))

    def _map_ready(self) -> None:
        """A map that was on another grid is there: its own window, then its colours."""
        if self._view.modulate:
            self._view = replace(self._view, **self._suited(self._view))
        self._apply_window()
        self.changed.emit()

    def window_acts(self) -> bool:
        """Whether floor and ceiling change anything of what is shown."""
        lines = self._view.lines and self.layers.find(self._view.run, "pev_lines") is not None
        drawn = lines or self._view.ellipsoids
        return self._maps() is not None and (drawn or self._view.map in ("pev_colour", "msa"))

    def spread_kind(self) -> str:
        """Kind of the layer with the spread of the map that is shown; empty if the run has none."""
        kind = SPREAD_OF.get(self._view.map, "")
        return kind if kind in self.layers.kinds(self._view.run) else ""

    def _maps(self) -> Any:
        """Maps of the result that the layers of the run are painted from; None for a map that was opened alone."""
        return result_maps(self.layers.of_run(self._view.run))

    def apply_plane(self) -> None:
        """Turn the viewer to the plane of the view."""
        view = self._view
        self.viewer.dims.ndisplay = 3 if view.solid else 2
        views.show_plane(self.viewer, view.plane, radiological=view.radiological)
        self.viewer.reset_view()

    def _apply_maps(self, *, uncover: bool = False) -> None:
        view = self._view
        if view.ellipsoids:
            self._add_ellipsoids()
        self._follow_slices()
        for name in self.layers.run_names():
            for kind in MAP_KINDS:
                layer = self.layers.find(name, kind)
                over = (kind == "pev_lines" and view.lines) or (kind == "pev_glyphs" and view.ellipsoids)
                over = over or (view.spread and kind == SPREAD_OF.get(view.map))
                wanted = name == view.run and (kind == view.map or over)
                if layer is not None and layer.visible != wanted:
                    layer.visible = wanted
        fields = self.layers.fields()
        kept = self._field if self._field in fields else next(iter(fields), None)
        shown = self._field = next((layer for layer in fields if layer.visible), kept)
        for layer in fields:
            wanted = view.map == "field" and layer is shown
            if layer.visible != wanted:
                layer.visible = wanted
        front = shown if view.map == "field" else self.layers.find(view.run, view.map)
        if view.spread:
            front = self.layers.find(view.run, SPREAD_OF.get(view.map, "")) or front
        if front is not None:  # its controls and its values under the cursor are those that are looked at
            self.viewer.layers.selection.active = front
            if uncover:
                self.layers.uncover(front)

    def _follow_slices(self) -> None:
        """Have the lines and ellipsoids of the run, and no others, drawn anew with every slice."""
        self.drawing.follow(filter(None, (self.layers.find(self._view.run, kind) for kind in FOLLOWED)))

    def _add_ellipsoids(self) -> None:
        """Add the layer of ellipsoids of the run, which is made when it is first asked for."""
        maps, run = self._maps(), self._view.run
        if maps is None or maps.chi is None or self.layers.find(run, "pev_glyphs") is not None:
            return
        view, like = self._view, layer_info(self.layers.of_run(run)[-1].metadata) or {}
        what = Drawn(maps, self.styles.style(view, maps), view.floor, view.ceiling)
        self.layers.add_ours(ellipsoids(what, run, like))

    def _apply_window(self) -> None:
        view, maps = self._view, self._maps()
        if maps is None:
            return
        style = self.styles.style(view, maps)
        for layer in self.layers.of_run(view.run):
            set_style(layer, style, view.floor, view.ceiling)

    def _apply_legend(self) -> None:
        if self._annotations is None:
            return
        on = self._view.legend
        self._annotations.configure(unit=self._view.unit, letters=on, caption=on, key=on, bar=on)
        _compat.scale_bar(self.viewer).visible = on

    def _painted_otherwise(self) -> bool:
        """Whether the colours of the run were painted in another style than that of the view."""
        return self._view.style != View().style or style_of(self._colour_info()) is not PLAIN

    def _colour_info(self) -> dict[str, Any]:
        layer = self.layers.find(self._view.run, "pev_colour")
        return {} if layer is None else layer_info(layer.metadata) or {}

    def _take_window(self) -> None:
        """Take over floor and ceiling with which the layers of the run are painted, unless they are of another map."""
        if not self._view.modulate:
            self._view = replace(self._view, **self.styles.painted(self._view, self._colour_info(), self._maps()))

    def _have_added(self, name: str) -> None:
        if name in self.layers.run_names():
            self._hide_all()
            self._view = replace(self._view, run="")  # so that the newcomer's own window is taken
            shown = self._map_of(name)
            # Who has asked what can be trusted wants to see it.
            spread = self._view.spread or SPREAD_OF.get(shown) in self.layers.kinds(name)
            self.set(replace(self._view, run=name, map=shown, spread=spread))
            self._apply_maps()
        else:
            self._show_study(name)
        self.changed.emit()

    def _map_of(self, name: str) -> MapKind:
        """The map that is looked at if the run has it, else the first that it has."""
        kinds = self.layers.kinds(name)
        wanted: tuple[MapKind, ...] = (self._view.map, "pev_colour", "msa", "mms")
        return next((kind for kind in wanted if kind in kinds), "none")

    def _show_study(self, name: str) -> None:
        """Show the first field map of a study that has come, or what else it brought, and nothing beside it."""
        front = front_of_study(self.layers.of_study(name))
        if front is None:
            return
        self._hide_all()
        front.visible = True
        fields = front in self.layers.fields()
        self._field = front if fields else self._field
        self._view = replace(self._view, map="field" if fields else "none", lines=False)
        self.viewer.layers.selection.active = front

    def _hide_all(self) -> None:
        """Hide our layers; they stay in the list."""
        for layer in self.layers.ours():
            if layer.visible:
                layer.visible = False

    def _runs_changed(self) -> None:
        names = self.layers.run_names()
        if self._view.run and self._view.run not in names:
            self.change(run=names[0] if names else "")
        self.changed.emit()
