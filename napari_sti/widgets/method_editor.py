"""Choice of a method with its summary, its functional and the form of its parameters."""

from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_sti.core.method import Method
from napari_sti.core.params import from_mapping, to_mapping
from napari_sti.recon.registry import methods
from napari_sti.widgets.forms import MakeBox, ParamsForm
from napari_sti.widgets.formula import Formula
from napari_sti.widgets.look import MARGIN
from napari_sti.widgets.method_combo import MethodCombo
from napari_sti.widgets.panel import text_label
from napari_sti.widgets.session.tissue import mask_words
from napari_sti.widgets.session.weights import shipped
from napari_sti.widgets.weights_box import WeightsBox, WeightsCard
from napari_sti.widgets.words import count


@dataclass(frozen=True)
class Choice:
    """A method with its parameters.

    Parameters
    ----------
    method : str
        Id of the method.
    params : object
        Instance of the method's ``Params``.
    """

    method: str
    params: Any

    def mapping(self) -> dict[str, Any]:
        """Return the parameters as plain values."""
        return to_mapping(self.params)


class MethodEditor(QWidget):
    """Editor of a `Choice`; the parameters of a method are kept while another one is looked at."""

    valueChanged = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._methods: dict[str, Method] = methods()
        self._forms: dict[str, ParamsForm] = {}
        self.combo = MethodCombo(self._methods.values())
        self.summary = text_label()
        self.summary.setObjectName("sti_method_summary")
        self.needs = text_label()
        self.needs.setObjectName("sti_method_needs")
        self.formula = Formula()
        self.card = WeightsCard()
        self._place = QVBoxLayout()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(MARGIN)
        for part in (self.combo, self.summary, self.formula, self.needs):
            layout.addWidget(part)
        layout.addLayout(self._place)
        layout.addWidget(self.card)
        self.valueChanged.connect(self._show_card)
        self.combo.currentIndexChanged.connect(self._show_method)
        self._show_method()

    @property
    def methods(self) -> tuple[Method, ...]:
        """All methods."""
        return tuple(self._methods.values())

    @property
    def method(self) -> Method:
        """The chosen method."""
        return self._methods[str(self.combo.currentData())]

    @property
    def form(self) -> ParamsForm:
        """The form of the chosen method."""
        return self._forms[self.method.id]

    def value(self) -> Choice:
        """The method and its parameters."""
        return Choice(self.method.id, self.form.value())

    def setValue(self, choice: Choice) -> None:
        """Show another method and other parameters."""
        self.combo.setCurrentIndex(self.combo.findData(choice.method))
        self.form.setValue(choice.params)

    def set_mapping(self, method: str, values: dict[str, Any]) -> None:
        """Show a method with parameters given as plain values.

        Raises
        ------
        InputError
            If the method has no such parameter, or a value does not fit.
        """
        if method in self._methods:
            self.setValue(Choice(method, from_mapping(self._methods[method].Params, values)))

    def weights(self) -> str:
        """Name or file of the weights that are chosen; empty for methods without any."""
        editor = self.form.editors.get("weights") if self.method.needs.weights else None
        return "" if editor is None else str(editor.value() or "")

    def _show_card(self) -> None:
        weights = self.weights()
        self.card.setVisible(bool(weights))
        if weights:
            self.card.set_weights(weights)

    def _show_method(self, *_: int) -> None:
        method = self.method
        if method.id not in self._forms:
            form = ParamsForm(method.Params, _boxes(method))
            form.valueChanged.connect(self.valueChanged)
            self._forms[method.id] = form
            self._place.addWidget(form)
        for id_, form in self._forms.items():
            form.setVisible(id_ == method.id)
        self.summary.setText(method.summary)
        self.combo.setToolTip(f"{method.summary}\n{method.reference}")
        self.needs.setText(needs_text(method))
        self.formula.setValue(method.formula)
        self.formula.setToolTip(f"What is minimised.\n{method.reference}")
        self.valueChanged.emit()


def _boxes(method: Method) -> dict[str, MakeBox]:
    """What makes the boxes of those parameters of a method that are not edited as their kind is."""
    known = shipped(method.id)
    return {"weights": lambda _: WeightsBox(known)} if method.needs.weights else {}


def needs_text(method: Method) -> str:
    """Say in one line what a method cannot do without."""
    needs = method.needs
    parts = [count(needs.orientations, "orientation")]
    parts += [f"the {mask_words(name)} mask" for name in needs.masks]
    parts += ["trained weights"] if needs.weights else []
    text = f"Needs {' and '.join([', '.join(parts[:-1]), parts[-1]]) if len(parts) > 1 else parts[0]}."
    if needs.determined_from > needs.orientations:
        text = f"{text[:-1]}; {needs.determined_from} determine the result."
    return text
