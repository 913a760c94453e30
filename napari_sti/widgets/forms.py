"""Forms made from a ``Params`` dataclass: every registered method gets one without further work."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QSizePolicy,
    QSpinBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_sti.core.params import Parameter, describe, from_mapping
from napari_sti.widgets.file_box import PathBox
from napari_sti.widgets.fold import Fold
from napari_sti.widgets.look import MARGIN, Form
from napari_sti.widgets.number_boxes import ScientificBox, keep_wheel_for_scrolling

_LARGEST_INT = 2**31 - 1

MakeBox = Callable[[Parameter], QWidget]
_NO_OTHERS: Mapping[str, MakeBox] = MappingProxyType({})


class ParameterEditor(QWidget):
    """Editor of one parameter; an optional one has a check box in front that says whether it is stated.

    Parameters
    ----------
    parameter : Parameter
        Which one.
    make_box : callable, optional
        Makes a box for it that is not the usual one of its kind, with `value`, `setValue` and `valueChanged`.
    """

    valueChanged = Signal()

    def __init__(self, parameter: Parameter, make_box: MakeBox | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.parameter = parameter
        self.setToolTip(tooltip(parameter))
        self.box = (make_box or _BOXES[parameter.kind])(parameter)
        self.box.setObjectName(f"sti_param_{parameter.name}")
        self.box.setAccessibleName(parameter.label)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.stated: QCheckBox | None = None
        if parameter.optional:
            self.stated = QCheckBox(self)
            self.stated.setToolTip("Unchecked: chosen by the method.")
            self.stated.setObjectName(f"sti_param_{parameter.name}_stated")
            self.stated.toggled.connect(self._toggled)
            layout.addWidget(self.stated)
            self._shown = _Shown(self.box, unstated_words(parameter))
            layout.addWidget(self._shown, 1)
        else:
            layout.addWidget(self.box, 1)
        _changed_signal(self.box).connect(self._changed)

    def value(self) -> Any:
        """The value, or None where nothing is stated."""
        if self.stated is not None and not self.stated.isChecked():
            return None
        box = self.box
        if isinstance(box, QCheckBox):
            return bool(box.isChecked())
        if isinstance(box, QComboBox):
            return str(box.currentText())
        if isinstance(box, QLineEdit):
            return str(box.text())
        return self.parameter.kind(box.value())

    def setValue(self, value: Any) -> None:
        """Show another value."""
        if self.stated is not None:
            self.stated.setChecked(value is not None)
        if value is None:
            return
        box = self.box
        if isinstance(box, QCheckBox):
            box.setChecked(value)
        elif isinstance(box, QComboBox):
            box.setCurrentText(value)
        elif isinstance(box, QLineEdit):
            box.setText(value)
        else:
            box.setValue(value)

    def _toggled(self, stated: bool) -> None:
        self._shown.show_box(stated)
        self.valueChanged.emit()

    def _changed(self, *_: Any) -> None:
        self.valueChanged.emit()


class _Shown(QStackedWidget):
    """A box, or words in its place while nothing is stated: a number that does not count must not be read."""

    def __init__(self, box: QWidget, words: str) -> None:
        super().__init__()
        self._words = QLineEdit()
        self._words.setPlaceholderText(words)
        self._words.setReadOnly(True)  # not disabled: the words are to be read
        self._words.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._words.setAccessibleName(words)
        self.addWidget(box)
        self.addWidget(self._words)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.show_box(False)

    def show_box(self, stated: bool) -> None:
        """Show the box, or the words."""
        self.widget(0).setEnabled(stated)
        self.setCurrentIndex(0 if stated else 1)


class ParamsForm(QWidget):
    """Form of a ``Params`` dataclass: labels, units behind the numbers, help as tooltips, the rest under *More*.

    Parameters
    ----------
    params_type : type
        Frozen dataclass whose fields are declared with `napari_sti.core.params.param`.
    boxes : mapping of callables, optional
        What makes the box of a parameter where it is not the usual one of its kind, by the parameter's name.
    """

    valueChanged = Signal()

    def __init__(
        self, params_type: type, boxes: Mapping[str, MakeBox] = _NO_OTHERS, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._type, self._boxes = params_type, boxes
        self.editors: dict[str, ParameterEditor] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(MARGIN // 2)
        parameters = describe(params_type)
        layout.addLayout(self._rows([p for p in parameters if not p.advanced]))
        advanced = [p for p in parameters if p.advanced]
        self.more: Fold | None = None
        self._more_rows: Form | None = None
        if advanced:
            content = QWidget()
            self._more_rows = self._rows(advanced)
            content.setLayout(self._more_rows)
            self.more = Fold("More", content, self)
            self.more.button.setObjectName("sti_more")
            layout.addWidget(self.more)
        self.setValue(params_type())

    def value(self) -> Any:
        """The parameters as an instance of the dataclass.

        Raises
        ------
        InputError
            If a value is outside its range.
        """
        return from_mapping(self._type, {name: editor.value() for name, editor in self.editors.items()})

    def setValue(self, params: Any) -> None:
        """Show other parameters."""
        for name, editor in self.editors.items():
            with QSignalBlocker(editor):
                editor.setValue(getattr(params, name))
        self.valueChanged.emit()

    def add_more(self, label: str, field: QWidget, *, help: str = "") -> None:
        """Add a row of the panel's own below *More*, where there is one."""
        if self._more_rows is not None:
            self._more_rows.row(label, field, help=help)

    def _rows(self, parameters: list[Parameter]) -> Form:
        rows = Form()
        for parameter in parameters:
            editor = ParameterEditor(parameter, self._boxes.get(parameter.name), self)
            editor.valueChanged.connect(self.valueChanged)
            rows.row(parameter.label, editor, help=tooltip(parameter), buddy=editor.box)
            self.editors[parameter.name] = editor
        return rows


