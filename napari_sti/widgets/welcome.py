"""The first start: three ways in."""

from typing import Any

from qtpy.QtCore import QRectF, QSize, Qt, Signal
from qtpy.QtGui import QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_sti.widgets.look import MARGIN, MainButton, colour
from napari_sti.widgets.panel import text_label


class DropArea(QWidget):
    """A dashed frame that says what can be dropped; the panel around it takes the drop."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sti_drop_area")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._hot = False

    def set_hot(self, hot: bool) -> None:
        """Show that what is held above would be taken."""
        self._hot = hot
        self.update()

    def sizeHint(self) -> QSize:
        """High enough to be aimed at."""
        return QSize(320, 170)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Paint the dashed frame and the words."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(colour(self, "accent" if self._hot else "muted"), 1.5, Qt.PenStyle.DashLine))
        painter.setBrush(colour(self, "wash") if self._hot else Qt.BrushStyle.NoBrush)
        box = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        painter.drawRoundedRect(box, 6, 6)
        painter.setPen(colour(self, "text"))
        font = painter.font()
        font.setBold(True)
        painter.setFont(font)
        half = box.height() / 2
        painter.drawText(
            box.adjusted(0, 0, 0, -half),
            Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignBottom,
            "Drop files here",
        )
        font.setBold(False)
        painter.setFont(font)
        painter.setPen(colour(self, "muted"))
        painter.drawText(
            box.adjusted(16, half + 4, -16, 0),
            Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap,
            "field maps (NIfTI), a mask, B0 directions (text), or a study file",
        )
        painter.end()


class Welcome(QWidget):
    """Open the sample, open a study, or drop files."""

    open_study = Signal()
    open_sample = Signal(bool)
    """True for the oblique one."""
    add_files = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sti_welcome")
        intro = text_label(
            "Field maps of several head orientations go in; mean susceptibility, anisotropy and the direction of "
            "the fibres come out."
        )
        dots = "\N{HORIZONTAL ELLIPSIS}"
        sample = _named(MainButton("Open the sample brain"), "sti_open_sample", self._sample)
        sample.setToolTip("A simulated brain with seven head orientations, made in a few seconds.")
        oblique = _named(QPushButton("Open it stored oblique"), "sti_open_sample_oblique", self._oblique)
        oblique.setToolTip("The same simulated brain, stored with an oblique affine.")
        study = _named(QPushButton(f"Open a study{dots}"), "sti_welcome_open", self.open_study)
        study.setToolTip("A study file (YAML or JSON), also those of the published DeepSTI and WaveSep programs.")
        files = _named(QPushButton(f"Add field maps{dots}"), "sti_welcome_add", self.add_files)
        files.setToolTip("Choose NIfTI files, one for each head orientation.")
        self.drop = DropArea()
        row = QHBoxLayout()
        row.addWidget(study)
        row.addWidget(files)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(MARGIN)
        layout.addWidget(intro)
        layout.addSpacing(MARGIN)
        layout.addWidget(sample)
        layout.addWidget(oblique)
        layout.addSpacing(MARGIN)
        layout.addLayout(row)
        layout.addWidget(self.drop)
        layout.addStretch(1)

    def _sample(self) -> None:
        self.open_sample.emit(False)

    def _oblique(self) -> None:
        self.open_sample.emit(True)


def _named(button: QPushButton, name: str, slot: Any) -> QPushButton:
    button.setObjectName(name)
    button.clicked.connect(slot)
    return button
