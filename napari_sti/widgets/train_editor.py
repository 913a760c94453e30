"""What is to be trained, with which parameters, where, and for how long."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox, QSizePolicy, QSpinBox, QVBoxLayout, QWidget

from napari_sti.core.errors import InputError
from napari_sti.core.params import from_mapping, to_mapping
from napari_sti.learn.registry import tasks
from napari_sti.learn.task import Task
from napari_sti.widgets.device_box import DeviceBox
from napari_sti.widgets.file_box import FileBox
from napari_sti.widgets.fold import Fold
from napari_sti.widgets.forms import ParamsForm
from napari_sti.widgets.look import MARGIN, Form
from napari_sti.widgets.number_boxes import keep_wheel_for_scrolling
from napari_sti.widgets.panel import text_label

_LEAVES = (
    "Leaves in this folder the weights with their card, the state to resume from, the losses (metrics.csv), pictures, "
    "and events for TensorBoard."
)


@dataclass(frozen=True)
class TrainChoice:
    """A training as it is asked for.

    Parameters
    ----------
    task : str
        Id of what is trained.
    params : object
        Instance of its ``Params``.
    folder : path or None
        Where; None for a new folder.
    minutes : int or None
        After how many it stops; None for when all steps are done.
    device : str
        Where it is computed.
    """

    task: str
    params: Any
    folder: Path | None = None
    minutes: int | None = None
    device: str = "auto"

    def mapping(self) -> dict[str, Any]:
        """Return the parameters as plain values."""
        return to_mapping(self.params)


class TrainEditor(QWidget):
    """Editor of a `TrainChoice`; the parameters of a task are kept while another one is looked at."""

    valueChanged = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tasks: dict[str, Task] = tasks()
        self._forms: dict[str, ParamsForm] = {}
        self.combo = QComboBox()
        self.combo.setObjectName("sti_train_task")
        self.combo.setAccessibleName("What to train")
        self.combo.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        keep_wheel_for_scrolling(self.combo)
        for task in self._tasks.values():
            self.combo.addItem(task.title, task.id)
        self.summary = text_label()
        self.summary.setObjectName("sti_train_summary")
        place = QWidget()
        self._place = QVBoxLayout(place)
        self._place.setContentsMargins(0, 0, 0, 0)
        self.parameters = Fold("Parameters", place)
        self.parameters.button.setObjectName("sti_train_parameters")
        self.parameters.set_open(True)
        self.folder = FileBox("folder of the training", "sti_train_folder", filter="")
        self.minutes = QSpinBox()
        self.minutes.setObjectName("sti_train_minutes")
        self.minutes.setAccessibleName("Stop after")
        self.minutes.setRange(0, 100_000)
        self.minutes.setSuffix(" min")
        self.minutes.setSpecialValueText("all steps")
        self.minutes.setToolTip("Stop after so many minutes, in a state from which it can be resumed; 0: at the end.")
        keep_wheel_for_scrolling(self.minutes)
        self.device = DeviceBox()
        self.device.combo.setObjectName("sti_train_device")
        self.device.set_estimate(None)
        self._lay_out()
        for signal in (self.folder.valueChanged, self.device.valueChanged, self.minutes.valueChanged):
            signal.connect(self._changed)
        self.combo.currentIndexChanged.connect(self._show_task)
        self._show_task()

    @property
    def task(self) -> Task | None:
        """The chosen task; None where nothing can be trained."""
        return self._tasks.get(str(self.combo.currentData()))

    @property
    def form(self) -> ParamsForm:
        """The form of the chosen task."""
        return self._forms[str(self.combo.currentData())]

    def value(self) -> TrainChoice:
        """What is asked for.

        Raises
        ------
        InputError
            If a parameter is outside its range.
        """
        task = self.task
        if task is None:
            raise InputError("there is nothing to train", mend="install a package with training tasks")
        minutes = self.minutes.value() or None
        return TrainChoice(task.id, self.form.value(), self.folder.value(), minutes, self.device.value())

    def setValue(self, choice: TrainChoice) -> None:
        """Ask for something else."""
        self.combo.setCurrentIndex(self.combo.findData(choice.task))
        self.form.setValue(choice.params)
        self.folder.setValue(choice.folder)
        self.minutes.setValue(choice.minutes or 0)
        self.device.setValue(choice.device)

    def take_over(self, task: str, params: dict[str, Any]) -> None:
        """Show what the training of a folder was begun with.

        Raises
        ------
        InputError
            If this version does not know the task or a parameter.
        """
        if task not in self._tasks:
            raise InputError(f"the folder holds a training of {task}, which is not known here", mend="choose another")
        begun: Any = from_mapping(self._tasks[task].Params, params)
        with QSignalBlocker(self):
            self.combo.setCurrentIndex(self.combo.findData(task))
            self.form.setValue(begun)
        self.valueChanged.emit()

    def set_new(self, folder: Path) -> None:
        """Say which folder is made while none is chosen."""
        self.folder.set_without(f"{folder.name} (new)")
        self.folder.setToolTip(str(folder))

    def fix(self, fixed: bool) -> None:
        """Leave open only what may change in a training that is taken up."""
        task = self.task
        if task is None:
            return
        for name, editor in self.form.editors.items():
            editor.setEnabled(not fixed or name in task.changeable)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(MARGIN)
        layout.addWidget(self.combo)
        layout.addWidget(self.summary)
        layout.addWidget(self.parameters)
        form = Form()
        form.row(
            "Folder",
            self.folder,
            help="Where the training lies; one that holds a training is resumed.",
            buddy=self.folder.button,
        )
        form.row("Stop after", self.minutes, help=self.minutes.toolTip())
        layout.addLayout(form)
        layout.addWidget(self.device)
        self.leaves = text_label(_LEAVES, muted=True)
        self.leaves.setObjectName("sti_train_leaves")
        layout.addWidget(self.leaves)

    def _show_task(self, *_: int) -> None:
        task = self.task
        if task is None:
            return
        if task.id not in self._forms:
            form = ParamsForm(task.Params)
            form.valueChanged.connect(self._changed)
            self._forms[task.id] = form
            self._place.addWidget(form)
        for id_, form in self._forms.items():
            form.setVisible(id_ == task.id)
        self.summary.setText(task.summary)
        self.combo.setToolTip("\n".join(filter(None, (task.summary, task.reference))))
        self.valueChanged.emit()

    def _changed(self, *_: Any) -> None:
        self.valueChanged.emit()
