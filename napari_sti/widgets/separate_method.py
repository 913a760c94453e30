"""Choice of a method of separation with its summary, its functional, its form, and the card of its weights."""

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QWidget

from napari_sti.core.separation import SeparationMethod
from napari_sti.recon.separation_registry import separation_methods
from napari_sti.widgets.controls import named_combo
from napari_sti.widgets.look import Form
from napari_sti.widgets.method_forms import MethodForms

FIRST = "wavesep"


class SeparationEditor(MethodForms):
    """Editor of a method of separation and its parameters."""

    def __init__(self, parent: QWidget | None = None) -> None:
        methods, combo = separation_methods(), named_combo("sti_separate_method", "")
        combo.setAccessibleName("Method")
        for row, method in enumerate(methods.values()):
            combo.addItem(method.title, method.id)
            combo.setItemData(row, f"{method.summary}\n{method.reference}", Qt.ItemDataRole.ToolTipRole)
        combo.setCurrentIndex(max(combo.findData(FIRST), 0))
        super().__init__(methods, combo, parent)
        self.summary.setObjectName("sti_separate_summary")
        form = Form()
        form.row("Method", combo)
        self.rows.insertLayout(0, form)
        self._show_method()

    @property
    def method(self) -> SeparationMethod:
        """The chosen method."""
        method: SeparationMethod = self.chosen
        return method

    def value(self) -> tuple[str, Any]:
        """Id of the method, and an instance of its ``Params``."""
        return self.method.id, self.form.value()
