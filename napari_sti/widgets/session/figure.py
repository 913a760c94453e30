"""The figure of a window: panels taken from what is looked at, drawn in a thread, kept as files."""

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_sti.core.errors import InputError
from napari_sti.evaluate.figure_spec import MAPS, FigureSpec, PanelSpec, check_figure, read_figure, write_figure
from napari_sti.jobs.sentences import sentence_for
from napari_sti.viz.tracts import tract_layers, tracts_of
from napari_sti.viz.views import NORMAL
from napari_sti.widgets.background import Background
from napari_sti.widgets.session.compare import CompareSession
from napari_sti.widgets.session.layers import LayerSession
from napari_sti.widgets.session.tract_sources import result_folder
from napari_sti.widgets.session.view import ViewSession

PREVIEW_DPI = 80


class FigureSession(QObject):
    """Knows what is looked at as a panel of a figure, and draws figures.

    Parameters
    ----------
    layers, view, compare
        Sessions of the window.
    """

    previewed = Signal(object)
    """PNG of the figure, as bytes."""
    busy_changed = Signal(str)
    saved = Signal(str)
    read = Signal(object)
    """A `FigureSpec` from a file."""
    failed = Signal(str)

    def __init__(
        self, layers: LayerSession, view: ViewSession, compare: CompareSession, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._layers, self._view, self._compare = layers, view, compare
        self._drawer, self._writer = Background(self), Background(self)
        self._drawer.done.connect(self._have_drawn)
        self._writer.done.connect(self._have_written)
        for background in (self._drawer, self._writer):
            background.failed.connect(self._have_failed)

    def close(self) -> None:
        """Drop what is being drawn."""
        self._drawer.close()
        self._writer.close()

    @property
    def convention(self) -> str:
        """On which side the window shows the person's right."""
        return "radiological" if self._view.value().radiological else "neurological"

    def sources(self) -> dict[str, Path]:
        """Folders of the results that a panel can show, by name."""
        return {name: one.folder for name, one in self._compare.candidates.items()}

    def here(self) -> PanelSpec:
        """What is looked at now, as a panel.

        Raises
        ------
        InputError
            If it is in three dimensions, or no map of a finished result.
        """
        view = self._view.value()
        if view.solid:
            raise InputError("a view in 3-D is added as a picture", mend="use 'Add picture'")
        covered = self._view.covered()
        if covered:
            what = covered[0].lower() + covered[1:] if covered.startswith("Cells") else covered
            raise InputError(
                f"{what.rstrip('.')}, which is no map that a figure is drawn from",
                mend="use 'Add picture', or bring the map back in View",
            )
        kind: str = view.map
        if view.spread and kind == "pev_colour" and self._view.spread_kind():
            kind = "pev_spread"
        if kind not in ("pev_colour", "msa", "mms", "pev_spread"):
            raise InputError("no map of a result is shown", mend="show the direction colours, MSA or MMS of a run")
        folder = result_folder(view.run, self._compare.candidates, self._layers)
        if folder is None:
            raise InputError(f"{view.run or 'what is shown'} has no result folder", mend="open the folder of a result")
        viewer = self._layers.viewer
        at = float(viewer.dims.point[viewer.dims.ndim - 3 + NORMAL[view.plane]])
        title = f"{view.run}, {MAPS[kind]}"
        return PanelSpec(str(folder), kind, view.plane, round(at, 3), tracts=self._tracts(), title=title)

    def _tracts(self) -> str:
        """File of the topmost visible set of streamlines that is saved; empty if there is none."""
        for layer in tract_layers(self._layers.viewer):
            tracts = tracts_of(layer)
            if layer.visible and tracts is not None and tracts.provenance.get("file"):
                return str(tracts.provenance["file"])
        return ""

    def unsaved_tracts(self) -> bool:
        """Whether streamlines are visible that no file holds, so that a figure cannot show them."""
        found = [tracts_of(layer) for layer in tract_layers(self._layers.viewer) if layer.visible]
        return bool(found) and not self._tracts()

    def take_picture(self, path: Path) -> PanelSpec:
        """Write what the canvas shows, letters and key included, and return it as a panel."""
        viewer: Any = self._layers.viewer
        viewer.window.screenshot(str(path), canvas_only=True, flash=False, scale=2)
        return PanelSpec(str(path.absolute()), "picture", title=self._view.value().run)

    def preview(self, spec: FigureSpec) -> None:
        """Draw a figure coarsely."""
        self.busy_changed.emit("drawing")
        self._drawer.start(_picture, replace(spec, dpi=PREVIEW_DPI))

    def save(self, spec: FigureSpec, path: Path) -> None:
        """Draw and write a figure, or with .json the figure file; a dialog has asked about overwriting already."""
        self.busy_changed.emit("writing")
        self._writer.start(_write, spec, path)

    def open(self, path: Path) -> None:
        """Read a figure file."""
        try:
            self.read.emit(read_figure(path))
        except InputError as error:
            self.failed.emit(str(error))

    def _have_drawn(self, png: bytes) -> None:
        self.busy_changed.emit("")
        self.previewed.emit(png)

    def _have_written(self, path: Path) -> None:
        self.busy_changed.emit("")
        self.saved.emit(f"Written: {path}")

    def _have_failed(self, error: Exception) -> None:
        self.busy_changed.emit("")
        self.failed.emit(sentence_for(error))


def _picture(spec: FigureSpec) -> bytes:
    from napari_sti.evaluate.figure_panels import draw_figure

    stream = BytesIO()
    draw_figure(spec).savefig(stream, format="png", dpi=spec.dpi)
    return stream.getvalue()


def _write(spec: FigureSpec, path: Path) -> Path:
    check_figure(spec)
    if path.suffix.lower() == ".json":
        return write_figure(spec, path, overwrite=True)
    from napari_sti.evaluate.figure_panels import save_panels

    return save_panels(spec, path, overwrite=True)
