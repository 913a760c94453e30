"""What was measured in regions: box plot, table and histogram of one map, and files of all of them."""

from pathlib import Path

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QApplication, QFileDialog, QGridLayout, QVBoxLayout, QWidget

from napari_sti.maps.regions import Measured, Regions
from napari_sti.widgets.controls import named_button, named_combo
from napari_sti.widgets.look import MARGIN, Form
from napari_sti.widgets.note import Note
from napari_sti.widgets.panel import text_label
from napari_sti.widgets.region_boxes import RegionBoxes, colour_key
from napari_sti.widgets.region_histogram import RegionHistogram
from napari_sti.widgets.region_table import RegionTable
from napari_sti.widgets.session.regions import RegionSession
from napari_sti.widgets.session.view import ViewSession

_FIGURES = "PNG (*.png);;PDF (*.pdf);;SVG (*.svg);;TIFF (*.tif)"


class RegionResults(QWidget):
    """Shows one of the maps that were measured, in the unit of the view, and writes all of them.

    Parameters
    ----------
    regions : RegionSession
        Writes the files.
    view : ViewSession
        Says in which unit susceptibilities are shown.
    """

    def __init__(self, regions: RegionSession, view: ViewSession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.regions, self._view = regions, view
        self.map = named_combo("sti_regions_map", "Which map the picture and the table show; files hold all of them.")
        self.boxes = RegionBoxes()
        self.about = text_label(muted=True)
        self.about.setObjectName("sti_regions_about")
        self.about.setTextFormat(Qt.TextFormat.RichText)  # the key of the colours; names in it are escaped
        self.table = RegionTable()
        self.histogram = RegionHistogram()
        self.copy = named_button("Copy table", "sti_regions_copy", "Copy the table, for a spreadsheet.")
        self.csv = named_button("Save CSV\N{HORIZONTAL ELLIPSIS}", "sti_regions_csv", "All maps, regions and results.")
        self.bins = named_button("Save histograms\N{HORIZONTAL ELLIPSIS}", "sti_regions_bins", "All histograms as CSV.")
        self.figure = named_button("Save figure\N{HORIZONTAL ELLIPSIS}", "sti_regions_figure", "Box plots of all maps.")
        self.said = Note("good")
        self.said.setObjectName("sti_regions_said")
        self._lay_out()
        regions.saved.connect(self._saved)
        view.changed.connect(self._show_map)
        self.map.activated.connect(self._show_map)
        self.table.chosen.connect(self._region)
        self.boxes.chosen.connect(self._region)
        self.copy.clicked.connect(self._copy)
        self.csv.clicked.connect(self._save_table)
        self.bins.clicked.connect(self._save_histograms)
        self.figure.clicked.connect(self._save_figure)

    def setValue(self, found: Regions) -> None:
        """Show what was measured; the map stays where it can."""
        simulated = " Simulated data." if found.simulated else ""
        how = f"Box 25 to 75 %, line median, dot mean, whiskers 5 to 95 %.{simulated}"
        self.about.setText(colour_key(found.results) + how)
        chosen = self.map.currentData()
        with QSignalBlocker(self.map):
            self.map.clear()
            for one in found.maps:
                self.map.addItem(one.title, one.key)
            self.map.setCurrentIndex(max(self.map.findData(chosen), 0))
        self.show()
        self._show_map()
        self._region(next(iter(found.regions)))

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        shown = Form()
        shown.row("Map", self.map)
        layout.addLayout(shown)
        for part in (self.boxes, self.about, self.table, self.histogram):
            layout.addWidget(part)
        files = QGridLayout()
        files.setSpacing(MARGIN // 2)
        for place, button in enumerate((self.csv, self.figure, self.bins, self.copy)):
            files.addWidget(button, place // 2, place % 2)
        layout.addLayout(files)
        layout.addWidget(self.said)

    def _measure_of(self, key: str) -> tuple[Measured, float, str]:
        """The map, and with which factor and unit it is written."""
        assert self.regions.found is not None
        one = next(one for one in self.regions.found.maps if one.key == key)
        in_ppb = one.unit == "ppm" and self._view.value().unit == "ppb"
        return one, 1000.0 if in_ppb else 1.0, "ppb" if in_ppb else one.unit

    def _show_map(self, *_: object) -> None:
        found = self.regions.found
        if found is None or self.map.currentData() is None:
            return
        one, factor, unit = self._measure_of(str(self.map.currentData()))
        self.boxes.setValue(found, one.key, factor=factor, unit=unit)
        self.table.show_map(found, one.key, factor=factor)
        self._region(self._chosen_region())

    def _chosen_region(self) -> str:
        found = self.regions.found
        assert found is not None
        return self.histogram.region() if self.histogram.region() in found.regions else next(iter(found.regions))

    def _region(self, region: str) -> None:
        found = self.regions.found
        if found is None or region not in found.regions:
            return
        one, factor, _ = self._measure_of(str(self.map.currentData()))
        self.histogram.setValue(found, region, one.key, factor=factor)
        self.table.select_region(region)

    def _copy(self) -> None:
        QApplication.clipboard().setText(self.table.text())
        self.said.set("good", "The table is on the clipboard.")

    def _save_table(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save the numbers", "regions.csv", "CSV (*.csv)")
        if name:
            self.regions.save_table(Path(name))

    def _save_histograms(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save the histograms", "histograms.csv", "CSV (*.csv)")
        if name:
            self.regions.save_histograms(Path(name))

    def _save_figure(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save the box plots", "regions.png", _FIGURES)
        if name:
            self.regions.save_figure(Path(name))

    def _saved(self, text: str) -> None:
        self.said.set("good", text)
