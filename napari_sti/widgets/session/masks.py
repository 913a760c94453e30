"""The tissue masks of the window's study: chosen, estimated, drawn, shown; the study's files are the one truth."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_sti.io.study import Study
from napari_sti.jobs.sentences import sentence_for
from napari_sti.maps.tissue import Contrast
from napari_sti.maps.tissue_files import TITLES, MaskReport, Source
from napari_sti.viz.display import layer_info
from napari_sti.viz.masks import INSIDE, mask_of, run_of_study
from napari_sti.widgets.background import Background
from napari_sti.widgets.session import mask_work
from napari_sti.widgets.session.layers import LayerSession
from napari_sti.widgets.session.mask_work import LayerData, Made
from napari_sti.widgets.session.studies import StudySession

NAMES = tuple(TITLES)
_BRUSH_MM = 6.0


class MaskSession(QObject):
    """Keeps white matter and CSF masks of the study, their files and their layers together.

    A mask is what the study's file says. What is painted on its layer is not the mask until it is taken, which
    writes a new file; earlier files stay, so that earlier runs can be made again.

    Attributes
    ----------
    report : MaskReport or None
        Facts about the masks of now; None while they are being found out.
    drawing : set of str
        Masks whose layer was painted on, or is about to be, since their file was written.
    """

    changed = Signal()
    failed = Signal(str)
    made = Signal(object)
    """`Made`: masks that are the study's from now on."""
    busy_changed = Signal(str)
    """What is being done, or nothing."""
    drawing_begun = Signal()

    def __init__(self, studies: StudySession, layers: LayerSession, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.studies, self.layers, self.viewer = studies, layers, layers.viewer
        self.report: MaskReport | None = MaskReport({})
        self.drawing: set[str] = set()
        self._looked: tuple[Any, ...] = mask_work.looked_at(studies.study)
        self._wanted: set[str] = set()
        self._then: Callable[[Any], None] = self._have_made
        self._worker, self._reader, self._looker = Background(self), Background(self), Background(self)
        self._worker.done.connect(self._have_worked)
        self._worker.failed.connect(self._have_failed)
        self._reader.done.connect(self._have_read)
        self._reader.failed.connect(self._have_failed)
        self._looker.done.connect(self._have_looked)
        studies.changed.connect(self._study_changed)
        studies.checked.connect(self._look)
        self.viewer.layers.events.inserted.connect(self._inserted)
        self.viewer.layers.events.removed.connect(self._removed)

    def close(self) -> None:
        """Leave the viewer alone and drop what is still being done."""
        for background in (self._worker, self._reader, self._looker):
            background.close()
        self.viewer.layers.events.inserted.disconnect(self._inserted)
        self.viewer.layers.events.removed.disconnect(self._removed)
        for layer in self.viewer.layers:
            if mask_of(layer) in NAMES:
                layer.events.paint.disconnect(self._painted)
                layer.events.visible.disconnect(self._seen)

    @property
    def busy(self) -> bool:
        """Whether something is being done that ends with other masks."""
        return self._worker.busy

    def path(self, name: str) -> Path | None:
        """File of a mask of the study."""
        found: Path | None = getattr(self.studies.study, name)
        return found

    def layer(self, name: str) -> Any | None:
        """The topmost layer of a mask of this study."""
        study = self.studies.study
        run = run_of_study(study.name, study.simulated)
        ours = (layer for layer in reversed(self.viewer.layers) if mask_of(layer) == name)
        return next((layer for layer in ours if _info(layer).get("run") == run), None)

    def is_shown(self, name: str) -> bool:
        """Whether a mask is seen."""
        layer = self.layer(name)
        return layer is not None and bool(layer.visible)

    def show(self, names: Iterable[str]) -> None:
        """Bring masks of the study to sight above the images, read in the background where they have no layer yet."""
        for name in names:
            path, layer = self.path(name), self.layer(name)
            if layer is not None and (name in self.drawing or _info(layer).get("file") == str(path)):
                self._bring(layer)
            elif path is not None:
                self._wanted.add(name)
        if self._wanted:
            self._reader.start(mask_work.read_layers, self.studies.study, tuple(sorted(self._wanted)))

    def hide(self, names: Iterable[str]) -> None:
        """Hide masks; their layers stay."""
        for name in names:
            self._wanted.discard(name)
            layer = self.layer(name)
            if layer is not None:
                layer.visible = False

    def choose(self, name: str, path: Path) -> None:
        """Take a file as a mask, if it lies on the grid of the study."""
        self._work(f"Reading {path.name}", mask_work.chosen, self.studies.study, name, path)

    def estimate(self, source: Source, contrast: Contrast, names: Iterable[str] = NAMES) -> None:
        """Estimate masks from an image, write them and show them."""
        wanted = tuple(names)
        unfinished = [TITLES[name] for name in wanted if name in self.drawing]
        if unfinished:
            self.failed.emit(f"The drawn {' and '.join(unfinished)} would be lost; take the drawing or drop it first.")
            return
        self._work("Estimating", mask_work.estimated, self.studies.study, source, contrast, wanted)

    def draw(self, name: str) -> None:
        """Give the person a layer of the mask with the brush in hand; begins with the mask that is there."""
        layer = self.layer(name)
        if layer is not None and name in self.drawing:
            self._hand_over(layer)
        else:
            self._work("Making a layer", mask_work.read_layers, self.studies.study, (name,), then=self._can_draw)

    def take(self, name: str) -> None:
        """Write what was drawn and make it the mask of the study."""
        layer = self.layer(name)
        if layer is None:
            return
        data, attributes, _ = layer.as_layer_data_tuple()
        # A copy: the person may go on painting while it is written.
        self._work("Writing", mask_work.drawn, self.studies.study, name, data.copy(), attributes, then=self._have_drawn)

    def drop(self, name: str) -> None:
        """Forget what was drawn and not taken, or else take the mask out of the study."""
        layer, unfinished = self.layer(name), name in self.drawing
        self.drawing.discard(name)
        if layer is not None:
            self.viewer.layers.remove(layer)
        if unfinished:
            self.show((name,))
        else:
            self.set({name: None})
        self.changed.emit()

    def set(self, paths: dict[str, Path | None]) -> None:
        """Make files the masks of the study."""
        self.studies.set(replace(self.studies.study, **paths))  # type: ignore[arg-type]

    def _work(self, what: str, function: Callable[..., Any], *args: Any, then: Any = None) -> None:
        if self.busy:
            return
        self._then = then or self._have_made
        self._worker.start(function, *args)
        self.busy_changed.emit(what)

    def _have_worked(self, answer: Any) -> None:
        self.busy_changed.emit("")
        self._then(answer)

    def _have_made(self, made: Made) -> None:
        if not self._is_for_now(made.study):
            return
        self.drawing -= set(made.paths)
        self.set(dict(made.paths))
        self._have_read(made.layers)
        self.made.emit(made)

    def _have_drawn(self, made: Made) -> None:
        if not self._is_for_now(made.study):
            return
        for name, path in made.paths.items():
            layer = self.layer(name)
            if layer is not None:
                _info(layer)["file"] = str(path)
                layer.mode = "pan_zoom"
            self.drawing.discard(name)
        self.set(dict(made.paths))
        self.made.emit(made)

    def _is_for_now(self, study: Study) -> bool:
        now = self.studies.study
        same = mask_work.looked_at(study)[:2] == mask_work.looked_at(now)[:2]
        if not same:
            self.failed.emit("The study has changed meanwhile, so that its new mask was not taken over.")
        return same

    def _can_draw(self, layers: tuple[LayerData, ...]) -> None:
        self._have_read(layers)
        name = layers[0][1]["metadata"]["napari_sti"]["mask"]
        layer = self.layer(name)
        if layer is not None:
            self.drawing.add(name)
            self._hand_over(layer)
            self.changed.emit()

    def _hand_over(self, layer: Any) -> None:
        """The brush in the person's hand."""
        self.drawing_begun.emit()
        self._bring(layer)
        self.viewer.layers.selection.active = layer
        layer.selected_label = INSIDE
        layer.n_edit_dimensions = 2
        layer.brush_size = max(1, round(_BRUSH_MM / float(min(layer.scale[-3:]))))
        layer.mode = "paint"

    def _have_read(self, layers: tuple[LayerData, ...]) -> None:
        from napari.layers import Layer

        for data in layers:
            name = data[1]["metadata"]["napari_sti"]["mask"]
            self._wanted.discard(name)
            old = self.layer(name)
            if name in self.drawing or mask_work.file_of(data) != str(self.path(name) or ""):
                continue  # overtaken
            selection = self.viewer.layers.selection
            active = selection.active
            if old is not None:
                self.viewer.layers.remove(old)
            layer = self.layers.add_ours(Layer.create(*data))
            if active is not None:  # napari selects what is new, and takes the brush out of a drawing person's hand
                selection.active = layer if active is old else active
            self._bring(layer)

    def _bring(self, layer: Any) -> None:
        layers = self.viewer.layers
        if layers[-1] is not layer:
            layers.move(layers.index(layer), len(layers))
        layer.visible = True
        self.changed.emit()

    def _have_failed(self, error: Exception) -> None:
        self._wanted.clear()
        self.busy_changed.emit("")
        self.failed.emit(sentence_for(error))

    def _study_changed(self) -> None:
        now = mask_work.looked_at(self.studies.study)
        if now == self._looked:
            return
        shown = {name for name in NAMES if self.is_shown(name) and name not in self.drawing}
        if now[:2] != self._looked[:2]:
            self.drawing.clear()
        self._looked, self.report = now, None
        for name in shown:
            (self.hide if self.path(name) is None else self.show)((name,))
        self.changed.emit()

    def _look(self) -> None:
        if self.report is None:
            self._looker.start(mask_work.look, self.studies.study)

    def _have_looked(self, answer: tuple[tuple[Any, ...], MaskReport]) -> None:
        about, report = answer
        if about == self._looked:  # else another look is due already
            self.report = report
            self.changed.emit()

    def _inserted(self, event: Any) -> None:
        layer = event.value
        if mask_of(layer) in NAMES:
            layer.events.paint.connect(self._painted)
            layer.events.visible.connect(self._seen)
            self.changed.emit()

    def _removed(self, event: Any) -> None:
        name = mask_of(event.value)
        if name in NAMES:
            if self.layer(name) is None:
                self.drawing.discard(name)
            self.changed.emit()

    def _painted(self, event: Any) -> None:
        name = mask_of(event.source)
        if event.source is self.layer(name) and name not in self.drawing:
            self.drawing.add(name)
            self.changed.emit()

    def _seen(self, event: Any) -> None:
        self.changed.emit()


def _info(layer: Any) -> dict[str, Any]:
    return layer_info(layer.metadata) or {}
