"""Choice of a method of separation with its summary, its functional, its form, and the card of its weights."""

from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QSizePolicy, QVBoxLayout, QWidget

from napari_sti.core.params import describe, from_mapping
from napari_sti.core.separation import SeparationMethod
from napari_sti.recon.separation_registry import separation_methods
from napari_sti.widgets.forms import ParamsForm
from napari_sti.widgets.formula import Formula
from napari_sti.widgets.look import MARGIN, Form
from napari_sti.widgets.number_boxes import keep_wheel_for_scrolling
from napari_sti.widgets.panel import text_label
from napari_sti.widgets.session.weights import shipped
from napari_sti.widgets.weights_box import WeightsBox, WeightsCard

FIRST = "wavesep"


class SeparationEditor(QWidget):
    """Editor of a method and its parameters; those of a method are kept while another one is looked at."""

    valueChanged = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._methods = separation_methods()
        self._forms: dict[str, ParamsForm] = {}
        self.combo = QComboBox()
        self.combo.setObjectName("sti_separate_method")
        self.combo.setAccessibleName("Method")
        self.combo.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        keep_wheel_for_scrolling(self.combo)
        for row, method in enumerate(self._methods.values()):
            self.combo.addItem(method.title, method.id)
            self.combo.setItemData(row, f"{method.summary}\n{method.reference}", Qt.ItemDataRole.ToolTipRole)
        self.combo.setCurrentIndex(max(self.combo.findData(FIRST), 0))
        self.summary = text_label()
        self.summary.setObjectName("sti_separate_summary")
        self.formula = Formula()
        self.card = WeightsCard()
        self._place = QVBoxLayout()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(MARGIN)
        form = Form()
        form.row("Method", self.combo)
        layout.addLayout(form)
        for part in (self.summary, self.formula):
            layout.addWidget(part)
        layout.addLayout(self._place)
        layout.addWidget(self.card)
        self.valueChanged.connect(self._show_card)
        self.combo.currentIndexChanged.connect(self._show_method)
        self._show_method()

    @property
    def method(self) -> SeparationMethod:
        """The chosen method."""
        return self._methods[str(self.combo.currentData())]

    def value(self) -> tuple[str, Any]:
        """Id of the method, and an instance of its ``Params``."""
        return self.method.id, self._forms[self.method.id].value()

    def set_mapping(self, method: str, values: dict[str, Any]) -> None:
        """Show a method with parameters given as plain values.

        Raises
        ------
        InputError
            If the method has no such parameter, or a value does not fit.
        """
        if method in self._methods:
            params: Any = from_mapping(self._methods[method].Params, values)
            self.combo.setCurrentIndex(self.combo.findData(method))
            self._forms[method].setValue(params)

    def weights(self) -> str:
        """Name or file of the weights that are chosen; empty for methods without any."""
        editor = self._forms[self.method.id].editors.get("weights")
        return "" if editor is None else str(editor.value() or "")

    @property
    def needs_weights(self) -> bool:
        """Whether the method cannot do without trained weights."""
        return "weights" in self._forms[self.method.id].editors

    def _show_card(self) -> None:
        weights = self.weights()
        self.card.setVisible(bool(weights))
        if weights:
            self.card.set_weights(weights)

    def _show_method(self, *_: int) -> None:
        method = self.method
        if method.id not in self._forms:
            boxes = {}
            if any(parameter.name == "weights" for parameter in describe(method.Params)):
                known = shipped(method.id)
                boxes["weights"] = lambda _: WeightsBox(known)
            form = ParamsForm(method.Params, boxes)
            form.valueChanged.connect(self.valueChanged)
            self._forms[method.id] = form
            self._place.addWidget(form)
        for id_, form in self._forms.items():
            form.setVisible(id_ == method.id)
        self.summary.setText(method.summary)
        self.combo.setToolTip(f"{method.summary}\n{method.reference}")
        self.formula.setValue(method.formula)
        self.formula.setToolTip(f"What is minimised.\n{method.reference}")
        self.valueChanged.emit()