def unstated_words(parameter: Parameter) -> str:
    """What an optional parameter shows while it is unchecked."""
    return "automatic" if parameter.kind in (int, float) else "not stated"


def tooltip(parameter: Parameter) -> str:
    """The help of a parameter with its name, its range and its default."""
    unit = f" {parameter.unit}" if parameter.unit else ""
    lines = [parameter.help]
    ends = [
        f"{word} {end:g}{unit}"
        for word, end in (("at least", parameter.low), ("at most", parameter.high))
        if end is not None
    ]
    default = "not stated" if parameter.default is None else f"{parameter.default}{unit}"
    lines.append("; ".join([f"{parameter.name}: default {default}", *ends]) + ".")
    return "\n".join(lines)


def _float_box(p: Parameter) -> QWidget:
    box = ScientificBox()
    box.setRange(-1e300 if p.low is None else p.low, 1e300 if p.high is None else p.high)
    box.setSuffix(f" {p.unit}" if p.unit else "")
    return box


def _int_box(p: Parameter) -> QWidget:
    box = QSpinBox()
    low = -_LARGEST_INT if p.low is None else max(int(p.low), -_LARGEST_INT)
    high = _LARGEST_INT if p.high is None else min(int(p.high), _LARGEST_INT)
    box.setRange(low, high)
    box.setSuffix(f" {p.unit}" if p.unit else "")
    box.setKeyboardTracking(False)
    keep_wheel_for_scrolling(box)
    return box


def _bool_box(p: Parameter) -> QWidget:
    return QCheckBox()


def _text_box(p: Parameter) -> QWidget:
    if p.path:
        what = f"{p.label[:1].lower()}{p.label[1:]}"
        return PathBox(what, f"sti_choose_{p.name}", filter="" if p.path == "folder" else "All files (*)")
    if not p.choices:
        return QLineEdit()
    box = QComboBox()
    box.addItems(list(p.choices))
    keep_wheel_for_scrolling(box)
    return box


_BOXES = {float: _float_box, int: _int_box, bool: _bool_box, str: _text_box}


def _changed_signal(box: QWidget) -> Any:
    if isinstance(box, QCheckBox):
        return box.toggled
    if isinstance(box, QComboBox):
        return box.currentTextChanged
    if isinstance(box, QLineEdit):
        return box.textChanged
    return box.valueChanged
