"""The study of the window: edited, checked, read, saved; nothing here blocks the window."""

from dataclasses import replace
from pathlib import Path

from qtpy.QtCore import QObject, QTimer, Signal

from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import InputError
from napari_sti.io.load import load
from napari_sti.io.study import Study, read_study, write_study
from napari_sti.jobs.sentences import sentence_for
from napari_sti.widgets.background import Background
from napari_sti.widgets.session.dropped import Dropped, add_to, check_files, in_one, sort_out
from napari_sti.widgets.session.study_check import StudyCheck, check_study

_CALM = 150
"""Milliseconds after the last change before headers are read again."""


class StudySession(QObject):
    """Holds the study and what is known about it.

    Attributes
    ----------
    study : Study
        Frozen; changed by `set`.
    check : StudyCheck or None
        What the headers say; None while that is being found out.
    """

    changed = Signal()
    """There is another study, or the study was edited."""
    checked = Signal()
    """`check` is about the study of now."""
    loaded = Signal(object)
    """An `Acquisition` that was asked for by `load`."""
    failed = Signal(str)
    """One sentence."""
    busy_changed = Signal(str)
    """What is being read, or nothing."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.study = Study()
        self.check: StudyCheck | None = None
        self.saved = True
        self._show_when_opened = False
        self._opening: Path | None = None
        self._checker, self._opener, self._loader = Background(self), Background(self), Background(self)
        self._checker.done.connect(self._have_checked)
        self._checker.failed.connect(self._have_failed)
        self._opener.done.connect(self._have_opened)
        self._opener.failed.connect(self._have_failed)
        self._loader.done.connect(self._have_loaded)
        self._loader.failed.connect(self._have_failed)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_CALM)
        self._timer.timeout.connect(self._check_now)

    def close(self) -> None:
        """Drop what is still being read."""
        self._timer.stop()
        for background in (self._checker, self._opener, self._loader):
            background.close()

    @property
    def empty(self) -> bool:
        """Whether there is nothing yet."""
        s = self.study
        return not (s.orientations or s.mask or s.r2prime or s.qsm or s.magnitude or s.reference_tensor)

    @property
    def busy(self) -> bool:
        """Whether a study or its images are being read."""
        return self._opener.busy or self._loader.busy

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return self.check is not None and self.check.complete and not self.empty

    def set(self, study: Study, *, saved: bool = False) -> None:
        """Take another or an edited study."""
        if study == self.study:
            return
        self.study, self.saved = study, saved
        self.check = None
        self.changed.emit()
        self._timer.start()

    def open(self, path: str | Path, *, show: bool = True) -> None:
        """Read a study file in the background; `show` loads its images afterwards."""
        self._show_when_opened, self._opening = show, Path(path)
        self.busy_changed.emit(f"Reading {Path(path).name}")
        self._opener.start(_open, Path(path))

    def is_open(self, path: Path) -> bool:
        """Whether this study file is open, or being opened."""
        return path in (self.study.path, self._opening if self._opener.busy else None)

    def add(self, paths: list[Path]) -> None:
        """Take dropped or chosen files: a study is opened, everything else is added."""
        self.busy_changed.emit("Looking at the files")
        self._show_when_opened = True
        self._opener.start(_add, self.study, list(paths))

    def load(self) -> None:
        """Read the images of the study in the background; `loaded` brings them."""
        self.busy_changed.emit(f"Reading {self.study.name}")
        self._loader.start(load, self.study)

    def save(self, path: str | Path, *, overwrite: bool = True) -> bool:
        """Write the study file; a save dialog has asked about overwriting already."""
        try:
            write_study(self.study, Path(path), overwrite=overwrite)
        except (InputError, OSError) as error:
            self.failed.emit(sentence_for(error))
            return False
        self.study = replace(self.study, path=Path(path).absolute())
        self.saved = True
        self.changed.emit()
        return True

    def clear(self) -> None:
        """Start again with an empty study."""
        self.set(Study(), saved=True)

    def _check_now(self) -> None:
        self._checker.start(check_study, self.study)

    def _have_checked(self, check: StudyCheck) -> None:
        if check.study == self.study:
            self.check = check
            self.checked.emit()

    def _have_opened(self, answer: "Opened") -> None:
        study, saved, unknown, wrong = answer
        self.busy_changed.emit("")
        self.set(study, saved=saved)
        names = ", ".join(p.name for p in unknown[:3]) + (" and others" if len(unknown) > 3 else "")
        said = f"{names} cannot be used here; give NIfTI images, text files with B0 or a study file." if unknown else ""
        if wrong or said:
            self.failed.emit(f"{wrong} {said}".strip())
        if saved and self._show_when_opened:
            self.load()

    def _have_loaded(self, acquisition: Acquisition) -> None:
        self.busy_changed.emit("")
        self.loaded.emit(acquisition)

    def _have_failed(self, error: Exception) -> None:
        self.busy_changed.emit("")
        self.failed.emit(sentence_for(error))


Opened = tuple[Study, bool, tuple[Path, ...], str]
"""A study, whether it is as its file says, files that nobody can use, and what is wrong with others."""


def _open(path: Path) -> Opened:
    return read_study(path), True, (), ""


def _add(study: Study, paths: list[Path]) -> Opened:
    dropped: Dropped = sort_out(paths)
    if dropped.studies and not dropped.fields:
        return read_study(dropped.studies[0]), True, tuple(dropped.unknown), ""
    unknown = tuple(dropped.unknown + dropped.studies)
    if dropped == Dropped():
        raise InputError(
            "the folder holds neither NIfTI images nor text files with B0 directions",
            file=paths[0],
            mend="give the files themselves, or a study file",
        )
    sound, wrong = check_files(dropped)
    return add_to(study, sound), False, unknown, in_one(wrong) if wrong else ""
