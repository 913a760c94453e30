"""How the layers of a window are looked at: plane, convention, legend, window of the anisotropy."""

from dataclasses import dataclass, replace
from typing import Any, Literal

from qtpy.QtCore import QObject, QTimer, Signal

from napari_sti.viz import _compat, views
from napari_sti.viz.canvas import annotate
from napari_sti.viz.display import layer_info
from napari_sti.viz.iterates import result_maps
from napari_sti.viz.layers import set_window
from napari_sti.widgets.session.layers import MAP_KINDS, LayerSession

MapKind = Literal["pev_colour", "msa", "mms", "field", "none"]
SPREAD_OF = {"pev_colour": "pev_spread", "msa": "msa_spread", "mms": "mms_spread"}
"""The kind of layer that tells how far a map can be trusted."""

_THROTTLE = 80
"""Milliseconds between two repaints while the slider is dragged."""


@dataclass(frozen=True)
class View:
    """What is shown and how.

    Parameters
    ----------
    run : str
        Name of the run, empty if there is none.
    map : {"pev_colour", "msa", "mms", "field", "none"}
        Which map of it, or the field maps.
    lines : bool
        Whether the principal eigenvector is drawn as lines.
    floor, ceiling : float
        MSA in ppm from which on colours rise out of black, and at which they are full.
    legend : bool
        Letters, colour key, colour bar and scale bar.
    radiological : bool
        The person's right on the left of the screen.
    plane : {"axial", "coronal", "sagittal"}
        Which slices.
    solid : bool
        In three dimensions.
    unit : {"ppm", "ppb"}
        For susceptibilities and fields, in the whole window.
    spread : bool
        Whether what can be trusted of the map lies over it, where the run has that.
    """

    run: str = ""
    map: MapKind = "pev_colour"
    lines: bool = False
    floor: float = 0.0
    ceiling: float = 0.03
    legend: bool = True
    radiological: bool = False
    plane: views.Plane = "axial"
    solid: bool = False
    unit: Literal["ppm", "ppb"] = "ppm"
    spread: bool = False


class ViewSession(QObject):
    """Keeps the viewer as the `View` says; hiding or showing layers by hand is taken over.

    Parameters
    ----------
    layers : LayerSession
        Finds the layers.
    """

    changed = Signal()

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
        if view.run != before.run:
            wait = not view.run or self.layers.coming(view.run)
            if not wait and view.map not in ("field", "none", *self.layers.kinds(view.run)):
                self._view = replace(view, map=self._map_of(view.run))
            self._take_window()
            view = self._view
        if (view.run, view.map, view.lines, view.spread) != (before.run, before.map, before.lines, before.spread):
            self._apply_maps()
        if (view.floor, view.ceiling) != (before.floor, before.ceiling) and not self._timer.isActive():
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

    def limits(self) -> tuple[float, float]:
        """Range of the MSA of the run in ppm: from 0 to a robust maximum."""
        maps = self._maps()
        return (0.0, 0.05) if maps is None else (0.0, max(float(maps.window()[1]) * 1.6, 1e-3))

    def auto_window(self) -> None:
        """Floor and ceiling that suit the data."""
        maps = self._maps()
        if maps is not None:
            floor, ceiling = maps.window()
            self.change(floor=float(floor), ceiling=float(ceiling))

    def window_acts(self) -> bool:
        """Whether floor and ceiling change anything of what is shown."""
        lines = self._view.lines and self.layers.find(self._view.run, "pev_lines") is not None
        return self._maps() is not None and (lines or self._view.map in ("pev_colour", "msa"))

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

    def _apply_maps(self) -> None:
        view = self._view
        for name in self.layers.run_names():
            for kind in MAP_KINDS:
                layer = self.layers.find(name, kind)
                over = (kind == "pev_lines" and view.lines) or (view.spread and kind == SPREAD_OF.get(view.map))
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
        if view.spread and (over_it := self.layers.find(view.run, SPREAD_OF.get(view.map, ""))) is not None:
            front = over_it
        if front is not None:  # its controls and its values under the cursor are those that are looked at
            self.viewer.layers.selection.active = front

    def _apply_window(self) -> None:
        for layer in self.layers.of_run(self._view.run):
            set_window(layer, self._view.floor, self._view.ceiling)

    def _apply_legend(self) -> None:
        if self._annotations is None:
            return
        on = self._view.legend
        self._annotations.configure(unit=self._view.unit, letters=on, caption=on, key=on, bar=on)
        _compat.scale_bar(self.viewer).visible = on

    def _take_window(self) -> None:
        """Take over floor and ceiling with which the layers of the run are painted."""
        layer = self.layers.find(self._view.run, "pev_colour")
        info = {} if layer is None else layer_info(layer.metadata) or {}
        if "floor" in info and "ceiling" in info:
            self._view = replace(self._view, floor=float(info["floor"]), ceiling=float(info["ceiling"]))

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
        layers = self.layers.of_study(name)
        fields = [layer for layer in layers if (layer_info(layer.metadata) or {}).get("orientation") == 0]
        front = next(reversed(fields or [layer for layer in layers if layer.visible]), None)
        if front is None:
            return
        self._hide_all()
        front.visible = True
        if fields:
            self._field = front
            self._view = replace(self._view, map="field", lines=False)
        else:
            self._view = replace(self._view, map="none", lines=False)
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
