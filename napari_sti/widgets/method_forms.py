"""Choice of a method with what belongs to each: summary, functional, form of its parameters, card of its weights."""

from collections.abc import Mapping
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QVBoxLayout, QWidget

from napari_sti.core.params import describe, from_mapping
from napari_sti.widgets.forms import ParamsForm
from napari_sti.widgets.formula import Formula
from napari_sti.widgets.look import MARGIN
from napari_sti.widgets.panel import text_label
from napari_sti.widgets.session.weights import shipped
from napari_sti.widgets.weights_box import WeightsBox, WeightsCard


class MethodForms(QWidget):
    """Editor of one of several methods and its parameters; those of a method are kept while another is looked at.

    Parameters
    ----------
    methods : mapping
        By their ids; each with a title, summary, reference, formula and ``Params``.
    combo : QComboBox
        Offers them; its current data is an id. A subclass puts it into the layout, above the rest.
    """

    valueChanged = Signal()

    def __init__(self, methods: Mapping[str, Any], combo: QComboBox, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._methods = dict(methods)
        self._forms: dict[str, ParamsForm] = {}
        self.combo = combo
        self.summary = text_label()
        self.formula = Formula()
        self.card = WeightsCard()
        self._place = QVBoxLayout()
        self.rows = QVBoxLayout(self)
        self.rows.setContentsMargins(0, 0, 0, 0)
        self.rows.setSpacing(MARGIN)
        for part in (self.summary, self.formula):
            self.rows.addWidget(part)
        self.rows.addLayout(self._place)
        self.rows.addWidget(self.card)
        self.valueChanged.connect(self._show_card)
        self.combo.currentIndexChanged.connect(self._show_method)

    @property
    def chosen(self) -> Any:
        """The chosen method."""
        return self._methods[str(self.combo.currentData())]

    @property
    def form(self) -> ParamsForm:
        """The form of the chosen method."""
        return self._forms[self.chosen.id]

    def show_params(self, method: str, params: Any) -> None:
        """Show another method and other parameters."""
        self.combo.setCurrentIndex(self.combo.findData(method))
        self.form.setValue(params)

    def set_mapping(self, method: str, values: Mapping[str, Any]) -> None:
        """Show a method with parameters given as plain values; nothing happens if there is no such method.

        Raises
        ------
        InputError
            If the method has no such parameter, or a value does not fit.
        """
        if method in self._methods:
            params: Any = from_mapping(self._methods[method].Params, values)
            self.show_params(method, params)

    def weights(self) -> str:
        """Name or file of the weights that are chosen; empty for methods without any."""
        editor = self.form.editors.get("weights") if self.needs_weights else None
        return "" if editor is None else str(editor.value() or "")

    @property
    def needs_weights(self) -> bool:
        """Whether the chosen method cannot do without trained weights."""
        return self._takes_weights(self.chosen)

    def _takes_weights(self, method: Any) -> bool:
        return any(parameter.name == "weights" for parameter in describe(method.Params))

    def _show_card(self) -> None:
        weights = self.weights()
        self.card.setVisible(bool(weights))
        if weights:
            self.card.set_weights(weights)

    def _show_method(self, *_: int) -> None:
        method = self.chosen
        if method.id not in self._forms:
            known = shipped(method.id)
            boxes = {"weights": lambda _: WeightsBox(known)} if self._takes_weights(method) else {}
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
