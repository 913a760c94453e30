"""Controls with a name for tests and scripts, and a sentence that says what they do."""

from qtpy.QtWidgets import QComboBox, QPushButton, QSizePolicy

from napari_sti.widgets.number_boxes import keep_wheel_for_scrolling


def named_button(text: str, name: str, help: str) -> QPushButton:
    """Make a button."""
    button = QPushButton(text)
    button.setObjectName(name)
    button.setToolTip(help)
    return button


def named_combo(name: str, help: str) -> QComboBox:
    """Make a list to choose from: its entries never widen the dock, and scrolling the panel does not change it."""
    combo = QComboBox()
    combo.setObjectName(name)
    combo.setToolTip(help)
    combo.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    keep_wheel_for_scrolling(combo)
    return combo
