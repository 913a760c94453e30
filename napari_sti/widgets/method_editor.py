"""Choice of a method with its summary, its functional and the form of its parameters."""

from dataclasses import dataclass
from typing import Any

from qtpy.QtWidgets import QWidget

from napari_sti.core.method import Method
from napari_sti.core.params import to_mapping
from napari_sti.recon.registry import methods
from napari_sti.widgets.method_combo import MethodCombo
from napari_sti.widgets.method_forms import MethodForms
from napari_sti.widgets.panel import text_label
from napari_sti.widgets.session.tissue import mask_words
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


class MethodEditor(MethodForms):
    """Editor of a `Choice`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        known = methods()
        super().__init__(known, MethodCombo(known.values()), parent)
        self.summary.setObjectName("sti_method_summary")
        self.needs = text_label()
        self.needs.setObjectName("sti_method_needs")
        self.rows.insertWidget(0, self.combo)
        self.rows.insertWidget(3, self.needs)
        self._show_method()

    @property
    def methods(self) -> tuple[Method, ...]:
        """All methods."""
        return tuple(self._methods.values())

    @property
    def method(self) -> Method:
        """The chosen method."""
        method: Method = self.chosen
        return method

    def value(self) -> Choice:
        """The method and its parameters."""
        return Choice(self.method.id, self.form.value())

    def setValue(self, choice: Choice) -> None:
        """Show another method and other parameters."""
        self.show_params(choice.method, choice.params)

    def _takes_weights(self, method: Method) -> bool:
        return method.needs.weights

    def _show_method(self, *_: int) -> None:
        self.needs.setText(needs_text(self.method))
        super()._show_method()


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
